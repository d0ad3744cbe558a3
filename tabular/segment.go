package tabular

import (
	"encoding/binary"
	"fmt"
)

// MaxSegmentRows is the most rows that a segment, and so a row group, has.
const MaxSegmentRows = 1 << 14

// The encodings of a segment (FORMAT.md, "Segments").
const (
	encodingConstant   = 0
	encodingPlain      = 1
	encodingDictionary = 2
	encodingNumber     = 3
	encodingLabel      = 4
	encodingTime       = 5
)

// EncodeSegment returns the payload of the segment that holds the cells. It
// depends on nothing but their texts. It panics if there are more than
// [MaxSegmentRows] cells, if one is longer than [MaxCell], or if they are longer
// than [GroupBytes] in all: who cuts row groups keeps to that.
func EncodeSegment(c Cells) []byte {
	var e SegmentEncoder
	return e.Append(nil, c)
}

// SegmentEncoder encodes segments one after the other and keeps its working
// memory between them. The zero SegmentEncoder is ready to use. It is for one
// goroutine.
type SegmentEncoder struct {
	stats   CellStats
	vals    []int64 // values of the cells that fit the form
	scratch []int64
	scales  []uint8 // per cell: digits after the point, or a mark
	misfits Cells
	gaps    []uint32 // cells between one misfit and the next
	dict    dictionary

	// Of the last segment:
	encoding byte
	form     form    // if it has one,
	fits     []int64 // the values of the cells that have it
}

// Stats returns what the cells of the last Append looked like.
func (e *SegmentEncoder) Stats() CellStats { return e.stats }

// Append appends the payload that [EncodeSegment] returns to dst. It panics as
// EncodeSegment does.
func (e *SegmentEncoder) Append(dst []byte, c Cells) []byte {
	n := c.Len()
	e.begin(c)
	dst = binary.AppendUvarint(dst, uint64(n))
	if n == 0 {
		return dst
	}
	if isConstant(c) {
		e.encoding = encodingConstant
		e.stats.addText(c.At(0), n)
		return appendConstant(dst, c.At(0))
	}
	s := takeSample(c)
	at := len(dst)
	if out, ok := e.appendForm(dst, c, &s); ok {
		e.encoding = out[at]
		return out
	}
	dst = e.appendTexts(dst, c)
	e.encoding = dst[at]
	if e.encoding == encodingDictionary {
		e.stats.addDictionary(c, e.dict.first, e.dict.codes)
	} else {
		e.stats.addTexts(c)
	}
	return dst
}

// begin checks the limits and makes room.
func (e *SegmentEncoder) begin(c Cells) {
	n := c.Len()
	longest, start := uint32(0), uint32(0)
	for _, end := range c.Ends {
		longest = max(longest, end-start)
		start = end
	}
	if n > MaxSegmentRows || longest > MaxCell || start > GroupBytes {
		panic(fmt.Sprintf("tabular: a segment of %d cells, %d bytes, the longest of %d", n, start, longest))
	}
	e.stats = CellStats{Class: anyClass, Cells: int64(n), MaxLen: int(longest)}
	if cap(e.vals) < n {
		size := max(n, 4096)
		e.vals, e.scratch = make([]int64, size), make([]int64, size)
		e.scales = make([]uint8, size)
	}
	e.misfits.Data, e.misfits.Ends = e.misfits.Data[:0], e.misfits.Ends[:0]
	e.gaps = e.gaps[:0]
}

// form turns the texts of a column into integers and back. Its texts are exactly
// those that format can print.
type form interface {
	tag() byte
	room() int // bytes that one text may take while it is written
	appendTo(dst []byte) []byte
	format(dst []byte, at int, ends []uint32, vals []int64) (int, bool)
}

// appendForm tries the form that the sample speaks for.
func (e *SegmentEncoder) appendForm(dst []byte, c Cells, s *sample) ([]byte, bool) {
	var f form
	var vals []int64
	var ok bool
	switch s.best() {
	case encodingNumber:
		f, vals, ok = e.readNumbers(c)
	case encodingLabel:
		f, vals, ok = e.readLabels(c, s.label)
	case encodingTime:
		f, vals, ok = e.readTimes(c, s.time)
	}
	if !ok {
		return dst, false
	}
	if s.repetitive() && e.wide(vals) && e.dict.build(c, min(maxSmallDict, c.Len()/2), maxSmallDict) {
		e.stats.addDictionary(c, e.dict.first, e.dict.codes)
		return e.appendDictionary(dst, c), true
	}
	e.stats.addForm(f, vals, e.misfits)
	e.form, e.fits = f, vals
	dst = append(dst, f.tag())
	dst = f.appendTo(dst)
	dst = e.appendMisfits(dst)
	return appendSequence(dst, vals, e.scratch), true
}

// maxSmallDict is up to how many different texts a dictionary beats a form that
// needs more than one byte per value.
const maxSmallDict = 256

