package merge_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
)

var abc = &tabular.Schema{
	Fields:    []tabular.Field{{ID: "id", Name: "id", Type: "string"}, {ID: "a", Name: "a", Type: "string"}, {ID: "b", Name: "b", Type: "string"}},
	Key:       []string{"id"},
	ChunkedBy: []string{"id"},
}

// edit makes a side from a base by random changes. Cells that it writes begin
// with mark, but for those that both sides may write.
func edit(t *rapid.T, base [][]string, mark string, moves bool) [][]string {
	rows := make([][]string, len(base))
	for i, r := range base {
		rows[i] = slices.Clone(r)
	}
	for n := range rapid.IntRange(0, 6).Draw(t, "edits") {
		at := rapid.IntRange(0, len(rows)).Draw(t, "at")
		kinds := 4
		if !moves {
			kinds = 3
		}
		switch rapid.IntRange(0, kinds).Draw(t, "kind") {
		case 0, 1:
			if at < len(rows) {
				value := rapid.SampledFrom([]string{"", "same", mark + strconv.Itoa(n)}).Draw(t, "value")
				rows[at][rapid.IntRange(1, 2).Draw(t, "col")] = value
			}
		case 2:
			if at < len(rows) {
				rows = slices.Delete(rows, at, at+1)
			}
		case 3:
			key := rapid.SampledFrom([]string{"new1", "new2", mark + strconv.Itoa(n)}).Draw(t, "key")
			if !slices.ContainsFunc(rows, func(r []string) bool { return r[0] == key }) {
				value := rapid.SampledFrom([]string{"", "both", mark}).Draw(t, "value")
				rows = slices.Insert(rows, at, []string{key, key + "-" + mark + strconv.Itoa(n), value})
			}
		case 4:
			if at < len(rows) {
				r := rows[at]
				rows = slices.Delete(rows, at, at+1)
				rows = slices.Insert(rows, rapid.IntRange(0, len(rows)).Draw(t, "to"), r)
			}
		}
	}
	return rows
}

func byKey(rows [][]string) map[string][]string {
	out := make(map[string][]string, len(rows))
	for _, r := range rows {
		out[r[0]] = r
	}
	return out
}

// naive merges rows by key in the plainest way: what the rows of the result are,
// and which conflicts there must be.
func naive(base, ours, theirs [][]string) (rows map[string][]string, conflicts map[string]bool) {
	b, o, t := byKey(base), byKey(ours), byKey(theirs)
	rows, conflicts = make(map[string][]string), make(map[string]bool)
	keys := maps.Clone(b)
	maps.Copy(keys, o)
	maps.Copy(keys, t)
	for key := range keys {
		x, y, z := b[key], o[key], t[key]
		switch {
		case y == nil && z == nil:
		case x != nil && (y == nil || z == nil):
			kept := y
			if y == nil {
				kept = z
			}
			if !slices.Equal(kept, x) {
				rows[key] = kept
				conflicts["row-deleted "+key] = true
			}
		case y == nil:
			rows[key] = z
		case z == nil:
			rows[key] = y
		default:
			merged := slices.Clone(y)
			for c := range merged {
				switch {
				case y[c] == z[c]:
				case x != nil && x[c] == y[c], x == nil && y[c] == "":
					merged[c] = z[c]
				case x != nil && x[c] == z[c], x == nil && z[c] == "":
				case x == nil:
					conflicts["row-added "+key+" "+abc.Fields[c].Name] = true
				default:
					conflicts["cell "+key+" "+abc.Fields[c].Name] = true
				}
			}
			rows[key] = merged
		}
	}
	return rows, conflicts
}

