package tabular

import (
	"context"
	"fmt"
	"iter"

	"github.com/constl/constl/object"
)

// formatVersion is the version of the rules by which tables are cut and encoded.
const formatVersion = 1

// Table is a stored table, opened. It is safe for use by several goroutines and
// holds nothing that need be closed.
type Table struct {
	ID     object.ID
	Schema *Schema
	Layout Layout
	Rows   int64

	SchemaID object.ID

	r         object.Reader
	width     int
	chunkedBy []int
	root      child
	height    int
}

// GroupRef points at one row group of a table.
type GroupRef struct {
	ID    object.ID
	First int64  // rows of the table that stand before the group
	Rows  int    // rows in the group
	Tail  uint64 // hash of the last row's chunking cells
	Last  bool   // the group ends because the table does
}

// tableBody is what a table's object says.
type tableBody struct {
	schema object.ID
	layout Layout
	root   child
	height int
}

func encodeTable(b *tableBody) object.Object {
	var e object.Encoder
	e.Byte(formatVersion)
	e.Link(b.schema)
	e.Uvarint(uint64(b.root.rows))
	if b.root.rows > 0 {
		e.Link(b.root.id)
		e.Uvarint(uint64(b.height))
		appendTail(&e, b.root.tail)
	}
	e.Text(b.layout.Codec)
	e.Bytes(b.layout.Data)
	return e.Object(object.KindTable)
}

func decodeTable(o object.Object) (*tableBody, error) {
	d := object.NewDecoder(o, object.KindTable)
	if v := d.Byte(); d.Err() == nil && v != formatVersion {
		d.Fail("table format %d; this program knows format %d", v, formatVersion)
	}
	b := &tableBody{schema: d.Link()}
	b.root.rows = d.Size(maxRows)
	if b.root.rows > 0 {
		b.root.id = d.Link()
		b.height = int(d.Size(maxHeight))
		b.root.tail = takeTail(d)
		if b.height == 0 && b.root.rows > maxGroupRows {
			d.Fail("a single row group of %d rows", b.root.rows)
		}
	}
	b.layout.Codec = d.Text(MaxName)
	b.layout.Data = d.Bytes(MaxLayout)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("decode table: %w", err)
	}
	return b, nil
}

// Open reads the table with the given id and its schema. It fails as r does, and
// with a [*object.CorruptError] if either is damaged or no table.
func Open(ctx context.Context, r object.Reader, id object.ID) (*Table, error) {
	o, err := r.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read table %s: %w", id.Short(), err)
	}
	b, err := decodeTable(o)
	if err != nil {
		return nil, &object.CorruptError{ID: id, Err: err}
	}
	o, err = r.Get(ctx, b.schema)
	if err != nil {
		return nil, fmt.Errorf("read schema of table %s: %w", id.Short(), err)
	}
	schema, err := DecodeSchema(o)
	if err != nil {
		return nil, &object.CorruptError{ID: b.schema, Err: err}
	}
	return &Table{
		ID: id, Schema: schema, SchemaID: b.schema, Layout: b.layout, Rows: b.root.rows,
		r: r, width: len(schema.Fields), chunkedBy: schema.ChunkColumns(), root: b.root, height: b.height,
	}, nil
}

// node reads the node that stands for c and checks that it is what c says.
func (t *Table) node(ctx context.Context, c child, height int) ([]child, error) {
	o, err := t.r.Get(ctx, c.id)
	if err != nil {
		return nil, fmt.Errorf("read node %s: %w", c.id.Short(), err)
	}
	h, children, err := decodeNode(o)
	if err == nil && (h != height || sumRows(children) != c.rows || children[len(children)-1].tail != c.tail) {
		err = fmt.Errorf("%w: the node is not the one that its parent describes", object.ErrCorrupt)
	}
	if err != nil {
		return nil, &object.CorruptError{ID: c.id, Err: err}
	}
	return children, nil
}

// place is a child together with where it stands in its table.
type place struct {
	child
	height int
	first  int64
	last   bool // nothing stands behind it
}

func (p *place) ref() GroupRef {
	return GroupRef{ID: p.id, First: p.first, Rows: int(p.rows), Tail: p.tail, Last: p.last}
}

func (t *Table) rootPlace() place { return place{child: t.root, height: t.height, last: true} }

// expand returns the children of a node.
func (t *Table) expand(ctx context.Context, p place) ([]place, error) {
	children, err := t.node(ctx, p.child, p.height)
	if err != nil {
		return nil, err
	}
	places := make([]place, len(children))
	first := p.first
	for i, c := range children {
		places[i] = place{child: c, height: p.height - 1, first: first, last: p.last && i == len(children)-1}
		first += c.rows
	}
	return places, nil
}

