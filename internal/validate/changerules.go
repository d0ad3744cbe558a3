package validate

import (
	"context"
	"slices"
	"strconv"
	"strings"

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

// compare goes through what became of the table since its base: it looks for damage,
// evaluates the rules about changes, and with changedOnly notes what has to be
// checked.
func (p *plan) compare(ctx context.Context, changedOnly bool, found *tallies) error {
	if p.base == nil {
		return nil
	}
	p.sure = make([]bits, len(p.columns))
	j := p.newChangeJudge()
	o := &tabular.DiffOptions{NoKeys: len(p.changeRules) == 0} // they are for messages about rows that are gone
	changed, err := compareBase(ctx, p.base, p.table, o, func(ch *tabular.Change) error {
		p.judgeDamage(ch, found)
		if len(p.changeRules) == 0 {
			return nil
		}
		return j.judge(ctx, ch, found)
	})
	if err != nil {
		return err
	}
	if changedOnly {
		p.changed = changed
	}
	for _, r := range p.changeRules {
		r.reportStopped(found)
	}
	return nil
}

// changeJudge evaluates the rules about changes, row after row.
type changeJudge struct {
	p        *plan
	oldCols  []int // where the base has each column, -1 if nowhere
	needed   []int // the variables that the rules speak of
	old, now *rowLook
	columns  []expr.Column // the old values, the new ones, and the word for the change
}

func (p *plan) newChangeJudge() *changeJudge {
	width := len(p.columns)
	j := &changeJudge{p: p, oldCols: make([]int, width), columns: make([]expr.Column, 2*width+1),
		old: &rowLook{t: p.base, text: p.text}, now: &rowLook{t: p.table, text: p.text}}
	for i := range j.oldCols {
		j.oldCols[i] = p.base.Schema.Column(p.table.Schema.Fields[i].ID)
	}
	for _, r := range p.changeRules {
		j.needed = append(j.needed, r.program.Uses()...)
	}
	slices.Sort(j.needed)
	j.needed = slices.Compact(j.needed)
	return j
}

// fill reads the values of a row that the rules need.
func (j *changeJudge) fill(ctx context.Context, ch *tabular.Change) error {
	width := len(j.p.columns)
	for _, v := range j.needed {
		if v == 2*width {
			var word tabular.Cells
			word.Append([]byte(ch.Kind))
			j.columns[v] = expr.Column{Kind: expr.Text, Texts: word}
			continue
		}
		look, row, at, col := j.now, ch.RowB, v-width, v-width
		if v < width {
			look, row, at, col = j.old, ch.RowA, j.oldCols[v], v
		}
		c := expr.Column{Kind: j.p.types[col].kind, Values: []int64{0}, Absent: []bool{true}, Texts: tabular.Cells{Ends: []uint32{0}}}
		if row >= 0 && at >= 0 {
			texts, err := look.cells(ctx, row, []int{at})
			if err != nil {
				return err
			}
			j.p.fillCell(&c, col, texts[0])
		}
		j.columns[v] = c
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

// judge evaluates the rules for one changed row.
func (j *changeJudge) judge(ctx context.Context, ch *tabular.Change, found *tallies) error {
	if err := j.fill(ctx, ch); err != nil {
		return err
	}
	for _, r := range j.p.changeRules {
		err := r.timed(ctx, ch.RowB, func(ctx context.Context) error {
			var out [1]expr.Verdict
			if err := r.program.Rows(ctx, j.columns, nil, out[:]); err != nil {
				return err
			}
			switch out[0] {
			case expr.False:
				found.addText(r.check, j.finding(r, r.check, ch, found))
			case expr.Failed:
				found.addText(r.failed, j.finding(r, r.failed, ch, found))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// finding says which change breaks a rule, and what the rule looked at, if there is
// room for another.
func (j *changeJudge) finding(r *changeRule, check int, ch *tabular.Change, found *tallies) hit {
	h := hit{row: ch.RowB}
	if len(found.of[check].first) >= found.limit {
		return h
	}
	h.text = j.p.checks[check].message("")
	if ch.Kind == tabular.RowDeleted {
		h.text = "a row that was deleted (" + j.p.keyOf(ch) + "): " + h.text
	}
	names, width := j.p.names(), len(j.p.columns)
	var parts []string
	for _, v := range r.program.Uses() {
		if v < 2*width && len(parts) < maxNamed {
			version := "old."
			if v >= width {
				version = "new."
			}
			text := "missing"
			if c := &j.columns[v]; !c.IsAbsent(0) {
				text = strconv.Quote(abridged(string(c.Texts.At(0))))
			}
			parts = append(parts, version+names[v%width]+" is "+text)
		}
	}
	if len(parts) > 0 {
		h.text += " (" + strings.Join(parts, ", ") + ")"
	}
	return h
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
