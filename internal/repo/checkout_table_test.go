package repo

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constl/constl/internal/worktree"
)

// What is copied from the file before is checked: a file that is not what it is taken
// for, and a trace that is none, do not change what is checked out.
func TestLargeTablesAreCopiedFromTheFileBefore(t *testing.T) {
	r := dataset(t, person(t))
	first := largeTable()
	second := strings.Replace(first, "\n40000,S", "\n40000,T", 1)
	put(t, r, "t.csv", first)
	one := commit(t, r, "first")
	put(t, r, "t.csv", second)
	two := commit(t, r, "second")
	for _, v := range []struct {
		rev  string
		want string
	}{{one.String(), first}, {two.String(), second}, {one.String(), first}} {
		if _, err := r.Checkout(t.Context(), v.rev); err != nil {
			t.Fatal(err)
		}
		if read(t, r, "t.csv") != v.want {
			t.Fatal("the file is not as it was committed")
		}
	}
	was, err := r.filesAt(t.Context(), one)
	if err != nil {
		t.Fatal(err)
	}
	next, err := r.filesAt(t.Context(), two)
	if err != nil {
		t.Fatal(err)
	}
	if f, before := r.fileBefore(t.Context(), "t.csv", was.files["t.csv"]); before == nil {
		t.Fatal("nothing is known of the file before")
	} else {
		f.Close()
	}
	for what, text := range map[string]string{
		"a byte":    "I" + first[1:],
		"the order": strings.Replace(strings.Replace(first, "\n111,", "\n311,", 1), "\n112,", "\n111,", 1),
		"nothing":   first,
	} {
		if err := os.WriteFile(filepath.Join(r.Dir, "t.csv"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		stage, err := worktree.NewStage(r.Dir)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.stageTable(t.Context(), r.store, stage, "t.csv", next.files["t.csv"], was.files["t.csv"]); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if err := stage.Apply(); err != nil {
			t.Fatal(err)
		}
		if err := stage.Close(); err != nil {
			t.Fatal(err)
		}
		if read(t, r, "t.csv") != second {
			t.Errorf("%s was changed in the file before, and is in the new one", what)
		}
		// Its trace took the place of the one before.
		if _, err := r.Checkout(t.Context(), two.String()); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Checkout(t.Context(), one.String()); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, r)
}
