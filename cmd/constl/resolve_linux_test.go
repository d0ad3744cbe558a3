package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/constl/constl/cmd/constl/internal/cli"
	"golang.org/x/sys/unix"
)

// openTerminal returns both ends of a terminal of 80×24: what a person has, and what
// a program has.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

// conflictingDataset makes a dataset with a merge that waits for two cells.
func conflictingDataset(t *testing.T) (dir, home string) {
	t.Helper()
	dir, home = t.TempDir(), t.TempDir()
	must := func(code int, args ...string) {
		t.Helper()
		if res := run(t.Context(), dir, home, args...); res.code != code {
			t.Fatalf("constl %v: %d\n%s%s", args, res.code, res.stdout, res.stderr)
		}
	}
	write := func(a, b string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "birds.csv"), []byte("id,count,name\n1,"+a+",ウグイス\n2,"+b+",メジロ\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	must(0, "config", "--global", "user.name", "Ana")
	must(0, "init", ".", "--name", "birds")
	write("10", "20")
	must(0, "commit", "-m", "base")
	must(0, "branch", "theirs")
	write("11", "21")
	must(0, "commit", "-m", "ours")
	must(0, "switch", "theirs")
	write("12", "22")
	must(0, "commit", "-m", "theirs")
	must(0, "switch", "main")
	must(1, "merge", "theirs")
	return dir, home
}

// TestResolveInATerminal decides two conflicts as a person does: what is decided is
// on the disk before the screen shows it.
func TestResolveInATerminal(t *testing.T) {
	dir, home := conflictingDataset(t)
	person, program := openTerminal(t)
	ended := make(chan int, 1)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	go func() {
		env := cli.Env{Dir: dir, Home: home, Stdin: program, Stdout: program, Stderr: program, Terminal: true, Interactive: true, Width: 80}
		ended <- cli.Main(ctx, env, []string{"constl", "resolve"})
		_ = program.Close()
	}()
	var seen bytes.Buffer
	// The screen is drawn by what changes, so that only short texts can be waited for.
	await := func(text string) {
		t.Helper()
		buf := make([]byte, 4096)
		for !strings.Contains(seen.String(), text) {
			n, err := person.Read(buf)
			seen.Write(buf[:n])
			if err != nil {
				t.Fatalf("%q never came: %v\n%q", text, err, seen.String())
			}
		}
		seen.Reset()
	}
	send := func(keys string) {
		t.Helper()
		if _, err := person.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	list := func() string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, "birds.csv.conflicts.csv"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	await("ウグイス")
	send("t")
	await("= theirs") // in the list, behind the conflict
	if !strings.Contains(list(), "1,1,count,10,11,12,theirs,") {
		t.Errorf("the decision is not on the disk:\n%s", list())
	}
	send("e\x1530\r")
	await("All are decided")
	if !strings.Contains(list(), "2,2,count,20,21,22,30,") {
		t.Errorf("the value is not on the disk:\n%s", list())
	}
	send("q")
	await("now: constl commit")
	if code := <-ended; code != 0 {
		t.Errorf("exit code %d", code)
	}
	if res := run(t.Context(), dir, home, "commit"); res.code != 0 {
		t.Fatalf("commit: %d %s", res.code, res.stderr)
	}
	data, err := os.ReadFile(filepath.Join(dir, "birds.csv"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "id,count,name\n1,12,ウグイス\n2,30,メジロ\n"; string(data) != want {
		t.Errorf("got %q, want %q", data, want)
	}
}
