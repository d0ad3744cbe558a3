package validate

import (
	"context"

	"github.com/constl/constl/tabular"
)

// bits holds one bit for each row of a table.
type bits []uint64

func newBits(rows int64) bits { return make(bits, rows/64+1) }

func (b bits) has(row int64) bool { return b[row/64]&(1<<(row%64)) != 0 }

func (b bits) set(row int64) { b[row/64] |= 1 << (row % 64) }

// anyIn reports whether the bit of one of a group's rows is set.
func (b bits) anyIn(ref tabular.GroupRef) bool {
	for row := ref.First; row < ref.First+int64(ref.Rows); {
		if row%64 == 0 && row+64 <= ref.First+int64(ref.Rows) {
			if b[row/64] != 0 {
				return true
			}
			row += 64
			continue
		}
		if b.has(row) {
			return true
		}
		row++
	}
	return false
}

// maxCellBits bounds the memory that tells changed cells apart: 128 MB. With more,
// every cell of a changed row counts as changed.
const maxCellBits = 1 << 30

// changedRows are the rows and cells of a table that its base does not have alike.
type changedRows struct {
	rows    bits // those that were added, or of which a cell has changed
	count   int64
	added   bits // nil if none was
	deleted int64
	cells   []bits // by column: the rows of both tables that have another cell there; nil if none has
	altered []bool // by column: whether any row of both has another cell
	groups  []tabular.GroupRef
}

func newChangedRows(now *tabular.Table) *changedRows {
	width := len(now.Schema.Fields)
	c := &changedRows{rows: newBits(now.Rows), altered: make([]bool, width)}
	if now.Rows*int64(width) <= maxCellBits {
		c.cells = make([]bits, width)
	}
	return c
}

// take notes what became of a row.
func (c *changedRows) take(ch *tabular.Change, rows int64) {
	switch ch.Kind {
	case tabular.RowDeleted:
		c.deleted++
		return
	case tabular.RowAdded:
		if c.added == nil {
			c.added = newBits(rows)
		}
		c.added.set(ch.RowB)
	}
	c.addRow(ch.RowB)
	for _, cell := range ch.Cells {
		c.altered[cell.ColumnB] = true
		if c.cells == nil {
			continue
		}
		if c.cells[cell.ColumnB] == nil {
			c.cells[cell.ColumnB] = newBits(rows)
		}
		c.cells[cell.ColumnB].set(ch.RowB)
	}
}

func (c *changedRows) addRow(row int64) {
	if !c.rows.has(row) {
		c.rows.set(row)
		c.count++
	}
}

// has reports whether a row was added or has another cell in one of the columns.
func (c *changedRows) has(row int64, cols []int) bool {
	if c.cells == nil {
		return c.rows.has(row)
	}
	if c.added != nil && c.added.has(row) {
		return true
	}
	for _, col := range cols {
		if c.cells[col] != nil && c.cells[col].has(row) {
			return true
		}
	}
	return false
}

// alters reports whether a row of both has another value in one of the columns.
func (c *changedRows) alters(cols []int) bool {
	for _, col := range cols {
		if c.altered[col] {
			return true
		}
	}
	return false
}

// touches reports whether a row was added or has another value in one of the columns.
func (c *changedRows) touches(cols []int) bool { return c.added != nil || c.alters(cols) }

// others writes into dst, for each row of a group, whether no cell of it in the
// given columns has changed, and reports whether that is so for all rows.
func (c *changedRows) others(ref tabular.GroupRef, cols []int, dst []bool) (none bool) {
	from := []bits{c.rows}
	if c.cells != nil {
		from = from[:0]
		for _, col := range cols {
			if c.cells[col] != nil && c.cells[col].anyIn(ref) {
				from = append(from, c.cells[col])
			}
		}
		if c.added != nil && c.added.anyIn(ref) {
			from = append(from, c.added)
		}
	}
	none = true
	for i := range dst {
		dst[i] = true
		for _, b := range from {
			if b.has(ref.First + int64(i)) {
				dst[i], none = false, false
				break
			}
		}
	}
	return none
}

// othersRows is others for whole rows.
func (c *changedRows) othersRows(ref tabular.GroupRef) []bool {
	skip := make([]bool, ref.Rows)
	for i := range skip {
		skip[i] = !c.rows.has(ref.First + int64(i))
	}
	return skip
}

// everyRow notes that all rows are as good as new, as where a column is new.
func (c *changedRows) everyRow(ctx context.Context, now *tabular.Table) error {
	c.added, c.groups = newBits(now.Rows), nil
	for row := range now.Rows {
		c.addRow(row)
		c.added.set(row)
	}
	for ref, err := range now.Groups(ctx) {
		if err != nil {
			return err
		}
		c.groups = append(c.groups, ref)
	}
	return nil
}

// findChanged compares a table with its base. It reads what they do not share. That
// the type of a column was inferred anew changes nothing: what datapackage.json says
// of it counts.
func findChanged(ctx context.Context, base, now *tabular.Table) (*changedRows, error) {
	return compareBase(ctx, base, now, &tabular.DiffOptions{NoKeys: true}, func(*tabular.Change) error { return nil })
}

// compareBase is findChanged and hands each change to do as well.
func compareBase(ctx context.Context, base, now *tabular.Table, o *tabular.DiffOptions, do func(*tabular.Change) error) (*changedRows, error) {
	if base.ID == now.ID {
		return newChangedRows(now), nil
	}
	diff, err := tabular.Compare(ctx, base, now, o)
	if err != nil {
		return nil, err
	}
	c := newChangedRows(now)
	for ch, err := range diff.Changes(ctx, nil) {
		if err == nil {
			c.take(&ch, now.Rows)
			err = do(&ch)
		}
		if err != nil {
			return nil, err
		}
	}
	for i := range diff.Fields {
		if diff.Fields[i].Added() {
			return c, c.everyRow(ctx, now)
		}
	}
	_, c.groups, err = tabular.ChangedGroups(ctx, base, now)
	return c, err
}
