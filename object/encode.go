package object

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// Encoder builds the canonical payload of one object: its links and its body
// (FORMAT.md §3). The zero Encoder is ready to use. It is for one goroutine.
type Encoder struct {
	links []ID
	body  []byte
}

// Link adds an id to the object's links. The decoder takes links back in the
// same order, so nothing stands in the body for one.
func (e *Encoder) Link(id ID) { e.links = append(e.links, id) }

// Uvarint appends an unsigned integer in the shortest LEB128 form.
func (e *Encoder) Uvarint(v uint64) { e.body = binary.AppendUvarint(e.body, v) }

// Varint appends a signed integer, zigzag-mapped, in the shortest LEB128 form.
func (e *Encoder) Varint(v int64) { e.body = binary.AppendVarint(e.body, v) }

// Byte appends one byte.
func (e *Encoder) Byte(b byte) { e.body = append(e.body, b) }

// Raw appends bytes without their length.
func (e *Encoder) Raw(b []byte) { e.body = append(e.body, b...) }

// ID appends an id to the body that is no link: nothing is fetched or kept for it.
func (e *Encoder) ID(id ID) { e.body = append(e.body, id[:]...) }

// Bytes appends a length and the bytes.
func (e *Encoder) Bytes(b []byte) {
	e.Uvarint(uint64(len(b)))
	e.body = append(e.body, b...)
}

// Text appends a length and the bytes of a text.
func (e *Encoder) Text(s string) {
	e.Uvarint(uint64(len(s)))
	e.body = append(e.body, s...)
}

// Len returns the length of the body so far, without the links.
func (e *Encoder) Len() int { return len(e.body) }

// Body returns the body so far, without the links. It is the Encoder's own slice.
func (e *Encoder) Body() []byte { return e.body }

// Object returns the object of the given kind with what was added so far.
// It panics if links were added to a kind that has none: that is a mistake in
// the program, never in data.
func (e *Encoder) Object(kind Kind) Object {
	if kind.Leaf() {
		if len(e.links) > 0 {
			panic(fmt.Sprintf("object: links in a %s", kind))
		}
		return New(kind, e.body)
	}
	o := make(Object, 0, 1+binary.MaxVarintLen32+len(e.links)*IDSize+len(e.body))
	o = append(o, byte(kind))
	o = binary.AppendUvarint(o, uint64(len(e.links)))
	for i := range e.links {
		o = append(o, e.links[i][:]...)
	}
	return append(o, e.body...)
}

// Decoder takes a payload apart in the order in which an [Encoder] built it.
// It is strict: over-long integers, lengths beyond the payload, texts that are
// not UTF-8, and bytes or links left over are errors that wrap [ErrCorrupt].
// After a first error every call returns zero values; [Decoder.Close] reports it.
// It allocates nothing before the bytes that justify it are known to be there.
// It is for one goroutine.
type Decoder struct {
	links []byte
	body  []byte
	err   error
}

// NewDecoder returns a Decoder for an object of the given kind. Another kind is
// an error, which Close reports.
func NewDecoder(o Object, kind Kind) *Decoder {
	d := &Decoder{}
	if o.Kind() != kind {
		d.fail("expected a %s, found a %s", kind, o.Kind())
		return d
	}
	if kind.Leaf() {
		d.body = o.Payload()
		return d
	}
	n, rest, err := linkCount(o)
	if err != nil {
		d.err = err
		return d
	}
	d.links, d.body = rest[:n*IDSize], rest[n*IDSize:]
	return d
}

// NewBodyDecoder returns a Decoder for bytes that stand outside any object, such
// as a message or a part of a body. It has no links.
func NewBodyDecoder(body []byte) *Decoder { return &Decoder{body: body} }

func (d *Decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrCorrupt, fmt.Sprintf(format, args...))
	}
	d.body, d.links = nil, nil
}

// Fail records that what was decoded breaks a rule of its kind, unless an
// earlier error was recorded.
func (d *Decoder) Fail(format string, args ...any) { d.fail(format, args...) }

// Err returns the first error so far.
func (d *Decoder) Err() error { return d.err }

// Close returns the first error, or one if bytes or links are left over.
func (d *Decoder) Close() error {
	if d.err == nil && len(d.body) > 0 {
		d.fail("%d bytes left over", len(d.body))
	}
	if d.err == nil && len(d.links) > 0 {
		d.fail("%d links left over", len(d.links)/IDSize)
	}
	return d.err
}

// Links returns how many links are left to take.
func (d *Decoder) Links() int { return len(d.links) / IDSize }

// Remaining returns how many bytes of the body are left.
func (d *Decoder) Remaining() int { return len(d.body) }

// Link takes the next link.
func (d *Decoder) Link() (id ID) {
	if len(d.links) < IDSize {
		d.fail("a link is missing")
		return id
	}
	copy(id[:], d.links)
	d.links = d.links[IDSize:]
	return id
}

// Uvarint takes an unsigned integer.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.body)
	if n <= 0 {
		d.fail("an integer is cut short or too large")
		return 0
	}
	if n > 1 && d.body[n-1] == 0 {
		d.fail("an integer is longer than it need be")
		return 0
	}
	d.body = d.body[n:]
	return v
}

// Varint takes a signed integer.
func (d *Decoder) Varint() int64 {
	u := d.Uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// Count takes an unsigned integer that says how many items follow, each at
// least itemSize bytes long in the body (at least 1), so that a lying count is
// refused before anything is allocated for it.
func (d *Decoder) Count(itemSize int) int {
	n := d.Uvarint()
	if n > uint64(len(d.body)/max(1, itemSize)) {
		d.fail("%d items claimed in %d bytes", n, len(d.body))
		return 0
	}
	return int(n)
}

// Size takes an unsigned integer of at most limit.
func (d *Decoder) Size(limit int64) int64 {
	n := d.Uvarint()
	if n > uint64(limit) {
		d.fail("%d is over the limit of %d", n, limit)
		return 0
	}
	return int64(n)
}

// Byte takes one byte.
func (d *Decoder) Byte() byte {
	if len(d.body) == 0 {
		d.fail("a byte is missing")
		return 0
	}
	b := d.body[0]
	d.body = d.body[1:]
	return b
}

// Raw takes n bytes. The slice is a part of the decoded payload.
func (d *Decoder) Raw(n int) []byte {
	if n < 0 || n > len(d.body) {
		d.fail("%d bytes expected, %d left", n, len(d.body))
		return nil
	}
	b := d.body[:n:n]
	d.body = d.body[n:]
	return b
}

// ID takes an id that is no link.
func (d *Decoder) ID() (id ID) {
	copy(id[:], d.Raw(IDSize))
	return id
}

// Bytes takes a length and that many bytes, at most limit. The slice is a part
// of the decoded payload.
func (d *Decoder) Bytes(limit int) []byte { return d.Raw(int(d.Size(int64(limit)))) }

// Text takes a length and that many bytes of UTF-8, at most limit.
func (d *Decoder) Text(limit int) string {
	b := d.Bytes(limit)
	if !utf8.Valid(b) {
		d.fail("a text is not UTF-8")
		return ""
	}
	return string(b)
}
