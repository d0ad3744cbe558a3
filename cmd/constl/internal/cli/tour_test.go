package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

// offstage is an environment without a terminal. Its home must stay unused.
func offstage(t *testing.T, stdin io.Reader) (env Env, out, errs *bytes.Buffer) {
	t.Helper()
	out, errs = new(bytes.Buffer), new(bytes.Buffer)
	dir := t.TempDir()
	return Env{Stdin: stdin, Stdout: out, Stderr: errs, Dir: dir, Home: filepath.Join(dir, "own-home")}, out, errs
}

func TestTour(t *testing.T) {
	defer goleak.VerifyNone(t)
	env, out, errs := offstage(t, strings.NewReader(""))
	if code := Main(t.Context(), env, []string{"constl", "tour"}); code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	ana := readFile(t, filepath.Join(env.Dir, "constl-tour", "ana", "plants", "plants.csv"))
	ben := readFile(t, filepath.Join(env.Dir, "constl-tour", "ben", "plants", "plants.csv"))
	if ana != ben {
		t.Error("the two tables differ at the end")
	}
	for _, row := range []string{
		"pani ariz,Urochloa,Panicum,arizonica,arizonica,,Arizona Signalgrass,Poaceae,Annual,Summer Annual\r\n", // cells of both
		"acac cons,Vachellia,",      // Ana's row
		"sphi vern,Sphinctospermum", // Ben's row
		"acac greg,Senegalia,",      // their conflict, as it was decided
		"hoff dens,Hoffmannseggia,", // after the citation
	} {
		if !strings.Contains(ana, "\n"+row) {
			t.Errorf("the table has no row %q", row)
		}
	}
	begun, err := tourFiles.ReadFile("tour/plants.csv")
	if err != nil {
		t.Fatal(err)
	}
	if n := differing(string(begun), ana); n != 7 {
		t.Errorf("expected 6 changed rows and a new one, found %d that were not there", n)
	}
	if !regexp.MustCompile(`\n  Ana serves again: +constl serve --listen "?127\.0\.0\.1:[0-9]+"?\n`).MatchString(out.String()) {
		t.Errorf("it is not said where Ana served:\n%s", out)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Error("colours where there is no terminal")
	}
	if !strings.Contains(out.String(), "Verified: constl:") || !strings.Contains(out.String(), "1 conflict:") {
		t.Errorf("no citation was verified, or no conflict shown:\n%s", out)
	}
	for _, name := range []string{"ana", "ben"} {
		if !strings.Contains(out.String(), filepath.Join(env.Dir, "constl-tour", name, "home")) {
			t.Errorf("it does not say how to go on as %s", name)
		}
	}
	if entries, err := os.ReadDir(env.Dir); err != nil || len(entries) != 1 {
		t.Errorf("expected only the tour's folder, found %v, %v", entries, err)
	}
}

// differing counts the lines of b that are not in a.
func differing(a, b string) int {
	lines := strings.Split(a, "\n")
	n := 0
	for _, line := range strings.Split(strings.TrimSuffix(b, "\n"), "\n") {
		if !slices.Contains(lines, line) {
			n++
		}
	}
	return n
}

func TestTourShowsOnlyCommandsThatHelpLists(t *testing.T) {
	env, out, errs := offstage(t, strings.NewReader(""))
	dir := filepath.Join(env.Dir, "here")
	if code := Main(t.Context(), env, []string{"constl", "tour", dir, "--json"}); code != exitDone {
		t.Fatalf("exit code %d\n%s", code, errs)
	}
	var record tourRecord
	if err := json.Unmarshal(out.Bytes(), &record); err != nil {
		t.Fatal(err)
	}
	if record.Dir != dir {
		t.Errorf("dir: expected %s, found %s", dir, record.Dir)
	}
	env.Stdout = out
	out.Reset()
	if code := Main(t.Context(), env, []string{"constl", "help"}); code != exitDone {
		t.Fatalf("help: exit code %d", code)
	}
	shown := make(map[string]bool)
	for _, step := range record.Steps {
		if len(step.Commands) == 0 {
			t.Errorf("step %q has no command", step.Title)
		}
		for _, c := range step.Commands {
			shown[c.Args[0]] = true
			if !strings.Contains(out.String(), "\n     "+c.Args[0]+" ") {
				t.Errorf("help does not list %s", c.Args[0])
			}
			if slices.Contains([]string{"diff", "pull", "verify", "clone", "serve", "cite"}, c.Args[0]) && c.Output == "" {
				t.Errorf("%s: no output", commandLine(c.Args))
			}
		}
	}
	for _, name := range []string{"init", "commit", "status", "diff", "serve", "clone", "pull", "resolve", "log", "tag", "cite", "verify"} {
		if !shown[name] {
			t.Errorf("the tour does not show constl %s", name)
		}
	}
	if !strings.Contains(out.String(), "\n     tour ") {
		t.Error("help does not list the tour")
	}
}

func TestTourRefusesAFolderWithSomethingInIt(t *testing.T) {
	env, out, errs := offstage(t, strings.NewReader(""))
	mine := filepath.Join(env.Dir, "mine")
	if err := os.Mkdir(mine, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(mine, "thesis.txt"), []byte("dear\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"mine", filepath.Join("mine", "thesis.txt")} {
		if code := Main(t.Context(), env, []string{"constl", "tour", dir}); code != exitUsage {
			t.Errorf("%s: exit code %d\n%s%s", dir, code, out, errs)
		}
	}
	if entries, err := os.ReadDir(mine); err != nil || len(entries) != 1 {
		t.Errorf("the folder has changed: %v, %v", entries, err)
	}
}

func TestTourStepByStep(t *testing.T) {
	env, out, errs := offstage(t, strings.NewReader("\n\n\n")) // and goes on by itself at the end of the input
	if code := Main(t.Context(), env, []string{"constl", "tour", "--step"}); code != exitDone {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	if n := strings.Count(out.String(), "Enter goes on"); n != 4 {
		t.Errorf("expected 4 waits, found %d", n)
	}
}

// stopper ends a tour once it has asked for the third Enter, when Ana's server runs.
type stopper struct {
	bytes.Buffer
	stop  context.CancelFunc
	asked int
}

// Write implements [io.Writer].
func (s *stopper) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("Enter")) {
		if s.asked++; s.asked == 3 {
			s.stop()
		}
	}
	return s.Buffer.Write(p)
}

func TestTourEndsCleanlyWhenStopped(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	keys, hold := io.Pipe()
	defer keys.Close()
	go func() { _, _ = io.WriteString(hold, "\n\n\n\n"); hold.Close() }()
	env, _, errs := offstage(t, keys)
	out := &stopper{stop: stop}
	env.Stdout = out
	if code := Main(ctx, env, []string{"constl", "tour", "--step"}); code != exitFound {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	if !strings.Contains(errs.String(), "The tour was stopped") {
		t.Errorf("it does not say so: %s", errs)
	}
	keys.Close()
}

func TestCommandLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"pull"}, "constl pull"},
		{[]string{"commit", "-m", "two words"}, `constl commit -m "two words"`},
		{[]string{"clone", "constl://a?peer=b@h:1", "d"}, `constl clone "constl://a?peer=b@h:1" d`},
	} {
		if got := commandLine(c.args); got != c.want {
			t.Errorf("expected %s, found %s", c.want, got)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text, want string
	}{
		{"", ""},
		{"one  two\nthree", "one two\nthree"},
		{"overlongword x", "overlongword\nx"},
	} {
		if got := wrap(c.text, 8); got != c.want {
			t.Errorf("expected %q, found %q", c.want, got)
		}
	}
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
