package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/internal/metadata"
	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/urfave/cli/v2"
)

func (a *app) schemaCommand() *cli.Command {
	return &cli.Command{
		Name: "schema", Category: groupRecord, ArgsUsage: "[show|infer] [TABLE…]  or  set TABLE[.FIELD] OPTIONS",
		Usage: "show, infer or set what the fields of tables are",
		Description: "show   the fields with type, unit, constraints and statistics, of the folder or --at REV\n" +
			"infer  what the cells alone say where that differs from what is stated; --write takes it over\n" +
			"set    writes into datapackage.json: constl schema set counts.csv.temp --type number --unit Cel\n" +
			"An empty value takes a property away. Units are checked (UCUM: Cel, mg/L, {count}).\n" +
			"JSON: of show {\"commit\", \"tables\":[{\"path\", \"rows\", \"key\", \"fields\":[{\"name\", \"type\", …,\n" +
			"\"statistics\":{\"cells\", \"missing\", \"invalid\", \"distinct\", \"distinct_exact\", \"of\", \"min\", \"max\", \"mean\",\n" +
			"\"histogram\":{\"from\", \"width\", \"counts\"}, \"values\":[{\"value\", \"count\"}]}}]}]}\n" +
			"of infer: [{\"path\", \"fields\":[{\"name\", \"from\", \"to\"}], \"key\", \"old_key\"}]; of set: {\"changed\"}",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "at", Usage: "show: the version `REV` instead of the folder"},
			&cli.BoolFlag{Name: "write", Usage: "infer: take over what was found"},
		}, schemaSetFlags()...),
		Action: a.action(runSchema),
	}
}

func runSchema(c *command) error {
	words := c.words()
	what := "show"
	if len(words) > 0 {
		switch words[0] {
		case "show", "infer", "set":
			what, words = words[0], words[1:]
		}
	}
	if what != "set" {
		for _, f := range schemaSetFlags() {
			if name := f.Names()[0]; c.IsSet(name) {
				return usage("constl help schema", "--%s is for: constl schema set", name)
			}
		}
	}
	return c.open(func(r *repo.Repo) error {
		switch what {
		case "infer":
			return c.inferSchema(r, words)
		case "set":
			return c.setSchema(r, words)
		}
		return c.showSchema(r, words, c.String("at"))
	})
}