// Groups returns the table's row groups in order. It ends after the first error.
func (t *Table) Groups(ctx context.Context) iter.Seq2[GroupRef, error] {
	return t.groupsBetween(ctx, 0, t.Rows)
}

// groupsBetween returns the groups that hold rows from ≤ row < to.
func (t *Table) groupsBetween(ctx context.Context, from, to int64) iter.Seq2[GroupRef, error] {
	return func(yield func(GroupRef, error) bool) {
		if t.Rows > 0 && from < to {
			t.visit(ctx, t.rootPlace(), from, to, yield)
		}
	}
}

func (t *Table) visit(ctx context.Context, p place, from, to int64, yield func(GroupRef, error) bool) bool {
	if p.first >= to || p.first+p.rows <= from {
		return true
	}
	if p.height == 0 {
		return yield(p.ref(), nil)
	}
	places, err := t.expand(ctx, p)
	if err != nil {
		yield(GroupRef{}, err)
		return false
	}
	for _, below := range places {
		if !t.visit(ctx, below, from, to, yield) {
			return false
		}
	}
	return true
}

// GroupAt returns the row group that holds the row with the given number,
// counted from 0. It fails with an error that wraps [ErrOutOfRange] if the table
// has no such row.
func (t *Table) GroupAt(ctx context.Context, row int64) (GroupRef, error) {
	if row < 0 || row >= t.Rows {
		return GroupRef{}, fmt.Errorf("%w: row %d of %d", ErrOutOfRange, row, t.Rows)
	}
	for ref, err := range t.groupsBetween(ctx, row, row+1) {
		return ref, err
	}
	return GroupRef{}, fmt.Errorf("%w: row %d", ErrOutOfRange, row)
}

// Group opens a row group of the table. It fails as the table's reader does, and
// with a [*object.CorruptError] if the group is damaged or does not fit the table.
func (t *Table) Group(ctx context.Context, ref GroupRef) (*Group, error) {
	return openGroup(ctx, t.r, ref, t.width)
}

// Span is a run of rows of one row group, with some of their columns.
type Span struct {
	Group    *Group
	From, To int     // rows of the group: From ≤ row < To
	Columns  []Cells // whole columns of the group, in the order in which they were asked for
}

// Range returns the rows from ≤ row < to, counted from 0 and cut to what the
// table has, group by group. It reads only the segments of the given columns;
// nil stands for all columns. It ends after the first error.
func (t *Table) Range(ctx context.Context, from, to int64, cols []int) iter.Seq2[Span, error] {
	if cols == nil {
		cols = allColumns(t.width)
	}
	return func(yield func(Span, error) bool) {
		for ref, err := range t.groupsBetween(ctx, max(from, 0), min(to, t.Rows)) {
			if err != nil {
				yield(Span{}, err)
				return
			}
			g, err := t.Group(ctx, ref)
			if err != nil {
				yield(Span{}, err)
				return
			}
			s := Span{
				Group: g, Columns: make([]Cells, len(cols)),
				From: int(max(from-ref.First, 0)), To: int(min(to-ref.First, int64(ref.Rows))),
			}
			for i, c := range cols {
				if s.Columns[i], err = g.Cells(ctx, c); err != nil {
					yield(Span{}, err)
					return
				}
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

// ForEach hands all row groups to fn in the table's order, in the caller's
// goroutine, their columns already decoded by the given number of goroutines
// (at most 0: one per processor). It stops at the first error and returns it.
func (t *Table) ForEach(ctx context.Context, workers int, fn func(*Group) error) error {
	return MapGroups(ctx, t, workers, func(ctx context.Context, g *Group) (*Group, error) {
		for c := range g.segments {
			if _, err := g.Cells(ctx, c); err != nil {
				return nil, err
			}
		}
		return g, nil
	}, fn)
}

// MapGroups runs work on every row group of a table in the given number of
// goroutines (at most 0: one per processor) and hands the results to deliver in
// the table's order, in the caller's goroutine. Only a few groups are held at a
// time. It stops at the first error and returns it; no goroutine outlives it.
func MapGroups[T any](ctx context.Context, t *Table, workers int,
	work func(context.Context, *Group) (T, error), deliver func(T) error) error {
	return MapRefs(ctx, t, workers, func(ctx context.Context, ref GroupRef) (T, error) {
		g, err := t.Group(ctx, ref)
		if err != nil {
			var none T
			return none, err
		}
		return work(ctx, g)
	}, deliver)
}

// MapRefs is [MapGroups] for work that need not read every row group.
func MapRefs[T any](ctx context.Context, t *Table, workers int,
	work func(context.Context, GroupRef) (T, error), deliver func(T) error) error {
	return inOrder(ctx, workers, t.Groups(ctx), work, deliver)
}
