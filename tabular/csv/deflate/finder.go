package deflate

import (
	"encoding/binary"
	"math/bits"
)

// finder knows where in the window the same three bytes stood before.
type finder struct {
	shift uint
	mask  uint32
	head  []uint16           // the last place of each hash
	prev  [windowSize]uint16 // the place before, of the same hash
}

func (f *finder) init(hashBits uint) {
	f.shift = (hashBits + minMatch - 1) / minMatch
	f.mask = 1<<hashBits - 1
	f.head = make([]uint16, 1<<hashBits)
}

// insert enters a place and returns the one before it with the same hash, or 0.
func (f *finder) insert(window []byte, at int) int {
	b := window[at : at+3 : at+3]
	h := (uint32(b[0])<<(2*f.shift) ^ uint32(b[1])<<f.shift ^ uint32(b[2])) & f.mask
	before := f.head[h]
	f.prev[at&windowMask] = before
	f.head[h] = uint16(at)
	return int(before)
}

// slide moves all places by one window; those beyond are forgotten.
func (f *finder) slide() {
	for i, at := range f.head {
		f.head[i] = at - min(at, windowSize)
	}
	for i, at := range f.prev {
		f.prev[i] = at - min(at, windowSize)
	}
}

// longest follows a chain and returns the longest match that is longer than
// least, and where it begins; the first of equals. from is -1 if there is none.
func (f *finder) longest(window *[2*windowSize + minLookahead]byte, at, candidate, least, nice, chain int) (length, from int) {
	limit := max(at-maxDistance, 0)
	length, from = least, -1
	scan := window[at : at+maxMatch : at+maxMatch]
	first, last := binary.LittleEndian.Uint16(scan), binary.LittleEndian.Uint16(scan[length-1:])
	for {
		// The ends of a match that is better are compared before all the rest.
		m := window[candidate : candidate+maxMatch : candidate+maxMatch]
		if binary.LittleEndian.Uint16(m[length-1:]) == last && binary.LittleEndian.Uint16(m) == first {
			if n := common(scan, m); n > length {
				length, from = n, candidate
				if n >= nice || n == maxMatch {
					return length, from
				}
				last = binary.LittleEndian.Uint16(scan[length-1:])
			}
		}
		candidate = int(f.prev[candidate&windowMask])
		if chain--; candidate <= limit || chain == 0 {
			return length, from
		}
	}
}

// common returns how many of the first maxMatch bytes are equal.
func common(a, b []byte) int {
	a, b = a[:maxMatch], b[:maxMatch]
	n := 0
	for ; n+8 <= maxMatch; n += 8 {
		if x := binary.LittleEndian.Uint64(a[n:]) ^ binary.LittleEndian.Uint64(b[n:]); x != 0 {
			return n + bits.TrailingZeros64(x)/8
		}
	}
	for n < maxMatch && a[n] == b[n] {
		n++
	}
	return n
}
