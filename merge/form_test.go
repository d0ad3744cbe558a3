package merge_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// TestForms merges whole CSV files: what is expected is every byte.
func TestForms(t *testing.T) {
	tests := []struct {
		name, base, ours, theirs, want string
		conflicts                      []string
	}{
		{name: "R40 line ends", base: "id,n\n1,x\n2,y\n", ours: "id,n\r\n1,x\r\n2,y\r\n", theirs: "id,n\n1,X\n2,y\n3,z\n", want: "id,n\r\n1,X\r\n2,y\r\n3,z\r\n"},
		{name: "R40 one line with the other end", base: "id,n\n1,x\n2,y\n", ours: "id,n\n1,x\n2,y\n3,z\r\n", theirs: "id,n\n1,X\n2,y\n", want: "id,n\n1,X\n2,y\n3,z\r\n"},
		{name: "R40 all lines, and one", base: "id,n\n1,x\n2,y\n", ours: "id,n\n1,x\n2,y\n3,z\r\n", theirs: "id,n\r\n1,X\r\n2,y\r\n", want: "id,n\r\n1,X\r\n2,y\r\n3,z\r\n"},
		{name: "R40 delimiter", base: "id,n\n1,x\n2,y\n", ours: "id;n\n1;x\n2;y\n", theirs: "id,n\n1,X;Y\n2,y\n", want: "id;n\n1;\"X;Y\"\n2;y\n"},
		{name: "R40 quotes around all", base: "id,n\n1,x\n2,y\n", ours: "\"id\",\"n\"\n\"1\",\"x\"\n\"2\",\"y\"\n", theirs: "id,n\n1,x\n2,y\n3,z\n", want: "\"id\",\"n\"\n\"1\",\"x\"\n\"2\",\"y\"\n\"3\",\"z\"\n"},
		{name: "R40 end of the file", base: "id,n\n1,x\n2,y", ours: "id,n\n1,x\n2,y\n", theirs: "id,n\n1,x\n2,y\n3,z", want: "id,n\n1,x\n2,y\n3,z\n"},
		{name: "R40 byte order mark", base: "id,n\n1,x\n2,y\n", ours: "\ufeffid,n\n1,x\n2,y\n", theirs: "id,n\n1,x\n2,Y\n", want: "\ufeffid,n\n1,x\n2,Y\n"},
		{name: "R40 added by both", ours: "id,n\r\n1,x\r\n2,y\r\n", theirs: "id,n\n1,x\n3,z", want: "id,n\n1,x\n2,y\n3,z\n"},
		{name: "R41 delimiter in two ways", base: "id,n\n1,x\n2,y\n", ours: "id;n\n1;x\n2;y\n", theirs: "id\tn\n1\tx\n2\ty\n", want: "id;n\n1;x\n2;y\n",
			conflicts: []string{`delimiter: base ",", ours ";", theirs "tab" (both sides changed the delimiter; it is that of ours)`}},
		{name: "R42 spelling of a cell", base: "id,n,m\n1,x,a\n2,y,b\n", ours: "id,n,m\n1,x,a\n2,\"y\",b\n", theirs: "id,n,m\n1,x,a\n2,y,B\n", want: "id,n,m\n1,x,a\n2,\"y\",B\n"},
		{name: "R42 spelling of a changed cell", base: "id,n,m\n1,x,a\n2,\"y\",b\n", ours: "id,n,m\n1,x,a\n2,Y,b\n", theirs: "id,n,m\n1,x,a\n2,\"y\",B\n", want: "id,n,m\n1,x,a\n2,Y,B\n"},
		{name: "R42 a row too long", base: "id,n\n1,x\n2,y\n", ours: "id,n\n1,x\n2,y,more\n", theirs: "id,n\n1,x\n2,Y\n", want: "id,n\n1,x\n2,Y,more\n"},
		{name: "R42 a row too short, filled by the other", base: "id,n,m\n1,x,a\n2,y,\n3,z,c\n", ours: "id,n,m\n1,x,a\n2,y\n3,z,c\n", theirs: "id,n,m\n1,x,a\n2,y,b\n3,z,c\n", want: "id,n,m\n1,x,a\n2,y,b\n3,z,c\n"},
		{name: "R43 a row too long in two ways", base: "id,n\n1,x\n2,y\n", ours: "id,n\n1,x\n2,y,more\n", theirs: "id,n\n1,x\n2,y,other\n", want: "id,n\n1,x\n2,y,more\n",
			conflicts: []string{`row with key 2: base "", ours ",more", theirs ",other"`}},
		{name: "R44 a new column and a header kept as it was", base: "\"id\",n\n1,x\n2,y\n", ours: "\"id\",n,m\n1,x,a\n2,y,b\n", theirs: "\"id\",n\n1,x\n2,Y\n", want: "\"id\",n,m\n1,x,a\n2,Y,b\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			st := mem.New()
			key := []string{"id"}
			var base *tabular.Table
			if tt.base != "" {
				base = readCSV(t, st, []byte(tt.base), "t.csv", nil, key)
			}
			ours, theirs := readCSV(t, st, []byte(tt.ours), "t.csv", base, key), readCSV(t, st, []byte(tt.theirs), "t.csv", base, key)
			r, err := merge.Tables(t.Context(), st, base, ours, theirs, csvOptions)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := csv.Write(t.Context(), &out, open(t, st, r.Table), nil); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, out.String()); diff != "" {
				t.Errorf("file (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.conflicts, conflictTexts(r.Conflicts)); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
			checkSymmetry(t, st, base, ours, theirs, r, csvOptions)
		})
	}
}
