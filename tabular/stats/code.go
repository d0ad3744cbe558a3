package stats

import (
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"slices"

	"github.com/constl/constl/object"
)

// formatVersion is that of the encoding of sketches, and part of what they are
// kept by.
const formatVersion = 2

const (
	hasValues = 1 << iota
	hasTop
	hasRegisters
	knownFlags = hasValues | hasTop | hasRegisters
)

// Encode returns the sketch as bytes, of which the same sketch has only one form:
// flags (1 values, 2 top, 4 registers), the counts of cells, missing and invalid
// ones; the hashes or registers; the texts of Top sorted, with their counts; and if
// there are values, Low, High, Sum, and the histogram's shift, first bin and
// counts. Numbers are varints, a float64 is eight bytes, the least significant
// first. The caller owns the slice.
func (s *Sketch) Encode() []byte {
	var e object.Encoder
	flags := byte(0)
	if s.Values() > 0 {
		flags |= hasValues
	}
	if !s.many {
		flags |= hasTop
	}
	if s.different.regs != nil {
		flags |= hasRegisters
	}
	e.Byte(flags)
	for _, n := range []int64{s.Cells, s.Missing, s.Invalid} {
		e.Uvarint(uint64(n))
	}
	if s.different.regs != nil {
		e.Raw(s.different.regs)
	} else {
		e.Uvarint(uint64(len(s.different.exact)))
		hashes := make([]byte, 0, 8*len(s.different.exact))
		for _, h := range s.different.exact {
			hashes = binary.LittleEndian.AppendUint64(hashes, h)
		}
		e.Raw(hashes)
	}
	if !s.many {
		e.Uvarint(uint64(len(s.top)))
		for _, text := range slices.Sorted(maps.Keys(s.top)) {
			e.Bytes([]byte(text))
			e.Uvarint(uint64(s.top[text]))
		}
	}
	if s.Values() == 0 {
		return e.Body()
	}
	for _, x := range []Extreme{s.Low, s.High} {
		putFloat(&e, x.Value)
		e.Bytes([]byte(x.Text))
	}
	putFloat(&e, s.Sum)
	e.Varint(int64(s.Histogram.Shift))
	e.Varint(s.Histogram.First)
	for _, n := range s.Histogram.Counts {
		e.Uvarint(uint64(n))
	}
	return e.Body()
}

func putFloat(e *object.Encoder, v float64) {
	e.Raw(binary.LittleEndian.AppendUint64(nil, math.Float64bits(v)))
}

func takeFloat(d *object.Decoder) float64 {
	b := d.Raw(8)
	if d.Err() != nil {
		return 0
	}
	return math.Float64frombits(binary.LittleEndian.Uint64(b))
}

// Decode reads a sketch. What Encode would not have written is refused with an
// error that wraps [object.ErrCorrupt]. It keeps no part of data.
func Decode(data []byte) (*Sketch, error) {
	d := object.NewBodyDecoder(data)
	s := &Sketch{}
	flags := d.Byte()
	if d.Err() == nil && flags&^byte(knownFlags) != 0 {
		d.Fail("unknown flags %d", flags)
	}
	s.Cells, s.Missing, s.Invalid = d.Size(math.MaxInt64), d.Size(math.MaxInt64), d.Size(math.MaxInt64)
	if d.Err() == nil && (s.Missing > s.Cells || s.Invalid > s.Cells-s.Missing) {
		d.Fail("%d missing and %d invalid of %d cells", s.Missing, s.Invalid, s.Cells)
	}
	if d.Err() == nil && (flags&hasValues != 0) != (s.Values() > 0) {
		d.Fail("values where there are none, or none where there are")
	}
	takeDistinct(d, s, flags&hasRegisters != 0)
	if s.many = flags&hasTop == 0; !s.many {
		takeTop(d, s)
	}
	if d.Err() == nil && flags&hasValues != 0 {
		takeValues(d, s)
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("decode statistics: %w", err)
	}
	return s, nil
}

func takeDistinct(d *object.Decoder, s *Sketch, registered bool) {
	if registered {
		s.different.regs = slices.Clone(d.Raw(registers))
		empty := 0
		for _, rank := range s.different.regs {
			if rank > rankLimit {
				d.Fail("a register holds %d", rank)
				return
			}
			if rank == 0 {
				empty++
			}
		}
		if d.Err() == nil && empty == registers {
			d.Fail("registers of no text")
		}
		return
	}
	n := int(d.Size(MaxExact))
	for range n {
		b := d.Raw(8)
		if d.Err() != nil {
			return
		}
		h := binary.LittleEndian.Uint64(b)
		if k := len(s.different.exact); k > 0 && s.different.exact[k-1] >= h {
			d.Fail("hashes are out of order")
			return
		}
		s.different.exact = append(s.different.exact, h)
	}
}

func takeTop(d *object.Decoder, s *Sketch) {
	n := int(d.Size(MaxTop))
	last := ""
	left := s.Cells - s.Missing
	for i := range n {
		text := string(d.Bytes(maxTopText))
		count := d.Size(math.MaxInt64)
		if d.Err() != nil {
			return
		}
		if i > 0 && text <= last || count == 0 || count > left {
			d.Fail("a frequent text is out of order, or its count wrong")
			return
		}
		if s.top == nil {
			s.top = make(map[string]int64)
		}
		s.top[text], last = count, text
		left -= count
	}
	if d.Err() == nil && left > 0 {
		d.Fail("%d cells have none of the texts", left)
	}
}

func takeValues(d *object.Decoder, s *Sketch) {
	for _, x := range []*Extreme{&s.Low, &s.High} {
		x.Value = takeFloat(d)
		x.Text = string(d.Bytes(maxTopText))
	}
	s.Sum = takeFloat(d)
	h := &s.Histogram
	shift, first := d.Varint(), d.Varint()
	if d.Err() != nil {
		return
	}
	low, high := s.Low.Value, s.High.Value
	if !(low <= high) || low-low != 0 || high-high != 0 {
		d.Fail("a range from %v to %v", low, high)
		return
	}
	h.fit(low, high)
	if int64(h.Shift) != shift || h.First != first {
		d.Fail("bins that are not those of the range")
		return
	}
	left := s.Values()
	for i := range h.Counts {
		h.Counts[i] = d.Size(left)
		left -= h.Counts[i]
	}
	if d.Err() == nil && left > 0 {
		d.Fail("%d values stand in no bin", left)
	}
}
