package object_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/object/objecttest"
)

// dataset returns a store with two commits of a tree with a large file, and the
// id of the later one.
func dataset(t *testing.T) (s *mem.Store, head, first object.ID) {
	t.Helper()
	s = mem.New()
	blob, err := object.WriteBlob(t.Context(), s, bytes.NewReader(random(1, 1<<20)))
	if err != nil {
		t.Fatal(err)
	}
	small, err := object.WriteBlob(t.Context(), s, bytes.NewReader([]byte("small")))
	if err != nil {
		t.Fatal(err)
	}
	var parents []object.ID
	for i := range 2 {
		entries := []object.TreeEntry{
			{Name: "a", Type: object.TypeFile, ID: blob.ID, Size: blob.Size, Sum: blob.Sum},
			{Name: "b", Type: object.TypeFile, ID: small.ID, Size: small.Size + int64(i), Sum: small.Sum},
		}
		c := testCommit(t)
		c.Tree, c.Parents = build(t, s, entries, object.ID{}), parents
		o, err := c.Object()
		if err != nil {
			t.Fatal(err)
		}
		id, err := s.Put(t.Context(), o, object.ID{})
		if err != nil {
			t.Fatal(err)
		}
		parents = []object.ID{id}
		if i == 0 {
			first = id
		}
	}
	return s, parents[0], first
}

func walk(t *testing.T, r object.Reader, roots []object.ID, opts *object.WalkOptions) (ids []object.ID) {
	t.Helper()
	err := object.Walk(t.Context(), r, roots, opts, func(id object.ID, o object.Object) error {
		if o.ID() != id {
			t.Errorf("%s came with another object", id)
		}
		ids = append(ids, id)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestWalkVisitsEverythingOnce(t *testing.T) {
	s, head, first := dataset(t)
	ids := walk(t, s, []object.ID{head, first, head}, nil)
	if len(ids) != s.Len() {
		t.Errorf("%d objects were visited, %d are there", len(ids), s.Len())
	}
	if ids[0] != head {
		t.Error("the walk does not begin at the root")
	}
	slices.SortFunc(ids, object.ID.Compare)
	if len(slices.Compact(ids)) != s.Len() {
		t.Error("an object was visited twice")
	}
	objecttest.Put(t, s, objecttest.Chunk(9, 9))
	if again := walk(t, s, []object.ID{head}, nil); len(again) != s.Len()-1 {
		t.Error("what cannot be reached was visited")
	}
}

func TestWalkSkipsAndSparesLeaves(t *testing.T) {
	s, head, first := dataset(t)
	below := walk(t, s, []object.ID{first}, nil)
	fresh := walk(t, s, []object.ID{head}, &object.WalkOptions{Skip: func(id object.ID) bool { return slices.Contains(below, id) }})
	if len(fresh) != 2 {
		t.Errorf("%d objects are new, want the commit and its tree", len(fresh))
	}
	var leaves []object.ID
	count := objecttest.NewFaulty(s, 0)
	upper := walk(t, count, []object.ID{head}, &object.WalkOptions{Leaf: func(id object.ID) error {
		leaves = append(leaves, id)
		return nil
	}})
	if len(upper)+len(leaves) != s.Len() || len(leaves) < 10 || count.Calls() != len(upper) {
		t.Errorf("%d objects read, %d leaves spared, %d reads", len(upper), len(leaves), count.Calls())
	}
}

func TestWalkFailures(t *testing.T) {
	s, head, _ := dataset(t)
	stop := errors.New("stop")
	if err := object.Walk(t.Context(), s, []object.ID{head}, nil, func(object.ID, object.Object) error { return stop }); err != stop {
		t.Errorf("%v, want the callback's own error", err)
	}
	none := func(object.ID, object.Object) error { return nil }
	if err := object.Walk(t.Context(), s, []object.ID{head}, &object.WalkOptions{Limit: 3}, none); err == nil {
		t.Error("more objects than the limit were visited")
	}
	if err := object.Walk(t.Context(), s, []object.ID{{1}}, nil, none); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("a missing root: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := object.Walk(ctx, s, []object.ID{head}, nil, none); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for n := 1; n <= s.Len(); n++ {
		var broken []object.ID
		var parents []object.ID
		visited := 0
		err := object.Walk(t.Context(), objecttest.NewFaulty(s, n), []object.ID{head}, &object.WalkOptions{
			Broken: func(id, parent object.ID, err error) error {
				if !errors.Is(err, objecttest.ErrInjected) {
					t.Error(err)
				}
				broken, parents = append(broken, id), append(parents, parent)
				return nil
			},
		}, func(object.ID, object.Object) error { visited++; return nil })
		if err != nil || len(broken) > 1 || (n == 1) != (visited == 0) {
			t.Errorf("read %d fails: %v, broken %v, %d visited", n, err, broken, visited)
		}
		if len(broken) == 1 && parents[0].IsZero() != (broken[0] == head) {
			t.Errorf("%s is said to be broken below %s", broken[0], parents[0])
		}
	}
}
