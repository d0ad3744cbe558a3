package validate

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/tabular"
)

// Limits on rules about tables, which keep their memory within bounds.
const (
	maxGroups   = 1 << 18 // groups of a rule with "per"
	maxDistinct = 1 << 22 // different values in all groups
)

// tableRule is a rule about all rows, or about all rows of each group.
type tableRule struct {
	rule
	program *expr.Table
	per     []int
	columns []int // that it needs, ascending
	seed    maphash.Seed
	print   []byte // what its sums depend on besides cells; nil if they are not kept
}

func (p *plan) planTableRule(env *expr.Env, d *ruleDecl) error {
	program, err := env.CompileTable(d.Table)
	if err != nil {
		return err
	}
	r := &tableRule{program: program, seed: maphash.MakeSeed()}
	if len(d.Per) > 0 {
		cols, ok := columnsOf(p.table, d.Per)
		if !ok {
			return fmt.Errorf("it is per %s, and the file has no such column", quoted(d.Per, 8))
		}
		r.per = cols
	}
	p.ruleChecks(&r.rule, RuleTable, d)
	r.columns = append(program.Uses(), r.per...)
	slices.Sort(r.columns)
	r.columns = slices.Compact(r.columns)
	for _, col := range r.columns {
		p.columns[col].vector = true
	}
	r.print = p.printOf(r)
	p.tableRules = append(p.tableRules, r)
	return nil
}

// sums is what is known of the groups so far.
type sums struct {
	groups   map[string]*groupSums
	order    []*groupSums
	distinct int
}

// groupSums is what is known of the rows of one group.
type groupSums struct {
	key   string
	texts []string
	first int64 // its first row
	of    []sum
}

// sum is an aggregate under way.
type sum struct {
	n        int64
	whole    int64
	overflow bool
	number   float64
	least    int64 // or the bits of a number
	most     int64
	set      map[uint64]struct{}
}

func newSums() sums { return sums{groups: make(map[string]*groupSums)} }

// group returns the sums of the rows that have a key, and begins with them if there
// are none.
func (s *sums) group(key []byte, r *tableRule, first int64, texts func() []string) *groupSums {
	g := s.groups[string(key)]
	if g == nil {
		g = &groupSums{key: string(key), first: first, texts: texts(), of: make([]sum, len(r.program.Aggregates))}
		s.groups[g.key] = g
		s.order = append(s.order, g)
	}
	return g
}

