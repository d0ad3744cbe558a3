package cli

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/tabular"
	"github.com/urfave/cli/v2"
)

// shownRows is how many rows of a table a terminal is shown without --all.
const shownRows = 40

func rowFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "rows", Usage: "with --json: list the rows, too"},
		&cli.BoolFlag{Name: "stat", Usage: "show counts only"},
		&cli.BoolFlag{Name: "all", Usage: fmt.Sprintf("show all rows, not the first %d of each table", shownRows)},
	}
}

func (a *app) diffCommand() *cli.Command {
	return &cli.Command{
		Name: "diff", Category: groupLook, ArgsUsage: "[REV [REV]] [-- PATH ...]",
		Usage: "show what changed, row by row and cell by cell",
		Description: "Without REV: the folder against what is checked out; with one: the folder against it; with\n" +
			"two: the second against the first.\n" +
			"JSON: {\"tables\":[{\"path\",\"status\",\"added\",\"deleted\",\"modified\",\"cells_changed\",\"moved\",\"key\",\n" +
			"\"schema_changes\":[{\"change\",\"field\",\"from\",\"to\"}],\"rows\"}],\"files\":[{\"path\",\"status\"}]}",
		Flags:  append(rowFlags(), &cli.BoolFlag{Name: "exit-code", Usage: "exit with 1 if anything differs"}),
		Action: a.action(runDiff),
	}
}

func runDiff(c *command) error {
	revs, paths, err := c.revsAndPaths()
	if err != nil {
		return err
	}
	return c.open(func(r *repo.Repo) error {
		paths, err := c.paths(r, paths)
		if err != nil {
			return err
		}
		var from, to string
		if len(revs) > 0 {
			from = revs[0]
		}
		if len(revs) > 1 {
			to = revs[1]
		}
		d, err := r.Diff(c.ctx(), from, to, paths)
		if err != nil {
			return err
		}
		if c.asJSON() {
			dj, err := c.diffJSON(d)
			if err == nil {
				err = c.printJSON(dj)
			}
			if err != nil {
				return err
			}
		} else if err := c.printDiff(d); err != nil {
			return err
		}
		if c.Bool("exit-code") && !d.Empty() {
			return errFound
		}
		return nil
	})
}

// revsAndPaths parts the arguments at "--".
func (c *command) revsAndPaths() (revs, paths []string, err error) {
	revs = c.Args().Slice()
	for i, arg := range revs {
		if arg == "--" {
			revs, paths = revs[:i], revs[i+1:]
			break
		}
	}
	if len(revs) > 2 {
		return nil, nil, usage("constl help diff", "expected at most two versions, found %d; name files behind --", len(revs))
	}
	return revs, paths, nil
}

type diffJSON struct {
	Tables []tableDiffJSON   `json:"tables"`
	Files  []repo.FileChange `json:"files"`
}

type tableDiffJSON struct {
	Path          string              `json:"path"`
	Status        string              `json:"status"`
	Added         int64               `json:"added"`
	Deleted       int64               `json:"deleted"`
	Modified      int64               `json:"modified"`
	CellsChanged  int64               `json:"cells_changed"`
	Moved         int64               `json:"moved"`
	Key           []string            `json:"key"`
	SchemaChanges []repo.SchemaChange `json:"schema_changes"`
	Note          string              `json:"note,omitempty"`
	Rows          []rowJSON           `json:"rows,omitempty"`
}

type rowJSON struct {
	Change string     `json:"change"`
	Key    []string   `json:"key,omitempty"`
	RowOld int64      `json:"row_old,omitempty"`
	RowNew int64      `json:"row_new,omitempty"`
	Values []string   `json:"values,omitempty"`
	Cells  []cellJSON `json:"cells,omitempty"`
}

