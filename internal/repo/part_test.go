package repo

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/tabular"
)

func partOf(t testing.TB, filters ...string) *Part {
	t.Helper()
	p := &Part{}
	for _, f := range filters {
		if err := p.AddFilter(f); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func clonePart(t testing.TB, url refs.URL, part *Part) (*Repo, *FetchResult) {
	t.Helper()
	r, res, err := ClonePart(t.Context(), url, filepath.Join(t.TempDir(), "part"), part, person(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r, res
}

// A column of a large table costs about its share, and as many round trips
// as a small one.
func TestColumnsOfALargeTable(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", manyRows(30000))
	put(t, r, "u.csv", manyRows(100))
	commit(t, r, "first")
	url, _ := serving(t, r)
	_, whole := clonePart(t, url, nil)
	c, some := clonePart(t, url, partOf(t, "columns=t.csv:id,count", "table=t.csv"))
	if some.Bytes > whole.Bytes/4 {
		t.Errorf("two of four columns, without the one that is noise, cost %d bytes, all %d", some.Bytes, whole.Bytes)
	}
	if some.Rounds > 5 {
		t.Errorf("%d round trips: commits, the folder, the table without cells, other files, cells", some.Rounds)
	}
	lines := strings.SplitAfterN(read(t, c, "t.csv"), "\n", 3)
	if lines[0] != "id,count\n" || !strings.HasPrefix(lines[1], "0,") {
		t.Errorf("t.csv begins with %q", lines[:2])
	}
	sound(t, c)

	put(t, r, "t.csv", strings.Replace(read(t, r, "t.csv"), "\n20000,", "\n20000,S9", 1))
	commit(t, r, "second")
	pulled, err := c.Pull(t.Context(), "", PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if pulled.Bytes > 5000 {
		t.Errorf("a changed cell that is not here cost %d bytes", pulled.Bytes)
	}
	sound(t, c)
}

// What a copy of a part records keeps, to the byte, what it does not have.
func TestCommitOfAPartKeepsTheRest(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", manyRows(5000))
	put(t, r, "deep/er/u.csv", manyRows(300))
	put(t, r, "deep/note.txt", "a note\n")
	commit(t, r, "first")
	url, _ := serving(t, r)
	for _, filters := range [][]string{
		{"table=deep/er"}, {"columns=id,site"}, {"rows=t.csv:id:17..1900"}, {"table=deep/*.txt", "columns=t.csv:note"},
	} {
		t.Run(fmt.Sprint(filters), func(t *testing.T) {
			c, _ := clonePart(t, url, partOf(t, filters...))
			before := tree(t, c)
			put(t, c, "mine.csv", "a,b\n1,2\n")
			commit(t, c, "mine")
			after := tree(t, c)
			for name, e := range before {
				if name != "datapackage.json" && after[name] != e {
					t.Errorf("%s was %v, and is %v", name, e, after[name])
				}
			}
			if len(after) != len(before)+1 {
				t.Errorf("%d files became %d", len(before), len(after))
			}
			st, err := c.Status(t.Context())
			if err != nil || !st.Clean() {
				t.Errorf("after the commit: %+v, %v", st, err)
			}
			sound(t, c)
			if _, err := c.GC(t.Context()); err != nil {
				t.Fatal(err)
			}
			sound(t, c)
			if _, err := c.Complete(t.Context(), Widen{Tables: true, Columns: true, History: true}); err != nil {
				t.Fatal(err)
			}
			if c.Part() != nil {
				t.Errorf("still a part: %s", c.Part())
			}
			for _, name := range []string{"t.csv", "deep/er/u.csv", "deep/note.txt"} {
				if read(t, c, name) != read(t, r, name) {
					t.Errorf("%s is not as it was committed", name)
				}
			}
			sound(t, c)
		})
	}
}

// tree returns all files of what is checked out.
func tree(t testing.TB, r *Repo) map[string]object.TreeEntry {
	t.Helper()
	head, err := r.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files, err := r.filesAt(t.Context(), head.Commit)
	if err != nil {
		t.Fatal(err)
	}
	return files.files
}

// A copy that lost an object of its part says so.
func TestFsckKnowsWhatBelongsToAPart(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", manyRows(3000))
	put(t, r, "u.csv", manyRows(3001))
	commit(t, r, "first")
	url, _ := serving(t, r)
	c, _ := clonePart(t, url, partOf(t, "columns=t.csv:id"))
	c.part = partOf(t, "columns=t.csv:id,note")
	res, err := c.Fsck(t.Context())
	if err != nil || len(res.Problems) == 0 {
		t.Errorf("a missing column: %+v, %v", res, err)
	}
}

func TestFilters(t *testing.T) {
	for _, text := range []string{"", "table", "table=", "table=[", "rows=t.csv:id", "rows=t.csv:id:1", "rows=t.csv:id:..2", "cols=x", "columns="} {
		if err := (&Part{}).AddFilter(text); !errors.Is(err, ErrFilter) {
			t.Errorf("%q: %v", text, err)
		}
	}
	p := partOf(t, "table=a/*.csv,notes", "columns=x,y", "columns=a/b.csv:z", "rows=a/c.csv:day:2026-01-01..2026-03-01")
	for name, here := range map[string]bool{"a/b.csv": true, "a/b/c.csv": false, "notes/1/2.txt": true, "notes.txt": false, "datapackage.json": true} {
		if p.has(name) != here {
			t.Errorf("%s is here: %t", name, !here)
		}
	}
	if got := fmt.Sprint(p.columns("q.csv"), p.columns("a/b.csv")); got != "[x y] [z]" {
		t.Errorf("columns %s", got)
	}
	for bounds, cells := range map[[2]string]map[string]bool{
		{"1.5", "3"}:     {"1": false, "2": true, "3": true, "3.0": true, "1.50": true, "1.49": false, "x": false},
		{"-3", "-0.5"}:   {"-1": true, "0": false, "-3": true, "-4": false},
		{"7", "1e30"}:    {"9223372036854775807": true, "99999999999999999999": true, "6": false},
		{"1e30", "1e31"}: {"9223372036854775807": false, "2000000000000000000000000000000": true},
	} {
		p := partOf(t, "rows=t.csv:n:"+bounds[0]+".."+bounds[1])
		s, err := p.selection("t.csv", &tabular.Schema{Fields: []tabular.Field{{ID: "n", Name: "n"}}})
		if err != nil {
			t.Fatal(err)
		}
		for cell, in := range cells {
			if s.takes(cell) != in {
				t.Errorf("%q lies from %s to %s: %t", cell, bounds[0], bounds[1], !in)
			}
		}
	}
	s := &selection{from: "2026-01-01", to: "2026-03-01"}
	for cell, in := range map[string]bool{"2026-01-01": true, "2026-02-30": true, "2026-03-02": false, "": false} {
		if s.takes(cell) != in {
			t.Errorf("%q lies between: %t", cell, !in)
		}
	}
}
