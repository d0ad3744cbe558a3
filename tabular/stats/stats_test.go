package stats

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func cellsOf(texts ...string) tabular.Cells {
	var c tabular.Cells
	for _, s := range texts {
		c.Append([]byte(s))
	}
	return c
}

func TestNumbers(t *testing.T) {
	s := Of(cellsOf("3", "1.5", "", "NA", "1.50", "x", "-2e1", "3"), nil, Reading{Kind: Number})
	if s.Cells != 8 || s.Missing != 2 || s.Invalid != 1 || s.Values() != 5 {
		t.Errorf("cells %d, missing %d, invalid %d, values %d", s.Cells, s.Missing, s.Invalid, s.Values())
	}
	if s.Low != (Extreme{-20, "-2e1"}) || s.High != (Extreme{3, "3"}) || s.Sum != -11 {
		t.Errorf("from %v to %v, sum %v", s.Low, s.High, s.Sum)
	}
	if n, exact := s.Distinct(); n != 4 || !exact { // 1.5 and 1.50 are one
		t.Errorf("%d distinct, exact %v", n, exact)
	}
	want := []Frequency{{"3", 2}, {"-2e1", 1}, {"1.5", 1}, {"1.50", 1}, {"x", 1}}
	if d := cmp.Diff(want, s.Top()); d != "" {
		t.Error(d)
	}
}

func TestReadings(t *testing.T) {
	for _, test := range []struct {
		r    Reading
		text string
		want float64
		ok   bool
	}{
		{Reading{Kind: Number}, "-0.25", -0.25, true},
		{Reading{Kind: Number}, "9007199254740993", 9007199254740992, true},
		{Reading{Kind: Number}, "0x1F", 0, false},
		{Reading{Kind: Number}, "inf", 0, false},
		{Reading{Kind: Number}, "1_000", 0, false},
		{Reading{Kind: Number}, "1e999", 0, false},
		{Reading{Kind: Number}, ".", 0, false},
		{Reading{Kind: Number, DecimalChar: ',', GroupChar: '.'}, "1.234,5", 1234.5, true},
		{Reading{Kind: Number, DecimalChar: ','}, "1.5", 0, false},
		{Reading{Kind: Moment}, "1970-01-02", 86400, true},
		{Reading{Kind: Moment}, "1970-01", 0, true},
		{Reading{Kind: Day}, "1969-12-31", -1, true},
		{Reading{Kind: Day, Layout: "%d.%m.%Y"}, "03.01.1970", 2, true},
		{Reading{Kind: Moment}, "1970-01-01T01:00:00.5+01:00", 0.5, true},
		{Reading{Kind: Moment}, "1970-02-30", 0, false},
		{Reading{Kind: Moment, Layout: "%d.%m.%Y"}, "02.01.1970", 86400, true},
		{Reading{Kind: Moment, Layout: "%d.%m.%Y"}, "1970-01-02", 0, false},
		{Reading{Kind: Moment, Layout: "%d/%m/%y %H:%M"}, "01/01/70 00:01", 60, true},
		{Reading{Kind: Daytime}, "01:00:01", 3601, true},
		{Reading{Kind: Daytime}, "25:00", 0, false},
		{Reading{Kind: Text}, "Meeräsche", 9, true},
	} {
		if v, ok := test.r.value([]byte(test.text)); ok != test.ok || ok && v != test.want {
			t.Errorf("%+v of %q: %v, %v", test.r, test.text, v, ok)
		}
	}
}

func drawCells(t *rapid.T) []string {
	word := rapid.OneOf(
		rapid.Map(rapid.Float64(), func(v float64) string { return fmt.Sprint(v) }),
		rapid.Map(rapid.IntRange(-50, 5000), func(v int) string { return fmt.Sprint(v) }),
		rapid.SampledFrom([]string{"", "NA", "x", "1e300", "-1e300", "0.1", "1e-300", "5e-324", "17"}),
	)
	return rapid.SliceOfN(word, 0, 400).Draw(t, "cells")
}

// However cells are cut into runs, and in whatever order these are joined, the
// sketch is that of all of them.
func TestJoinIsThatOfAll(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := drawCells(t)
		r := Reading{Kind: rapid.SampledFrom([]Kind{Number, Text}).Draw(t, "kind")}
		cut := rapid.IntRange(0, len(cells)).Draw(t, "cut")
		a, b := Of(cellsOf(cells[:cut]...), nil, r), Of(cellsOf(cells[cut:]...), nil, r)
		if rapid.Bool().Draw(t, "swap") {
			a, b = b, a
		}
		a.Join(b)
		whole := Of(cellsOf(cells...), nil, r)
		if math.Abs(a.Sum-whole.Sum) > 1e-9*math.Max(1, math.Abs(whole.Low.Value)+math.Abs(whole.High.Value)) && a.Sum-a.Sum == 0 {
			t.Fatalf("sum %v, of all %v", a.Sum, whole.Sum)
		}
		a.Sum = whole.Sum
		if !bytes.Equal(a.Encode(), whole.Encode()) {
			t.Fatalf("joined %+v\nof all %+v", a, whole)
		}
	})
}

