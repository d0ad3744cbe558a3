//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/constl/constl/internal/metrics/metricstest"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/quic"
)

// service is a constl serve that runs as a process of its own.
type service struct {
	t      *testing.T
	cmd    *exec.Cmd
	url    string // of the first dataset
	web    string // where metrics and health are
	stderr *syncBuffer
	ended  chan error
}

// syncBuffer can be read while a process writes to it.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// startService serves the dataset in dir, and answers metrics.
func startService(t *testing.T, home, dir string, env []string, args ...string) *service {
	t.Helper()
	s := &service{t: t, stderr: &syncBuffer{}, ended: make(chan error, 1)}
	s.cmd = program(t, home, dir, append([]string{"serve", "--json", "--listen", "127.0.0.1:0", "--metrics", "0"}, args...)...)
	s.cmd.Env = append(s.cmd.Env, env...)
	stdout, err := s.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	s.cmd.Stderr = s.stderr
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	kill := time.AfterFunc(time.Minute, func() { _ = s.cmd.Process.Kill() })
	defer kill.Stop()
	var first struct{ URL string }
	d := json.NewDecoder(bufio.NewReader(stdout))
	if err := d.Decode(&first); err != nil {
		t.Fatalf("serve printed no address: %v: %s", err, s.stderr)
	}
	s.url = first.URL
	go func() {
		_, _ = io.Copy(io.Discard, stdout)
		s.ended <- s.cmd.Wait()
	}()
	waitFor(t, "the address of the metrics", func() bool {
		for _, sign := range []string{"http://", "metrics=", `"metrics":"`} {
			if _, after, ok := strings.Cut(s.stderr.String(), sign); ok && strings.ContainsAny(after, "/ \"\n") {
				s.web = after[:strings.IndexAny(after, "/ \"\n")]
				return true
			}
		}
		return false
	})
	return s
}

func waitFor(t *testing.T, what string, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !met(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s has not come", what)
		}
	}
}

// get asks for a path, and returns status code 0 if nobody answers.
func (s *service) get(path string) (int, string) {
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := c.Get("http://" + s.web + path)
	if err != nil {
		return 0, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Error(err)
	}
	return res.StatusCode, string(body)
}

func (s *service) signal(sig os.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Fatal(err)
	}
}

// end waits for the process.
func (s *service) end() error {
	s.t.Helper()
	select {
	case err := <-s.ended:
		return err
	case <-time.After(time.Minute):
		s.t.Fatalf("serve does not end: %s", s.stderr)
		return nil
	}
}

// largeDataset makes a dataset of some megabytes that do not compress.
func largeDataset(t *testing.T, home, dir string) {
	t.Helper()
	must := func(args ...string) {
		if res := run(t.Context(), filepath.Dir(dir), home, args...); res.code != 0 {
			t.Fatalf("constl %v: %s", args, res.stderr)
		}
	}
	must("init", dir, "--name", "large")
	noise := make([]byte, 12<<20)
	rand.NewChaCha8([32]byte{1}).Read(noise)
	write(t, filepath.Join(dir, "noise.bin"), noise)
	must("-C", dir, "commit", "-m", "first")
}

