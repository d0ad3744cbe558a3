package tabular

import (
	"context"
	"fmt"
)

// ColumnOf is one column of a row group that is put together from others: a
// column of Group or, if Group is nil, Cells.
type ColumnOf struct {
	Group *Group
	Col   int
	Cells Cells
}

func (c *ColumnOf) cells(ctx context.Context) (Cells, error) {
	if c.Group == nil {
		return c.Cells, nil
	}
	return c.Group.Cells(ctx, c.Col)
}

// AddColumns appends the rows of a row group of t with other cells: columns says
// for each of the builder's columns where they are, and exceptions, if not nil,
// is the group whose exceptions the rows have. All groups have as many rows as
// like and can be read through the builder's store; given Cells are taken over.
// Where the new table's groups end as t's do, segments that exist are taken as
// they are; [Builder.Columns] then does not count the group's cells. t may have
// other columns, but as many that it is chunked by. It fails as Add does.
func (b *Builder) AddColumns(t *Table, like *Group, columns []ColumnOf, exceptions *Group) error {
	if err := b.open(); err != nil {
		return err
	}
	m := &mixed{table: t, like: like, columns: columns, exceptions: exceptions, ready: make(chan struct{})}
	if len(columns) != b.width {
		b.fail(fmt.Errorf("%w: a row group of %d columns for a table of %d", ErrMisused, len(columns), b.width))
		return b.err()
	}
	err := b.do(func(*desk) {
		defer close(m.ready)
		m.err = m.load(b.ctx)
	})
	if err != nil {
		return err
	}
	return b.send(item{mixed: m})
}

// mixed is a row group put together from others, on its way through a Builder.
type mixed struct {
	table      *Table
	like       *Group
	columns    []ColumnOf
	exceptions *Group
	ready      chan struct{} // closed when the fields below are set
	bytes      int           // of the rows, as groups are cut by
	err        error
}

// load reads the cells and adds up their sizes.
func (m *mixed) load(ctx context.Context) error {
	rows := m.like.Rows()
	m.bytes = rows * len(m.columns)
	for i := range m.columns {
		c, err := m.columns[i].cells(ctx)
		if err != nil {
			return err
		}
		if c.Len() != rows {
			return fmt.Errorf("%w: a column of %d rows in a group of %d", ErrMisused, c.Len(), rows)
		}
		m.bytes += len(c.Data)
	}
	if m.exceptions == nil {
		return nil
	}
	if m.exceptions.Rows() != rows || m.exceptions.Width() != len(m.columns) {
		return fmt.Errorf("%w: the exceptions of another group", ErrMisused)
	}
	c, err := m.exceptions.exceptionCells(ctx)
	m.bytes += len(c.Data)
	return err
}

// endsAlike reports whether the rows, added behind the end of a group, are one
// group as they are: the chunking cells are those of like, whose last row ends a
// group whatever the sizes, and there are too few bytes to end one sooner.
func (m *mixed) endsAlike(chunkedBy []int) bool {
	if m.like.Ref.Last || len(m.table.chunkedBy) != len(chunkedBy) || m.bytes >= softBytes ||
		!endsGroup(m.like.Ref.Tail, 0, m.like.Rows(), 0) {
		return false
	}
	for i, col := range chunkedBy {
		if c := &m.columns[col]; c.Group == nil || !c.Group.SameCells(c.Col, m.like, m.table.chunkedBy[i]) {
			return false
		}
	}
	return true
}

// rows returns the group as a batch.
func (m *mixed) rows(ctx context.Context) (Rows, error) {
	width, n := len(m.columns), m.like.Rows()
	rows := Rows{Width: width, Buf: make([]byte, 0, m.bytes), Cells: make([]Ref, width*n)}
	for c := range m.columns {
		cells, err := m.columns[c].cells(ctx)
		if err != nil {
			return Rows{}, err
		}
		start, base := uint32(0), uint32(len(rows.Buf))
		for r, end := range cells.Ends {
			rows.Cells[r*width+c] = Ref{Off: base + start, Len: end - start}
			start = end
		}
		rows.Buf = append(rows.Buf, cells.Data...)
	}
	if m.exceptions != nil {
		var err error
		if rows.Exceptions, err = m.exceptions.Exceptions(ctx); err != nil {
			return Rows{}, err
		}
	}
	return rows, nil
}

// addMixed takes the group as one if it can stand so, else row by row.
func (c *cutter) addMixed(m *mixed) error {
	select {
	case <-m.ready:
	case <-c.b.ctx.Done():
		return context.Cause(c.b.ctx)
	}
	if m.err != nil {
		return m.err
	}
	c.b.rising = false
	if c.rows > 0 || !m.endsAlike(c.b.chunkedBy) {
		rows, err := m.rows(c.b.ctx)
		if err != nil {
			return err
		}
		return c.addForeign(rows)
	}
	j := &groupJob{rows: m.like.Rows(), tail: m.like.Ref.Tail, done: make(chan struct{})}
	if base, ok := c.b.parent.match(0, j.tail); ok {
		j.base = &base
	}
	if err := c.send(j); err != nil {
		return err
	}
	return c.b.do(func(d *desk) {
		defer close(j.done)
		if j.err = c.b.ctx.Err(); j.err == nil {
			j.err = d.storeMixed(c.b, j, m)
		}
	})
}

// storeMixed puts a mixed group and those of its segments that are new.
func (d *desk) storeMixed(b *Builder, j *groupJob, m *mixed) error {
	d.begin(b.width)
	known := make([]segmentRef, b.width+1)
	for i := range m.columns {
		c := &m.columns[i]
		if c.Group == nil {
			d.encode(b, i, c.Cells)
			continue
		}
		if err := d.copySegment(b.ctx, c.Group, c.Col, &known[i]); err != nil {
			return err
		}
		d.ends = append(d.ends, len(d.payload))
	}
	if m.exceptions != nil {
		if err := d.copySegment(b.ctx, m.exceptions, b.width, &known[b.width]); err != nil {
			return err
		}
	}
	d.ends = append(d.ends, len(d.payload))
	return d.putGroup(b, j, known)
}

// copySegment appends the payload of a segment that exists.
func (d *desk) copySegment(ctx context.Context, g *Group, col int, known *segmentRef) error {
	*known = g.segments[col]
	if known.absent() {
		return nil
	}
	payload, _, err := g.payload(ctx, col)
	d.payload = append(d.payload, payload...)
	return err
}
