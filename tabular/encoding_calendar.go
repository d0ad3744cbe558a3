package tabular

// daysIn returns how many days a month has.
func daysIn(y, m int) int {
	if m == 2 {
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	}
	return 30 + (m+m>>3)&1
}

// daysOf counts days from 1970-01-01 in the proleptic Gregorian calendar, for
// years from 0 to 9999.
func daysOf(y, m, d int) int64 {
	if m < 3 {
		y--
		m += 12
	}
	y += 400 // keeps the divisions below above zero
	days := 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1
	return int64(days - daysTo400 - daysTo1970)
}

const (
	daysTo400  = 146097 // the days of 400 years
	daysTo1970 = 719468 // from 0000-03-01
)

// dateOf is the reverse of daysOf, after Neri and Schneider, "Euclidean affine
// functions and their application to calendar algorithms" (2023).
func dateOf(days int64) (y, m, d int) {
	n := 4*uint32(days+daysTo1970+daysTo400) + 3
	century := n / daysTo400
	n = n%daysTo400 | 3
	p := 2939745 * uint64(n)
	year, day := uint32(p>>32), uint32(p)/2939745/4
	n = 2141*day + 197913
	y, m, d = int(100*century+year)-400, int(n>>16), int(n&0xffff/2141)+1
	if day >= 306 {
		y++
		m -= 12
	}
	return y, m, d
}