// slowClone begins a clone that stops in the middle until proceed is closed. begun is
// closed when it has stopped.
func slowClone(t *testing.T, url string) (begun <-chan struct{}, proceed func(), done <-chan error) {
	t.Helper()
	at, err := refs.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	p := at.Peers[0]
	conn, err := quic.Dial(t.Context(), []string{net.JoinHostPort(p.Host, fmt.Sprint(p.Port))}, p.Peer, refs.KeyFromSeed([32]byte{7}), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	stream, err := conn.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	stopped, goOn, result := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	var once sync.Once
	go func() {
		sink := &transport.LocalSink{Objects: mem.New(), Create: func(ctx context.Context, chain *refs.Chain) (*refs.Store, error) {
			return refs.Create(ctx, filepath.Join(t.TempDir(), "refs"), chain, nil)
		}}
		_, err := transport.Sync(t.Context(), stream, &transport.SyncRequest{Dataset: at.Dataset}, sink, &transport.SyncOptions{
			Progress: func(transport.Progress) {
				once.Do(func() {
					close(stopped)
					<-goOn
				})
			},
		})
		result <- err
	}()
	return stopped, sync.OnceFunc(func() { close(goOn) }), result
}

// SIGTERM lets what is under way finish, while nobody new is served; then the program ends.
func TestServeEndsGracefully(t *testing.T) {
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "d")
	largeDataset(t, home, dir)
	s := startService(t, home, dir, nil, "--grace", "50s")
	if status, body := s.get("/health"); status != http.StatusOK || !strings.Contains(body, `"status":"serving"`) {
		t.Errorf("health: %d %s", status, body)
	}
	begun, proceed, done := slowClone(t, s.url)
	defer proceed()
	<-begun
	s.signal(syscall.SIGTERM)
	waitFor(t, "that it stops", func() bool {
		status, body := s.get("/health")
		return status == http.StatusServiceUnavailable && strings.Contains(body, `"status":"stopping"`)
	})
	res := run(t.Context(), dir, t.TempDir(), "share")
	if res.code == 0 {
		t.Errorf("a dataset that is served no more has the address %s", res.stdout)
	}
	proceed()
	if err := <-done; err != nil {
		t.Errorf("the clone that was under way: %v", err)
	}
	if err := s.end(); err != nil {
		t.Errorf("serve ended with %v: %s", err, s.stderr)
	}
}

// What is under way when the time is over is cut short.
func TestServeDoesNotWaitForEver(t *testing.T) {
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "d")
	largeDataset(t, home, dir)
	s := startService(t, home, dir, nil, "--grace", "100ms")
	begun, proceed, done := slowClone(t, s.url)
	defer proceed()
	<-begun
	s.signal(syscall.SIGTERM)
	if err := s.end(); err != nil {
		t.Errorf("serve ended with %v: %s", err, s.stderr)
	}
	proceed()
	if err := <-done; !errors.Is(err, transport.ErrDisconnected) {
		t.Errorf("the clone that was cut short: %v, want ErrDisconnected", err)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "d")
	largeDataset(t, home, dir)
	s := startService(t, home, dir, nil, "--grace", "1h")
	begun, proceed, _ := slowClone(t, s.url)
	defer proceed()
	<-begun
	s.signal(syscall.SIGTERM)
	waitFor(t, "that it stops", func() bool { status, _ := s.get("/health"); return status == http.StatusServiceUnavailable })
	s.signal(syscall.SIGTERM)
	var exit *exec.ExitError
	if err := s.end(); !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
		t.Errorf("serve ended with %v, want the signal", err)
	}
}

// Who comes while as many are served as can be is told the bound's name, comes again by
// itself, and is served.
func TestBusyServersAreAskedAgain(t *testing.T) {
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "d")
	largeDataset(t, home, dir)
	s := startService(t, home, dir, nil, "--max-requests", "1", "--max-wait", "10ms")
	begun, proceed, done := slowClone(t, s.url)
	defer proceed()
	<-begun
	clone := program(t, t.TempDir(), dir, "clone", s.url, filepath.Join(t.TempDir(), "clone"))
	said := &syncBuffer{}
	clone.Stderr = said
	if err := clone.Start(); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "that the person is told", func() bool {
		return strings.Contains(said.String(), "The peer is busy (limit max-requests); asking again in")
	})
	proceed()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := clone.Wait(); err != nil {
		t.Errorf("clone: %v: %s", err, said)
	}
	waitFor(t, "that the limit is told of", func() bool { return strings.Contains(s.stderr.String(), "the limit max-requests was hit") })
	_, text := s.get("/metrics")
	if metricstest.Parse(t, text)[`constl_limits_hit_total{limit="max-requests"}`] < 1 {
		t.Errorf("the limit was not counted: %s", text)
	}
}