// A text given once with a count is as good as that many cells.
func TestTimes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := drawCells(t)
		slices.Sort(cells)
		texts := slices.Compact(slices.Clone(cells))
		times := make([]int, len(texts))
		for i, text := range texts {
			for _, c := range cells {
				if c == text {
					times[i]++
				}
			}
		}
		a, b := Of(cellsOf(texts...), times, Reading{Kind: Text}), Of(cellsOf(cells...), nil, Reading{Kind: Text})
		if !bytes.Equal(a.Encode(), b.Encode()) {
			t.Fatalf("with counts %+v\none by one %+v", a, b)
		}
	})
}

func TestHistogramHoldsEveryValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Of(cellsOf(drawCells(t)...), nil, Reading{Kind: Number})
		h := s.Histogram
		total := int64(0)
		for _, n := range h.Counts {
			total += n
		}
		if total != s.Values() || len(h.Counts) > MaxBins {
			t.Fatalf("%d values in %d bins, of %d", total, len(h.Counts), s.Values())
		}
		if total > 0 && (h.Counts[0] == 0 || h.Counts[len(h.Counts)-1] == 0 || h.Lower(0) > s.Low.Value || h.Lower(len(h.Counts)) < s.High.Value) {
			t.Fatalf("bins from %v to %v for values from %v to %v", h.Lower(0), h.Lower(len(h.Counts)), s.Low.Value, s.High.Value)
		}
	})
}

func TestCoarser(t *testing.T) {
	s := Of(cellsOf("1", "2", "2", "5", "-1"), nil, Reading{Kind: Number})
	if d := cmp.Diff(Histogram{Shift: 0, First: -1, Counts: []int64{1, 0, 1, 2, 0, 0, 1}}, s.Histogram.Coarser(0)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Histogram{Shift: 2, First: -1, Counts: []int64{1, 3, 1}}, s.Histogram.Coarser(2)); d != "" {
		t.Error(d)
	}
}

func TestDistinct(t *testing.T) {
	for _, n := range []int{0, 1, MaxExact, MaxExact + 1, 5000, 200000} {
		var d distinct
		var hashes []uint64
		for i := range n {
			h := hashOf(fmt.Appendf(nil, "value %d", i))
			hashes = append(hashes, h, h)
			d.addHash(h)
		}
		var all distinct
		all.addAll(hashes, new([2 * MaxExact]uint64))
		if !slices.Equal(all.exact, d.exact) || !slices.Equal(all.regs, d.regs) {
			t.Errorf("%d texts at once are other than one by one", n)
		}
		got, exact := d.count()
		if exact != (n <= MaxExact) {
			t.Errorf("%d texts: exact %v", n, exact)
		}
		if off := math.Abs(float64(got-int64(n))) / math.Max(1, float64(n)); exact && off > 0 || off > 0.07 {
			t.Errorf("%d texts: counted %d", n, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	var many []string
	for i := range 600 {
		many = append(many, fmt.Sprint(i))
	}
	for _, cells := range [][]string{nil, {"", "NA"}, {"1", "2", "x"}, many} {
		for _, kind := range []Kind{Text, Number} {
			f.Add(Of(cellsOf(cells...), nil, Reading{Kind: kind}).Encode())
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Decode(data)
		if err != nil {
			if !errors.Is(err, object.ErrCorrupt) {
				t.Fatalf("an error that does not say that it is damaged: %v", err)
			}
			return
		}
		if !bytes.Equal(s.Encode(), data) {
			t.Fatalf("encodes otherwise:\n%x\n%x", s.Encode(), data)
		}
		s.Join(s)
		s.Top()
		s.Distinct()
	})
}

func BenchmarkOfNumbers(b *testing.B) {
	var c tabular.Cells
	for i := range 8192 {
		c.Append(fmt.Appendf(nil, "%d.%02d", i*7%1000, i%100))
	}
	b.SetBytes(int64(len(c.Data)))
	for b.Loop() {
		Of(c, nil, Reading{Kind: Number})
	}
}

func BenchmarkOfTexts(b *testing.B) {
	var c tabular.Cells
	for i := range 8192 {
		c.Append(fmt.Appendf(nil, "sample-%d", i*7919%8192))
	}
	b.SetBytes(int64(len(c.Data)))
	for b.Loop() {
		Of(c, nil, Reading{Kind: Text})
	}
}

// The days are those of the calendar of package time.
func TestDayOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		y, m, d := rapid.IntRange(0, 9999).Draw(t, "y"), rapid.IntRange(0, 13).Draw(t, "m"), rapid.IntRange(0, 32).Draw(t, "d")
		day := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
		there := m >= 1 && m <= 12 && day.Day() == d
		if v, ok := dayOf(y, m, d); ok != there || ok && v != float64(day.Unix()) {
			t.Fatalf("%04d-%02d-%02d: %v, %v; expected %v, %v", y, m, d, v, ok, day.Unix(), there)
		}
	})
}
