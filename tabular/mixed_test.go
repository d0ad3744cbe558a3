package tabular

import (
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/object/mem"
)

// changed returns the grid with other texts in some cells of a column.
func (g *grid) changed(col, every int, text func(old string) string) *grid {
	c := *g
	c.rows = slices.Clone(g.rows)
	for i := 0; i < len(c.rows); i += every {
		c.rows[i] = slices.Clone(c.rows[i])
		c.rows[i][col] = text(c.rows[i][col])
	}
	return &c
}

// TestAddColumns puts tables together from columns of others, and expects them
// to be what their rows make of them.
func TestAddColumns(t *testing.T) {
	plain := observations(20_000, 3)
	odd := *plain
	odd.exceptions = []Exception{{Row: 3, Col: 2, Code: 5}, {Row: 15_000, Col: WholeRow, Code: 3, Text: []byte("more")}}
	few := observations(300, 3)
	for name, c := range map[string]struct {
		from, to *grid
		col      int
	}{
		"a column":             {plain, plain.changed(4, 100, func(s string) string { return s + "1" }), 4},
		"with exceptions":      {&odd, odd.changed(4, 100, func(s string) string { return s + "1" }), 4},
		"a chunking column":    {plain, plain.changed(0, 50, func(s string) string { return s + "x" }), 0},
		"a very short column":  {plain, plain.changed(7, 1, func(string) string { return "" }), 7},
		"a very long column":   {plain, plain.changed(7, 1, func(s string) string { return s + strings.Repeat("é", 800) }), 7},
		"short to long":        {plain.changed(7, 1, func(string) string { return strings.Repeat("a long note ", 80) }), plain, 7},
		"inline segments":      {few, few.changed(4, 10, func(s string) string { return s + "1" }), 4},
		"one row at the end":   {few, few.changed(4, 299, func(s string) string { return s + "1" }), 4},
		"nothing":              {plain, plain, 4},
		"a repetitive segment": {plain, plain.changed(1, 1, func(string) string { return "S1" }), 1},
	} {
		t.Run(name, func(t *testing.T) {
			st := mem.New()
			from, want := c.from.build(t, st, 1000, nil), c.to.build(t, mem.New(), 1000, nil)
			b := NewBuilder(t.Context(), st, len(plain.names), c.to.schema().ChunkColumns(), &BuilderOptions{Parent: from})
			defer b.Close()
			for _, g := range groupsOf(t, from) {
				columns := make([]ColumnOf, len(plain.names))
				for i := range columns {
					columns[i] = ColumnOf{Group: g, Col: i}
				}
				var cells Cells
				for i := range g.Rows() {
					cells.Append([]byte(c.to.rows[int(g.Ref.First)+i][c.col]))
				}
				columns[c.col] = ColumnOf{Cells: cells}
				if err := b.AddColumns(from, g, columns, g); err != nil {
					t.Fatal(err)
				}
			}
			got := finish(t, st, b, c.to.schema())
			if got.ID != want.ID {
				t.Errorf("columns make another table than rows")
			}
			if rows := read(t, got).rows; !slices.EqualFunc(rows, c.to.rows, slices.Equal) {
				t.Errorf("the rows are not those of the columns")
			}
		})
	}
}

func TestAddColumnsMisused(t *testing.T) {
	st := mem.New()
	table := observations(100, 3).build(t, st, 1000, nil)
	g := groupsOf(t, table)[0]
	for name, columns := range map[string][]ColumnOf{
		"too few":    {{Group: g}},
		"other rows": slices.Repeat([]ColumnOf{{Cells: Cells{Data: []byte("x"), Ends: []uint32{1}}}}, 8),
	} {
		b := NewBuilder(t.Context(), st, 8, []int{0}, nil)
		err := b.AddColumns(table, g, columns, nil)
		if err == nil {
			_, err = b.Finish(table.Schema, testLayout)
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		b.Close()
	}
}
