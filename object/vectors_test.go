package object_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
)

// vectorStream is the 1 MiB stream of the vectors: the BLAKE3 of nothing, hashed
// again and again (FORMAT.md §4).
func vectorStream() []byte {
	b := make([]byte, 1<<20)
	for i, h := 0, object.Sum(nil); i < len(b); i += len(h) {
		h = object.Sum(h[:])
		copy(b[i:], h[:])
	}
	return b
}

// vectorEntries has every type of entry.
func vectorEntries() []object.TreeEntry {
	sum := object.Sum([]byte("x"))
	return []object.TreeEntry{
		{Name: "counts.csv", Type: object.TypeTable, ID: sum, Size: 12, Sum: sum},
		{Name: "latest", Type: object.TypeSymlink, ID: sum, Size: 10},
		{Name: "photos", Type: object.TypeDir, ID: sum},
		{Name: "run.sh", Type: object.TypeFile, Executable: true, ID: sum, Size: 300, Sum: sum},
		{Name: "Übersicht é.txt", Type: object.TypeFile, ID: sum, Sum: sum},
	}
}

// vectorObjects makes the objects that the vectors name. What stands in the
// vectors is never changed: ids are for ever.
func vectorObjects(t *testing.T) map[string]object.Object {
	t.Helper()
	s := mem.New()
	get := func(id object.ID, err error) object.Object {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		o, err := s.Get(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	blob := func(data []byte) object.Object {
		b, err := object.WriteBlob(t.Context(), s, bytes.NewReader(data))
		return get(b.ID, err)
	}
	commit, err := testCommit(t).Object()
	if err != nil {
		t.Fatal(err)
	}
	tag, err := testTag(t).Object()
	if err != nil {
		t.Fatal(err)
	}
	var many []object.TreeEntry
	for i := range 3000 {
		sum := object.Sum(fmt.Append(nil, i))
		many = append(many, object.TreeEntry{Name: fmt.Sprintf("sample-%06d.csv", i), Type: object.TypeFile, ID: sum, Size: int64(i), Sum: sum})
	}
	tree := func(entries []object.TreeEntry) object.Object {
		return get(object.BuildTree(t.Context(), s, entries, object.ID{}))
	}
	return map[string]object.Object{
		"empty file":      blob(nil),
		"hello":           blob([]byte("Hello, constl\n")),
		"stream":          blob(vectorStream()),
		"empty tree":      tree(nil),
		"tree":            tree(vectorEntries()),
		"tree of 3000":    tree(many),
		"commit":          commit,
		"tag":             tag,
		"segment of text": object.New(object.KindSegment, []byte("text")),
	}
}

func readVectors(t testing.TB, name string) (lines [][]string) {
	t.Helper()
	b, err := os.ReadFile("testdata/vectors/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			lines = append(lines, strings.Split(line, "|"))
		}
	}
	if len(lines) == 0 {
		t.Fatalf("%s has no vectors", name)
	}
	return lines
}

func TestVectors(t *testing.T) {
	want := make(map[string]bool)
	made := vectorObjects(t)
	for _, v := range readVectors(t, "objects.txt") {
		name, id := v[0], v[1]
		want[name] = true
		o, ok := made[name]
		if !ok {
			t.Errorf("nothing makes %q", name)
			continue
		}
		if got := o.ID().String(); got != id {
			t.Errorf("%s is %s now, and was %s: % x", name, got, id, []byte(o))
		}
		if err := o.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if hex := fmt.Sprintf("%x", []byte(o)); len(v) > 2 && hex != v[2] {
			t.Errorf("%s is %s", name, hex)
		}
	}
	for name := range made {
		if !want[name] {
			t.Errorf("no vector for %q: %s|%s|%x", name, name, made[name].ID(), []byte(made[name]))
		}
	}
}

func TestRefusedVectors(t *testing.T) {
	for _, v := range readVectors(t, "refused.txt") {
		b, err := hex.DecodeString(v[1])
		if err != nil {
			t.Fatal(err)
		}
		o := object.Object(b)
		err = o.Check()
		if err == nil {
			err = decodeAny(o)
		}
		if !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%s: %v, want one that wraps ErrCorrupt", v[0], err)
		}
	}
}

func decodeAny(o object.Object) (err error) {
	s := one{o}
	switch o.Kind() {
	case object.KindCommit:
		_, err = object.DecodeCommit(o)
	case object.KindTag:
		_, err = object.DecodeTag(o)
	case object.KindTree:
		_, err = object.ReadTree(context.Background(), s, o.ID())
	case object.KindBlob:
		_, err = object.OpenBlob(context.Background(), s, o.ID())
	}
	return err
}

// one is a store of one object.
type one struct{ o object.Object }

func (s one) Get(_ context.Context, id object.ID) (object.Object, error) {
	if id != s.o.ID() {
		return nil, object.NotFound(id)
	}
	return s.o, nil
}

func (s one) Has(_ context.Context, id object.ID) (bool, error) { return id == s.o.ID(), nil }
