package tabular

import (
	"encoding/binary"

	"github.com/constl/constl/object"
)

// Dates and times as integers, and back (FORMAT.md, "Segments").

// The order of a date's parts.
const (
	dateNone = iota // a time of day alone
	dateYMD
	dateDMY
	dateMDY
	dateYM
)

// How exact a time of day is: 2 + n stands for n digits after the seconds.
const (
	timeNone = iota // a date alone
	timeMinutes
	timeSeconds
	timeMicros = timeSeconds + 6 // the finest
)

const maxZone = 6 // bytes, as +01:00

// timeForm is how dates, times of day or both are spelled in one column.
type timeForm struct {
	order byte   // of the date's parts
	sep   byte   // between them
	joint byte   // between date and time, or 0
	exact byte   // of the time of day
	zone  []byte // what every text ends with
}

// guessTimeForm finds the form of a text that looks like a date or a time. That
// it is one is not said: parse tells.
func guessTimeForm(text []byte) (f timeForm, ok bool) {
	rest := text
	switch {
	case len(rest) >= 10 && !isDigit(rest[4]) && rest[4] == rest[7]:
		f.order, f.sep, rest = dateYMD, rest[4], rest[10:]
	case len(rest) >= 10 && !isDigit(rest[2]) && rest[2] == rest[5] && rest[2] != ':':
		f.order, f.sep = dateDMY, rest[2]
		if rest[3] > '1' || rest[3] == '1' && rest[4] > '2' {
			f.order = dateMDY
		}
		rest = rest[10:]
	case len(rest) == 7 && rest[4] == '-':
		f.order, f.sep, rest = dateYM, '-', nil
	}
	if f.order != dateNone {
		if !isDateSep(f.sep) {
			return f, false
		}
		if len(rest) == 0 {
			return f, true
		}
		f.joint, rest = rest[0], rest[1:]
	}
	if len(rest) < 5 || rest[2] != ':' || f.joint != 0 && f.joint != 'T' && f.joint != ' ' {
		return f, false
	}
	f.exact, rest = timeMinutes, rest[5:]
	if len(rest) >= 3 && rest[0] == ':' {
		f.exact, rest = timeSeconds, rest[3:]
		if len(rest) > 1 && rest[0] == '.' {
			n := 1
			for n < len(rest) && isDigit(rest[n]) {
				n++
			}
			f.exact, rest = byte(min(timeSeconds+n-1, timeMicros+1)), rest[n:]
		}
	}
	f.zone = rest
	return f, f.exact <= timeMicros && validZone(f.zone)
}

func isDateSep(c byte) bool { return c == '-' || c == '/' || c == '.' }

// validZone reports whether a text can stand after a time of day in every cell.
func validZone(z []byte) bool {
	switch {
	case len(z) == 0 || len(z) == 1 && z[0] == 'Z':
		return true
	case len(z) == 6 && z[3] == ':':
		z = append(z[:3:3], z[4:]...)
	}
	return len(z) == 5 && (z[0] == '+' || z[0] == '-') && isDigit(z[1]) && isDigit(z[2]) && isDigit(z[3]) && isDigit(z[4])
}

func (f timeForm) dateLen() int {
	switch f.order {
	case dateNone:
		return 0
	case dateYM:
		return 7
	}
	return 10
}

func (f timeForm) timeLen() int {
	switch {
	case f.exact == timeNone:
		return 0
	case f.exact == timeMinutes:
		return 5
	case f.exact == timeSeconds:
		return 8
	}
	return 9 + f.fraction()
}

// fraction returns the number of digits after the seconds.
func (f timeForm) fraction() int { return max(0, int(f.exact)-timeSeconds) }

func (f timeForm) size() int {
	n := f.dateLen() + f.timeLen() + len(f.zone)
	if f.joint != 0 {
		n++
	}
	return n
}

// perDay returns how many values a day has.
func (f timeForm) perDay() int64 {
	switch {
	case f.exact == timeNone:
		return 1
	case f.exact == timeMinutes:
		return 24 * 60
	}
	return 24 * 60 * 60 * tenTo[f.fraction()]
}

