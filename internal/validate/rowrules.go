package validate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// defaultRuleTime is how long a rule of people's own may take in all.
const defaultRuleTime = time.Minute

// rule is what all rules of people's own have.
type rule struct {
	decl    *ruleDecl
	check   int // what it finds
	failed  int // rows in which it has no value
	stop    int // that it was stopped
	spent   atomic.Int64
	stopped atomic.Pointer[hit] // where and why
	limit   time.Duration
}

// rowRule is a rule about each row alone.
type rowRule struct {
	rule
	program *expr.Program
}

// title is what a rule is called.
func (d *ruleDecl) title() string {
	if d.Name != "" {
		return d.Name
	}
	return d.text()
}

func (d *ruleDecl) text() string { return cmp.Or(d.Row, d.Table, d.Change) }

// planRules compiles the rules.
func (p *plan) planRules() (wrong []mistake) {
	if len(p.schema.rules) == 0 {
		return nil
	}
	names := p.names()
	vars := make([]expr.Variable, len(names))
	for i, name := range names {
		vars[i] = expr.Variable{Name: name, Kind: p.types[i].kind}
	}
	env, err := expr.NewEnv(vars)
	if err != nil {
		return []mistake{{[]any{"schema", "constl", "rules"}, err.Error()}}
	}
	for i := range p.schema.rules {
		d := &p.schema.rules[i]
		at := func(part string) []any { return []any{"schema", "constl", "rules", d.index, part} }
		var err error
		kind := ""
		switch {
		case d.Row != "" && d.Table == "" && d.Change == "" && d.Per == nil:
			kind, err = "row", p.planRowRule(env, d)
		case d.Table != "" && d.Row == "" && d.Change == "":
			kind, err = "table", p.planTableRule(env, d)
		case d.Change != "" && d.Row == "" && d.Table == "" && d.Per == nil:
			kind, err = "change", p.planChangeRule(vars, d)
		default:
			err = errors.New(`a rule has exactly one of "row", "table" and "change"; "per" goes with "table"`)
		}
		if d.Severity != "" && d.Severity != SeverityError && d.Severity != SeverityWarning {
			wrong = append(wrong, mistake{at("severity"), `severity should be "error" or "warning"`})
		}
		if err != nil {
			wrong = append(wrong, mistake{at(kind), fmt.Sprintf("the rule %s is not checked: %s", d.title(), err)})
		}
	}
	return wrong
}

// ruleChecks enters the checks of a rule.
func (p *plan) ruleChecks(r *rule, id string, d *ruleDecl) {
	severity := SeverityError
	if d.Severity == SeverityWarning {
		severity = SeverityWarning
	}
	r.decl, r.limit = d, p.o.RuleTime
	message := d.Message
	if message == "" {
		message = "the rule does not hold: " + d.text()
	}
	say := func(string) string { return message }
	r.check = p.addCheck(check{rule: id, severity: severity, name: d.title(), expected: d.text(), message: say})
	r.failed = p.addCheck(check{rule: id, severity: severity, name: d.title(), expected: d.text(),
		message: func(string) string {
			return "the rule has no value here, as after a division by zero: " + d.text()
		}})
	r.stop = p.addCheck(check{rule: RuleStopped, severity: SeverityError, name: d.title(), expected: "a rule that can be checked in a minute"})
}

func (p *plan) planRowRule(env *expr.Env, d *ruleDecl) error {
	program, err := env.Compile(d.Row)
	if err != nil {
		return err
	}
	r := &rowRule{program: program}
	p.ruleChecks(&r.rule, RuleRow, d)
	for _, n := range []int{r.check, r.failed} {
		p.checks[n].cols, p.checks[n].named = program.Uses(), true
	}
	for _, col := range program.Uses() {
		p.columns[col].vector = true
	}
	p.rowRules = append(p.rowRules, r)
	return nil
}

// timed runs a part of a rule's work, on rows from first on, within what is left of its
// time. It fails only if the whole validation is to end.
func (r *rule) timed(ctx context.Context, first int64, work func(ctx context.Context) error) error {
	left := r.limit - time.Duration(r.spent.Load())
	if r.stopped.Load() != nil {
		return nil
	}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	err := work(limited)
	r.spent.Add(int64(time.Since(began)))
	if errors.Is(err, expr.ErrSlow) {
		at := hit{row: -1, text: strings.TrimPrefix(err.Error(), "expr: ") + "; the rule is not checked any further"}
		if slow := (*expr.SlowError)(nil); errors.As(err, &slow) && first >= 0 {
			at.row = first + int64(slow.Row)
		}
		r.stopped.Store(&at)
		return nil
	}
	return err
}

// reportStopped says of a rule that it was not checked to the end.
func (r *rule) reportStopped(found *tallies) {
	if at := r.stopped.Load(); at != nil {
		found.addText(r.stop, *at)
	}
}

// uses reports whether a rule needs the values of a column.
func (r *rowRule) uses(col int) bool { return slices.Contains(r.program.Uses(), col) }

// dueRules returns the rules about rows that can have another verdict in the group
// than they had in the base: all, if there is none.
func (s *scanner) dueRules(g *tabular.Group) []*rowRule {
	if s.p.changed == nil {
		return s.p.rowRules
	}
	var due []*rowRule
	for _, r := range s.p.rowRules {
		if slices.ContainsFunc(r.program.Uses(), func(col int) bool { return s.chosen[col] }) {
			due = append(due, r)
		}
	}
	return due
}

// rules evaluates rules about rows, in those in which one of their columns is to be
// checked.
func (s *scanner) rules(ctx context.Context, g *tabular.Group, due []*rowRule) error {
	for _, r := range due {
		err := r.timed(ctx, s.first, func(ctx context.Context) error {
			out, idle := s.verdicts(g.Rows()), []bool(nil)
			if s.p.changed != nil {
				s.p.changed.others(g.Ref, r.program.Uses(), s.idle[:g.Rows()])
				idle = s.idle[:g.Rows()]
			}
			if err := r.program.Rows(ctx, s.vectors, idle, out); err != nil {
				return err
			}
			for i, v := range out {
				switch {
				case idle != nil && idle[i]:
				case v == expr.False:
					s.found.add(r.check, s.first+int64(i), nil)
				case v == expr.Failed:
					s.found.add(r.failed, s.first+int64(i), nil)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// verdicts returns room for a verdict on each of some rows, and makes as much for
// saying of which there is none.
func (s *scanner) verdicts(rows int) []expr.Verdict {
	if cap(s.out) < rows {
		s.out, s.idle = make([]expr.Verdict, rows), make([]bool, rows)
	}
	out := s.out[:rows]
	clear(out)
	return out
}

// vector keeps a column's values for the rules.
func (s *scanner) vector(c *columnPlan, cells tabular.Cells, states []state, values []int64) {
	v := &s.vectors[c.col]
	v.Kind, v.Texts = c.typ.kind, cells
	if v.Kind == expr.Text && s.p.layout.Encoding == csv.Windows1252 && !ascii(cells.Data) {
		v.Texts = tabular.Cells{}
		for i := range cells.Len() {
			v.Texts.Append([]byte(s.p.text(cells.At(i))))
		}
	}
	v.Values = append(v.Values[:0], values...)
	v.Absent = v.Absent[:0]
	for _, st := range states {
		v.Absent = append(v.Absent, st != stateValue)
	}
}
