package tabular_test

import (
	"fmt"
	"testing"

	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
)

// What Repeated says of a column is what counting its cells says.
func TestRepeated(t *testing.T) {
	ctx := t.Context()
	store := mem.New()
	schema := &tabular.Schema{ChunkedBy: []string{"n"}}
	for _, name := range []string{"constant", "few", "n"} {
		schema.Fields = append(schema.Fields, tabular.Field{ID: name, Name: name, Type: tabular.TypeString})
	}
	rows := tabular.Rows{Width: 3}
	for i := range 4000 {
		for _, text := range []string{"same", []string{"Parus major", "Turdus merula", "", "NA", "Pica pica"}[i*i%7%5], fmt.Sprint(i)} {
			rows.Cells = append(rows.Cells, tabular.Ref{Off: uint32(len(rows.Buf)), Len: uint32(len(text))})
			rows.Buf = append(rows.Buf, text...)
		}
	}
	b := tabular.NewBuilder(ctx, store, 3, []int{2}, nil)
	defer b.Close()
	if err := b.Add(rows); err != nil {
		t.Fatal(err)
	}
	id, err := b.Finish(schema, tabular.Layout{Codec: "test"})
	if err != nil {
		t.Fatal(err)
	}
	table, err := tabular.Open(ctx, store, id)
	if err != nil {
		t.Fatal(err)
	}
	for ref, err := range table.Groups(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		g, err := table.Group(ctx, ref)
		if err != nil {
			t.Fatal(err)
		}
		for col, want := range []bool{true, true, false} {
			texts, counts, ok, err := g.Repeated(ctx, col)
			if err != nil || ok != want {
				t.Fatalf("column %d: %v, %v", col, ok, err)
			}
			if !ok {
				continue
			}
			cells, err := g.Cells(ctx, col)
			if err != nil {
				t.Fatal(err)
			}
			counted := make(map[string]int)
			for i := range cells.Len() {
				counted[string(cells.At(i))]++
			}
			if texts.Len() != len(counted) {
				t.Errorf("column %d: %d texts, expected %d", col, texts.Len(), len(counted))
			}
			for i := range texts.Len() {
				if counted[string(texts.At(i))] != counts[i] {
					t.Errorf("column %d: %q %d times, expected %d", col, texts.At(i), counts[i], counted[string(texts.At(i))])
				}
			}
		}
	}
}
