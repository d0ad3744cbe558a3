package tabular

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
)

// grid is a table as tests write it: rows of texts.
type grid struct {
	names      []string // of the fields, also their ids
	key        []string
	chunkedBy  []string
	rows       [][]string
	exceptions []Exception // Row counts from the table's first
}

func (g *grid) schema() *Schema {
	s := &Schema{Key: g.key, ChunkedBy: g.chunkedBy}
	for _, n := range g.names {
		s.Fields = append(s.Fields, Field{ID: n, Name: n, Type: TypeString})
	}
	if len(s.ChunkedBy) == 0 {
		s.ChunkedBy = g.names
	}
	return s
}

// batch returns rows from ≤ row < to.
func (g *grid) batch(from, to int) Rows {
	rows := Rows{Width: len(g.names)}
	for _, row := range g.rows[from:to] {
		for _, text := range row {
			rows.Cells = append(rows.Cells, Ref{Off: uint32(len(rows.Buf)), Len: uint32(len(text))})
			rows.Buf = append(rows.Buf, text...)
		}
	}
	for _, x := range g.exceptions {
		if x.Row >= from && x.Row < to {
			x.Row -= from
			rows.Exceptions = append(rows.Exceptions, x)
		}
	}
	return rows
}

var testLayout = Layout{Codec: "test", Data: []byte("layout")}

// build stores the grid in batches of the given size.
func (g *grid) build(t testing.TB, rw object.ReadWriter, size int, o *BuilderOptions) *Table {
	t.Helper()
	b := NewBuilder(t.Context(), rw, len(g.names), g.schema().ChunkColumns(), o)
	defer b.Close()
	for from := 0; from < len(g.rows); from += size {
		if err := b.Add(g.batch(from, min(from+size, len(g.rows)))); err != nil {
			t.Fatal(err)
		}
	}
	return finish(t, rw, b, g.schema())
}

func finish(t testing.TB, r object.Reader, b *Builder, s *Schema) *Table {
	t.Helper()
	id, err := b.Finish(s, testLayout)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Open(t.Context(), r, id)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// read returns a table's rows and exceptions as a grid.
func read(t testing.TB, table *Table) *grid {
	t.Helper()
	g := &grid{key: table.Schema.Key, chunkedBy: table.Schema.ChunkedBy}
	for _, f := range table.Schema.Fields {
		g.names = append(g.names, f.ID)
	}
	err := table.ForEach(context.Background(), 2, func(group *Group) error {
		if group.Ref.First != int64(len(g.rows)) {
			return fmt.Errorf("group at row %d, expected %d", group.Ref.First, len(g.rows))
		}
		rows, err := group.RowsOf(t.Context())
		if err != nil {
			return err
		}
		for _, x := range rows.Exceptions {
			x.Row += len(g.rows)
			x.Text = bytes.Clone(x.Text)
			g.exceptions = append(g.exceptions, x)
		}
		for r := range rows.Len() {
			row := make([]string, rows.Width)
			for c := range row {
				row[c] = string(rows.Cell(r, c))
			}
			g.rows = append(g.rows, row)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// observations returns a table of n field observations with a rising id.
func observations(n int, seed uint64) *grid {
	r := rand.New(rand.NewPCG(seed, 7))
	g := &grid{
		names: []string{"id", "site", "observed_at", "species", "count", "temp_c", "lat", "note"},
		key:   []string{"id"}, chunkedBy: []string{"id"},
	}
	species := []string{"Calidris alba", "Larus argentatus", "Parus major", "Pica pica"}
	notes := []string{"", "", "", "fog", "strong wind", "nest site"}
	for i := range n {
		g.rows = append(g.rows, []string{
			strconv.Itoa(i * 10),
			"S" + strconv.Itoa(100+r.IntN(400)),
			fmt.Sprintf("2005-01-%02dT%02d:%02d:00Z", 1+i/1440%28, i/60%24, i%60),
			species[r.IntN(len(species))],
			strconv.Itoa(int(r.ExpFloat64() * 8)),
			strconv.FormatFloat(11+r.NormFloat64()*7, 'f', 1, 64),
			strconv.FormatFloat(47+r.Float64()*5, 'f', 5, 64),
			notes[r.IntN(len(notes))],
		})
	}
	return g
}

func (g *grid) clone() *grid {
	c := *g
	c.rows = make([][]string, len(g.rows))
	for i, row := range g.rows {
		c.rows[i] = slices.Clone(row)
	}
	return &c
}

func newStore() *mem.Store { return mem.New() }
