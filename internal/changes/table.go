package changes

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// ErrNoColumn says that a table has no column of a name that was asked for.
var ErrNoColumn = errors.New("no such column")

// Options says how [Compare] compares. A nil one stands for the defaults.
type Options struct {
	// Key holds the names of the columns by which rows are matched; nil stands for
	// the tables' own key.
	Key []string
	// Columns holds the ids of the fields whose cells are compared where rows are
	// matched by a key; nil stands for all.
	Columns []string
	// NoKeys leaves the keys out of the rows.
	NoKeys bool
}

// Table is the difference between two versions of a table. Its methods read from
// the tables' stores, which must stay open; they are for one goroutine at a time.
type Table struct {
	Path   string
	Status string // "added", "deleted" or "modified"
	// Counts are exact: where rows have no key, each is equal to one of the other
	// version, added or deleted.
	Counts tabular.Counts
	// Shown are the same with rows paired as [Table.Paired] has them.
	Shown tabular.Counts
	// Schema lists the changes of columns, key and form.
	Schema []SchemaChange
	// Key holds the names of the columns by which rows were matched; none if whole
	// rows were compared.
	Key []string
	// Note is what a person should know, such as a key that is not unique; or "".
	Note string
	// Old and New are the versions; one of them may be nil.
	Old, New *tabular.Table

	compared *tabular.Diff
	kept     []Row // all changed rows, if they are few
	whole    bool  // kept is complete
}

// SchemaChange is one change of what the table is, apart from its rows.
type SchemaChange struct {
	// Change is "added", "dropped", "renamed", "retyped", "moved", "key" or "layout".
	Change string `json:"change"`
	Field  string `json:"field,omitempty"` // its name now, or before if it was dropped
	From   string `json:"from,omitempty"`
	To     string `json:"to,omitempty"`
}

// Compare compares two versions of a table, of which one may be nil. Path is for
// whoever reads the result. It fails with an error that wraps [ErrNoColumn] if a
// column of the key is missing, and as the tables' stores do.
func Compare(ctx context.Context, path string, old, next *tabular.Table, o *Options) (*Table, error) {
	t := &Table{Path: path, Status: "modified", Old: old, New: next}
	switch {
	case old == nil:
		t.Status, t.Counts.Added = "added", next.Rows
	case next == nil:
		t.Status, t.Counts.Deleted = "deleted", old.Rows
	default:
		return t, t.compare(ctx, o)
	}
	t.Shown = t.Counts
	t.Key = FieldNames(t.shown().Schema, t.shown().Schema.Key)
	return t, nil
}

func (t *Table) compare(ctx context.Context, o *Options) error {
	var how tabular.DiffOptions
	if o != nil {
		how.Columns, how.NoKeys = o.Columns, o.NoKeys
	}
	if o != nil && o.Key != nil {
		for _, s := range []*tabular.Schema{t.Old.Schema, t.New.Schema} {
			ids, err := fieldIDs(s, o.Key)
			if err != nil {
				return err
			}
			how.Key = ids
		}
	}
	var err error
	if t.compared, err = tabular.Compare(ctx, t.Old, t.New, &how); err != nil {
		return err
	}
	t.Schema = schemaChanges(t.compared, t.Old, t.New)
	t.Key = FieldNames(t.New.Schema, t.compared.Key)
	t.Note = duplicatesNote(t.compared)
	return t.count(ctx)
}

// Matched returns which rows of the two versions are the same, as
// [tabular.Diff.Matched] does; nil if there is one version only. Rows that
// [Table.Paired] joins besides are not among them.
func (t *Table) Matched() []tabular.RowRun {
	if t.compared == nil {
		return nil
	}
	return t.compared.Matched()
}

// Empty reports whether nothing differs.
func (t *Table) Empty() bool {
	return t.Status == "modified" && !t.Counts.Any() && len(t.Schema) == 0
}

func (t *Table) shown() *tabular.Table {
	if t.New != nil {
		return t.New
	}
	return t.Old
}

func fieldIDs(s *tabular.Schema, names []string) ([]string, error) {
	ids := make([]string, len(names))
	for k, name := range names {
		i := slices.IndexFunc(s.Fields, func(f tabular.Field) bool { return f.Name == name })
		if i < 0 {
			return nil, fmt.Errorf("%w: %q; there are: %s", ErrNoColumn, name, strings.Join(allNames(s), ", "))
		}
		ids[k] = s.Fields[i].ID
	}
	return ids, nil
}

func allNames(s *tabular.Schema) []string {
	names := make([]string, len(s.Fields))
	for i := range names {
		names[i] = ColumnName(s, i)
	}
	return names
}

// FieldNames returns the names of the fields of the given ids; those that the schema
// does not have are left out.
func FieldNames(s *tabular.Schema, ids []string) []string {
	var names []string
	for _, id := range ids {
		if i := s.Column(id); i >= 0 {
			names = append(names, ColumnName(s, i))
		}
	}
	return names
}

// ColumnName returns how the field at position i is called for people: by its name,
// or its id if the header has none for it.
func ColumnName(s *tabular.Schema, i int) string {
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
	key := make([]string, len(first.Key))
	for i, k := range first.Key {
		key[i] = string(k)
	}
	return fmt.Sprintf("the key %s stands in more than one row %s (row %d); whole rows are compared instead",
		strings.Join(key, ", "), where, first.Row+1)
}

func schemaChanges(d *tabular.Diff, oldTable, newTable *tabular.Table) []SchemaChange {
	old, now := oldTable.Schema, newTable.Schema
	var list []SchemaChange
	for _, f := range d.Fields {
		switch {
		case f.Added():
			list = append(list, SchemaChange{Change: "added", Field: ColumnName(now, f.ColumnB), To: string(f.To.Type)})
			continue
		case f.Dropped():
			list = append(list, SchemaChange{Change: "dropped", Field: ColumnName(old, f.ColumnA), From: string(f.From.Type)})
			continue
		}
		name := ColumnName(now, f.ColumnB)
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
			From: strings.Join(FieldNames(old, old.Key), ", "), To: strings.Join(FieldNames(now, now.Key), ", ")})
	}
	if d.LayoutChanged && !sameForm(oldTable, newTable) {
		list = append(list, SchemaChange{Change: "layout"})
	}
	return list
}

// sameForm reports whether the newer file's text is written as the older one's
// would be with the newer one's columns. A compressed file has another time each
// time that it is written; how a text is compressed is no matter of its form.
func sameForm(old, now *tabular.Table) bool {
	a, err := csv.DecodeLayout(old.Layout)
	if err != nil {
		return false
	}
	b, err := csv.DecodeLayout(now.Layout)
	if err != nil {
		return false
	}
	a.Gzip, b.Gzip = nil, nil
	before, err := a.WithFields(old.Schema.Fields, now.Schema.Fields).Encode()
	if err != nil {
		return false
	}
	after, err := b.Encode()
	return err == nil && bytes.Equal(before.Data, after.Data)
}

// textOf returns how the cells of a table read, whatever encoding its file is in.
func textOf(t *tabular.Table) func([]byte) string { return encodingOf(t).Text }

func encodingOf(t *tabular.Table) csv.Encoding {
	l, err := csv.DecodeLayout(t.Layout)
	if err != nil {
		return csv.UTF8
	}
	return l.Encoding
}
