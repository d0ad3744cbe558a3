package merge_test

import (
	"slices"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
)

// wide is a table of several row groups: id, and two columns of values.
func wide(n int) [][]string {
	rows := make([][]string, n)
	for i := range rows {
		rows[i] = []string{strconv.Itoa(i * 10), "a" + strconv.Itoa(i%97), strconv.Itoa(i % 1013)}
	}
	return rows
}

func cloneRows(rows [][]string) [][]string {
	out := make([][]string, len(rows))
	for i, r := range rows {
		out[i] = slices.Clone(r)
	}
	return out
}

// TestManyGroups merges tables of several row groups. What is expected is the
// very table, by its id, that the expected rows make.
func TestManyGroups(t *testing.T) {
	const n = 20_000
	schema := &tabular.Schema{Fields: abc.Fields, Key: []string{"id"}, ChunkedBy: []string{"id"}}
	more := &tabular.Schema{Fields: append(slices.Clone(abc.Fields), tabular.Field{ID: "c", Name: "c", Type: "string"}), Key: []string{"id"}, ChunkedBy: []string{"id"}}
	fewer := &tabular.Schema{Fields: []tabular.Field{abc.Fields[0], abc.Fields[2]}, Key: []string{"id"}, ChunkedBy: []string{"id"}}
	set := func(rows [][]string, every, from, col int, text string) [][]string {
		rows = cloneRows(rows)
		for i := from; i < len(rows); i += every {
			rows[i][col] = text
		}
		return rows
	}
	with := func(rows [][]string) [][]string {
		rows = cloneRows(rows)
		for i := range rows {
			rows[i] = append(rows[i], "new"+rows[i][0])
		}
		return rows
	}
	without := func(rows [][]string) [][]string {
		out := cloneRows(rows)
		for i := range out {
			out[i] = []string{out[i][0], out[i][2]}
		}
		return out
	}
	insert := func(rows [][]string, at int, row ...string) [][]string {
		return slices.Insert(slices.Clone(rows), at, row)
	}
	base := wide(n)
	tests := []struct {
		name               string
		ours, theirs, want [][]string
		oursIs, theirsIs   *tabular.Schema
		reused             int // at least
	}{
		{name: "cells of two columns", ours: set(base, 700, 3, 1, "X"), theirs: set(base, 700, 3, 2, "7"), want: set(set(base, 700, 3, 1, "X"), 700, 3, 2, "7")},
		{name: "cells of one column", ours: set(base, 700, 3, 1, "X"), theirs: set(base, 700, 5, 1, "Y"), want: set(set(base, 700, 3, 1, "X"), 700, 5, 1, "Y")},
		{name: "one cell each", ours: set(base, n, 3, 1, "X"), theirs: set(base, n, n-3, 1, "Y"), want: set(set(base, n, 3, 1, "X"), n, n-3, 1, "Y"), reused: 3},
		{name: "a column and cells", ours: set(base, 700, 3, 1, "X"), theirs: with(base), want: with(set(base, 700, 3, 1, "X")), theirsIs: more},
		{name: "a column dropped and cells", ours: without(base), theirs: set(base, 700, 3, 2, "7"), want: without(set(base, 700, 3, 2, "7")), oursIs: fewer},
		{name: "a column dropped and one added", ours: without(base), theirs: with(base), want: func() [][]string {
			rows := with(base)
			for i := range rows {
				rows[i] = []string{rows[i][0], rows[i][2], rows[i][3]}
			}
			return rows
		}(), oursIs: fewer, theirsIs: more},
		{name: "rows and cells", ours: insert(insert(base, 9000, "x1", "X", "1"), 100, "x2", "X", "2"), theirs: set(base, 700, 3, 1, "Y"),
			want: insert(insert(set(base, 700, 3, 1, "Y"), 9000, "x1", "X", "1"), 100, "x2", "X", "2")},
		{name: "rows far apart", ours: insert(base, 100, "x1", "X", "1"), theirs: slices.Delete(slices.Clone(base), 18_000, 18_100),
			want: insert(slices.Delete(slices.Clone(base), 18_000, 18_100), 100, "x1", "X", "1"), reused: 2},
		{name: "rows at the end", ours: insert(base, n, "200000", "X", "1"), theirs: insert(base, n, "200010", "Y", "2"),
			want: insert(insert(base, n, "200000", "X", "1"), n+1, "200010", "Y", "2"), reused: 2},
		{name: "a row moved far, and changed", ours: insert(slices.Delete(slices.Clone(base), 100, 101), 17_000, base[100]...), theirs: set(base, n, 100, 1, "Y"),
			want: insert(slices.Delete(slices.Clone(base), 100, 101), 17_000, base[100][0], "Y", base[100][2])},
		{name: "one row added at two places", ours: insert(base, 100, "x1", "X", ""), theirs: insert(base, 17_000, "x1", "", "2"),
			want: insert(base, 100, "x1", "X", "2")},
		{name: "all cells of a column, and some", ours: set(base, 1, 0, 1, "X"), theirs: set(base, 700, 3, 2, "7"), want: set(set(base, 1, 0, 1, "X"), 700, 3, 2, "7")},
		{name: "turned round, and cells", ours: func() [][]string { r := cloneRows(base); slices.Reverse(r); return r }(), theirs: set(base, 700, 3, 1, "Y"),
			want: func() [][]string { r := set(base, 700, 3, 1, "Y"); slices.Reverse(r); return r }()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := mem.New()
			b := buildRows(t, st, schema, "", base, nil)
			o := buildRows(t, st, orElse(tt.oursIs, schema), "", tt.ours, nil)
			th := buildRows(t, st, orElse(tt.theirsIs, schema), "", tt.theirs, nil)
			r, err := merge.Tables(t.Context(), st, b, o, th, nil)
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Conflicts) > 0 {
				t.Fatalf("conflicts: %v", r.Conflicts)
			}
			merged := open(t, st, r.Table)
			want := buildRows(t, st, merged.Schema, "", tt.want, nil)
			if merged.ID != want.ID {
				t.Errorf("another table (-want +got):\n%.2000s", cmp.Diff(tt.want, readRows(t, merged)))
			}
			if r.Stats.GroupsReused < tt.reused {
				t.Errorf("%d groups reused, expected at least %d", r.Stats.GroupsReused, tt.reused)
			}
			if r.Stats.Rows != int64(len(tt.want)) {
				t.Errorf("%d rows in the statistics", r.Stats.Rows)
			}
			checkSymmetry(t, st, b, o, th, r, nil)
			far, err := merge.Tables(t.Context(), st, b, o, th, merge.Options{}.LeaveCells(1))
			if err != nil || far.Table != r.Table || len(far.Conflicts) > 0 {
				t.Errorf("another table if no cells are held: %v, %v", err, far)
			}
		})
	}
}

func orElse(s, other *tabular.Schema) *tabular.Schema {
	if s != nil {
		return s
	}
	return other
}