func TestMergeIsWhatBothSidesDid(t *testing.T) {
	st := mem.New()
	rapid.Check(t, func(r *rapid.T) {
		base := drawBase(r)
		moves := rapid.Bool().Draw(r, "moves")
		ours, theirs := edit(r, base, "o", moves), edit(r, base, "t", moves)
		b, o, th := buildRows(t, st, abc, "", base, nil), buildRows(t, st, abc, "", ours, nil), buildRows(t, st, abc, "", theirs, nil)
		got, err := merge.Tables(context.Background(), st, b, o, th, nil)
		if err != nil {
			r.Fatal(err)
		}
		merged := readRows(t, open(t, st, got.Table))
		want, conflicts := naive(base, ours, theirs)
		compareKeyed(r, got, merged, want, conflicts)
		if !moves {
			for _, side := range [][][]string{ours, theirs} {
				// Where both added a key at two places, one of them must give way.
				side = slices.DeleteFunc(slices.Clone(side), func(r []string) bool {
					return byKey(base)[r[0]] == nil && byKey(ours)[r[0]] != nil && byKey(theirs)[r[0]] != nil
				})
				if !slices.Equal(common(merged, side), common(side, merged)) {
					r.Fatalf("the order of a side is lost: %v from %v", merged, side)
				}
			}
		}
		checkBack(r, t, st, [3]*tabular.Table{b, o, th}, got, nil)
		far, err := merge.Tables(context.Background(), st, b, o, th, merge.Options{}.LeaveCells(1))
		if err != nil || far.Table != got.Table || !slices.EqualFunc(far.Conflicts, got.Conflicts, func(a, b merge.Conflict) bool { return a.String() == b.String() }) {
			r.Fatalf("otherwise if no cells are held: %v, %v, %v", err, readRows(t, open(t, st, far.Table)), far.Conflicts)
		}
	})
}

func drawBase(r *rapid.T) [][]string {
	base := make([][]string, rapid.IntRange(0, 8).Draw(r, "rows"))
	for i := range base {
		base[i] = []string{strconv.Itoa(i), "a" + strconv.Itoa(i), "b"}
	}
	return rapid.Permutation(base).Draw(r, "base")
}

func compareKeyed(r *rapid.T, got *merge.TableResult, merged [][]string, want map[string][]string, conflicts map[string]bool) {
	if len(merged) != len(want) {
		r.Fatalf("%d rows, expected %d: %v, %v", len(merged), len(want), merged, want)
	}
	for _, row := range merged {
		if !slices.Equal(row, want[row[0]]) {
			r.Fatalf("row %q, expected %q", row, want[row[0]])
		}
	}
	for _, c := range got.Conflicts {
		name := strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Kind, c.Key[0], c.Column))
		if !conflicts[name] {
			r.Fatalf("unexpected conflict %q", name)
		}
		delete(conflicts, name)
	}
	if len(conflicts) > 0 {
		r.Fatalf("conflicts not reported: %v", conflicts)
	}
}

// common returns the keys of a that b has too, in the order of a.
func common(a, b [][]string) (keys []string) {
	in := byKey(b)
	for _, r := range a {
		if in[r[0]] != nil {
			keys = append(keys, r[0])
		}
	}
	return keys
}

func checkBack(r *rapid.T, t *testing.T, st *mem.Store, three [3]*tabular.Table, got *merge.TableResult, o *merge.Options) {
	back, err := merge.Tables(context.Background(), st, three[0], three[2], three[1], o)
	if err != nil {
		r.Fatal(err)
	}
	if len(back.Conflicts) != len(got.Conflicts) || len(got.Conflicts) == 0 && back.Table != got.Table {
		r.Fatalf("the result depends on who merges:\n%v %v\n%v %v", readRows(t, open(t, st, got.Table)), got.Conflicts,
			readRows(t, open(t, st, back.Table)), back.Conflicts)
	}
}

