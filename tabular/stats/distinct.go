package stats

import (
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

// distinct counts different texts.
type distinct struct {
	exact []uint64 // sorted hashes, while regs is nil
	regs  []uint8
}

func (d *distinct) add(text []byte) { d.addHash(xxhash.Sum64(text)) }

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
