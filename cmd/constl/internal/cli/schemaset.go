package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/describe"
	"github.com/constl/constl/internal/repo"
	"github.com/urfave/cli/v2"
)

// schemaSetFlags are the options of schema set.
func schemaSetFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringFlag{Name: "type", Usage: "set: `TYPE` is string, integer, number, boolean, date, datetime, time, year or any"},
		&cli.StringFlag{Name: "format", Usage: "set: how dates are written, as %d.%m.%Y, or what a text is: email, uri, uuid"},
		&cli.StringFlag{Name: "unit", Usage: "set: the `UNIT` as UCUM writes it: Cel, mg/L, m2, {count}"},
		&cli.StringFlag{Name: "title", Usage: "set: what people call it"},
		&cli.StringFlag{Name: "description", Usage: "set: what it is, and how it was obtained"},
		&cli.StringFlag{Name: "in", Usage: "set: title and description are in the language `LANG`, beside those in the dataset's own"},
		&cli.StringFlag{Name: "rdf-type", Usage: "set: the `IRI` of a term that says what the field means"},
		&cli.StringSliceFlag{Name: "missing", Usage: "set: texts that stand for no value, as NA,-999; of a field, or of a whole table"},
		&cli.StringFlag{Name: "decimal-char", Usage: "set: what stands before decimals, as ,"},
		&cli.StringFlag{Name: "minimum", Usage: "set: the least value allowed"},
		&cli.StringFlag{Name: "maximum", Usage: "set: the greatest value allowed"},
		&cli.StringFlag{Name: "min-length", Usage: "set: the fewest characters allowed"},
		&cli.StringFlag{Name: "max-length", Usage: "set: the most characters allowed"},
		&cli.StringFlag{Name: "pattern", Usage: "set: the pattern (XML Schema) that every text must have"},
		&cli.StringSliceFlag{Name: "enum", Usage: "set: all values allowed, as male,female"},
		&cli.StringFlag{Name: "required", Usage: "set: `yes` or no"},
		&cli.StringFlag{Name: "unique", Usage: "set: `yes` or no"},
		&cli.StringSliceFlag{Name: "primary-key", Usage: "set: the fields whose values name a row, as id or site,date; of a table"},
	}
	return flags
}

func (c *command) setSchema(r *repo.Repo, words []string) error {
	if len(words) != 1 {
		return usage("constl schema set counts.csv.temp --unit Cel", "expected one TABLE or TABLE.FIELD, found %d", len(words))
	}
	st, err := r.State(c.ctx(), "", repo.StateOptions{Folder: true})
	if err != nil {
		return err
	}
	t, field, err := findField(st, words[0])
	if err != nil {
		return err
	}
	if t.Said == nil {
		return usage("constl commit", "datapackage.json says nothing of %s yet; a commit enters it", t.Path)
	}
	set := c.setTable
	if field != "" {
		set = func(t *repo.TableState) error { return c.setField(t, field) }
	}
	if err := set(t); err != nil {
		return err
	}
	changed, err := st.SavePackage()
	if err != nil {
		return err
	}
	if c.asJSON() {
		return c.printJSON(struct {
			Changed bool `json:"changed"`
		}{changed})
	}
	if changed {
		c.note("Written to %s; record it with: constl commit\n", datapackage.FileName)
	} else {
		c.note("%s says that already\n", datapackage.FileName)
	}
	return nil
}

// findField finds the table, and perhaps the field, that a person means: by the
// path or the resource's name, with or without its ending, a point or a colon, and
// the field's name.
func findField(st *repo.State, word string) (t *repo.TableState, field string, err error) {
	best := 0
	for _, table := range st.Tables {
		names := []string{table.Path}
		if table.Said != nil {
			names = append(names, table.Said.Name())
		}
		for _, name := range names {
			rest, ok := strings.CutPrefix(word, name)
			if name != "" && ok && len(name) >= best && (rest == "" || rest[0] == '.' || rest[0] == ':') {
				t, best, field = table, len(name), strings.TrimLeft(rest[:min(len(rest), 1)], ".:")+rest[min(len(rest), 1):]
			}
		}
	}
	if t == nil {
		return nil, "", usage("constl schema show", "there is no table %q here", word)
	}
	if field == "" {
		return t, "", nil
	}
	var names []string
	for _, f := range t.Fields {
		if f.Name == field {
			return t, field, nil
		}
		names = append(names, f.Name)
	}
	return nil, "", usage("constl schema show "+t.Path, "%s has no field %q; it has %s", t.Path, field, strings.Join(names, ", "))
}

