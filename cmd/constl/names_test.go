package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whatever somebody puts into the names of files and the messages of commits, it is shown
// as it is: nothing of it moves the cursor, turns the text around, or hides.
func TestNamesAndMessagesAreShownAsTheyAre(t *testing.T) {
	work := t.TempDir()
	home, dir := filepath.Join(work, "home"), filepath.Join(work, "d")
	must := mustRun(t, work, home)
	must("init", dir, "--name", "d")
	const name, message = "a\u202evsc.exe", "red \x1b[31m and \u202ebackwards \u2066isolated"
	put := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put(name, "notes\n")
	put("t\u200b.csv", "id,n\n1,2\n")
	all := must("-C", dir, "status")
	all += must("-C", dir, "commit", "-m", message)
	put(name, "more notes\n")
	all += must("-C", dir, "verify")
	all += must("-C", dir, "log") + must("-C", dir, "show") + must("-C", dir, "diff") + must("-C", dir, "log", "--trust")
	for _, r := range []rune{'\u202e', '\u2066', '\u200b', '\x1b'} {
		if strings.ContainsRune(all, r) {
			t.Errorf("%U reaches the terminal:\n%s", r, all)
		}
	}
	for _, shown := range []string{`a\u202evsc.exe`, `\x1b[31m`, `t\u200b.csv`} {
		if !strings.Contains(all, shown) {
			t.Errorf("%s is not shown:\n%s", shown, all)
		}
	}
}

// mustRun runs command lines in a folder that must succeed, and returns what they print.
func mustRun(t *testing.T, dir, home string) func(args ...string) string {
	return func(args ...string) string {
		t.Helper()
		res := run(t.Context(), dir, home, args...)
		if res.code != 0 {
			t.Fatalf("constl %s: exit code %d\n%s%s", strings.Join(args, " "), res.code, res.stdout, res.stderr)
		}
		return res.stdout
	}
}
