package tabular

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// plainChange is a Change as tests write and compare it.
type plainChange struct {
	Kind       ChangeKind
	RowA, RowB int64
	Cells      []string // "column: old -> new"
}

func changesOf(t testing.TB, d *Diff) ([]plainChange, Counts) {
	t.Helper()
	var list []plainChange
	var counts Counts
	for c, err := range d.Changes(t.Context(), &counts) {
		if err != nil {
			t.Fatal(err)
		}
		p := plainChange{Kind: c.Kind, RowA: c.RowA, RowB: c.RowB}
		for _, x := range c.Cells {
			p.Cells = append(p.Cells, fmt.Sprintf("%s: %s -> %s", d.b.Schema.Fields[x.ColumnB].ID, x.Old, x.New))
		}
		if c.Kind != RowModified {
			p.Cells = append(p.Cells, string(bytes.Join(c.Row, []byte("|"))))
		}
		list = append(list, p)
	}
	slices.SortFunc(list, comparePlain)
	return list, counts
}

func comparePlain(a, b plainChange) int {
	return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.RowA, b.RowA), cmp.Compare(a.RowB, b.RowB))
}

// naiveKeyed compares two grids by their first column.
func naiveKeyed(a, b *grid) []plainChange {
	var list []plainChange
	at := make(map[string]int)
	for i, row := range a.rows {
		at[row[0]] = i
	}
	inB := make(map[string]bool)
	for j, row := range b.rows {
		inB[row[0]] = true
		i, ok := at[row[0]]
		if !ok {
			list = append(list, plainChange{RowAdded, -1, int64(j), []string{joined(row)}})
			continue
		}
		p := plainChange{Kind: RowModified, RowA: int64(i), RowB: int64(j)}
		for cb, name := range b.names {
			if ca := slices.Index(a.names, name); ca >= 0 && a.rows[i][ca] != row[cb] {
				p.Cells = append(p.Cells, fmt.Sprintf("%s: %s -> %s", name, a.rows[i][ca], row[cb]))
			}
		}
		if len(p.Cells) > 0 {
			list = append(list, p)
		}
	}
	for i, row := range a.rows {
		if !inB[row[0]] {
			list = append(list, plainChange{RowDeleted, int64(i), -1, []string{joined(row)}})
		}
	}
	slices.SortFunc(list, comparePlain)
	return list
}

func joined(row []string) string {
	var b []byte
	for i, text := range row {
		if i > 0 {
			b = append(b, '|')
		}
		b = append(b, text...)
	}
	return string(b)
}

// edit changes a grid at random in one of the ways that people do.
func edit(t *rapid.T, g *grid, fresh *int) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	newRow := func() []string {
		row := make([]string, len(g.names))
		for c := range row {
			row[c] = "new"
		}
		*fresh++
		row[slices.Index(g.names, "id")] = "n" + strconv.Itoa(*fresh)
		return row
	}
	some := rapid.IntRange(1, 8).Draw(t, "how many")
	switch rapid.SampledFrom([]string{"cells", "insert", "delete", "append", "move", "shuffle", "column", "reverse columns", "setcol"}).Draw(t, "edit") {
	case "cells":
		for range some {
			if len(g.rows) > 0 && len(g.names) > 1 {
				row := g.rows[r.IntN(len(g.rows))]
				c := r.IntN(len(row))
				if g.names[c] != "id" {
					row[c] = strconv.Itoa(r.IntN(100))
				}
			}
		}
	case "insert":
		for range some {
			g.rows = slices.Insert(g.rows, r.IntN(len(g.rows)+1), newRow())
		}
	case "delete":
		for range min(some, len(g.rows)) {
			i := r.IntN(len(g.rows))
			g.rows = slices.Delete(g.rows, i, i+1)
		}
	case "append":
		for range some * 500 {
			g.rows = append(g.rows, newRow())
		}
	case "move":
		if len(g.rows) > 2 {
			n := 1 + r.IntN(len(g.rows)/2)
			i := r.IntN(len(g.rows) - n)
			part := slices.Clone(g.rows[i : i+n])
			g.rows = slices.Delete(g.rows, i, i+n)
			g.rows = slices.Insert(g.rows, r.IntN(len(g.rows)+1), part...)
		}
	case "shuffle":
		r.Shuffle(len(g.rows), func(i, j int) { g.rows[i], g.rows[j] = g.rows[j], g.rows[i] })
	case "column":
		g.names = append(slices.Clone(g.names), fmt.Sprintf("extra%d", len(g.names)))
		for i := range g.rows {
			g.rows[i] = append(g.rows[i], strconv.Itoa(i%7))
		}
	case "reverse columns":
		g.names = slices.Clone(g.names)
		slices.Reverse(g.names[1:])
		for _, row := range g.rows {
			slices.Reverse(row[1:])
		}
	case "setcol":
		for i, row := range g.rows {
			if len(row) > 2 {
				row[1] = strconv.Itoa(i)
			}
		}
	}
}

