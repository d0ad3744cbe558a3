package merge

import (
	"context"
	"errors"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// region is a stretch of the table between two places where all three versions
// meet at the end of a row group.
type region struct {
	at                         [3]span // by sideName
	oursChanged, theirsChanged bool    // against the base
	equal                      bool    // ours and theirs have the same groups

	grids   [3]*grid
	matches [3]*match // of ours and theirs
}

func (r *region) changed(s sideName) bool {
	if s == sideOurs {
		return r.oursChanged
	}
	return r.theirsChanged
}

// cutRegions finds the places where all three versions meet: after groups that
// both sides have unchanged, or that end in the same row.
func cutRegions(sides *[3]side) []region {
	base := &sides[sideBase]
	edges := [3][]int{nil, edgesOf(base, &sides[sideOurs]), edgesOf(base, &sides[sideTheirs])}
	var out []region
	var from [3]int
	for i := 0; i <= len(base.groups); i++ {
		if edges[1][i] < 0 || edges[2][i] < 0 {
			continue
		}
		to := [3]int{i, edges[1][i], edges[2][i]}
		if to == from {
			continue
		}
		var r region
		for s := range r.at {
			r.at[s] = span{from[s], to[s]}
		}
		r.compare(sides)
		out = append(out, r)
		from = to
	}
	return out
}

func (r *region) compare(sides *[3]side) {
	r.oursChanged = !sameGroups(&sides[sideBase], r.at[sideBase], &sides[sideOurs], r.at[sideOurs])
	r.theirsChanged = !sameGroups(&sides[sideBase], r.at[sideBase], &sides[sideTheirs], r.at[sideTheirs])
	r.equal = sameGroups(&sides[sideOurs], r.at[sideOurs], &sides[sideTheirs], r.at[sideTheirs])
}

func sameGroups(a *side, at span, b *side, bt span) bool {
	return sameShape(a, b) && slices.EqualFunc(a.groups[at.from:at.to], b.groups[bt.from:bt.to],
		func(x, y tabular.GroupRef) bool { return x.ID == y.ID })
}

// orderedShare is the share of row groups, one in so many, that end alike where rows
// kept their order.
const orderedShare = 4

// edgesOf returns for every edge between the base's groups the edge of the side
// that stands opposite, or -1 where none does.
func edgesOf(base, s *side) []int {
	edges := make([]int, len(base.groups)+1)
	for i := range edges {
		edges[i] = -1
	}
	ids := make(map[any]int32)
	number := func(key any) int32 {
		n, ok := ids[key]
		if !ok {
			n = int32(len(ids))
			ids[key] = n
		}
		return n
	}
	byID := alignGroups(base.groups, s.groups, func(r tabular.GroupRef) int32 { return number(r.ID) })
	var last pair
	mark := func(upTo pair) {
		a, b := base.groups[last.a:upTo.a], s.groups[last.b:upTo.b]
		ends := alignGroups(a, b, func(r tabular.GroupRef) int32 { return number(r.Tail) })
		if len(ends)*orderedShare < min(len(a), len(b)) {
			ends = nil // the rows were put in another order, and these ends rise by chance
		}
		for _, p := range ends {
			edges[last.a+p.a+1] = int(last.b + p.b + 1)
		}
		if edges[upTo.a] < 0 {
			edges[upTo.a] = int(upTo.b)
		}
	}
	edges[0] = 0
	for _, p := range byID {
		mark(p)
		last = pair{p.a + 1, p.b + 1}
		edges[last.a] = int(last.b)
	}
	mark(pair{int32(len(base.groups)), int32(len(s.groups))})
	edges[len(base.groups)] = len(s.groups)
	return edges
}

func alignGroups(a, b []tabular.GroupRef, class func(tabular.GroupRef) int32) []pair {
	classes := func(refs []tabular.GroupRef) []int32 {
		out := make([]int32, len(refs))
		for i, r := range refs {
			out[i] = class(r)
		}
		return out
	}
	return align(classes(a), classes(b))
}

// open reads the region's groups and matches the rows of both sides to the base.
func (m *tableMerge) open(ctx context.Context, r *region) error {
	shared := make(map[object.ID]*tabular.Group)
	for s := range r.grids {
		g, err := openGrid(ctx, &m.sides[s], r.at[s], shared)
		if err != nil {
			return err
		}
		r.grids[s] = g
	}
	if err := m.leaveCells(ctx, r); err != nil {
		return err
	}
	for _, s := range []sideName{sideOurs, sideTheirs} {
		var err error
		switch {
		case !r.changed(s):
			r.matches[s] = identity(r.grids[s].rows())
		case m.keyless:
			r.matches[s], err = matchKeyless(ctx, r.grids[sideBase], r.grids[s], m.shared(s), m.weak)
		default:
			r.matches[s], err = matchKeyed(ctx, r.grids[sideBase], r.grids[s], m.key)
			if err == nil && m.inferred.Key {
				err = m.doubtNumbers(ctx, r, s)
			}
		}
		if err != nil {
			return err
		}
	}
	return m.compareFar(ctx, r)
}

func (r *region) release() {
	r.grids, r.matches = [3]*grid{}, [3]*match{}
}

// shared returns the merged columns that the base and a side both have.
func (m *tableMerge) shared(s sideName) []int {
	var out []int
	for i := range m.cols {
		if m.cols[i].base >= 0 && m.cols[i].in(s) >= 0 {
			out = append(out, i)
		}
	}
	return out
}

// identityColumns are the columns by which rows of one region are found again in
// another.
func (m *tableMerge) identityColumns() []int {
	if !m.keyless {
		return m.key
	}
	all := make([]int, len(m.cols))
	for i := range all {
		all[i] = i
	}
	return all
}

// ledger notes which rows the sides added and deleted, and where, so that rows
// that left one region and appear in another are found.
type ledger struct {
	added, deleted [3]map[string]int // by identity: the region
}

// plan opens every changed region once: it settles the doubtful columns and
// joins regions that must be merged together because a row stands in both.
func (m *tableMerge) plan(ctx context.Context) error {
	var l ledger
	for s := range l.added {
		l.added[s], l.deleted[s] = make(map[string]int), make(map[string]int)
	}
	kept := 0
	for i := range m.regions {
		r := &m.regions[i]
		if !r.oursChanged && !r.theirsChanged {
			continue
		}
		if err := m.open(ctx, r); err != nil {
			return err
		}
		for _, s := range []sideName{sideOurs, sideTheirs} {
			if !r.changed(s) {
				continue
			}
			if err := m.settleColumns(ctx, r, s); err != nil {
				return err
			}
			if err := l.note(ctx, i, r, s, m.identityColumns()); err != nil {
				return err
			}
		}
		if kept += r.cells(); kept > keptCells {
			r.release()
		}
	}
	m.regions = joinRegions(m.regions, l.joins(m), &m.sides)
	return nil
}

const (
	keptCells = 2 << 20 // cells of regions that are kept between the two passes
	farWeight = 8       // rows whose cells are not held that count as one cell
)

func (r *region) cells() int {
	n := 0
	for _, g := range r.grids {
		if g.far != nil {
			n += g.rows() / farWeight
			continue
		}
		n += g.rows() * len(g.cells)
	}
	return n
}

func (l *ledger) note(ctx context.Context, at int, r *region, s sideName, cols []int) error {
	m, base, g := r.matches[s], r.grids[sideBase], r.grids[s]
	if m.same {
		return nil
	}
	if err := errors.Join(base.load(ctx, cols...), g.load(ctx, cols...)); err != nil {
		return err
	}
	var buf []byte
	for i, j := range m.toSide {
		if j < 0 {
			buf = base.key(buf[:0], i, cols)
			l.deleted[s][string(buf)] = at
		}
	}
	for j, i := range m.toBase {
		if i < 0 {
			buf = g.key(buf[:0], j, cols)
			l.added[s][string(buf)] = at
		}
	}
	return nil
}

// joins returns the runs of regions that must be merged as one.
func (l *ledger) joins(m *tableMerge) []span {
	var out []span
	join := func(a, b int) {
		if a != b {
			out = append(out, span{min(a, b), max(a, b) + 1})
		}
	}
	for id, at := range l.added[sideOurs] {
		if other, ok := l.added[sideTheirs][id]; ok && !(m.keyless && m.options.Additions == AdditionsSum) {
			join(at, other)
		}
	}
	for _, s := range []sideName{sideOurs, sideTheirs} {
		for id, at := range l.added[s] {
			from, moved := l.deleted[s][id]
			if moved && m.regions[from].changed(sideOurs+sideTheirs-s) {
				join(at, from)
			}
		}
	}
	return out
}

func joinRegions(regions []region, joins []span, sides *[3]side) []region {
	if len(joins) == 0 {
		return regions
	}
	slices.SortFunc(joins, func(a, b span) int { return a.from - b.from })
	var out []region
	next := 0
	for len(joins) > 0 {
		j := joins[0]
		for joins = joins[1:]; len(joins) > 0 && joins[0].from < j.to; joins = joins[1:] {
			j.to = max(j.to, joins[0].to)
		}
		out = append(out, regions[next:j.from]...)
		r := regions[j.from]
		r.release()
		for s := range r.at {
			r.at[s].to = regions[j.to-1].at[s].to
		}
		r.compare(sides)
		out = append(out, r)
		next = j.to
	}
	return append(out, regions[next:]...)
}

// settleColumns looks for changes of the given side in columns that the other
// side dropped; one that has any stays.
func (m *tableMerge) settleColumns(ctx context.Context, r *region, s sideName) error {
	base, g, rows := r.grids[sideBase], r.grids[s], r.matches[s]
	for c := range m.cols {
		col := &m.cols[c]
		if !col.doubtful || col.in(s) < 0 || rows.same && sameColumns(base, g, []int{c}) {
			continue
		}
		if err := errors.Join(base.load(ctx, c), g.load(ctx, c)); err != nil {
			return err
		}
		for j, i := range rows.toBase {
			switch cell := g.cell(j, c); {
			case i >= 0 && !sameValue(col.field.Type, base.cell(int(i), c), cell), i < 0 && len(cell) > 0:
				m.edits[c]++
			}
		}
	}
	return nil
}