type cellJSON struct {
	Column string `json:"column"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

func (c *command) diffJSON(d *repo.Diff) (*diffJSON, error) {
	out := &diffJSON{Tables: []tableDiffJSON{}, Files: notNil(d.Files)}
	for _, t := range d.Tables {
		n := t.Counts
		tj := tableDiffJSON{
			Path: t.Path, Status: t.Status, Added: n.Added, Deleted: n.Deleted, Modified: n.Modified, CellsChanged: n.Cells,
			Moved: n.Moved, Key: notNil(t.Key), SchemaChanges: notNil(t.Schema), Note: t.Note,
		}
		if c.Bool("rows") {
			tj.Rows = []rowJSON{}
			for row, err := range t.Rows(c.ctx()) {
				if err != nil {
					return nil, err
				}
				rj := rowJSON{Change: string(row.Kind), Key: row.Key, RowOld: row.RowA, RowNew: row.RowB, Values: row.Row}
				for _, cell := range row.Cells {
					rj.Cells = append(rj.Cells, cellJSON(cell))
				}
				tj.Rows = append(tj.Rows, rj)
			}
		}
		out.Tables = append(out.Tables, tj)
	}
	return out, nil
}

func (c *command) printDiff(d *repo.Diff) error {
	if d.Empty() {
		c.note("Nothing differs\n")
	}
	for _, t := range d.Tables {
		c.print("%s  %s\n", c.style(bold, t.Path), summary(t))
		for _, s := range t.Schema {
			c.print("  %s\n", c.style(yellow, schemaText(s)))
		}
		if t.Note != "" {
			c.note("  note: %s\n", t.Note)
		}
		if c.Bool("stat") {
			continue
		}
		if err := c.printRows(t); err != nil {
			return err
		}
	}
	for _, f := range d.Files {
		c.print("%s  %s\n", c.style(bold, f.Path), c.style(statusColour(f.Status), f.Status))
	}
	return nil
}

func summary(t *repo.TableDiff) string {
	n := t.Counts
	if t.Status == "added" {
		return "new table, " + plural(n.Added, "row")
	}
	if t.Status == "deleted" {
		return "table removed, " + plural(n.Deleted, "row")
	}
	var parts []string
	for _, p := range []struct {
		n    int64
		text string
	}{{n.Added, plural(n.Added, "row") + " added"}, {n.Deleted, plural(n.Deleted, "row") + " deleted"},
		{n.Modified, plural(n.Modified, "row") + " modified (" + plural(n.Cells, "cell") + ")"}} {
		if p.n > 0 {
			parts = append(parts, p.text)
		}
	}
	switch {
	case n.Reordered():
		parts = append(parts, "same rows, other order ("+plural(n.Moved, "row")+" moved)")
	case n.Moved > 0:
		parts = append(parts, plural(n.Moved, "row")+" moved")
	}
	if n.Respelled > 0 {
		parts = append(parts, plural(n.Respelled, "row")+" written in another way, with the same values")
	}
	if len(parts) == 0 {
		return "same rows"
	}
	return strings.Join(parts, ", ")
}

func schemaText(s repo.SchemaChange) string {
	switch s.Change {
	case "added":
		return fmt.Sprintf("column %s added (%s)", s.Field, s.To)
	case "dropped":
		return fmt.Sprintf("column %s dropped", s.Field)
	case "renamed":
		return fmt.Sprintf("column %s renamed to %s", s.From, s.To)
	case "retyped":
		return fmt.Sprintf("column %s: type %s is now %s", s.Field, s.From, s.To)
	case "moved":
		return fmt.Sprintf("column %s moved", s.Field)
	case "key":
		return fmt.Sprintf("key %s is now %s", orNone(s.From), orNone(s.To))
	}
	return "the file is written in another way (delimiter, quotes, line ends or the like)"
}

func orNone(s string) string {
	if s == "" {
		return "(none)"
	}
	return s
}

// printRows shows a table's rows, cells of modified ones in columns under each other.
func (c *command) printRows(t *repo.TableDiff) error {
	columns := t.Columns()
	n := 0
	for row, err := range t.Rows(c.ctx()) {
		if err != nil {
			return err
		}
		if n++; n > shownRows && !c.Bool("all") {
			rest := t.Counts.Added + t.Counts.Deleted + t.Counts.Modified - shownRows
			c.print("  %s\n", c.style(faint, "… and "+plural(rest, "more row")+"; see them with --all"))
			return nil
		}
		c.printRow(t, columns, row)
	}
	return nil
}

func (c *command) printRow(t *repo.TableDiff, columns []string, row repo.RowChange) {
	if row.Kind != tabular.RowModified {
		sign, colour := "+", green
		if row.Kind == tabular.RowDeleted {
			sign, colour = "-", red
		}
		var cells []string
		for i, text := range row.Row {
			if text != "" && i < len(columns) {
				cells = append(cells, columns[i]+"="+clip(text, 40))
			}
		}
		c.print("  %s\n", c.style(colour, sign+" "+c.fit(strings.Join(cells, "  "), 4)))
		return
	}
	name := "row " + strconv.FormatInt(row.RowB, 10)
	if len(row.Key) > 0 {
		name = keyOf(t.Key, row.Key)
	}
	width := 0
	for _, cell := range row.Cells {
		width = max(width, utf8.RuneCountInString(cell.Column))
	}
	c.print("  %s %s\n", c.style(yellow, "~"), name)
	for _, cell := range row.Cells {
		pad := strings.Repeat(" ", width-utf8.RuneCountInString(cell.Column))
		c.print("      %s%s  %s → %s\n", cell.Column, pad, c.style(red, cellText(cell.Old)), c.style(green, cellText(cell.New)))
	}
}

// keyOf names a row by its key: id=3, site=S2.
func keyOf(names, texts []string) string {
	parts := make([]string, len(texts))
	for i, text := range texts {
		parts[i] = text
		if i < len(names) {
			parts[i] = names[i] + "=" + text
		}
	}
	return strings.Join(parts, ", ")
}

// cellText is a cell's text on one line; an empty one is visible.
func cellText(text string) string {
	if text == "" {
		return "(empty)"
	}
	return clip(text, 60)
}

// clip shortens a text to n characters and makes it printable on one line.
func clip(text string, n int) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }) {
		text = strings.Trim(strconv.QuoteToGraphic(text), `"`)
	}
	if utf8.RuneCountInString(text) <= n {
		return text
	}
	return string([]rune(text)[:n-1]) + "…"
}

// fit shortens a line to the terminal's width, if there is one.
func (c *command) fit(line string, indent int) string {
	if c.env.Width == 0 || c.Bool("all") {
		return line
	}
	return clip(line, max(20, c.env.Width-indent))
}
