package repo

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A large table's next version is what its file says, whatever is left of the
// trace of the version before.
func TestLargeTablesAreTraced(t *testing.T) {
	r := dataset(t, person(t))
	text := largeTable()
	put(t, r, "t.csv", text)
	commit(t, r, "first")
	traces := func() []string {
		files, err := filepath.Glob(filepath.Join(r.path(tracesDir), "*"))
		if err != nil {
			t.Fatal(err)
		}
		return files
	}
	for i, harm := range []func(path string) error{
		func(string) error { return nil },
		os.Remove,
		func(path string) error { return os.Truncate(path, 100) },
		func(path string) error { return os.WriteFile(path, []byte("nonsense"), 0o644) },
	} {
		files := traces()
		if len(files) != 1 {
			t.Fatalf("%d traces of one table", len(files))
		}
		if err := harm(files[0]); err != nil {
			t.Fatal(err)
		}
		text = strings.Replace(text, fmt.Sprintf("\n%d,S", 40_000+i), fmt.Sprintf("\n%d,T", 40_000+i), 1)
		put(t, r, "t.csv", text)
		commit(t, r, "a cell")
		if err := os.Remove(filepath.Join(r.Dir, "t.csv")); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Restore(t.Context(), "HEAD", []string{"t.csv"}); err != nil {
			t.Fatal(err)
		}
		if read(t, r, "t.csv") != text {
			t.Fatalf("version %d came back otherwise", i)
		}
	}
	sound(t, r)
	if _, err := r.GC(t.Context()); err != nil {
		t.Fatal(err)
	}
	if files := traces(); len(files) > 0 {
		t.Errorf("%d traces are left after gc", len(files))
	}
}

// largeTable is the text of a table that is large enough for a trace.
func largeTable() string {
	var b strings.Builder
	b.WriteString("id,site,count\n")
	for i := range 80_000 {
		fmt.Fprintf(&b, "%d,S%d,%d\n", i, i%17, i*7%5000)
	}
	return b.String()
}
