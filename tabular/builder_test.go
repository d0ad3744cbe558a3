package tabular

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/constl/constl/object"
)

// drawGrid draws a table of odd cells. Now and then it repeats rows until groups
// end by their number.
func drawGrid(t *rapid.T) *grid {
	width := rapid.IntRange(1, 5).Draw(t, "width")
	g := &grid{}
	for c := range width {
		g.names = append(g.names, fmt.Sprintf("f%d", c))
	}
	if rapid.Bool().Draw(t, "keyed") {
		g.chunkedBy = []string{g.names[width-1]}
	}
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", "NA", "1", "-2", "3.50", "2020-02-29", "S7", "ü", "\x00\xff"}),
		rapid.StringN(0, 20, 40),
	)
	row := rapid.SliceOfN(text, width, width)
	g.rows = rapid.SliceOfN(row, 0, 30).Draw(t, "rows")
	if len(g.rows) > 0 && rapid.IntRange(0, 3).Draw(t, "long") == 0 {
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		for range rapid.IntRange(1000, 20_000).Draw(t, "more") {
			again := slices.Clone(g.rows[r.IntN(len(g.rows))])
			again[width-1] = fmt.Sprint(r.Uint32())
			g.rows = append(g.rows, again)
		}
	}
	if n := len(g.rows); n > 0 {
		for range rapid.IntRange(0, 5).Draw(t, "exceptions") {
			g.exceptions = append(g.exceptions, Exception{
				Row:  rapid.IntRange(0, n-1).Draw(t, "row"),
				Col:  rapid.IntRange(WholeRow, width-1).Draw(t, "col"),
				Code: uint8(rapid.IntRange(0, 3).Draw(t, "code")),
				Text: []byte(rapid.StringN(0, 5, 10).Draw(t, "text")),
			})
		}
		slices.SortFunc(g.exceptions, func(a, b Exception) int { return compareExceptions(&a, &b) })
		g.exceptions = slices.CompactFunc(g.exceptions, func(a, b Exception) bool { return compareExceptions(&a, &b) == 0 })
	}
	return g
}

func TestBuildAndRead(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := drawGrid(rt)
		store := newStore()
		size := rapid.IntRange(1, 20_000).Draw(rt, "size")
		if len(g.rows) > 1000 {
			size += 500
		}
		table := g.build(t, store, size, nil)
		got := read(t, table)
		if diff := cmp.Diff(g.rows, got.rows, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatal(diff)
		}
		if diff := cmp.Diff(g.exceptions, got.exceptions, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatal(diff)
		}
		if table.Rows != int64(len(g.rows)) || string(table.Layout.Data) != string(testLayout.Data) {
			rt.Fatalf("%d rows, layout %q", table.Rows, table.Layout.Data)
		}
		other := g.build(t, newStore(), size+7, &BuilderOptions{Workers: 1, Parent: table})
		if table.ID != other.ID {
			rt.Fatal("the id depends on batches, workers or parent")
		}
		if err := table.Check(t.Context()); err != nil {
			rt.Fatal(err)
		}
	})
}

// TestAddGroup takes groups of an older table by reference, at changed places.
func TestAddGroup(t *testing.T) {
	old := observations(60_000, 1)
	store := newStore()
	table := old.build(t, store, 5000, nil)
	edited := old.clone()
	edited.rows = slices.Insert(edited.rows, 30_000, []string{"299995", "S1", "", "", "", "", "", "new"})
	edited.rows = slices.Delete(edited.rows, 10, 12)
	want := edited.build(t, newStore(), 5000, nil)

	b := NewBuilder(t.Context(), store, table.width, []int{0}, nil)
	defer b.Close()
	for ref, err := range table.Groups(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		end := ref.First + int64(ref.Rows)
		var add error
		switch {
		case ref.First == 0:
			add = errors.Join(b.Add(old.batch(0, 10)), b.Add(old.batch(12, int(end))))
		case ref.First <= 30_000 && 30_000 < end:
			add = errors.Join(b.Add(old.batch(int(ref.First), 30_000)), b.Add(edited.batch(29_998, 29_999)), b.Add(old.batch(30_000, int(end))))
		default:
			add = b.AddGroup(table, ref)
		}
		if add != nil {
			t.Fatal(add)
		}
	}
	if got := finish(t, store, b, old.schema()); got.ID != want.ID {
		t.Fatal("AddGroup makes another table than Add")
	}
}

