package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// recipe returns what constl prints for a CI system.
func recipe(t *testing.T, system string) []byte {
	t.Helper()
	res := run(t.Context(), t.TempDir(), t.TempDir(), "validate", "--recipe", system)
	if res.code != 0 {
		t.Fatal(res.stderr)
	}
	return []byte(res.stdout)
}

// contribution is a Git repository with data and what somebody wants to change in it.
type contribution struct {
	t    *testing.T
	dir  string
	temp string
	env  []string
	base string // the commit that it starts from
}

const ciPackage = `{"name": "counts", "resources": [
{"name": "birds", "path": "data/birds.csv", "schema": {
 "fields": [{"name": "id", "type": "integer"}, {"name": "count", "type": "integer", "constraints": {"maximum": 100}}, {"name": "note", "type": "string"}],
 "primaryKey": ["id"], "constl": {"rules": [{"name": "steady", "change": "new.count <= old.count * 2"}]}}}]}
`

func newContribution(t *testing.T) *contribution {
	if runtime.GOOS == "windows" {
		t.Skip("the recipes are for Unix shells")
	}
	c := &contribution{t: t, dir: t.TempDir(), temp: t.TempDir()}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin, home := t.TempDir(), t.TempDir()
	c.write(filepath.Join(bin, "constl"), fmt.Sprintf("#!/bin/sh\n%s=1 exec '%s' \"$@\"\n", asProgram, exe))
	// What is sent elsewhere is only noted: the arguments, and what the file holds.
	c.write(filepath.Join(bin, "gh"), `#!/bin/sh
if [ "$2" = view ]; then echo "$VIEWED_HEAD"; exit; fi
for last; do :; done
if [ "$last" = --edit-last ]; then exit 1; fi
echo "$@" >> "$SENT"; cat "$last" >> "$SENT"
`)
	c.write(filepath.Join(bin, "curl"), `#!/bin/sh
for last; do case $last in body@*) file=${last#body@};; esac; done
echo "$@" >> "$SENT"; cat "$file" >> "$SENT"
`)
	c.env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "CONSTL_HOME="+home, "HOME="+home, "NO_COLOR=1", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org",
		"SENT="+c.sent(), "RUNNER_TEMP="+c.temp, "GITHUB_WORKSPACE="+c.dir, "CI_PROJECT_DIR="+c.dir,
		"GITHUB_STEP_SUMMARY="+filepath.Join(c.temp, "summary.md"))
	c.git("init", "--quiet")
	c.write(filepath.Join(c.dir, "datapackage.json"), ciPackage)
	c.write(filepath.Join(c.dir, "data", "birds.csv"), "id,count,note\n1,10,\n2,90,old \n3,7,\n")
	c.write(filepath.Join(c.dir, "gone.csv"), "a,b\n1,2\n")
	c.base = c.commit()
	c.git("rm", "--quiet", "gone.csv")
	c.write(filepath.Join(c.dir, "new one.csv"), "a,b\n1,2\n")
	c.change("id,count,note\n1,10,\n2,90,old \n3,50,\n4,many,\"::error::x\"\n5,700,\n")
	return c
}

func (c *contribution) sent() string { return filepath.Join(c.temp, "sent") }

