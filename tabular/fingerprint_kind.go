package tabular

import (
	"bytes"
	"encoding/binary"
)

// Kind is what the texts of a column are, as far as they show it
// (FINGERPRINT.md §2).
type Kind uint8

// The kinds of a column. Their values are part of the fingerprint.
const (
	KindEmpty Kind = iota
	KindNumber
	KindBoolean
	KindDate // perhaps with a time of day
	KindTime
	KindText
)

// String returns the kind's name.
func (k Kind) String() string {
	return [...]string{"empty", "number", "boolean", "date", "time", "text"}[k]
}

// kindOf returns the kind of one text that is not missing.
func kindOf(text []byte) Kind {
	switch c := text[0]; {
	case isDigit(c):
		if scanNumber(text).ok {
			return KindNumber
		}
		if _, ok := scanMoment(text); ok {
			return KindDate
		}
		if _, rest, ok := scanClock(text); ok && len(rest) == 0 {
			return KindTime
		}
	case c == '-' || c == '+' || c == '.':
		if scanNumber(text).ok {
			return KindNumber
		}
		if isInfinity(text[1:]) && c != '.' {
			return KindNumber
		}
	case c == 'i' || c == 'I':
		if isInfinity(text) {
			return KindNumber
		}
	case c == 't' || c == 'T' || c == 'f' || c == 'F':
		switch string(text) {
		case "true", "false", "TRUE", "FALSE", "True", "False":
			return KindBoolean
		}
	}
	return KindText
}

func isInfinity(text []byte) bool {
	return len(text) == 3 && bytes.EqualFold(text, []byte("inf")) || len(text) == 8 && bytes.EqualFold(text, []byte("infinity"))
}

// joinKinds returns the kind of a column with texts of both kinds.
func joinKinds(a, b Kind) Kind {
	switch {
	case a == KindEmpty || a == b:
		return b
	case b == KindEmpty:
		return a
	}
	return KindText
}

// kindOfCells returns the kind of a run of cells.
func kindOfCells(c Cells) Kind {
	kind := KindEmpty
	start := uint32(0)
	for _, end := range c.Ends {
		text := c.Data[start:end]
		start = end
		if isMissing(text) {
			continue
		}
		if kind = joinKinds(kind, kindOf(text)); kind == KindText {
			break
		}
	}
	return kind
}

// number is the parts of a number's text.
type number struct {
	negative    bool
	whole, frac []byte // digits before and behind the point
	exponent    int
	ok          bool
}

// maxExponentDigits keeps exponents within an int.
const maxExponentDigits = 9

func scanNumber(text []byte) (n number) {
	rest := text
	if rest[0] == '-' || rest[0] == '+' {
		n.negative = rest[0] == '-'
		rest = rest[1:]
	}
	w := leadingDigits(rest)
	n.whole, rest = rest[:w], rest[w:]
	if w > 1 && n.whole[0] == '0' {
		return number{}
	}
	if len(rest) > 0 && rest[0] == '.' {
		f := leadingDigits(rest[1:])
		n.frac, rest = rest[1:1+f], rest[1+f:]
	}
	if len(n.whole)+len(n.frac) == 0 {
		return number{}
	}
	if len(rest) > 0 && rest[0]|0x20 == 'e' {
		rest = rest[1:]
		minus := false
		if len(rest) > 0 && (rest[0] == '-' || rest[0] == '+') {
			minus = rest[0] == '-'
			rest = rest[1:]
		}
		d := leadingDigits(rest)
		if d == 0 || d > maxExponentDigits {
			return number{}
		}
		for _, c := range rest[:d] {
			n.exponent = 10*n.exponent + int(c-'0')
		}
		if minus {
			n.exponent = -n.exponent
		}
		rest = rest[d:]
	}
	n.ok = len(rest) == 0
	return n
}

// clock is a time of day. Its fraction has no zeros at the end.
type clock struct {
	seconds  int // since midnight
	fraction []byte
}

