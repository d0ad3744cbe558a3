package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// process is a constl that runs until it is ended.
type process struct {
	t   testing.TB
	cmd *exec.Cmd

	mu  sync.Mutex
	out bytes.Buffer
}

// Write implements [io.Writer].
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.Write(b)
}

func (p *process) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.out.String()
}

// start runs constl until the test ends, or it is ended before.
func start(t testing.TB, home, dir string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: program(t, home, dir, args...)}
	p.cmd.Stdout, p.cmd.Stderr = p, p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait()
		}
	})
	return p
}

// says waits until the process has written something, and returns all of the line.
func (p *process) says(what string, times int) string {
	p.t.Helper()
	for late := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var found []string
		for line := range strings.Lines(p.text()) {
			if strings.Contains(line, what) && strings.HasSuffix(line, "\n") {
				found = append(found, strings.TrimSpace(line))
			}
		}
		if len(found) >= times {
			return found[times-1]
		}
		if time.Now().After(late) {
			p.t.Fatalf("constl %v did not say %q %d times:\n%s", p.cmd.Args[1:], what, times, p.text())
		}
	}
}

// interrupt ends the process as Ctrl-C does; it must end by itself, soon, and well.
func (p *process) interrupt() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		p.t.Fatal(err)
	}
	late := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("constl %v ended with %v:\n%s", p.cmd.Args[1:], err, p.text())
	}
}

// kill ends the process without a warning.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	_ = p.cmd.Wait() // it was killed
}

// command runs a constl that ends by itself.
func command(t testing.TB, home, dir string, args ...string) string {
	t.Helper()
	out, err := program(t, home, dir, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("constl %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// place is a person's folder with a copy of the dataset.
type place struct{ home, dir string }

func (p place) table() string { return filepath.Join(p.dir, "t.csv") }

// holds waits until the table there is this one.
func (p place) holds(t testing.TB, want string) {
	t.Helper()
	for late := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		got, _ := os.ReadFile(p.table())
		if string(got) == want {
			return
		}
		if time.Now().After(late) {
			t.Fatalf("%s holds\n%s\nnot\n%s", p.table(), got, want)
		}
	}
}

// chain are three people: A commits and serves, B follows A and serves, and C follows B.
// A and C never meet.
type chain struct {
	a, b, c        place
	serve, between *process
	end            *process
	url            string
}

func newChain(t testing.TB, table string) *chain {
	t.Helper()
	ch := &chain{}
	for _, p := range []*place{&ch.a, &ch.b, &ch.c} {
		*p = place{t.TempDir(), filepath.Join(t.TempDir(), "d")}
	}
	command(t, ch.a.home, ".", "init", ch.a.dir, "--name", "counts")
	write(t, ch.a.table(), []byte(table))
	command(t, ch.a.home, ch.a.dir, "commit", "-m", "first")
	ch.serve = start(t, ch.a.home, ch.a.dir, "serve", "--listen", "127.0.0.1:0")
	ch.url = ch.serve.says("constl://", 1)
	command(t, ch.b.home, ".", "clone", ch.url, ch.b.dir)
	ch.between = start(t, ch.b.home, ch.b.dir, "serve", "--listen", "127.0.0.1:0", "--follow")
	command(t, ch.c.home, ".", "clone", ch.between.says("constl://", 1), ch.c.dir)
	ch.between.says("Following origin", 1)
	ch.end = start(t, ch.c.home, ch.c.dir, "pull", "--follow")
	ch.end.says("Following origin", 1)
	return ch
}

// commit changes the table at A and commits it.
func (ch *chain) commit(t testing.TB, table string) {
	t.Helper()
	write(t, ch.a.table(), []byte(table))
	command(t, ch.a.home, ch.a.dir, "commit", "-m", "edit")
}

func birds(rows int, last string) string {
	var b strings.Builder
	b.WriteString("id,site,count\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,S%d,%d\n", i, i%17, i*i%101)
	}
	return b.String() + last + "\n"
}

// A server that is killed and started again, and one that is stopped, find their
// followers again; Ctrl-C ends each of them at once, and well.
func TestProcessesFollow(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGINT to send")
	}
	ch := newChain(t, birds(20, "x,S1,0"))
	ch.commit(t, birds(20, "x,S1,1"))
	ch.c.holds(t, birds(20, "x,S1,1"))
	_, address, _ := strings.Cut(ch.url, "@")
	address, _, _ = strings.Cut(address, "&")

	ch.serve.interrupt()
	ch.between.says("No news from origin", 1)
	ch.commit(t, birds(20, "x,S1,2"))
	ch.serve = start(t, ch.a.home, ch.a.dir, "serve", "--listen", address)
	ch.c.holds(t, birds(20, "x,S1,2"))

	ch.serve.kill()
	ch.commit(t, birds(20, "x,S1,3"))
	ch.serve = start(t, ch.a.home, ch.a.dir, "serve", "--listen", address)
	ch.c.holds(t, birds(20, "x,S1,3"))

	ch.between.interrupt()
	ch.end.says("No news from origin", 1)
	for _, p := range []*process{ch.end, ch.serve} {
		p.interrupt()
	}
	for _, p := range []place{ch.a, ch.b, ch.c} {
		if out := command(t, p.home, p.dir, "status", "--json"); !strings.Contains(out, `"changes": []`) {
			t.Errorf("%s: %s", p.dir, out)
		}
		command(t, p.home, p.dir, "fsck")
	}
}

// BenchmarkFollow tells how long it takes from a commit at A until the file is at C, by way
// of B, each a process of its own:
//
//	go test ./cmd/constl -run '^$' -bench Follow -benchtime 50x
func BenchmarkFollow(b *testing.B) {
	ch := newChain(b, birds(1000, "x,S1,0"))
	var whole, after []time.Duration
	n := 0
	for b.Loop() {
		n++
		table := birds(1000, fmt.Sprintf("x,S1,%d", n))
		write(b, ch.a.table(), []byte(table))
		begun := time.Now()
		command(b, ch.a.home, ch.a.dir, "commit", "-m", "edit")
		committed := time.Now()
		ch.c.holds(b, table)
		whole = append(whole, time.Since(begun))
		after = append(after, time.Since(committed))
	}
	ms := func(list []time.Duration, of float64) float64 {
		slices.Sort(list)
		return float64(list[int(of*float64(len(list)-1))].Microseconds()) / 1000
	}
	b.ReportMetric(ms(whole, 0.5), "ms-median")
	b.ReportMetric(ms(whole, 0.95), "ms-p95")
	b.ReportMetric(ms(after, 0.5), "ms-median-after-commit-ended")
}