func (c *contribution) write(name, text string) {
	c.t.Helper()
	err := os.MkdirAll(filepath.Dir(name), 0o755)
	if err == nil {
		err = os.WriteFile(name, []byte(text), 0o755)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *contribution) read(name string) string {
	c.t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(data)
}

func (c *contribution) git(args ...string) string {
	c.t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		c.t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func (c *contribution) commit() string {
	c.git("add", "--all")
	c.git("commit", "--quiet", "-m", "m")
	return c.git("rev-parse", "HEAD")
}

func (c *contribution) change(birds string) {
	c.write(filepath.Join(c.dir, "data", "birds.csv"), birds)
	c.commit()
}

// shell runs a script and returns what it prints and its exit code.
func (c *contribution) shell(script string, env []string, shell ...string) (string, int) {
	c.t.Helper()
	cmd := exec.Command(shell[0], append(shell[1:], "-c", script)...)
	cmd.Dir, cmd.Env = c.dir, append(slices.Clone(c.env), env...)
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		c.t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (c *contribution) has(what, text string, parts ...string) {
	c.t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			c.t.Errorf("%s has no %q:\n%s", what, part, text)
		}
	}
}

// The changed row is shown, those that stay are not.
func (c *contribution) hasRows(what, text string) {
	c.t.Helper()
	c.has(what, text, "### What changes, row by row", "data/birds.csv", "~~7~~ → **50**", "gone.csv is taken away", "new one.csv is new")
	if strings.Contains(text, "old ") {
		c.t.Errorf("%s shows what does not change:\n%s", what, text)
	}
}

type workflow struct {
	Jobs map[string]struct {
		Steps []struct {
			Name, Uses, Run, If string
			Env, With           map[string]string
		}
	}
}

// actions runs the steps of a workflow that are shell scripts, each as GitHub does,
// until one fails. event holds what the contexts of GitHub have.
func (c *contribution) actions(text []byte, event map[string]string) (out string, code int) {
	c.t.Helper()
	var w workflow
	if err := yaml.Unmarshal(text, &w); err != nil {
		c.t.Fatal(err)
	}
	expression := regexp.MustCompile(`\$\{\{ *([a-z_.]+) *\}\}`)
	for _, job := range w.Jobs {
		for _, step := range job.Steps {
			if step.Run == "" || strings.HasPrefix(step.Run, "go install") {
				continue
			}
			var env []string
			for name, value := range step.Env {
				value = expression.ReplaceAllStringFunc(value, func(m string) string {
					v, ok := event[expression.FindStringSubmatch(m)[1]]
					if !ok {
						c.t.Errorf("step %s: there is no %s", step.Name, m)
					}
					return v
				})
				env = append(env, name+"="+value)
			}
			if strings.Contains(step.Run, "${{") {
				c.t.Errorf("step %s: an expression stands in the script, where its text would be run", step.Name)
			}
			if out, code = c.shell(step.Run, env, "bash", "-e"); code != 0 {
				return out, code
			}
		}
	}
	return out, code
}

func TestRecipeForGitHub(t *testing.T) {
	c := newContribution(t)
	event := map[string]string{"github.event.pull_request.base.sha": c.base, "github.event.pull_request.number": "17",
		"github.token": "secret", "github.repository": "o/r"}
	out, code := c.actions(recipe(t, "github"), event)
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
	want := "::error file=data/birds.csv,line=6,title=constraint-error::count: 700 is not at most 100 (row 5)\n" +
		"::error file=data/birds.csv,line=4,title=change-constraint::the rule does not hold: new.count <= old.count * 2 (old.count is \"7\", new.count is \"50\") (row 3)\n" +
		"::error file=data/birds.csv,line=5,title=type-error::count: \"many\" is not a whole number (row 4)\n"
	for _, line := range strings.Split(strings.TrimSpace(want), "\n") {
		c.has("the log", out, line+"\n")
	}
	if strings.Contains(out, "\n::error::x") || strings.Contains(out, "stray-space") {
		t.Errorf("the log:\n%s", out)
	}
	sent := c.read(c.sent())
	c.has("the comment", sent, "pr comment 17 --body-file ")
	c.hasRows("the comment", sent)
	summary := c.read(filepath.Join(c.temp, "summary.md"))
	c.hasRows("the summary", summary)
	c.has("the summary", summary, "### Not valid&#58; 4 changed rows of 6 rows in 2 tables", "| error | data/birds.csv | 5 | 4 |")

	// The fork's words are posted to its own pull request only.
	forks := map[string]string{"github.token": "secret", "github.repository": "o/r", "github.event.workflow_run.head_sha": "abc"}
	if err := os.Remove(c.sent()); err != nil {
		t.Fatal(err)
	}
	c.env = append(c.env, "VIEWED_HEAD=other")
	if out, code := c.actions(recipe(t, "github-forks"), forks); code != 0 || !strings.Contains(out, "has changed meanwhile") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if _, err := os.Stat(c.sent()); err == nil {
		t.Error("another's pull request gets the comment")
	}
	c.env = append(c.env, "VIEWED_HEAD=abc")
	if out, code := c.actions(recipe(t, "github-forks"), forks); code != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
	c.hasRows("the fork's comment", c.read(c.sent()))

	// Put right, it passes.
	c.temp = t.TempDir()
	c.env = append(c.env, "RUNNER_TEMP="+c.temp)
	c.git("worktree", "prune")
	c.change("id,count,note\n1,10,\n2,90,old \n3,14,\n4,12,\n5,70,\n")
	if out, code := c.actions(recipe(t, "github"), event); code != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestRecipeForGitLab(t *testing.T) {
	text := recipe(t, "gitlab")
	var doc any
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	s, err := jsonschema.NewCompiler().Compile(filepath.Join("..", "..", "testdata", "ci", "gitlab-ci.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%#v", err)
	}
	if s.Validate(map[string]any{"validate": map[string]any{"script": 1}}) == nil {
		t.Error("the schema takes a number for a script")
	}
	var ci struct {
		Validate struct{ Script []string }
	}
	if err := yaml.Unmarshal(text, &ci); err != nil {
		t.Fatal(err)
	}
	script := strings.Join(ci.Validate.Script[1:], "\n")
	c := newContribution(t)
	env := []string{"CI_MERGE_REQUEST_DIFF_BASE_SHA=" + c.base, "COMMENT_TOKEN=secret", "CI_API_V4_URL=http://127.0.0.1:1/api",
		"CI_PROJECT_ID=3", "CI_MERGE_REQUEST_IID=17"}
	out, code := c.shell(script, env, "sh", "-e")
	if code != 1 {
		t.Errorf("exit code %d: %s", code, out)
	}
	c.has("the log", out, "data/birds.csv:5: [4] \"many\" is not a whole number\n")
	sent := c.read(c.sent())
	c.has("the comment", sent, "/api/projects/3/merge_requests/17/notes")
	c.hasRows("the comment", sent)
	c.hasRows("changes.md", c.read(filepath.Join(c.dir, "changes.md")))
	c.has("junit.xml", c.read(filepath.Join(c.dir, "junit.xml")), `failures="3"`)
	var issues []struct {
		Location struct {
			Path  string
			Lines struct{ Begin int }
		}
	}
	if err := json.Unmarshal([]byte(c.read(filepath.Join(c.dir, "quality.json"))), &issues); err != nil {
		t.Fatal(err)
	}
	if len(issues) != 3 || issues[0].Location.Path != "data/birds.csv" {
		t.Errorf("%+v", issues)
	}
	c.git("worktree", "prune")
	c.change("id,count,note\n1,10,\n2,90,old \n3,14,\n4,12,\n5,70,\n")
	if out, code := c.shell(script, env, "sh", "-e"); code != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
}

func TestRecipeForAnyShell(t *testing.T) {
	c := newContribution(t)
	script := filepath.Join(t.TempDir(), "validate.sh")
	c.write(script, string(recipe(t, "shell")))
	c.git("worktree", "add", "--quiet", "--detach", filepath.Join(c.temp, "base"), c.base)
	changes := filepath.Join(c.temp, "changes.md")
	out, code := c.shell("sh "+script+" "+filepath.Join(c.temp, "base"), []string{"CHANGES=" + changes}, "sh")
	if code != 1 {
		t.Errorf("exit code %d: %s", code, out)
	}
	c.has("the answer", out, "data/birds.csv:5: [4] \"many\" is not a whole number\n")
	c.has("changes.md", c.read(changes), "~~7~~ → **50**")

	// The same in a dataset.
	for _, args := range [][]string{{"init", "--name", "counts"}, {"commit", "-m", "first"}} {
		if out, code := c.shell("constl "+strings.Join(args, " "), nil, "sh"); code != 0 {
			t.Fatal(out)
		}
	}
	c.write(filepath.Join(c.dir, "data", "birds.csv"), "id,count,note\n1,10,\n2,90,old \n3,50,\n4,many,\"::error::x\"\n5,700,\n6,101,\n")
	out, code = c.shell("sh "+script, []string{"CHANGES=" + changes}, "sh")
	if code != 1 {
		t.Errorf("exit code %d: %s", code, out)
	}
	c.has("the answer", out, "Not valid: 1 changed row of 7 rows in 2 tables checked, 1 error, 0 warnings")
	c.has("changes.md", c.read(changes), "1 row added")
	c.write(filepath.Join(c.dir, "data", "birds.csv"), "id,count,note\n1,10,\n2,90,old \n3,50,\n4,many,\"::error::x\"\n5,700,\n6,100,\n")
	if out, code := c.shell("sh "+script, []string{"CHANGES=" + changes}, "sh"); code != 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
}
