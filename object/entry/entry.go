package entry

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/constl/constl/object"
)

// Encoding says how an [Entry] holds its object (object/FORMAT.md §7).
type Encoding byte

// The encodings of format version 1.
const (
	Raw   Encoding = 0 // the object as it is
	Zstd  Encoding = 1 // the blocks of a zstd frame
	Delta Encoding = 2 // as Zstd, with the base object as raw dictionary
)

// String returns the encoding's name.
func (e Encoding) String() string {
	switch e {
	case Raw:
		return "raw"
	case Zstd:
		return "zstd"
	case Delta:
		return "delta"
	}
	return fmt.Sprintf("encoding %d", byte(e))
}

// maxLength is the length of the largest object: its kind and its payload.
const maxLength = 1 + object.MaxPayload

// MaxSize is the size in bytes of the largest entry. An object that would need
// more when compressed is held raw.
const MaxSize = 1 + maxLength

// Entry is one object in stored form. It is a value: whoever received one may
// keep it, and nobody writes to its Data.
type Entry struct {
	Encoding Encoding
	// Length is the length of the object in bytes, its kind included.
	Length int
	// Base is the object against which a Delta was made, else zero.
	Base object.ID
	// Data is the object itself if Raw, else zstd blocks.
	Data []byte
}

// Getter gives objects in stored form. It is an optional ability of an
// [object.Reader].
type Getter interface {
	// GetEntry returns the object in the form in which it is stored, unverified:
	// whoever decodes it compares the id. If the form is a Delta, the base is in
	// the same store. It fails as [object.Reader] does.
	GetEntry(ctx context.Context, id object.ID) (Entry, error)
}

// Putter takes objects whose stored form is at hand, so that nothing is hashed and
// compressed again. It is an optional ability of an [object.Batch].
type Putter interface {
	// PutEntry stores the object in the form of the entry, or in another if that
	// one is of no use to the store. The caller has made sure that the object has
	// the id, is well-formed, and is what the entry decodes to; a Delta's base is
	// held. It keeps neither the object nor the entry's data, and fails as
	// [object.Writer]'s Put does.
	PutEntry(ctx context.Context, id object.ID, o object.Object, e Entry) error
}

// Size returns the number of bytes that [Entry.Append] adds.
func (e Entry) Size() int {
	switch e.Encoding {
	case Raw:
		return 1 + len(e.Data)
	case Delta:
		return 1 + uvarintLen(e.Length) + object.IDSize + len(e.Data)
	default:
		return 1 + uvarintLen(e.Length) + len(e.Data)
	}
}

// Append appends the entry's bytes to dst and returns the extended slice.
func (e Entry) Append(dst []byte) []byte {
	dst = append(dst, byte(e.Encoding))
	if e.Encoding != Raw {
		dst = binary.AppendUvarint(dst, uint64(e.Length))
	}
	if e.Encoding == Delta {
		dst = append(dst, e.Base[:]...)
	}
	return append(dst, e.Data...)
}

// Parse takes the bytes of one entry apart. The entry's Data is a part of b. It
// checks the frame around the data, not yet what it decompresses to. It fails
// with an error that wraps [object.ErrCorrupt].
func Parse(b []byte) (Entry, error) {
	d := object.NewBodyDecoder(b)
	e := Entry{Encoding: Encoding(d.Byte())}
	switch e.Encoding {
	case Raw:
		e.Length = d.Remaining()
	case Zstd, Delta:
		e.Length = int(d.Size(maxLength))
		if e.Encoding == Delta {
			e.Base = d.ID()
		}
	}
	e.Data = d.Raw(d.Remaining())
	if err := d.Close(); err != nil {
		return Entry{}, err
	}
	if err := e.Check(); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// Check reports an entry that [Parse] would refuse: it looks at the frame around
// the data, not at what it decompresses to. It fails with an error that wraps
// [object.ErrCorrupt].
func (e Entry) Check() error {
	switch {
	case e.Encoding > Delta:
		return fmt.Errorf("%w: unknown encoding %d of an entry", object.ErrCorrupt, byte(e.Encoding))
	case e.Length < 1 || e.Length > maxLength:
		return fmt.Errorf("%w: an entry declares %d bytes", object.ErrCorrupt, e.Length)
	case e.Encoding == Delta && e.Base.IsZero():
		return fmt.Errorf("%w: a delta has no base", object.ErrCorrupt)
	case e.Encoding == Raw && len(e.Data) != e.Length:
		return fmt.Errorf("%w: a raw entry declares %d bytes and holds %d", object.ErrCorrupt, e.Length, len(e.Data))
	case e.Encoding == Raw:
		return nil
	case e.Encoding == Delta && e.Length > MaxDelta:
		return fmt.Errorf("%w: a delta declares %d bytes, at most %d are allowed", object.ErrCorrupt, e.Length, MaxDelta)
	case len(e.Data) >= e.Length:
		return fmt.Errorf("%w: %d bytes of compressed data for an object of %d", object.ErrCorrupt, len(e.Data), e.Length)
	}
	return checkBlocks(e.Data)
}

// checkBlocks walks the headers of zstd blocks (RFC 8878 §3.1.1.2) so that the
// data is known to be one frame's blocks and nothing else.
func checkBlocks(b []byte) error {
	for {
		if len(b) < 3 {
			return fmt.Errorf("%w: compressed data ends within a block", object.ErrCorrupt)
		}
		h := uint32(b[0]) | uint32(b[1])<<8 | uint32(b[2])<<16
		last, kind, size := h&1 != 0, h>>1&3, int(h>>3)
		b = b[3:]
		switch kind {
		case 1: // one byte, repeated size times
			size = 1
		case 3:
			return fmt.Errorf("%w: compressed data has a block of the reserved type", object.ErrCorrupt)
		}
		if size > len(b) {
			return fmt.Errorf("%w: compressed data ends within a block", object.ErrCorrupt)
		}
		b = b[size:]
		if last {
			break
		}
	}
	if len(b) > 0 {
		return fmt.Errorf("%w: %d bytes after the last compressed block", object.ErrCorrupt, len(b))
	}
	return nil
}

func uvarintLen(v int) int {
	n := 1
	for ; v >= 0x80; v >>= 7 {
		n++
	}
	return n
}

// appendHeader appends the zstd frame header that an entry leaves out: one
// segment, no checksum, no dictionary id, the content's size.
func appendHeader(dst []byte, length int) []byte {
	dst = append(dst, 0x28, 0xb5, 0x2f, 0xfd)
	switch {
	case length < 256:
		return append(dst, 0x20, byte(length))
	case length < 65536+256:
		return binary.LittleEndian.AppendUint16(append(dst, 0x60), uint16(length-256))
	default:
		return binary.LittleEndian.AppendUint32(append(dst, 0xa0), uint32(length))
	}
}

func headerLen(length int) int {
	switch {
	case length < 256:
		return 6
	case length < 65536+256:
		return 7
	default:
		return 9
	}
}
