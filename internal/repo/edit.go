package repo

import (
	"bytes"
	"context"
	"maps"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// tableEdits are changes of single rows of a table, by the row's number from 0.
type tableEdits map[int64]*rowEdit

// rowEdit is what becomes of one row.
type rowEdit struct {
	cells   map[int][]byte // new texts, by column
	forms   []formEdit
	deleted bool
}

// formEdit replaces what is said of how a whole row is written.
type formEdit struct {
	old  []byte
	text []byte // nil takes it away
}

// formed returns the exception as the edit makes it, and whether it is still there.
func (e *rowEdit) formed(x tabular.Exception) (tabular.Exception, bool) {
	if e == nil || x.Col != tabular.WholeRow {
		return x, true
	}
	for _, f := range e.forms {
		if bytes.Equal(f.old, x.Text) {
			x.Text = f.text
			return x, f.text != nil
		}
	}
	return x, true
}

func (e tableEdits) row(n int64) *rowEdit {
	if e[n] == nil {
		e[n] = &rowEdit{cells: make(map[int][]byte)}
	}
	return e[n]
}

// apply stores the table with the rows changed. Row groups without an edit are
// taken over as they are.
func (e tableEdits) apply(ctx context.Context, rw object.ReadWriter, t *tabular.Table) (object.ID, error) {
	return e.applyAs(ctx, rw, t, t.Schema)
}

// applyAs is apply under another schema for the same columns.
func (e tableEdits) applyAs(ctx context.Context, rw object.ReadWriter, t *tabular.Table, schema *tabular.Schema) (object.ID, error) {
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
			err = e.addEdited(ctx, b, t, ref)
		}
		if err != nil {
			return object.ID{}, err
		}
	}
	return b.Finish(schema, t.Layout)
}

// addEdited adds a group, row by row as the edits have it.
func (e tableEdits) addEdited(ctx context.Context, b *tabular.Builder, t *tabular.Table, ref tabular.GroupRef) error {
	g, err := t.Group(ctx, ref)
	if err != nil {
		return err
	}
	old, err := g.RowsOf(ctx)
	if err != nil {
		return err
	}
	batch := tabular.Rows{Width: old.Width, Buf: old.Buf, Cells: make([]tabular.Ref, 0, len(old.Cells))}
	for at := range old.Len() {
		edit := e[ref.First+int64(at)]
		if edit != nil && edit.deleted {
			continue
		}
		n := batch.Len()
		batch.Cells = append(batch.Cells, old.Cells[at*old.Width:(at+1)*old.Width]...)
		if edit != nil {
			for col, text := range edit.cells {
				batch.Cells[n*batch.Width+col] = tabular.Ref{Off: uint32(len(batch.Buf)), Len: uint32(len(text))}
				batch.Buf = append(batch.Buf, text...)
			}
		}
		for _, x := range exceptionsOf(old.Exceptions, at) {
			if edit != nil && edit.cells[x.Col] != nil {
				continue // the spelling went with the old text
			}
			x, there := edit.formed(x)
			if !there {
				continue
			}
			x.Row = n
			batch.Exceptions = append(batch.Exceptions, x)
		}
	}
	return b.Add(batch)
}

// exceptionsOf returns those of one row, out of a sorted list.
func exceptionsOf(sorted []tabular.Exception, row int) []tabular.Exception {
	byRow := func(x tabular.Exception, row int) int { return x.Row - row }
	from, _ := slices.BinarySearchFunc(sorted, row, byRow)
	to, _ := slices.BinarySearchFunc(sorted, row+1, byRow)
	return sorted[from:to]
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
		switch {
		case len(c.Key) > 0:
			wanted[keyText(c.Key)] = append(wanted[keyText(c.Key)], i)
		case c.Row <= t.Rows:
			rows[i] = c.Row - 1
		}
	}
	if len(wanted) == 0 {
		return rows, nil
	}
	asText := cellText(t)
	for span, err := range t.Range(ctx, 0, t.Rows, t.Schema.KeyColumns()) {
		if err != nil {
			return nil, err
		}
		key := make([]string, len(span.Columns))
		for row := span.From; row < span.To; row++ {
			for i, c := range span.Columns {
				key[i] = asText(c.At(row))
			}
			for _, i := range wanted[keyText(key)] {
				rows[i] = span.Group.Ref.First + int64(row)
			}
		}
	}
	return rows, nil
}

// rowAt returns the cells of a row as people read them, or nil if there is no
// such row.
func rowAt(ctx context.Context, t *tabular.Table, row int64) ([]string, error) {
	if row < 0 || row >= t.Rows {
		return nil, nil
	}
	asText := cellText(t)
	for span, err := range t.Range(ctx, row, row+1, nil) {
		if err != nil {
			return nil, err
		}
		cells := make([]string, len(span.Columns))
		for i, c := range span.Columns {
			cells[i] = asText(c.At(span.From))
		}
		return cells, nil
	}
	return nil, nil
}