// tableRules sums up the rows of a group for the rules about the table. Sums that are
// known from an earlier run are not made again.
func (s *scanner) tableRules(ctx context.Context, g *tabular.Group, read func(col int) error) error {
	for k, r := range s.p.tableRules {
		known := false
		if s.sums[k], known = s.p.knownSums(r, g); known {
			continue
		}
		for _, col := range r.columns {
			if err := read(col); err != nil {
				return err
			}
		}
		err := r.timed(ctx, s.first, func(ctx context.Context) error {
			err := s.sum(ctx, r, &s.sums[k], g.Rows())
			if err == nil {
				s.p.keepSums(r, g, &s.sums[k])
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// sumGroup sums up a whole row group and finds nothing. It reads no column that is not
// needed.
func (s *scanner) sumGroup(ctx context.Context, g *tabular.Group) error {
	var have []int
	return s.tableRules(ctx, g, func(col int) error {
		if slices.Contains(have, col) {
			return nil
		}
		have = append(have, col)
		cells, err := g.Cells(ctx, col)
		if err == nil {
			c := s.p.columns[col]
			s.column(&columnPlan{col: col, typ: c.typ, missing: c.missing, required: -1, wrongType: c.wrongType, vector: true}, cells)
		}
		return err
	})
}

// sum adds the rows of a row group.
func (s *scanner) sum(ctx context.Context, r *tableRule, to *sums, rows int) error {
	*to = newSums()
	of := s.groups.find(s, r, to, rows)
	for k := range r.program.Aggregates {
		a := &r.program.Aggregates[k]
		for row := range rows {
			if err := s.addTo(ctx, r, a, &of[row].of[k], row); err != nil {
				return err
			}
		}
	}
	return nil
}

// grouper finds out to which group of a rule each row belongs.
type grouper struct {
	of    []*groupSums // by row
	key   []byte
	seed  maphash.Seed
	known []*groupSums // by hash: the last of that hash, of this row group
}

const grouperSlots = 1 << 12

func (f *grouper) find(s *scanner, r *tableRule, to *sums, rows int) []*groupSums {
	if cap(f.of) < rows {
		f.of = make([]*groupSums, rows)
	}
	f.of = f.of[:rows]
	if len(r.per) == 0 {
		g := to.group(nil, r, s.first, func() []string { return nil })
		for row := range f.of {
			f.of[row] = g
		}
		return f.of
	}
	if f.known == nil {
		f.known, f.seed = make([]*groupSums, grouperSlots), maphash.MakeSeed()
	}
	clear(f.known)
	for row := range f.of {
		f.key = f.key[:0]
		for _, col := range r.per {
			text := s.vectors[col].Texts.At(row)
			f.key = append(binary.AppendUvarint(f.key, uint64(len(text))), text...)
		}
		slot := &f.known[maphash.Bytes(f.seed, f.key)%grouperSlots]
		if *slot == nil || (*slot).key != string(f.key) {
			*slot = to.group(f.key, r, s.first+int64(row), func() []string { return s.p.groupTexts(f.key) })
		}
		f.of[row] = *slot
	}
	return f.of
}

// addTo adds one row to an aggregate.
func (s *scanner) addTo(ctx context.Context, r *tableRule, a *expr.Aggregate, to *sum, row int) error {
	if a.Function == expr.Rows {
		to.n++
		return nil
	}
	if a.Arg.Kind() == expr.Text {
		text := s.vectors[a.Arg.Uses()[0]].Text(row)
		if len(text) == 0 {
			return nil
		}
		to.n++
		if a.Function == expr.Distinct {
			to.put(maphash.Bytes(r.seed, text))
		}
		return nil
	}
	v, ok, err := a.Arg.Value(ctx, s.vectors, row)
	if err != nil || !ok {
		return err
	}
	to.add(a, v)
	return nil
}

func (to *sum) put(hash uint64) {
	if to.set == nil {
		to.set = make(map[uint64]struct{})
	}
	to.set[hash] = struct{}{}
}

func (to *sum) add(a *expr.Aggregate, v int64) {
	if a.Function == expr.Count && a.Arg.Kind() == expr.Boolean && v == 0 {
		return
	}
	if to.n++; to.n == 1 {
		to.least, to.most = v, v
	}
	number := a.Arg.Kind() == expr.Number
	switch a.Function {
	case expr.Distinct:
		to.put(uint64(v))
	case expr.Sum, expr.Mean:
		if number {
			to.number += math.Float64frombits(uint64(v))
			return
		}
		to.number += float64(v)
		before := to.whole
		to.whole += v
		to.overflow = to.overflow || (to.whole < before) != (v < 0)
	case expr.Min, expr.Max:
		if less(v, to.least, number) {
			to.least = v
		}
		if less(to.most, v, number) {
			to.most = v
		}
	}
}

func less(a, b int64, number bool) bool {
	if number {
		return math.Float64frombits(uint64(a)) < math.Float64frombits(uint64(b))
	}
	return a < b
}

// join adds what is known of later rows.
func (s *sums) join(o *sums, r *tableRule) error {
	for _, g := range o.order {
		to := s.group([]byte(g.key), r, g.first, func() []string { return g.texts })
		for k := range g.of {
			a, from, into := &r.program.Aggregates[k], &g.of[k], &to.of[k]
			if into.n == 0 {
				into.least, into.most = from.least, from.most
			} else if number := a.Kind == expr.Number; from.n > 0 {
				if less(from.least, into.least, number) {
					into.least = from.least
				}
				if less(into.most, from.most, number) {
					into.most = from.most
				}
			}
			before := into.whole
			into.n, into.number, into.whole = into.n+from.n, into.number+from.number, into.whole+from.whole
			into.overflow = into.overflow || from.overflow || (into.whole < before) != (from.whole < 0)
			for h := range from.set {
				n := len(into.set)
				into.put(h)
				s.distinct += len(into.set) - n
			}
		}
	}
	if len(s.order) > maxGroups || s.distinct > maxDistinct {
		return fmt.Errorf("%w: more than %d groups or %d different values", expr.ErrSlow, maxGroups, maxDistinct)
	}
	return nil
}

// value returns an aggregate's value as a column of one row.
func (to *sum) value(a *expr.Aggregate) expr.Column {
	c := expr.Column{Kind: a.Kind, Values: []int64{0}, Absent: []bool{false}}
	v := &c.Values[0]
	switch a.Function {
	case expr.Rows, expr.Count:
		*v = to.n
	case expr.Distinct:
		*v = int64(len(to.set))
	case expr.Sum:
		if *v = to.whole; a.Kind == expr.Number {
			*v = int64(math.Float64bits(to.number))
		}
		c.Absent[0] = to.overflow
	case expr.Mean:
		*v, c.Absent[0] = int64(math.Float64bits(to.number/float64(to.n))), to.n == 0
	case expr.Min:
		*v, c.Absent[0] = to.least, to.n == 0
	case expr.Max:
		*v, c.Absent[0] = to.most, to.n == 0
	}
	return c
}

// decideTables evaluates the rules about tables.
func (p *plan) decideTables(ctx context.Context, all []sums, found *tallies) error {
	for k, r := range p.tableRules {
		err := r.timed(ctx, -1, func(ctx context.Context) error {
			for _, g := range all[k].order {
				values := make([]expr.Column, len(g.of))
				for i := range g.of {
					values[i] = g.of[i].value(&r.program.Aggregates[i])
				}
				v, err := r.program.Holds(ctx, values)
				if err != nil {
					return err
				}
				if v == expr.False || v == expr.Failed {
					found.addText(r.check, r.finding(g, values))
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		r.reportStopped(found)
	}
	return nil
}

// finding says for which group a rule does not hold, and what the values were.
func (r *tableRule) finding(g *groupSums, values []expr.Column) hit {
	text := r.decl.Message
	if text == "" {
		text = "the rule does not hold: " + r.decl.Table
	}
	var parts []string
	for i := range values {
		parts = append(parts, r.program.Aggregates[i].Text+" is "+valueText(&values[i]))
	}
	h := hit{row: -1}
	if len(r.per) > 0 {
		h.row = g.first
		text = strings.Join(g.texts, ", ") + ": " + text
	}
	h.text = fmt.Sprintf("%s (%s)", text, strings.Join(parts, ", "))
	return h
}

func valueText(c *expr.Column) string {
	if c.IsAbsent(0) {
		return "missing"
	}
	switch c.Kind {
	case expr.Number:
		return strconv.FormatFloat(c.Float(0), 'g', 10, 64)
	case expr.Moment:
		return time.UnixMicro(c.Values[0]).UTC().Format(time.RFC3339)
	}
	return strconv.FormatInt(c.Values[0], 10)
}
