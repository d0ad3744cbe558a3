package merge

import (
	"bytes"
	"cmp"
	"strconv"
	"strings"

	"github.com/constl/constl/tabular"
)

// mergeValue merges one value of which both sides have a version. It returns the
// merged text and whether the sides contradict each other; the text is then that
// of ours. Without a base the value was added by both: a missing one yields to any
// other.
func mergeValue(t tabular.Type, hasBase bool, base, ours, theirs []byte) (text []byte, conflict bool) {
	if bytes.Equal(ours, theirs) {
		return ours, false
	}
	if hasBase {
		if bytes.Equal(ours, base) {
			return theirs, false
		}
		if bytes.Equal(theirs, base) {
			return ours, false
		}
	} else {
		switch noOurs, noTheirs := missing(t, ours), missing(t, theirs); {
		case noOurs && noTheirs:
			return longer(ours, theirs), false
		case noOurs:
			return theirs, false
		case noTheirs:
			return ours, false
		}
	}
	// Three spellings or fewer values than spellings: a changed value outweighs a
	// changed spelling, and of two spellings the smaller is taken by either side.
	switch {
	case sameValue(t, ours, theirs):
		return smaller(ours, theirs), false
	case hasBase && sameValue(t, ours, base):
		return theirs, false
	case hasBase && sameValue(t, theirs, base):
		return ours, false
	}
	return ours, true
}

// missing reports whether a cell says that there is no value. In a column of texts
// only an empty one does: NA may be Namibia.
func missing(t tabular.Type, text []byte) bool {
	if t == tabular.TypeString || t == tabular.TypeAny {
		return len(text) == 0
	}
	return tabular.IsMissing(text)
}

// longer returns the other one of what smaller returns: of two ways to say that
// there is no value the one that says it.
func longer(a, b []byte) []byte {
	if bytes.Equal(smaller(a, b), a) {
		return b
	}
	return a
}

func smaller(a, b []byte) []byte {
	if c := cmp.Compare(len(a), len(b)); c < 0 || c == 0 && bytes.Compare(a, b) <= 0 {
		return a
	}
	return b
}

// sameValue reports whether two texts are one value of the given type, such as
// 1.0 and 1.00 in a column of numbers.
func sameValue(t tabular.Type, a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	switch t {
	case tabular.TypeInteger, tabular.TypeNumber:
		x, ok := parseNumber(a)
		if !ok {
			return false
		}
		y, ok := parseNumber(b)
		return ok && x == y
	case tabular.TypeBoolean:
		return len(a) > 1 && strings.EqualFold(string(a), string(b))
	}
	return false
}

// number is a decimal number: ±0.digits × 10^exp, with no zeros at either end of
// the digits. Zero has no digits, no sign and no exponent.
type number struct {
	negative bool
	digits   string
	exp      int
}

const maxExponent = 1 << 20

func parseNumber(text []byte) (n number, ok bool) {
	s := strings.TrimSpace(string(text))
	s, n.negative = cutSign(s)
	mantissa, exponent, hasExp := s, "", false
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent, hasExp = s[:i], s[i+1:], true
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	if whole+fraction == "" || !onlyDigits(whole) || !onlyDigits(fraction) {
		return number{}, false
	}
	if hasExp {
		e, err := strconv.Atoi(exponent)
		if err != nil || e > maxExponent || e < -maxExponent {
			return number{}, false
		}
		n.exp = e
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	n.exp += len(digits) - len(fraction)
	n.digits = strings.TrimRight(digits, "0")
	if n.digits == "" {
		return number{}, true
	}
	return n, true
}

func cutSign(s string) (rest string, negative bool) {
	switch {
	case strings.HasPrefix(s, "-"):
		return s[1:], true
	case strings.HasPrefix(s, "+"):
		return s[1:], false
	}
	return s, false
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// compare orders numbers by value.
func (n number) compare(m number) int {
	if n.negative != m.negative {
		if n.negative {
			return -1
		}
		return 1
	}
	c := cmp.Or(cmp.Compare(min(1, len(n.digits)), min(1, len(m.digits))),
		cmp.Compare(n.exp, m.exp), cmp.Compare(n.digits, m.digits))
	if n.negative {
		return -c
	}
	return c
}

// compareTexts is a total order of cell texts: numbers by value, then all else by
// bytes, so that 9 stands before 10.
func compareTexts(a, b []byte) int {
	if bytes.Equal(a, b) {
		return 0
	}
	x, isX := parseNumber(a)
	y, isY := parseNumber(b)
	switch {
	case isX && isY:
		return cmp.Or(x.compare(y), bytes.Compare(a, b))
	case isX:
		return -1
	case isY:
		return 1
	}
	return bytes.Compare(a, b)
}
