package tabular

import (
	"bytes"
	"encoding/binary"

	"github.com/constl/constl/object"
)

// maxLabelPrefix is how long the text before a label's number may be, in bytes.
const maxLabelPrefix = 32

// labelForm is how labels of one column are spelled: the same prefix, and then
// a number of exactly digits digits with leading zeros, or without leading
// zeros if digits is 0, as in S7, S12 or 007.
type labelForm struct {
	prefix []byte
	digits int
}

// splitLabel tells a label's prefix from the digits at its end.
func splitLabel(text []byte) (f labelForm, ok bool) {
	at := len(text)
	for at > 0 && isDigit(text[at-1]) {
		at--
	}
	n := len(text) - at
	if n == 0 || n > maxDigits || at > maxLabelPrefix {
		return f, false
	}
	f.prefix = text[:at]
	if text[at] == '0' && n > 1 {
		f.digits = n
	}
	return f, true
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func (f labelForm) tag() byte { return encodingLabel }

func (f labelForm) room() int { return len(f.prefix) + numberRoom }

func (f labelForm) appendTo(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(f.prefix)))
	dst = append(dst, f.prefix...)
	return append(dst, byte(f.digits))
}

func takeLabelForm(d *object.Decoder) labelForm {
	f := labelForm{prefix: d.Bytes(maxLabelPrefix), digits: int(d.Byte())}
	switch n := len(f.prefix); {
	case f.digits == 1 || f.digits > maxDigits:
		d.Fail("labels of %d digits", f.digits)
	case n == 0 && f.digits == 0:
		d.Fail("labels that are plain numbers")
	case n > 0 && isDigit(f.prefix[n-1]):
		d.Fail("a label's prefix ends with a digit")
	}
	return f
}

func (f labelForm) parse(data []byte, start, end int) (int64, bool) {
	n := len(f.prefix)
	if end-start <= n || !bytes.Equal(data[start:start+n], f.prefix) {
		return 0, false
	}
	start += n
	if f.digits > 0 {
		if end-start != f.digits {
			return 0, false
		}
		for start < end-1 && data[start] == '0' {
			start++
		}
	}
	m, scale, ok := parseNumber(data, start, end)
	return m, ok && scale == 0 && data[start] != '-'
}

func (f labelForm) format(dst []byte, at int, ends []uint32, vals []int64) (int, bool) {
	limit := int64(tenTo18)
	if f.digits > 0 {
		limit = tenTo[f.digits]
	}
	for i, v := range vals {
		if v < 0 || v >= limit {
			return at, false
		}
		at += copy(dst[at:], f.prefix)
		start := at
		if v < 1e8 {
			at = numberForm{}.formatShort(dst, at, uint64(v))
		} else {
			at = numberForm{}.formatLong(dst, at, uint64(v))
		}
		if missing := f.digits - (at - start); missing > 0 {
			copy(dst[start+missing:], dst[start:at])
			for k := range missing {
				dst[start+k] = '0'
			}
			at += missing
		}
		ends[i] = uint32(at)
	}
	return at, true
}
