package merge_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
)

// spec describes a table in a test: a header of names, each perhaps with a type
// after a colon and an id after a slash, and rows, all split at commas.
type spec struct {
	key  string // names, split at commas
	text string
	form string // the layout
	rows [][]string
}

func keyed(text string) spec   { return spec{key: "id", text: text} }
func keyless(text string) spec { return spec{text: text} }

func build(t testing.TB, st object.ReadWriter, s spec) *tabular.Table {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(s.text), "\n")
	schema := &tabular.Schema{}
	for _, name := range strings.Split(lines[0], ",") {
		name, typ, _ := strings.Cut(strings.TrimSpace(name), ":")
		name, id, renamed := strings.Cut(name, "/")
		if !renamed {
			id = name
		}
		if typ == "" {
			typ = "string"
		}
		schema.Fields = append(schema.Fields, tabular.Field{ID: id, Name: name, Type: tabular.Type(typ)})
	}
	if s.key != "" {
		schema.Key = strings.Split(s.key, ",")
	}
	schema.ChunkedBy = schema.Key
	if schema.Key == nil {
		for _, f := range schema.Fields {
			schema.ChunkedBy = append(schema.ChunkedBy, f.ID)
		}
	}
	rows := s.rows
	for _, l := range lines[1:] {
		rows = append(rows, strings.Split(strings.TrimSpace(l), ","))
	}
	return buildRows(t, st, schema, s.form, rows, nil)
}

func buildRows(t testing.TB, st object.ReadWriter, schema *tabular.Schema, form string, rows [][]string, exceptions []tabular.Exception) *tabular.Table {
	t.Helper()
	ctx := t.Context()
	var chunkedBy []int
	for _, id := range schema.ChunkedBy {
		for i, f := range schema.Fields {
			if f.ID == id {
				chunkedBy = append(chunkedBy, i)
			}
		}
	}
	b := tabular.NewBuilder(ctx, st, len(schema.Fields), chunkedBy, nil)
	defer b.Close()
	batch := tabular.Rows{Width: len(schema.Fields), Exceptions: exceptions}
	for _, r := range rows {
		for c := range schema.Fields {
			cell := ""
			if c < len(r) {
				cell = r[c]
			}
			batch.Cells = append(batch.Cells, tabular.Ref{Off: uint32(len(batch.Buf)), Len: uint32(len(cell))})
			batch.Buf = append(batch.Buf, cell...)
		}
	}
	if len(rows) > 0 {
		if err := b.Add(batch); err != nil {
			t.Fatal(err)
		}
	}
	id, err := b.Finish(schema, tabular.Layout{Codec: "test", Data: []byte(form)})
	if err != nil {
		t.Fatal(err)
	}
	return open(t, st, id)
}

