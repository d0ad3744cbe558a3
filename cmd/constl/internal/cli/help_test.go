package cli

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

// answersNoJSON are the commands that print something else than an answer.
var answersNoJSON = []string{"cat", "completion", "help", "serve", "tour"}

func TestHelpOfEveryCommand(t *testing.T) {
	var all bytes.Buffer
	env := Env{Stdin: strings.NewReader(""), Stdout: &all, Stderr: &all, Home: t.TempDir(), Dir: t.TempDir()}
	if code := Main(t.Context(), env, []string{"constl", "help"}); code != exitDone {
		t.Fatalf("constl help: exit code %d", code)
	}
	for _, c := range (&app{env: env}).commands() {
		if !strings.Contains(all.String(), "  "+c.Name+"  ") {
			t.Errorf("constl help does not list %s", c.Name)
		}
		if c.Category == "" || c.Usage == "" || c.ArgsUsage == "" {
			t.Errorf("%s: no category, usage or arguments", c.Name)
		}
		if c.Name == "help" {
			continue
		}
		var out bytes.Buffer
		env.Stdout, env.Stderr = &out, &out
		for _, args := range [][]string{{"constl", "help", c.Name}, {"constl", c.Name, "--help"}} {
			out.Reset()
			if code := Main(t.Context(), env, args); code != exitDone {
				t.Errorf("%v: exit code %d", args, code)
			}
			if !strings.Contains(out.String(), "constl "+c.Name) || !strings.Contains(out.String(), c.Usage) {
				t.Errorf("%v says nothing of it:\n%s", args, out.String())
			}
			if !slices.Contains(answersNoJSON, c.Name) && !strings.Contains(out.String(), "JSON: ") {
				t.Errorf("%v does not say what its JSON looks like", args)
			}
		}
	}
}

// TestUsageErrors asserts that nonsense on the command line has exit code 2 and a hint.
func TestUsageErrors(t *testing.T) {
	for _, line := range []string{
		"comit", "help nosuch", "log a b", "commit --nonsense", "cat", "cat HEAD:x --rows 5", "cat HEAD:x --rows 9..2", "resolve", "diff a b c",
		"completion", "checkout", "switch", "merge", "restore", "clone", "init a b", "cite a b",
	} {
		var out, errs bytes.Buffer
		env := Env{Stdin: strings.NewReader(""), Stdout: &out, Stderr: &errs, Home: t.TempDir(), Dir: t.TempDir()}
		code := Main(t.Context(), env, append([]string{"constl"}, strings.Fields(line)...))
		if code != exitUsage || !strings.Contains(errs.String(), "  try: constl ") || out.Len() > 0 {
			t.Errorf("constl %s: exit code %d\n%s%s", line, code, out.String(), errs.String())
		}
	}
}
