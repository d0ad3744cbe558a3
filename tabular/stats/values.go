package stats

import (
	"math"
	"slices"

	"github.com/constl/constl/tabular"
)

// Repeats reports whether the column's sketch costs next to nothing, since its segment
// has the different texts, or integers so close together that they repeat.
func Repeats(c tabular.Column) bool {
	return c.Times != nil || c.Form != nil && slices.Max(c.Values)-slices.Min(c.Values) < maxSpread
}

// OfColumn returns the sketch of a column of a row group, which may have its cells as
// integers. It reports false if all cells have to be seen as texts, with [Maker.Of].
// The column's sketch is the same wherever the column comes from.
func (m *Maker) OfColumn(c tabular.Column, r Reading) (s *Sketch, ok bool) {
	if c.Form == nil {
		return m.Of(c.Cells, c.Times, r), true
	}
	low, high := slices.Min(c.Values), slices.Max(c.Values)
	if high-low < maxSpread {
		s = m.ofNear(c.Form, c.Values, low, r)
	} else if s, ok = m.ofValues(c.Form, c.Values, r); !ok {
		return nil, false
	}
	if c.Cells.Len() > 0 {
		s.Join(m.Of(c.Cells, nil, r))
	}
	return s, true
}

// maxSpread is up to how far apart integers are counted each on its own.
const maxSpread = 1 << 12

// ofNear makes the sketch of integers that are all less than maxSpread above low.
func (m *Maker) ofNear(f *tabular.Form, values []int64, low int64, r Reading) *Sketch {
	clear(m.near[:])
	for _, v := range values {
		m.near[v-low]++
	}
	m.ints, m.times = m.ints[:0], m.times[:0]
	for i, n := range m.near {
		if n > 0 {
			m.ints = append(m.ints, low+int64(i))
			m.times = append(m.times, int(n))
		}
	}
	m.texts.Data, m.texts.Ends = m.texts.Data[:0], m.texts.Ends[:0]
	f.Append(&m.texts, m.ints...)
	return m.Of(m.texts, m.times, r)
}

// integers is how integers are read: v is v · times ÷ by − less.
type integers struct {
	times, by, less float64
	missing         []int64 // these stand for no value
}

// integers returns how a form's values are read, and whether they can be.
func (r *Reading) integers(f *tabular.Form) (read integers, ok bool) {
	read.times, read.by = 1, 1
	clock, isTime := f.Clock()
	switch decimals, isNumber := f.Decimals(); {
	case isNumber && r.Kind == Number && r.DecimalChar == 0 && r.GroupChar == 0 && decimals < len(powersOfTen):
		read.by = powersOfTen[decimals]
	case !isTime || r.Layout != "":
		return read, false
	case r.Kind == Day && clock.Date && !clock.Time:
	case r.Kind == Moment && clock.Date, r.Kind == Daytime && !clock.Date && !clock.Zoned:
		read.times, read.less = float64(86400/clock.PerDay), float64(clock.Offset)
	default:
		return read, false
	}
	for _, text := range r.Missing {
		if v, is := f.Value([]byte(text)); is {
			read.missing = append(read.missing, v)
		}
	}
	return read, true
}

// fits reports whether all integers are read without rounding.
func (x *integers) fits(values []int64) bool {
	limit := int64(1 << 53)
	if x.times > 1 {
		limit /= int64(x.times)
	}
	for _, v := range values {
		if v >= limit || v <= -limit {
			return false
		}
	}
	return true
}

// of returns the number that an integer is read as.
func (x *integers) of(v int64) float64 {
	f := float64(v) * x.times
	if x.by != 1 {
		f /= x.by
	}
	return f - x.less
}

// ofValues makes the sketch of integers. It reports false if they cannot be read as
// values, or might have to be counted one by one.
func (m *Maker) ofValues(f *tabular.Form, values []int64, r Reading) (*Sketch, bool) {
	read, ok := r.integers(f)
	if !ok || !read.fits(values) {
		return nil, false
	}
	s := &Sketch{Cells: int64(len(values)), many: true}
	if len(read.missing) > 0 {
		values = slices.DeleteFunc(slices.Clone(values), func(v int64) bool { return slices.Contains(read.missing, v) })
		s.Missing = s.Cells - int64(len(values))
	}
	if fewDiffer(values) {
		return nil, false
	}
	low, high := slices.Min(values), slices.Max(values)
	var ends tabular.Cells
	f.Append(&ends, low, high)
	s.Low, s.High = Extreme{read.of(low), string(ends.At(0))}, Extreme{read.of(high), string(ends.At(1))}
	m.vals = slices.Grow(m.vals[:0], len(values))[:len(values)]
	m.hashes = slices.Grow(m.hashes[:0], len(values))[:len(values)]
	vals, hashes, sum := m.vals, m.hashes[:len(m.vals)], 0.0
	for i, v := range values[:len(vals)] {
		n := read.of(v)
		sum += n
		vals[i], hashes[i] = n, hashOfValue(n)
	}
	s.Sum = sum
	s.Histogram.add(m.vals, nil, s.Low.Value, s.High.Value)
	s.different.addAll(m.hashes, &m.seen)
	return s, true
}

// fewDiffer reports whether the values are no more than MaxTop different ones.
func fewDiffer(values []int64) bool {
	var seen [MaxTop]int64
	n := 0
	for _, v := range values {
		if slices.Contains(seen[:n], v) {
			continue
		}
		if n == MaxTop {
			return false
		}
		seen[n] = v
		n++
	}
	return true
}

// hashOfValue is the hash by which the values of numbers and times are told apart.
func hashOfValue(v float64) uint64 {
	// Adding zero makes one of both zeros.
	return mix((math.Float64bits(v+0) ^ 0xa0761d6478bd642f) * 0x9e3779b97f4a7c15)
}
