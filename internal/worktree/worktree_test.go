package worktree

import (
	"errors"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/google/go-cmp/cmp"
)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, StoreDir), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range files {
		p := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func paths(files []File) []string {
	var names []string
	for _, f := range files {
		names = append(names, f.Path)
	}
	return names
}

func TestScanListsSortedAndIgnores(t *testing.T) {
	dir := folder(t, map[string]string{
		"b.csv": "1", "a/z.csv": "2", "a.csv": "3", ".constl/x": "no", "~$book.xlsx": "no",
		"raw/huge.bin": "no", "raw/keep.csv": "4", "cache/x": "no", ".constlignore": "# big\nraw/*.bin\ncache/\n",
		"t.csv.conflicts.csv": "no",
	})
	ignore, err := ReadIgnore(dir)
	if err != nil {
		t.Fatal(err)
	}
	files, err := Scan(t.Context(), dir, ignore)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{".constlignore", "a.csv", "b.csv", "a/z.csv", "raw/keep.csv"}
	if diff := cmp.Diff(want, paths(files)); diff != "" {
		t.Error(diff)
	}
}

func TestIgnoreFileNamesTheBadLine(t *testing.T) {
	dir := folder(t, map[string]string{IgnoreFile: "ok\n[bad\n"})
	if _, err := ReadIgnore(dir); err == nil || !errors.Is(err, path.ErrBadPattern) {
		t.Errorf("got %v", err)
	}
}

func TestLinksStayInside(t *testing.T) {
	for _, c := range []struct {
		name, target string
		ok           bool
	}{
		{"a", "b", true}, {"d/a", "../b", true}, {"a", "../b", false}, {"d/a", "../../b", false},
		{"a", "/etc/passwd", false}, {"a", "C:\\x", false}, {"a", ".constl/refs", false}, {"a", "d/../../x", false},
	} {
		if err := CheckLink(c.name, c.target); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrEscapes) {
			t.Errorf("link %s to %s: %v", c.name, c.target, err)
		}
	}
	if runtime.GOOS == "windows" {
		return
	}
	dir := folder(t, map[string]string{"a": "1"})
	if err := os.Symlink("../outside", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := Scan(t.Context(), dir, nil); !errors.Is(err, ErrEscapes) {
		t.Errorf("got %v", err)
	}
}

func TestCacheTrustsOnlySettledStamps(t *testing.T) {
	dir := folder(t, map[string]string{"a": "1"})
	files, err := Scan(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, sum := files[0], object.Sum([]byte("1"))
	path := filepath.Join(dir, StoreDir, "stat")
	modified := time.Unix(0, f.Stamp.ModTime)

	cache := LoadCache(path)
	cache.Remember(f, sum, modified.Add(time.Millisecond))
	if _, ok := cache.Sum(f); ok {
		t.Error("a file read in the tick of its last change is trusted")
	}
	cache.Remember(f, sum, modified.Add(time.Minute))
	if err := cache.Save(files); err != nil {
		t.Fatal(err)
	}
	cache = LoadCache(path)
	if got, ok := cache.Sum(f); !ok || got != sum {
		t.Errorf("got %v, %v after a reload", got, ok)
	}
	grown := f
	grown.Stamp.Size++
	if _, ok := cache.Sum(grown); ok {
		t.Error("a grown file is trusted")
	}
	tree := object.Sum([]byte("tree"))
	if cache.Clean(files, tree) {
		t.Error("a folder that nobody compared is taken for clean")
	}
	cache.Same(files, tree)
	if err := cache.Save(files); err != nil {
		t.Fatal(err)
	}
	cache = LoadCache(path)
	if !cache.Clean(files, tree) || cache.Clean(files, sum) || cache.Clean(nil, tree) || cache.Clean([]File{grown}, tree) {
		t.Error("clean folders are mistaken")
	}
	cache.Remember(grown, sum, modified.Add(time.Minute))
	if cache.Clean(files, tree) {
		t.Error("a folder with a changed file is taken for clean")
	}
	if err := os.WriteFile(path, []byte("damaged"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, ok := LoadCache(path).Sum(f); ok {
		t.Error("a damaged cache is used")
	}
}

func text(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

func TestStageChangesNothingBeforeApply(t *testing.T) {
	dir := folder(t, map[string]string{"a": "old", "d/e/gone": "x"})
	s, err := NewStage(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.Write("a", false, text("new")), s.Write("n/m/b", true, text("b")), s.Remove("d/e/gone")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "a")); string(data) != "old" {
		t.Errorf("a is %q before Apply", data)
	}
	if err := s.Apply(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := Scan(t.Context(), dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "n/m/b"}, paths(files)); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Stat(filepath.Join(dir, "d")); err == nil {
		t.Error("an emptied folder stays")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, StoreDir, "*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestStageRefusesPathsOutside(t *testing.T) {
	dir := folder(t, nil)
	s, err := NewStage(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, name := range []string{"", "..", "../x", "/x", "a/../../x", ".constl/refs/x", ".CONSTL/x", "a\\b", "a//b", "./a"} {
		if err := s.Write(name, false, text("x")); !errors.Is(err, ErrEscapes) {
			t.Errorf("%q: %v", name, err)
		}
		if err := s.Remove(name); !errors.Is(err, ErrEscapes) {
			t.Errorf("removing %q: %v", name, err)
		}
	}
}

func TestStageDoesNotFollowLinksOut(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	outside := t.TempDir()
	dir := folder(t, nil)
	if err := os.Symlink(outside, filepath.Join(dir, "d")); err != nil {
		t.Fatal(err)
	}
	s, err := NewStage(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Write("d/x", false, text("x")); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(); err == nil {
		t.Error("a file was placed through a link that leaves the folder")
	}
	if left, _ := os.ReadDir(outside); len(left) != 0 {
		t.Errorf("written outside: %v", left)
	}
}

func BenchmarkScan(b *testing.B) {
	dir := b.TempDir()
	for i := range 10_000 {
		p := filepath.Join(dir, "d"+string(rune('a'+i%20)), time.Duration(i).String())
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			b.Fatal(err)
		}
		if err := os.WriteFile(p, nil, 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := Scan(b.Context(), dir, nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/file")
}

// What a stage put in place is known without being read, until it is touched.
func TestWhatWasPlacedIsKnown(t *testing.T) {
	dir := folder(t, map[string]string{"a/b.csv": "old"})
	stage, err := NewStage(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer stage.Close()
	names := []string{"a/b.csv", "c.csv", "a.csv"}
	for _, name := range names {
		if err := stage.Write(name, false, func(w io.Writer) error { _, err := io.WriteString(w, "new"); return err }); err != nil {
			t.Fatal(err)
		}
	}
	stage.Settle()
	if err := stage.Apply(); err != nil {
		t.Fatal(err)
	}
	files, err := Scan(t.Context(), dir, &Ignore{})
	if err != nil {
		t.Fatal(err)
	}
	if len(stage.Placed()) != len(names) {
		if files[0].Stamp.coarse() {
			t.Skip("the file system counts seconds")
		}
		t.Fatalf("%d files of %d are known", len(stage.Placed()), len(names))
	}
	where, sum := filepath.Join(dir, StoreDir, "cache"), object.Sum([]byte("new"))
	cache := LoadCache(where)
	for _, f := range stage.Placed() {
		cache.Put(f, sum)
	}
	if err := cache.Save(nil); err != nil {
		t.Fatal(err)
	}
	cache = LoadCache(where)
	for _, f := range files {
		if got, ok := cache.Sum(f); !ok || got != sum {
			t.Errorf("%s is not known", f.Path)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "c.csv"), []byte("odd"), 0o644); err != nil {
		t.Fatal(err)
	}
	touched, err := Look(dir, "c.csv")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := cache.Sum(touched); ok {
		t.Error("a file that was written to since is still known")
	}
}

// A stage does nothing if a file that it watches was changed, made or removed meanwhile.
func TestStageWatches(t *testing.T) {
	for name, meanwhile := range map[string]func(t *testing.T, dir string){
		"changed": func(t *testing.T, dir string) { writeTo(t, dir, "a.csv", "mine") },
		"made":    func(t *testing.T, dir string) { writeTo(t, dir, "new.csv", "mine") },
		"removed": func(t *testing.T, dir string) {
			if err := os.Remove(filepath.Join(dir, "b.csv")); err != nil {
				t.Fatal(err)
			}
		},
		"": func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			dir := folder(t, map[string]string{"a.csv": "old", "b.csv": "old"})
			s, err := NewStage(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			s.Watch("a.csv", "b.csv", "new.csv")
			for _, file := range []string{"a.csv", "new.csv"} {
				if err := s.Write(file, false, func(w io.Writer) error { _, err := io.WriteString(w, "theirs"); return err }); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Remove("b.csv"); err != nil {
				t.Fatal(err)
			}
			meanwhile(t, dir)
			err = s.Apply()
			data, readErr := os.ReadFile(filepath.Join(dir, "a.csv"))
			if readErr != nil {
				t.Fatal(readErr)
			}
			if done := string(data) == "theirs"; done != (name == "") || errors.Is(err, ErrChanged) != (name != "") {
				t.Errorf("%v; a.csv is %q", err, data)
			}
		})
	}
}

func writeTo(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOpenElsewhere(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.csv": "", ".~lock.a.csv#": "", "b.xlsx": "", "~$b.xlsx": "", "c.csv": "", "sub/d.csv": "", "sub/.~lock.d.csv#": "",
	})
	got := OpenElsewhere(dir, []string{"a.csv", "b.xlsx", "c.csv", "sub/d.csv", "sub/a.csv"})
	if want := []string{"a.csv", "b.xlsx", "sub/d.csv"}; !slices.Equal(got, want) {
		t.Errorf("open are %v, want %v", got, want)
	}
}
