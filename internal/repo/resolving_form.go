package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// aboutForm reports whether the conflict is about a table's columns, key or form.
func (c *Conflict) aboutForm() bool {
	switch c.Kind {
	case merge.KindColumn, merge.KindName, merge.KindKey, merge.KindLayout:
		return true
	}
	return false
}

// reform is what decided conflicts make of a table's columns, key and form.
type reform struct {
	a      *resolving
	path   string
	table  *tabular.Table
	fields []tabular.Field
	gone   []bool // by field
	key    []string
	parts  map[csv.Part]*tabular.Table
	edits  tableEdits
}

// form changes the table as conflicts about its columns, its key and its form were
// decided, and returns the new one.
func (a *resolving) form(path string, t *tabular.Table, list []Conflict) (*tabular.Table, error) {
	f := &reform{a: a, path: path, table: t, fields: slices.Clone(t.Schema.Fields), gone: make([]bool, len(t.Schema.Fields)),
		key: t.Schema.Key, parts: make(map[csv.Part]*tabular.Table), edits: make(tableEdits)}
	for i := range list {
		if err := f.decide(&list[i]); err != nil {
			return nil, fmt.Errorf("conflict %d: %w", list[i].Number, err)
		}
	}
	if len(f.edits) > 0 {
		id, err := f.edits.apply(a.ctx, a.objects, t)
		if err != nil {
			return nil, err
		}
		if f.table, err = tabular.Open(a.ctx, a.objects, id); err != nil {
			return nil, err
		}
	}
	return f.build()
}

func (f *reform) decide(c *Conflict) error {
	v, isSide := c.chosen()
	if c.Resolution == "" || c.Resolution == TakeDone {
		return nil
	}
	switch c.Kind {
	case merge.KindLayout:
		part := csv.Part(c.Part)
		if c.Resolution == TakeOurs && part != csv.PartEncoding {
			return nil // it stands
		}
		side, err := f.a.tableOf(f.path, c.Resolution)
		if err != nil {
			return err
		}
		f.parts[part] = side
		return nil
	case merge.KindKey:
		names := v.Cells
		if !isSide {
			names = splitList(c.value())
		}
		key, ok := fieldIDs(f.table.Schema, names)
		if !ok {
			return fmt.Errorf("%s has no column %s: add it, or name the key in %s, then write %q", f.path, strings.Join(names, ", "), datapackage.FileName, TakeDone)
		}
		f.key = key
		return nil
	case merge.KindName:
		return f.name(c)
	}
	col := columnOf(f.table.Schema, c.Column)
	if col < 0 {
		return fmt.Errorf("there is no column %s any more: make %s as it should be, then write %q", c.Column, f.path, TakeDone)
	}
	switch c.Part {
	case "name":
		f.fields[col].Name = c.value()
	case "type":
		f.fields[col].Type = tabular.Type(c.value())
	default:
		f.gone[col] = !v.Present
		if c.Resolution == TakeBase && v.Present {
			return f.restore(col)
		}
	}
	return nil
}