func drawEdits(t *rapid.T, keyed bool) (a, b *grid) {
	n := rapid.SampledFrom([]int{0, 1, 20, 5000, 12_000}).Draw(t, "rows")
	a = observations(n, rapid.Uint64Range(1, 3).Draw(t, "table"))
	for i := range a.rows {
		a.rows[i] = a.rows[i][:5]
	}
	a.names = a.names[:5]
	if !keyed {
		a.key, a.chunkedBy = nil, nil
		for i := range a.rows {
			a.rows[i][0] = a.rows[i/3][0] // rows that stand twice
			a.rows[i][2] = ""
		}
	}
	b = a.clone()
	fresh := 0
	for range rapid.IntRange(0, 3).Draw(t, "edits") {
		edit(t, b, &fresh)
	}
	if !keyed {
		b.chunkedBy = a.names
	}
	return a, b
}

func TestDiffByKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawEdits(rt, true)
		store := newStore()
		ta := a.build(t, store, 5000, nil)
		tb := b.build(t, store, 5000, &BuilderOptions{Workers: 2})
		d, err := Compare(t.Context(), ta, tb, nil)
		if err != nil {
			rt.Fatal(err)
		}
		got, counts := changesOf(t, d)
		want := naiveKeyed(a, b)
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatal(diff)
		}
		var n Counts
		for _, c := range want {
			switch c.Kind {
			case RowAdded:
				n.Added++
			case RowDeleted:
				n.Deleted++
			default:
				n.Modified++
				n.Cells += int64(len(c.Cells))
			}
		}
		n.Moved = counts.Moved
		if n != counts {
			rt.Fatalf("counts %+v, expected %+v", counts, n)
		}
		checkMatched(rt, d, a, b)
		column := rapid.SampledFrom(b.names).Draw(rt, "column")
		d, err = Compare(t.Context(), d.a, d.b, &DiffOptions{Columns: []string{column}})
		if err != nil {
			rt.Fatal(err)
		}
		got, _ = changesOf(t, d)
		want = slices.DeleteFunc(want, func(c plainChange) bool {
			return c.Kind == RowModified && !slices.ContainsFunc(c.Cells, func(x string) bool { return strings.HasPrefix(x, column+": ") })
		})
		for i := range want {
			if want[i].Kind == RowModified {
				want[i].Cells = slices.DeleteFunc(slices.Clone(want[i].Cells), func(x string) bool { return !strings.HasPrefix(x, column+": ") })
			}
		}
		if diff := gocmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			rt.Fatalf("of one column: %s", diff)
		}
	})
}

