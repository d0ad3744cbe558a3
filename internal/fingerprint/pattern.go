package fingerprint

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parsed is what a pattern has found of a date and time.
type parsed struct {
	year, month, day     int
	hour, minute, second int
	fraction             string
	zone                 string
	half                 int // 1 before noon, 2 after
	date, clock          bool
}

// appendParsed appends a date, a time or both, as the type says, that fit a pattern
// of strptime, in ISO 8601. ok is false if the text does not fit.
func appendParsed(dst []byte, text, pattern, kind string) (out []byte, ok bool) {
	p := parsed{year: 1900, month: 1, day: 1}
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' || i+1 == len(pattern) {
			if text == "" || text[0] != pattern[i] {
				return dst, false
			}
			text = text[1:]
			continue
		}
		i++
		if text, ok = p.take(text, pattern[i]); !ok {
			return dst, false
		}
	}
	if text != "" || !p.settle() {
		return dst, false
	}
	switch kind {
	case "date":
		return fmt.Appendf(dst, "%04d-%02d-%02d", p.year, p.month, p.day), p.date
	case "time":
		return fmt.Appendf(dst, "%02d:%02d:%02d%s", p.hour, p.minute, p.second, p.fraction), p.clock
	}
	return fmt.Appendf(dst, "%04d-%02d-%02dT%02d:%02d:%02d%s%s", p.year, p.month, p.day, p.hour, p.minute, p.second, p.fraction, p.zone), p.date
}

// settle checks that it is a day and a time.
func (p *parsed) settle() bool {
	if p.half > 0 {
		if p.hour < 1 || p.hour > 12 {
			return false
		}
		p.hour = p.hour%12 + 12*(p.half-1)
	}
	t := time.Date(p.year, time.Month(p.month), p.day, 0, 0, 0, 0, time.UTC)
	return t.Month() == time.Month(p.month) && t.Day() == p.day && p.year <= 9999 && p.hour < 24 && p.minute < 60 && p.second < 60
}

// take reads what a letter of a pattern stands for.
func (p *parsed) take(text string, letter byte) (rest string, ok bool) {
	number := func(to *int, most int) (string, bool) {
		n := 0
		for n < most && n < len(text) && '0' <= text[n] && text[n] <= '9' {
			n++
		}
		*to, _ = strconv.Atoi(text[:n])
		return text[n:], n > 0
	}
	switch letter {
	case 'Y', 'm', 'd', 'y', 'b', 'B':
		p.date = true
	case 'H', 'I', 'M', 'S', 'f':
		p.clock = true
	}
	switch letter {
	case 'Y':
		return number(&p.year, 4)
	case 'y':
		rest, ok = number(&p.year, 2)
		if p.year += 1900; p.year < 1969 {
			p.year += 100
		}
		return rest, ok
	case 'm':
		return number(&p.month, 2)
	case 'd':
		return number(&p.day, 2)
	case 'H', 'I':
		return number(&p.hour, 2)
	case 'M':
		return number(&p.minute, 2)
	case 'S':
		return number(&p.second, 2)
	case '%':
		return strings.CutPrefix(text, "%")
	}
	return p.takeWord(text, letter)
}

func (p *parsed) takeWord(text string, letter byte) (rest string, ok bool) {
	switch letter {
	case 'f':
		n := len(text) - len(strings.TrimLeft(text, "0123456789"))
		if n == 0 || n > 9 {
			return text, false
		}
		p.fraction = "." + text[:n]
		return text[n:], true
	case 'p':
		if len(text) < 2 {
			return text, false
		}
		p.half = 1 + strings.Index("ampm", strings.ToLower(text[:2]))/2
		return text[2:], strings.EqualFold(text[:2], "am") || strings.EqualFold(text[:2], "pm")
	case 'z':
		if rest, ok := strings.CutPrefix(text, "Z"); ok {
			p.zone = "Z"
			return rest, true
		}
		for _, n := range []int{6, 5} {
			if len(text) >= n && (n == 5) != (text[3] == ':') && (text[0] == '+' || text[0] == '-') {
				p.zone = text[:n]
				return text[n:], true
			}
		}
		return text, false
	case 'b', 'B':
		for m := time.January; m <= time.December; m++ {
			name := m.String()
			if letter == 'b' {
				name = name[:3]
			}
			if len(text) >= len(name) && strings.EqualFold(text[:len(name)], name) {
				p.month = int(m)
				return text[len(name):], true
			}
		}
	}
	return text, false
}