func open(t testing.TB, st object.Reader, id object.ID) *tabular.Table {
	t.Helper()
	table, err := tabular.Open(t.Context(), st, id)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// read returns the table as [build] takes it, without types, its rows joined.
func read(t testing.TB, table *tabular.Table) []string {
	t.Helper()
	names := make([]string, len(table.Schema.Fields))
	for i, f := range table.Schema.Fields {
		names[i] = f.Name
	}
	out := []string{strings.Join(names, ",")}
	for _, r := range readRows(t, table) {
		out = append(out, strings.Join(r, ","))
	}
	return out
}

func readRows(t testing.TB, table *tabular.Table) (out [][]string) {
	t.Helper()
	ctx := context.Background()
	for ref, err := range table.Groups(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		g, err := table.Group(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := g.RowsOf(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for r := range rows.Len() {
			row := make([]string, rows.Width)
			for c := range row {
				row[c] = string(rows.Cell(r, c))
			}
			out = append(out, row)
		}
	}
	return out
}

// lines splits an expected table.
func lines(text string) []string {
	var out []string
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		out = append(out, strings.TrimSpace(l))
	}
	return out
}

func TestRules(t *testing.T) {
	tests := []struct {
		rule               string // the number in RULES.md
		base, ours, theirs spec
		want               string
		conflicts          []string
		options            *merge.Options
		keyless            bool // the merge fell back to rows without a key
	}{
		{rule: "R1 different cells of one row",
			base: keyed("id,a,b\n1,x,y"), ours: keyed("id,a,b\n1,X,y"), theirs: keyed("id,a,b\n1,x,Y"),
			want: "id,a,b\n1,X,Y"},
		{rule: "R2 the same value on both sides",
			base: keyed("id,a,b\n1,x,y"), ours: keyed("id,a,b\n1,X,y"), theirs: keyed("id,a,b\n1,X,Y"),
			want: "id,a,b\n1,X,Y"},
		{rule: "R3 one cell to two values",
			base: keyed("id,a,b\n1,x,y\n2,p,q"), ours: keyed("id,a,b\n1,X,Y\n2,p,q"), theirs: keyed("id,a,b\n1,Z,y\n2,p,Q"),
			want: "id,a,b\n1,X,Y\n2,p,Q", conflicts: []string{`row with key 1: a: base "x", ours "X", theirs "Z"`}},
		{rule: "R4 one value in two spellings",
			base: keyed("id,n:number\n1,1\n2,5\n3,7"), ours: keyed("id,n:number\n1,1.0\n2,5.0\n3,8.0"), theirs: keyed("id,n:number\n1,1.00\n2,6\n3,8"),
			want: "id,n\n1,1.0\n2,6\n3,8"},
		{rule: "R4 texts have no spellings",
			base: keyed("id,n\n1,1"), ours: keyed("id,n\n1,1.0"), theirs: keyed("id,n\n1,1.00"),
			want: "id,n\n1,1.0", conflicts: []string{`row with key 1: n: base "1", ours "1.0", theirs "1.00"`}},
		{rule: "R5 deleted by one side, by both",
			base: keyed("id,a\n1,x\n2,y\n3,z\n4,w"), ours: keyed("id,a\n1,x\n4,w"), theirs: keyed("id,a\n1,x\n2,y\n4,W"),
			want: "id,a\n1,x\n4,W"},
		{rule: "R6 deleted and changed",
			base: keyed("id,a\n1,x\n2,y\n3,z"), ours: keyed("id,a\n1,x\n3,Z"), theirs: keyed("id,a\n1,x\n2,Y"),
			want: "id,a\n1,x\n2,Y\n3,Z",
			conflicts: []string{"row with key 2: deleted by ours, changed by theirs (the changed row stays)",
				"row with key 3: changed by ours, deleted by theirs (the changed row stays)"}},
		{rule: "R6 deleted and spelled in another way",
			base: keyed("id,n:number\n1,1\n2,2"), ours: keyed("id,n:number\n1,1"), theirs: keyed("id,n:number\n1,1\n2,2.0"),
			want: "id,n\n1,1"},
		{rule: "R7 one key added twice",
			base: keyed("id,a,b,c\n1,x,y,z"), ours: keyed("id,a,b,c\n1,x,y,z\n2,p,,r"), theirs: keyed("id,a,b,c\n1,x,y,z\n2,p,q,s"),
			want: "id,a,b,c\n1,x,y,z\n2,p,q,r", conflicts: []string{`row with key 2: c: base (no such row), ours "r", theirs "s"`}},
		{rule: "R8 a changed key",
			base: keyed("id,a,b,c\n1,x,y,z\n2,p,q,r\n3,k,l,m"), ours: keyed("id,a,b,c\n1,x,y,z\n20,p,q,r\n3,k,l,m"), theirs: keyed("id,a,b,c\n1,x,y,z\n2,p,Q,r\n3,k,l,m"),
			want: "id,a,b,c\n1,x,y,z\n20,p,Q,r\n3,k,l,m"},
		{rule: "R8 a key changed by both",
			base: spec{key: "id,k", text: "id,k,b,c\n1,x,y,z\n2,p,q,r\n3,k,l,m"}, ours: spec{key: "id,k", text: "id,k,b,c\n1,x,y,z\n20,p,q,r\n3,k,l,m"},
			theirs: spec{key: "id,k", text: "id,k,b,c\n1,x,y,z\n2,P,q,r\n3,k,l,m"},
			want:   "id,k,b,c\n1,x,y,z\n20,P,q,r\n3,k,l,m"},
		{rule: "R9 equal rows without a key, added twice",
			base: keyless("a,b\nx,y"), ours: keyless("a,b\nx,y\np,q\np,q"), theirs: keyless("a,b\nx,y\np,q\nr,s"),
			want: "a,b\nx,y\np,q\np,q\nr,s"},
		{rule: "R9 equal rows without a key, summed",
			base: keyless("a,b\nx,y"), ours: keyless("a,b\nx,y\np,q"), theirs: keyless("a,b\nx,y\np,q\nr,s"),
			want: "a,b\nx,y\np,q\np,q\nr,s", options: &merge.Options{Additions: merge.AdditionsSum}},
		{rule: "R10 one of several equal rows deleted by both",
			base: keyless("a,b\nx,y\nm,n\nx,y\nk,l\nx,y"), ours: keyless("a,b\nm,n\nx,y\nk,l\nx,y"), theirs: keyless("a,b\nx,y\nm,n\nx,y\nk,l"),
			want: "a,b\nx,y\nm,n\nx,y\nk,l"},
		{rule: "R11 rows without a key edited in different cells",
			base: keyless("a,b,c\n1,x,y\n2,x,y\n3,x,y"), ours: keyless("a,b,c\n1,x,y\n2,X,y\n3,x,y"), theirs: keyless("a,b,c\n1,x,y\n2,x,Y\n3,x,y"),
			want: "a,b,c\n1,x,y\n2,X,Y\n3,x,y"},
		{rule: "R11 rows without a key edited in one cell",
			base: keyless("a,b,c\n1,x,y\n2,x,y\n3,x,y"), ours: keyless("a,b,c\n1,x,y\n2,X,y\n3,x,y"), theirs: keyless("a,b,c\n1,x,y\n2,Z,y\n3,x,y"),
			want: "a,b,c\n1,x,y\n2,X,y\n3,x,y", conflicts: []string{`row 2: b: base "x", ours "X", theirs "Z"`}},
		{rule: "R12 the key names several rows",
			base: keyed("id,a,b\n1,x,y\n1,p,q\n2,k,l"), ours: keyed("id,a,b\n1,X,y\n1,p,q\n2,k,l\n1,n,n"), theirs: keyed("id,a,b\n1,x,y\n1,p,Q\n5,5,5\n2,k,l\n1,m,m"),
			want: "id,a,b\n1,X,y\n1,p,Q\n5,5,5\n2,k,l\n1,m,m\n1,n,n", keyless: true},
		{rule: "R20 a column added by one side",
			base: keyed("id,a\n1,x\n2,y"), ours: keyed("id,n,a\n1,7,x\n2,8,y"), theirs: keyed("id,a\n1,X\n2,y\n3,z"),
			want: "id,n,a\n1,7,X\n2,8,y\n3,,z"},
		{rule: "R21 a column added by both sides",
			base: keyed("id,a\n1,x\n2,y\n3,z"), ours: keyed("id,a,n\n1,x,7\n2,y,8\n3,z,"), theirs: keyed("id,a,n\n1,x,7\n2,y,9\n3,z,5"),
			want: "id,a,n\n1,x,7\n2,y,8\n3,z,5", conflicts: []string{`row with key 2: n: base (no such column), ours "8", theirs "9"`}},
		{rule: "R21 with two types",
			base: keyed("id,a\n1,x"), ours: keyed("id,a,n:date\n1,x,2020-01-01"), theirs: keyed("id,a,n:integer\n1,x,"),
			want: "id,a,n\n1,x,2020-01-01"},
		{rule: "R25 given two types",
			base: keyed("id,n:integer\n1,5"), ours: keyed("id,n:date\n1,5"), theirs: keyed("id,n:boolean\n1,6"),
			want: "id,n\n1,6", conflicts: []string{`column n: type: base "integer", ours "date", theirs "boolean" (the column was given two types)`}},
		{rule: "R22 a column dropped",
			base: keyed("id,a,b\n1,x,y\n2,p,q"), ours: keyed("id,b\n1,y\n2,q"), theirs: keyed("id,a,b\n1,x,Y\n2,p,q\n3,,r"),
			want: "id,b\n1,Y\n2,q\n3,r"},
		{rule: "R23 a column dropped and edited",
			base: keyed("id,a,b\n1,x,y\n2,p,q"), ours: keyed("id,b\n1,y\n2,q"), theirs: keyed("id,a,b\n1,X,y\n2,p,q\n3,k,r"),
			want:      "id,a,b\n1,X,y\n2,p,q\n3,k,r",
			conflicts: []string{`column a: base "a: string", ours (dropped), theirs "a: string" (one side dropped the column, the other wrote 2 cells in it; the column stays)`}},
		{rule: "R24 a column renamed and edited",
			base: keyed("id,a\n1,x\n2,y"), ours: keyed("id,alpha/a\n1,x\n2,y"), theirs: keyed("id,a\n1,X\n2,y"),
			want: "id,alpha\n1,X\n2,y"},
		{rule: "R24 a column renamed in two ways",
			base: keyed("id,a\n1,x"), ours: keyed("id,alpha/a\n1,x"), theirs: keyed("id,aleph/a\n1,x"),
			want: "id,alpha\n1,x", conflicts: []string{`column alpha: name: base "a", ours "alpha", theirs "aleph" (the column was renamed in two ways)`}},
		{rule: "R25 a type changed by one side",
			base: keyed("id,n:integer\n1,5"), ours: keyed("id,n:number\n1,5"), theirs: keyed("id,n:integer\n1,6"),
			want: "id,n\n1,6"},
		{rule: "R26 columns moved",
			base: keyed("id,a,b\n1,x,y"), ours: keyed("id,b,a\n1,y,x"), theirs: keyed("id,a,b,c\n1,X,y,z"),
			want: "id,b,c,a\n1,y,z,X"},
		{rule: "R27 two columns of one name",
			base: keyed("id,a\n1,x"), ours: keyed("id,b/a\n1,x"), theirs: keyed("id,a,b\n1,x,y"),
			want: "id,b,b\n1,x,y", conflicts: []string{`column b: base (no such column), ours (no such column), theirs "b" (two columns have this name since the merge; rename one)`}},
		{rule: "R28 another key",
			base: keyed("id,a\n1,x"), ours: spec{key: "id,a", text: "id,a\n1,X"}, theirs: keyed("id,a\n1,x\n2,y"),
			want: "id,a\n1,X\n2,y"},
		{rule: "R28 two other keys",
			base: keyed("id,a\n1,x"), ours: spec{key: "id,a", text: "id,a\n1,X"}, theirs: spec{key: "a", text: "id,a\n1,x\n2,y"},
			want: "id,a\n1,X\n2,y", conflicts: []string{`primary key: base "id", ours "id", "a", theirs "a" (both sides changed the primary key; it is that of ours)`}},
		{rule: "R29 a header that was given later",
			base: spec{text: "column1,column2\np,1\nq,2\nr,3\ns,4"}, ours: spec{text: "name,n\np,1\nq,2\nr,3\ns,4"},
			theirs: spec{text: "column1,column2\np,1\nq,5\nr,3\ns,4\nt,6"},
			want:   "name,n\np,1\nq,5\nr,3\ns,4\nt,6"},
		{rule: "R29 renamed, and a column before it",
			base: keyed("id,a\n1,x\n2,y\n3,z\n4,w"), ours: keyed("id,new,alpha\n1,,x\n2,,y\n3,,z\n4,,w"), theirs: keyed("id,a\n1,x\n2,Y\n3,z\n4,w"),
			want: "id,new,alpha\n1,,x\n2,,Y\n3,,z\n4,,w"},
		{rule: "R29 another column of the same frequent value is no renamed one",
			base:      keyed("id,a,c\n1,no,p\n2,no,p\n3,no,p\n4,no,q\n5,no,r\n6,yes,s\n7,no,t\n8,no,u"),
			ours:      keyed("id,c,b\n1,p,yes\n2,p,no\n3,p,no\n4,q,no\n5,r,no\n6,s,no\n7,t,no\n8,u,no"),
			theirs:    keyed("id,a,c\n1,no,p\n2,no,p\n3,no,p\n4,no,q\n5,no,r\n6,yes,s\n7,no,t\n8,yes,u"),
			want:      "id,a,c,b\n1,no,p,yes\n2,no,p,no\n3,no,p,no\n4,no,q,no\n5,no,r,no\n6,yes,s,no\n7,no,t,no\n8,yes,u,no",
			conflicts: []string{`column a: base "a: string", ours (dropped), theirs "a: string" (one side dropped the column, the other wrote 1 cell in it; the column stays)`}},
		{rule: "R29 another column is no renamed one",
			base: keyed("id,a\n1,x\n2,y\n3,z\n4,w"), ours: keyed("id,b\n1,k\n2,l\n3,m\n4,n"), theirs: keyed("id,a\n1,x\n2,Y\n3,z\n4,w"),
			want:      "id,a,b\n1,x,k\n2,Y,l\n3,z,m\n4,w,n",
			conflicts: []string{`column a: base "a: string", ours (dropped), theirs "a: string" (one side dropped the column, the other wrote 1 cell in it; the column stays)`}},
		{rule: "R30 insertions stay in place",
			base: keyed("id,a\nb,1\nd,1\nf,1\nh,1"), ours: keyed("id,a\na,2\nb,1\nd,1\ne,2\nf,1\nh,1"), theirs: keyed("id,a\nb,1\nc,3\nd,1\nf,1\nh,1\ni,3"),
			want: "id,a\na,2\nb,1\nc,3\nd,1\ne,2\nf,1\nh,1\ni,3"},
		{rule: "R31 two blocks at one place",
			base: keyed("id,a\n5,1\n1,1"), ours: keyed("id,a\n5,1\n9,o\n2,o\n1,1"), theirs: keyed("id,a\n5,1\n8,t\n3,t\n1,1"),
			want: "id,a\n5,1\n8,t\n3,t\n9,o\n2,o\n1,1"},
		{rule: "R31 two blocks in a sorted table",
			base: keyed("id,a\n1,1\n20,1"), ours: keyed("id,a\n1,1\n3,o\n10,o\n20,1"), theirs: keyed("id,a\n1,1\n9,t\n11,t\n20,1"),
			want: "id,a\n1,1\n3,o\n9,t\n10,o\n11,t\n20,1"},
		{rule: "R32 sorted by one side",
			base: keyed("id,a\n3,c\n1,a\n2,b"), ours: keyed("id,a\n1,a\n2,b\n3,c"), theirs: keyed("id,a\n3,c\n9,x\n1,A\n2,b"),
			want: "id,a\n1,A\n2,b\n3,c\n9,x"},
		{rule: "R32 sorted in the same way by both",
			base: keyed("id,a\n3,c\n1,a\n2,b"), ours: keyed("id,a\n1,a\n2,B\n3,c"), theirs: keyed("id,a\n1,A\n2,b\n3,c"),
			want: "id,a\n1,A\n2,B\n3,c"},
		{rule: "R32 different rows moved",
			base: keyed("id,a\n1,a\n2,b\n3,c\n4,d\n5,e\n6,f"), ours: keyed("id,a\n2,b\n3,c\n1,a\n4,d\n5,e\n6,f"), theirs: keyed("id,a\n1,a\n2,b\n3,c\n5,e\n6,f\n4,d"),
			want: "id,a\n2,b\n3,c\n1,a\n5,e\n6,f\n4,d"},
		{rule: "R33 sorted in two ways",
			base: keyed("id,a\n3,c\n1,a\n4,d\n2,b"), ours: keyed("id,a\n1,a\n2,b\n3,c\n4,d"), theirs: keyed("id,a\n4,d\n3,c\n2,b\n1,a"),
			want: "id,a\n1,a\n2,b\n3,c\n4,d"},
		{rule: "R40 the form changed by one side",
			base: spec{key: "id", form: "LF", text: "id,a\n1,x"}, ours: spec{key: "id", form: "CRLF", text: "id,a\n1,x"}, theirs: spec{key: "id", form: "LF", text: "id,a\n1,X"},
			want: "id,a\n1,X"},
	}
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			st := mem.New()
			base, ours, theirs := build(t, st, tt.base), build(t, st, tt.ours), build(t, st, tt.theirs)
			r, err := merge.Tables(t.Context(), st, base, ours, theirs, tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lines(tt.want), read(t, open(t, st, r.Table))); diff != "" {
				t.Errorf("rows (-want +got):\n%s", diff)
			}
			var got []string
			for _, c := range r.Conflicts {
				got = append(got, c.String())
			}
			if diff := cmp.Diff(tt.conflicts, got); diff != "" {
				t.Errorf("conflicts (-want +got):\n%s", diff)
			}
			if (r.Stats.Keyless != "") != tt.keyless {
				t.Errorf("keyless: %q", r.Stats.Keyless)
			}
			checkSymmetry(t, st, base, ours, theirs, r, tt.options)
		})
	}
}

