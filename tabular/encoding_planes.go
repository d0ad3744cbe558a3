package tabular

import (
	"encoding/binary"
	"math/bits"

	"github.com/constl/constl/object"
)

// Byte planes hold a run of integers: all low bytes, then all bytes of the next
// weight, and so on (FORMAT.md, "Segments"). One value put in or changed moves
// or changes one byte of each plane, so that a delta of two versions is small.

// planeBlock is how many values are taken out of planes at a time: few enough
// to stay on the stack and in the first cache.
const planeBlock = 256

// planeShape returns the width in bytes of the narrowest two's complement that
// holds all values, and a number whose non-zero bytes are the planes in which
// the values differ.
func planeShape(vals []int64) (width int, diff uint64) {
	if len(vals) == 0 {
		return 0, 0
	}
	first := uint64(vals[0])
	var magnitude uint64
	for _, v := range vals {
		magnitude |= uint64(v ^ v>>63)
		diff |= uint64(v) ^ first
	}
	if magnitude == 0 && diff == 0 && first == 0 {
		return 0, 0
	}
	return (bits.Len64(magnitude) + 1 + 7) / 8, diff
}

// varyingPlanes counts the planes that are not constant.
func varyingPlanes(width int, diff uint64) int {
	n := 0
	for k := range width {
		if byte(diff>>(8*k)) != 0 {
			n++
		}
	}
	return n
}

// appendPlanes appends the width, the mask of constant planes, and the planes.
func appendPlanes(dst []byte, vals []int64) []byte {
	width, diff := planeShape(vals)
	dst = append(dst, byte(width))
	if width == 0 {
		return dst
	}
	var constant byte
	for k := range width {
		if byte(diff>>(8*k)) == 0 {
			constant |= 1 << k
		}
	}
	dst = append(dst, constant)
	for k := range width {
		shift := 8 * k
		if constant>>k&1 == 1 {
			dst = append(dst, byte(vals[0]>>shift))
			continue
		}
		at := len(dst)
		dst = append(dst, make([]byte, len(vals))...)
		plane := dst[at:]
		for i, v := range vals {
			plane[i] = byte(v >> shift)
		}
	}
	return dst
}

// planes are byte planes found in a payload, which they share.
type planes struct {
	n     int
	width int
	base  uint64   // the bytes of the constant planes
	vary  [8]plane // the others, lowest first
	count int      // of vary
}

type plane struct {
	bytes []byte
	shift uint
}

// takePlanes finds the planes of n values.
func takePlanes(d *object.Decoder, n int) planes {
	p := planes{n: n, width: int(d.Byte())}
	if p.width > 8 || p.width > 0 && n == 0 {
		d.Fail("%d byte planes for %d values", p.width, n)
		return planes{}
	}
	if p.width == 0 {
		return p
	}
	constant := d.Byte()
	if constant>>p.width != 0 {
		d.Fail("constant planes beyond the width")
		return planes{}
	}
	for k := range p.width {
		if constant>>k&1 == 1 {
			p.base |= uint64(d.Byte()) << (8 * k)
			continue
		}
		b := d.Raw(n)
		if d.Err() != nil {
			return planes{}
		}
		if isOneByte(b) {
			d.Fail("a constant plane is written out")
			return planes{}
		}
		p.vary[p.count] = plane{b, uint(8 * k)}
		p.count++
	}
	if d.Err() != nil {
		return planes{}
	}
	if !p.narrowest() {
		d.Fail("planes wider than they need be")
		return planes{}
	}
	return p
}

func isOneByte(b []byte) bool {
	for _, x := range b[1:] {
		if x != b[0] {
			return false
		}
	}
	return true
}

// narrowest reports whether no plane could have been left out.
func (p *planes) narrowest() bool {
	if p.width == 1 {
		return p.count > 0 || p.base != 0
	}
	// The top plane is needed unless it only repeats the sign of the one below.
	top, below := uint(8*(p.width-1)), uint(8*(p.width-2))
	var block [planeBlock]int64
	for from := 0; from < p.n; from += planeBlock {
		for _, v := range p.block(&block, from) {
			if byte(v>>top) != byte(int8(v>>below)>>7) {
				return true
			}
		}
		if p.count == 0 {
			return false
		}
	}
	return false
}

