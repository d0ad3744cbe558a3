package transport

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Memory is a budget of bytes that many exchanges and connections share. Those that
// wait for some get it in the order in which they came. A nil Memory has no bound. It
// is safe for use by several goroutines at once.
type Memory struct {
	mu      sync.Mutex
	limit   int64
	used    int64
	waiting []*memoryWait
}

// memoryWait is one who waits for bytes; ready is closed when they are theirs.
type memoryWait struct {
	bytes  int64
	served bool
	ready  chan struct{}
}

// NewMemory returns a budget of so many bytes.
func NewMemory(limit int64) *Memory { return &Memory{limit: limit} }

// SetLimit changes the budget. What is in use beyond a smaller one stays so until it
// is given back.
func (m *Memory) SetLimit(limit int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.limit = limit
	m.admit()
}

// Used returns how many bytes are in use, and how many there are.
func (m *Memory) Used() (used, limit int64) {
	if m == nil {
		return 0, 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.used, m.limit
}

// Try takes bytes if they are there, and reports whether it did. It leaves an eighth of the
// budget to requests that are served already.
func (m *Memory) Try(n int64) bool {
	if m == nil {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used+n > m.limit-m.limit/reserve {
		return false
	}
	m.used += n
	return true
}

// reserve is the part of a budget that those who come new leave to others, one in so many.
const reserve = 8

// Take takes bytes as Try does, and waits for them if need be, for no longer than the given
// time. It fails with a [*LimitError] that wraps [ErrBusy], or with ctx's error. More than
// there are in all is given when nothing is in use.
func (m *Memory) Take(ctx context.Context, n int64, patience time.Duration) error {
	return m.take(ctx, n, patience, false)
}

// take is Take. Whoever is served already, and needs more to come to an end, comes before
// those who wait, and has the whole budget.
func (m *Memory) take(ctx context.Context, n int64, patience time.Duration, served bool) error {
	if m == nil {
		return nil
	}
	w := &memoryWait{bytes: n, served: served, ready: make(chan struct{})}
	m.mu.Lock()
	at := len(m.waiting)
	if served {
		at = slices.IndexFunc(m.waiting, func(other *memoryWait) bool { return !other.served })
		if at < 0 {
			at = len(m.waiting)
		}
	}
	m.waiting = slices.Insert(m.waiting, at, w)
	m.admit()
	m.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-w.ready:
		return nil
	case <-timer.C:
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	default:
	}
	m.waiting = slices.DeleteFunc(m.waiting, func(other *memoryWait) bool { return other == w })
	m.admit()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return limitError(LimitMemory, ErrBusy, "no %d bytes of memory were free for %s", n, patience)
}

// admit gives bytes to those who wait. It is called with m.mu held.
func (m *Memory) admit() {
	for len(m.waiting) > 0 {
		w := m.waiting[0]
		limit := m.limit
		if !w.served {
			limit -= limit / reserve
		}
		if m.used > 0 && m.used+w.bytes > limit {
			return
		}
		m.waiting = m.waiting[1:]
		m.used += w.bytes
		close(w.ready)
	}
}

// Release gives bytes back.
func (m *Memory) Release(n int64) {
	if m == nil || n == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used -= n
	m.admit()
}

// account is what one request has taken from a budget. It is safe for use by several
// goroutines at once; nil stands for no bound.
type account struct {
	memory   *Memory
	patience time.Duration // for more

	mu    sync.Mutex
	taken int64
	spare int64 // taken and not yet asked for
}

// accountStep is what an account that grows takes at once.
const accountStep = 64 << 10

func newAccount(m *Memory, patience time.Duration) *account {
	if m == nil {
		return nil
	}
	return &account{memory: m, patience: patience}
}

// open takes bytes without waiting and reports whether it could.
func (a *account) open(n int64) bool {
	if a == nil {
		return true
	}
	if !a.memory.Try(n) {
		return false
	}
	a.add(n, 0)
	return true
}

// take waits for bytes as [Memory.Take] does. Some of them are to spare, for what the
// account grows by.
func (a *account) take(ctx context.Context, n, spare int64) error {
	if a == nil {
		return nil
	}
	if err := a.memory.Take(ctx, n+spare, a.patience); err != nil {
		return err
	}
	a.add(n+spare, spare)
	return nil
}

func (a *account) add(taken, spare int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken += taken
	a.spare += spare
}

// grow takes bytes, of those to spare first, and waits for more. It fails as take does.
func (a *account) grow(ctx context.Context, n int64) error {
	if a == nil {
		return nil
	}
	for {
		a.mu.Lock()
		lacking := n - a.spare
		if lacking <= 0 {
			a.spare -= n
			a.mu.Unlock()
			return nil
		}
		a.mu.Unlock()
		more := (lacking + accountStep - 1) / accountStep * accountStep
		if err := a.memory.take(ctx, more, a.patience, true); err != nil {
			return err
		}
		a.add(more, more)
	}
}

// tryGrow takes bytes as grow does, without waiting, and reports whether it could.
func (a *account) tryGrow(n int64) bool {
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n > a.spare {
		more := (n - a.spare + accountStep - 1) / accountStep * accountStep
		if !a.memory.Try(more) {
			return false
		}
		a.taken += more
		a.spare += more
	}
	a.spare -= n
	return true
}

// shrink takes note that bytes by which the account grew are to spare again.
func (a *account) shrink(n int64) {
	if a == nil {
		return
	}
	a.add(0, n)
}

// giveBack gives bytes by which the account grew to whoever waits for some.
func (a *account) giveBack(n int64) {
	if a == nil {
		return
	}
	a.add(-n, 0)
	a.memory.Release(n)
}

// trim gives what is to spare to whoever waits for some.
func (a *account) trim() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.memory.Release(a.spare)
	a.taken, a.spare = a.taken-a.spare, 0
}

// close gives everything back.
func (a *account) close() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.memory.Release(a.taken)
	a.taken, a.spare = 0, 0
}