func TestAddGroupOutOfStep(t *testing.T) {
	old := observations(20_000, 1)
	store := newStore()
	table := old.build(t, store, 5000, nil)
	for name, chunkedBy := range map[string][]int{"shifted rows": {0}, "other chunking": {2}} {
		t.Run(name, func(t *testing.T) {
			b := NewBuilder(t.Context(), store, table.width, chunkedBy, nil)
			defer b.Close()
			first := []string{"-5", "S1", "x", "", "", "", "", ""}
			want := &grid{names: old.names, chunkedBy: []string{old.names[chunkedBy[0]]}, rows: append([][]string{first}, old.rows...)}
			if err := b.Add(want.batch(0, 1)); err != nil {
				t.Fatal(err)
			}
			for ref, err := range table.Groups(t.Context()) {
				if err := errors.Join(err, b.AddGroup(table, ref)); err != nil {
					t.Fatal(err)
				}
			}
			if got := finish(t, store, b, want.schema()); got.ID != want.build(t, newStore(), 999, nil).ID {
				t.Fatal("another table than by Add")
			}
		})
	}
}

// TestEditsShareGroups asserts what storage and exchange rely on: a small edit
// leaves almost all groups as they are.
func TestEditsShareGroups(t *testing.T) {
	g := observations(100_000, 3)
	base := g.build(t, newStore(), 10_000, nil)
	groups := 0
	for range base.Groups(t.Context()) {
		groups++
	}
	if groups < 10 || groups > 50 {
		t.Fatalf("%d groups", groups)
	}
	inserted := g.clone()
	inserted.rows = slices.Insert(inserted.rows, 50_000, []string{"499995", "S1", "", "", "", "", "", ""})
	changed := g.clone()
	changed.rows[70_000][4] = "4711"
	deleted := g.clone()
	deleted.rows = slices.Delete(deleted.rows, 20_000, 20_001)
	for name, edit := range map[string]*grid{"insert": inserted, "change": changed, "delete": deleted} {
		onlyA, onlyB, err := ChangedGroups(t.Context(), base, edit.build(t, newStore(), 10_000, nil))
		if err != nil {
			t.Fatal(err)
		}
		if len(onlyA) == 0 || len(onlyA) > 2 || len(onlyB) > 2 {
			t.Errorf("%s: %d groups became %d others", name, len(onlyA), len(onlyB))
		}
	}
}

// TestNewColumnMovesNoBoundary asserts that an added column shares the segments
// of all others.
func TestNewColumnMovesNoBoundary(t *testing.T) {
	g := observations(50_000, 3)
	store := newStore()
	before := g.build(t, store, 10_000, nil)
	wider := g.clone()
	wider.names = append(slices.Clone(g.names), "quality")
	for i := range wider.rows {
		wider.rows[i] = append(wider.rows[i], "ABC"[i%3:i%3+1])
	}
	after := wider.build(t, store, 10_000, &BuilderOptions{Parent: before, ParentColumns: []int{0, 1, 2, 3, 4, 5, 6, 7, -1}})
	a, b := groupsOf(t, before), groupsOf(t, after)
	if len(a) != len(b) {
		t.Fatalf("%d groups became %d", len(a), len(b))
	}
	for i := range a {
		for c := range g.names {
			if !a[i].SameCells(c, b[i], c) {
				t.Fatalf("column %d of group %d has another segment", c, i)
			}
		}
	}
}

