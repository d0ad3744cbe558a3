package changes

import (
	"context"
	"iter"

	"github.com/constl/constl/tabular"
)

// Column is a column of either version, or of both.
type Column struct {
	Name string // as the new table has it, or the old one if it was dropped
	// Was is the old name of a renamed column, else "".
	Was   string
	Moved bool
	// Old and New are its positions, or -1.
	Old, New int
}

// Added reports whether only the new table has the column.
func (c *Column) Added() bool { return c.Old < 0 }

// Dropped reports whether only the old table has the column.
func (c *Column) Dropped() bool { return c.New < 0 }

// Columns returns the columns of both versions: those of the new table in its
// order, dropped ones behind the column that they stood behind.
func (t *Table) Columns() []Column {
	if t.compared == nil {
		var list []Column
		for i := range t.shown().Schema.Fields {
			list = append(list, Column{Name: ColumnName(t.shown().Schema, i), Old: i, New: i})
		}
		return list
	}
	a, b := t.Old.Schema, t.New.Schema
	moved := make(map[string]bool)
	for _, f := range t.compared.Fields {
		moved[f.ID] = f.Moved
	}
	var list []Column
	dropped := func(from int) {
		for i := from; i < len(a.Fields) && b.Column(a.Fields[i].ID) < 0; i++ {
			list = append(list, Column{Name: ColumnName(a, i), Old: i, New: -1})
		}
	}
	dropped(0)
	for i, f := range b.Fields {
		at := a.Column(f.ID)
		c := Column{Name: ColumnName(b, i), Old: at, New: i, Moved: moved[f.ID]}
		if at >= 0 && a.Fields[at].Name != f.Name {
			c.Was = ColumnName(a, at)
		}
		list = append(list, c)
		if at >= 0 {
			dropped(at + 1)
		}
	}
	return list
}

// Line is a changed row with all its cells, by [Table.Columns].
type Line struct {
	Row
	// Before and Now hold the cells of either version; a version that has no such
	// cell has "" there.
	Before, Now []string
	// Changed says which cells of a modified row are others.
	Changed []bool
}

// Lines yields the rows of [Table.Paired] with all their cells. With filled, rows
// whose only change is that they have cells in added columns come, too: their Kind
// is "". It ends after the first error.
func (t *Table) Lines(ctx context.Context, filled bool) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		l := &liner{t: t, ctx: ctx, columns: t.Columns()}
		l.old, l.now = newCursor(t.Old), newCursor(t.New)
		rows := t.Paired(ctx)
		if filled && t.compared != nil {
			late, err := lateRows(rows)
			if err != nil {
				yield(Line{}, err)
				return
			}
			rows = withUnchanged(rows, t.New.Rows, late)
		}
		for row, err := range rows {
			line := Line{Row: row}
			if err == nil {
				err = l.fill(&line)
			}
			if err != nil {
				yield(Line{}, err)
				return
			}
			if !yield(line, nil) {
				return
			}
		}
	}
}

// lateRows returns the rows of the new table that come behind later ones.
func lateRows(rows iter.Seq2[Row, error]) (map[int64]bool, error) {
	late := make(map[int64]bool)
	last := int64(0)
	for row, err := range rows {
		if err != nil {
			return nil, err
		}
		switch {
		case row.New == 0:
		case row.New < last:
			late[row.New] = true
		default:
			last = row.New
		}
	}
	return late, nil
}

// withUnchanged puts the new table's other rows between those that changed.
func withUnchanged(rows iter.Seq2[Row, error], total int64, late map[int64]bool) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		next := int64(1)
		upTo := func(end int64) bool {
			for ; next < end; next++ {
				if !late[next] && !yield(Row{New: next}, nil) {
					return false
				}
			}
			return true
		}
		for row, err := range rows {
			if err == nil && row.New > 0 && !late[row.New] {
				if !upTo(row.New) {
					return
				}
				next = row.New + 1
			}
			if !yield(row, err) {
				return
			}
		}
		upTo(total + 1)
	}
}

// liner fills lines.
type liner struct {
	t        *Table
	ctx      context.Context
	columns  []Column
	old, now *cursor
}

func (l *liner) fill(line *Line) error {
	n := len(l.columns)
	line.Before, line.Now, line.Changed = make([]string, n), make([]string, n), make([]bool, n)
	for i, c := range l.columns {
		var err error
		switch line.Kind {
		case tabular.RowAdded:
			if c.New >= 0 {
				line.Now[i] = line.Values[c.New]
			}
		case tabular.RowDeleted:
			if c.Old >= 0 {
				line.Before[i] = line.Values[c.Old]
			}
		default:
			err = l.cell(line, i, c)
		}
		if err != nil {
			return err
		}
	}
	for _, cell := range line.Cells {
		for i, c := range l.columns {
			if c.New == cell.At {
				line.Before[i], line.Changed[i] = cell.Old, true
			}
		}
	}
	return nil
}

// cell reads what the change does not say of itself.
func (l *liner) cell(line *Line, i int, c Column) (err error) {
	if c.New >= 0 {
		line.Now[i], err = l.now.at(l.ctx, line.New-1, c.New)
		if c.Old >= 0 {
			line.Before[i] = line.Now[i]
		}
		return err
	}
	if line.Old > 0 {
		line.Before[i], err = l.old.at(l.ctx, line.Old-1, c.Old)
	}
	return err
}

// cursor reads single cells of a table, mostly in order.
type cursor struct {
	table *tabular.Table
	text  func([]byte) string
	group *tabular.Group
}

func newCursor(t *tabular.Table) *cursor {
	if t == nil {
		return nil
	}
	return &cursor{table: t, text: textOf(t)}
}

func (c *cursor) at(ctx context.Context, row int64, col int) (string, error) {
	if c.group == nil || row < c.group.Ref.First || row >= c.group.Ref.First+int64(c.group.Rows()) {
		ref, err := c.table.GroupAt(ctx, row)
		if err != nil {
			return "", err
		}
		if c.group, err = c.table.Group(ctx, ref); err != nil {
			return "", err
		}
	}
	cells, err := c.group.Cells(ctx, col)
	if err != nil {
		return "", err
	}
	return c.text(cells.At(int(row - c.group.Ref.First))), nil
}
