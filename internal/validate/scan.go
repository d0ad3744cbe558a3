package validate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"math"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// part is what was found in one row group.
type part struct {
	rows  int64
	found *tallies
	sums  []sums
	stats []damageStats
}

// scan checks the table's row groups, several at a time.
func (p *plan) scan(ctx context.Context) (*tallies, error) {
	all := newTallies(len(p.checks), p.o.Limit)
	totals := make([]sums, len(p.tableRules))
	for i := range totals {
		totals[i] = newSums()
	}
	stats := make([]damageStats, len(p.columns))
	var spare sync.Pool
	work := func(ctx context.Context, g *tabular.Group) (part, error) {
		s, ok := spare.Get().(*scanner)
		if !ok {
			s = newScanner(p)
		}
		defer spare.Put(s)
		s.found, s.sums = newTallies(len(p.checks), p.o.Limit), make([]sums, len(p.tableRules))
		s.stats = make([]damageStats, len(p.columns))
		err := s.group(ctx, g)
		return part{int64(g.Rows()), s.found, s.sums, s.stats}, err
	}
	done := int64(0)
	deliver := func(found part) error {
		all.join(found.found)
		for i := range stats {
			stats[i].join(&found.stats[i], p.o.Limit)
		}
		if done += found.rows; p.o.Progress != nil {
			p.o.Progress(done, p.table.Rows)
		}
		return p.addSums(ctx, totals, found.sums)
	}
	if p.changed == nil {
		if err := tabular.MapGroups(ctx, p.table, 0, work, deliver); err != nil {
			return nil, err
		}
	} else if err := p.scanChanged(ctx, work, deliver, totals); err != nil {
		return nil, err
	}
	for _, c := range p.columns {
		if c.damage != nil {
			c.damage.decide(&stats[c.col], all)
		}
	}
	for _, r := range p.rowRules {
		r.reportStopped(all)
	}
	return all, p.decideTables(ctx, totals, all)
}

func (p *plan) addSums(ctx context.Context, totals, more []sums) error {
	for k, r := range p.tableRules {
		err := r.timed(ctx, func(context.Context) error { return totals[k].join(&more[k], r) })
		if err != nil {
			return err
		}
	}
	return nil
}

// scanChanged checks the rows that have changed. Only rules about the table need
// the others too, in the columns that they speak of.
func (p *plan) scanChanged(ctx context.Context, work func(context.Context, *tabular.Group) (part, error), deliver func(part) error, totals []sums) error {
	for refs := range slices.Chunk(p.changed.groups, 64) {
		parts, err := p.scanGroups(ctx, refs, work)
		if err != nil {
			return err
		}
		for _, found := range parts {
			found.sums = make([]sums, len(p.tableRules))
			if err := deliver(found); err != nil {
				return err
			}
		}
	}
	if len(p.tableRules) == 0 || p.changed.count == 0 && p.changed.deleted == 0 {
		p.tableRules = nil
		return nil
	}
	return tabular.MapGroups(ctx, p.table, 0, func(ctx context.Context, g *tabular.Group) ([]sums, error) {
		s := newScanner(p)
		s.first, s.found, s.sums = g.Ref.First, newTallies(len(p.checks), 0), make([]sums, len(p.tableRules))
		return s.sums, s.sumGroup(ctx, g)
	}, func(more []sums) error { return p.addSums(ctx, totals, more) })
}

// scanGroups runs work on some row groups, several at a time, and returns what it
// found in their order.
func (p *plan) scanGroups(ctx context.Context, refs []tabular.GroupRef, work func(context.Context, *tabular.Group) (part, error)) ([]part, error) {
	parts, errs := make([]part, len(refs)), make([]error, len(refs))
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(refs)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(refs)); i = next.Add(1) - 1 {
				g, err := p.table.Group(ctx, refs[i])
				if err == nil {
					parts[i], err = work(ctx, g)
				}
				errs[i] = err
			}
		})
	}
	workers.Wait()
	return parts, errors.Join(errs...)
}