// wide reports whether values would take more than one byte each, but for one in
// sixteen: a few outliers must not turn a column into another form, since all of
// its bytes would change with it.
func (e *SegmentEncoder) wide(vals []int64) bool {
	if prefersDelta(vals) {
		vals = deltas(vals, e.scratch)
	}
	if width, diff := planeShape(vals); varyingPlanes(width, diff) <= 1 {
		return false
	}
	high, lead := int64(0), 0 // the bytes above the lowest that most have, by majority vote
	for _, v := range vals {
		switch {
		case lead == 0:
			high, lead = v>>8, 1
		case v>>8 == high:
			lead++
		default:
			lead--
		}
	}
	others, beyond := 0, 0
	for _, v := range vals {
		if v>>8 != high {
			others++
		}
		if int64(int8(v)) != v {
			beyond++
		}
	}
	return min(others, beyond)*16 > len(vals)
}

// misfit sets a cell aside that stands after fits fitting ones since the last.
func (e *SegmentEncoder) misfit(text []byte, fits int) {
	e.misfits.Append(text)
	e.gaps = append(e.gaps, uint32(fits))
}

// tooMany reports whether so many cells that are not missing do not fit that the
// column is better taken as text.
func tooMany(strange, n int) bool { return strange > 8+n/8 }

func (e *SegmentEncoder) appendMisfits(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(e.gaps)))
	if len(e.gaps) == 0 {
		return dst
	}
	for _, gap := range e.gaps {
		dst = binary.AppendUvarint(dst, uint64(gap))
	}
	return e.appendTexts(dst, e.misfits)
}

// textParser reads the texts of one form.
type textParser interface {
	parse(data []byte, start, end int) (int64, bool)
}

// readForm reads all cells of one form and sets the others aside.
func readForm[P textParser](e *SegmentEncoder, c Cells, p P) ([]int64, bool) {
	vals := e.vals[:0]
	start, fits, strange := uint32(0), 0, 0
	for _, end := range c.Ends {
		v, ok := p.parse(c.Data, int(start), int(end))
		if ok {
			vals = append(vals, v)
			fits++
		} else {
			text := c.Data[start:end]
			if !isMissing(text) {
				if strange++; tooMany(strange, c.Len()) {
					return nil, false
				}
			}
			e.misfit(text, fits)
			fits = 0
		}
		start = end
	}
	return vals, len(vals) > 0
}

func (e *SegmentEncoder) readTimes(c Cells, f timeForm) (form, []int64, bool) {
	vals, ok := readForm(e, c, &timeParser{timeForm: f})
	return f, vals, ok
}

func (e *SegmentEncoder) readLabels(c Cells, f labelForm) (form, []int64, bool) {
	vals, ok := readForm(e, c, f)
	return f, vals, ok
}

// Marks in place of a scale.
const (
	markTrailing = 0x40 // the last digit after the point is 0
	markMisfit   = 0xff
)

// readNumbers reads all cells as numbers, then finds the form that most have.
func (e *SegmentEncoder) readNumbers(c Cells) (form, []int64, bool) {
	n := c.Len()
	vals, scales := e.vals[:n], e.scales[:n]
	var count, trailing [maxScale + 1]int
	start, strange := 0, 0
	for i, end := range c.Ends {
		m, scale, ok := parseNumber(c.Data, start, int(end))
		if !ok {
			text := c.Data[start:end]
			scales[i] = markMisfit
			if !isMissing(text) {
				if strange++; tooMany(strange, n) {
					return nil, nil, false
				}
			}
		} else {
			vals[i] = m
			scales[i] = uint8(scale)
			count[scale]++
			if scale > 0 && c.Data[end-1] == '0' {
				scales[i] |= markTrailing
				trailing[scale]++
			}
		}
		start = int(end)
	}
	f := bestNumberForm(&count, &trailing)
	out, ok := e.fitNumbers(c, f, strange)
	return f, out, ok
}

// fitNumbers brings the numbers read to one scale and sets aside what has
// another form.
func (e *SegmentEncoder) fitNumbers(c Cells, f numberForm, strange int) ([]int64, bool) {
	n := c.Len()
	vals, scales := e.vals[:n], e.scales[:n]
	at, fits := 0, 0
	for i, mark := range scales {
		v, ok := vals[i], false
		if mark != markMisfit {
			last := byte('1')
			if mark&markTrailing != 0 {
				last = '0'
			}
			if v, ok = f.fit(v, int(mark&^markTrailing), last); !ok {
				strange++
			}
		}
		if ok {
			vals[at] = v
			at++
			fits++
			continue
		}
		if tooMany(strange, n) {
			return nil, false
		}
		e.misfit(c.At(i), fits)
		fits = 0
	}
	return vals[:at], at > 0
}

// bestNumberForm returns the form that fits the most numbers, given how many
// have each scale and how many of those end with a 0.
func bestNumberForm(count, trailing *[maxScale + 1]int) numberForm {
	total := 0
	best, bestFits := numberForm{}, -1
	for scale, n := range count {
		total += n
		if n > bestFits {
			best, bestFits = numberForm{scale, scale}, n
		}
	}
	if bestFits == total {
		return best
	}
	// A few numbers of many digits must not widen all the others.
	top, above := maxScale, 0
	for top > 0 && (above+count[top])*64 <= total {
		above += count[top]
		top--
	}
	for least := 0; least <= 1 && least < top; least++ {
		fits := count[least]
		for scale := least + 1; scale <= top; scale++ {
			fits += count[scale] - trailing[scale]
		}
		if fits > bestFits {
			best, bestFits = numberForm{least, top}, fits
		}
	}
	return best
}
