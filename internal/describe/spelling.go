package describe

import (
	"fmt"
	"strings"
)

// Spelling finds out how the texts of a column spell dates or numbers that are not
// written as programs expect: 31.12.2026, 12/31/2026 23:59, 2,5. It sees them one by
// one; the zero Spelling has seen none.
type Spelling struct {
	n       int
	failed  bool
	sep     byte // of dates; 0 stands for decimal commas
	size    int  // of dates with their clock
	year    bool // first
	clock   string
	over    [2]bool // the first or second part of a date is over 12
	decimal bool    // a comma was seen
	grouped bool    // and every one had exactly three digits behind it
}

// Spelled is how a column spells its values.
type Spelled struct {
	Type        string // of Table Schema: "date", "datetime" or "number"
	Format      string // of dates, as Table Schema writes it: "%d.%m.%Y"
	DecimalChar string // of numbers
	// Other is another Format that would do as well, or "1,234" if the commas may stand
	// between thousands. Then only a person knows, and nothing is to be guessed.
	Other string
}

// See takes in a text that is not missing, and reports whether more need be seen.
func (s *Spelling) See(text string) bool {
	if s.failed {
		return false
	}
	if s.n++; s.n == 1 {
		s.begin(text)
	}
	if !s.failed {
		s.failed = !s.fits(text)
	}
	return !s.failed
}

// begin takes the first text as an example.
func (s *Spelling) begin(text string) {
	switch {
	case len(text) >= 10 && isSep(text[4]) && text[4] == text[7]:
		s.sep, s.year = text[4], true
	case len(text) >= 10 && isSep(text[2]) && text[2] == text[5]:
		s.sep = text[2]
	default:
		s.grouped = true
		return
	}
	s.size = len(text)
	switch rest := text[10:]; len(rest) {
	case 0:
	case 6:
		s.clock = rest[:1] + "%H:%M"
	case 9:
		s.clock = rest[:1] + "%H:%M:%S"
	default:
		s.failed = true
	}
}

func isSep(c byte) bool { return c == '.' || c == '/' || c == '-' }

func (s *Spelling) fits(text string) bool {
	if s.sep == 0 {
		return s.fitsNumber(text)
	}
	if len(text) != s.size {
		return false
	}
	date, clock := text[:10], text[10:]
	var a, b int
	if s.year {
		a, b = number(date[5:7]), number(date[8:])
		if number(date[:4]) < 0 || date[4] != s.sep || date[7] != s.sep {
			return false
		}
	} else {
		a, b = number(date[:2]), number(date[3:5])
		if number(date[6:]) < 0 || date[2] != s.sep || date[5] != s.sep {
			return false
		}
	}
	s.over[0], s.over[1] = s.over[0] || a > 12, s.over[1] || b > 12
	if a < 1 || b < 1 || a > 31 || b > 31 || s.over[0] && s.over[1] || s.year && s.over[0] {
		return false
	}
	return clock == "" || fitsClock(clock, s.clock[0])
}

func fitsClock(text string, joint byte) bool {
	if text[0] != joint || joint != ' ' && joint != 'T' || text[3] != ':' || len(text) > 6 && text[6] != ':' {
		return false
	}
	h, m, sec := number(text[1:3]), number(text[4:6]), 0
	if len(text) > 6 {
		sec = number(text[7:])
	}
	return h >= 0 && h < 24 && m >= 0 && m < 60 && sec >= 0 && sec <= 60
}

func (s *Spelling) fitsNumber(text string) bool {
	text = strings.TrimPrefix(strings.TrimPrefix(text, "-"), "+")
	whole, rest, comma := strings.Cut(text, ",")
	if number(whole) < 0 || comma && number(rest) < 0 || len(whole) > 1 && whole[0] == '0' {
		return false
	}
	s.decimal = s.decimal || comma
	s.grouped = s.grouped && (!comma || len(rest) == 3 && len(whole) <= 3)
	return true
}

// number returns the value of digits, or -1 if there is anything else.
func number(text string) int {
	if text == "" || len(text) > 18 {
		return -1
	}
	n := 0
	for _, c := range []byte(text) {
		if c < '0' || c > '9' {
			return -1
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// Result returns how the texts are spelled, and whether that is other than programs
// expect.
func (s *Spelling) Result() (Spelled, bool) {
	switch {
	case s.failed || s.n == 0:
		return Spelled{}, false
	case s.sep == 0:
		out := Spelled{Type: "number", DecimalChar: ","}
		if s.grouped {
			out.Other = "1,234"
		}
		return out, s.decimal
	case s.year && s.sep == '-':
		return Spelled{}, false // ISO 8601
	}
	out := Spelled{Type: "date"}
	if s.clock != "" {
		out.Type = "datetime"
	}
	format := func(a, b, c string) string { return fmt.Sprintf("%%%s%c%%%s%c%%%s%s", a, s.sep, b, s.sep, c, s.clock) }
	switch {
	case s.year:
		out.Format = format("Y", "m", "d")
	case s.over[1]:
		out.Format = format("m", "d", "Y")
	default:
		if out.Format = format("d", "m", "Y"); !s.over[0] {
			out.Other = format("m", "d", "Y")
		}
	}
	return out, true
}