// sumGroup sums up a whole row group and finds nothing.
func (s *scanner) sumGroup(ctx context.Context, g *tabular.Group) error {
	for _, c := range s.p.columns {
		if !c.vector {
			continue
		}
		cells, err := g.Cells(ctx, c.col)
		if err != nil {
			return err
		}
		states, values := make([]state, cells.Len()), make([]int64, cells.Len())
		s.parse(c, cells, states, values)
		s.vector(c, cells, states, values)
	}
	return s.tableRules(ctx, g.Rows())
}

// scanner checks one row group after the other. It is for one goroutine.
type scanner struct {
	p       *plan
	found   *tallies
	first   int64 // the row at which the group begins
	skip    []bool
	states  []state
	values  []int64
	memos   []memo
	vectors []expr.Column
	out     []expr.Verdict
	sums    []sums        // of the group, by table rule
	seen    []memo        // by column: the traits of texts
	stats   []damageStats // of the group, by column
}

func newScanner(p *plan) *scanner {
	return &scanner{
		p: p, memos: make([]memo, len(p.columns)), seen: make([]memo, len(p.columns)), vectors: make([]expr.Column, len(p.columns)),
	}
}

// memo remembers which texts a column's text checks have passed, so that a text
// that stands there often is looked at once.
type memo struct {
	seed  maphash.Seed
	slots []memoSlot
}

type memoSlot struct {
	text []byte
	set  bool
	bad  uint32 // bits: the checks that it does not pass
}

const memoSlots = 1 << 12

// group checks a row group.
func (s *scanner) group(ctx context.Context, g *tabular.Group) error {
	s.first = g.Ref.First
	s.skip = nil
	if s.p.changed != nil {
		s.skip = s.p.changed.others(g.Ref)
	}
	if err := s.oddRows(ctx, g); err != nil {
		return err
	}
	for _, c := range s.p.columns {
		cells, err := g.Cells(ctx, c.col)
		if err != nil {
			return err
		}
		s.column(c, cells)
	}
	return s.rules(ctx, g.Rows())
}

// oddRows checks the shape of rows: short, long and blank ones.
func (s *scanner) oddRows(ctx context.Context, g *tabular.Group) error {
	list, err := g.Exceptions(ctx)
	if err != nil {
		return err
	}
	width := g.Width()
	for i := range list {
		x := &list[i]
		if x.Col != tabular.WholeRow || s.skip != nil && s.skip[x.Row] {
			continue
		}
		switch x.Code {
		case csv.CodeShort:
			n := csv.ShortCells(x.Text, width)
			s.found.addText(s.p.missingCell, hit{row: s.first + int64(x.Row), text: fmt.Sprintf("the row has %d cells instead of %d", n, width)})
		case csv.CodeExtra:
			s.found.addText(s.p.extraCell, hit{row: s.first + int64(x.Row), value: s.p.text(x.Text),
				text: fmt.Sprintf("the row goes on behind its last cell: %s", s.p.text(x.Text))})
		}
	}
	return s.blankRows(ctx, g)
}

// blankRows looks for rows without any text.
func (s *scanner) blankRows(ctx context.Context, g *tabular.Group) error {
	first, err := g.Cells(ctx, 0)
	if err != nil {
		return err
	}
	start := uint32(0)
	for row, end := range first.Ends {
		blank := end == start && (s.skip == nil || !s.skip[row])
		start = end
		for col := 1; blank && col < g.Width(); col++ {
			cells, err := g.Cells(ctx, col)
			if err != nil {
				return err
			}
			blank = len(cells.At(row)) == 0
		}
		if blank {
			s.found.add(s.p.blankRow, s.first+int64(row), nil)
		}
	}
	return nil
}

