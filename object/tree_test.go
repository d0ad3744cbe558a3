package object_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/object/objecttest"
)

func fileEntry(name string, version int) object.TreeEntry {
	sum := object.Sum([]byte(fmt.Sprint(name, version)))
	return object.TreeEntry{Name: name, Type: object.TypeFile, ID: sum, Size: int64(version), Sum: sum}
}

func manyEntries(n int) []object.TreeEntry {
	var entries []object.TreeEntry
	for i := range n {
		entries = append(entries, fileEntry(fmt.Sprintf("sample-%06d.csv", i), 1))
	}
	return entries
}

func build(t testing.TB, rw object.ReadWriter, entries []object.TreeEntry, base object.ID) object.ID {
	t.Helper()
	id, err := object.BuildTree(t.Context(), rw, entries, base)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func TestTreeRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 2, 300, 5000, 40_000} {
		s := mem.New()
		want := manyEntries(n)
		shuffled := append([]object.TreeEntry(nil), want...)
		rand.New(rand.NewPCG(1, 1)).Shuffle(n, func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		id := build(t, s, shuffled, object.ID{})
		got, err := object.ReadTree(t.Context(), s, id)
		if err != nil || len(got) != n || n <= 5000 && !cmp.Equal(got, want) {
			t.Errorf("%d entries come back as %d, %v", n, len(got), err)
		}
		for i := 0; i < n; i += 1 + n/50 {
			e, ok, err := object.LookupEntry(t.Context(), s, id, want[i].Name)
			if err != nil || !ok || e != want[i] {
				t.Errorf("LookupEntry(%s) = %+v, %v, %v", want[i].Name, e, ok, err)
			}
			if _, ok, err := object.LookupEntry(t.Context(), s, id, want[i].Name+"x"); ok || err != nil {
				t.Errorf("LookupEntry of no entry = %v, %v", ok, err)
			}
		}
	}
}

func TestTreeEntryTypes(t *testing.T) {
	sum := object.Sum([]byte("x"))
	want := []object.TreeEntry{
		{Name: "data.csv", Type: object.TypeTable, ID: sum, Size: 12, Sum: sum},
		{Name: "latest", Type: object.TypeSymlink, ID: sum, Size: 5},
		{Name: "photos", Type: object.TypeDir, ID: sum},
		{Name: "run.sh", Type: object.TypeFile, Executable: true, ID: sum, Size: 1, Sum: sum},
		{Name: "Ärger é", Type: object.TypeFile, ID: sum, Sum: sum},
	}
	s := mem.New()
	got, err := object.ReadTree(t.Context(), s, build(t, s, want, object.ID{}))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, e := range []object.TreeEntry{
		{Name: "a", Type: 5, ID: sum},
		{Name: "a", Type: object.TypeDir, ID: sum, Size: 1},
		{Name: "a", Type: object.TypeDir, ID: sum, Executable: true},
		{Name: "a", Type: object.TypeSymlink, ID: sum, Sum: sum},
		{Name: "a", Type: object.TypeFile, ID: sum, Size: -1},
		{Name: "a", Type: object.TypeFile},
	} {
		if _, err := object.BuildTree(t.Context(), s, []object.TreeEntry{e}, object.ID{}); err == nil {
			t.Errorf("%+v was stored", e)
		}
	}
}

func TestNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "a/b", `a\b`, "a\x00", "a\n", "\u0085", "\xff", ".constl", ".CONSTL", strings.Repeat("é", 128)} {
		if err := object.CheckName(name); !errors.Is(err, object.ErrName) {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
		if _, err := object.BuildTree(t.Context(), mem.New(), []object.TreeEntry{fileEntry(name, 1)}, object.ID{}); !errors.Is(err, object.ErrName) {
			t.Errorf("BuildTree with %q = %v", name, err)
		}
	}
	for _, name := range []string{"a", "...", ".constlx", "con", "x y", "Ünïcode", strings.Repeat("x", 255)} {
		if err := object.CheckName(name); err != nil {
			t.Errorf("CheckName(%q) = %v", name, err)
		}
	}
	if _, err := object.BuildTree(t.Context(), mem.New(), []object.TreeEntry{fileEntry("a", 1), fileEntry("a", 2)}, object.ID{}); !errors.Is(err, object.ErrName) {
		t.Errorf("a name twice: %v", err)
	}
	compose := strings.NewReplacer("e\u0301", "é").Replace
	for _, twins := range [][]string{{"Data.csv", "data.csv"}, {"STRASSE", "Straſſe"}, {"K", "\u212a"}, {"é", "E\u0301"}, {"é", "e\u0301"}} {
		err := object.CheckNames(twins, compose)
		if strings.ContainsAny(twins[0], "é") && twins[1][0] == 'E' {
			continue // the stand-in for normalization knows small letters only
		}
		if !errors.Is(err, object.ErrName) {
			t.Errorf("CheckNames(%q) = %v", twins, err)
		}
	}
	if err := object.CheckNames([]string{"a", "b", "é", "e"}, nil); err != nil {
		t.Error(err)
	}
}

// change is what CompareTrees reports.
type change struct{ A, B string }

func describe(e *object.TreeEntry) string {
	if e == nil {
		return ""
	}
	return fmt.Sprintf("%s %d", e.Name, e.Size)
}