// checkSymmetry merges the other way round and along the trivial ways.
func checkSymmetry(t testing.TB, st object.ReadWriter, base, ours, theirs *tabular.Table, r *merge.TableResult, o *merge.Options) {
	t.Helper()
	back, err := merge.Tables(context.Background(), st, base, theirs, ours, o)
	if err != nil {
		t.Fatal(err)
	}
	if len(back.Conflicts) != len(r.Conflicts) {
		t.Errorf("%d conflicts one way, %d the other:\n%v\n%v", len(r.Conflicts), len(back.Conflicts), r.Conflicts, back.Conflicts)
	}
	if len(r.Conflicts) == 0 && back.Table != r.Table {
		t.Errorf("the result depends on who merges:\n%q\n%q", read(t, open(t, st, r.Table)), read(t, open(t, st, back.Table)))
	}
	for _, x := range []*tabular.Table{ours, theirs} {
		for _, three := range [][3]*tabular.Table{{base, x, base}, {base, base, x}, {base, x, x}, {nil, x, x}} {
			if base == nil && three[1] != three[2] {
				continue
			}
			r, err := merge.Tables(context.Background(), st, three[0], three[1], three[2], o)
			if err != nil {
				t.Fatal(err)
			}
			if r.Table != x.ID || len(r.Conflicts) != 0 {
				t.Errorf("one change alone is not taken over as it is")
			}
		}
	}
}
