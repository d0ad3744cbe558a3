package merge

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

const (
	farFrom   = 1 << 17 // rows of a region from which on its cells are not held
	farGroups = 8       // row groups of a version that are held all the same
	keptBytes = 1 << 30 // text of rows that are read in advance
)

// farRows stands in for the cells of a grid that are too many to be held: it knows
// which rows are as the base has them, holds the rows that were asked for in advance,
// and reads the others, group by group.
type farRows struct {
	ctx    context.Context
	grid   *grid
	same   []bool          // by row: it is that of the base, unchanged
	kept   map[int32]int32 // by row: where its cells are in cells
	cells  []tabular.Cells // by merged column
	groups []farGroup      // the last ones read, the latest first
	err    error           // the first one of reading
}

type farGroup struct {
	at      int
	columns []tabular.Cells
}

// leaveCells has the cells of a large region read where they are needed. Only then
// the versions must be alike: all rows of a keyed table with the result's columns.
func (m *tableMerge) leaveCells(ctx context.Context, r *region) error {
	rows := 0
	for s := range r.grids {
		rows = max(rows, r.grids[s].rows())
		if !m.sides[s].fits() {
			return nil
		}
	}
	if m.keyless || rows < m.farFrom() {
		return nil
	}
	for _, g := range r.grids {
		g.far = &farRows{ctx: ctx, grid: g}
	}
	return nil
}

// compareFar finds out, after the rows were matched, which ones a side has as the
// base has them. What the match held is given back.
func (m *tableMerge) compareFar(ctx context.Context, r *region) error {
	if r.grids[sideBase].far == nil {
		return nil
	}
	alike := sameLayout(m.sides[sideOurs].table.Layout, m.sides[sideTheirs].table.Layout) &&
		(m.sides[sideBase].table == nil || sameLayout(m.sides[sideBase].table.Layout, m.sides[sideOurs].table.Layout))
	known := make(map[object.ID][]uint64)
	var base []uint64
	for s, g := range r.grids {
		clear(g.cells)
		sums, err := g.sum(ctx, alike, known, m.options.Workers)
		if err != nil {
			return err
		}
		if sideName(s) == sideBase {
			base = sums
			continue
		}
		g.far.same = make([]bool, len(sums))
		for j, i := range r.matches[s].toBase {
			g.far.same[j] = i >= 0 && base[i] == sums[j]
		}
	}
	return nil
}

// farFrom is the constant of that name, or what a test asks for.
func (m *tableMerge) farFrom() int {
	if m.options.farFrom > 0 {
		return m.options.farFrom
	}
	return farFrom
}

