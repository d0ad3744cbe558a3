package stats

import (
	"bytes"
	"maps"
	"slices"

	"github.com/constl/constl/tabular"
)

// MaxTop is how many different texts are counted one by one.
const MaxTop = 24

// maxTopText is the longest text, in bytes, that is kept.
const maxTopText = 128

// Sketch describes a run of cells. The zero Sketch is that of no cells. It is for
// one goroutine.
type Sketch struct {
	Cells   int64 // all of them
	Missing int64 // cells that hold no value
	Invalid int64 // cells that hold something that is no value of the kind
	// Low and High are the least and the greatest value, if there is any.
	Low, High Extreme
	// Sum is that of all values.
	Sum float64
	// Histogram has the values; it has no bins if there are none.
	Histogram Histogram

	different distinct
	top       map[string]int64 // nil once there are too many
	many      bool             // there are too many for top
}

// Extreme is a least or greatest value, and the text that stands for it in the
// table: of several texts of the value the first in the order of their bytes.
// Texts of more than 128 bytes are cut.
type Extreme struct {
	Value float64
	Text  string
}

// Values returns how many cells hold a value.
func (s *Sketch) Values() int64 { return s.Cells - s.Missing - s.Invalid }

// Mean returns the mean of the values, 0 if there are none.
func (s *Sketch) Mean() float64 {
	if n := s.Values(); n > 0 {
		return s.Sum / float64(n)
	}
	return 0
}

// Distinct returns how many different values the cells hold that are not missing,
// and whether that is exact or an estimate. Of kinds other than [Text] two spellings of
// one value are the same; a cell that is no value counts by its text.
func (s *Sketch) Distinct() (n int64, exact bool) {
	if n, exact = s.different.count(); exact {
		return n, true
	}
	return max(min(n, s.Cells-s.Missing), 1), false
}

// Frequency is a text and how many cells hold it.
type Frequency struct {
	Text  string
	Count int64
}

// Top returns all different texts, the most frequent first, if they are no more
// than [MaxTop]; otherwise none. The caller owns the slice.
func (s *Sketch) Top() []Frequency {
	list := make([]Frequency, 0, len(s.top))
	for _, text := range slices.Sorted(maps.Keys(s.top)) {
		list = append(list, Frequency{text, s.top[text]})
	}
	slices.SortStableFunc(list, func(a, b Frequency) int { return int(min(max(b.Count-a.Count, -1), 1)) })
	return list
}

// Of returns the sketch of cells, each of which stands for as many as times says;
// nil stands for one each.
func Of(cells tabular.Cells, times []int, r Reading) *Sketch {
	var m Maker
	return m.Of(cells, times, r)
}

// Maker makes sketches one after the other and keeps its working memory between
// them. The zero Maker is ready to use. It is for one goroutine.
type Maker struct {
	hashes  []uint64 // of the cells that are not missing
	vals    []float64
	weights []int
	seen    [2 * MaxExact]uint64
	near    [maxSpread]int32
	texts   tabular.Cells
	times   []int
	ints    []int64
}

// Of returns the sketch that the function [Of] returns. It keeps no part of the
// arguments.
func (m *Maker) Of(cells tabular.Cells, times []int, r Reading) *Sketch {
	s := &Sketch{}
	m.hashes, m.vals, m.weights = m.hashes[:0], m.vals[:0], m.weights[:0]
	// Of texts given once each, so many are never counted one by one.
	s.many = times != nil && cells.Len() > MaxTop+max(len(r.Missing), 7)
	low, high := -1, -1 // where the least and the greatest value stand
	start := uint32(0)
	for i, end := range cells.Ends {
		text := cells.Data[start:end]
		start = end
		n := times64(times, i)
		s.Cells += n
		if r.isMissing(text) {
			s.Missing += n
			continue
		}
		if !s.many {
			s.count(text, n)
		}
		v, ok := r.value(text)
		if !ok {
			s.Invalid += n
			m.hashes = append(m.hashes, hashOf(text))
			continue
		}
		if r.Kind == Text {
			m.hashes = append(m.hashes, hashOf(text))
		} else {
			m.hashes = append(m.hashes, hashOfValue(v))
		}
		if low < 0 || v < s.Low.Value || v == s.Low.Value && before(text, cells.At(low)) {
			s.Low.Value, low = v, i
		}
		if high < 0 || v > s.High.Value || v == s.High.Value && before(text, cells.At(high)) {
			s.High.Value, high = v, i
		}
		s.Sum += v * float64(n)
		m.vals = append(m.vals, v)
		if times != nil {
			m.weights = append(m.weights, int(n))
		}
	}
	s.different.addAll(m.hashes, &m.seen)
	if low >= 0 {
		s.Low.Text, s.High.Text = string(cut(cells.At(low))), string(cut(cells.At(high)))
		weights := m.weights
		if times == nil {
			weights = nil
		}
		s.Histogram.add(m.vals, weights, s.Low.Value, s.High.Value)
	}
	return s
}

// cut returns as much of a text as is kept.
func cut(text []byte) []byte { return text[:min(len(text), maxTopText)] }

// stretch widens the range to that of another sketch.
func (s *Sketch) stretch(o *Sketch, first bool) {
	if x := o.Low; first || x.Value < s.Low.Value || x.Value == s.Low.Value && x.Text < s.Low.Text {
		s.Low = x
	}
	if x := o.High; first || x.Value > s.High.Value || x.Value == s.High.Value && x.Text < s.High.Text {
		s.High = x
	}
}

// before orders texts as far as they are kept.
func before(text, than []byte) bool { return bytes.Compare(cut(text), cut(than)) < 0 }

func (s *Sketch) count(text []byte, n int64) {
	if s.many {
		return
	}
	if had, ok := s.top[string(text)]; ok {
		s.top[string(text)] = had + n
		return
	}
	if len(s.top) == MaxTop || len(text) > maxTopText {
		s.top, s.many = nil, true
		return
	}
	if s.top == nil {
		s.top = make(map[string]int64)
	}
	s.top[string(text)] = n
}

// Join makes s the sketch of its own cells and those of o, read in the same way.
func (s *Sketch) Join(o *Sketch) {
	had, has := s.Values() > 0, o.Values() > 0
	s.Cells += o.Cells
	s.Missing += o.Missing
	s.Invalid += o.Invalid
	s.different.join(&o.different)
	if o.many {
		s.top, s.many = nil, true
	}
	for text, n := range o.top {
		s.count([]byte(text), n)
	}
	if !has {
		return
	}
	s.stretch(o, !had)
	s.Sum += o.Sum
	s.Histogram.join(&o.Histogram, s.Low.Value, s.High.Value)
}