func compare(t *testing.T, r object.Reader, a, b object.ID) (changes []change) {
	t.Helper()
	err := object.CompareTrees(t.Context(), r, a, b, func(x, y *object.TreeEntry) error {
		changes = append(changes, change{describe(x), describe(y)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

func TestCompareTrees(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := mem.New()
		n := rapid.SampledFrom([]int{0, 3, 700, 1500}).Draw(rt, "n")
		a := manyEntries(n)
		var b []object.TreeEntry
		var want []change
		edits := rapid.MapOf(rapid.IntRange(0, max(n, 1)), rapid.IntRange(0, 2)).Draw(rt, "edits")
		for i := 0; i <= n; i++ {
			edit, ok := edits[i]
			if ok && edit == 0 {
				name := fmt.Sprintf("sample-%06d-", i)
				if i > 0 {
					name = fmt.Sprintf("sample-%06d.csv.new", i-1)
				}
				e := fileEntry(name, 3)
				if i == 0 {
					e = fileEntry("first", 3)
				}
				b = append(b, e)
				want = append(want, change{"", describe(&e)})
			}
			if i == n {
				break
			}
			switch {
			case ok && edit == 1:
				want = append(want, change{describe(&a[i]), ""})
			case ok && edit == 2:
				e := fileEntry(a[i].Name, 2)
				b = append(b, e)
				want = append(want, change{describe(&a[i]), describe(&e)})
			default:
				b = append(b, a[i])
			}
		}
		x := build(t, s, a, object.ID{})
		y := build(t, s, b, x)
		if diff := cmp.Diff(want, compare(t, s, x, y)); diff != "" {
			rt.Fatal(diff)
		}
		if again := build(t, s, b, object.ID{}); again != y {
			rt.Fatal("the id depends on the base")
		}
	})
}

func TestCompareReadsLittle(t *testing.T) {
	s := mem.New()
	entries := manyEntries(30_000)
	a := build(t, s, entries, object.ID{})
	entries[15_000] = fileEntry(entries[15_000].Name, 2)
	entries = append(entries[:7_000], entries[7_001:]...)
	before := s.Len()
	b := build(t, s, entries, a)
	if fresh := s.Len() - before; fresh > 12 {
		t.Errorf("two changes made %d new nodes", fresh)
	}
	count := objecttest.NewFaulty(s, 0)
	if got := compare(t, count, a, b); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if count.Calls() > 24 {
		t.Errorf("%d nodes were read", count.Calls())
	}
	if got := compare(t, count, object.ID{}, a); len(got) != 30_000 {
		t.Errorf("%d entries against none", len(got))
	}
}

func TestCompareTreesFailures(t *testing.T) {
	s := mem.New()
	a, b := build(t, s, manyEntries(3000), object.ID{}), build(t, s, manyEntries(2000), object.ID{})
	stop := errors.New("stop")
	if err := object.CompareTrees(t.Context(), s, a, b, func(x, y *object.TreeEntry) error { return stop }); err != stop {
		t.Errorf("%v, want the callback's own error", err)
	}
	count := objecttest.NewFaulty(s, 0)
	compare(t, count, a, b)
	for n := 1; n <= count.Calls(); n++ {
		err := object.CompareTrees(t.Context(), objecttest.NewFaulty(s, n), a, b, func(x, y *object.TreeEntry) error { return nil })
		if !errors.Is(err, objecttest.ErrInjected) {
			t.Errorf("call %d failed and CompareTrees says %v", n, err)
		}
	}
}

// Nodes that are well formed each, but do not make up the tree that the same
// entries always make, are refused.
func TestTreesOfOtherShapeAreRefused(t *testing.T) {
	put := func(s *mem.Store, build func(e *object.Encoder)) object.ID {
		var e object.Encoder
		build(&e)
		id, err := s.Put(t.Context(), e.Object(object.KindTree), object.ID{})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	leaf := func(s *mem.Store, names ...string) object.ID {
		return put(s, func(e *object.Encoder) {
			e.Uvarint(0)
			for _, n := range names {
				e.Text(n)
				e.Byte(byte(object.TypeDir))
				e.Link(object.Sum([]byte(n)))
			}
		})
	}
	type child struct {
		last  string
		count uint64
		names []string
	}
	inner := func(height uint64, children ...child) func(*mem.Store) object.ID {
		return func(s *mem.Store) object.ID {
			return put(s, func(e *object.Encoder) {
				e.Uvarint(height)
				for _, c := range children {
					e.Text(c.last)
					e.Uvarint(c.count)
					e.Link(leaf(s, c.names...))
				}
			})
		}
	}
	for name, make := range map[string]func(*mem.Store) object.ID{
		"split without need":  inner(1, child{"b", 2, []string{"a", "b"}}, child{"d", 2, []string{"c", "d"}}),
		"root with one child": inner(1, child{"b", 2, []string{"a", "b"}}),
		"wrong count":         inner(1, child{"b", 3, []string{"a", "b"}}),
		"wrong last name":     inner(1, child{"c", 2, []string{"a", "b"}}),
		"wrong height":        inner(2, child{"b", 2, []string{"a", "b"}}, child{"c", 1, []string{"c"}}),
		"empty node":          inner(1, child{"b", 0, nil}),
		"names out of order":  func(s *mem.Store) object.ID { return leaf(s, "b", "a") },
		"a name twice":        func(s *mem.Store) object.ID { return leaf(s, "a", "a") },
		"a name not allowed":  func(s *mem.Store) object.ID { return leaf(s, "a", "b/c") },
		"over-long node":      func(s *mem.Store) object.ID { return leaf(s, numbered(1100)...) },
		"not a tree": func(s *mem.Store) object.ID {
			id, _ := s.Put(t.Context(), objecttest.Chunk(1, 1), object.ID{})
			return id
		},
		"inner without nodes":   inner(1),
		"children not a tree's": func(s *mem.Store) object.ID { return put(s, func(e *object.Encoder) { e.Uvarint(9) }) },
	} {
		s := mem.New()
		if got, err := object.ReadTree(t.Context(), s, make(s)); !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%s: %d entries, %v", name, len(got), err)
		}
	}
}

func numbered(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%05d", i))
	}
	return names
}

func TestReadTreeFailures(t *testing.T) {
	s := mem.New()
	id := build(t, s, manyEntries(2000), object.ID{})
	if _, err := object.ReadTree(t.Context(), s, object.ID{1}); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("a missing tree: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := object.ReadTree(ctx, s, id); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	n := 0
	for range object.TreeEntries(t.Context(), s, id) {
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("stopped after %d", n)
	}
}

func BenchmarkBuildTree(b *testing.B) {
	entries := manyEntries(30_000)
	for b.Loop() {
		build(b, mem.New(), entries, object.ID{})
	}
}