// checkMatched checks that exactly the rows of equal keys are matched.
func checkMatched(t *rapid.T, d *Diff, a, b *grid) {
	pairs, common := make(map[int64]int64), 0
	for _, run := range d.Matched() {
		for i := range run.Rows {
			pairs[run.A+i] = run.B + i
		}
	}
	for j, row := range b.rows {
		i := slices.IndexFunc(a.rows, func(r []string) bool { return r[0] == row[0] })
		if i < 0 {
			continue
		}
		common++
		if got, ok := pairs[int64(i)]; !ok || got != int64(j) {
			t.Fatalf("row %d is matched with %d (%v), expected %d", i, got, ok, j)
		}
	}
	if common != len(pairs) {
		t.Fatalf("%d rows are matched, expected %d", len(pairs), common)
	}
}

func TestDiffWithoutKey(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawEdits(rt, false)
		store := newStore()
		d, err := Compare(t.Context(), a.build(t, store, 5000, nil), b.build(t, store, 5000, nil), nil)
		if err != nil {
			rt.Fatal(err)
		}
		left := make(map[string]int) // rows of the fields that both have
		only := func(g *grid, sign int) {
			for _, row := range g.rows {
				var common []string
				for _, name := range a.names {
					common = append(common, row[slices.Index(g.names, name)])
				}
				left[joined(common)] += sign
			}
		}
		only(a, -1)
		only(b, 1)
		var want Counts
		for _, n := range left {
			want.Added += int64(max(n, 0))
			want.Deleted += int64(max(-n, 0))
		}
		changes, counts := changesOf(t, d)
		want.Moved = counts.Moved
		if counts != want || int64(len(changes)) != want.Added+want.Deleted {
			rt.Fatalf("%+v in %d changes, expected %+v", counts, len(changes), want)
		}
	})
}

func TestDiffMoved(t *testing.T) {
	a := observations(30_000, 1)
	store := newStore()
	ta := a.build(t, store, 5000, nil)
	for name, c := range map[string]struct {
		edit func(rows [][]string) [][]string
		want int64
	}{
		"nothing": {func(rows [][]string) [][]string { return rows }, 0},
		"one row": {func(rows [][]string) [][]string {
			row := rows[100]
			return slices.Insert(slices.Delete(rows, 100, 101), 20_000, row)
		}, 1},
		"a quarter": {func(rows [][]string) [][]string { return slices.Concat(rows[7500:], rows[:7500]) }, 7500},
		"within a group": {func(rows [][]string) [][]string {
			rows[5], rows[6] = rows[6], rows[5]
			return rows
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b := a.clone()
			b.rows = c.edit(b.rows)
			d, err := Compare(t.Context(), ta, b.build(t, store, 5000, nil), nil)
			if err != nil {
				t.Fatal(err)
			}
			counts, err := d.Counts(t.Context())
			if err != nil || counts != (Counts{Moved: c.want}) || counts.Reordered() != (c.want > 0) {
				t.Errorf("%+v, %v", counts, err)
			}
		})
	}
}

func TestDiffNamesDuplicates(t *testing.T) {
	a := observations(20_000, 1)
	store := newStore()
	ta := a.build(t, store, 5000, nil)
	for name, twin := range map[string]int{"near": 101, "far": 19_000} {
		t.Run(name, func(t *testing.T) {
			b := a.clone()
			b.rows[100][0], b.rows[twin][0] = "same", "same"
			d, err := Compare(t.Context(), ta, b.build(t, store, 5000, nil), nil)
			if err != nil {
				t.Fatal(err)
			}
			want := []Duplicate{{InB: true, Row: int64(twin), Key: [][]byte{[]byte("same")}}}
			if diff := gocmp.Diff(want, d.Duplicates); diff != "" || d.Key != nil {
				t.Errorf("key %v: %s", d.Key, diff)
			}
			counts, err := d.Counts(t.Context())
			if err != nil || counts != (Counts{Added: 2, Deleted: 2}) {
				t.Errorf("%+v, %v", counts, err)
			}
		})
	}
}

