package validate

import (
	"context"

	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/tabular"
)

// changeRule is a rule about what became of each row since the base.
type changeRule struct {
	rule
	program *expr.Program
}

// planChangeRule compiles a rule about changes: of every column there are the old
// and the new value, and "change" says what became of the row.
func (p *plan) planChangeRule(vars []expr.Variable, d *ruleDecl) error {
	var both []expr.Variable
	for _, version := range []string{"old.", "new."} {
		for _, v := range vars {
			both = append(both, expr.Variable{Name: version + v.Name, Kind: v.Kind})
		}
	}
	env, err := expr.NewEnv(append(both, expr.Variable{Name: "change", Kind: expr.Text}))
	if err != nil {
		return err
	}
	program, err := env.Compile(d.Change)
	if err != nil {
		return err
	}
	r := &changeRule{program: program}
	p.ruleChecks(&r.rule, RuleChange, d)
	p.changeRules = append(p.changeRules, r)
	return nil
}

// checkChanges evaluates the rules about changes, and looks for damage in them.
func (p *plan) checkChanges(ctx context.Context, found *tallies) error {
	if p.base == nil || p.base.ID == p.table.ID {
		return nil
	}
	diff, err := tabular.Compare(ctx, p.base, p.table, nil)
	if err != nil {
		return err
	}
	width := len(p.columns)
	oldCols := make([]int, width) // where the base has each column, -1 if nowhere
	for i := range oldCols {
		oldCols[i] = p.base.Schema.Column(p.table.Schema.Fields[i].ID)
	}
	old, now := &rowLook{t: p.base, text: p.text}, &rowLook{t: p.table, text: p.text}
	columns := make([]expr.Column, 2*width+1)
	for ch, err := range diff.Changes(ctx, nil) {
		if err != nil {
			return err
		}
		p.judgeDamage(&ch, found)
		if len(p.changeRules) == 0 {
			continue
		}
		if err := p.fillVersion(ctx, columns[:width], old, ch.RowA, oldCols); err != nil {
			return err
		}
		if err := p.fillVersion(ctx, columns[width:2*width], now, ch.RowB, nil); err != nil {
			return err
		}
		var word tabular.Cells
		word.Append([]byte(ch.Kind))
		columns[2*width] = expr.Column{Kind: expr.Text, Texts: word}
		if err := p.judgeChange(ctx, columns, &ch, found); err != nil {
			return err
		}
	}
	for _, r := range p.changeRules {
		r.reportStopped(found)
	}
	return nil
}

// fillVersion reads one version of a row; row is -1 if there is none.
func (p *plan) fillVersion(ctx context.Context, columns []expr.Column, look *rowLook, row int64, cols []int) error {
	for i := range columns {
		at := i
		if cols != nil {
			at = cols[i]
		}
		c := expr.Column{Kind: p.types[i].kind, Values: []int64{0}, Absent: []bool{true}, Texts: tabular.Cells{Ends: []uint32{0}}}
		if row >= 0 && at >= 0 {
			texts, err := look.cells(ctx, row, []int{at})
			if err != nil {
				return err
			}
			p.fillCell(&c, i, texts[0])
		}
		columns[i] = c
	}
	return nil
}

func (p *plan) fillCell(c *expr.Column, col int, text string) {
	if isMissing([]byte(text), p.columns[col].missing) {
		return
	}
	st := stateValue
	if parse := p.types[col].parse; parse != nil {
		c.Values[0], st = parse([]byte(text))
	}
	c.Absent[0] = st != stateValue
	c.Texts = tabular.Cells{}
	c.Texts.Append([]byte(text))
}

// judgeChange evaluates the rules for one changed row.
func (p *plan) judgeChange(ctx context.Context, columns []expr.Column, ch *tabular.Change, found *tallies) error {
	for _, r := range p.changeRules {
		err := r.timed(ctx, func(ctx context.Context) error {
			var out [1]expr.Verdict
			if err := r.program.Rows(ctx, columns, nil, out[:]); err != nil {
				return err
			}
			h := hit{row: ch.RowB}
			if ch.Kind == tabular.RowDeleted {
				h.text = "a row that was deleted (" + p.keyOf(ch) + "): " + p.checks[r.check].message("")
			}
			switch out[0] {
			case expr.False:
				found.addText(r.check, h)
			case expr.Failed:
				found.addText(r.failed, h)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// keyOf is how a message calls a row that is gone.
func (p *plan) keyOf(ch *tabular.Change) string {
	cells := ch.Key
	if len(cells) == 0 {
		cells = ch.Row
	}
	var texts []string
	for _, c := range cells {
		texts = append(texts, p.text(c))
	}
	return quoted(texts, 4)
}
