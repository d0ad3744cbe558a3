package changes

import (
	"context"
	"iter"

	"github.com/constl/constl/tabular"
)

// Row is one row that differs, with its texts as people see them.
type Row struct {
	Kind tabular.ChangeKind
	Old  int64 // the row's number in the old table from 1, or 0
	New  int64 // in the new one
	Key  []string
	// Values holds all cells of an added row, by the new table's columns, or of a
	// deleted one, by the old table's; nil if the row was modified.
	Values []string
	// Cells are the changed cells of a modified row.
	Cells []Cell
}

// Cell is one changed cell.
type Cell struct {
	Column string
	At     int // the column's position in the new table
	Old    string
	New    string
}

// keptRows is how many changed rows are held in memory rather than found again.
const keptRows = 4096

// Rows yields the rows that differ exactly: about in the new table's order,
// deleted rows where they stood. It ends after the first error.
func (t *Table) Rows(ctx context.Context) iter.Seq2[Row, error] {
	switch {
	case t.compared == nil:
		return t.allRows(ctx)
	case t.whole:
		return func(yield func(Row, error) bool) {
			for _, row := range t.kept {
				if !yield(row, nil) {
					return
				}
			}
		}
	}
	return t.changes(ctx)
}

// Paired yields the rows as [Table.Rows] does, but in a table without a key a
// deleted row and an added one in its place are one modified row if at least half
// of their cells are equal. In a table with a key, or of one column, they stay two,
// the deleted one first.
func (t *Table) Paired(ctx context.Context) iter.Seq2[Row, error] {
	p := t.pairing()
	switch {
	case p != nil:
	case t.compared != nil:
		p = &pairing{columns: t.shared(), apart: true}
	default:
		return t.Rows(ctx)
	}
	return p.rows(t.Rows(ctx))
}

// count sets what the table says of its rows, and keeps these if they are few.
func (t *Table) count(ctx context.Context) error {
	p := t.pairing()
	texts := newTexts(t)
	n := 0
	recoded, respelled := int64(0), int64(0) // cells and rows with the same texts
	all := func(yield func(Row, error) bool) {
		for c, err := range t.compared.Changes(ctx, &t.Counts) {
			var row Row
			// Where nothing is paired nobody looks at more rows than are kept.
			if n++; err == nil && (p != nil || n <= keptRows || texts.recoded) {
				row = texts.row(&c)
			}
			if err == nil && texts.recoded && c.Kind == tabular.RowModified {
				recoded += int64(len(c.Cells) - len(row.Cells))
				if len(row.Cells) == 0 {
					n--
					respelled++
					continue
				}
			}
			if n <= keptRows {
				t.kept = append(t.kept, row)
			}
			if !yield(row, err) {
				return
			}
		}
	}
	rows := iter.Seq2[Row, error](all)
	if p != nil {
		rows = p.rows(all)
	}
	pairs, cells := int64(0), int64(0)
	for row, err := range rows {
		if err != nil {
			return err
		}
		if p != nil && row.Kind == tabular.RowModified {
			pairs++
			cells += int64(len(row.Cells))
		}
	}
	if t.whole = n <= keptRows; !t.whole {
		t.kept = nil
	}
	t.Counts.Cells -= recoded
	t.Counts.Modified -= respelled
	t.Counts.Respelled += respelled
	t.Shown = t.Counts
	t.Shown.Added -= pairs
	t.Shown.Deleted -= pairs
	t.Shown.Modified += pairs
	t.Shown.Cells += cells
	return nil
}

// changes yields what the comparison finds.
func (t *Table) changes(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		texts := newTexts(t)
		for c, err := range t.compared.Changes(ctx, nil) {
			if err != nil {
				yield(Row{}, err)
				return
			}
			row := texts.row(&c)
			if row.Kind == tabular.RowModified && len(row.Cells) == 0 {
				continue
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// texts turns what the comparison finds into rows.
type texts struct {
	schema   *tabular.Schema // of the new table
	old, now func([]byte) string
	// recoded says that the files are in two encodings, so that cells can differ
	// whose texts are the same.
	recoded bool
}

func newTexts(t *Table) *texts {
	old, now := encodingOf(t.Old), encodingOf(t.New)
	return &texts{schema: t.New.Schema, old: old.Text, now: now.Text, recoded: old != now}
}

func (x *texts) row(c *tabular.Change) Row {
	text := x.now
	if c.Kind == tabular.RowDeleted {
		text = x.old
	}
	row := Row{Kind: c.Kind, Old: c.RowA + 1, New: c.RowB + 1, Key: textsOf(c.Key, text), Values: textsOf(c.Row, text)}
	for _, cell := range c.Cells {
		old, now := x.old(cell.Old), x.now(cell.New)
		if x.recoded && old == now {
			continue
		}
		row.Cells = append(row.Cells, Cell{ColumnName(x.schema, cell.ColumnB), cell.ColumnB, old, now})
	}
	return row
}

// allRows yields every row of a table that only one side has.
func (t *Table) allRows(ctx context.Context) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		table, kind := t.shown(), tabular.RowAdded
		if t.New == nil {
			kind = tabular.RowDeleted
		}
		text, key := textOf(table), table.Schema.KeyColumns()
		for span, err := range table.Range(ctx, 0, table.Rows, nil) {
			if err != nil {
				yield(Row{}, err)
				return
			}
			for i := span.From; i < span.To; i++ {
				row := Row{Kind: kind, New: span.Group.Ref.First + int64(i) + 1}
				if kind == tabular.RowDeleted {
					row.Old, row.New = row.New, 0
				}
				for _, c := range span.Columns {
					row.Values = append(row.Values, text(c.At(i)))
				}
				for _, k := range key {
					row.Key = append(row.Key, row.Values[k])
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

func textsOf(cells [][]byte, text func([]byte) string) []string {
	if cells == nil {
		return nil
	}
	list := make([]string, len(cells))
	for i, c := range cells {
		list[i] = text(c)
	}
	return list
}
