package pack

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

// The parts of a pack (object/FORMAT.md §8).
const (
	packMagic   = "CONSTLP1"
	indexMagic  = "CONSTLI1"
	footerSize  = 8 + 8 + 4 + 8 + 4 + 4 + 8
	stemSize    = 20 // of a pack's name, as bytes
	locSize     = 6 + 4 + 1
	perObject   = object.IDSize + locSize
	maxPackSize = 1 << 48
)

// maxDepth is how many deltas may stand between an entry and one that is none.
const maxDepth = 16

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// location says where in a pack an entry is.
type location struct {
	offset int64
	length uint32
	// depth is the number of deltas below the entry. Some entry of a delta's base
	// has a smaller one, which is what makes every chain end.
	depth uint8
}

// index finds the entries of one pack. It is the index's bytes as they are in
// the file, for there may be millions.
type index struct {
	ids  []byte // sorted
	locs []byte
	n    int
}

func (x *index) id(i int) object.ID {
	return object.ID(x.ids[i*object.IDSize : (i+1)*object.IDSize])
}

func (x *index) loc(i int) location {
	b := x.locs[i*locSize:]
	return location{
		offset: int64(binary.BigEndian.Uint16(b))<<32 | int64(binary.BigEndian.Uint32(b[2:])),
		length: binary.BigEndian.Uint32(b[6:]),
		depth:  b[10],
	}
}

// find returns where the object is. Ids are hashes, so their place is nearly
// where their first bytes say.
func (x *index) find(id object.ID) (location, bool) {
	if x.n == 0 {
		return location{}, false
	}
	at := int(uint64(binary.BigEndian.Uint32(id[:])) * uint64(x.n) >> 32)
	var lo, hi int
	step := 4
	if x.compare(at, id) <= 0 {
		lo = at
		for lo+step < x.n && x.compare(lo+step, id) <= 0 {
			lo += step
			step *= 2
		}
		hi = min(lo+step, x.n)
	} else {
		hi = at
		for hi-step >= 0 && x.compare(hi-step, id) > 0 {
			hi -= step
			step *= 2
		}
		lo = max(hi-step, 0)
	}
	for lo < hi {
		mid := (lo + hi) / 2
		switch c := x.compare(mid, id); {
		case c == 0:
			return x.loc(mid), true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return location{}, false
}

func (x *index) compare(i int, id object.ID) int {
	return bytes.Compare(x.ids[i*object.IDSize:(i+1)*object.IDSize], id[:])
}

// encodeIndex returns the index and footer for entries that end at offset end,
// in a pack that replaces others. The nonce gives every pack a name of its own.
func encodeIndex(locs map[object.ID]location, end int64, replaced []string, nonce [8]byte) []byte {
	ids := make([]object.ID, 0, len(locs))
	for id := range locs {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, object.ID.Compare)
	b := make([]byte, 0, len(ids)*perObject+len(replaced)*stemSize+footerSize)
	for i := range ids {
		b = append(b, ids[i][:]...)
	}
	for _, id := range ids {
		l := locs[id]
		b = binary.BigEndian.AppendUint16(b, uint16(l.offset>>32))
		b = binary.BigEndian.AppendUint32(b, uint32(l.offset))
		b = binary.BigEndian.AppendUint32(b, l.length)
		b = append(b, l.depth)
	}
	for _, name := range replaced {
		stem, _ := hex.DecodeString(strings.TrimSuffix(name, suffix)) // a pack's name is hexadecimal
		b = append(b, stem...)
	}
	sum := crc32.Checksum(b, castagnoli)
	footer := binary.BigEndian.AppendUint64(nil, uint64(end))
	footer = binary.BigEndian.AppendUint64(footer, uint64(len(ids)))
	footer = binary.BigEndian.AppendUint32(footer, uint32(len(replaced)))
	footer = append(footer, nonce[:]...)
	footer = binary.BigEndian.AppendUint32(footer, sum)
	footer = binary.BigEndian.AppendUint32(footer, crc32.Checksum(footer, castagnoli))
	footer = append(footer, indexMagic...)
	return append(b, footer...)
}

// footer is what the end of a pack says.
type footer struct {
	start    int64 // of the index, which is the end of the entries
	n        int   // objects
	replaced int   // packs
	sum      uint32
}

// size returns the length of the index.
func (f footer) size() int { return f.n*perObject + f.replaced*stemSize }

// decodeFooter reads the footer of a pack of that size.
func decodeFooter(b []byte, size int64) (footer, error) {
	if len(b) != footerSize || string(b[footerSize-8:]) != indexMagic {
		return footer{}, fmt.Errorf("%w: the pack has no footer", object.ErrCorrupt)
	}
	if crc32.Checksum(b[:32], castagnoli) != binary.BigEndian.Uint32(b[32:]) {
		return footer{}, fmt.Errorf("%w: the pack's footer does not match its checksum", object.ErrCorrupt)
	}
	start, n, replaced := binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:]), uint64(binary.BigEndian.Uint32(b[16:]))
	space := uint64(size - footerSize - int64(len(packMagic)))
	if size >= maxPackSize || n > space/perObject || replaced > space/stemSize ||
		start != uint64(size-footerSize)-n*perObject-replaced*stemSize || start < uint64(len(packMagic)) {
		return footer{}, fmt.Errorf("%w: the pack's footer claims %d objects indexed from byte %d of %d", object.ErrCorrupt, n, start, size)
	}
	return footer{int64(start), int(n), int(replaced), binary.BigEndian.Uint32(b[28:])}, nil
}

// decodeIndex returns the index that the bytes are, which it keeps, and the
// names of the packs that are replaced.
func decodeIndex(b []byte, f footer) (index, []string, error) {
	if crc32.Checksum(b, castagnoli) != f.sum {
		return index{}, nil, fmt.Errorf("%w: the pack's index does not match its checksum", object.ErrCorrupt)
	}
	x := index{ids: b[:f.n*object.IDSize], locs: b[f.n*object.IDSize : f.n*perObject], n: f.n}
	for i := range x.n {
		if i > 0 && x.compare(i-1, x.id(i)) >= 0 {
			return index{}, nil, fmt.Errorf("%w: the pack's index is out of order", object.ErrCorrupt)
		}
		l := x.loc(i)
		if l.offset <= int64(len(packMagic)) || l.length > entry.MaxSize || l.offset+int64(l.length) > f.start || l.depth > maxDepth {
			return index{}, nil, fmt.Errorf("%w: the pack's index points outside it", object.ErrCorrupt)
		}
	}
	var replaced []string
	for stems := b[f.n*perObject:]; len(stems) > 0; stems = stems[stemSize:] {
		replaced = append(replaced, hex.EncodeToString(stems[:stemSize])+suffix)
	}
	return x, replaced, nil
}