func groupsOf(t testing.TB, table *Table) []*Group {
	t.Helper()
	var groups []*Group
	for ref, err := range table.Groups(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		g, err := table.Group(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		groups = append(groups, g)
	}
	return groups
}

// TestWideRows checks that rows of many bytes are cut by content too.
func TestWideRows(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	g := &grid{names: []string{"id", "text"}, chunkedBy: []string{"id"}}
	pad := strings.Repeat("x", 30_000)
	for i := range 400 {
		g.rows = append(g.rows, []string{fmt.Sprint(r.Uint64(), i), pad})
	}
	base := g.build(t, newStore(), 37, nil)
	if diff := cmp.Diff(g.rows, read(t, base).rows); diff != "" {
		t.Fatal(diff)
	}
	g.rows = slices.Insert(g.rows, 5, []string{"new", pad})
	onlyA, onlyB, err := ChangedGroups(t.Context(), base, g.build(t, newStore(), 37, nil))
	if err != nil || len(onlyA) > 2 || len(onlyB) > 2 {
		t.Fatalf("an inserted row changed %d groups to %d, %v", len(onlyA), len(onlyB), err)
	}
}

func TestManyColumns(t *testing.T) {
	g := &grid{chunkedBy: []string{"c0"}}
	for c := range 4_000 {
		g.names = append(g.names, fmt.Sprintf("c%d", c))
	}
	for i := range 60 {
		row := make([]string, len(g.names))
		for c := range row {
			row[c] = fmt.Sprint(i * c % 97)
		}
		g.rows = append(g.rows, row)
	}
	store := newStore()
	table := g.build(t, store, 9, nil)
	if diff := cmp.Diff(g.rows, read(t, table).rows); diff != "" {
		t.Fatal(diff)
	}
	if store.Len() > 20 {
		t.Errorf("%d objects for a table of %d rows", store.Len(), len(g.rows))
	}
}

func TestUnique(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(rows [][]string)
		want bool
	}{
		"rising":   {func([][]string) {}, true},
		"shuffled": {func(rows [][]string) { rows[3], rows[19_000] = rows[19_000], rows[3] }, true},
		"repeated": {func(rows [][]string) { rows[19_999][0] = rows[2][0] }, false},
	} {
		t.Run(name, func(t *testing.T) {
			g := observations(20_000, 1)
			c.edit(g.rows)
			store := newStore()
			b := NewBuilder(t.Context(), store, len(g.names), []int{0}, nil)
			defer b.Close()
			for from := 0; from < len(g.rows); from += 3000 {
				if err := b.Add(g.batch(from, min(from+3000, len(g.rows)))); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := b.Unique([]int{0}); err != nil || got != c.want {
				t.Fatalf("Unique = %v, %v", got, err)
			}
			table := finish(t, store, b, g.schema())
			for _, batch := range []int64{uniqueBatch, 3000} {
				if got, err := table.unique(t.Context(), []int{0}, batch); err != nil || got != c.want {
					t.Errorf("in batches of %d: %v, %v", batch, got, err)
				}
			}
		})
	}
}

func TestRange(t *testing.T) {
	g := observations(30_000, 1)
	table := g.build(t, newStore(), 10_000, nil)
	for _, c := range []struct{ from, to int64 }{{0, 1}, {29_999, 50_000}, {100, 25_000}, {5, 5}, {-3, 2}} {
		var got [][]string
		for s, err := range table.Range(t.Context(), c.from, c.to, []int{3, 0}) {
			if err != nil {
				t.Fatal(err)
			}
			for r := s.From; r < s.To; r++ {
				got = append(got, []string{string(s.Columns[0].At(r)), string(s.Columns[1].At(r))})
			}
		}
		var want [][]string
		for r := max(c.from, 0); r < min(c.to, 30_000); r++ {
			want = append(want, []string{g.rows[r][3], g.rows[r][0]})
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v: %s", c, diff)
		}
	}
	ref, err := table.GroupAt(t.Context(), 17_000)
	if err != nil || ref.First > 17_000 || ref.First+int64(ref.Rows) <= 17_000 {
		t.Errorf("GroupAt = %+v, %v", ref, err)
	}
	if _, err := table.GroupAt(t.Context(), 30_000); !errors.Is(err, ErrOutOfRange) {
		t.Errorf("GroupAt past the end: %v", err)
	}
}

func TestBuilderMisuse(t *testing.T) {
	g := observations(10, 1)
	add := func(b *Builder) error { return b.Add(g.batch(0, 10)) }
	for name, c := range map[string]struct {
		width     int
		chunkedBy []int
		use       func(*Builder) error
		want      error
	}{
		"no columns":     {0, nil, add, ErrTooLarge},
		"no such column": {8, []int{8}, add, ErrMisused},
		"other width":    {7, nil, add, ErrMisused},
		"other chunking": {8, []int{1}, func(b *Builder) error { _, err := b.Finish(g.schema(), Layout{}); return err }, ErrMisused},
		"a layout too big": {8, []int{0}, func(b *Builder) error {
			_, err := b.Finish(g.schema(), Layout{Data: make([]byte, MaxLayout+1)})
			return err
		}, ErrTooLarge},
		"a cell too long": {1, nil, func(b *Builder) error {
			return b.Add(Rows{Width: 1, Buf: make([]byte, MaxCell+1), Cells: []Ref{{0, MaxCell + 1}}})
		}, ErrTooLarge},
		"an exception outside": {1, nil, func(b *Builder) error {
			return b.Add(Rows{Width: 1, Cells: []Ref{{}}, Exceptions: []Exception{{Row: 1}}})
		}, ErrMisused},
		"rows after the end": {8, []int{0}, func(b *Builder) error {
			if _, err := b.Columns(); err != nil {
				return err
			}
			return add(b)
		}, ErrMisused},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewBuilder(t.Context(), newStore(), c.width, c.chunkedBy, nil)
			defer b.Close()
			err := c.use(b)
			if err == nil {
				_, err = b.Columns()
			}
			if !errors.Is(err, c.want) {
				t.Errorf("%v, expected %v", err, c.want)
			}
		})
	}
}

