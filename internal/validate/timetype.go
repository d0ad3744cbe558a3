package validate

import (
	"strconv"
	"strings"
	"time"

	"github.com/constl/constl/internal/expr"
)

// timeType returns what a date, a datetime or a time of the given format asks of
// its cells.
func timeType(name, format string) (t cellType, why string) {
	t = cellType{kind: expr.Moment, ordered: true}
	if name == "time" {
		t.kind = expr.Text
	}
	if format == "default" || format == "any" {
		switch name {
		case "date":
			t.expected, t.parse = "a date as YYYY-MM-DD", parseDate
		case "datetime":
			t.expected, t.parse = "a date and time as 2026-05-31T14:30:00Z", parseDatetime
		case "time":
			t.expected, t.parse = "a time as hh:mm:ss", parseTime
		}
		if format == "any" {
			return anyTime(t, name), ""
		}
		return t, ""
	}
	layout, bad := strptime(format)
	if bad != "" {
		t.parse = nil
		t.ordered = false
		return t, "the format " + strconv.Quote(format) + " cannot be checked: " + bad
	}
	t.expected = "a " + name + " as " + time.Date(2026, 5, 31, 14, 30, 0, 0, time.UTC).Format(layout)
	t.parse = func(text []byte) (int64, state) {
		at, err := time.Parse(layout, string(text))
		if err != nil {
			return 0, stateWrong
		}
		return micros(at), stateValue
	}
	return t, ""
}

// anyTime takes the usual form and those that programs write most.
func anyTime(t cellType, name string) cellType {
	usual := t.parse
	t.expected = "a " + name + " in a usual form"
	layouts := map[string][]string{
		"date": {"2006/01/02", "02.01.2006", "2 Jan 2006", "January 2, 2006", "20060102"},
		"datetime": {time.RFC1123, time.RFC1123Z, time.RFC850, time.ANSIC, time.UnixDate,
			"2006/01/02 15:04:05", "2006/01/02 15:04", "02.01.2006 15:04:05", "02.01.2006 15:04"},
		"time": {"15:04", "3:04 PM", "3:04:05 PM"},
	}[name]
	t.parse = func(text []byte) (int64, state) {
		if v, st := usual(text); st == stateValue {
			return v, st
		}
		for _, layout := range layouts {
			if at, err := time.Parse(layout, string(text)); err == nil {
				return micros(at), stateValue
			}
		}
		return 0, stateWrong
	}
	return t
}

// strptime turns a format of Python's strptime into one of package time.
func strptime(format string) (layout, bad string) {
	parts := map[byte]string{
		'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'f': "999999",
		'p': "PM", 'b': "Jan", 'B': "January", 'a': "Mon", 'A': "Monday", 'j': "002", 'z': "-0700", 'Z': "MST", '%': "%",
		'F': "2006-01-02", 'T': "15:04:05",
	}
	var b strings.Builder
	for i := 0; i < len(format); i++ {
		if format[i] != '%' {
			if format[i] >= '0' && format[i] <= '9' {
				return "", "a digit stands between its parts"
			}
			b.WriteByte(format[i])
			continue
		}
		i++
		if i == len(format) {
			return "", "nothing follows the last %"
		}
		part, ok := parts[format[i]]
		if !ok {
			return "", "there is no %" + string(format[i])
		}
		b.WriteString(part)
	}
	return b.String(), ""
}

// digits reads so many digits.
func digits(text []byte) (n int, ok bool) {
	for _, c := range text {
		if c -= '0'; c > 9 {
			return 0, false
		}
		n = n*10 + int(c)
	}
	return n, true
}

func parseDate(text []byte) (int64, state) {
	if len(text) != 10 {
		return 0, stateWrong
	}
	day, ok := dayOf(text)
	if !ok {
		return 0, stateWrong
	}
	return day * microsPerDay, stateValue
}

const microsPerDay = 24 * 60 * 60 * 1e6

// dayOf reads a date as YYYY-MM-DD: the days since 1970.
func dayOf(text []byte) (int64, bool) {
	y, ok1 := digits(text[:4])
	m, ok2 := digits(text[5:7])
	d, ok3 := digits(text[8:10])
	if !ok1 || !ok2 || !ok3 || text[4] != '-' || text[7] != '-' || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	// Days are counted from March on, so that the leap day is a year's last.
	if m < 3 {
		y, m = y-1, m+12
	}
	era := y / 400
	if y < 0 {
		era = -1
	}
	ofEra := y - era*400
	ofYear := (153*(m-3)+2)/5 + d - 1
	return int64(era*146097+ofEra*365+ofEra/4-ofEra/100+ofYear) - 719468, true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// parseTime reads hh:mm:ss, perhaps with decimals and a zone.
func parseTime(text []byte) (int64, state) {
	v, rest, ok := clock(text, false)
	if !ok {
		return 0, stateWrong
	}
	return zoned(v, rest)
}

// parseDatetime reads a date, 'T' or a space, and a time of day of which the
// seconds may be left out, perhaps with decimals and a zone.
func parseDatetime(text []byte) (int64, state) {
	if len(text) < 16 || text[10] != 'T' && text[10] != ' ' {
		return 0, stateWrong
	}
	day, ok := dayOf(text)
	if !ok {
		return 0, stateWrong
	}
	v, rest, ok := clock(text[11:], true)
	if !ok {
		return 0, stateWrong
	}
	return zoned(day*microsPerDay+v, rest)
}

// clock reads the time of day in front of text, in microseconds.
func clock(text []byte, short bool) (v int64, rest []byte, ok bool) {
	if len(text) < 5 || text[2] != ':' {
		return 0, nil, false
	}
	h, ok1 := digits(text[:2])
	m, ok2 := digits(text[3:5])
	s, ok3 := 0, true
	rest = text[5:]
	switch {
	case len(rest) >= 3 && rest[0] == ':':
		s, ok3 = digits(rest[1:3])
		rest = rest[3:]
	case !short:
		return 0, nil, false
	}
	if !ok1 || !ok2 || !ok3 || h > 23 || m > 59 || s > 60 {
		return 0, nil, false
	}
	v = int64(h*3600+m*60+s) * 1e6
	if len(rest) > 1 && rest[0] == '.' {
		n := 1
		for unit := int64(1e5); n < len(rest) && rest[n]-'0' <= 9; n++ {
			v += int64(rest[n]-'0') * unit
			unit /= 10
		}
		if n == 1 {
			return 0, nil, false
		}
		rest = rest[n:]
	}
	return v, rest, true
}

// zoned reads the zone behind a time, if there is one.
func zoned(v int64, zone []byte) (int64, state) {
	switch {
	case len(zone) == 0 || len(zone) == 1 && (zone[0] == 'Z' || zone[0] == 'z'):
		return v, stateValue
	case zone[0] != '+' && zone[0] != '-':
		return 0, stateWrong
	}
	sign := int64(1)
	if zone[0] == '-' {
		sign = -1
	}
	text := zone[1:]
	if len(text) == 5 && text[2] == ':' {
		text = append(append([]byte{}, text[:2]...), text[3:]...)
	}
	n, ok := digits(text)
	if !ok || len(text) != 4 && len(text) != 2 {
		return 0, stateWrong
	}
	if len(text) == 2 {
		n *= 100
	}
	return v - sign*int64(n/100*3600+n%100*60)*1e6, stateValue
}
