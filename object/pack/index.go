package pack

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math/bits"
	"slices"
	"strings"

	"github.com/constl/constl/object"
)

// The parts of a pack (object/FORMAT.md §8).
const (
	packMagic   = "CONSTLP1"
	indexMagic  = "CONSTLI1"
	footerSize  = 8 + 4 + 4 + 4 + 8 + 4 + 4 + 8
	stemSize    = 20 // of a pack's name, as bytes
	depthBits   = 6
	maxPackSize = 1 << 48
)

// maxDepth is how many deltas may stand between an entry and one that is none.
// Writers keep to less, see chainLimit and repackLimit.
const maxDepth = 1<<depthBits - 1

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// location says where in a pack a record is.
type location struct {
	number int // of the record, from 0
	offset int64
	length int
	// depth is the number of deltas below the entry. Some entry of a delta's base
	// has a smaller one, which is what makes every chain end.
	depth uint8
}

// records lists the records of a pack that is being written.
type records struct {
	ids    []object.ID
	starts []int64 // of each record, and of the next
	depths []uint8
	// live holds the record of each object. One that was replaced is in none.
	live map[object.ID]int
}

func newRecords() records {
	return records{starts: []int64{int64(len(packMagic))}, live: make(map[object.ID]int)}
}

// add adds a record that is now the one of its object.
func (r *records) add(id object.ID, length int, depth uint8) {
	r.live[id] = len(r.ids)
	r.ids = append(r.ids, id)
	r.starts = append(r.starts, r.end()+int64(length))
	r.depths = append(r.depths, depth)
}

func (r *records) end() int64 { return r.starts[len(r.starts)-1] }

func (r *records) loc(number int) location {
	start := r.starts[number]
	return location{number, start, int(r.starts[number+1] - start), r.depths[number]}
}

// index finds the records of one pack. Ids and order are bytes of the file, for
// there may be millions.
type index struct {
	ids    []byte // of the records in their order
	order  []byte // numbers of the records, in order of their ids
	width  int    // of a number
	n      int    // objects; fewer than records if some were replaced
	starts []int64
	depths []uint8
}

func (x *index) id(number int) object.ID {
	return object.ID(x.ids[number*object.IDSize : (number+1)*object.IDSize])
}

// at returns the number of the kth record in order of ids.
func (x *index) at(k int) (number int) {
	for _, b := range x.order[k*x.width : (k+1)*x.width] {
		number = number<<8 | int(b)
	}
	return number
}

func (x *index) loc(number int) location {
	start := x.starts[number]
	return location{number, start, int(x.starts[number+1] - start), x.depths[number]}
}

// live returns the numbers of the records that count, in the order in which
// they stand.
func (x *index) live() []int {
	numbers := make([]int, x.n)
	for k := range numbers {
		numbers[k] = x.at(k)
	}
	slices.Sort(numbers)
	return numbers
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
			return x.loc(x.at(mid)), true
		case c < 0:
			lo = mid + 1
		default:
			hi = mid
		}
	}
	return location{}, false
}

// compare compares the kth id in order with another.
func (x *index) compare(k int, id object.ID) int {
	number := x.at(k)
	return bytes.Compare(x.ids[number*object.IDSize:(number+1)*object.IDSize], id[:])
}

// numberWidth returns the bytes of a record's number where there are n.
func numberWidth(n int) int { return max(1, (bits.Len(uint(max(n-1, 0)))+7)/8) }

// encodeIndex returns the index and footer of a pack that replaces others. The
// nonce gives every pack a name of its own.
func encodeIndex(r *records, replaced []string, nonce [8]byte) []byte {
	order := make([]int, 0, len(r.live))
	for _, number := range r.live {
		order = append(order, number)
	}
	slices.SortFunc(order, func(a, b int) int { return r.ids[a].Compare(r.ids[b]) })
	width := numberWidth(len(r.ids))
	b := make([]byte, 0, len(r.ids)*(object.IDSize+3)+len(order)*width+len(replaced)*stemSize+footerSize)
	for i := range r.ids {
		b = append(b, r.ids[i][:]...)
	}
	for i, depth := range r.depths {
		b = binary.AppendUvarint(b, uint64(r.starts[i+1]-r.starts[i])<<depthBits|uint64(depth))
	}
	for _, number := range order {
		for shift := 8 * (width - 1); shift >= 0; shift -= 8 {
			b = append(b, byte(number>>shift))
		}
	}
	for _, name := range replaced {
		stem, _ := hex.DecodeString(strings.TrimSuffix(name, suffix)) // a pack's name is hexadecimal
		b = append(b, stem...)
	}
	sum := crc32.Checksum(b, castagnoli)
	footer := binary.BigEndian.AppendUint64(nil, uint64(r.end()))
	footer = binary.BigEndian.AppendUint32(footer, uint32(len(r.ids)))
	footer = binary.BigEndian.AppendUint32(footer, uint32(len(order)))
	footer = binary.BigEndian.AppendUint32(footer, uint32(len(replaced)))
	footer = append(footer, nonce[:]...)
	footer = binary.BigEndian.AppendUint32(footer, sum)
	footer = binary.BigEndian.AppendUint32(footer, crc32.Checksum(footer, castagnoli))
	footer = append(footer, indexMagic...)
	return append(b, footer...)
}