// setTable sets what is of a whole table.
func (c *command) setTable(t *repo.TableState) error {
	known := []string{"primary-key", "missing", "title", "description", "in"}
	for _, f := range schemaSetFlags() {
		if name := f.Names()[0]; c.IsSet(name) && !slices.Contains(known, name) {
			return usage("constl schema set "+t.Path+".FIELD --"+name+" …", "--%s is for a field; %s is a table", name, t.Path)
		}
	}
	if c.IsSet("primary-key") {
		key := splitList(c.StringSlice("primary-key")...)
		for i, name := range key {
			if slices.Contains(key[:i], name) {
				return usage("constl schema set "+t.Path+" --primary-key "+strings.Join(slices.Compact(slices.Sorted(slices.Values(key))), ","), "the key names %q twice", name)
			}
			if !slices.ContainsFunc(t.Fields, func(f repo.FieldState) bool { return f.Name == name }) {
				return usage("constl schema show "+t.Path, "%s has no field %q", t.Path, name)
			}
		}
		t.Said.SetKey(key, false)
	}
	if c.IsSet("missing") {
		t.Said.SetSchema("missingValues", missingList(c.StringSlice("missing")))
	}
	for _, name := range []string{"title", "description"} {
		if key, err := c.inLanguage(name); err != nil {
			return err
		} else if c.IsSet(name) {
			t.Said.SetText(key, c.String(name))
		}
	}
	return nil
}

// inLanguage returns the property for a text in the language of --in.
func (c *command) inLanguage(key string) (string, error) {
	if !c.IsSet("in") {
		return key, nil
	}
	tag, err := describe.Language(c.String("in"))
	if err != nil {
		return "", err
	}
	return key + "@" + tag, nil
}

