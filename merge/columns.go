package merge

import (
	"bytes"
	"context"

	"github.com/constl/constl/tabular"
)

// mergeByColumn merges a region in which no row was added, deleted or moved:
// columns that one side alone changed are taken as they are, without a look at
// their cells. It reports false, and has done nothing, if the region is not such.
func (m *tableMerge) mergeByColumn(ctx context.Context, r *region) (bool, error) {
	if m.options.Strict || !r.matches[sideOurs].same || !r.matches[sideTheirs].same {
		return false, nil
	}
	alike := true // exceptions mean the same on all sides and in the result
	for s := range m.sides {
		alike = alike && m.sides[s].fits() && sameLayout(m.sides[s].table.Layout, m.layout)
	}
	all := make([][3]*tabular.Group, len(r.grids[sideBase].groups))
	for i := range all {
		for s, g := range r.grids {
			all[i][s] = g.groups[i]
			switch {
			case alike && !g.groups[i].SameExceptions(all[i][sideBase]):
				return false, nil
			case alike:
				continue
			}
			if list, err := g.groups[i].Exceptions(ctx); err != nil || len(list) > 0 {
				return false, err
			}
		}
	}
	for i := range all {
		if err := m.mergeGroup(ctx, all[i]); err != nil {
			return false, err
		}
	}
	return true, nil
}

// mergeGroup merges three groups with the same rows, column by column.
func (m *tableMerge) mergeGroup(ctx context.Context, groups [3]*tabular.Group) error {
	columns := make([]tabular.ColumnOf, len(m.cols))
	for c := range columns {
		if s, ok := m.takeColumn(groups, c); ok {
			columns[c] = tabular.ColumnOf{Group: groups[s], Col: m.cols[c].in(s)}
			continue
		}
		cells, err := m.mergeCells(ctx, groups, c)
		if err != nil {
			return err
		}
		columns[c] = tabular.ColumnOf{Cells: cells}
	}
	like := groups[sideBase]
	m.stats.RowsMerged += int64(like.Rows())
	exceptions := like
	if like.Width() != len(columns) {
		exceptions = nil
	}
	return m.out.addColumns(m.sides[sideBase].table, like, columns, exceptions)
}

// takeColumn returns the side whose column is that of the result, if the cells
// need not be looked at to know it.
func (m *tableMerge) takeColumn(groups [3]*tabular.Group, c int) (sideName, bool) {
	col := &m.cols[c]
	same := func(a, b sideName) bool {
		return col.in(a) >= 0 && col.in(b) >= 0 && groups[a].SameCells(col.in(a), groups[b], col.in(b))
	}
	switch {
	case col.theirs < 0, same(sideTheirs, sideBase), same(sideOurs, sideTheirs):
		return sideOurs, true
	case col.ours < 0, same(sideOurs, sideBase):
		return sideTheirs, true
	}
	return 0, false
}

// mergeCells merges one column that both sides have, cell by cell.
func (m *tableMerge) mergeCells(ctx context.Context, groups [3]*tabular.Group, c int) (merged tabular.Cells, err error) {
	col := &m.cols[c]
	var cells [3]tabular.Cells
	for s, g := range groups {
		if at := col.in(sideName(s)); at >= 0 {
			if cells[s], err = g.Cells(ctx, at); err != nil {
				return merged, err
			}
		}
	}
	ours, theirs := cells[sideOurs], cells[sideTheirs]
	merged.Data = make([]byte, 0, len(ours.Data)+len(theirs.Data)/8)
	merged.Ends = make([]uint32, 0, ours.Len())
	for i := range ours.Len() {
		o, t := ours.At(i), theirs.At(i)
		if bytes.Equal(o, t) {
			merged.Append(o)
			continue
		}
		var base []byte
		if col.base >= 0 {
			base = cells[sideBase].At(i)
		}
		text, conflict := m.mergeCell(c, col.base >= 0, base, o, t)
		merged.Append(text)
		if !conflict {
			continue
		}
		key, err := m.keyOf(ctx, groups[sideOurs], i)
		if err != nil {
			return merged, err
		}
		m.conflicts = append(m.conflicts, Conflict{Kind: KindCell, Key: key, Row: m.out.count + int64(i) + 1,
			Column: label(col.field), Base: Version{Present: col.base >= 0, Text: string(base)},
			Ours: Version{Present: true, Text: string(o)}, Theirs: Version{Present: true, Text: string(t)}})
	}
	return merged, nil
}

// keyOf returns the primary key's texts of a row of ours, if there is a key.
func (m *tableMerge) keyOf(ctx context.Context, g *tabular.Group, row int) ([]string, error) {
	var key []string
	for _, c := range m.key {
		cells, err := g.Cells(ctx, m.cols[c].ours)
		if err != nil {
			return nil, err
		}
		key = append(key, string(cells.At(row)))
	}
	return key, nil
}
