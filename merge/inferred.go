package merge

import (
	"context"
	"errors"
	"fmt"

	"github.com/constl/constl/tabular"
)

// unrelated reports whether two rows that both sides added under one inferred
// number are two rows: where both have a cell, more differ than agree. What a row
// shares with its neighbour in its own file tells nothing. A person who gives a row
// the next free number does not name a thing by it.
func (v *rowMerge) unrelated(ours, theirs int32) bool {
	if v.keyless || !v.inferred.Key || len(v.key) != 1 || v.cols[v.key[0]].field.Type != tabular.TypeInteger {
		return false
	}
	o, t := v.grids[sideOurs], v.grids[sideTheirs]
	equal, differ := 0, 0
	for c := range v.cols {
		typ, x, y := v.cols[c].field.Type, o.cell(int(ours), c), t.cell(int(theirs), c)
		switch {
		case c == v.key[0] || missing(typ, x) || missing(typ, y):
		case !sameValue(typ, x, y):
			differ++
		case !v.likeNeighbour(o, int(ours), c) && !v.likeNeighbour(t, int(theirs), c):
			equal++
		}
	}
	v.doubtful = v.doubtful || differ > equal
	return differ > equal
}

// likeNeighbour reports whether a cell has the value of the one above or below it.
func (v *rowMerge) likeNeighbour(g *grid, row, col int) bool {
	for _, near := range []int{row - 1, row + 1} {
		if near >= 0 && near < g.rows() && sameValue(v.cols[col].field.Type, g.cell(row, col), g.cell(near, col)) {
			return true
		}
	}
	return false
}

// numberedRows is how many rows a region has, at most, in which a change of numbers
// is looked for.
const numberedRows = 1 << 16

// doubtNumbers fails with a [*wrongKeyError] if a side has given the rows other
// keys, as when rows are numbered and one is put among them: most of the rows that
// would have changed under their keys have, in all other columns, what another row
// of the base has.
func (m *tableMerge) doubtNumbers(ctx context.Context, r *region, s sideName) error {
	base, side, rows := r.grids[sideBase], r.grids[s], r.matches[s]
	rest := without(m.shared(s), m.key)
	if len(rest) < minRekeyCells || max(base.rows(), side.rows()) > numberedRows {
		return nil
	}
	if rows.same {
		// If the rows had other numbers, most columns would have changed.
		changed := 0
		for _, c := range rest {
			if !sameColumns(base, side, []int{c}) {
				changed++
			}
		}
		if 2*changed < len(rest) {
			return nil
		}
	}
	if err := errors.Join(base.load(ctx, rest...), side.load(ctx, rest...)); err != nil {
		return err
	}
	at := base.once(rest)
	changed, elsewhere := 0, 0
	var buf []byte
	for j, i := range rows.toBase {
		if i < 0 || sameRow(base, int(i), side, j, rest) {
			continue
		}
		changed++
		buf = side.key(buf[:0], j, rest)
		if other, ok := at[string(buf)]; ok && other >= 0 && other != i && side.filled(j, rest) >= minRekeyCells {
			elsewhere++
		}
	}
	if elsewhere < 2 || 2*elsewhere <= changed {
		return nil
	}
	return &wrongKeyError{fmt.Sprintf("the rows were given other keys: %q only numbers them", m.names(m.keyIDs()))}
}

// once returns the rows by their cells in the given columns; -1 stands for several.
func (g *grid) once(cols []int) map[string]int32 {
	at := make(map[string]int32, g.rows())
	var buf []byte
	for i := range g.rows() {
		buf = g.key(buf[:0], i, cols)
		if _, twice := at[string(buf)]; twice {
			at[string(buf)] = -1
			continue
		}
		at[string(buf)] = int32(i)
	}
	return at
}

func (m *tableMerge) keyIDs() []string {
	var ids []string
	for _, c := range m.key {
		ids = append(ids, m.cols[c].field.ID)
	}
	return ids
}
