package stats

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// MaxExact is how many different texts are told apart exactly.
const MaxExact = 1024

const (
	registerBits = 11
	registers    = 1 << registerBits
	rankLimit    = 64 - registerBits + 1 // what a register holds at most
)

// hashOf returns the hash by which texts are told apart: XXH64, and of a text of at
// most 16 bytes, as most cells are, what takes a third of the time: its first and last
// eight bytes (see load), with the length added to the first, multiplied by odd
// constants and with each other, and mixed.
func hashOf(text []byte) uint64 {
	if len(text) > 16 {
		return xxhash.Sum64(text)
	}
	a, b := load(text)
	hi, lo := bits.Mul64((a+uint64(len(text)))*0x9e3779b97f4a7c15^0xa0761d6478bd642f, b*0xc2b2ae3d27d4eb4f^0xe7037ed1a0b428db)
	return mix(hi ^ lo)
}

// mix is the finaliser of MurmurHash3.
func mix(h uint64) uint64 {
	h = (h ^ h>>33) * 0xff51afd7ed558ccd
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// load returns the first and the last eight bytes of a text of at most 16, the least
// significant first; of fewer than eight the first and last four in both halves of one
// number, of fewer than four the first, the middle and the last byte.
func load(text []byte) (a, b uint64) {
	switch n := len(text); {
	case n >= 8:
		return binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[n-8:])
	case n >= 4:
		return uint64(binary.LittleEndian.Uint32(text)) | uint64(binary.LittleEndian.Uint32(text[n-4:]))<<32, 0
	case n > 0:
		return uint64(text[0]) | uint64(text[n/2])<<8 | uint64(text[n-1])<<16, 0
	}
	return 0, 0
}

// distinct counts different texts.
type distinct struct {
	exact []uint64 // sorted hashes, while regs is nil
	regs  []uint8
}

// addAll adds the hashes to those of no texts at all. seen is working memory.
func (d *distinct) addAll(hashes []uint64, seen *[2 * MaxExact]uint64) {
	if len(hashes) <= MaxExact {
		d.exact = slices.Clone(hashes)
		slices.Sort(d.exact)
		d.exact = slices.Compact(d.exact)
		return
	}
	clear(seen[:])
	const mask = uint64(len(seen) - 1)
	zero := false
	n := 0
	for _, h := range hashes {
		if h == 0 {
			zero = true
			continue
		}
		at := h & mask
		for seen[at] != 0 && seen[at] != h {
			at = (at + 1) & mask
		}
		if seen[at] == h {
			continue
		}
		if n++; n > MaxExact {
			break
		}
		seen[at] = h
	}
	if zero {
		n++
	}
	if n > MaxExact {
		d.regs = make([]uint8, registers)
		regs := (*[registers]uint8)(d.regs)
		for _, h := range hashes {
			rank := uint8(min(bits.LeadingZeros64(h<<registerBits)+1, rankLimit))
			r := &regs[h>>(64-registerBits)]
			*r = max(*r, rank)
		}
		return
	}
	d.exact = make([]uint64, 0, n)
	if zero {
		d.exact = append(d.exact, 0)
	}
	for _, h := range seen {
		if h != 0 {
			d.exact = append(d.exact, h)
		}
	}
	slices.Sort(d.exact)
}

func (d *distinct) addHash(h uint64) {
	if d.regs != nil {
		d.register(h)
		return
	}
	at, there := slices.BinarySearch(d.exact, h)
	if there {
		return
	}
	if len(d.exact) < MaxExact {
		d.exact = slices.Insert(d.exact, at, h)
		return
	}
	d.spill()
	d.register(h)
}

// spill goes over to registers.
func (d *distinct) spill() {
	d.regs = make([]uint8, registers)
	for _, h := range d.exact {
		d.register(h)
	}
	d.exact = nil
}

func (d *distinct) register(h uint64) {
	rank := uint8(min(bits.LeadingZeros64(h<<registerBits)+1, rankLimit))
	if r := &d.regs[h>>(64-registerBits)]; rank > *r {
		*r = rank
	}
}

func (d *distinct) join(o *distinct) {
	if o.regs == nil {
		for _, h := range o.exact {
			d.addHash(h)
		}
		return
	}
	if d.regs == nil {
		d.spill()
	}
	for i, rank := range o.regs {
		d.regs[i] = max(d.regs[i], rank)
	}
}

// count returns how many texts differ, and whether that is exact.
func (d *distinct) count() (n int64, exact bool) {
	if d.regs == nil {
		return int64(len(d.exact)), true
	}
	var has [rankLimit + 1]int // registers that hold each rank
	for _, rank := range d.regs {
		has[rank]++
	}
	const q = rankLimit - 1
	z := registers * tau(1-float64(has[q+1])/registers)
	for k := q; k >= 1; k-- {
		z = (z + float64(has[k])) / 2
	}
	z += registers * sigma(float64(has[0])/registers)
	return int64(math.Round(registers * registers / (2 * math.Ln2 * z))), false
}

// sigma and tau correct for registers that are empty and full (Ertl 2017, section 4).
func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		next := z + x*y
		y += y
		if next == z {
			return z
		}
		z = next
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		y /= 2
		next := z - (1-x)*(1-x)*y
		if next == z {
			return z / 3
		}
		z = next
	}
}
