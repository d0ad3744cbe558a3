package tabular

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"golang.org/x/text/unicode/norm"
)

// appendValue appends the canonical value of a text of a column of the given kind
// (FINGERPRINT.md §3).
func appendValue(dst, text []byte, kind Kind) []byte {
	switch kind {
	case KindNumber:
		return appendNumber(dst, text)
	case KindBoolean:
		if text[0]|0x20 == 't' {
			return append(dst, "true"...)
		}
		return append(dst, "false"...)
	case KindDate:
		m, _ := scanMoment(text)
		return appendMoment(dst, &m)
	case KindTime:
		c, _, _ := scanClock(text)
		return appendClock(dst, &c)
	}
	return appendText(dst, text)
}

// exactDigits is up to how many digits a double gives back any decimal.
const exactDigits = 15

func appendNumber(dst, text []byte) []byte {
	n := scanNumber(text)
	if !n.ok {
		if text[0] == '-' {
			dst = append(dst, '-')
		}
		return append(dst, "inf"...)
	}
	at := len(dst)
	if n.negative {
		dst = append(dst, '-')
	}
	first := len(dst)
	dst = append(append(dst, n.whole...), n.frac...)
	e := n.exponent - len(n.frac)
	if lead := leadingZeros(dst[first:]); lead > 0 {
		dst = append(dst[:first], dst[first+lead:]...)
	}
	for len(dst) > first && dst[len(dst)-1] == '0' {
		dst = dst[:len(dst)-1]
		e++
	}
	if len(dst) == first {
		return append(dst[:at], '0')
	}
	if e < 0 && len(dst)-first > exactDigits {
		if short, ok := shortest(dst[first:], e); ok {
			return append(dst[:first], short...)
		}
	}
	return appendExponent(dst, e)
}

func leadingZeros(digits []byte) int {
	n := 0
	for n < len(digits) && digits[n] == '0' {
		n++
	}
	return n
}

func appendExponent(dst []byte, e int) []byte {
	if e == 0 {
		return dst
	}
	return strconv.AppendInt(append(dst, 'e'), int64(e), 10)
}

// shortest returns the canonical form of the double that is nearest to
// digits · 10^e; ok is false if that is zero.
func shortest(digits []byte, e int) (text []byte, ok bool) {
	v, _ := strconv.ParseFloat(string(appendExponent(bytes.Clone(digits), e)), 64)
	if v == 0 {
		return nil, false
	}
	mantissa, exponent, _ := bytes.Cut(strconv.AppendFloat(nil, v, 'e', -1, 64), []byte("e"))
	power, _ := strconv.Atoi(string(exponent))
	text = append(mantissa[:1:1], bytes.TrimPrefix(mantissa[1:], []byte("."))...)
	power -= len(text) - 1
	for len(text) > 1 && text[len(text)-1] == '0' {
		text, power = text[:len(text)-1], power+1
	}
	return appendExponent(text, power), true
}

func appendMoment(dst []byte, m *moment) []byte {
	if len(m.zone) == 0 {
		dst = append(dst, m.day...)
		if m.clock.seconds == 0 && len(m.clock.fraction) == 0 {
			return dst
		}
		return appendClock(append(dst, 'T'), &m.clock)
	}
	days, _ := dayNumber(m.day)
	t := time.Unix(days*86400+int64(m.clock.seconds)-int64(m.ahead)*60, 0).UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return append(appendClock(append(append(dst, m.day...), 'T'), &m.clock), m.zone...)
	}
	dst = t.AppendFormat(dst, "2006-01-02T15:04:05")
	return append(appendFraction(dst, m.clock.fraction), 'Z')
}

func appendClock(dst []byte, c *clock) []byte {
	for i, part := range [3]int{c.seconds / 3600, c.seconds / 60 % 60, c.seconds % 60} {
		if i > 0 {
			dst = append(dst, ':')
		}
		dst = append(dst, byte('0'+part/10), byte('0'+part%10))
	}
	return appendFraction(dst, c.fraction)
}

func appendFraction(dst, fraction []byte) []byte {
	if len(fraction) == 0 {
		return dst
	}
	return append(append(dst, '.'), fraction...)
}

func appendText(dst, text []byte) []byte {
	if bytes.IndexByte(text, '\r') >= 0 {
		text = bytes.ReplaceAll(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	}
	for _, c := range text {
		if c >= 0x80 {
			return append(dst, norm.NFC.Bytes(text)...)
		}
	}
	return append(dst, text...)
}

// AppendFloat appends the text of a double, or of one of 4 bytes if bits is 32, as
// FINGERPRINT.md §1 has it: the shortest decimal; NaN
// is missing, and so nothing.
func AppendFloat(dst []byte, v float64, bits int) []byte {
	switch size := math.Abs(v); {
	case math.IsNaN(v):
		return dst
	case math.IsInf(v, 1):
		return append(dst, "inf"...)
	case math.IsInf(v, -1):
		return append(dst, "-inf"...)
	case size != 0 && (size < 1e-6 || size >= 1e21):
		return strconv.AppendFloat(dst, v, 'e', -1, bits)
	}
	return strconv.AppendFloat(dst, v, 'f', -1, bits)
}