// footer is what the end of a pack says.
type footer struct {
	start    int64 // of the index, which is the end of the records
	size     int   // of the index
	records  int
	objects  int
	replaced int // packs
	sum      uint32
}

// decodeFooter reads the footer of a pack of that size.
func decodeFooter(b []byte, size int64) (footer, error) {
	if len(b) != footerSize || string(b[footerSize-8:]) != indexMagic {
		return footer{}, fmt.Errorf("%w: the pack has no footer", object.ErrCorrupt)
	}
	if crc32.Checksum(b[:32], castagnoli) != binary.BigEndian.Uint32(b[32:]) {
		return footer{}, fmt.Errorf("%w: the pack's footer does not match its checksum", object.ErrCorrupt)
	}
	start := binary.BigEndian.Uint64(b)
	n, m, r := int64(binary.BigEndian.Uint32(b[8:])), int64(binary.BigEndian.Uint32(b[12:])), int64(binary.BigEndian.Uint32(b[16:]))
	end := size - footerSize
	if size >= maxPackSize || start < uint64(len(packMagic)) || start > uint64(end) || m > n ||
		n*(object.IDSize+1)+m*int64(numberWidth(int(n)))+r*stemSize > end-int64(start) || end-int64(start) > 1<<40 {
		return footer{}, fmt.Errorf("%w: the pack's footer claims %d records indexed from byte %d of %d", object.ErrCorrupt, n, start, size)
	}
	return footer{int64(start), int(end - int64(start)), int(n), int(m), int(r), binary.BigEndian.Uint32(b[28:])}, nil
}

// decodeIndex returns the index that the bytes are, which it keeps, and the
// names of the packs that are replaced.
func decodeIndex(b []byte, f footer) (index, []string, error) {
	if crc32.Checksum(b, castagnoli) != f.sum {
		return index{}, nil, fmt.Errorf("%w: the pack's index does not match its checksum", object.ErrCorrupt)
	}
	d := object.NewBodyDecoder(b)
	x := index{ids: d.Raw(f.records * object.IDSize), width: numberWidth(f.records), n: f.objects}
	x.starts, x.depths = make([]int64, f.records+1), make([]uint8, f.records)
	x.starts[0] = int64(len(packMagic))
	for i := range f.records {
		v := d.Size(maxRecord<<depthBits | maxDepth)
		if v>>depthBits < minRecord {
			d.Fail("a record of %d bytes", v>>depthBits)
		}
		x.starts[i+1], x.depths[i] = x.starts[i]+v>>depthBits, uint8(v&maxDepth)
	}
	x.order = d.Raw(f.objects * x.width)
	stems := d.Raw(f.replaced * stemSize)
	if err := d.Close(); err != nil {
		return index{}, nil, fmt.Errorf("the pack's index: %w", err)
	}
	if x.starts[f.records] != f.start {
		return index{}, nil, fmt.Errorf("%w: the pack's index describes records up to byte %d, they end at %d", object.ErrCorrupt, x.starts[f.records], f.start)
	}
	for k := range x.n {
		if number := x.at(k); number >= f.records || k > 0 && x.compare(k-1, x.id(number)) >= 0 {
			return index{}, nil, fmt.Errorf("%w: the pack's index is out of order", object.ErrCorrupt)
		}
	}
	var replaced []string
	for ; len(stems) > 0; stems = stems[stemSize:] {
		replaced = append(replaced, hex.EncodeToString(stems[:stemSize])+suffix)
	}
	return x, replaced, nil
}
