package tabular

import (
	"encoding/binary"
	"math/bits"

	"github.com/constl/constl/object"
)

// Decimal texts as integers, and back (FORMAT.md, "Segments").

const (
	maxDigits = 18                  // digits of a value that is kept as an integer
	tenTo18   = 1000000000000000000 // values stay below it
	maxScale  = maxDigits - 1       // digits after the point
)

const (
	asciiZeros = 0x3030303030303030
	asciiDots  = 0x2e2e2e2e2e2e2e2e
	lowBits    = 0x0101010101010101
	highBits   = 0x8080808080808080
)

var tenTo = [maxDigits + 1]int64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18}

// parseNumber reads data[start:end] if it is a plain decimal number: an optional
// '-', digits without a needless leading zero, and perhaps a point with more
// digits, 18 digits at most, and no negative zero. It returns the number without
// its point, and how many digits stand after the point.
func parseNumber(data []byte, start, end int) (m int64, scale int, ok bool) {
	n := end - start
	if n == 0 {
		return 0, 0, false
	}
	neg := data[start] == '-'
	if neg {
		start++
		n--
	}
	if n == 0 || n > maxDigits+1 {
		return 0, 0, false
	}
	if n > 1 && data[start] == '0' && data[start+1] != '.' {
		return 0, 0, false
	}
	switch {
	case n <= 8 && end >= 8:
		m, scale, ok = parseShort(binary.LittleEndian.Uint64(data[end-8:]), n)
	case n > 8 && n <= 16 && end >= 16:
		m, scale, ok = parseMedium(data[end-16:end], n)
	default:
		m, scale, ok = parseAny(data[start:end])
	}
	if neg {
		ok = ok && m != 0
		m = -m
	}
	return m, scale, ok
}

// parseShort reads the last n of eight characters, 1 ≤ n ≤ 8, last one on top.
func parseShort(x uint64, n int) (m int64, scale int, ok bool) {
	unused := uint(8-n) * 8
	x = x >> unused << unused
	x |= asciiZeros >> (uint(n) * 8)
	if k, found := findDot(x); found {
		if k <= 8-n || k == 7 {
			return 0, 0, false
		}
		below := uint64(1)<<(uint(k)*8) - 1
		x = x&^(below|0xff<<(uint(k)*8)) | (x&below)<<8 | '0'
		scale = 7 - k
	}
	if !allDigits(x) {
		return 0, 0, false
	}
	return int64(digits8(x)), scale, true
}

// parseMedium reads the last n of sixteen characters, 9 ≤ n ≤ 16.
func parseMedium(data []byte, n int) (m int64, scale int, ok bool) {
	high := binary.LittleEndian.Uint64(data)
	low := binary.LittleEndian.Uint64(data[8:])
	unused := uint(16-n) * 8
	high = high >> unused << unused
	high |= asciiZeros >> (uint(n-8) * 8)
	if k, found := findDot(low); found {
		if k == 7 {
			return 0, 0, false
		}
		below := uint64(1)<<(uint(k)*8) - 1
		low = low&^(below|0xff<<(uint(k)*8)) | (low&below)<<8 | high>>56
		high = high<<8 | '0'
		scale = 7 - k
	} else if k, found := findDot(high); found {
		if k <= 16-n {
			return 0, 0, false
		}
		below := uint64(1)<<(uint(k)*8) - 1
		high = high&^(below|0xff<<(uint(k)*8)) | (high&below)<<8 | '0'
		scale = 15 - k
	}
	if !allDigits(high) || !allDigits(low) {
		return 0, 0, false
	}
	return int64(digits8(high)*1e8 + digits8(low)), scale, true
}

// parseAny reads a text whose sign and leading zeros were looked at already.
func parseAny(text []byte) (m int64, scale int, ok bool) {
	digits, dot := 0, -1
	for i, c := range text {
		switch {
		case c == '.' && dot < 0:
			dot = i
		case c < '0' || c > '9' || digits == maxDigits:
			return 0, 0, false
		default:
			m = m*10 + int64(c-'0')
			digits++
		}
	}
	if dot >= 0 {
		scale = len(text) - 1 - dot
		return m, scale, dot > 0 && scale > 0
	}
	return m, 0, digits > 0
}

func findDot(x uint64) (index int, found bool) {
	y := x ^ asciiDots
	z := (y - lowBits) & ^y & highBits
	return bits.TrailingZeros64(z) >> 3, z != 0
}

func allDigits(x uint64) bool {
	const nibbles = 0xf0f0f0f0f0f0f0f0
	return x&nibbles|(x+0x0606060606060606)&nibbles>>4 == 0x3333333333333333
}

// digits8 returns the number that eight digits make, the last one on top.
func digits8(x uint64) uint64 {
	x -= asciiZeros
	x = x*10 + x>>8
	return ((x&0x000000ff000000ff)*0x000f424000000064 + (x>>16&0x000000ff000000ff)*0x0000271000000001) >> 32
}

// asciiDigits is the reverse of digits8 for u < 10^8, before the zeros are added.
func asciiDigits(u uint64) uint64 {
	x := u/10000 | u%10000<<32
	hundreds := x * 10486 >> 20 & 0x0000007f0000007f
	y := (x-100*hundreds)<<16 + hundreds
	tens := y * 103 >> 10 & 0x000f000f000f000f
	return (y-10*tens)<<8 + tens
}