// splitList takes a list of names apart that a person wrote.
func splitList(text string) []string {
	var names []string
	for _, name := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '|' || r == ';' }) {
		if name = strings.TrimSpace(name); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// name gives the columns that have one name since the merge the names that a side
// has for them; one that the side does not have goes. A value is the new name of
// the last of them.
func (f *reform) name(c *Conflict) error {
	_, isSide := c.chosen()
	var side *tabular.Table
	if isSide {
		var err error
		if side, err = f.a.tableOf(f.path, c.Resolution); err != nil {
			return err
		}
	}
	last := -1
	for i, field := range f.table.Schema.Fields {
		if columnName(f.table.Schema, i) != c.Column {
			continue
		}
		last = i
		if side == nil {
			continue
		}
		at := side.Schema.Column(field.ID)
		if f.gone[i] = at < 0; !f.gone[i] {
			f.fields[i].Name = side.Schema.Fields[at].Name
		}
	}
	if last < 0 {
		return fmt.Errorf("there is no column %s any more: make %s as it should be, then write %q", c.Column, f.path, TakeDone)
	}
	if !isSide {
		f.fields[last].Name = c.value()
	}
	return nil
}

// restore gives the column the cells and the definition of the base.
func (f *reform) restore(col int) error {
	base, err := f.a.tableOf(f.path, TakeBase)
	if err != nil {
		return err
	}
	at := base.Schema.Column(f.fields[col].ID)
	if at < 0 {
		return nil
	}
	f.fields[col] = base.Schema.Fields[at]
	diff, err := tabular.Compare(f.a.ctx, base, f.table, nil)
	if err != nil {
		return err
	}
	for change, err := range diff.Changes(f.a.ctx, nil) {
		if err != nil {
			return err
		}
		switch change.Kind {
		case tabular.RowAdded:
			f.edits.row(change.RowB).cells[col] = []byte{}
		case tabular.RowModified:
			for _, cell := range change.Cells {
				if cell.ColumnB == col {
					f.edits.row(change.RowB).cells[col] = bytes.Clone(cell.Old)
				}
			}
		}
	}
	return nil
}

// build stores the table with its new columns and in its new form.
func (f *reform) build() (*tabular.Table, error) {
	t := f.table
	schema := &tabular.Schema{ChunkedBy: t.Schema.ChunkedBy}
	places := make([]int, len(f.fields)) // in the new table, or -1
	for i, field := range f.fields {
		places[i] = -1
		if !f.gone[i] {
			places[i] = len(schema.Fields)
			schema.Fields = append(schema.Fields, field)
		}
	}
	if len(schema.Fields) == 0 {
		return nil, fmt.Errorf("%s would have no column left: make the file as it should be, then write %q", f.path, TakeDone)
	}
	if !slices.ContainsFunc(f.key, func(id string) bool { return schema.Column(id) < 0 }) {
		schema.Key = f.key
	}
	layout, carry, recode, err := csv.WithForm(f.a.ctx, t, schema.Fields, f.parts)
	if err != nil {
		return nil, err
	}
	if recode != nil {
		for i := range schema.Fields {
			name, err := recode([]byte(schema.Fields[i].Name))
			if err != nil {
				return nil, err
			}
			schema.Fields[i].Name = string(name)
		}
	}
	b := tabular.NewBuilder(f.a.ctx, f.a.objects, len(schema.Fields), schema.ChunkColumns(), &tabular.BuilderOptions{Parent: t})
	defer b.Close()
	for ref, err := range t.Groups(f.a.ctx) {
		if err != nil {
			return nil, err
		}
		rows, err := reshaped(f.a.ctx, t, ref, places, carry, recode)
		if err != nil {
			return nil, err
		}
		if err := b.Add(rows); err != nil {
			return nil, err
		}
	}
	id, err := b.Finish(schema, layout)
	if err != nil {
		return nil, err
	}
	return tabular.Open(f.a.ctx, f.a.objects, id)
}

// reshaped returns the rows of a group with their columns at new places.
func reshaped(ctx context.Context, t *tabular.Table, ref tabular.GroupRef, places []int, carry merge.CarryFunc, recode func([]byte) ([]byte, error)) (tabular.Rows, error) {
	g, err := t.Group(ctx, ref)
	if err != nil {
		return tabular.Rows{}, err
	}
	old, err := g.RowsOf(ctx)
	if err != nil {
		return tabular.Rows{}, err
	}
	var out tabular.Rows
	for _, p := range places {
		out.Width = max(out.Width, p+1)
	}
	cells := make([][]byte, out.Width)
	for row := range old.Len() {
		for i, ref := range old.Cells[row*old.Width : (row+1)*old.Width] {
			if places[i] < 0 {
				continue
			}
			text := old.Buf[ref.Off : ref.Off+ref.Len]
			if recode != nil {
				if text, err = recode(text); err != nil {
					return out, fmt.Errorf("row %d: %w", g.Ref.First+int64(row)+1, err)
				}
			}
			cells[places[i]] = text
		}
		for _, text := range cells {
			out.Cells = append(out.Cells, tabular.Ref{Off: uint32(len(out.Buf)), Len: uint32(len(text))})
			out.Buf = append(out.Buf, text...)
		}
		for _, x := range exceptionsOf(old.Exceptions, row) {
			col := x.Col
			if col != tabular.WholeRow {
				if col = places[x.Col]; col < 0 {
					continue
				}
			}
			carried, ok := carry(x, t, col, cells)
			if !ok {
				continue
			}
			carried.Row, carried.Col = row, col
			out.Exceptions = append(out.Exceptions, carried)
		}
	}
	return out, nil
}

// tableOf returns the table that one of the merge's versions has at a path.
func (a *resolving) tableOf(path, version string) (*tabular.Table, error) {
	commits, err := a.commitsOf(version)
	if err != nil {
		return nil, err
	}
	for _, commit := range commits {
		files, err := a.r.filesAt(a.ctx, commit)
		if err != nil {
			return nil, err
		}
		if e, ok := files.files[path]; ok && e.Type == object.TypeTable {
			return tabular.Open(a.ctx, a.objects, e.ID)
		}
	}
	return nil, fmt.Errorf("%s has no table %s: make the file as it should be, then write %q", version, path, TakeDone)
}

// commitsOf returns the commits that stand for one of the merge's versions: several
// for the base of a criss-cross.
func (a *resolving) commitsOf(version string) ([]object.ID, error) {
	switch version {
	case TakeOurs:
		return []object.ID{a.state.Ours}, nil
	case TakeTheirs:
		return []object.ID{a.state.Theirs}, nil
	}
	return a.r.basesOf(a.ctx, a.state)
}

// basesOf returns the commits that a merge started from.
func (r *Repo) basesOf(ctx context.Context, state *mergeState) ([]object.ID, error) {
	if state.Single {
		return []object.ID{state.Base}, nil
	}
	return merge.Bases(ctx, r.store, state.Ours, state.Theirs)
}

// describe brings datapackage.json in step with tables whose columns, types or key
// were decided.
func (a *resolving) describe() error {
	if len(a.reformed) == 0 {
		return nil
	}
	data, err := a.bytesOf(datapackage.FileName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pkg, err := datapackage.Parse(data)
	if err != nil {
		return nil // the commit says so
	}
	for path, schema := range a.reformed {
		if res, ok := pkg.Resource(path); ok {
			res.SetFields(describedFields(schema))
			res.Correct(describedFields(schema), fieldNames(schema, schema.Key))
		}
	}
	if bytes.Equal(pkg.Bytes(), data) {
		return nil
	}
	return a.putBytes(datapackage.FileName, pkg.Bytes())
}

// bytesOf returns a file as what was decided so far makes it.
func (a *resolving) bytesOf(path string) ([]byte, error) {
	if e, ok := a.result.files[path]; ok {
		blob, err := object.OpenBlob(a.ctx, a.objects, e.ID)
		if err != nil {
			return nil, err
		}
		return io.ReadAll(blob)
	}
	data, err := os.ReadFile(filepath.Join(a.r.Dir, filepath.FromSlash(path)))
	if err != nil {
		return nil, fmt.Errorf("reading what was decided: %w", err)
	}
	return data, nil
}
