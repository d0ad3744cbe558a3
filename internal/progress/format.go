package progress

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// smoothing is how long the past counts for the rate.
const smoothing = 5 * time.Second

// measure brings the smoothed rate up to date.
func (t *Task) measure(now time.Time) {
	dt := now.Sub(t.rateAt).Seconds()
	if dt <= 0 {
		return
	}
	n := t.count.Load()
	current := float64(n-t.rateN) / dt
	if t.rateAt.Equal(t.began) {
		t.rate = current
	} else {
		weight := 1 - math.Exp(-dt/smoothing.Seconds())
		t.rate += weight * (current - t.rate)
	}
	t.rateAt, t.rateN = now, n
}

// line is what is shown while the task runs, such as
// "fetching: 12.3 MB of 45.6 MB (27%), 1.2 MB/s, 28s left".
func (t *Task) line(now time.Time) string {
	n, total := t.count.Load(), t.total.Load()
	var b strings.Builder
	b.WriteString(t.label + ": ")
	if total > 0 {
		if t.unit == Bytes {
			b.WriteString(Size(float64(n)) + " of " + Size(float64(total)))
		} else {
			b.WriteString(grouped(n) + " of " + grouped(total) + " " + string(t.unit))
		}
		// More than all, because the total was a guess, is no more than all.
		fmt.Fprintf(&b, " (%d%%)", min(100, int64(float64(n)/float64(total)*100)))
	} else if t.unit == Bytes {
		b.WriteString(Size(float64(n)))
	} else {
		b.WriteString(grouped(n) + " " + string(t.unit))
	}
	switch {
	case t.rate >= 1 && t.unit == Bytes:
		b.WriteString(", " + Size(t.rate) + "/s")
	case t.rate >= 1:
		b.WriteString(", " + grouped(int64(t.rate)) + "/s")
	}
	if left := float64(total-n) / t.rate; t.rate > 0 && total > n && left < 100*3600 {
		b.WriteString(", " + duration(time.Duration(left*float64(time.Second))) + " left")
	} else if total <= 0 || t.rate < 1 {
		b.WriteString(", " + duration(now.Sub(t.began)) + " so far")
	}
	return b.String()
}

// summary is what is shown at the end, such as "fetching: 45.6 MB in 38s".
func (t *Task) summary(now time.Time) string {
	n := t.count.Load()
	text := grouped(n) + " " + string(t.unit)
	if t.unit == Bytes {
		text = Size(float64(n))
	}
	return t.label + ": " + text + " in " + duration(now.Sub(t.began))
}

// Size writes a number of bytes for people, with three digits or more.
func Size(n float64) string {
	units := []string{"bytes", "kB", "MB", "GB", "TB"}
	i := 0
	// 999.95 would be printed as 1000.0.
	for n >= 999.95 && i < len(units)-1 {
		n /= 1000
		i++
	}
	if i == 0 {
		return strconv.Itoa(int(n)) + " bytes"
	}
	return strconv.FormatFloat(n, 'f', 1, 64) + " " + units[i]
}

// grouped writes a number with a comma between each three digits.
func grouped(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func duration(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh%02dm", s/3600, s/60%60)
}
