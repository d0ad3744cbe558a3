package tabular_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/google/go-cmp/cmp"
)

// What a column's segment has is what its cells are, both when it is encoded and when
// it is read.
func TestColumn(t *testing.T) {
	ctx := t.Context()
	store := mem.New()
	schema := &tabular.Schema{ChunkedBy: []string{"n"}}
	for _, name := range []string{"constant", "few", "names", "n", "mass", "when"} {
		schema.Fields = append(schema.Fields, tabular.Field{ID: name, Name: name, Type: tabular.TypeString})
	}
	rows := tabular.Rows{Width: 6}
	for i := range 4000 {
		mass := fmt.Sprintf("%d.%d", i*7919%4001, i%10)
		if i%50 == 0 {
			mass = "NA"
		}
		day := time.Unix(int64(i)*7919*60, 0).UTC()
		for _, text := range []string{
			"same", []string{"Parus major", "Turdus merula", "", "NA", "Pica pica"}[i*i%7%5], strings.Repeat("x", i%3) + fmt.Sprint(i*i, " b"),
			fmt.Sprint(i), mass, day.Format(time.RFC3339),
		} {
			rows.Cells = append(rows.Cells, tabular.Ref{Off: uint32(len(rows.Buf)), Len: uint32(len(text))})
			rows.Buf = append(rows.Buf, text...)
		}
	}
	var mu sync.Mutex
	seen := make(map[object.ID]map[string]int)
	b := tabular.NewBuilder(ctx, store, 6, []int{3}, &tabular.BuilderOptions{Watch: func(e tabular.Encoded) func(object.ID, bool) {
		counts := counted(e.Column)
		return func(id object.ID, fresh bool) {
			mu.Lock()
			defer mu.Unlock()
			if seen[id] = counts; !fresh {
				t.Errorf("column %d: nothing was there before", e.Index)
			}
		}
	}})
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
		for col := range 6 {
			c, err := g.Column(ctx, col)
			if err != nil {
				t.Fatal(err)
			}
			cells, err := g.Cells(ctx, col)
			if err != nil {
				t.Fatal(err)
			}
			if (c.Times != nil) != (col < 2) || (c.Form != nil) != (col > 2) {
				t.Errorf("column %d: %d times, form %v", col, len(c.Times), c.Form)
			}
			want := counted(tabular.Column{Cells: cells})
			if d := cmp.Diff(want, counted(c)); d != "" {
				t.Errorf("column %d, read: %s", col, d)
			}
			id, _ := g.SegmentID(col)
			if d := cmp.Diff(want, seen[id]); d != "" {
				t.Errorf("column %d, encoded: %s", col, d)
			}
		}
	}
}

// counted returns how many cells hold each text, and the integers of values.
func counted(c tabular.Column) map[string]int {
	counts := make(map[string]int)
	for i := range c.Cells.Len() {
		n := 1
		if c.Times != nil {
			n = c.Times[i]
		}
		counts[string(c.Cells.At(i))] += n
	}
	for _, v := range c.Values {
		var one tabular.Cells
		c.Form.Append(&one, v)
		text := one.At(0)
		if back, ok := c.Form.Value(text); !ok || back != v {
			counts[fmt.Sprintf("%s is %d, not %d", text, back, v)]++
		}
		counts[string(text)]++
	}
	return counts
}

func TestFormsMeaning(t *testing.T) {
	for _, c := range []struct {
		text string
		want tabular.Clock
	}{
		{"2026-03-%02d", tabular.Clock{Date: true, PerDay: 1}},
		{"2026-03-01T10:%02d", tabular.Clock{Date: true, Time: true, PerDay: 1440}},
		{"2026-03-01 10:%02d:00Z", tabular.Clock{Date: true, Time: true, PerDay: 86400, Zoned: true}},
		{"2026-03-01T10:%02d:00-03:30", tabular.Clock{Date: true, Time: true, PerDay: 86400, Zoned: true, Offset: -12600}},
		{"10:%02d:00", tabular.Clock{Time: true, PerDay: 86400}},
	} {
		b := tabular.NewBuilder(t.Context(), mem.New(), 1, nil, &tabular.BuilderOptions{Watch: func(e tabular.Encoded) func(object.ID, bool) {
			if got, ok := e.Column.Form.Clock(); !ok || got != c.want {
				t.Errorf("%s: %+v, %v", c.text, got, ok)
			}
			return nil
		}})
		rows := tabular.Rows{Width: 1}
		for i := range 28 {
			text := fmt.Sprintf(c.text, i+1)
			rows.Cells = append(rows.Cells, tabular.Ref{Off: uint32(len(rows.Buf)), Len: uint32(len(text))})
			rows.Buf = append(rows.Buf, text...)
		}
		if err := b.Add(rows); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Columns(); err != nil {
			t.Fatal(err)
		}
		b.Close()
	}
}
