package validate

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// plan is all that is to be checked in one table.
type plan struct {
	in      *Input
	o       *Options
	path    string
	table   *tabular.Table
	base    *tabular.Table // nil if there is none
	res     *datapackage.Resource
	schema  *schema
	checks  []check
	columns []*columnPlan // by position; nil if nothing is to be checked
	layout  *csv.Layout
	text    func([]byte) string

	keys     []keyPlan
	foreign  []foreignPlan
	missings [][]string   // by position of the column
	types    []cellType   // by position of the column
	fields   []field      // by position of the column: how it is declared
	changed  *changedRows // nil: every row counts

	labels []labelHit

	damages     []*damagePlan // by position of the column
	sure        []bits        // by column: rows in which damage is known from a change; nil if none
	rowRules    []*rowRule
	tableRules  []*tableRule
	changeRules []*changeRule

	blankRow, missingCell, extraCell int
}

// labelHit is what was found in the header, by the number of its check.
type labelHit struct {
	check int
	hit   hit
}

// columnPlan is what is to be checked in one column.
type columnPlan struct {
	col       int
	typ       cellType
	missing   [][]byte
	required  int // number of the check, -1 if there is none
	wrongType int
	limits    []limit
	texts     []textCheck // those that look at the text
	vector    bool        // a rule needs its values
	damage    *damagePlan // nil if its texts are not looked at
}

// limit is a minimum or a maximum.
type limit struct {
	check int
	over  bool  // a maximum
	open  bool  // the limit itself is out
	at    int64 // or the bits of a number
}

// textCheck is a check of a text, which is not missing.
type textCheck struct {
	check int
	ok    func(text []byte) bool
	cheap bool // to look it up would cost more
}

// addCheck enters a check and returns its number.
func (p *plan) addCheck(c check) int {
	p.checks = append(p.checks, c)
	return len(p.checks) - 1
}

// newPlan finds out what is to be checked in a table.
func newPlan(in *Input, o *Options, t *Table) (*plan, []mistake, error) {
	p, wrong, err := newKeyPlan(in, o, t)
	if err != nil {
		return nil, nil, err
	}
	return p, append(wrong, p.planRules()...), nil
}

// newKeyPlan is newPlan but for the rules that people write.
func newKeyPlan(in *Input, o *Options, t *Table) (*plan, []mistake, error) {
	p := &plan{in: in, o: o, path: t.Path, table: t.Now, base: t.Base, schema: &schema{}}
	var err error
	if p.layout, err = csv.DecodeLayout(t.Now.Layout); err != nil {
		return nil, nil, err
	}
	p.text = p.layout.Encoding.Text
	var wrong []mistake
	if in.Package != nil {
		if res, ok := in.Package.Resource(t.Path); ok {
			p.res = res
			p.schema, wrong = readSchema(res)
		}
	}
	p.blankRow = p.addCheck(check{rule: RuleBlankRow, severity: SeverityError, expected: "a row with values",
		message: func(string) string { return "the row is blank" }})
	p.missingCell = p.addCheck(check{rule: RuleMissingCell, severity: SeverityError, expected: p.cellsExpected()})
	p.extraCell = p.addCheck(check{rule: RuleExtraCell, severity: SeverityError, expected: p.cellsExpected()})
	wrong = append(wrong, p.planFields()...)
	return p, append(wrong, p.planKeys()...), nil
}

func (p *plan) cellsExpected() string {
	return fmt.Sprintf("%d cells, as the header has", len(p.table.Schema.Fields))
}

// names returns what people call the columns.
func (p *plan) names() []string {
	names := make([]string, len(p.table.Schema.Fields))
	for i := range names {
		names[i] = changes.ColumnName(p.table.Schema, i)
	}
	return names
}

// columnsOf returns the positions of the named columns; ok is false if one is missing.
func columnsOf(t *tabular.Table, names []string) (cols []int, ok bool) {
	for _, name := range names {
		i := slices.IndexFunc(t.Schema.Fields, func(f tabular.Field) bool { return f.Name == name })
		if i < 0 {
			return nil, false
		}
		cols = append(cols, i)
	}
	return cols, len(cols) > 0
}

// planFields plans the checks of cells: of columns that datapackage.json describes
// by what it says, of the others for damage alone.
func (p *plan) planFields() (wrong []mistake) {
	names := p.names()
	p.columns = make([]*columnPlan, len(names))
	p.missings, p.types, p.fields = make([][]string, len(names)), make([]cellType, len(names)), make([]field, len(names))
	taken := make([]bool, len(p.schema.fields))
	for col, name := range names {
		f := &field{Name: name, index: -1}
		for i := range p.schema.fields {
			if !taken[i] && p.schema.fields[i].Name == name {
				f, taken[i] = &p.schema.fields[i], true
				break
			}
		}
		wrong = append(wrong, p.planColumn(col, f)...)
	}
	p.planLabels(taken, names)
	return wrong
}

