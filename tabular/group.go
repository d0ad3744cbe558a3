package tabular

import (
	"bytes"
	"context"
	"fmt"
	"sync"

	"github.com/constl/constl/object"
)

// Which segments stand inside their group (FORMAT.md §5).
const (
	inlineAll   = 128 << 10 // all of them, if together they are no longer than this
	inlineOne   = 1 << 10   // else those no longer than this,
	inlineTotal = 8 << 20   // in column order, while together they are no longer than this
)

// segmentRef is a segment as its group holds it: inline, or by link, or neither
// for the exceptions of a group that has none.
type segmentRef struct {
	inline []byte // the segment's payload
	link   object.ID
}

func (s *segmentRef) absent() bool { return s.inline == nil && s.link.IsZero() }

func (s *segmentRef) id() object.ID {
	if s.inline != nil {
		return object.New(object.KindSegment, s.inline).ID()
	}
	return s.link
}

func (s *segmentRef) equal(o *segmentRef) bool {
	switch {
	case s.absent() || o.absent():
		return s.absent() && o.absent()
	case s.inline != nil && o.inline != nil:
		return bytes.Equal(s.inline, o.inline)
	case s.inline == nil && o.inline == nil:
		return s.link == o.link
	}
	return s.id() == o.id()
}

// inlineRule decides, segment by segment in column order, which stand inline.
type inlineRule struct {
	all   bool
	total int
}

func newInlineRule(total, rows int) inlineRule {
	return inlineRule{all: total <= inlineAll && rows < minGroupRows}
}

func (r *inlineRule) inline(size int) bool {
	if r.all {
		return true
	}
	if size > inlineOne || r.total+size > inlineTotal {
		return false
	}
	r.total += size
	return true
}

// encodeGroup returns the group of the given rows, whose segments are one for
// each column and then, perhaps absent, the exceptions.
func encodeGroup(rows int, segments []segmentRef) object.Object {
	var e object.Encoder
	e.Uvarint(uint64(rows))
	e.Uvarint(uint64(len(segments) - 1))
	for i := range segments {
		s := &segments[i]
		switch {
		case s.inline != nil:
			e.Uvarint(uint64(len(s.inline)) + 1)
		case s.absent():
			e.Uvarint(0)
		default:
			e.Uvarint(1)
			e.Link(s.link)
		}
	}
	for i := range segments {
		e.Raw(segments[i].inline)
	}
	return e.Object(object.KindGroup)
}

// decodeGroup reads a group: its rows and its segments, the last of which are
// the exceptions.
func decodeGroup(o object.Object) (rows int, segments []segmentRef, err error) {
	d := object.NewDecoder(o, object.KindGroup)
	linked := d.Links() > 0
	rows = int(d.Size(maxGroupRows))
	width := d.Count(1)
	if d.Err() == nil && (rows == 0 || width == 0 || width > MaxFields) {
		d.Fail("a group of %d rows and %d columns", rows, width)
		width = 0
	}
	segments = make([]segmentRef, width+1)
	sizes := make([]int, width+1)
	total, longest := 0, 0
	for i := range segments {
		n := int(d.Size(object.MaxPayload))
		switch {
		case n == 0 && i < width:
			d.Fail("column %d has no segment", i)
		case n == 1:
			if segments[i].link = d.Link(); segments[i].link.IsZero() {
				d.Fail("column %d has a link to nothing", i)
			}
		case n > 1:
			sizes[i] = n - 1
			total += n - 1
			longest = max(longest, n-1)
		}
	}
	if (linked || total > inlineAll || rows >= minGroupRows) && longest > inlineOne || total > max(inlineTotal, inlineAll) {
		d.Fail("segments stand inline that are too long for it")
	}
	for i, n := range sizes {
		if n > 0 {
			segments[i].inline = d.Raw(n)
		}
	}
	if err := d.Close(); err != nil {
		return 0, nil, fmt.Errorf("decode group: %w", err)
	}
	return rows, segments, nil
}

// Group is one row group of a table, opened. Its columns are decoded when they
// are asked for, and kept. It is safe for use by several goroutines.
type Group struct {
	// Ref is where the group stands in its table.
	Ref GroupRef

	r        object.Reader
	width    int
	segments []segmentRef

	mu    sync.Mutex
	cells []Cells // of the columns and the exceptions; without Ends until decoded
	text  int     // bytes of text decoded so far
}

func openGroup(ctx context.Context, r object.Reader, ref GroupRef, width int) (*Group, error) {
	o, err := r.Get(ctx, ref.ID)
	if err != nil {
		return nil, fmt.Errorf("read row group %s: %w", ref.ID.Short(), err)
	}
	rows, segments, err := decodeGroup(o)
	if err != nil {
		return nil, &object.CorruptError{ID: ref.ID, Err: err}
	}
	if rows != ref.Rows || len(segments) != width+1 {
		return nil, &object.CorruptError{ID: ref.ID, Err: fmt.Errorf("a group of %d rows and %d columns where the table has %d and %d",
			rows, len(segments)-1, ref.Rows, width)}
	}
	return &Group{Ref: ref, r: r, width: width, segments: segments, cells: make([]Cells, width+1)}, nil
}

