package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/constl/constl/cmd/constl/internal/cli"
	"github.com/constl/constl/refs"
)

// lockedBuffer takes what a command writes while a test reads it.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// A second computer joins by the address that the first one shows, if the person
// at the first says that both show the same six digits, and not otherwise.
func TestSecondComputerJoins(t *testing.T) {
	for _, test := range []struct {
		name, answer string
		options      []string
		joins        bool
	}{
		{"confirmed", "y\n", nil, true},
		{"not confirmed", "n\n", nil, false},
		{"nobody there", "", nil, false},
		{"trusted by the address alone", "", []string{"--no-code"}, true},
		{"by a QR code", "", []string{"--no-code", "--qr"}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			work := t.TempDir()
			ana, second := filepath.Join(work, "ana"), filepath.Join(work, "second")
			dir := filepath.Join(work, "d")
			must := func(home string, args ...string) string {
				t.Helper()
				res := run(t.Context(), work, home, args...)
				if res.code != 0 {
					t.Fatalf("constl %s: %d\n%s", strings.Join(args, " "), res.code, res.stderr)
				}
				return res.stdout
			}
			must(ana, "config", "--global", "user.name", "Ana")
			must(ana, "init", dir)
			if err := os.WriteFile(filepath.Join(dir, "t.csv"), []byte("id,n\n1,2\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			must(ana, "-C", dir, "commit", "-m", "first")

			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r, w := io.Pipe()
			asked, code := &lockedBuffer{}, make(chan int, 1)
			go func() {
				env := cli.Env{Stdin: strings.NewReader(test.answer), Stdout: w, Stderr: asked, Dir: dir, Home: ana}
				code <- cli.Main(ctx, env, append([]string{"constl", "device", "add", "--listen", "127.0.0.1:0"}, test.options...))
				w.Close()
			}()
			var url string
			if _, err := fmt.Fscanln(r, &url); err != nil {
				t.Fatalf("no address: %v\n%s", err, asked)
			}
			rest := make(chan string, 1)
			go func() {
				text, _ := io.ReadAll(r)
				rest <- string(text)
			}()

			if slices.Contains(test.options, "--qr") {
				long, err := refs.ParseURL(url)
				if err != nil {
					t.Fatal(err)
				}
				url = long.Compact() // what the code says
			}
			joined := run(t.Context(), work, second, "device", "join", url, "copy", "--name", "field laptop")
			if !test.joins {
				cancel()
				if joined.code == 0 || !strings.Contains(joined.stderr, "not allowed") {
					t.Errorf("joined: %d\n%s%s", joined.code, joined.stdout, joined.stderr)
				}
				<-code
				if _, err := os.Stat(filepath.Join(work, "copy")); err == nil {
					t.Error("it has a copy of the dataset")
				}
				if list := must(ana, "-C", dir, "device", "list"); strings.Contains(list, "field laptop") {
					t.Errorf("it is listed:\n%s", list)
				}
				return
			}
			if joined.code != 0 {
				t.Fatalf("joining: %d\n%s", joined.code, joined.stderr)
			}
			if c := <-code; c != 0 {
				t.Fatalf("adding: %d\n%s", c, asked)
			}
			text := <-rest
			if !strings.Contains(text, "Ana has the device field laptop") {
				t.Errorf("the first computer says %q", text)
			}
			drawn := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
			drawn = slices.DeleteFunc(drawn, func(line string) bool { return !strings.ContainsAny(line, "█▀▄") })
			if asQR := slices.Contains(test.options, "--qr"); asQR != (len(drawn) > 0) || len(drawn) > 23 {
				t.Errorf("a QR code of %d lines:\n%s", len(drawn), text)
			}
			if len(test.options) == 0 {
				_, shown, _ := strings.Cut(joined.stderr, "This computer shows ")
				if !strings.Contains(asked.String(), "Does field laptop show "+shown[:7]+"?") {
					t.Errorf("the first asks %q, the second shows %q", asked, joined.stderr)
				}
			}
			// What the second one commits counts.
			must(second, "-C", filepath.Join(work, "copy"), "device", "list")
			if err := os.WriteFile(filepath.Join(work, "copy", "t.csv"), []byte("id,n\n1,3\n"), 0o666); err != nil {
				t.Fatal(err)
			}
			must(second, "-C", filepath.Join(work, "copy"), "commit", "-m", "from the field")
			if text := must(second, "-C", filepath.Join(work, "copy"), "log", "--trust"); !strings.Contains(text, "agreed") || !strings.Contains(text, "field laptop") {
				t.Errorf("log --trust:\n%s", text)
			}
		})
	}
}
