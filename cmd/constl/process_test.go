//go:build unix

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoSpace commits and pulls under ever larger limits for the files that can be
// written, which fail the way a full disk does: at each limit the command either
// does all of its work, or the dataset is as it was.
func TestNoSpace(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell to set limits")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	home, dir := t.TempDir(), filepath.Join(t.TempDir(), "d")
	must := func(args ...string) string {
		t.Helper()
		res := run(t.Context(), filepath.Dir(dir), home, args...)
		if res.code != 0 {
			t.Fatalf("constl %v: %s", args, res.stderr)
		}
		return res.stdout
	}
	must("init", dir, "--name", "d")
	write(t, filepath.Join(dir, "a.csv"), []byte("id,n\n1,1\n"))
	must("-C", dir, "commit", "-m", "first")
	before := must("-C", dir, "log", "--json")
	data, err := os.ReadFile(filepath.Join("..", "..", "testdata", "odd", "palmerpenguins__inst_extdata_penguins_raw.csv"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "penguins.csv"), data)
	failed := 0
	for blocks := 0; ; blocks++ {
		cmd := exec.Command(sh, "-c", fmt.Sprintf(`ulimit -f %d; exec "$0" "$@"`, blocks), exe, "commit", "-m", "second")
		cmd.Env = append(os.Environ(), asProgram+"=1", "CONSTL_HOME="+home)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		must("-C", dir, "fsck")
		if err == nil {
			break
		}
		failed++
		if !strings.Contains(string(out), "free some space") {
			t.Errorf("at %d blocks: %s", blocks, out)
		}
		if after := must("-C", dir, "log", "--json"); after != before {
			t.Fatalf("at %d blocks a commit that failed is in the log: %s", blocks, after)
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".constl", "stage-*")); len(left) > 0 {
			t.Errorf("at %d blocks: left behind: %v", blocks, left)
		}
		if got, err := os.ReadFile(filepath.Join(dir, "penguins.csv")); err != nil || string(got) != string(data) {
			t.Fatalf("at %d blocks the person's file was changed (%v)", blocks, err)
		}
		if blocks > 1000 {
			t.Fatal("no limit is large enough")
		}
	}
	if failed < 3 {
		t.Errorf("only %d limits were too small to matter", failed)
	}
	if got := must("-C", dir, "cat", "HEAD:penguins.csv"); got != string(data) {
		t.Error("the table is not as it was committed")
	}
}

// TestBashCompletes lets bash complete a command line.
func TestBashCompletes(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	if err := os.Symlink(exe, filepath.Join(bin, "constl")); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"constl con":         "conflicts config",
		"constl commit --me": "--message",
		"constl check":       "checkout",
	} {
		words := strings.Fields(line)
		script := fmt.Sprintf("eval \"$(constl completion bash)\"; COMP_WORDS=(%s); COMP_CWORD=%d; _constl; echo \"${COMPREPLY[*]}\"", line, len(words)-1)
		cmd := exec.Command(bash, "-c", script)
		cmd.Env = append(os.Environ(), asProgram+"=1", "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "CONSTL_HOME="+t.TempDir())
		out, err := cmd.CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != want {
			t.Errorf("%s: completed to %q, expected %q (%v)", line, got, want, err)
		}
	}
}