func TestDiffSchema(t *testing.T) {
	a := &grid{names: []string{"id", "site", "count", "note"}, key: []string{"id"}, chunkedBy: []string{"id"}, rows: [][]string{{"1", "a", "2", ""}}}
	store := newStore()
	ta := a.build(t, store, 1, nil)
	b := NewBuilder(t.Context(), store, 4, []int{0}, nil)
	defer b.Close()
	wide := &grid{names: []string{"id", "count", "site", "sex"}, rows: [][]string{{"1", "2", "a", "m"}}}
	if err := b.Add(wide.batch(0, 1)); err != nil {
		t.Fatal(err)
	}
	tb := finish(t, store, b, &Schema{ChunkedBy: []string{"id"}, Fields: []Field{
		{ID: "id", Name: "id", Type: TypeInteger}, {ID: "count", Name: "count", Type: TypeString},
		{ID: "site", Name: "station", Type: TypeString}, {ID: "sex", Name: "sex", Type: TypeString}}})
	d, err := Compare(t.Context(), ta, tb, &DiffOptions{Key: []string{"id"}})
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for _, f := range d.Fields {
		got[f.ID] = fmt.Sprint(f.ColumnA, f.ColumnB, f.Added(), f.Dropped(), f.Renamed, f.Retyped, f.Moved)
	}
	want := map[string]string{
		"note": "3 -1 false true false false false",
		"sex":  "-1 3 true false false false false",
		"id":   "0 0 false false false true false",
		"site": "1 2 false false true false false",
	}
	// Either of the two fields that changed places may be the one that moved.
	if f := d.Fields[slices.IndexFunc(d.Fields, func(f FieldChange) bool { return f.Moved })]; f.ID == "site" {
		want["site"] = "1 2 false false true false true"
	} else {
		want["count"] = "2 1 false false false false true"
	}
	if diff := gocmp.Diff(want, got); diff != "" || !d.KeyChanged || d.LayoutChanged {
		t.Errorf("key changed %v, layout changed %v: %s", d.KeyChanged, d.LayoutChanged, diff)
	}
	if counts, err := d.Counts(t.Context()); err != nil || counts.Any() {
		t.Errorf("%+v, %v", counts, err)
	}
}

func TestDiffRespelled(t *testing.T) {
	a := observations(9000, 1)
	store := newStore()
	ta := a.build(t, store, 5000, nil)
	b := a.clone()
	b.exceptions = []Exception{{Row: 7, Col: 1, Code: 1}, {Row: 8000, Col: 2, Code: 1}, {Row: 8001, Col: 2, Code: 1}}
	b.rows[8001][3] = "x"
	d, err := Compare(t.Context(), ta, b.build(t, store, 5000, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	if counts, err := d.Counts(t.Context()); err != nil || counts != (Counts{Modified: 1, Cells: 1, Respelled: 2}) {
		t.Errorf("%+v, %v", counts, err)
	}
}

func TestDiffEndsEarly(t *testing.T) {
	defer goleak.VerifyNone(t)
	a, b := observations(20_000, 1), observations(20_000, 2)
	store := newStore()
	d, err := Compare(t.Context(), a.build(t, store, 5000, nil), b.build(t, store, 5000, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range d.Changes(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; n == 10 {
			break
		}
	}
	if n != 10 {
		t.Errorf("%d changes", n)
	}
}

// Without keys the changes are the same, but for these.
func TestDiffWithoutKeyTexts(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := drawEdits(rt, true)
		store := newStore()
		ta, tb := a.build(t, store, 5000, nil), b.build(t, store, 5000, nil)
		with, err := Compare(t.Context(), ta, tb, nil)
		if err != nil {
			rt.Fatal(err)
		}
		without, err := Compare(t.Context(), ta, tb, &DiffOptions{NoKeys: true})
		if err != nil {
			rt.Fatal(err)
		}
		want, wantCounts := changesOf(t, with)
		got, counts := changesOf(t, without)
		if diff := gocmp.Diff(want, got); diff != "" || counts != wantCounts {
			rt.Fatalf("(-with +without):\n%s", diff)
		}
		for c, err := range without.Changes(t.Context(), nil) {
			if err != nil || c.Key != nil {
				rt.Fatalf("%+v, %v", c, err)
			}
		}
	})
}
