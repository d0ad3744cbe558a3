package tabular

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/constl/constl/object"
)

// Texts as they are: constant, plain, or by dictionary (FORMAT.md, "Segments").

// isConstant reports whether all cells have the same text.
func isConstant(c Cells) bool {
	first := c.At(0)
	n := uint32(len(first))
	start := n
	for _, end := range c.Ends[1:] {
		if end-start != n || !bytes.Equal(c.Data[start:end], first) {
			return false
		}
		start = end
	}
	return true
}

func appendConstant(dst []byte, text []byte) []byte {
	dst = append(dst, encodingConstant)
	dst = binary.AppendUvarint(dst, uint64(len(text)))
	return append(dst, text...)
}

// appendTexts appends cells, at least one, by whatever way suits texts.
func (e *SegmentEncoder) appendTexts(dst []byte, c Cells) []byte {
	if isConstant(c) {
		return appendConstant(dst, c.At(0))
	}
	if e.dict.build(c, c.Len()/2, dictPatience) {
		return e.appendDictionary(dst, c)
	}
	dst = append(dst, encodingPlain)
	dst = appendPlanes(dst, e.lengths(c, nil))
	return append(dst, c.Data[:c.Ends[len(c.Ends)-1]]...)
}

// lengths returns the lengths of the cells, or of those at the given places.
func (e *SegmentEncoder) lengths(c Cells, places []uint32) []int64 {
	if places != nil {
		out := e.scratch[:len(places)]
		for i, at := range places {
			out[i] = int64(len(c.At(int(at))))
		}
		return out
	}
	out := e.scratch[:c.Len()]
	start := uint32(0)
	for i, end := range c.Ends {
		out[i] = int64(end - start)
		start = end
	}
	return out
}

// appendDictionary appends the cells by the dictionary that was built of them.
func (e *SegmentEncoder) appendDictionary(dst []byte, c Cells) []byte {
	first := e.dict.first
	dst = append(dst, encodingDictionary)
	dst = binary.AppendUvarint(dst, uint64(len(first)))
	dst = appendPlanes(dst, e.lengths(c, first))
	for _, at := range first {
		dst = append(dst, c.At(int(at))...)
	}
	codes := e.scratch[:c.Len()]
	for i, code := range e.dict.codes {
		codes[i] = int64(code)
	}
	return appendPlanes(dst, codes)
}

// dictionary finds the different texts among cells.
type dictionary struct {
	slots []dictSlot // a power of two, at most half of them taken
	codes []uint16   // of each cell
	first []uint32   // where each code first stands
}

// dictKey is what a text is known by: up to sixteen bytes are there themselves,
// overlapping if there are fewer; a longer text has its hash.
type dictKey struct {
	head, tail uint64
	length     uint32 // plus one
}

func (k dictKey) exact() bool { return k.length <= 17 }

// dictSlot holds a text's key and code. A free slot has no length.
type dictSlot struct {
	dictKey
	code uint32
}

const dictStart = 512 // slots

// dictPatience is after how many different texts a column that hardly repeats
// any is no longer tried.
const dictPatience = 896

// build finds the codes of all cells, in order of first appearance. It gives up,
// and returns false, when more than limit texts differ, or when after patience
// different texts more than seven of eight cells brought a new one.
func (t *dictionary) build(c Cells, limit, patience int) bool {
	t.first = t.first[:0]
	t.codes = slices.Grow(t.codes[:0], c.Len())[:c.Len()]
	if cap(t.slots) < dictStart {
		t.slots = make([]dictSlot, dictStart)
	}
	t.slots = t.slots[:dictStart]
	clear(t.slots)
	start := 0
	for i, end := range c.Ends {
		key := keyOf(c.Data, start, int(end))
		slot := t.find(c, key, start)
		start = int(end)
		if slot.length == 0 {
			code := len(t.first)
			if code >= limit || code >= patience && code*8 >= i*7 {
				return false
			}
			*slot = dictSlot{key, uint32(code)}
			t.first = append(t.first, uint32(i))
			t.codes[i] = uint16(code)
			if len(t.first)*2 > len(t.slots) {
				t.grow()
			}
			continue
		}
		t.codes[i] = uint16(slot.code)
	}
	return true
}

// keyOf returns the key of data[start:end].
func keyOf(data []byte, start, end int) dictKey {
	k := dictKey{length: uint32(end-start) + 1}
	switch n := end - start; {
	case n > 16:
		k.head = xxhash.Sum64(data[start:end])
	case n > 8:
		k.head = binary.LittleEndian.Uint64(data[start:])
		k.tail = binary.LittleEndian.Uint64(data[end-8:])
	case end >= 8:
		if n > 0 {
			k.head = binary.LittleEndian.Uint64(data[end-8:]) >> (uint(8-n) * 8)
		}
	default:
		for i, b := range data[start:end] {
			k.head |= uint64(b) << (8 * i)
		}
	}
	return k
}

// hash spreads keys over the slots. It decides nothing that is stored.
func (k dictKey) hash() uint64 {
	high, low := bits.Mul64(k.head^0xff51afd7ed558ccd, k.tail^0x9e3779b97f4a7c15+uint64(k.length)<<32)
	return high ^ low
}