// tablePaths returns the paths of the named tables within the dataset.
func (c *command) tablePaths(r *repo.Repo, names []string) ([]string, error) {
	paths := make([]string, len(names))
	for i, name := range names {
		var err error
		if paths[i], err = r.Rel(c.env.path("."), name); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// showSchema shows tables; without a rev those of the folder.
func (c *command) showSchema(r *repo.Repo, names []string, rev string) error {
	paths, err := c.tablePaths(r, names)
	if err != nil {
		return err
	}
	st, err := r.State(c.ctx(), rev, repo.StateOptions{Folder: rev == "", Paths: paths, Statistics: true})
	if err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(schemaDocument(st))
	}
	for i, t := range st.Tables {
		if i > 0 {
			c.print("\n")
		}
		c.printTableState(t)
	}
	if len(st.Tables) == 0 {
		c.note("There are no tables here\n")
	}
	return nil
}

type schemaJSON struct {
	Commit string        `json:"commit,omitempty"`
	Tables []schemaTable `json:"tables"`
}

type schemaTable struct {
	Path   string        `json:"path"`
	Rows   int64         `json:"rows"`
	Key    []string      `json:"key"`
	Fields []schemaField `json:"fields"`
}

type schemaField struct {
	Name        string                     `json:"name"`
	Type        tabular.Type               `json:"type"`
	Format      string                     `json:"format,omitempty"`
	Title       string                     `json:"title,omitempty"`
	Description string                     `json:"description,omitempty"`
	Unit        string                     `json:"unit,omitempty"`
	Constraints map[string]json.RawMessage `json:"constraints,omitempty"`
	Statistics  *metadata.Statistics       `json:"statistics"`
}

func schemaDocument(st *repo.State) schemaJSON {
	doc := schemaJSON{Tables: []schemaTable{}}
	if st.Commit != (object.ID{}) {
		doc.Commit = st.Commit.String()
	}
	for _, t := range st.Tables {
		table := schemaTable{Path: t.Path, Rows: t.Table.Rows, Key: notNil(t.KeyNames()), Fields: []schemaField{}}
		for _, f := range t.Fields {
			field := schemaField{
				Name: f.Name, Type: f.Type, Format: f.Said.Format, Title: f.Said.Title, Description: f.Said.Description,
				Unit: f.Said.Unit, Statistics: f.Statistics(t.Text),
			}
			for _, k := range f.Said.Constraints {
				if field.Constraints == nil {
					field.Constraints = make(map[string]json.RawMessage)
				}
				field.Constraints[k.Name] = json.RawMessage(k.Value)
			}
			table.Fields = append(table.Fields, field)
		}
		doc.Tables = append(doc.Tables, table)
	}
	return doc
}

func (c *command) printTableState(t *repo.TableState) {
	key := "no key"
	if names := t.KeyNames(); len(names) > 0 {
		key = "key: " + strings.Join(names, ", ")
	}
	c.print("%s  %s, %s, %s\n", c.style(bold, t.Path), plural(t.Table.Rows, "row"), plural(int64(len(t.Fields)), "field"), key)
	rows := [][]string{{"field", "type", "unit", "missing", "wrong", "distinct", "from", "to", "mean", "", "constraints", "title"}}
	for _, f := range t.Fields {
		s := f.Statistics(t.Text)
		row := []string{
			shorten(f.Name, 40), string(f.Type), f.Said.Unit, count(s.Missing), count(s.Invalid), distinctText(s),
			shorten(s.Min, 24), shorten(s.Max, 24), s.Mean, "", constraintText(&f), shorten(f.Said.Title, 40),
		}
		if s.Of == "length" && s.Max != "" {
			row[6], row[7], row[8] = s.Min, s.Max+" characters", ""
		}
		if s.Histogram != nil {
			row[9] = spark(s.Histogram.Counts, 12)
		}
		rows = append(rows, row)
	}
	c.printColumns("  ", rows, 3, 4, 5)
}

func count(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func distinctText(s *metadata.Statistics) string {
	if s.DistinctExact {
		return fmt.Sprint(s.Distinct)
	}
	return "≈" + fmt.Sprint(s.Distinct)
}

func constraintText(f *repo.FieldState) string {
	var parts []string
	if f.Key {
		parts = append(parts, "key")
	}
	for _, k := range f.Said.Constraints {
		switch k.Value {
		case "true":
			parts = append(parts, k.Name)
		case "false":
		default:
			parts = append(parts, k.Name+" "+shorten(k.Value, 40))
		}
	}
	return strings.Join(parts, ", ")
}

// spark draws counts in a line of at most so many characters.
func spark(counts []int64, most int) string {
	per := (len(counts) + most - 1) / most
	bars := make([]int64, (len(counts)+per-1)/per)
	for i, n := range counts {
		bars[i/per] += n
	}
	top := max(slices.Max(bars), 1)
	levels := []rune("▁▂▃▄▅▆▇█")
	var b strings.Builder
	for _, n := range bars {
		if n == 0 {
			b.WriteByte(' ')
			continue
		}
		b.WriteRune(levels[min(int(n*int64(len(levels))/top), len(levels)-1)])
	}
	return b.String()
}

func (c *command) inferSchema(r *repo.Repo, names []string) error {
	paths, err := c.tablePaths(r, names)
	if err != nil {
		return err
	}
	st, err := r.State(c.ctx(), "", repo.StateOptions{Folder: true, Paths: paths})
	if err != nil {
		return err
	}
	list, err := st.Infer(c.ctx())
	if err != nil {
		return err
	}
	if c.Bool("write") {
		if err := takeOver(st, list); err != nil {
			return err
		}
	}
	if c.asJSON() {
		return c.printJSON(inferredDocument(list))
	}
	for _, inf := range list {
		c.print("%s\n", c.style(bold, inf.Path))
		for _, f := range inf.Changes {
			c.print("  %s: %s → %s\n", f.Name, f.Old, f.New)
		}
		if !slices.Equal(inf.Key, inf.OldKey) {
			c.print("  key: %s → %s\n", cmp.Or(strings.Join(inf.OldKey, ", "), "none"), cmp.Or(strings.Join(inf.Key, ", "), "none"))
		}
	}
	switch {
	case len(list) == 0:
		c.print("What is stated is what the cells say\n")
	case c.Bool("write"):
		c.print("Written to datapackage.json; record it with: constl commit\n")
	default:
		c.note("Nothing was changed. To take it over: constl schema infer --write\n")
	}
	return nil
}

func inferredDocument(list []repo.Inferred) any {
	type field struct {
		Name string       `json:"name"`
		From tabular.Type `json:"from"`
		To   tabular.Type `json:"to"`
	}
	type table struct {
		Path   string   `json:"path"`
		Fields []field  `json:"fields"`
		Key    []string `json:"key"`
		OldKey []string `json:"old_key"`
	}
	out := []table{}
	for _, inf := range list {
		t := table{Path: inf.Path, Fields: []field{}, Key: notNil(inf.Key), OldKey: notNil(inf.OldKey)}
		for _, f := range inf.Changes {
			t.Fields = append(t.Fields, field{f.Name, f.Old, f.New})
		}
		out = append(out, t)
	}
	return out
}

// takeOver writes what was inferred into datapackage.json.
func takeOver(st *repo.State, list []repo.Inferred) error {
	for _, inf := range list {
		i := slices.IndexFunc(st.Tables, func(t *repo.TableState) bool { return t.Path == inf.Path })
		res := st.Tables[i].Said
		if res == nil {
			continue
		}
		for _, f := range inf.Changes {
			res.SetType(f.Name, string(f.New))
		}
		if !slices.Equal(inf.Key, inf.OldKey) {
			res.SetKey(inf.Key, true)
		}
	}
	_, err := st.SavePackage()
	return err
}
