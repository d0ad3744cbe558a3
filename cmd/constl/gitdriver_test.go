package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// gitRepo is a Git repository in which the drivers call the test binary.
type gitRepo struct {
	t   *testing.T
	dir string
	env []string
}

func newGitRepo(t *testing.T) *gitRepo {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("git is not installed")
	}
	home := t.TempDir()
	g := &gitRepo{t: t, dir: t.TempDir()}
	g.env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "GIT_") || strings.HasPrefix(v, "XDG_") })
	g.env = append(g.env, asProgram+"=1", "CONSTL_HOME="+home, "HOME="+home, "GIT_CONFIG_NOSYSTEM=1", "NO_COLOR=1", "GIT_PAGER=cat",
		"GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a@example.org", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a@example.org")
	g.git("init", "-q", "-b", "main")
	return g
}

func (g *gitRepo) run(program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir, cmd.Env = g.dir, g.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (g *gitRepo) git(args ...string) string {
	g.t.Helper()
	out, err := g.run("git", args...)
	if err != nil {
		g.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return out
}

func (g *gitRepo) constl(args ...string) string {
	g.t.Helper()
	exe, err := os.Executable()
	if err != nil {
		g.t.Fatal(err)
	}
	out, err := g.run(exe, args...)
	if err != nil {
		g.t.Fatalf("constl %v: %v\n%s", args, err, out)
	}
	return out
}

func (g *gitRepo) write(name, text string) {
	g.t.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		g.t.Fatal(err)
	}
	write(g.t, path, []byte(text))
}

func (g *gitRepo) read(name string) string {
	g.t.Helper()
	data, err := os.ReadFile(filepath.Join(g.dir, name))
	if err != nil {
		g.t.Fatal(err)
	}
	return string(data)
}

func (g *gitRepo) commit(message string) {
	g.t.Helper()
	g.git("add", "-A")
	g.git("commit", "-q", "--allow-empty", "-m", message)
}

// mergeOf commits three versions of a file and merges theirs into ours.
func (g *gitRepo) mergeOf(name, base, ours, theirs string) (out string, clean bool) {
	g.t.Helper()
	g.write(name, base)
	g.commit("base")
	g.git("switch", "-q", "-c", "theirs")
	g.write(name, theirs)
	g.commit("theirs")
	g.git("switch", "-q", "main")
	g.write(name, ours)
	g.commit("ours")
	out, err := g.run("git", "merge", "theirs", "-m", "merged")
	return out, err == nil
}

func TestGitDiffShowsCells(t *testing.T) {
	g := newGitRepo(t)
	g.constl("git-driver", "install")
	g.write("counts.csv", "id,site,count\n1,A,3\n2,B,7\n3,C,9\n")
	g.write("notes.csv", "no table,\x00")
	g.commit("first")
	g.write("counts.csv", "id,site,count\n1,A,3\n2,B,8\n3,C,9\n4,D,1\n")
	g.write("notes.csv", "no table,\x00, still")
	got := g.git("diff")
	want := "counts.csv  1 row added, 1 row modified (1 cell)\n  ~ id=2\n      count  7 → 8\n    id  site  count\n  + 4   D     1\n"
	if !strings.HasPrefix(got, want) || !strings.Contains(got, "notes.csv  modified, 10 bytes → 17 bytes") {
		t.Errorf("git diff printed\n%s\nwanted first\n%s", got, want)
	}
	g.git("mv", "counts.csv", "birds.csv")
	if got := g.git("diff", "-M", "HEAD"); !strings.Contains(got, "renamed to birds.csv") {
		t.Errorf("git diff of a renamed file printed\n%s", got)
	}
}

func TestGitMergeOfRows(t *testing.T) {
	g := newGitRepo(t)
	g.constl("git-driver", "install", "--local")
	if _, err := os.Stat(filepath.Join(g.dir, ".gitattributes")); err == nil {
		t.Error("--local wrote .gitattributes")
	}
	const head = "id,site,count\n"
	out, clean := g.mergeOf("c.csv", head+"1,A,3\n2,B,7\n", head+"1,A,4\n2,B,7\n3,C,1\n", head+"1,AA,3\n2,B,7\n4,D,2\n")
	if !clean {
		t.Fatal(out)
	}
	if got := g.read("c.csv"); got != head+"1,AA,4\n2,B,7\n3,C,1\n4,D,2\n" {
		t.Errorf("merged:\n%s", got)
	}
}

func TestGitMergeNamesConflicts(t *testing.T) {
	g := newGitRepo(t)
	g.constl("git-driver", "install")
	const head = "id,site,count\n"
	g.write("in/c.csv.conflicts.csv", "mine\n")
	out, clean := g.mergeOf("in/c.csv", head+"1,A,3\n2,B,7\n", head+"1,A,4\n2,B,7\n", head+"1,A,5\n2,BB,7\n")
	if clean || !strings.Contains(out, "in/c.csv: 1 conflict") {
		t.Errorf("the merge said (clean: %v):\n%s", clean, out)
	}
	if got := g.read("in/c.csv"); got != head+"1,A,4\n2,BB,7\n" {
		t.Errorf("merged:\n%s", got)
	}
	if got := g.read("in/c.csv.conflicts.csv"); got != "mine\n" {
		t.Errorf("a file that is no list of conflicts became\n%s", got)
	}
	list := g.read("in/c.csv.2.conflicts.csv")
	if !strings.HasPrefix(list, "key,column,base,ours,theirs,kind,detail\n1,count,3,4,5,cell,") {
		t.Errorf("the list of conflicts:\n%s", list)
	}
	if got := g.git("status", "--short"); !strings.Contains(got, "UU in/c.csv") {
		t.Errorf("git status: %s", got)
	}
}

func TestGitMergeOfWhatIsNoTable(t *testing.T) {
	g := newGitRepo(t)
	g.constl("git-driver", "install")
	out, clean := g.mergeOf("c.csv", "a\x00b\n1\n2\n3\n4\n", "a\x00c\n1\n2\n3\n4\n", "a\x00b\n1\n2\n3\n5\n")
	if clean || strings.Contains(g.read("c.csv"), "<<<<") {
		t.Errorf("a merge of binary files: clean: %v: %s", clean, out)
	}
}

func TestGitDriverIsInstalledOnce(t *testing.T) {
	g := newGitRepo(t)
	g.write(".gitattributes", "*.txt text")
	for range 2 {
		g.constl("git-driver", "install")
	}
	const lines = "*.csv diff=constl merge=constl\n*.tsv diff=constl merge=constl\n"
	if got := g.read(".gitattributes"); got != "*.txt text\n"+lines {
		t.Errorf(".gitattributes:\n%s", got)
	}
	g.constl("git-driver", "install", "--global")
	g.constl("git-driver", "uninstall")
	if got := g.read(".gitattributes"); got != "*.txt text\n" {
		t.Errorf("left in .gitattributes:\n%s", got)
	}
	if got := g.git("config", "merge.constl.driver"); !strings.HasSuffix(got, " git-driver merge %O %A %B %P\n") {
		t.Errorf("the global driver: %s", got)
	}
	g.constl("git-driver", "uninstall", "--global")
	g.constl("git-driver", "uninstall")
	if got, _ := g.run("git", "config", "--get-regexp", "constl"); got != "" {
		t.Errorf("left in git's settings: %s", got)
	}
}

// TestGitMergesOfRealTables merges what people have merged by hand, with the driver,
// and prints the verdict beside that of Git alone, which the case records.
func TestGitMergesOfRealTables(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join("..", "..", "testdata", "merges", "m*"))
	if err != nil || len(dirs) == 0 {
		t.Fatal("no merges", err)
	}
	alone, driven := 0, 0
	var table strings.Builder
	for _, dir := range dirs {
		g := newGitRepo(t)
		g.constl("git-driver", "install", "--local")
		name, texts := versionsOf(t, dir)
		out, clean := g.mergeOf(name, texts[0], texts[1], texts[2])
		if strings.Contains(g.read(name), "<<<<<<<") {
			t.Errorf("%s: a mark of a conflict stands in the table", dir)
		}
		if _, err := os.Stat(filepath.Join(g.dir, name+".conflicts.csv")); (err == nil) == clean {
			t.Errorf("%s: clean: %v, and the list of conflicts: %v\n%s", dir, clean, err, out)
		}
		git := verdictOfGit(t, dir)
		if git == "clean" {
			alone++
		}
		verdict := "conflict"
		if clean {
			verdict = "clean"
			driven++
		}
		fmt.Fprintf(&table, "  %-30s git alone: %-8s  with the driver: %s\n", filepath.Base(dir), git, verdict)
	}
	t.Logf("of %d real merges %d are clean with git alone, %d with the driver:\n%s", len(dirs), alone, driven, &table)
	if driven < 9 {
		t.Errorf("%d clean merges, once there were 9", driven)
	}
}

func verdictOfGit(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "case.json"))
	if err != nil {
		t.Fatal(err)
	}
	var c struct{ Git string }
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c.Git
}

func versionsOf(t *testing.T, dir string) (name string, texts []string) {
	t.Helper()
	for _, version := range []string{"base", "ours", "theirs"} {
		found, err := filepath.Glob(filepath.Join(dir, version+".?sv"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", version, found, err)
		}
		data, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		name = "table" + filepath.Ext(found[0])
		texts = append(texts, string(data))
	}
	return name, texts
}
