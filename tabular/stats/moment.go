package stats

// parseISO reads YYYY-MM, YYYY-MM-DD, and the latter with "T" or a space, a time
// of day and perhaps a zone, as seconds since 1970.
func parseISO(text []byte) (float64, bool) {
	y, rest, ok := digits(text, 4)
	if !ok || len(rest) < 3 || rest[0] != '-' {
		return 0, false
	}
	m, rest, ok := digits(rest[1:], 2)
	if !ok {
		return 0, false
	}
	d := 1
	if len(rest) > 0 {
		if rest[0] != '-' {
			return 0, false
		}
		if d, rest, ok = digits(rest[1:], 2); !ok {
			return 0, false
		}
	}
	v, ok := dayOf(y, m, d)
	if !ok || len(rest) == 0 {
		return v, ok
	}
	if rest[0] != 'T' && rest[0] != ' ' {
		return 0, false
	}
	s, rest, ok := clock(rest[1:])
	if !ok {
		return 0, false
	}
	offset, ok := zone(rest)
	return v + s - offset, ok
}

// dayOf returns the seconds from 1970 to a day that is in the calendar.
func dayOf(y, m, d int) (float64, bool) {
	if m < 1 || m > 12 || d < 1 || d > 28 && d > monthDays(y, m) {
		return 0, false
	}
	// Years that begin in March end with the leap day.
	if m < 3 {
		y, m = y-1, m+12
	}
	days := 365*y + floorDiv(y, 4) - floorDiv(y, 100) + floorDiv(y, 400) + (153*(m-3)+2)/5 + d - 1
	const to1970 = 719468 // from 1 March of the year 0
	return float64(days-to1970) * 86400, true
}

func floorDiv(a, b int) int {
	if a < 0 {
		a -= b - 1
	}
	return a / b
}

func monthDays(y, m int) int {
	switch m {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 31
}

// clock reads hh:mm, hh:mm:ss or with decimals from the start of a text.
func clock(text []byte) (seconds float64, rest []byte, ok bool) {
	h, rest, ok := digits(text, 2)
	if !ok || h > 24 || len(rest) < 3 || rest[0] != ':' {
		return 0, rest, false
	}
	m, rest, ok := digits(rest[1:], 2)
	if !ok || m > 59 {
		return 0, rest, false
	}
	seconds = float64(h*3600 + m*60)
	if len(rest) == 0 || rest[0] != ':' {
		return seconds, rest, true
	}
	s, rest, ok := digits(rest[1:], 2)
	if !ok || s > 60 {
		return 0, rest, false
	}
	seconds += float64(s)
	if len(rest) > 0 && rest[0] == '.' {
		unit := 0.1
		for rest = rest[1:]; len(rest) > 0 && rest[0] >= '0' && rest[0] <= '9'; rest = rest[1:] {
			seconds += float64(rest[0]-'0') * unit
			unit /= 10
		}
	}
	return seconds, rest, true
}

// zone reads what stands behind a time of day: nothing, Z, +hh:mm, +hhmm or +hh.
func zone(text []byte) (seconds float64, ok bool) {
	if len(text) == 0 || len(text) == 1 && text[0] == 'Z' {
		return 0, true
	}
	h, rest, ok := digits(text[1:], 2)
	if !ok || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	m := 0
	if len(rest) > 0 && rest[0] == ':' {
		rest = rest[1:]
	}
	if len(rest) > 0 {
		if m, rest, ok = digits(rest, 2); !ok || len(rest) > 0 {
			return 0, false
		}
	}
	seconds = float64(h*3600 + m*60)
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// parseLayout reads a text as a Table Schema format such as "%d.%m.%Y %H:%M" says:
// %Y %y %m %d %H %M %S, everything else literally. date and daytime say what it
// has.
func parseLayout(text []byte, layout string) (v float64, date, daytime bool) {
	y, m, d, seconds := 1970, 1, 1, 0
	for i := 0; i < len(layout); i++ {
		if layout[i] != '%' || i+1 == len(layout) {
			if len(text) == 0 || text[0] != layout[i] {
				return 0, false, false
			}
			text = text[1:]
			continue
		}
		i++
		width := 2
		if layout[i] == 'Y' {
			width = 4
		}
		n, rest, ok := digits(text, width)
		if !ok {
			return 0, false, false
		}
		text = rest
		switch layout[i] {
		case 'Y':
			y, date = n, true
		case 'y':
			if y, date = 1900+n, true; n < 69 {
				y = 2000 + n
			}
		case 'm':
			m = n
		case 'd':
			d = n
		case 'H':
			seconds, daytime = seconds+n*3600, true
		case 'M':
			seconds += n * 60
		case 'S':
			seconds += n
		default:
			return 0, false, false
		}
	}
	day, ok := dayOf(y, m, d)
	if len(text) > 0 || !ok || seconds > 86400 {
		return 0, false, false
	}
	return day + float64(seconds), date, daytime && !date
}

// digits takes exactly n digits from the start of a text.
func digits(text []byte, n int) (v int, rest []byte, ok bool) {
	if len(text) < n {
		return 0, text, false
	}
	for _, c := range text[:n] {
		if c < '0' || c > '9' {
			return 0, text, false
		}
		v = v*10 + int(c-'0')
	}
	return v, text[n:], true
}
