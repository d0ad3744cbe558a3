package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A person at a terminal is asked at most five questions, each until its answer can be
// right; Enter alone leaves a question open, and nothing that was said is asked again.
func TestDescribeAsks(t *testing.T) {
	env, out, errs := offstage(t, strings.NewReader(""))
	run := func(input string, args ...string) {
		t.Helper()
		out.Reset()
		errs.Reset()
		env.Stdin, env.Interactive = strings.NewReader(input), true
		if code := Main(t.Context(), env, append([]string{"constl"}, args...)); code != exitDone {
			t.Fatalf("%v: exit code %d\n%s%s", args, code, out, errs)
		}
	}
	if err := os.WriteFile(filepath.Join(env.Dir, "t.csv"), []byte("id,n\n1,2\n2,3\n3,4\n4,5\n5,6\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run("", "config", "--global", "user.name", "Ana Silva")
	run("", "init", "--name", "birds")
	run("Birds of the delta\n\n\nfree\nCC0-1.0\nbirds, wetland\n", "describe")
	if n := strings.Count(errs.String(), "> "); n != 6 { // five, and one of them twice
		t.Errorf("asked %d times:\n%s", n, errs)
	}
	if !strings.Contains(errs.String(), `"free" is no SPDX licence identifier`) {
		t.Errorf("a wrong answer is not explained:\n%s", errs)
	}
	var said struct {
		Title        string
		Description  *string
		Keywords     []string
		Licenses     []struct{ Name string }
		Contributors []struct{ Title string }
	}
	data, err := os.ReadFile(filepath.Join(env.Dir, "datapackage.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &said); err != nil {
		t.Fatal(err)
	}
	if said.Title != "Birds of the delta" || said.Description != nil || len(said.Keywords) != 2 || said.Licenses[0].Name != "CC0-1.0" || said.Contributors[0].Title != "Ana Silva" {
		t.Errorf("%+v", said)
	}
	run("Counts.\n", "describe")
	if n := strings.Count(errs.String(), "> "); n != 1 || !strings.Contains(errs.String(), "What is in it") {
		t.Errorf("asked %d times:\n%s", n, errs)
	}
	run("never read\n", "describe", "--no-input", "--title", "Other")
	run("never read\n", "describe")
	if strings.Contains(errs.String(), "> ") {
		t.Errorf("asked although all is said:\n%s", errs)
	}
}

// A person at a terminal is asked whether a described column was renamed, before
// anything is recorded.
func TestCommitAsksAboutRenamedColumns(t *testing.T) {
	env, out, errs := offstage(t, strings.NewReader(""))
	run := func(want int, input string, args ...string) {
		t.Helper()
		out.Reset()
		errs.Reset()
		env.Stdin, env.Interactive = strings.NewReader(input), true
		if code := Main(t.Context(), env, append([]string{"constl"}, args...)); code != want {
			t.Fatalf("%v: exit code %d\n%s%s", args, code, out, errs)
		}
	}
	write := func(header string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(env.Dir, "t.csv"), []byte(header+"\n1,2,a\n2,3,b\n3,4,c\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	described := func() string {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(env.Dir, "datapackage.json"))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	run(exitDone, "", "config", "--global", "user.name", "Ana Silva")
	run(exitDone, "", "init", "--name", "birds")
	write("id,mass,note")
	run(exitDone, "", "commit", "-m", "first")
	run(exitDone, "", "schema", "set", "t.csv.mass", "--unit", "g")
	before := described()
	write("id,weight,remark")
	run(exitFound, "", "commit", "-m", "renamed")
	if described() != before || !strings.Contains(errs.String(), "nothing was recorded") {
		t.Errorf("without an answer:\n%s%s", errs, described())
	}
	run(exitDone, "7\n1\n", "commit", "-m", "renamed")
	if n := strings.Count(errs.String(), "> "); n != 2 || !strings.Contains(errs.String(), `describes "mass"`) {
		t.Errorf("asked %d times:\n%s", n, errs)
	}
	if !strings.Contains(described(), `{"name": "weight", "type": "integer", "unit": "g"}`) || strings.Contains(described(), "mass") {
		t.Errorf("%s", described())
	}
	write("id,length,remark")
	run(exitDone, "0\n", "commit", "-m", "another")
	if !strings.Contains(described(), `"length"`) || !strings.Contains(described(), `"weight"`) {
		t.Errorf("%s", described())
	}
	run(exitDone, "", "commit", "-m", "again", "--allow-empty")
}
