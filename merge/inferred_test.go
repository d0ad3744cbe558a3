package merge_test

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
)

// guessed are the options for a table of which nobody has confirmed anything.
var guessed = &merge.Options{Inferred: func(string) merge.Inferred { return merge.Inferred{Key: true, Types: true} }}

func TestInferredRules(t *testing.T) {
	tests := []struct {
		rule               string // the number in RULES.md
		base, ours, theirs spec
		want               string
		conflicts          []string
		keyless, dropped   bool
	}{
		{rule: "R13 one number taken by two rows",
			base: keyed("id:integer,a,b\n1,x,y"), ours: keyed("id:integer,a,b\n1,x,y\n2,p,q"), theirs: keyed("id:integer,a,b\n1,X,y\n2,r,s"),
			want: "id,a,b\n1,X,y\n2,p,q\n2,r,s", dropped: true},
		{rule: "R13 one row added in two versions",
			base: keyed("id:integer,a,b\n1,x,y"), ours: keyed("id:integer,a,b\n1,x,y\n2,p,q"), theirs: keyed("id:integer,a,b\n1,x,y\n2,p,s"),
			want: "id,a,b\n1,x,y\n2,p,q", conflicts: []string{`row with key 2: b: base (no such row), ours "q", theirs "s"`}},
		{rule: "R13 what all rows have says nothing",
			base: keyed("id:integer,a,b\n1,x,y"), ours: keyed("id:integer,a,b\n1,x,y\n2,x,q"), theirs: keyed("id:integer,a,b\n1,x,y\n2,x,s"),
			want: "id,a,b\n1,x,y\n2,x,q\n2,x,s", dropped: true},
		{rule: "R13 a name is no number",
			base: keyed("id,a\nA,x"), ours: keyed("id,a\nA,x\nB,q"), theirs: keyed("id,a\nA,x\nB,s"),
			want: "id,a\nA,x\nB,q", conflicts: []string{`row with key B: a: base (no such row), ours "q", theirs "s"`}},
		{rule: "R13 one cell of one row stays a conflict",
			base: keyed("id:integer,a,b\n1,x,y\n2,p,q"), ours: keyed("id:integer,a,b\n1,x,y\n2,r,q\n3,k,l"), theirs: keyed("id:integer,a,b\n1,x,y\n2,s,q\n3,m,n"),
			want: "id,a,b\n1,x,y\n2,r,q\n3,k,l\n3,m,n", conflicts: []string{`row with key 2: a: base "p", ours "r", theirs "s"`}, dropped: true},
		{rule: "R14 the key names several rows",
			base: keyed("id,a,b\n1,x,y\n2,k,l"), ours: keyed("id,a,b\n1,X,y\n2,k,l\n2,n,n"), theirs: keyed("id,a,b\n1,x,Y\n2,k,l\n3,m,m"),
			want: "id,a,b\n1,X,Y\n2,k,l\n2,n,n\n3,m,m", keyless: true, dropped: true},
		{rule: "R15 rows numbered anew",
			base:   keyed("id,a,b\n1,x1,y1\n2,x2,y2\n3,x3,y3\n4,x4,y4\n5,x5,y5"),
			ours:   keyed("id,a,b\n1,x1,y1\n2,new,new\n3,x2,y2\n4,x3,y3\n5,x4,y4\n6,x5,y5"),
			theirs: keyed("id,a,b\n1,x1,y1\n2,x2,y2\n3,x3,y3\n4,x4,Y\n5,x5,y5"),
			want:   "id,a,b\n1,x1,y1\n2,new,new\n3,x2,y2\n4,x3,y3\n5,x4,Y\n6,x5,y5", keyless: true},
		{rule: "R16 types that were inferred",
			base: keyed("id,n:integer\n1,5\n2,6"), ours: keyed("id,n:number\n1,5.5\n2,6"), theirs: keyed("id,n:string\n1,5\n2,many"),
			want: "id,n\n1,5.5\n2,many"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			st := mem.New()
			base, ours, theirs := build(t, st, tt.base), build(t, st, tt.ours), build(t, st, tt.theirs)
			r, err := merge.Tables(t.Context(), st, base, ours, theirs, guessed)
			if err != nil {
				t.Fatal(err)
			}
			merged := open(t, st, r.Table)
			if diff := cmp.Diff(lines(tt.want), read(t, merged)); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			var got []string
			for _, c := range r.Conflicts {
				got = append(got, c.String())
			}
			if diff := cmp.Diff(tt.conflicts, got); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
			if (r.Stats.Keyless != "") != tt.keyless || (r.Stats.KeyDropped != "") != tt.dropped || (len(merged.Schema.Key) == 0) != tt.dropped {
				t.Errorf("keyless %q, dropped %q, key %q", r.Stats.Keyless, r.Stats.KeyDropped, merged.Schema.Key)
			}
			checkSymmetry(t, st, base, ours, theirs, r, guessed)
		})
	}
}

