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
	bytes int64
	ready chan struct{}
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

// Try takes bytes if they are there, and reports whether it did.
func (m *Memory) Try(n int64) bool { return m.try(n, 0) }

// try takes bytes if a part of the budget is free then, one in so many.
func (m *Memory) try(n int64, part int64) bool {
	if m == nil {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	keep := int64(0)
	if part > 0 {
		keep = m.limit / part
	}
	if m.used+n > m.limit-keep {
		return false
	}
	m.used += n
	return true
}

// Take takes bytes and waits for them if need be, for no longer than the given time. It
// fails with a [*LimitError] that wraps [ErrBusy], or with ctx's error. More than there
// are in all is given when nothing is in use.
func (m *Memory) Take(ctx context.Context, n int64, patience time.Duration) error {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	if len(m.waiting) == 0 && m.fits(n) {
		m.used += n
		m.mu.Unlock()
		return nil
	}
	w := &memoryWait{bytes: n, ready: make(chan struct{})}
	m.waiting = append(m.waiting, w)
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

func (m *Memory) fits(n int64) bool { return m.used+n <= m.limit || m.used == 0 }

// admit gives bytes to those who wait. It is called with m.mu held.
func (m *Memory) admit() {
	for len(m.waiting) > 0 && m.fits(m.waiting[0].bytes) {
		w := m.waiting[0]
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
	memory *Memory

	mu    sync.Mutex
	taken int64
	spare int64 // taken and not yet asked for
}

// accountStep is what an account that grows takes at once.
const accountStep = 64 << 10

func newAccount(m *Memory) *account {
	if m == nil {
		return nil
	}
	return &account{memory: m}
}

// take waits for bytes as [Memory.Take] does.
func (a *account) take(ctx context.Context, n int64, patience time.Duration) error {
	if a == nil {
		return nil
	}
	if err := a.memory.Take(ctx, n, patience); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken += n
	return nil
}

// open takes bytes without waiting and reports whether it could.
func (a *account) open(n int64) bool {
	if a == nil {
		return true
	}
	if !a.memory.Try(n) {
		return false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken += n
	return true
}

// grow takes bytes without waiting and reports whether it could. It leaves an eighth of
// the budget to those who come new.
func (a *account) grow(n int64) bool {
	if a == nil {
		return true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if n > a.spare {
		more := (n - a.spare + accountStep - 1) / accountStep * accountStep
		if !a.memory.try(more, 8) {
			return false
		}
		a.taken += more
		a.spare += more
	}
	a.spare -= n
	return true
}

// shrink takes note that bytes by which the account grew are free for its next growth.
func (a *account) shrink(n int64) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.spare += n
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
