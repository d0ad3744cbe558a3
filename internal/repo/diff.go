package repo

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Diff is the difference between two states of the dataset. Its methods read
// from the dataset, which must stay open.
type Diff struct {
	// Tables lists the tables that differ, and Files everything else that does,
	// both sorted by path.
	Tables []*TableDiff
	Files  []FileChange
}

// Empty reports whether nothing differs.
func (d *Diff) Empty() bool { return len(d.Tables)+len(d.Files) == 0 }

// TableDiff is the difference between two versions of one table.
type TableDiff struct {
	Path   string
	Status string // "added", "deleted" or "modified"
	Counts tabular.Counts
	// Schema lists the changes of fields, key and layout, for scripts and people.
	Schema []SchemaChange
	// Key holds the names of the fields by which rows were matched; none if whole
	// rows were compared.
	Key []string
	// Note is what a person should know, such as a key that is not unique; or "".
	Note string

	old, new *tabular.Table
	compared *tabular.Diff
}

// SchemaChange is one change of what the table is, apart from its rows.
type SchemaChange struct {
	// Change is "added", "dropped", "renamed", "retyped", "moved", "key" or "layout".
	Change string `json:"change"`
	Field  string `json:"field,omitempty"` // its name now, or before if it was dropped
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
}

// RowChange is one row that differs, with its texts as people see them.
type RowChange struct {
	Kind tabular.ChangeKind
	RowA int64 // the row's number in the old table from 1, or 0
	RowB int64 // in the new one
	Key  []string
	Row  []string // all cells of an added or deleted row
	// Cells are the changed cells of a modified row.
	Cells []CellDiff
}

// CellDiff is one changed cell.
type CellDiff struct {
	Column   string
	Old, New string
}

// Diff compares two states. An empty from is what is checked out; an empty to is
// the folder as it is now. Paths restrict it.
func (r *Repo) Diff(ctx context.Context, from, to string, paths []string) (*Diff, error) {
	objects := &overlay{under: r.store}
	old, err := r.stateAt(ctx, from)
	if err != nil {
		return nil, err
	}
	next, err := r.stateAt(ctx, to)
	if to == "" {
		next, err = r.folderState(ctx, objects, paths)
	}
	if err != nil {
		return nil, err
	}
	return r.compare(ctx, objects, old, next, paths)
}

// stateAt lays out a revision; an empty one is what is checked out, which may be
// nothing.
func (r *Repo) stateAt(ctx context.Context, rev string) (*fileSet, error) {
	if rev == "" {
		head, err := r.Head(ctx)
		if err != nil {
			return nil, err
		}
		return r.filesAt(ctx, head.Commit)
	}
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	return r.filesAt(ctx, commit)
}

// folderState takes the folder as if it were committed, into memory.
func (r *Repo) folderState(ctx context.Context, objects *overlay, paths []string) (*fileSet, error) {
	base, err := r.stateAt(ctx, "")
	if err != nil {
		return nil, err
	}
	s, err := r.newSnapshot(ctx, objects, base, paths)
	if err != nil {
		return nil, err
	}
	if _, err := s.take(ctx); err != nil {
		return nil, err
	}
	s.finish()
	return s.result, nil
}

// CommitDiff compares a commit with its first parent, or with nothing.
func (r *Repo) CommitDiff(ctx context.Context, c *object.Commit) (*Diff, error) {
	var parent object.ID
	if len(c.Parents) > 0 {
		parent = c.Parents[0]
	}
	old, err := r.filesAt(ctx, parent)
	if err != nil {
		return nil, err
	}
	next, err := readFiles(ctx, r.store, c.Tree)
	if err != nil {
		return nil, err
	}
	return r.compare(ctx, r.store, old, next, nil)
}

func (r *Repo) compare(ctx context.Context, objects object.Reader, old, next *fileSet, paths []string) (*Diff, error) {
	d := &Diff{}
	names := append(old.paths(), next.paths()...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		a, inA := old.files[name]
		b, inB := next.files[name]
		if !within(name, paths) || inA && inB && a.ID == b.ID && sameContent(a, b) {
			continue
		}
		status := "modified"
		switch {
		case !inA:
			status = "added"
		case !inB:
			status = "deleted"
		}
		if (inA && a.Type != object.TypeTable) || (inB && b.Type != object.TypeTable) {
			d.Files = append(d.Files, FileChange{name, status})
			continue
		}
		t, err := r.compareTables(ctx, objects, a.ID, b.ID)
		if err != nil {
			return nil, fmt.Errorf("comparing %s: %w", name, err)
		}
		t.Path, t.Status = name, status
		d.Tables = append(d.Tables, t)
	}
	return d, nil
}

// compareTables compares two tables, of which one may be missing.
func (r *Repo) compareTables(ctx context.Context, objects object.Reader, a, b object.ID) (*TableDiff, error) {
	t := &TableDiff{}
	for _, side := range []struct {
		id object.ID
		t  **tabular.Table
	}{{a, &t.old}, {b, &t.new}} {
		if side.id.IsZero() {
			continue
		}
		opened, err := tabular.Open(ctx, objects, side.id)
		if err != nil {
			return nil, err
		}
		*side.t = opened
	}
	switch {
	case t.old == nil:
		t.Counts.Added = t.new.Rows
		t.Key = fieldNames(t.new.Schema, t.new.Schema.Key)
		return t, nil
	case t.new == nil:
		t.Counts.Deleted = t.old.Rows
		t.Key = fieldNames(t.old.Schema, t.old.Schema.Key)
		return t, nil
	}
	var err error
	if t.compared, err = tabular.Compare(ctx, t.old, t.new, nil); err != nil {
		return nil, err
	}
	t.Schema = schemaChanges(t.compared, t.old.Schema, t.new.Schema)
	t.Key = fieldNames(t.new.Schema, t.compared.Key)
	t.Note = duplicatesNote(t.compared)
	t.Counts, err = t.compared.Counts(ctx)
	return t, err
}

