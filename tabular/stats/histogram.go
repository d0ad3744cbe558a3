package stats

import (
	"math"
	"slices"
)

// MaxBins is the most bins that a histogram has.
const MaxBins = 64

// Histogram says how values are spread: bin i counts those from
// (First+i)·2^Shift to below (First+i+1)·2^Shift.
type Histogram struct {
	Shift  int
	First  int64
	Counts []int64
}

// Lower returns the lower bound of bin i, which is the upper one of bin i-1.
func (h *Histogram) Lower(i int) float64 { return math.Ldexp(float64(h.First)+float64(i), h.Shift) }

const finest = -1074 // 2^finest is the least positive float64

// shiftFor returns the k of the package comment for values from low to high.
func shiftFor(low, high float64) int {
	far := max(math.Abs(low), math.Abs(high))
	if far == 0 {
		return finest
	}
	// Below this no index would fit; far is less than 2^exp.
	_, exp := math.Frexp(far)
	k := max(exp-48, finest)
	if width := high - low; width > 0 {
		_, exp = math.Frexp(width / MaxBins)
		k = max(k, exp-2)
	}
	for binOf(high, k)-binOf(low, k) >= MaxBins {
		k++
	}
	return k
}

func binOf(v float64, shift int) int64 { return floor(v, math.Ldexp(v, -shift)) }

// floor rounds scaled, which is v times a power of two, down; tiny negative
// values may have become zero by the scaling.
func floor(v, scaled float64) int64 {
	if scaled == 0 && v < 0 {
		return -1
	}
	return int64(math.Floor(scaled))
}

// Coarser returns the histogram with bins at least 2^shift wide; it shares its
// counts if they are that already.
func (h Histogram) Coarser(shift int) Histogram {
	if h.Shift >= shift || len(h.Counts) == 0 {
		return h
	}
	by := min(shift-h.Shift, 63)
	out := Histogram{Shift: shift, First: h.First >> by}
	out.Counts = make([]int64, (h.First+int64(len(h.Counts))-1)>>by-out.First+1)
	for i, n := range h.Counts {
		out.Counts[(h.First+int64(i))>>by-out.First] += n
	}
	return out
}

// fit makes the bins those for values from low to high, a range that holds all so
// far.
func (h *Histogram) fit(low, high float64) {
	k := shiftFor(low, high)
	first := binOf(low, k)
	n := int(binOf(high, k)-first) + 1
	if len(h.Counts) > 0 && k == h.Shift && first == h.First && n == len(h.Counts) {
		return
	}
	counts := make([]int64, n)
	for i, c := range h.Counts {
		if c > 0 {
			counts[(h.First+int64(i))>>min(k-h.Shift, 63)-first] += c
		}
	}
	h.Shift, h.First, h.Counts = k, first, counts
}

// add counts values, all from low to high, each as often as times says; nil
// stands for once.
func (h *Histogram) add(vals []float64, times []int, low, high float64) {
	h.fit(low, high)
	scale := math.Ldexp(1, -h.Shift)
	if math.IsInf(scale, 0) || scale == 0 {
		for i, v := range vals {
			h.Counts[binOf(v, h.Shift)-h.First] += times64(times, i)
		}
		return
	}
	for i, v := range vals {
		h.Counts[floor(v, v*scale)-h.First] += times64(times, i)
	}
}

func times64(times []int, i int) int64 {
	if times == nil {
		return 1
	}
	return int64(times[i])
}

// join adds another histogram; all values of both are from low to high.
func (h *Histogram) join(o *Histogram, low, high float64) {
	wide := Histogram{Shift: o.Shift, First: o.First, Counts: slices.Clone(o.Counts)}
	wide.fit(low, high)
	h.fit(low, high)
	for i, c := range wide.Counts {
		h.Counts[i] += c
	}
}
