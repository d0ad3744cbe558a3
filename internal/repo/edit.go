package repo

import (
	"context"
	"maps"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// cellEdits are new texts of single cells, by row (from 0) and column.
type cellEdits map[int64]map[int]string

func (e cellEdits) set(row int64, col int, text string) {
	if e[row] == nil {
		e[row] = make(map[int]string)
	}
	e[row][col] = text
}

// apply stores the table with the cells changed. Row groups without an edit are
// taken over as they are.
func (e cellEdits) apply(ctx context.Context, rw object.ReadWriter, t *tabular.Table) (object.ID, error) {
	return e.applyAs(ctx, rw, t, t.Schema)
}

// applyAs is apply under another schema for the same columns.
func (e cellEdits) applyAs(ctx context.Context, rw object.ReadWriter, t *tabular.Table, schema *tabular.Schema) (object.ID, error) {
	b := tabular.NewBuilder(ctx, rw, len(t.Schema.Fields), t.Schema.ChunkColumns(), &tabular.BuilderOptions{Parent: t})
	defer b.Close()
	rows := slices.Sorted(maps.Keys(e))
	for ref, err := range t.Groups(ctx) {
		if err != nil {
			return object.ID{}, err
		}
		from, _ := slices.BinarySearch(rows, ref.First)
		to, _ := slices.BinarySearch(rows, ref.First+int64(ref.Rows))
		if from == to {
			err = b.AddGroup(t, ref)
		} else {
			err = e.addEdited(ctx, b, t, ref, rows[from:to])
		}
		if err != nil {
			return object.ID{}, err
		}
	}
	return b.Finish(schema, t.Layout)
}

func (e cellEdits) addEdited(ctx context.Context, b *tabular.Builder, t *tabular.Table, ref tabular.GroupRef, rows []int64) error {
	g, err := t.Group(ctx, ref)
	if err != nil {
		return err
	}
	batch, err := g.RowsOf(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		at := int(row - ref.First)
		for col, text := range e[row] {
			batch.Cells[at*batch.Width+col] = tabular.Ref{Off: uint32(len(batch.Buf)), Len: uint32(len(text))}
			batch.Buf = append(batch.Buf, text...)
			batch.Exceptions = slices.DeleteFunc(batch.Exceptions, func(x tabular.Exception) bool { return x.Row == at && x.Col == col })
		}
	}
	return b.Add(batch)
}

// columnOf returns the position of the field that people call by that name, or -1.
func columnOf(s *tabular.Schema, name string) int {
	for i := range s.Fields {
		if columnName(s, i) == name {
			return i
		}
	}
	return s.Column(name)
}

// locate finds the rows that conflicts are about, by their keys, or by their
// numbers where there is no key; -1 stands for a row that is gone.
func locate(ctx context.Context, t *tabular.Table, list []Conflict) ([]int64, error) {
	rows := make([]int64, len(list))
	wanted := make(map[string][]int)
	for i, c := range list {
		rows[i] = -1
		if len(c.Key) == 0 {
			rows[i] = c.Row - 1
		} else {
			wanted[keyText(c.Key)] = append(wanted[keyText(c.Key)], i)
		}
	}
	if len(wanted) == 0 {
		return rows, nil
	}
	for span, err := range t.Range(ctx, 0, t.Rows, t.Schema.KeyColumns()) {
		if err != nil {
			return nil, err
		}
		key := make([]string, len(span.Columns))
		for row := span.From; row < span.To; row++ {
			for i, c := range span.Columns {
				key[i] = string(c.At(row))
			}
			for _, i := range wanted[keyText(key)] {
				rows[i] = span.Group.Ref.First + int64(row)
			}
		}
	}
	return rows, nil
}

// cellAt returns one cell's text, and whether there is such a cell.
func cellAt(ctx context.Context, t *tabular.Table, row int64, col int) (string, bool, error) {
	if row < 0 || row >= t.Rows || col < 0 {
		return "", false, nil
	}
	for span, err := range t.Range(ctx, row, row+1, []int{col}) {
		if err != nil {
			return "", false, err
		}
		return string(span.Columns[0].At(span.From)), true, nil
	}
	return "", false, nil
}