func (p *plan) planColumn(col int, f *field) (wrong []mistake) {
	name := p.names()[col]
	at := func(parts ...any) []any { return append([]any{"schema", "fields", f.index}, parts...) }
	typ, why := typeOf(f)
	if why != "" {
		wrong = append(wrong, mistake{at("type"), why})
	}
	c := &columnPlan{col: col, typ: typ, required: -1, wrongType: -1}
	p.missings[col], p.types[col], p.fields[col] = p.schema.missingTexts(f), typ, *f
	for _, m := range p.missings[col] {
		c.missing = append(c.missing, []byte(m))
	}
	if typ.parse != nil {
		c.wrongType = p.addCheck(check{rule: RuleType, severity: SeverityError, field: name, expected: typ.expected,
			message: func(v string) string { return fmt.Sprintf("%q is not %s", v, typ.expected) }})
	}
	if f.Constraints.Required {
		c.required = p.addCheck(check{rule: RuleConstraint, severity: SeverityError, field: name, expected: "a value",
			message: func(string) string { return name + " must not be missing" }})
	}
	for _, m := range p.planConstraints(c, f, name) {
		m.path = at(m.path...)
		wrong = append(wrong, m)
	}
	p.planDamage(c, f, name)
	p.columns[col] = c
	return wrong
}

// planConstraints plans the constraints about single values.
func (p *plan) planConstraints(c *columnPlan, f *field, name string) (wrong []mistake) {
	k := &f.Constraints
	constraint := func(expected string, message func(string) string) int {
		return p.addCheck(check{rule: RuleConstraint, severity: SeverityError, field: name, expected: expected, message: message})
	}
	for _, l := range []struct {
		word       string
		at         *scalar
		over, open bool
		expected   string
	}{
		{"minimum", k.Minimum, false, false, "at least "}, {"exclusiveMinimum", k.ExclusiveMinimum, false, true, "more than "},
		{"maximum", k.Maximum, true, false, "at most "}, {"exclusiveMaximum", k.ExclusiveMaximum, true, true, "less than "},
	} {
		if l.at == nil {
			continue
		}
		expected := l.expected + string(*l.at)
		at, why := limitOf(&c.typ, f, string(*l.at))
		if why != "" {
			wrong = append(wrong, mistake{[]any{"constraints", l.word}, why})
			continue
		}
		c.limits = append(c.limits, limit{at: at, over: l.over, open: l.open,
			check: constraint(expected, func(v string) string { return fmt.Sprintf("%s is not %s", v, expected) })})
	}
	for _, l := range []struct {
		word     string
		at       *int
		over     bool
		expected string
	}{{"minLength", k.MinLength, false, "at least "}, {"maxLength", k.MaxLength, true, "at most "}} {
		if l.at == nil {
			continue
		}
		if c.typ.length == nil {
			wrong = append(wrong, mistake{[]any{"constraints", l.word}, fmt.Sprintf("%s has no meaning for the type %q", l.word, f.Type)})
			continue
		}
		most, length := *l.at, c.typ.length
		unit := " characters"
		if f.Type == "list" || f.Type == "array" || f.Type == "object" {
			unit = " items"
		}
		expected := l.expected + strconv.Itoa(most) + unit
		c.texts = append(c.texts, textCheck{cheap: true,
			check: constraint(expected, func(v string) string {
				return fmt.Sprintf("%q does not have %s", v, expected)
			}),
			ok: func(text []byte) bool {
				n := length(text)
				return n == most || n < most == l.over
			}})
	}
	if k.Pattern != nil {
		re, err := compilePattern(*k.Pattern)
		if err != nil {
			wrong = append(wrong, mistake{[]any{"constraints", "pattern"}, "the pattern is not checked: " + err.Error()})
		} else {
			expected := "a text of the pattern " + *k.Pattern
			c.texts = append(c.texts, textCheck{ok: re.Match,
				check: constraint(expected, func(v string) string { return fmt.Sprintf("%q does not match the pattern %s", v, *k.Pattern) })})
		}
	}
	if k.JSONSchema != nil {
		wrong = append(wrong, mistake{[]any{"constraints", "jsonSchema"}, "jsonSchema is not checked: constl knows the other constraints only"})
	}
	p.planEnum(c, f, constraint)
	return wrong
}