func fieldNames(s *tabular.Schema, ids []string) []string {
	var names []string
	for _, id := range ids {
		if i := s.Column(id); i >= 0 {
			names = append(names, columnName(s, i))
		}
	}
	return names
}

// columnName is how a field is called for people: by its name, or its id if the
// header has none for it.
func columnName(s *tabular.Schema, i int) string {
	if s.Fields[i].Name == "" {
		return s.Fields[i].ID
	}
	return s.Fields[i].Name
}

func duplicatesNote(d *tabular.Diff) string {
	if len(d.Duplicates) == 0 {
		return ""
	}
	first := d.Duplicates[0]
	where := "before"
	if first.InB {
		where = "now"
	}
	return fmt.Sprintf("the key %s stands in more than one row %s (row %d); whole rows are compared instead",
		strings.Join(texts(first.Key), ", "), where, first.Row+1)
}

func schemaChanges(d *tabular.Diff, old, now *tabular.Schema) []SchemaChange {
	var list []SchemaChange
	for _, f := range d.Fields {
		switch {
		case f.Added():
			list = append(list, SchemaChange{Change: "added", Field: columnName(now, f.ColumnB), To: string(f.To.Type)})
			continue
		case f.Dropped():
			list = append(list, SchemaChange{Change: "dropped", Field: columnName(old, f.ColumnA), From: string(f.From.Type)})
			continue
		}
		name := columnName(now, f.ColumnB)
		if f.Renamed {
			list = append(list, SchemaChange{Change: "renamed", Field: name, From: f.From.Name, To: f.To.Name})
		}
		if f.Retyped {
			list = append(list, SchemaChange{Change: "retyped", Field: name, From: string(f.From.Type), To: string(f.To.Type)})
		}
		if f.Moved {
			list = append(list, SchemaChange{Change: "moved", Field: name})
		}
	}
	if d.KeyChanged {
		list = append(list, SchemaChange{Change: "key",
			From: strings.Join(fieldNames(old, old.Key), ", "), To: strings.Join(fieldNames(now, now.Key), ", ")})
	}
	if d.LayoutChanged {
		list = append(list, SchemaChange{Change: "layout"})
	}
	return list
}

// Columns returns the names of the newer table's columns, or the older one's if
// the table is gone.
func (t *TableDiff) Columns() []string {
	s := t.shown().Schema
	names := make([]string, len(s.Fields))
	for i := range names {
		names[i] = columnName(s, i)
	}
	return names
}

func (t *TableDiff) shown() *tabular.Table {
	if t.new != nil {
		return t.new
	}
	return t.old
}

// Rows yields the rows that differ, in the newer table's order, deleted rows
// where they stood.
func (t *TableDiff) Rows(ctx context.Context) iter.Seq2[RowChange, error] {
	if t.compared == nil {
		return t.allRows(ctx)
	}
	return func(yield func(RowChange, error) bool) {
		asText := cellText(t.new)
		for c, err := range t.compared.Changes(ctx, nil) {
			if err != nil {
				yield(RowChange{}, err)
				return
			}
			row := RowChange{Kind: c.Kind, RowA: c.RowA + 1, RowB: c.RowB + 1, Key: textsOf(c.Key, asText), Row: textsOf(c.Row, asText)}
			for _, cell := range c.Cells {
				row.Cells = append(row.Cells, CellDiff{columnName(t.new.Schema, cell.ColumnB), asText(cell.Old), asText(cell.New)})
			}
			if !yield(row, nil) {
				return
			}
		}
	}
}

// allRows yields every row of a table that only one side has.
func (t *TableDiff) allRows(ctx context.Context) iter.Seq2[RowChange, error] {
	return func(yield func(RowChange, error) bool) {
		table, kind := t.shown(), tabular.RowAdded
		if t.new == nil {
			kind = tabular.RowDeleted
		}
		asText, key := cellText(table), table.Schema.KeyColumns()
		for span, err := range table.Range(ctx, 0, table.Rows, nil) {
			if err != nil {
				yield(RowChange{}, err)
				return
			}
			for i := span.From; i < span.To; i++ {
				row := RowChange{Kind: kind, RowB: span.Group.Ref.First + int64(i) + 1}
				if kind == tabular.RowDeleted {
					row.RowA, row.RowB = row.RowB, 0
				}
				for _, c := range span.Columns {
					row.Row = append(row.Row, asText(c.At(i)))
				}
				for _, k := range key {
					row.Key = append(row.Key, row.Row[k])
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// cellText returns how the cells of a table read, whatever encoding its file is in.
func cellText(t *tabular.Table) func([]byte) string {
	return encodingOf(t).Text
}

func textsOf(cells [][]byte, asText func([]byte) string) []string {
	if cells == nil {
		return nil
	}
	list := make([]string, len(cells))
	for i, c := range cells {
		list[i] = asText(c)
	}
	return list
}

func texts(cells [][]byte) []string {
	return textsOf(cells, func(b []byte) string { return string(b) })
}
