package validate

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/tabular"
)

// packageKind reports a datapackage.json that cannot be read.
func packageKind(err error) Kind {
	f := Finding{Message: err.Error()}
	var at *datapackage.Error
	if errors.As(err, &at) {
		f.Line, f.Column, f.Message = int64(at.Line), at.Column, at.Msg
	}
	return Kind{
		Rule: RulePackage, Severity: SeverityError, Path: datapackage.FileName, Count: 1,
		Expected: "JSON after the Data Package standard", Findings: []Finding{f},
	}
}

// absentKind reports a file that is described and not there.
func absentKind(pkg *datapackage.Package, path string) Kind {
	k := Kind{Rule: RuleSource, Severity: SeverityError, Path: datapackage.FileName, Count: 1, Expected: "a file for each resource"}
	f := Finding{Message: fmt.Sprintf("there is no file %s: bring it back, or take out its description", path)}
	if res, ok := pkg.Resource(path); ok {
		line, column := pkg.Place(res, "path")
		f.Line, f.Column = int64(line), column
	}
	k.Findings = []Finding{f}
	return k
}

// mistakeKind reports a part of datapackage.json that cannot be followed.
func (p *plan) mistakeKind(m mistake) Kind {
	line, column := p.in.Package.Place(p.res, m.path...)
	return Kind{
		Rule: RuleSchema, Severity: SeverityError, Path: datapackage.FileName, Count: 1,
		Expected: "a description that can be followed",
		Findings: []Finding{{Line: int64(line), Column: column, Message: p.path + ": " + m.text}},
	}
}

// report adds what was found in the table to the report.
func (p *plan) report(ctx context.Context, found *tallies, r *Report) error {
	var rows []int64
	for i := range found.of {
		for _, h := range found.of[i].first {
			if h.row >= 0 {
				rows = append(rows, h.row)
			}
		}
	}
	lines, err := p.linesOf(ctx, rows)
	if err != nil {
		return err
	}
	look := &rowLook{t: p.table, text: p.text}
	for i := range found.of {
		c, t := &p.checks[i], &found.of[i]
		if t.count == 0 {
			continue
		}
		k := Kind{
			Rule: c.rule, Severity: c.severity, Path: p.path, Field: c.field, Name: c.name,
			Expected: c.expected, Count: t.count,
		}
		for _, h := range t.first {
			f, err := p.finding(ctx, c, h, look)
			if err != nil {
				return err
			}
			if h.row >= 0 {
				f.Line = lines[h.row]
			}
			k.Findings = append(k.Findings, f)
		}
		r.Kinds = append(r.Kinds, k)
	}
	return nil
}

func (p *plan) finding(ctx context.Context, c *check, h hit, look *rowLook) (Finding, error) {
	f := Finding{Line: h.line, Column: h.col, Row: h.row + 1, Value: p.text([]byte(h.value)), Message: h.text}
	if h.row < 0 {
		return f, nil
	}
	var err error
	var texts []string
	if len(c.cols) > 0 {
		texts, err = look.cells(ctx, h.row, c.cols)
		f.Value = strings.Join(texts, ", ")
	}
	if err == nil {
		f.Key, err = look.cells(ctx, h.row, p.table.Schema.KeyColumns())
	}
	if f.Message == "" {
		f.Message = c.message(abridged(f.Value))
	}
	switch {
	case len(texts) == 0:
	case c.named:
		f.Message += p.cellsNamed(c.cols, texts)
	default:
		f.Message = fmt.Sprintf("%q: %s", abridged(f.Value), f.Message)
	}
	return f, err
}

// maxNamed is how many cells a message names, at most.
const maxNamed = 8

// cellsNamed says what cells a rule has looked at: ` (count is "3", note is missing)`.
func (p *plan) cellsNamed(cols []int, texts []string) string {
	names, parts := p.names(), []string{}
	for i, col := range cols[:min(len(cols), maxNamed)] {
		parts = append(parts, names[col]+" is "+cellText(texts[i], p.columns[col].missing))
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

func cellText(text string, missing [][]byte) string {
	if isMissing([]byte(text), missing) {
		return "missing"
	}
	return strconv.Quote(abridged(text))
}

// abridged leaves out the middle of a long text: how it begins and ends is what most
// messages are about.
func abridged(text string) string {
	runes := []rune(text)
	if len(runes) <= maxQuoted {
		return text
	}
	return string(runes[:maxQuoted/2]) + "…" + string(runes[len(runes)-maxQuoted/2:])
}

// maxQuoted is how many characters of a cell a message has, at most.
const maxQuoted = 80

// rowLook reads single rows, most of them near the one before.
type rowLook struct {
	t     *tabular.Table
	text  func([]byte) string
	group *tabular.Group
}

// cells returns the texts of a row in some columns.
func (l *rowLook) cells(ctx context.Context, row int64, cols []int) ([]string, error) {
	if l.group == nil || row < l.group.Ref.First || row >= l.group.Ref.First+int64(l.group.Rows()) {
		ref, err := l.t.GroupAt(ctx, row)
		if err != nil {
			return nil, err
		}
		if l.group, err = l.t.Group(ctx, ref); err != nil {
			return nil, err
		}
	}
	var texts []string
	for _, col := range cols {
		c, err := l.group.Cells(ctx, col)
		if err != nil {
			return nil, err
		}
		texts = append(texts, l.text(c.At(int(row-l.group.Ref.First))))
	}
	return texts, nil
}