// Rows returns the number of rows, at least 1.
func (g *Group) Rows() int { return g.Ref.Rows }

// Width returns the number of columns.
func (g *Group) Width() int { return g.width }

// Cells returns the cells of a column, one for each row. They are shared: the
// caller must not write to them. It fails if the segment cannot be read, with an
// error that wraps [object.ErrCorrupt] if it is damaged or does not fit the group.
func (g *Group) Cells(ctx context.Context, col int) (Cells, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.cells[col].Ends != nil {
		return g.cells[col], nil
	}
	if g.segments[col].absent() {
		return Cells{}, nil
	}
	payload, id, err := g.payload(ctx, col)
	if err != nil {
		return Cells{}, err
	}
	c, err := DecodeSegment(payload)
	if err != nil {
		return Cells{}, &object.CorruptError{ID: id, Err: err}
	}
	if c.Len() != g.Ref.Rows {
		return Cells{}, &object.CorruptError{ID: id, Err: fmt.Errorf("a column of %d rows in a group of %d", c.Len(), g.Ref.Rows)}
	}
	// Without this a few bytes of repeated values could ask for any amount of memory.
	if g.text += len(c.Data) + c.Len(); g.text > maxGroupText {
		return Cells{}, &object.CorruptError{ID: g.Ref.ID, Err: fmt.Errorf("more than %d bytes of text", maxGroupText)}
	}
	g.cells[col] = c
	return c, nil
}

// payload returns the payload of a segment that is there, and the object that it
// stands in.
func (g *Group) payload(ctx context.Context, col int) ([]byte, object.ID, error) {
	s := &g.segments[col]
	if s.inline != nil {
		return s.inline, g.Ref.ID, nil
	}
	o, err := g.r.Get(ctx, s.link)
	if err != nil {
		return nil, s.link, fmt.Errorf("read column %d of row group %s: %w", col+1, g.Ref.ID.Short(), err)
	}
	if o.Kind() != object.KindSegment {
		return nil, s.link, &object.CorruptError{ID: s.link, Err: fmt.Errorf("expected a segment, found a %s", o.Kind())}
	}
	return o.Payload(), s.link, nil
}

// exceptionCells returns the exceptions' cells, which have no Ends if the group
// has no exceptions.
func (g *Group) exceptionCells(ctx context.Context) (Cells, error) { return g.Cells(ctx, g.width) }

// Exceptions returns the group's exceptions in order; Row counts from the
// group's first row. It fails as [Group.Cells] does.
func (g *Group) Exceptions(ctx context.Context) ([]Exception, error) {
	c, err := g.exceptionCells(ctx)
	if err != nil {
		return nil, err
	}
	var list []Exception
	for row := range c.Len() {
		if cell := c.At(row); len(cell) > 0 {
			if list, err = decodeExceptions(list, cell, row, g.width); err != nil {
				return nil, &object.CorruptError{ID: g.Ref.ID, Err: err}
			}
		}
	}
	if c.Len() > 0 && len(list) == 0 {
		return nil, &object.CorruptError{ID: g.Ref.ID, Err: fmt.Errorf("%w: a list of exceptions without any", object.ErrCorrupt)}
	}
	return list, nil
}

// SameCells reports, without decoding anything, whether a column has the very
// same cells as a column of another group.
func (g *Group) SameCells(col int, other *Group, otherCol int) bool {
	return g.segments[col].equal(&other.segments[otherCol])
}

// SameExceptions reports, without decoding anything, whether the group has the
// very same exceptions as another.
func (g *Group) SameExceptions(other *Group) bool {
	return g.segments[g.width].equal(&other.segments[other.width])
}

// SegmentID returns the id of a column's segment. If linked is false the segment
// stands inside the group and no object of that id need exist.
func (g *Group) SegmentID(col int) (id object.ID, linked bool) {
	s := &g.segments[col]
	return s.id(), s.inline == nil
}

// RowsOf returns the group's rows as a batch, exceptions included, for a
// [Builder] or a codec. It decodes every column and fails as [Group.Cells] does.
func (g *Group) RowsOf(ctx context.Context) (Rows, error) {
	columns := make([]Cells, g.width)
	total := 0
	for c := range columns {
		cells, err := g.Cells(ctx, c)
		if err != nil {
			return Rows{}, err
		}
		columns[c] = cells
		total += len(cells.Data)
	}
	exceptions, err := g.Exceptions(ctx)
	if err != nil {
		return Rows{}, err
	}
	rows := Rows{
		Width:      g.width,
		Buf:        make([]byte, 0, total),
		Cells:      make([]Ref, g.width*g.Ref.Rows),
		Exceptions: exceptions,
	}
	for c, cells := range columns {
		start := uint32(0)
		base := uint32(len(rows.Buf))
		for r, end := range cells.Ends {
			rows.Cells[r*g.width+c] = Ref{Off: base + start, Len: end - start}
			start = end
		}
		rows.Buf = append(rows.Buf, cells.Data...)
	}
	return rows, nil
}
