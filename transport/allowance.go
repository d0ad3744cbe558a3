package transport

import "time"

// allowance bounds how much may happen: a burst at once, and one more each time
// that refill has passed. It is for one goroutine.
type allowance struct {
	burst  int
	refill time.Duration
	left   int
	since  time.Time // up to when what was refilled is counted
}

func newAllowance(burst int, refill time.Duration) *allowance {
	return &allowance{burst: burst, refill: refill, left: burst, since: time.Now()}
}

// take uses so much up, and reports whether there was enough.
func (a *allowance) take(n int) bool {
	now := time.Now()
	if more := now.Sub(a.since) / a.refill; more >= time.Duration(a.burst) {
		a.left, a.since = a.burst, now
	} else {
		a.left = min(a.burst, a.left+int(more))
		a.since = a.since.Add(more * a.refill)
	}
	a.left -= min(n, a.left+1)
	if a.left < 0 {
		a.left = 0
		return false
	}
	return true
}