// column checks the cells of a column.
func (s *scanner) column(c *columnPlan, cells tabular.Cells) {
	n := cells.Len()
	if cap(s.states) < n {
		s.states, s.values = make([]state, n), make([]int64, n)
	}
	states, values := s.states[:n], s.values[:n]
	s.parse(c, cells, states, values)
	for _, l := range c.limits {
		s.limit(c, &l, cells, states, values)
	}
	if len(c.texts) > 0 {
		s.texts(c, cells, states)
	}
	if c.damage != nil {
		s.damage(c, cells, states)
	}
	if c.vector {
		s.vector(c, cells, states, values)
	}
}

// parse finds out what each cell is.
func (s *scanner) parse(c *columnPlan, cells tabular.Cells, states []state, values []int64) {
	start := uint32(0)
	for i, end := range cells.Ends {
		text := cells.Data[start:end]
		start = end
		if s.skip != nil && s.skip[i] {
			states[i] = stateMissing
			continue
		}
		st := stateValue
		if isMissing(text, c.missing) {
			st = stateMissing
			if c.required >= 0 {
				s.found.add(c.required, s.first+int64(i), text)
			}
		} else if c.typ.parse != nil {
			if values[i], st = c.typ.parse(text); st == stateWrong {
				s.found.add(c.wrongType, s.first+int64(i), text)
			}
		}
		states[i] = st
	}
}

func isMissing(text []byte, missing [][]byte) bool {
	for _, m := range missing {
		if len(m) == len(text) && (len(m) == 0 || bytes.Equal(m, text)) {
			return true
		}
	}
	return false
}

// limit checks a minimum or a maximum. What is no number is outside of each.
func (s *scanner) limit(c *columnPlan, l *limit, cells tabular.Cells, states []state, values []int64) {
	at := math.Float64frombits(uint64(l.at))
	for i, v := range values {
		if states[i] != stateValue {
			continue
		}
		var order int // of the value against the limit
		if c.typ.kind == expr.Number {
			f := math.Float64frombits(uint64(v))
			if order = compare(f, at); f != f {
				s.found.add(l.check, s.first+int64(i), cells.At(i))
				continue
			}
		} else {
			order = compare(v, l.at)
		}
		if order == 0 && !l.open || order != 0 && order < 0 == l.over {
			continue
		}
		s.found.add(l.check, s.first+int64(i), cells.At(i))
	}
}

func compare[T int64 | float64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// texts runs the checks of texts.
func (s *scanner) texts(c *columnPlan, cells tabular.Cells, states []state) {
	m := &s.memos[c.col]
	if m.slots == nil {
		*m = memo{maphash.MakeSeed(), make([]memoSlot, memoSlots)}
	}
	for i, st := range states {
		if st != stateValue {
			continue
		}
		text := cells.At(i)
		bad := m.look(text, func() uint32 { return badTexts(c.texts, s.p.text, text) })
		for k := 0; bad != 0; k++ {
			if bad&1 != 0 {
				s.found.add(c.texts[k].check, s.first+int64(i), text)
			}
			bad >>= 1
		}
	}
}

// look returns what is known of a text, or finds it out.
func (m *memo) look(text []byte, find func() uint32) uint32 {
	slot := &m.slots[maphash.Bytes(m.seed, text)%memoSlots]
	if slot.set && bytes.Equal(slot.text, text) {
		return slot.bad
	}
	slot.bad = find()
	slot.text, slot.set = append(slot.text[:0], text...), true
	return slot.bad
}

// badTexts returns which checks a text does not pass, one bit for each.
func badTexts(checks []textCheck, read func([]byte) string, text []byte) (bad uint32) {
	if !ascii(text) {
		text = []byte(read(text))
	}
	for k := range checks {
		if !checks[k].ok(text) {
			bad |= 1 << k
		}
	}
	return bad
}

func ascii(text []byte) bool {
	for _, c := range text {
		if c >= 0x80 {
			return false
		}
	}
	return true
}