// sum hashes the rows: their cells, and what is said of how they are written. Hashes
// of groups that another version has are in known.
func (g *grid) sum(ctx context.Context, alike bool, known map[object.ID][]uint64, workers int) ([]uint64, error) {
	all := make([]uint64, g.rows())
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var todo []int
	for i := range g.groups {
		if sums, ok := known[g.side.groups[g.span.from+i].ID]; ok && alike {
			copy(all[g.starts[i]:], sums)
		} else {
			todo = append(todo, i)
		}
	}
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for n := w; n < len(todo) && errs[w] == nil; n += workers {
				errs[w] = g.sumGroup(ctx, all, todo[n], alike)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	for _, i := range todo {
		known[g.side.groups[g.span.from+i].ID] = all[g.starts[i]:g.starts[i+1]]
	}
	return all, nil
}

func (g *grid) sumGroup(ctx context.Context, all []uint64, i int, alike bool) error {
	group, err := g.side.table.Group(ctx, g.side.groups[g.span.from+i])
	if err != nil {
		return err
	}
	cols := make([]int, group.Width())
	for c := range cols {
		cols[c] = c
	}
	sums := all[g.starts[i]:g.starts[i+1]:g.starts[i+1]]
	if sums, err = group.RowHashes(ctx, sums, cols); err != nil {
		return err
	}
	list, err := group.Exceptions(ctx)
	for _, x := range list {
		// Under another layout the same exception says something else.
		if !alike {
			sums[x.Row] = uint64(g.side.name)<<62 | uint64(g.starts[i]+x.Row)
			continue
		}
		sums[x.Row] = sums[x.Row]*0x9e3779b97f4a7c15 + uint64(x.Col+2)<<8 + uint64(x.Code)
		for _, b := range x.Text {
			sums[x.Row] = (sums[x.Row] ^ uint64(b)) * 0x100000001b3
		}
	}
	return err
}

// keep reads the given rows, each group once, and holds them.
func (f *farRows) keep(rows []int32) error {
	slices.Sort(rows)
	rows = slices.Compact(rows)
	f.kept = make(map[int32]int32, len(rows))
	f.cells = make([]tabular.Cells, len(f.grid.cells))
	size := 0
	for _, row := range rows {
		if size > keptBytes {
			return nil
		}
		group, at := f.grid.locate(int(row))
		columns := f.group(group)
		if f.err != nil {
			return f.err
		}
		f.kept[row] = int32(f.cells[0].Len())
		for c := range f.cells {
			f.cells[c].Append(columns[c].At(at))
			size += len(columns[c].At(at)) + 4
		}
	}
	return nil
}

// cell returns a cell's text, which is empty if it cannot be read; err says so then.
func (f *farRows) cell(row, col int) []byte {
	columns, at := f.row(row)
	if columns == nil {
		return nil
	}
	return columns[col].At(at)
}

// row returns columns and the place in them where a row's cells are; no columns if
// it cannot be read.
func (f *farRows) row(row int) (columns []tabular.Cells, at int) {
	if i, ok := f.kept[int32(row)]; ok {
		return f.cells, int(i)
	}
	group, at := f.grid.locate(row)
	return f.group(group), at
}

// group returns the columns of a row group; nil after an error.
func (f *farRows) group(at int) []tabular.Cells {
	for i := range f.groups {
		if g := f.groups[i]; g.at == at {
			copy(f.groups[1:i+1], f.groups[:i])
			f.groups[0] = g
			return g.columns
		}
	}
	if f.err != nil {
		return nil
	}
	g := f.grid
	group, err := g.side.table.Group(f.ctx, g.side.groups[g.span.from+at])
	if err != nil {
		f.err = err
		return nil
	}
	columns := make([]tabular.Cells, group.Width())
	for c := range columns {
		if columns[c], f.err = group.Cells(f.ctx, c); f.err != nil {
			return nil
		}
	}
	if len(f.groups) < farGroups {
		f.groups = append(f.groups, farGroup{})
	}
	copy(f.groups[1:], f.groups)
	f.groups[0] = farGroup{at, columns}
	return columns
}

// unchanged reports whether a side is known to have the row of the base as it was.
func (v *rowMerge) unchanged(sl *slot, s sideName) bool {
	return sl.base >= 0 && sl.in(s) >= 0 && v.grids[s].far.same[sl.in(s)]
}

// verbatimFrom returns the side whose row is the result's as it stands, if there is one;
// it is the given one if both are.
func (v *rowMerge) verbatimFrom(sl *slot, first sideName) (sideName, bool) {
	other := sideOurs + sideTheirs - first
	switch {
	case sl.in(first) >= 0 && (v.unchanged(sl, other) || sl.base < 0 && sl.in(other) < 0):
		return first, true
	case sl.in(other) >= 0 && (v.unchanged(sl, first) || sl.base < 0 && sl.in(first) < 0):
		return other, true
	}
	return 0, false
}

// writeFar writes a region whose cells are not held. What stands in the result as one
// side has it is taken from there, whole row groups at a time.
func (v *rowMerge) writeFar(ctx context.Context, slots []slot, order []int32, disputed map[int32]bool) error {
	v.first = follows(slots, order)
	if err := v.keepFar(slots, order, v.first); err != nil {
		return err
	}
	g := v.grids[v.first]
	for p := 0; p < len(order); {
		if n, at := v.wholeGroup(slots, order[p:], v.first); n > 0 {
			if err := v.takeGroup(ctx, g.side, g.side.groups[g.span.from+at]); err != nil {
				return err
			}
			p += n
			continue
		}
		if err := v.writeSlot(slots, order[p], disputed); err != nil {
			return err
		}
		if err := g.far.err; err != nil {
			return err
		}
		p++
	}
	return errors.Join(v.grids[sideBase].far.err, v.grids[sideOurs].far.err, v.grids[sideTheirs].far.err)
}

// follows returns the side in whose order most rows of the result are.
func follows(slots []slot, order []int32) sideName {
	ours, theirs := 0, 0
	for p := 1; p < len(order); p++ {
		a, b := &slots[order[p-1]], &slots[order[p]]
		if a.ours >= 0 && b.ours == a.ours+1 {
			ours++
		}
		if a.theirs >= 0 && b.theirs == a.theirs+1 {
			theirs++
		}
	}
	if theirs > ours {
		return sideTheirs
	}
	return sideOurs
}

// keepFar holds the rows that are not taken from the side that the order follows.
func (v *rowMerge) keepFar(slots []slot, order []int32, first sideName) error {
	var rows [3][]int32
	for _, i := range order {
		sl := &slots[i]
		if s, ok := v.verbatimFrom(sl, first); ok && s == first {
			continue
		}
		for s := range rows {
			if row := sl.in(sideName(s)); row >= 0 && sideName(s) != first {
				rows[s] = append(rows[s], row)
			}
		}
	}
	for s, g := range v.grids {
		if err := g.far.keep(rows[s]); err != nil {
			return err
		}
	}
	return nil
}

// wholeGroup returns how many things of the order, from the first on, are a whole row
// group of a side as it stands there, and which one.
func (v *rowMerge) wholeGroup(slots []slot, order []int32, s sideName) (n, group int) {
	g := v.grids[s]
	row := slots[order[0]].in(s)
	if row < 0 {
		return 0, 0
	}
	group, at := g.locate(int(row))
	n = g.starts[group+1] - g.starts[group]
	if at != 0 || n > len(order) {
		return 0, 0
	}
	for k, i := range order[:n] {
		sl := &slots[i]
		if sl.in(s) != row+int32(k) {
			return 0, 0
		}
		if from, ok := v.verbatimFrom(sl, s); !ok || from != s {
			return 0, 0
		}
	}
	return n, group
}
