package merge

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// sideName says which of the three versions is meant.
type sideName int

const (
	sideBase sideName = iota
	sideOurs
	sideTheirs
)

// side is one of the three versions of a table.
type side struct {
	name   sideName
	table  *tabular.Table // nil for the base of a table that both sides added
	schema *tabular.Schema
	groups []tabular.GroupRef
	cols   []int // by merged column: the position among the side's own, or -1
}

// open reads the list of the side's row groups.
func (s *side) open(ctx context.Context) error {
	if s.table == nil {
		return nil
	}
	for ref, err := range s.table.Groups(ctx) {
		if err != nil {
			return err
		}
		s.groups = append(s.groups, ref)
	}
	return nil
}

// setColumns fixes which of the side's fields the merged columns are.
func (s *side) setColumns(cols []column) {
	s.cols = make([]int, len(cols))
	for i := range cols {
		s.cols[i] = cols[i].in(s.name)
	}
}

// fits reports whether the side's row groups have the merged columns and no others.
func (s *side) fits() bool {
	for i, c := range s.cols {
		if c != i {
			return false
		}
	}
	return len(s.cols) == len(s.schema.Fields)
}

// sameShape reports whether two sides have the same fields in the same order.
func sameShape(a, b *side) bool {
	return slices.EqualFunc(a.schema.Fields, b.schema.Fields,
		func(f, g tabular.Field) bool { return f.ID == g.ID })
}

// span is a run of row groups of one side.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// grid gives the cells of a span by row and merged column. A column must have
// been loaded before its cells are asked for. It is for one goroutine.
type grid struct {
	side   *side
	span   span
	starts []int // by group: its first row in the grid; one more for the end
	groups []*tabular.Group
	cells  [][]tabular.Cells // by merged column, by group
	last   int               // the group of the last look-up
	far    *farRows          // not nil if the cells are not held, but for those of columns in cells
}

// openGrid opens a span. Groups that are in shared are taken from there, and
// those that are not put into it, so that equal groups are decoded once.
func openGrid(ctx context.Context, s *side, at span, shared map[object.ID]*tabular.Group) (*grid, error) {
	g := &grid{side: s, span: at, starts: make([]int, 1, at.len()+1), cells: make([][]tabular.Cells, len(s.cols))}
	for _, ref := range s.groups[at.from:at.to] {
		group := shared[ref.ID]
		if group == nil || group.Rows() != ref.Rows || group.Width() != len(s.schema.Fields) {
			var err error
			if group, err = s.table.Group(ctx, ref); err != nil {
				return nil, err
			}
			shared[ref.ID] = group
		}
		g.groups = append(g.groups, group)
		g.starts = append(g.starts, g.starts[len(g.starts)-1]+ref.Rows)
	}
	return g, nil
}

// rows returns the number of rows.
func (g *grid) rows() int { return g.starts[len(g.starts)-1] }

// load makes columns ready; those that the side does not have are skipped.
func (g *grid) load(ctx context.Context, cols ...int) error {
	if g.far != nil {
		return nil
	}
	return g.hold(ctx, cols...)
}

// hold is load, even if the grid's cells are not held otherwise.
func (g *grid) hold(ctx context.Context, cols ...int) error {
	for _, c := range cols {
		own := g.side.cols[c]
		if own < 0 || g.cells[c] != nil {
			continue
		}
		list := make([]tabular.Cells, len(g.groups))
		for i, group := range g.groups {
			if g.far != nil {
				// A group keeps what it decoded as long as it is kept itself.
				var err error
				if group, err = g.side.table.Group(ctx, group.Ref); err != nil {
					return err
				}
			}
			cells, err := group.Cells(ctx, own)
			if err != nil {
				return err
			}
			list[i] = cells
		}
		g.cells[c] = list
	}
	return nil
}

// has reports whether the side has the merged column.
func (g *grid) has(col int) bool { return g.side.cols[col] >= 0 }

// locate returns the group of a row and the row's place in it.
func (g *grid) locate(row int) (group, at int) {
	if g.last < len(g.groups) && g.starts[g.last] <= row && row < g.starts[g.last+1] {
		return g.last, row - g.starts[g.last]
	}
	i, found := slices.BinarySearch(g.starts, row)
	if !found {
		i--
	}
	g.last = i
	return i, row - g.starts[i]
}

// cell returns a cell's text; empty if the side does not have the column.
func (g *grid) cell(row, col int) []byte {
	list := g.cells[col]
	if list == nil {
		if g.far != nil && g.has(col) {
			return g.far.cell(row, col)
		}
		return nil
	}
	group, at := g.locate(row)
	return list[group].At(at)
}

// key appends the row's cells of the given columns, each after its length, so
// that two rows have the same bytes if and only if they have the same cells.
func (g *grid) key(dst []byte, row int, cols []int) []byte {
	for _, c := range cols {
		cell := g.cell(row, c)
		dst = binary.AppendUvarint(dst, uint64(len(cell)))
		dst = append(dst, cell...)
	}
	return dst
}

// texts returns the row's cells of the given columns.
func (g *grid) texts(row int, cols []int) []string {
	out := make([]string, len(cols))
	for i, c := range cols {
		out[i] = string(g.cell(row, c))
	}
	return out
}

// filled returns how many of the row's cells are not empty.
func (g *grid) filled(row int, cols []int) int {
	n := 0
	for _, c := range cols {
		n += min(1, len(g.cell(row, c)))
	}
	return n
}

// sameRow compares rows of two grids in the given columns.
func sameRow(a *grid, i int, b *grid, j int, cols []int) bool {
	for _, c := range cols {
		if !bytes.Equal(a.cell(i, c), b.cell(j, c)) {
			return false
		}
	}
	return true
}

// sameColumns reports, without looking at a cell, whether two grids have the
// same cells in the given columns, group by group.
func sameColumns(a, b *grid, cols []int) bool {
	if !slices.Equal(a.starts, b.starts) {
		return false
	}
	for _, c := range cols {
		x, y := a.side.cols[c], b.side.cols[c]
		if x < 0 || y < 0 {
			return false
		}
		for i := range a.groups {
			if !a.groups[i].SameCells(x, b.groups[i], y) {
				return false
			}
		}
	}
	return true
}
