package validate

import (
	"context"

	"github.com/constl/constl/tabular"
)

// changedRows are the rows of a table that its base does not have alike.
type changedRows struct {
	rows    []uint64 // one bit for each row
	count   int64
	groups  []tabular.GroupRef // that hold them, in order
	deleted int64
	fields  map[string]bool // ids of the fields in which modified rows differ
	added   bool
}

func (c *changedRows) add(row int64) {
	if c.rows[row/64]&(1<<(row%64)) == 0 {
		c.rows[row/64] |= 1 << (row % 64)
		c.count++
	}
}

func (c *changedRows) has(row int64) bool { return c.rows[row/64]&(1<<(row%64)) != 0 }

// others returns, for each row of a group, whether it has not changed.
func (c *changedRows) others(ref tabular.GroupRef) []bool {
	skip := make([]bool, ref.Rows)
	for i := range skip {
		skip[i] = !c.has(ref.First + int64(i))
	}
	return skip
}

// alters reports whether a row of both has another value in one of the columns.
func (c *changedRows) alters(t *tabular.Table, cols []int) bool {
	for _, col := range cols {
		if c.fields[t.Schema.Fields[col].ID] {
			return true
		}
	}
	return false
}

// touches reports whether a row was added or has another value in one of the columns.
func (c *changedRows) touches(t *tabular.Table, cols []int) bool { return c.added || c.alters(t, cols) }

// findChanged compares a table with its base. It reads what they do not share.
func findChanged(ctx context.Context, base, now *tabular.Table) (*changedRows, error) {
	c := &changedRows{rows: make([]uint64, now.Rows/64+1), fields: make(map[string]bool)}
	diff, err := tabular.Compare(ctx, base, now, nil)
	if err != nil {
		return nil, err
	}
	for i := range diff.Fields {
		if f := &diff.Fields[i]; f.Added() || f.Retyped {
			return allRows(ctx, c, now)
		}
	}
	for ch, err := range diff.Changes(ctx, nil) {
		if err != nil {
			return nil, err
		}
		switch ch.Kind {
		case tabular.RowDeleted:
			c.deleted++
			continue
		case tabular.RowAdded:
			c.added = true
		}
		c.add(ch.RowB)
		for _, cell := range ch.Cells {
			c.fields[now.Schema.Fields[cell.ColumnB].ID] = true
		}
	}
	_, groups, err := tabular.ChangedGroups(ctx, base, now)
	c.groups = groups
	return c, err
}

// allRows is what has changed if a column is new: every row.
func allRows(ctx context.Context, c *changedRows, now *tabular.Table) (*changedRows, error) {
	for row := range now.Rows {
		c.add(row)
	}
	c.added = true
	for ref, err := range now.Groups(ctx) {
		if err != nil {
			return nil, err
		}
		c.groups = append(c.groups, ref)
	}
	return c, nil
}
