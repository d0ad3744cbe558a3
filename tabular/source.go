package tabular

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
	"github.com/zeebo/blake3"
)

// SourceHead is how many bytes of a row group's source are kept as its head, at most.
const SourceHead = 48

// Source says what part of a file a row group was read from, so that the group is
// known again by those bytes and need not be read from them. It is a saving, of
// which no id knows.
type Source struct {
	ID      object.ID // the row group's
	Rows    int
	Tail    uint64 // see [GroupRef]
	Size    int64  // bytes, from where the group before ended
	Sum     object.ID
	Head    []byte      // the first bytes
	Columns []CellStats // of each column
}

// Known reports whether the bytes are all that there is to know: they hash to
// Sum, and the rows have no exceptions.
func (s *Source) Known() bool { return !s.Sum.IsZero() }

// AddKnown appends a row group that is known by its bytes, raw, of which it takes
// the slice over. Its objects must be in the builder's store, and its rows must
// have been chunked by the same columns. Where the new table's groups do not end
// as they did, parse is called, from another goroutine, to take the rows apart.
// It fails as Add does.
func (b *Builder) AddKnown(s *Source, raw []byte, parse func(raw []byte) (Rows, error)) error {
	if err := b.open(); err != nil {
		return err
	}
	if len(s.Columns) != b.width || s.Rows < 1 || int64(len(raw)) != s.Size {
		b.fail(fmt.Errorf("%w: a known row group of %d columns and %d bytes for a table of %d columns", ErrMisused, len(s.Columns), s.Size, b.width))
		return b.err()
	}
	return b.send(item{known: s, raw: raw, parse: parse})
}

// addKnown takes the group as it is if it begins where one of this table does.
func (c *cutter) addKnown(i *item) error {
	c.b.rising = false
	if c.rows == 0 {
		j := &groupJob{rows: i.known.Rows, tail: i.known.Tail, id: i.known.ID, columns: i.known.Columns, source: *i.known, done: make(chan struct{})}
		close(j.done)
		c.b.parent.match(0, j.tail)
		if c.b.o.Recycle != nil {
			c.b.o.Recycle(Rows{Buf: i.raw})
		}
		return c.send(j)
	}
	rows, err := i.parse(i.raw)
	if err != nil {
		return err
	}
	x := c.b.newBatch(rows)
	x.measure(c.b.chunkedBy)
	close(x.ready)
	return c.addBatch(x)
}

// Sources ends the rows and says where each row group was read from, in order. It
// returns nil if the builder was not asked to keep it, or if rows were added that
// came without [Rows.Ends]. The caller must not change what is returned. It fails
// with the first error of the rows.
func (b *Builder) Sources() ([]Source, error) {
	if err := b.end(); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(b.sources, func(s Source) bool { return s.Size == 0 }) {
		return nil, nil
	}
	return b.sources, nil
}

// trace finds out about the source of the rows of spans.
func (d *desk) trace(spans []span, odd bool) (s Source) {
	if d.hash == nil {
		d.hash = blake3.New()
	}
	d.hash.Reset()
	for _, span := range spans {
		ends := span.b.rows.Ends
		if len(ends) == 0 {
			return Source{}
		}
		from := uint32(0)
		if span.from > 0 {
			from = ends[span.from-1]
		}
		part := span.b.rows.Buf[from:ends[span.to-1]]
		s.Size += int64(len(part))
		s.Head = append(s.Head, part[:min(len(part), SourceHead-len(s.Head))]...)
		if !odd {
			d.hash.Write(part) // a hasher never fails
		}
	}
	if !odd {
		d.hash.Sum(s.Sum[:0])
	}
	s.Head = bytes.Clone(s.Head)
	return s
}