// full is a store that takes only so many objects.
type full struct {
	object.ReadWriter
	left chan struct{}
}

var errFull = errors.New("disk full")

func (f full) Put(ctx context.Context, o object.Object, bases ...object.ID) (object.ID, error) {
	select {
	case <-f.left:
		return f.ReadWriter.Put(ctx, o, bases...)
	default:
		return object.ID{}, errFull
	}
}

func TestBuilderStopsAtFirstError(t *testing.T) {
	defer goleak.VerifyNone(t)
	g := observations(30_000, 1)
	whole := newStore()
	g.build(t, whole, 1000, nil)
	for n := 0; n < whole.Len(); n += 3 {
		left := make(chan struct{}, n)
		for range n {
			left <- struct{}{}
		}
		b := NewBuilder(t.Context(), full{newStore(), left}, len(g.names), []int{0}, nil)
		var err error
		for from := 0; from < len(g.rows) && err == nil; from += 1000 {
			err = b.Add(g.batch(from, from+1000))
		}
		if err == nil {
			_, err = b.Finish(g.schema(), testLayout)
		}
		b.Close()
		if !errors.Is(err, errFull) {
			t.Fatalf("after %d of %d objects: %v", n, whole.Len(), err)
		}
	}
}

func TestBuilderEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	ctx, cancel := context.WithCancel(t.Context())
	g := observations(30_000, 1)
	b := NewBuilder(ctx, newStore(), len(g.names), []int{0}, nil)
	defer b.Close()
	if err := b.Add(g.batch(0, 30_000)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := b.Finish(g.schema(), testLayout); !errors.Is(err, context.Canceled) {
		t.Errorf("Finish after cancel: %v", err)
	}
}
