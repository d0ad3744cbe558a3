package pack

import (
	"encoding/binary"
	"fmt"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

// The forms of a record, the low bits of its head (object/FORMAT.md §8).
const (
	formRaw  = 0
	formZstd = 1
	formFar  = 2 // a delta, with its base's id
	formNear = 3 // a delta, with how many records back its base stands
)

const (
	// maxHead is the length in bytes of the longest head of a record.
	maxHead = binary.MaxVarintLen64 + object.IDSize
	// maxRecord is the length in bytes of the longest record.
	maxRecord = entry.MaxSize + binary.MaxVarintLen64
	// minRecord is that of the shortest: a head and one byte.
	minRecord = 2
)

// appendRecord appends the record of an entry, whose base stands so many records
// back in the pack, or elsewhere if back is 0.
func appendRecord(dst []byte, e entry.Entry, back int) []byte {
	head := uint64(e.Length) << 2
	switch {
	case e.Encoding == entry.Raw:
		dst = binary.AppendUvarint(dst, head|formRaw)
	case e.Encoding == entry.Zstd:
		dst = binary.AppendUvarint(dst, head|formZstd)
	case back == 0:
		dst = binary.AppendUvarint(dst, head|formFar)
		dst = append(dst, e.Base[:]...)
	default:
		dst = binary.AppendUvarint(dst, head|formNear)
		dst = binary.AppendUvarint(dst, uint64(back))
	}
	return append(dst, e.Data...)
}

// parseRecord takes a record's head off. number is the record's own, and id says
// what the ones before it hold. The entry's data is a part of b and not looked at.
func parseRecord(b []byte, number int, id func(number int) object.ID) (entry.Entry, error) {
	d := object.NewBodyDecoder(b)
	head := d.Uvarint()
	e := entry.Entry{Length: int(min(head>>2, entry.MaxSize))}
	switch head & 3 {
	case formRaw:
		e.Encoding = entry.Raw
	case formZstd:
		e.Encoding = entry.Zstd
	case formFar:
		e.Encoding = entry.Delta
		e.Base = d.ID()
	case formNear:
		e.Encoding = entry.Delta
		back := d.Size(int64(number))
		if d.Err() == nil && back == 0 {
			d.Fail("a delta against itself")
		}
		if d.Err() == nil {
			e.Base = id(number - int(back))
		}
	}
	e.Data = d.Raw(d.Remaining())
	if err := d.Close(); err != nil {
		return entry.Entry{}, fmt.Errorf("the head of a record: %w", err)
	}
	return e, nil
}