// find returns the slot of the text at data[start:], or the free one where it belongs.
func (t *dictionary) find(c Cells, key dictKey, start int) *dictSlot {
	mask := uint64(len(t.slots) - 1)
	for at := key.hash(); ; at++ {
		slot := &t.slots[at&mask]
		if slot.length == 0 {
			return slot
		}
		if slot.dictKey == key && (key.exact() ||
			bytes.Equal(c.At(int(t.first[slot.code])), c.Data[start:start+int(key.length)-1])) {
			return slot
		}
	}
}

func (t *dictionary) grow() {
	old := slices.Clone(t.slots)
	n := 2 * len(old)
	if cap(t.slots) < n {
		t.slots = make([]dictSlot, n)
	}
	t.slots = t.slots[:n]
	clear(t.slots)
	mask := uint64(n - 1)
	for _, slot := range old {
		if slot.length == 0 {
			continue
		}
		at := slot.hash()
		for t.slots[at&mask].length != 0 {
			at++
		}
		t.slots[at&mask] = slot
	}
}

// takeTexts decodes n ≥ 1 cells written by appendTexts. Their texts may be
// limit bytes long in all.
func takeTexts(d *object.Decoder, encoding byte, n, limit int) Cells {
	switch encoding {
	case encodingConstant:
		return takeConstant(d, n, limit)
	case encodingPlain:
		return takePlain(d, n, limit)
	case encodingDictionary:
		return takeDictionary(d, n, limit)
	}
	d.Fail("unknown encoding %d of a segment", encoding)
	return Cells{}
}

func takeConstant(d *object.Decoder, n, limit int) Cells {
	text := d.Bytes(min(limit/n, MaxCell))
	if d.Err() != nil {
		return Cells{}
	}
	c := Cells{Ends: make([]uint32, n)}
	if len(text) > 0 {
		c.Data = bytes.Repeat(text, n)
	}
	for i := range c.Ends {
		c.Ends[i] = uint32((i + 1) * len(text))
	}
	return c
}

// takeEnds decodes n lengths and returns where the texts end.
func takeEnds(d *object.Decoder, n, limit int) []uint32 {
	p := takePlanes(d, n)
	if d.Err() != nil {
		return nil
	}
	ends := make([]uint32, n)
	var block [planeBlock]int64
	end := 0
	for from := 0; from < n; from += planeBlock {
		for i, length := range p.block(&block, from) {
			if length < 0 || length > int64(min(MaxCell, limit-end)) {
				d.Fail("a text of %d bytes", length)
				return nil
			}
			end += int(length)
			ends[from+i] = uint32(end)
		}
	}
	return ends
}

func takePlain(d *object.Decoder, n, limit int) Cells {
	ends := takeEnds(d, n, limit)
	if d.Err() != nil {
		return Cells{}
	}
	data := d.Raw(int(ends[n-1]))
	if d.Err() != nil {
		return Cells{}
	}
	c := Cells{Data: slices.Clone(data), Ends: ends}
	if isConstant(c) {
		d.Fail("a constant column is written out")
	}
	return c
}

func takeDictionary(d *object.Decoder, n, limit int) Cells {
	entries, codes := takeEntries(d, n, limit)
	if d.Err() != nil {
		return Cells{}
	}
	return expand(d, entries, &codes, limit)
}

// takeEntries decodes the different texts of n cells, and the codes of the cells.
func takeEntries(d *object.Decoder, n, limit int) (entries Cells, codes planes) {
	distinct := int(d.Size(int64(n / 2)))
	if d.Err() == nil && distinct < 2 {
		d.Fail("a dictionary of %d texts", distinct)
	}
	if d.Err() != nil {
		return entries, codes
	}
	entries.Ends = takeEnds(d, distinct, limit)
	if d.Err() == nil {
		entries.Data = d.Raw(int(entries.Ends[distinct-1]))
	}
	codes = takePlanes(d, n)
	if d.Err() != nil {
		return entries, codes
	}
	var t dictionary
	if !t.build(entries, distinct, distinct) || len(t.first) != distinct {
		d.Fail("a text stands twice in a dictionary")
		return entries, codes
	}
	return entries, codes
}

// expand writes the texts out that codes stand for, which must name all entries
// in order of first appearance.
func expand(d *object.Decoder, entries Cells, codes *planes, limit int) Cells {
	distinct := int64(entries.Len())
	c := Cells{Ends: make([]uint32, codes.n)}
	var block [planeBlock]int64
	order := codeOrder{distinct: distinct}
	total := 0
	for from := 0; from < codes.n; from += planeBlock {
		for i, code := range codes.block(&block, from) {
			if !order.next(code) {
				d.Fail("a dictionary is out of order")
				return Cells{}
			}
			total += len(entries.At(int(code)))
			if total > limit {
				d.Fail("texts of more than %d bytes", limit)
				return Cells{}
			}
			c.Ends[from+i] = uint32(total)
		}
	}
	if order.seen != distinct {
		d.Fail("a dictionary has texts that are not used")
		return Cells{}
	}
	c.Data = make([]byte, total+24)
	wide := append(slices.Clone(entries.Data), make([]byte, 24)...)
	starts := append([]uint32{0}, entries.Ends...)
	at := 0
	for from := 0; from < codes.n; from += planeBlock {
		for _, code := range codes.block(&block, from) {
			start := int(starts[code])
			n := int(starts[code+1]) - start
			if n <= 24 {
				// What goes beyond the text is overwritten by the next.
				copy24(c.Data[at:at+24], wide[start:start+24])
			} else {
				copy(c.Data[at:], wide[start:start+n])
			}
			at += n
		}
	}
	c.Data = c.Data[:total:total]
	return c
}
