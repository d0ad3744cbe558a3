package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// diffOn compares two files of 3,000 rows with standard output as a terminal.
func diffOn(t *testing.T, pager string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	t.Setenv("PAGER", pager)
	dir := t.TempDir()
	var a, b strings.Builder
	a.WriteString("id,n\n")
	b.WriteString("id,n\n")
	for i := range 3000 {
		row := strings.Repeat("r", i+1) // longer than any pipe, all together
		a.WriteString(row + ",1\n")
		b.WriteString(row + ",2\n")
	}
	for name, text := range map[string]string{"a.csv": a.String(), "b.csv": b.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out, said bytes.Buffer
	env := Env{Stdout: &out, Stderr: &said, Dir: dir, Home: dir, Terminal: true, Width: 80}
	code = Main(t.Context(), env, append([]string{"constl", "diff", "a.csv", "b.csv"}, args...))
	return out.String(), said.String(), code
}

func TestPagerShowsWhatIsLong(t *testing.T) {
	if _, err := exec.LookPath("sed"); err != nil {
		t.Skip("there is no sed to be the pager")
	}
	out, said, code := diffOn(t, "sed s/^/paged:/")
	if code != 0 || !strings.HasPrefix(out, "paged:b.csv  3,000 rows modified") || strings.Count(out, "\npaged:  ~") != pagedRows {
		t.Errorf("exit code %d: %.200s %s", code, out, said)
	}
	if out, _, _ := diffOn(t, "sed s/^/paged:/", "--no-pager"); strings.Contains(out, "paged:") || strings.Count(out, "\n  ~") != shownRows {
		t.Errorf("without a pager: %.200s", out)
	}
	if out, _, _ := diffOn(t, "sed s/^/paged:/", "--html"); !strings.HasPrefix(out, "<!DOCTYPE html>") {
		t.Errorf("a page: %.200s", out)
	}
}

func TestPagerThatIsLeftOrMissing(t *testing.T) {
	if _, err := exec.LookPath("true"); err != nil {
		t.Skip("there is no program that reads nothing")
	}
	if _, said, code := diffOn(t, "true", "--all"); code != 0 || said != "" {
		t.Errorf("a pager that was left: exit code %d: %s", code, said)
	}
	if out, said, code := diffOn(t, "no-such-pager"); code != 0 || !strings.HasPrefix(out, "b.csv") {
		t.Errorf("no pager: exit code %d: %.100s %s", code, out, said)
	}
}