// TestInferredKeyLosesNothing merges tables whose key is a number that both sides
// go on counting: who merges makes no difference, what one side wrote is in the
// result or in a conflict, and a cell of the base that both sides changed to two
// values is a conflict.
func TestInferredKeyLosesNothing(t *testing.T) {
	st := mem.New()
	schema := &tabular.Schema{Fields: slices.Clone(abc.Fields), Key: abc.Key, ChunkedBy: abc.ChunkedBy}
	schema.Fields[0].Type = tabular.TypeInteger
	rapid.Check(t, func(r *rapid.T) {
		base := make([][]string, rapid.IntRange(1, 6).Draw(r, "rows"))
		for i := range base {
			base[i] = []string{strconv.Itoa(i + 1), "a" + strconv.Itoa(i), rapid.SampledFrom([]string{"b", "c", ""}).Draw(r, "b")}
		}
		at := rapid.IntRange(0, len(base)-1).Draw(r, "at")
		side := func(mark string) [][]string {
			rows := cloneRows(base)
			if rapid.Bool().Draw(r, "contested") {
				rows[at][2] = mark + "!"
			}
			for n := range rapid.IntRange(0, 3).Draw(r, "added") {
				text := rapid.SampledFrom([]string{mark + strconv.Itoa(n), "both"}).Draw(r, "text")
				rows = append(rows, []string{strconv.Itoa(len(rows) + 1), text, mark})
			}
			if rapid.Bool().Draw(r, "doubled") {
				rows = append(rows, []string{"1", mark + "d", mark})
			}
			return rows
		}
		ours, theirs := side("o"), side("t")
		three := [3]*tabular.Table{buildRows(t, st, schema, "", base, nil), buildRows(t, st, schema, "", ours, nil), buildRows(t, st, schema, "", theirs, nil)}
		got, err := merge.Tables(context.Background(), st, three[0], three[1], three[2], guessed)
		if err != nil {
			r.Fatal(err)
		}
		checkBack(r, t, st, three, got, guessed)
		merged := readRows(t, open(t, st, got.Table))
		have := make(map[string]bool)
		note := func(cells ...string) {
			for _, c := range cells {
				have[c] = true
			}
		}
		for _, row := range slices.Concat(base, merged) {
			note(row...)
		}
		contested := false
		for _, c := range got.Conflicts {
			for _, v := range []merge.Version{c.Ours, c.Theirs} {
				note(append(v.Cells, v.Text)...)
			}
			contested = contested || c.Kind == merge.KindCell && c.Ours.Text == "o!" && c.Theirs.Text == "t!"
		}
		for _, row := range slices.Concat(ours, theirs) {
			for _, cell := range row {
				if !have[cell] {
					r.Fatalf("%q is lost: base %v, ours %v, theirs %v, merged %v, %v", cell, base, ours, theirs, merged, got.Conflicts)
				}
			}
		}
		if strings.HasSuffix(ours[at][2], "!") && strings.HasSuffix(theirs[at][2], "!") && !contested {
			r.Fatalf("a cell with two values is no conflict: base %v, ours %v, theirs %v, merged %v", base, ours, theirs, merged)
		}
	})
}
