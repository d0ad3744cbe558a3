package progress

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

// screen keeps what is written; a timer writes while a test reads.
type screen struct {
	mu   sync.Mutex
	text strings.Builder
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestShortOperationsStaySilent(t *testing.T) {
	for _, terminal := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			var out screen
			task := New(&out, terminal, false).Start("fetching", 10, Bytes)
			task.Add(10)
			time.Sleep(999 * time.Millisecond)
			task.Done()
			time.Sleep(time.Minute)
			if out.String() != "" {
				t.Errorf("terminal %v: %q", terminal, out.String())
			}
		})
	}
}

func TestPlainLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		task := New(&out, false, false).Start("fetching", 24_000_000, Bytes)
		for range 12 {
			time.Sleep(time.Second)
			synctest.Wait()
			task.Add(2_000_000)
		}
		task.Done()
		task.Done()
		lines := strings.Split(out.String(), "\n")
		if len(lines) != 5 || !strings.HasPrefix(lines[2], "fetching: 20.0 MB of 24.0 MB (83%), ") || lines[3] != "fetching: 24.0 MB in 12s" {
			t.Errorf("lines %q", lines)
		}
		if strings.ContainsAny(out.String(), "\r\x1b") {
			t.Errorf("a log got control characters: %q", out.String())
		}
	})
}

func TestTerminalLineIsRewrittenAndTakenAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		m := New(&out, true, false)
		task := m.Start(strings.Repeat("ä", 60)+" fetching", 0, "objects")
		for range 30 {
			time.Sleep(100 * time.Millisecond)
			task.Add(1000)
		}
		synctest.Wait()
		if shown := render(out.String()); !strings.Contains(shown, "ä fetching: ") {
			t.Errorf("screen %q", shown)
		}
		if _, err := io.WriteString(m, "a message\n"); err != nil {
			t.Fatal(err)
		}
		if shown := render(out.String()); shown != "a message\n" {
			t.Errorf("screen after a message %q", shown)
		}
		time.Sleep(time.Second)
		task.Done()
		if shown := render(out.String()); shown != "a message\n" {
			t.Errorf("screen at the end %q", shown)
		}
		for part := range strings.SplitSeq(out.String(), "\r") {
			if utf8.RuneCountInString(part) > maxLine+1 {
				t.Errorf("a line too long for a terminal: %q", part)
			}
		}
	})
}

// render returns what a terminal shows: trailing blanks of a line are dropped.
func render(out string) string {
	var lines []string
	for line := range strings.SplitSeq(out, "\n") {
		var shown []rune
		for part := range strings.SplitSeq(line, "\r") {
			runes := []rune(part)
			if len(runes) < len(shown) {
				runes = append(runes, shown[len(runes):]...)
			}
			shown = runes
		}
		lines = append(lines, strings.TrimRight(string(shown), " "))
	}
	return strings.Join(lines, "\n")
}

func TestStalledOperationShowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		task := New(&out, true, false).Start("fetching", 1000, Bytes)
		task.Add(500)
		time.Sleep(3 * time.Minute)
		synctest.Wait()
		shown := render(out.String())
		task.Done()
		if want := "fetching: 500 bytes of 1.0 kB (50%), 3m00s so far"; shown != want {
			t.Errorf("screen %q, want %q", shown, want)
		}
	})
}

func TestNestedTasksShowTheInner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		m := New(&out, false, false)
		outer := m.Start("outer", 2, "files")
		time.Sleep(500 * time.Millisecond)
		inner := m.Start("inner", 0, "rows")
		time.Sleep(2 * time.Second)
		inner.Done()
		time.Sleep(5 * time.Second)
		outer.Done()
		var labels []string
		for line := range strings.Lines(out.String()) {
			labels = append(labels, line[:strings.IndexByte(line, ':')])
		}
		if diff := cmp.Diff([]string{"inner", "inner", "outer", "outer"}, labels); diff != "" {
			t.Errorf("lines (-want +got):\n%s\n%s", diff, out.String())
		}
	})
}

func TestQuietPassesMessagesOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out screen
		m := New(&out, true, true)
		task := m.Start("fetching", 10, Bytes)
		time.Sleep(time.Minute)
		fmt.Fprintln(m, "message")
		task.Done()
		if out.String() != "message\n" {
			t.Errorf("output %q", out.String())
		}
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("broken") }

func TestManyGoroutinesAndBrokenWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New(brokenWriter{}, true, false)
		var wg sync.WaitGroup
		total := m.Start("all", 800, "objects")
		for range 8 {
			wg.Go(func() {
				task := m.Start("part", 0, Bytes)
				defer task.Done()
				for range 100 {
					time.Sleep(50 * time.Millisecond)
					task.Add(1)
					task.SetTotal(100)
					total.Add(1)
				}
			})
		}
		wg.Wait()
		if n := total.count.Load(); n != 800 {
			t.Errorf("counted %d of 800", n)
		}
		total.Done()
	})
}

func TestNumbers(t *testing.T) {
	for n, want := range map[float64]string{0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 2e15: "2000.0 TB"} {
		if got := Size(n); got != want {
			t.Errorf("Size(%v) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567", -123: "-123"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{400 * time.Millisecond: "0s", 59500 * time.Millisecond: "1m00s", 3599 * time.Second: "59m59s", 100 * time.Hour: "100h00m"} {
		if got := duration(d); got != want {
			t.Errorf("duration(%v) = %q, want %q", d, got, want)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	task := New(io.Discard, true, false).Start("counting", 0, "rows")
	defer task.Done()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			task.Add(1)
		}
	})
}