// numberForm is how numbers of one column are spelled: with at least min and at
// most max digits after the point, and with more than min only as long as the
// last one is not 0. Fixed decimals have min = max; integers have 0 for both.
type numberForm struct{ min, max int }

// numberRoom is the most that a number takes: sign, point, digits, and what
// format writes beyond the end before the next number overwrites it.
const numberRoom = 2 + maxDigits + 24

func (f numberForm) tag() byte { return encodingNumber }

func (f numberForm) room() int { return numberRoom }

func (f numberForm) appendTo(dst []byte) []byte { return append(dst, byte(f.min), byte(f.max)) }

func takeNumberForm(d *object.Decoder) numberForm {
	f := numberForm{int(d.Byte()), int(d.Byte())}
	if f.max > maxScale || f.min > f.max || f.min > 1 && f.min < f.max {
		d.Fail("no column has between %d and %d digits after the point", f.min, f.max)
	}
	return f
}

// fit returns the value of a number in this form, from what parseNumber and the
// last character say of it.
func (f numberForm) fit(m int64, scale int, last byte) (int64, bool) {
	if scale < f.min || scale > f.max || scale > f.min && last == '0' {
		return 0, false
	}
	return rescale(m, f.max-scale)
}

func rescale(m int64, by int) (int64, bool) {
	if by == 0 {
		return m, true
	}
	limit := tenTo[maxDigits-by]
	return m * tenTo[by], m < limit && m > -limit
}

func (f numberForm) parse(data []byte, start, end int) (int64, bool) {
	m, scale, ok := parseNumber(data, start, end)
	if !ok {
		return 0, false
	}
	return f.fit(m, scale, data[end-1])
}

// format writes the values' texts to dst[at:], which has room for them, and
// their ends. It reports whether all of them are allowed.
func (f numberForm) format(dst []byte, at int, ends []uint32, vals []int64) (int, bool) {
	short := uint64(0)
	if f.max < 8 {
		short = 1e8
	}
	for i, v := range vals {
		u := uint64(v)
		if v < 0 {
			dst[at] = '-'
			at++
			u = -u
		}
		switch {
		case u < short:
			at = f.formatShort(dst, at, u)
		case u < tenTo18:
			at = f.formatLong(dst, at, u)
		default:
			return at, false
		}
		if f.min < f.max {
			at = f.trim(dst, at)
		}
		ends[i] = uint32(at)
	}
	return at, true
}

// formatShort writes u < 10^8 with fewer than eight digits after the point.
func (f numberForm) formatShort(dst []byte, at int, u uint64) int {
	x := asciiDigits(u)
	// A mark in the first digit that must stay stops the count of zeros.
	drop := uint(bits.TrailingZeros64(x|0x80<<(uint(7-f.max)*8&63))) >> 3
	x = (x + asciiZeros) >> (drop * 8 & 63)
	out := dst[at : at+9]
	if f.max == 0 {
		binary.LittleEndian.PutUint64(out, x)
		return at + 8 - int(drop)
	}
	whole := (8 - drop - uint(f.max)) * 8 & 63
	below := uint64(1)<<whole - 1
	binary.LittleEndian.PutUint64(out, x&below|'.'<<whole|x&^below<<8)
	out[8] = byte(x >> 56)
	return at + 9 - int(drop)
}

// formatLong writes any u < 10^18. It writes up to 24 bytes beyond the end.
func (f numberForm) formatLong(dst []byte, at int, u uint64) int {
	var digits [48]byte
	high, middle, low := uint64(0), asciiDigits(u/1e8%1e8), asciiDigits(u%1e8)
	if u >= 1e16 {
		high = asciiDigits(u / 1e16)
		binary.LittleEndian.PutUint64(digits[0:], high+asciiZeros)
	}
	binary.LittleEndian.PutUint64(digits[8:], middle+asciiZeros)
	binary.LittleEndian.PutUint64(digits[16:], low+asciiZeros)
	var zeros int
	switch {
	case high != 0:
		zeros = bits.TrailingZeros64(high) >> 3
	case middle != 0:
		zeros = 8 + bits.TrailingZeros64(middle)>>3
	default:
		zeros = 16 + bits.TrailingZeros64(low)>>3
	}
	zeros = min(zeros, 23-f.max)
	if high == 0 && zeros < 8 {
		binary.LittleEndian.PutUint64(digits[0:], asciiZeros)
	}
	whole := 24 - f.max - zeros
	copy24(dst[at:at+24], digits[zeros:zeros+24])
	if f.max == 0 {
		return at + whole
	}
	dst[at+whole] = '.'
	at += whole + 1
	copy24(dst[at:at+24], digits[24-f.max:48-f.max])
	return at + f.max
}

// copy24 copies 24 bytes without a call.
func copy24(dst, src []byte) {
	_, _ = dst[23], src[23]
	binary.LittleEndian.PutUint64(dst, binary.LittleEndian.Uint64(src))
	binary.LittleEndian.PutUint64(dst[8:], binary.LittleEndian.Uint64(src[8:]))
	binary.LittleEndian.PutUint64(dst[16:], binary.LittleEndian.Uint64(src[16:]))
}

func (f numberForm) trim(dst []byte, at int) int {
	least := at - f.max + f.min
	for at > least && dst[at-1] == '0' {
		at--
	}
	if dst[at-1] == '.' {
		at--
	}
	return at
}
