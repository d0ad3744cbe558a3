package merge_test

import (
	"testing"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object/mem"
)

// TestPolicies merges one cell that both sides changed, from either side.
func TestPolicies(t *testing.T) {
	tests := []struct {
		policy             merge.Policy
		base, ours, theirs string
		want               string // "" if it stays a conflict
	}{
		{merge.PolicyMin, "5", "10", "9", "9"},
		{merge.PolicyMax, "5", "10", "9", "10"},
		{merge.PolicyMax, "2020-01-01", "2021-03-01", "2021-02-28", "2021-03-01"},
		{merge.PolicySum, "10", "12", "15", "17"},
		{merge.PolicySum, "1.50", "2.5", "1.25", "2.25"},
		{merge.PolicySum, "3", "1", "-1", "-3"},
		{merge.PolicySum, "0.1", "0.3", "0.2", "0.4"},
		{merge.PolicySum, "1e3", "2000", "1500", "2500"},
		{merge.PolicySum, "many", "2000", "1500", ""},
		{merge.PolicyUnion, "a; b", "a; b; d", "b; c", "b; c; d"},
		{merge.PolicyUnion, "a|b", "a|b|x", "a|b|9", "a|b|9|x"},
		{merge.PolicyUnion, "", "one", "two", "one;two"},
		{merge.PolicyNewest, "a", "b", "c", "b"},
		{merge.PolicyOurs, "a", "b", "c", "b"},
		{merge.PolicyTheirs, "a", "b", "c", "c"},
		{"", "a", "b", "c", ""},
	}
	for _, tt := range tests {
		t.Run(string(tt.policy)+" "+tt.ours, func(t *testing.T) {
			for _, turned := range []bool{false, true} {
				one, two, rank := tt.ours, tt.theirs, merge.RankOurs
				if turned {
					one, two, rank = two, one, merge.RankTheirs
				}
				st := mem.New()
				row := func(cell string) spec { return keyed("id,v\n1," + cell + "\n2,z") }
				o := &merge.Options{Newer: rank, Maintained: rank,
					Policies: func(string) map[string]merge.Policy { return map[string]merge.Policy{"v": tt.policy} }}
				r, err := merge.Tables(t.Context(), st, build(t, st, row(tt.base)), build(t, st, row(one)), build(t, st, row(two)), o)
				if err != nil {
					t.Fatal(err)
				}
				if tt.want == "" {
					if len(r.Conflicts) != 1 {
						t.Errorf("turned %v: %d conflicts, expected 1", turned, len(r.Conflicts))
					}
					continue
				}
				if got := read(t, open(t, st, r.Table)); len(r.Conflicts) > 0 || got[1] != "1,"+tt.want {
					t.Errorf("turned %v: %q, %v; expected %q", turned, got[1], r.Conflicts, tt.want)
				}
			}
		})
	}
}

// TestStrict has both sides change different cells of one row, and rows of their own.
func TestStrict(t *testing.T) {
	st := mem.New()
	base := build(t, st, keyed("id,a,b\n1,x,y\n2,p,q\n3,k,l\n4,m,n"))
	ours := build(t, st, keyed("id,a,b\n1,X,y\n2,P,q\n3,k,l\n4,M,n"))
	theirs := build(t, st, keyed("id,a,b\n1,x,Y\n2,p,q\n3,k,L\n4,M,n"))
	r, err := merge.Tables(t.Context(), st, base, ours, theirs, &merge.Options{Strict: true})
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Conflicts) != 1 || r.Conflicts[0].Kind != merge.KindRowEdited || r.Conflicts[0].Key[0] != "1" {
		t.Errorf("conflicts: %v", r.Conflicts)
	}
	want := lines("id,a,b\n1,X,y\n2,P,q\n3,k,L\n4,M,n")
	for i, row := range read(t, open(t, st, r.Table)) {
		if row != want[i] {
			t.Errorf("row %d is %q, expected %q", i, row, want[i])
		}
	}
}