// splitList returns the parts of an option that may stand several times, with one
// part or more each time.
func splitList(texts ...string) []string {
	var out []string
	for part := range strings.SplitSeq(strings.Join(texts, ","), ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// missingList is what --missing stands for; the empty text is always among it.
func missingList(texts []string) any {
	if slices.Equal(texts, []string{""}) {
		return nil
	}
	return append([]string{""}, splitList(texts...)...)
}

func orNothing(list []string) any {
	if len(list) == 0 {
		return nil
	}
	return list
}

// orAway is the value of a text that is set: an empty one takes the property away.
func orAway(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// setField sets what is of one field.
func (c *command) setField(t *repo.TableState, field string) error {
	if c.IsSet("primary-key") {
		return usage("constl schema set "+t.Path+" --primary-key "+field, "a primary key is set for the table")
	}
	if kind := c.String("type"); kind != "" && !slices.Contains(fieldTypes(), kind) {
		return usage("constl help schema", "there is no type %q; there are %s", kind, strings.Join(fieldTypes(), ", "))
	}
	if unit := c.String("unit"); unit != "" {
		if err := describe.Unit(unit); err != nil {
			return err
		}
	}
	switch kind := c.String("type"); {
	case kind != "":
		t.Said.SetType(field, kind)
	case c.IsSet("type"):
		t.Said.SetField(field, "type", nil)
	}
	kind := kindOf(t, field)
	if format := c.String("format"); format != "" && !datapackage.FormatFits(kind, format) {
		return usage("constl help schema", "there is no format %q for the type %s of %s; there are: %s", format, kind, field, strings.Join(datapackage.Formats(kind), ", "))
	}
	for _, flag := range []string{"format", "title", "description", "unit", "rdf-type", "decimal-char"} {
		if !c.IsSet(flag) {
			continue
		}
		key := flag
		var err error
		switch flag {
		case "title", "description":
			if key, err = c.inLanguage(key); err != nil {
				return err
			}
		case "rdf-type":
			key = "rdfType"
		case "decimal-char":
			key = "decimalChar"
		}
		t.Said.SetField(field, key, orAway(c.String(flag)))
	}
	if c.IsSet("missing") {
		t.Said.SetField(field, "missingValues", missingList(c.StringSlice("missing")))
	}
	return c.setConstraints(t, field, kind)
}

// kindOf returns the type that is stated of the field; one of which none is is a text.
func kindOf(t *repo.TableState, field string) string {
	for _, f := range t.Said.FieldDetails() {
		if f.Name == field {
			return cmp.Or(f.Type, "string")
		}
	}
	return "string"
}

func fieldTypes() []string {
	return []string{"string", "integer", "number", "boolean", "date", "datetime", "time", "year", "yearmonth", "duration", "geopoint", "geojson", "object", "array", "list", "any"}
}

func (c *command) setConstraints(t *repo.TableState, field, kind string) error {
	keys := map[string]string{"min-length": "minLength", "max-length": "maxLength"}
	for _, flag := range []string{"required", "unique", "minimum", "maximum", "min-length", "max-length", "pattern", "enum"} {
		if !c.IsSet(flag) {
			continue
		}
		text := c.String(flag)
		var v any
		var err error
		switch {
		case flag == "enum":
			v, err = enumOf(kind, splitList(c.StringSlice(flag)...))
		case text == "":
		case flag == "required" || flag == "unique":
			if text != "yes" && text != "no" {
				return usage("constl schema set "+t.Path+"."+field+" --"+flag+" yes", "expected --%s yes or no, found %q", flag, text)
			}
			if text == "yes" {
				v = true
			}
		case keys[flag] != "":
			if n, err := strconv.Atoi(text); err != nil || n < 0 {
				return usage("constl schema set "+t.Path+"."+field+" --"+flag+" 10", "expected --%s and a number of characters, found %q", flag, text)
			}
			v = json.Number(text)
		case flag == "pattern":
			v = text
		default:
			v, err = boundOf(kind, text)
		}
		if err != nil {
			return fmt.Errorf("%s.%s: --%s: %w", t.Path, field, flag, err)
		}
		if !t.Said.SetConstraint(field, cmp.Or(keys[flag], flag), v) {
			return fmt.Errorf("datapackage.json does not list the field %s of %s", field, t.Path)
		}
	}
	return nil
}

// boundOf is a minimum or maximum as Table Schema writes it for fields of a type: times
// as texts, numbers as such.
func boundOf(kind, text string) (any, error) {
	switch kind {
	case "date", "datetime", "time", "yearmonth", "duration":
		return text, nil
	}
	if !isNumber(text) {
		return text, nil
	}
	if _, err := strconv.ParseInt(text, 10, 64); err != nil && (kind == "integer" || kind == "year") {
		return nil, usage("", "expected a whole number, as the type is %s, found %q", kind, text)
	}
	return json.Number(text), nil
}

// enumOf is a list of the values allowed as Table Schema writes it for fields of a type;
// nil if there are none.
func enumOf(kind string, texts []string) (any, error) {
	var out []string
	var truths []bool
	for _, text := range texts {
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
		if kind == "boolean" {
			b, err := strconv.ParseBool(text)
			if err != nil {
				return nil, usage("", "expected true or false, as the type is boolean, found %q", text)
			}
			if !slices.Contains(truths, b) {
				truths = append(truths, b)
			}
		}
	}
	if len(truths) > 0 {
		return truths, nil
	}
	return orNothing(out), nil
}

// isNumber reports whether a text is a number as JSON writes it.
func isNumber(text string) bool {
	return json.Valid([]byte(text)) && strings.ContainsAny(text[:1], "-0123456789")
}