func (f timeForm) tag() byte { return encodingTime }

func (f timeForm) room() int { return f.size() + 8 }

func (f timeForm) appendTo(dst []byte) []byte {
	dst = append(dst, f.order, f.sep, f.joint, f.exact)
	dst = binary.AppendUvarint(dst, uint64(len(f.zone)))
	return append(dst, f.zone...)
}

func takeTimeForm(d *object.Decoder) timeForm {
	f := timeForm{order: d.Byte(), sep: d.Byte(), joint: d.Byte(), exact: d.Byte(), zone: d.Bytes(maxZone)}
	hasDate, hasTime := f.order != dateNone, f.exact != timeNone
	ok := f.order <= dateYM && f.exact <= timeMicros && (hasDate || hasTime) && validZone(f.zone)
	ok = ok && (hasTime || len(f.zone) == 0)
	if hasDate {
		ok = ok && isDateSep(f.sep)
	} else {
		ok = ok && f.sep == 0
	}
	if hasDate && hasTime {
		ok = ok && (f.joint == 'T' || f.joint == ' ')
	} else {
		ok = ok && f.joint == 0
	}
	if f.order == dateYM {
		ok = ok && !hasTime && f.sep == '-'
	}
	if !ok {
		d.Fail("unknown form of date or time")
	}
	return f
}

// parser reads texts of one form. It keeps the last date read: neighbours often
// share it.
type timeParser struct {
	timeForm
	text  [10]byte
	day   int64
	known bool
}

func (p *timeParser) parse(data []byte, start, end int) (int64, bool) {
	if end-start != p.size() || string(data[end-len(p.zone):end]) != string(p.zone) {
		return 0, false
	}
	text := data[start : end-len(p.zone)]
	var day int64
	if n := p.dateLen(); n > 0 {
		if n == 10 && p.known && [10]byte(text) == p.text {
			day = p.day
		} else {
			var ok bool
			if day, ok = p.parseDate(text[:n]); !ok {
				return 0, false
			}
		}
		if p.exact == timeNone {
			return day, true
		}
		if text[n] != p.joint {
			return 0, false
		}
		text = text[n+1:]
	}
	clock, ok := p.parseClock(text)
	return day*p.perDay() + clock, ok
}

func (p *timeParser) parseDate(text []byte) (int64, bool) {
	var y, m, d int
	switch p.order {
	case dateYM:
		if text[4] != p.sep {
			return 0, false
		}
		y, m, d = twoDigits(text)*100+twoDigits(text[2:]), twoDigits(text[5:]), 1
		if y < 0 || m < 1 || m > 12 {
			return 0, false
		}
		return int64(y*12 + m - 1), true
	case dateYMD:
		if text[4] != p.sep || text[7] != p.sep {
			return 0, false
		}
		y, m, d = twoDigits(text)*100+twoDigits(text[2:]), twoDigits(text[5:]), twoDigits(text[8:])
	default:
		if text[2] != p.sep || text[5] != p.sep {
			return 0, false
		}
		d, m, y = twoDigits(text), twoDigits(text[3:]), twoDigits(text[6:])*100+twoDigits(text[8:])
		if p.order == dateMDY {
			d, m = m, d
		}
	}
	if y < 0 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	p.text, p.day, p.known = [10]byte(text), daysOf(y, m, d), true
	return p.day, true
}

func (p *timeParser) parseClock(text []byte) (int64, bool) {
	if p.exact == timeMinutes {
		h, m := twoDigits(text), twoDigits(text[3:])
		return int64(h*60 + m), text[2] == ':' && uint(h) < 24 && uint(m) < 60
	}
	// The colons become zeros; what remains is eight digits.
	x := binary.LittleEndian.Uint64(text) ^ 0x00000a00000a0000
	if !allDigits(x) || text[2] != ':' || text[5] != ':' {
		return 0, false
	}
	x -= asciiZeros
	x = x*10 + x>>8
	h, m, s := x&0xff, x>>24&0xff, x>>48&0xff
	if h > 23 || m > 59 || s > 59 {
		return 0, false
	}
	clock := int64(h*3600 + m*60 + s)
	if p.exact == timeSeconds {
		return clock, true
	}
	if text[8] != '.' {
		return 0, false
	}
	for _, c := range text[9:] {
		if !isDigit(c) {
			return 0, false
		}
		clock = clock*10 + int64(c-'0')
	}
	return clock, true
}

