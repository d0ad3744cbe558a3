package stats

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Kind is what the cells of a column are read as.
type Kind uint8

// The kinds. Their numbers are stored.
const (
	Text    Kind = 1 + iota // anything; the value is the length in characters
	Number                  // the value is the number
	Moment                  // a date with a time of day: seconds since 1970
	Daytime                 // times of day: seconds since midnight
	Day                     // dates: days since 1970
)

// KindOf returns the kind of a field of that type.
func KindOf(t tabular.Type) Kind {
	switch t {
	case tabular.TypeInteger, tabular.TypeNumber, tabular.TypeYear:
		return Number
	case tabular.TypeDate, "yearmonth":
		return Day
	case tabular.TypeDatetime:
		return Moment
	case tabular.TypeTime:
		return Daytime
	}
	return Text
}

// Reading says how the cells of a column are read.
type Reading struct {
	Kind Kind
	// Missing are the texts that stand for no value; nil stands for the usual ones
	// of [tabular.IsMissing].
	Missing []string
	// DecimalChar is what stands before a number's decimals; 0 is a point.
	DecimalChar byte
	// GroupChar stands between groups of digits; 0 says that nothing does.
	GroupChar byte
	// Layout is how dates and times are written, after the format property of
	// Table Schema, as "%d.%m.%Y"; "" is ISO 8601.
	Layout string
}

// Key returns what a sketch of a segment, read in this way, is kept by.
func (r Reading) Key(segment object.ID) object.ID {
	var e object.Encoder
	e.Byte(formatVersion)
	e.ID(segment)
	e.Byte(byte(r.Kind))
	e.Byte(r.DecimalChar)
	e.Byte(r.GroupChar)
	e.Text(r.Layout)
	if r.Missing != nil {
		e.Uvarint(uint64(len(r.Missing)) + 1)
		for _, m := range r.Missing {
			e.Text(m)
		}
	} else {
		e.Uvarint(0)
	}
	return object.Sum(e.Body())
}

func (r *Reading) isMissing(text []byte) bool {
	if r.Missing == nil {
		return tabular.IsMissing(text)
	}
	return slices.Contains(r.Missing, string(text))
}

// value reads a cell that is not missing.
func (r *Reading) value(text []byte) (float64, bool) {
	switch r.Kind {
	case Number:
		if r.DecimalChar == 0 && r.GroupChar == 0 {
			if v, ok := shortNumber(text); ok {
				return v, true
			}
		}
		return r.number(text)
	case Moment:
		return r.moment(text)
	case Day:
		v, ok := r.moment(text)
		return math.Floor(v / 86400), ok
	case Daytime:
		if r.Layout == "" {
			v, rest, ok := clock(text)
			return v, ok && len(rest) == 0
		}
		v, _, daytime := parseLayout(text, r.Layout)
		return v, daytime
	}
	return float64(utf8.RuneCount(text)), true
}

func (r *Reading) moment(text []byte) (float64, bool) {
	if r.Layout == "" {
		return parseISO(text)
	}
	v, date, _ := parseLayout(text, r.Layout)
	return v, date
}

func (r *Reading) number(text []byte) (float64, bool) {
	if r.GroupChar != 0 {
		text = bytes.ReplaceAll(text, []byte{r.GroupChar}, nil)
	}
	if r.DecimalChar != 0 && r.DecimalChar != '.' {
		if bytes.IndexByte(text, '.') >= 0 {
			return 0, false
		}
		text = bytes.Replace(text, []byte{r.DecimalChar}, []byte{'.'}, 1)
	}
	if v, ok := shortNumber(text); ok {
		return v, true
	}
	for _, c := range text {
		if c >= 'g' || c == '_' || c == 'x' || c == 'X' {
			return 0, false // hexadecimal, inf and nan are no numbers to compute with
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil && v-v == 0
}

// shortNumber reads what most numbers look like: at most 15 digits, with a point
// or without, so that one division gives the nearest float64.
func shortNumber(text []byte) (float64, bool) {
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative, text = text[0] == '-', text[1:]
	}
	if n := len(text); n == 0 || n > 16 {
		return 0, false
	}
	mantissa, point := uint64(0), len(text)
	for at, c := range text {
		d := c - '0'
		if d > 9 {
			if c != '.' || point < len(text) {
				return 0, false
			}
			point = at
			continue
		}
		mantissa = mantissa*10 + uint64(d)
	}
	digits, decimals := len(text), 0
	if point < len(text) {
		digits--
		decimals = len(text) - point - 1
	}
	if digits == 0 || digits > 15 {
		return 0, false
	}
	v := float64(mantissa)
	if decimals > 0 {
		v /= powersOfTen[decimals]
	}
	if negative {
		v = -v
	}
	return v, true
}

var powersOfTen = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}