// scanClock reads a time of day from the start of a text.
func scanClock(text []byte) (c clock, rest []byte, ok bool) {
	hour, ok := digitPair(text, 0, 24)
	if !ok || len(text) < 5 || text[2] != ':' {
		return c, nil, false
	}
	minute, ok := digitPair(text, 3, 60)
	if !ok {
		return c, nil, false
	}
	c.seconds = hour*3600 + minute*60
	rest = text[5:]
	if len(rest) == 0 || rest[0] != ':' {
		return c, rest, true
	}
	second, ok := digitPair(rest, 1, 60)
	if !ok {
		return c, nil, false
	}
	c.seconds += second
	rest = rest[3:]
	if len(rest) > 0 && rest[0] == '.' {
		n := leadingDigits(rest[1:])
		if n == 0 || n > 9 {
			return c, nil, false
		}
		c.fraction = bytes.TrimRight(rest[1:1+n], "0")
		rest = rest[1+n:]
	}
	return c, rest, true
}

// digitPair reads the two digits at a place as a number below limit.
func digitPair(text []byte, at, limit int) (int, bool) {
	if len(text) < at+2 || !isDigit(text[at]) || !isDigit(text[at+1]) {
		return 0, false
	}
	v := int(text[at]-'0')*10 + int(text[at+1]-'0')
	return v, v < limit
}

// moment is a date, perhaps with a time of day and a zone.
type moment struct {
	day   []byte // YYYY-MM-DD
	clock clock
	zone  []byte // as it is written; none if the zone is not known
	ahead int    // minutes that the zone is ahead of UTC
}

func scanMoment(text []byte) (m moment, ok bool) {
	if len(text) < 10 || text[4] != '-' || text[7] != '-' {
		return m, false
	}
	if _, ok := dayNumber(text[:10]); !ok {
		return m, false
	}
	m.day = text[:10]
	rest := text[10:]
	if len(rest) == 0 {
		return m, true
	}
	if rest[0] != 'T' && rest[0] != ' ' {
		return m, false
	}
	if m.clock, rest, ok = scanClock(rest[1:]); !ok {
		return m, false
	}
	m.zone = rest
	m.ahead, ok = scanZone(rest)
	return m, ok
}

// dayNumber returns the days since 1970-01-01 of a date as YYYY-MM-DD.
func dayNumber(text []byte) (int64, bool) {
	p := timeParser{timeForm: timeForm{order: dateYMD, sep: '-'}}
	return p.parse(text, 0, len(text))
}

// scanZone reads a zone that fills a text; an empty one is none.
func scanZone(text []byte) (minutes int, ok bool) {
	switch {
	case len(text) == 0 || string(text) == "Z":
		return 0, true
	case text[0] != '+' && text[0] != '-':
		return 0, false
	}
	hours, ok := digitPair(text, 1, 24)
	if !ok {
		return 0, false
	}
	minutes = 60 * hours
	rest := text[3:]
	if len(rest) == 3 && rest[0] == ':' {
		rest = rest[1:]
	}
	if len(rest) > 0 {
		m, ok := digitPair(rest, 0, 60)
		if !ok || len(rest) != 2 {
			return 0, false
		}
		minutes += m
	}
	if text[0] == '-' {
		minutes = -minutes
	}
	return minutes, true
}

// appendBytes appends a length and what write appends.
func appendBytes(dst []byte, write func([]byte) []byte) []byte {
	at := len(dst)
	dst = write(append(dst, 0))
	n := len(dst) - at - 1
	if n < 0x80 {
		dst[at] = byte(n)
		return dst
	}
	var size [binary.MaxVarintLen64]byte
	width := binary.PutUvarint(size[:], uint64(n))
	dst = append(dst, size[:width-1]...)
	copy(dst[at+width:], dst[at+1:at+1+n])
	copy(dst[at:], size[:width])
	return dst
}
