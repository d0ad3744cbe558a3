package validate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

// scan checks the table's row groups, several at a time, and adds what it finds.
func (p *plan) scan(ctx context.Context, all *tallies) error {
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
		return s.part(ctx, g)
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
			return err
		}
	} else if err := p.scanChanged(ctx, work, deliver, totals); err != nil {
		return err
	}
	if err := p.decideDamage(ctx, stats, all); err != nil {
		return err
	}
	for _, r := range p.rowRules {
		r.reportStopped(all)
	}
	return p.decideTables(ctx, totals, all)
}

func (p *plan) addSums(ctx context.Context, totals, more []sums) error {
	for k, r := range p.tableRules {
		err := r.timed(ctx, -1, func(context.Context) error { return totals[k].join(&more[k], r) })
		if err != nil {
			return err
		}
	}
	return nil
}

// scanChanged checks the rows that have changed. Only rules about the table need
// the others too, in the columns that they speak of.
func (p *plan) scanChanged(ctx context.Context, work func(context.Context, *tabular.Group) (part, error), deliver func(part) error, totals []sums) error {
	if p.changed.count == 0 && p.changed.deleted == 0 {
		p.tableRules = nil
	}
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
	if len(p.tableRules) == 0 {
		return nil
	}
	var spare sync.Pool
	return tabular.MapGroups(ctx, p.table, 0, func(ctx context.Context, g *tabular.Group) ([]sums, error) {
		s, ok := spare.Get().(*scanner)
		if !ok {
			s = newScanner(p)
		}
		defer spare.Put(s)
		s.begin(g)
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

// scanner checks one row group after the other. It is for one goroutine.
type scanner struct {
	p       *plan
	found   *tallies
	first   int64    // the row at which the group begins
	skip    []bool   // rows of which nothing is checked; nil if all are checked
	chosen  []bool   // by column: whether one of its cells is to be checked
	spared  [][]bool // by column: cells that are not to be checked; nil if all are checked
	states  []state
	values  []int64
	memos   []memo
	vectors []expr.Column
	out     []expr.Verdict
	idle    []bool        // rows for which a rule is not evaluated
	sums    []sums        // of the group, by table rule
	seen    []memo        // by column: the traits of texts
	stats   []damageStats // of the group, by column
	groups  grouper
}

func newScanner(p *plan) *scanner {
	n := len(p.columns)
	return &scanner{
		p: p, memos: make([]memo, n), seen: make([]memo, n), vectors: make([]expr.Column, n),
		chosen: make([]bool, n), spared: make([][]bool, n),
	}
}

// begin prepares for a group.
func (s *scanner) begin(g *tabular.Group) {
	p := s.p
	s.first, s.skip = g.Ref.First, nil
	s.found, s.sums = newTallies(len(p.checks), p.o.Limit), make([]sums, len(p.tableRules))
	s.stats = make([]damageStats, len(p.columns))
}

// part checks a group.
func (s *scanner) part(ctx context.Context, g *tabular.Group) (part, error) {
	s.begin(g)
	s.choose(g)
	err := s.group(ctx, g)
	return part{int64(g.Rows()), s.found, s.sums, s.stats}, err
}

// choose finds out which cells of the group are to be checked.
func (s *scanner) choose(g *tabular.Group) {
	c := s.p.changed
	if c == nil {
		for col := range s.chosen {
			s.chosen[col] = true
		}
		return
	}
	s.skip = c.othersRows(g.Ref)
	for col := range s.chosen {
		if cap(s.spared[col]) < g.Rows() {
			s.spared[col] = make([]bool, g.Rows())
		}
		s.spared[col] = s.spared[col][:g.Rows()]
		s.chosen[col] = !c.others(g.Ref, []int{col}, s.spared[col])
	}
}

// group checks a row group.
func (s *scanner) group(ctx context.Context, g *tabular.Group) error {
	if err := s.oddRows(ctx, g); err != nil {
		return err
	}
	due := s.dueRules(g)
	for _, c := range s.p.columns {
		needed := s.chosen[c.col]
		for _, r := range due {
			needed = needed || r.uses(c.col)
		}
		if !needed {
			continue
		}
		cells, err := g.Cells(ctx, c.col)
		if err != nil {
			return err
		}
		s.column(c, cells)
	}
	if err := s.rules(ctx, g, due); err != nil || s.p.changed != nil {
		return err
	}
	return s.tableRules(ctx, g, func(int) error { return nil }) // all columns were read
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

// blankRows looks for rows without any text, first in a column that must be read
// in any case.
func (s *scanner) blankRows(ctx context.Context, g *tabular.Group) error {
	begin := max(0, slices.Index(s.chosen, true))
	first, err := g.Cells(ctx, begin)
	if err != nil {
		return err
	}
	start := uint32(0)
	for row, end := range first.Ends {
		blank := end == start && (s.skip == nil || !s.skip[row])
		start = end
		for col := 0; blank && col < g.Width(); col++ {
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
	if c.vector {
		s.vector(c, cells, states, values)
	}
	if s.skip != nil {
		if !s.chosen[c.col] {
			return
		}
		for i, spared := range s.spared[c.col] {
			if spared {
				states[i] = stateMissing
			}
		}
	}
	for _, l := range c.limits {
		s.limit(c, &l, cells, states, values)
	}
	if len(c.texts) > 0 {
		s.texts(c, cells, states)
	}
	if c.damage != nil {
		s.damage(c, cells, states)
	}
}

// parse finds out what each cell is, and reports those that have to be checked and
// are not what they should be.
func (s *scanner) parse(c *columnPlan, cells tabular.Cells, states []state, values []int64) {
	start := uint32(0)
	for i, end := range cells.Ends {
		text := cells.Data[start:end]
		start = end
		if s.skip != nil && s.skip[i] {
			states[i] = stateMissing
			continue
		}
		report := s.skip == nil || !s.spared[c.col][i]
		st := stateValue
		if isMissing(text, c.missing) {
			st = stateMissing
			if c.required >= 0 && report {
				s.found.add(c.required, s.first+int64(i), text)
			}
		} else if c.typ.parse != nil {
			if values[i], st = c.typ.parse(text); st == stateWrong && report {
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
