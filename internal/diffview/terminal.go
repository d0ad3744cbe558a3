package diffview

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/tabular"
)

// Options say how much is shown, and how. A nil one stands for the defaults.
type Options struct {
	// Most is how many rows of a table, and lines of a text, are shown; 0 is all.
	Most int64
	// Colour says that the terminal shows colours.
	Colour bool
	// Width is how many columns the terminal has; 0 if it is none.
	Width int
	// Title is the page's title, for HTML.
	Title string
}

// The colours of the field: what goes, what comes, what is changed, what leads.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
	bold   = "1"
	faint  = "2"
)

// terminal writes for people.
type terminal struct {
	Options
	ctx context.Context
	w   *bufio.Writer
}

func newTerminal(ctx context.Context, w io.Writer, o *Options) *terminal {
	t := &terminal{ctx: ctx, w: bufio.NewWriter(w)}
	if o != nil {
		t.Options = *o
	}
	return t
}

func (t *terminal) style(code, text string) string {
	if !t.Colour || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (t *terminal) line(indent int, text string) {
	t.w.WriteString(strings.Repeat(" ", indent))
	t.w.WriteString(text)
	t.w.WriteByte('\n')
}

// Terminal writes the difference for people to read in a terminal: of each table
// a line that sums it up, what became of its columns, and its rows. The tables'
// notes are left to the caller.
func Terminal(ctx context.Context, w io.Writer, s *changes.Set, o *Options) error {
	t := newTerminal(ctx, w, o)
	for _, table := range s.Tables {
		t.head(table, table.Path)
		if err := t.rows(table); err != nil {
			return err
		}
	}
	for _, f := range s.Files {
		if err := t.file(f); err != nil {
			return err
		}
	}
	return t.w.Flush()
}

// Stat writes one line for each table and file, and what became of columns.
func Stat(ctx context.Context, w io.Writer, s *changes.Set, o *Options) error {
	t := newTerminal(ctx, w, o)
	widest := 0
	for _, table := range s.Tables {
		widest = max(widest, columnsOf(visible(table.Path)))
	}
	for _, f := range s.Files {
		widest = max(widest, columnsOf(visible(f.Path)))
	}
	for _, table := range s.Tables {
		t.head(table, pad(visible(table.Path), widest))
	}
	for _, f := range s.Files {
		text := fileText(f)
		lines, ok, err := unified(ctx, f)
		if err != nil {
			return err
		}
		if ok {
			text = f.Status + ", " + lineCounts(lines)
		}
		t.line(0, t.style(bold, pad(visible(f.Path), widest))+"  "+t.style(statusColour(f.Status), text))
	}
	return t.w.Flush()
}

func lineCounts(lines []string) string {
	var added, deleted int64
	for _, line := range lines {
		switch line[0] {
		case '+':
			added++
		case '-':
			deleted++
		}
	}
	var parts []string
	if added > 0 {
		parts = append(parts, Plural(added, "line")+" added")
	}
	if deleted > 0 {
		parts = append(parts, Plural(deleted, "line")+" deleted")
	}
	return strings.Join(parts, ", ")
}

func statusColour(status string) string {
	switch status {
	case "added":
		return green
	case "deleted":
		return red
	}
	return yellow
}

func (t *terminal) head(table *changes.Table, path string) {
	t.line(0, t.style(bold, visible(path))+"  "+summary(table))
	for _, s := range table.Schema {
		t.line(2, t.style(yellow, schemaText(s)))
	}
}

// batchRows is how many rows are laid out together.
const batchRows = 400

// rows shows a table's rows, those that came or went as a grid.
func (t *terminal) rows(table *changes.Table) error {
	var g grid
	var batch []changes.Row
	n := int64(0)
	for row, err := range table.Paired(t.ctx) {
		if err != nil {
			return err
		}
		if t.Most > 0 && n == t.Most {
			break
		}
		n++
		if batch = append(batch, row); len(batch) == batchRows {
			t.batch(table, &g, batch)
			batch = batch[:0]
			// Nothing is to be laid out for a reader who has gone.
			if _, err := t.w.Write(nil); err != nil {
				return err
			}
		}
	}
	t.batch(table, &g, batch)
	if rest := changed(table) - n; rest > 0 {
		t.line(2, t.style(faint, "… and "+Plural(rest, "more row")+"; see them with --all"))
	}
	return nil
}

func (t *terminal) batch(table *changes.Table, g *grid, rows []changes.Row) {
	g.layOut(table, rows, t.Width)
	for i := range rows {
		row := &rows[i]
		if row.Kind == tabular.RowModified {
			t.modified(table, row)
			continue
		}
		if !g.headed {
			t.line(4, t.style(faint, g.head()))
			g.headed = true
		}
		colour := green
		if row.Kind == tabular.RowDeleted {
			colour = red
		}
		t.line(2, t.style(colour, sign(row.Kind)+" "+g.row(row)))
	}
}

// modified shows the cells of a row under each other.
func (t *terminal) modified(table *changes.Table, row *changes.Row) {
	t.line(2, t.style(yellow, "~")+" "+t.fit(rowName(table, row), 4))
	widest := 0
	for _, c := range row.Cells {
		widest = max(widest, columnsOf(clip(visible(c.Column), maxName)))
	}
	room := 60
	if t.Width > 0 {
		room = max(8, (t.Width-6-widest-2-3)/2)
	}
	for _, c := range row.Cells {
		old, now := clipPair(Cell(c.Old), Cell(c.New), room)
		t.line(6, pad(clip(visible(c.Column), maxName), widest)+"  "+t.style(red, old)+" → "+t.style(green, now))
	}
}

// maxName is how many columns the name of a column may take.
const maxName = 30

// fit shortens a line to the terminal's width, if there is one.
func (t *terminal) fit(line string, indent int) string {
	if t.Width == 0 {
		return line
	}
	return clip(line, max(20, t.Width-indent))
}

// sums shows what tells two versions of a file that is no text apart.
func (t *terminal) sums(f *changes.File) {
	if f.Old != nil && f.New != nil && f.Old.Sum == f.New.Sum {
		return
	}
	if f.Old != nil && f.Old.Link == "" {
		t.line(2, t.style(red, "- BLAKE3 "+f.Old.Sum.String()))
	}
	if f.New != nil && f.New.Link == "" {
		t.line(2, t.style(green, "+ BLAKE3 "+f.New.Sum.String()))
	}
}

// file shows a file that is no table: a text line by line, any other by its size
// and hash.
func (t *terminal) file(f *changes.File) error {
	lines, ok, err := unified(t.ctx, f)
	if err != nil {
		return err
	}
	name := t.style(bold, visible(f.Path))
	if !ok {
		t.line(0, name+"  "+t.style(statusColour(f.Status), fileText(f)))
		t.sums(f)
		return nil
	}
	t.line(0, name+"  "+t.style(statusColour(f.Status), f.Status+", "+lineCounts(lines)))
	for i, line := range lines {
		if t.Most > 0 && int64(i) == t.Most {
			t.line(2, t.style(faint, fmt.Sprintf("… and %s; see them with --all", Plural(int64(len(lines)-i), "more line"))))
			break
		}
		colour := ""
		switch line[0] {
		case '+':
			colour = green
		case '-':
			colour = red
		case '@':
			colour = cyan
		}
		line = visible(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
		if colour != "" {
			line = t.style(colour, line)
		}
		t.line(2, line)
	}
	return nil
}
