package metadata

import (
	"math"
	"strconv"
	"time"

	"github.com/constl/constl/tabular/stats"
)

// Statistics is what the cells of a field look like, for people and scripts. Min
// and Max are the texts that stand in the table; for texts, what has a range, a
// mean and a histogram is their length in characters.
type Statistics struct {
	Cells         int64      `json:"cells"`
	Missing       int64      `json:"missing"`
	Invalid       int64      `json:"invalid"` // not of the field's type
	Distinct      int64      `json:"distinct"`
	DistinctExact bool       `json:"distinct_exact"` // otherwise within some percent
	Of            string     `json:"of"`             // "number", "day", "moment", "daytime" or "length"
	Min           string     `json:"min,omitempty"`
	Max           string     `json:"max,omitempty"`
	Mean          string     `json:"mean,omitempty"`
	Histogram     *Histogram `json:"histogram,omitempty"`
	Top           []Value    `json:"values,omitempty"` // all of them, if they are few
}

// Histogram has bins of equal width; From is the lower bound of the first. Of
// days and moments both are days and seconds, from 1970 on.
type Histogram struct {
	From   float64 `json:"from"`
	Width  float64 `json:"width"`
	Counts []int64 `json:"counts"`
}

// Value is a cell's text and how many cells have it.
type Value struct {
	Text  string `json:"value"`
	Count int64  `json:"count"`
}

// StatisticsOf puts a sketch in words. whole says that the values are whole numbers,
// so that no bin is narrower than one; text says how a cell's bytes read.
func StatisticsOf(s *stats.Sketch, kind stats.Kind, whole bool, text func([]byte) string) *Statistics {
	out := &Statistics{Cells: s.Cells, Missing: s.Missing, Invalid: s.Invalid, Of: kindName(kind)}
	out.Distinct, out.DistinctExact = s.Distinct()
	for _, f := range s.Top() {
		out.Top = append(out.Top, Value{text([]byte(f.Text)), f.Count})
	}
	if s.Values() == 0 {
		return out
	}
	out.Min, out.Max = text([]byte(s.Low.Text)), text([]byte(s.High.Text))
	if kind == stats.Text {
		out.Min, out.Max = formatNumber(s.Low.Value), formatNumber(s.High.Value)
	}
	out.Mean = formatValue(s.Mean(), kind)
	bins := s.Histogram
	if whole || kind == stats.Text || kind == stats.Day {
		bins = bins.Coarser(0)
	}
	h := &Histogram{From: bins.Lower(0), Width: math.Ldexp(1, bins.Shift), Counts: bins.Counts}
	if finite(h.From) && finite(h.Width) && h.Width > 0 {
		out.Histogram = h
	}
	return out
}

func finite(v float64) bool { return v-v == 0 }

func kindName(k stats.Kind) string {
	switch k {
	case stats.Number:
		return "number"
	case stats.Moment:
		return "moment"
	case stats.Daytime:
		return "daytime"
	case stats.Day:
		return "day"
	}
	return "length"
}

// formatValue prints a value of a kind that stands in no cell, such as a mean.
func formatValue(v float64, kind stats.Kind) string {
	switch {
	case !finite(v):
		return ""
	case kind == stats.Day && math.Abs(v) < 1e7:
		return time.Unix(int64(v)*86400, 0).UTC().Format(time.DateOnly)
	case kind == stats.Moment && math.Abs(v) < 1e12:
		return time.Unix(int64(v), 0).UTC().Format(time.DateOnly)
	case kind == stats.Daytime:
		return time.Unix(int64(v), 0).UTC().Format(time.TimeOnly)
	}
	return formatNumber(v)
}

// formatNumber prints five significant digits, whole numbers in full.
func formatNumber(v float64) string {
	if v == math.Trunc(v) && math.Abs(v) < 1e15 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	if a := math.Abs(v); a >= 1e-4 && a < 1e15 {
		digits := max(4-int(math.Floor(math.Log10(a))), 0)
		short, _ := strconv.ParseFloat(strconv.FormatFloat(v, 'f', digits, 64), 64)
		return strconv.FormatFloat(short, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', 5, 64)
}
