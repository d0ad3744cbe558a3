package progress

import (
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

const (
	firstAfter    = time.Second
	terminalEvery = 200 * time.Millisecond
	plainEvery    = 5 * time.Second
	// maxLine is what fits into the narrowest usual terminal: a longer line would
	// wrap and could not be rewritten.
	maxLine = 79
)

// Unit is what a task counts: [Bytes], or a plural such as "objects" or "rows".
type Unit string

// Bytes is shown as kB, MB, GB, with powers of 1000.
const Bytes Unit = "bytes"

// Meter shows the progress of one task after the other, or of the one begun
// last. It is also an [io.Writer] for messages that must not run into the line.
// It is safe for use by several goroutines at once.
type Meter struct {
	mu       sync.Mutex
	w        io.Writer
	terminal bool
	quiet    bool
	tasks    []*Task // those that run, in the order of their start
	drawn    int     // characters of the line that stands on the terminal
	timer    *time.Timer
	next     time.Time // when a line may be shown again
}

// New returns a meter that writes to w, rewriting one line if that is a terminal.
// A quiet meter shows nothing and passes on what is written to it. The caller
// keeps w, and must not write to it beside the meter while a task runs.
func New(w io.Writer, isTerminal, quiet bool) *Meter {
	return &Meter{w: w, terminal: isTerminal, quiet: quiet}
}

// Start begins a task. The label is a verb such as "fetching"; total is what is
// to be counted, 0 if that is not known yet. The caller must end it with
// [Task.Done].
func (m *Meter) Start(label string, total int64, unit Unit) *Task {
	now := time.Now()
	t := &Task{meter: m, label: label, unit: unit, began: now, rateAt: now}
	t.total.Store(total)
	if m.quiet {
		return t
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tasks = append(m.tasks, t)
	if m.timer == nil {
		m.timer = time.AfterFunc(firstAfter, m.tick)
	}
	return t
}

// Write passes a message on to the meter's writer, and takes the line of the
// progress away before it. Messages should be whole lines.
func (m *Meter) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.erase()
	return m.w.Write(p)
}

// Task is one operation whose progress is counted. It is safe for use by several
// goroutines at once.
type Task struct {
	meter *Meter
	label string
	unit  Unit
	began time.Time
	count atomic.Int64
	total atomic.Int64

	// The rest belongs to meter.mu.
	shown  bool
	rate   float64 // units in a second, smoothed
	rateAt time.Time
	rateN  int64
}

// Add counts n more units.
func (t *Task) Add(n int64) { t.count.Add(n) }

// SetTotal says how much there is to count, as soon as it is known or when it
// has changed. 0 means that it is not known.
func (t *Task) SetTotal(n int64) { t.total.Store(n) }

// Done ends the task: its line goes from the terminal; elsewhere a last plain
// line follows if there was any before. A second call does nothing.
func (t *Task) Done() {
	m := t.meter
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, o := range m.tasks {
		if o != t {
			continue
		}
		m.tasks = append(m.tasks[:i], m.tasks[i+1:]...)
		m.erase()
		if t.shown && !m.terminal {
			m.print(t.summary(time.Now()) + "\n")
		}
		break
	}
	if len(m.tasks) == 0 && m.timer != nil {
		m.timer.Stop()
		m.timer = nil
	}
}

// tick shows the task begun last, if it has run for long enough.
func (m *Meter) tick() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.tasks) == 0 || m.timer == nil {
		return
	}
	now := time.Now()
	t := m.tasks[len(m.tasks)-1]
	t.measure(now)
	if now.Sub(t.began) >= firstAfter && !now.Before(m.next) {
		m.draw(t.line(now))
		t.shown = true
		if !m.terminal {
			m.next = now.Add(plainEvery)
		}
	}
	m.timer.Reset(terminalEvery)
}

func (m *Meter) draw(line string) {
	if !m.terminal {
		m.print(line + "\n")
		return
	}
	line = clip(line, maxLine)
	n := utf8.RuneCountInString(line)
	// Blanks, not an escape sequence: they work on every terminal.
	m.print("\r" + line + strings.Repeat(" ", max(0, m.drawn-n)))
	m.drawn = max(n, m.drawn)
}

func (m *Meter) erase() {
	if m.drawn > 0 {
		m.print("\r" + strings.Repeat(" ", m.drawn) + "\r")
		m.drawn = 0
	}
}

func (m *Meter) print(s string) {
	// Progress that cannot be written is no reason to fail.
	_, _ = io.WriteString(m.w, s)
}

// clip shortens a text to n characters.
func clip(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[:i]
		}
		n--
	}
	return s
}