// limitOf reads a limit as a cell of the field, or as people write numbers in JSON.
func limitOf(t *cellType, f *field, text string) (at int64, why string) {
	if !t.ordered {
		return 0, fmt.Sprintf("values of the type %q have no order, so no minimum or maximum", f.Type)
	}
	at, st := t.parse([]byte(text))
	if st != stateValue && t.kind == expr.Number {
		at, st = parseNumber([]byte(text))
	}
	if st != stateValue && t.kind == expr.Integer {
		at, st = parseInteger([]byte(text))
	}
	if st != stateValue {
		return 0, fmt.Sprintf("%q should be %s", text, t.expected)
	}
	return at, ""
}

// planEnum plans the check for one of some values, as enum or categories have them.
func (p *plan) planEnum(c *columnPlan, f *field, constraint func(string, func(string) string) int) {
	for _, list := range [][]scalar{f.Constraints.Enum, valuesOf(f.Categories)} {
		if len(list) == 0 {
			continue
		}
		texts := make([]string, len(list))
		known := make(map[string]bool, len(list))
		values := make(map[int64]bool)
		for i, v := range list {
			texts[i] = string(v)
			known[string(v)] = true
			if c.typ.parse != nil && c.typ.kind != expr.Text {
				if at, st := c.typ.parse([]byte(v)); st == stateValue {
					values[at] = true
				}
			}
		}
		expected := "one of " + quoted(texts, 12)
		parse := c.typ.parse
		c.texts = append(c.texts, textCheck{
			check: constraint(expected, func(v string) string { return fmt.Sprintf("%q is not %s", v, expected) }),
			ok: func(text []byte) bool {
				if known[string(text)] || len(values) == 0 {
					return known[string(text)]
				}
				at, st := parse(text)
				return st == stateValue && values[at]
			}})
	}
}

func valuesOf(list []labelled) []scalar {
	var out []scalar
	for _, l := range list {
		out = append(out, l.Value)
	}
	return out
}

// planLabels compares the header with the fields that are described.
func (p *plan) planLabels(taken []bool, names []string) {
	if len(p.schema.fields) == 0 {
		return
	}
	label := func(rule string, severity Severity, field, expected, text string) {
		n := p.addCheck(check{rule: rule, severity: severity, field: field, expected: expected})
		p.labels = append(p.labels, labelHit{n, hit{row: -1, line: p.headerLine(), text: text}})
	}
	match := p.schema.match
	gone := goneFields(p.base, p.table)
	for i, f := range p.schema.fields {
		if taken[i] || match == "superset" || match == "partial" {
			continue
		}
		text := fmt.Sprintf("datapackage.json describes the column %q, which is not in the file", f.Name)
		if now := gone[f.Name]; now != "" {
			text += fmt.Sprintf("; %q stands where it was. Was it renamed? Then say so: constl validate --renamed %s", now, strconv.Quote(f.Name+"="+now))
		}
		label(RuleMissingLabel, SeverityError, f.Name, "a column "+strconv.Quote(f.Name), text)
	}
	severity := SeverityError
	if match == "" {
		severity = SeverityWarning
	}
	for i, name := range names {
		known := slices.ContainsFunc(p.schema.fields, func(f field) bool { return f.Name == name })
		switch {
		case !known && match != "subset" && match != "partial":
			label(RuleExtraLabel, severity, name, "a column that datapackage.json describes",
				fmt.Sprintf("datapackage.json does not describe the column %q", name))
		case match == "exact" && (i >= len(p.schema.fields) || p.schema.fields[i].Name != name) && known:
			label(RuleIncorrectLabel, SeverityError, name, "the columns in the order of datapackage.json",
				fmt.Sprintf("the column %q stands at another place than in datapackage.json", name))
		}
		if name == "" {
			label(RuleBlankLabel, SeverityWarning, "", "a name", fmt.Sprintf("column %d has no name", i+1))
		} else if slices.Index(names, name) < i {
			label(RuleDuplicateLabel, SeverityWarning, name, "a name of its own", fmt.Sprintf("two columns are named %q", name))
		}
	}
}

// goneFields returns, by the name that a column had, the name of the one that took
// its place.
func goneFields(base, now *tabular.Table) map[string]string {
	gone := make(map[string]string)
	if base == nil {
		return gone
	}
	for i := range now.Schema.Fields {
		f := &now.Schema.Fields[i]
		if c := base.Schema.Column(f.ID); c >= 0 && base.Schema.Fields[c].Name != f.Name {
			gone[base.Schema.Fields[c].Name] = f.Name
		}
	}
	return gone
}

// headerLine returns the line of the header; 0 if there is none.
func (p *plan) headerLine() int64 {
	if !p.layout.Header {
		return 0
	}
	return 1 + int64(strings.Count(string(p.layout.Preamble), "\n"))
}