// editList changes a list of values by insertions, deletions and moves.
func editList(t *rapid.T, base []string) []string {
	list := slices.Clone(base)
	for range rapid.IntRange(0, 5).Draw(t, "edits") {
		at := rapid.IntRange(0, len(list)).Draw(t, "at")
		if rapid.Bool().Draw(t, "insert") {
			list = slices.Insert(list, at, rapid.SampledFrom([]string{"x", "y", "z"}).Draw(t, "value"))
		} else if at < len(list) {
			list = slices.Delete(list, at, at+1)
		}
	}
	return list
}

func counts(list []string) map[string]int {
	out := make(map[string]int)
	for _, v := range list {
		out[v]++
	}
	return out
}

func TestKeylessCounts(t *testing.T) {
	st := mem.New()
	schema := &tabular.Schema{Fields: []tabular.Field{{ID: "v", Name: "v", Type: "string"}}, ChunkedBy: []string{"v"}}
	table := func(list []string) *tabular.Table {
		var rows [][]string
		for _, v := range list {
			rows = append(rows, []string{v})
		}
		return buildRows(t, st, schema, "", rows, nil)
	}
	rapid.Check(t, func(r *rapid.T) {
		base := rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y", "z"}), 0, 8).Draw(r, "base")
		ours, theirs := editList(r, base), editList(r, base)
		o := &merge.Options{Additions: rapid.SampledFrom([]merge.Additions{merge.AdditionsUnion, merge.AdditionsSum}).Draw(r, "policy")}
		three := [3]*tabular.Table{table(base), table(ours), table(theirs)}
		got, err := merge.Tables(context.Background(), st, three[0], three[1], three[2], o)
		if err != nil {
			r.Fatal(err)
		}
		checkBack(r, t, st, three, got, o)
		if slices.Equal(ours, theirs) || slices.Equal(base, ours) || slices.Equal(base, theirs) {
			return
		}
		var merged []string
		for _, row := range readRows(t, open(t, st, got.Table)) {
			merged = append(merged, row[0])
		}
		b, x, y, m := counts(base), counts(ours), counts(theirs), counts(merged)
		for _, v := range []string{"x", "y", "z"} {
			dx, dy := x[v]-b[v], y[v]-b[v]
			want := max(0, b[v]+dx+dy)
			if o.Additions == merge.AdditionsUnion && dx > 0 && dy > 0 {
				want = b[v] + max(dx, dy)
			} else if o.Additions == merge.AdditionsUnion && dx < 0 && dy < 0 {
				want = b[v] + min(dx, dy)
			}
			if m[v] != want {
				r.Fatalf("%d of %q, expected %d: base %v, ours %v, theirs %v, merged %v", m[v], v, want, base, ours, theirs, merged)
			}
		}
	})
}

func TestKeylessSymmetry(t *testing.T) {
	st := mem.New()
	schema := &tabular.Schema{Fields: abc.Fields, ChunkedBy: []string{"id", "a", "b"}}
	rapid.Check(t, func(r *rapid.T) {
		base := drawBase(r)
		ours, theirs := edit(r, base, "o", true), edit(r, base, "t", true)
		three := [3]*tabular.Table{buildRows(t, st, schema, "", base, nil), buildRows(t, st, schema, "", ours, nil), buildRows(t, st, schema, "", theirs, nil)}
		got, err := merge.Tables(context.Background(), st, three[0], three[1], three[2], nil)
		if err != nil {
			r.Fatal(err)
		}
		checkBack(r, t, st, three, got, nil)
		// Nothing that one side wrote may be missing without a conflict.
		if len(got.Conflicts) > 0 {
			return
		}
		have := make(map[string]bool)
		for _, row := range readRows(t, open(t, st, got.Table)) {
			for _, cell := range row {
				have[cell] = true
			}
		}
		for i, side := range [][][]string{ours, theirs} {
			for _, row := range side {
				for _, cell := range row {
					if strings.HasPrefix(cell, []string{"o", "t"}[i]) && !have[cell] {
						r.Fatalf("%q is missing: base %v, ours %v, theirs %v", cell, base, ours, theirs)
					}
				}
			}
		}
	})
}
