package repo

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/constl/constl/object"
)

const testdata = "../../testdata"

// realFiles returns every table of testdata by its path there.
func realFiles(t testing.TB) map[string][]byte {
	t.Helper()
	files := make(map[string][]byte)
	for _, pattern := range []string{"odd/*", "versions/*/v*", "merges/*/*"} {
		found, err := filepath.Glob(filepath.Join(testdata, filepath.FromSlash(pattern)))
		if err != nil || len(found) == 0 {
			t.Fatalf("no files for %s: %v", pattern, err)
		}
		for _, p := range found {
			data, err := os.ReadFile(p)
			if err != nil {
				t.Fatal(err)
			}
			rel, err := filepath.Rel(testdata, p)
			if err != nil {
				t.Fatal(err)
			}
			files[filepath.ToSlash(rel)] = data
		}
	}
	return files
}

// same fails the test unless the folder holds exactly the files.
func same(t *testing.T, what string, r *Repo, files map[string][]byte) {
	t.Helper()
	n := 0
	for name, data := range files {
		got, err := os.ReadFile(filepath.Join(r.Dir, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("%s: %s is not as it was committed (%v)", what, name, err)
		}
	}
	err := filepath.WalkDir(r.Dir, func(p string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && d.Name() == ".constl" {
			return fs.SkipDir
		}
		if d != nil && !d.IsDir() && d.Name() != "datapackage.json" {
			n++
		}
		return err
	})
	if err != nil || n != len(files) {
		t.Errorf("%s: %d files in the folder, expected %d (%v)", what, n, len(files), err)
	}
}

func TestEveryRealFileComesBackExactly(t *testing.T) {
	files := realFiles(t)
	r := dataset(t, person(t))
	for name, data := range files {
		put(t, r, name, string(data))
	}
	res, err := r.Commit(t.Context(), CommitOptions{Message: "all"})
	if err != nil {
		t.Fatal(err)
	}
	tables := 0
	for _, rec := range res.Recorded {
		if rec.Table != nil {
			tables++
		}
	}
	t.Logf("%d files, %d of them tables", len(files), tables)
	if tables < len(files)/2 {
		t.Errorf("only %d of %d files were understood as tables", tables, len(files))
	}
	if st, err := r.Status(t.Context()); err != nil || !st.Clean() {
		t.Errorf("the folder is not clean after the commit: %v", err)
	}
	for name := range files {
		if err := os.Remove(filepath.Join(r.Dir, filepath.FromSlash(name))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.Checkout(t.Context(), DefaultBranch); err != nil {
		t.Fatal(err)
	}
	same(t, "checkout", r, files)
	url, _ := serving(t, r)
	same(t, "clone", cloneOf(t, url, person(t)), files)
}

// TestRealHistories commits real tables version by version, as their keepers did.
func TestRealHistories(t *testing.T) {
	dirs, err := filepath.Glob(filepath.Join(testdata, "versions", "*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no histories: %v", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join(dir, "v*"))
			if err != nil || len(files) == 0 {
				t.Fatalf("no versions: %v", err)
			}
			r := dataset(t, person(t))
			name := "table" + filepath.Ext(files[0])
			var ids []object.ID
			var versions [][]byte
			for _, file := range files {
				data, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				if n := len(versions); n > 0 && bytes.Equal(data, versions[n-1]) {
					continue
				}
				put(t, r, name, string(data))
				ids, versions = append(ids, commit(t, r, filepath.Base(file))), append(versions, data)
			}
			for i, id := range ids {
				var out bytes.Buffer
				if err := r.Cat(t.Context(), &out, id.String()+":"+name, CatOptions{}); err != nil || !bytes.Equal(out.Bytes(), versions[i]) {
					t.Errorf("version %d is not as it was committed: %v", i+1, err)
				}
			}
			sound(t, r)
			t.Logf("%d versions: %d bytes here, %s in git", len(ids), size(t, r.path(packsDir)), gitSize(t, name, versions))
		})
	}
}

func size(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// gitSize returns the size of the same history in a pack of git's.
func gitSize(t *testing.T, name string, versions [][]byte) string {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		return "(no git here)"
	}
	dir := t.TempDir()
	git := func(stdin []byte, args ...string) {
		cmd := exec.Command("git", args...)
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
		cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL="+os.DevNull, "GIT_CONFIG_SYSTEM="+os.DevNull)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	var history bytes.Buffer
	for i, data := range versions {
		fmt.Fprintf(&history, "commit refs/heads/main\ncommitter a <a@b> %d +0000\ndata 1\nx\nM 100644 inline %s\ndata %d\n%s\n",
			1700000000+i, name, len(data), data)
	}
	git(nil, "init", "-q")
	git(history.Bytes(), "fast-import", "--quiet")
	git(nil, "gc", "-q")
	packs, err := filepath.Glob(filepath.Join(dir, ".git", "objects", "pack", "*.pack"))
	if err != nil || len(packs) != 1 {
		t.Fatalf("git made %d packs: %v", len(packs), err)
	}
	info, err := os.Stat(packs[0])
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%d bytes", info.Size())
}