// block returns the values from the given one on, as many as there are and fit.
func (p *planes) block(buf *[planeBlock]int64, from int) []int64 {
	out := buf[:min(planeBlock, p.n-from)]
	for i := range out {
		out[i] = int64(p.base)
	}
	for _, pl := range p.vary[:p.count] {
		src := pl.bytes[from:]
		src = src[:len(out)]
		shift := pl.shift & 63
		for i, b := range src {
			out[i] |= int64(b) << shift
		}
	}
	if p.width < 8 {
		unused := uint(64-8*p.width) & 63
		if p.width == 0 {
			return out
		}
		for i, v := range out {
			out[i] = v << unused >> unused
		}
	}
	return out
}

// How a sequence of integers is written.
const (
	sequencePlain = 0
	sequenceDelta = 1
)

// deltaSample is how many neighbours are looked at to tell whether differences
// are narrower than values.
const deltaSample = 256

// prefersDelta reports whether neighbours are closer to each other than values
// half the run apart are, by more than a bit on average. An outlier or two
// does not sway it, so that versions of a column agree.
func prefersDelta(vals []int64) bool {
	n := len(vals)
	if n < 4 {
		return false
	}
	samples := min(n-1, deltaSample)
	near, far := 0, 0
	for k := range samples {
		i := 1 + k*(n-1)/samples
		j := i + n/2
		if j >= n {
			j -= n
		}
		near += distanceBits(vals[i], vals[i-1])
		far += distanceBits(vals[i], vals[j])
	}
	return near+samples < far
}

func distanceBits(a, b int64) int {
	d := a - b
	return bits.Len64(uint64(d<<1 ^ d>>63))
}

// appendSequence appends integers of magnitude below 2^62, at least one, as
// they are or as differences; scratch has room for as many.
func appendSequence(dst []byte, vals, scratch []int64) []byte {
	if !prefersDelta(vals) {
		return appendPlanes(append(dst, sequencePlain), vals)
	}
	dst = append(dst, sequenceDelta)
	dst = binary.AppendVarint(dst, vals[0])
	return appendPlanes(dst, deltas(vals, scratch))
}

func deltas(vals, scratch []int64) []int64 {
	out := scratch[:len(vals)-1]
	for i := range out {
		out[i] = vals[i+1] - vals[i]
	}
	return out
}

// sequence gives back the integers that appendSequence wrote, in order.
type sequence struct {
	planes planes
	delta  bool
	first  bool  // delta: the first value is still to come
	last   int64 // delta: the value before the next
	next   int   // the next value in planes
	buf    [planeBlock]int64
	ready  []int64 // a part of buf
}

// take finds a sequence of n values, n ≥ 1.
func (s *sequence) take(d *object.Decoder, n int) {
	*s = sequence{}
	switch mode := d.Byte(); mode {
	case sequencePlain:
		s.planes = takePlanes(d, n)
	case sequenceDelta:
		s.delta, s.first = true, true
		s.last = d.Varint()
		if n < 4 {
			d.Fail("differences of %d values", n)
			return
		}
		s.planes = takePlanes(d, n-1)
	default:
		d.Fail("unknown sequence mode %d", mode)
	}
}

// values returns between 1 and n of the next values. The slice is good until
// the next call. No more may be asked for than there are.
func (s *sequence) values(n int) []int64 {
	if len(s.ready) == 0 {
		s.fill()
	}
	n = min(n, len(s.ready))
	out := s.ready[:n]
	s.ready = s.ready[n:]
	return out
}

func (s *sequence) fill() {
	if s.first {
		s.first = false
		s.buf[0] = s.last
		s.ready = s.buf[:1]
		return
	}
	s.ready = s.planes.block(&s.buf, s.next)
	s.next += len(s.ready)
	if s.delta {
		last := s.last
		for i, v := range s.ready {
			last += v
			s.ready[i] = last
		}
		s.last = last
	}
}