// SIGHUP makes new settings and datasets count at once, and systemd is told.
func TestServeReloads(t *testing.T) {
	dir, err := os.MkdirTemp("", "sd") // names of sockets are short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: filepath.Join(dir, "s"), Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	told := func(want string) {
		t.Helper()
		if err := socket.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 200)
		n, err := socket.Read(buf)
		if got, _, _ := strings.Cut(string(buf[:n]), "\n"); err != nil || got != want {
			t.Fatalf("the service manager was told %q, want %q: %v", got, want, err)
		}
	}
	home, root := t.TempDir(), t.TempDir()
	must := func(args ...string) {
		t.Helper()
		if res := run(t.Context(), root, home, args...); res.code != 0 {
			t.Fatalf("constl %v: %s", args, res.stderr)
		}
	}
	must("init", "one", "--name", "one")
	s := startService(t, home, root, []string{"NOTIFY_SOCKET=" + socket.LocalAddr().String()}, "--datasets", root, "--log", "json")
	told("READY=1")
	must("config", "--global", "serve.max-requests", "3")
	must("init", "two", "--name", "two")
	s.signal(syscall.SIGHUP)
	told("RELOADING=1")
	told("READY=1")
	// Whichever came first, the signal or the look every two seconds: now it holds.
	for _, want := range []string{`"msg":"dataset added"`, filepath.Join(root, "two"), `"msg":"settings taken over","changed":["max-requests"]`, `"msg":"reloaded","ok":true`} {
		waitFor(t, "that the log says "+want, func() bool { return strings.Contains(s.stderr.String(), want) })
	}
	s.signal(syscall.SIGTERM)
	told("STOPPING=1")
	if err := s.end(); err != nil {
		t.Errorf("serve ended with %v: %s", err, s.stderr)
	}
}

// Each line of a log is a record, and none holds an address to give away or a key.
func TestLogs(t *testing.T) {
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "d")
	largeDataset(t, home, dir)
	for _, form := range []string{"json", "text"} {
		t.Run(form, func(t *testing.T) {
			s := startService(t, home, dir, nil, "--log", form, "--log-level", "debug", "--max-request-bytes", "4KiB")
			clone := filepath.Join(t.TempDir(), "clone")
			if res := run(t.Context(), dir, t.TempDir(), "clone", s.url, clone); res.code != 0 {
				t.Fatalf("clone: %s", res.stderr)
			}
			if res := run(t.Context(), dir, t.TempDir(), "clone", strings.Replace(s.url, "constl://", "constl://00", 1)[:len("constl://")+64]+s.url[len("constl://")+64:], clone+"2"); res.code == 0 {
				t.Error("a dataset that is not there was cloned")
			}
			waitFor(t, "the failed request", func() bool { return strings.Contains(s.stderr.String(), "no such dataset") })
			if _, text := s.get("/metrics"); metricstest.Parse(t, text)[`constl_requests_total{kind="sync",outcome="ok"}`] < 1 {
				t.Errorf("the clone was not counted: %s", text)
			}
			s.signal(syscall.SIGTERM)
			if err := s.end(); err != nil {
				t.Fatal(err)
			}
			checkLog(t, form, s, home)
		})
	}
}

func checkLog(t *testing.T, form string, s *service, home string) {
	t.Helper()
	log := s.stderr.String()
	state := s.url[strings.Index(s.url, "state=")+len("state="):]
	secrets := []string{"constl://", state}
	keys, err := filepath.Glob(filepath.Join(home, "*key*"))
	if err != nil || len(keys) == 0 {
		t.Fatalf("no key in %s: %v", home, err)
	}
	for _, name := range keys {
		if data, err := os.ReadFile(name); err == nil {
			secrets = append(secrets, strings.Fields(string(data))...)
		}
	}
	for _, secret := range secrets {
		if len(secret) > 6 && strings.Contains(log, secret) {
			t.Errorf("the log holds the secret %q", secret)
		}
	}
	requests := 0
	for line := range strings.Lines(log) {
		if form == "text" {
			if !strings.HasPrefix(line, "time=") || !strings.Contains(line, " level=") {
				t.Errorf("no record: %s", line)
			}
			if strings.Contains(line, "msg=request kind=sync") || strings.Contains(line, "msg=request peer=") {
				requests++
			}
			continue
		}
		var record struct{ Msg, Kind, Peer string }
		if err := json.Unmarshal([]byte(line), &record); err != nil || record.Msg == "" {
			t.Errorf("no record: %s: %v", line, err)
		}
		if record.Msg == "request" && record.Kind == "sync" && record.Peer != "" {
			requests++
		}
	}
	if requests < 2 {
		t.Errorf("%d requests are told of, want at least 2: %s", requests, log)
	}
}