// twoDigits returns a number below zero if the text does not begin with two digits.
func twoDigits(text []byte) int {
	a, b := text[0]-'0', text[1]-'0'
	if a > 9 || b > 9 {
		return -1 << 20
	}
	return int(a)*10 + int(b)
}

func (f timeForm) format(dst []byte, at int, ends []uint32, vals []int64) (int, bool) {
	first, last := daysOf(0, 1, 1), daysOf(9999, 12, 31)
	switch f.order {
	case dateNone:
		first, last = 0, 0
	case dateYM:
		first, last = 0, 9999*12+11
	}
	perDay := f.perDay()
	dateLen, zone := f.dateLen(), f.zone
	var date [10]byte
	day := first - 1
	start := day * perDay
	for i, v := range vals {
		clock := v - start
		if uint64(clock) >= uint64(perDay) || i == 0 {
			day = v / perDay
			if clock = v - day*perDay; clock < 0 {
				day--
				clock += perDay
			}
			if day < first || day > last {
				return at, false
			}
			start = day * perDay
			if dateLen > 0 {
				f.formatDate(&date, day)
			}
		}
		if dateLen > 0 {
			copy(dst[at:at+10], date[:])
			at += dateLen
			if f.joint != 0 {
				dst[at] = f.joint
				at++
			}
		}
		if f.exact != timeNone {
			at = f.formatClock(dst, at, clock)
			at += copy(dst[at:], zone)
		}
		ends[i] = uint32(at)
	}
	return at, true
}

func (f timeForm) formatDate(date *[10]byte, day int64) {
	if f.order == dateYM {
		putTwo(date[0:], int(day)/1200)
		putTwo(date[2:], int(day)/12%100)
		date[4] = f.sep
		putTwo(date[5:], int(day)%12+1)
		return
	}
	y, m, d := dateOf(day)
	if f.order == dateYMD {
		putTwo(date[0:], y/100)
		putTwo(date[2:], y%100)
		date[4], date[7] = f.sep, f.sep
		putTwo(date[5:], m)
		putTwo(date[8:], d)
		return
	}
	if f.order == dateMDY {
		d, m = m, d
	}
	putTwo(date[0:], d)
	putTwo(date[3:], m)
	date[2], date[5] = f.sep, f.sep
	putTwo(date[6:], y/100)
	putTwo(date[8:], y%100)
}

func (f timeForm) formatClock(dst []byte, at int, clock int64) int {
	if f.exact == timeMinutes {
		out := dst[at : at+5]
		putTwo(out, int(clock)/60)
		out[2] = ':'
		putTwo(out[3:], int(clock)%60)
		return at + 5
	}
	fraction := int64(0)
	if f.exact > timeSeconds {
		scale := tenTo[f.fraction()]
		clock, fraction = clock/scale, clock%scale
	}
	seconds := uint32(clock)
	out := dst[at : at+8]
	putTwo(out, int(seconds/3600))
	out[2] = ':'
	putTwo(out[3:], int(seconds/60%60))
	out[5] = ':'
	putTwo(out[6:], int(seconds%60))
	at += 8
	if f.exact == timeSeconds {
		return at
	}
	dst[at] = '.'
	for k := f.fraction(); k > 0; k-- {
		dst[at+k] = byte('0' + fraction%10)
		fraction /= 10
	}
	return at + 1 + f.fraction()
}

// twoDigitTexts holds the numbers from 00 to 99.
const twoDigitTexts = "0001020304050607080910111213141516171819202122232425262728293031323334353637383940414243444546474849" +
	"5051525354555657585960616263646566676869707172737475767778798081828384858687888990919293949596979899"

func putTwo(dst []byte, n int) {
	_ = dst[1]
	dst[0], dst[1] = twoDigitTexts[2*n], twoDigitTexts[2*n+1]
}
