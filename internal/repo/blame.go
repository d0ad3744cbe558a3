package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// BlameOptions say which cells are asked about. The zero value is the whole table.
type BlameOptions struct {
	// Columns are the names of the columns; none stand for all.
	Columns []string
	// Key holds the texts of the primary key of the one row that is asked about;
	// nil stands for all rows.
	Key []string
	// From and To are the first and last row, counted from 1; 0 is no bound.
	From, To int64
}

// Blame says of cells of a table who last changed them.
type Blame struct {
	Path   string
	Commit object.ID // the version that was looked at
	// Columns and Key are the names of the columns asked about and of those of the key.
	Columns []string
	Key     []string
	// Commits are those that last changed any of the cells, newest first.
	Commits []Logged

	table *tabular.Table
	at    []int     // positions of Columns
	rows  []int64   // the rows asked about, from 0, ascending
	cells [][]int32 // by column and row: position in Commits
}

// BlamedRow is one row of a [Blame].
type BlamedRow struct {
	Row    int64    // from 1
	Key    []string // as people see it; none if the table has no key
	Values []string // of the columns asked about
	Last   []int    // of each, the commit that last changed it: a position in Commits
}

// Blame finds who last changed each cell of a table at a revision ("" is what is
// checked out): the newest commit whose parents all have another text there, or
// have not the row or the column at all. Rows are followed by their key where they
// move, columns where they are renamed or move, the table where its file is renamed and not
// changed much. A merge counts only where none of its parents has the value.
// It reads of each commit what it changed in the table. Memory grows by four bytes
// for each cell that is asked about. It fails with [ErrNotFile] if there is no such
// table, column or row.
func (r *Repo) Blame(ctx context.Context, rev, path string, o BlameOptions) (*Blame, error) {
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	t, err := r.tableAt(ctx, commit, path)
	if err != nil {
		return nil, err
	}
	b := &Blame{Path: path, Commit: commit, Key: fieldNames(t.Schema, t.Schema.Key), table: t}
	if b.at, err = positionsOf(t.Schema, o.Columns); err != nil {
		return nil, err
	}
	for _, col := range b.at {
		b.Columns = append(b.Columns, columnName(t.Schema, col))
	}
	if err := b.chooseRows(ctx, &o); err != nil {
		return nil, err
	}
	tr := newTracer(r, b)
	if err := tr.run(ctx); err != nil {
		return nil, fmt.Errorf("looking through the history of %s: %w", path, err)
	}
	return b, nil
}

// tableAt opens a table of a commit.
func (r *Repo) tableAt(ctx context.Context, commit object.ID, path string) (*tabular.Table, error) {
	e, err := r.entryAt(ctx, commit, path)
	if err != nil {
		return nil, err
	}
	if e.Type != object.TypeTable {
		return nil, fmt.Errorf("%s at %s is no table: %w", path, commit.Short(), ErrNotFile)
	}
	return tabular.Open(ctx, r.store, e.ID)
}

// KeyOf returns the names of the columns of a table's primary key; none if it has
// none. It fails with [ErrNotFile] if there is no such table.
func (r *Repo) KeyOf(ctx context.Context, rev, path string) ([]string, error) {
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	t, err := r.tableAt(ctx, commit, path)
	if err != nil {
		return nil, err
	}
	return fieldNames(t.Schema, t.Schema.Key), nil
}

// positionsOf returns the positions of the columns of the given names; all if there
// are none.
func positionsOf(s *tabular.Schema, names []string) ([]int, error) {
	var at []int
	if len(names) == 0 {
		for i := range s.Fields {
			at = append(at, i)
		}
	}
	for _, name := range names {
		col := columnOf(s, name)
		if col < 0 {
			return nil, fmt.Errorf("there is no column %q; there are %s: %w", name, strings.Join(allNames(s), ", "), ErrNotFile)
		}
		at = append(at, col)
	}
	return at, nil
}

func (b *Blame) chooseRows(ctx context.Context, o *BlameOptions) error {
	from, to := max(o.From, 1), b.table.Rows
	if o.To > 0 {
		to = min(to, o.To)
	}
	if o.Key != nil {
		return b.findKey(ctx, o.Key, from-1, to)
	}
	for row := from - 1; row < to; row++ {
		b.rows = append(b.rows, row)
	}
	return nil
}

// findKey looks for the rows with the given key among from ≤ row < to.
func (b *Blame) findKey(ctx context.Context, key []string, from, to int64) error {
	cols := b.table.Schema.KeyColumns()
	if len(cols) == 0 {
		return fmt.Errorf("%s has no primary key; name rows by their numbers: %w", b.Path, ErrNotFile)
	}
	if len(cols) != len(key) {
		return fmt.Errorf("the key of %s is %s, found %d value(s): %w", b.Path, strings.Join(b.Key, ", "), len(key), ErrNotFile)
	}
	text := cellText(b.table)
	for s, err := range b.table.Range(ctx, from, to, cols) {
		if err != nil {
			return err
		}
		for i := s.From; i < s.To; i++ {
			k := 0
			for k < len(key) && text(s.Columns[k].At(i)) == key[k] {
				k++
			}
			if k == len(key) {
				b.rows = append(b.rows, s.Group.Ref.First+int64(i))
			}
		}
	}
	if len(b.rows) == 0 {
		return fmt.Errorf("%s has no row with %s = %s: %w", b.Path, strings.Join(b.Key, ", "), strings.Join(key, ", "), ErrNotFile)
	}
	return nil
}

// Rows yields the rows that were asked about, in the table's order. It ends after
// the first error.
func (b *Blame) Rows(ctx context.Context) iter.Seq2[BlamedRow, error] {
	return func(yield func(BlamedRow, error) bool) {
		text := cellText(b.table)
		key := b.table.Schema.KeyColumns()
		next := 0
		for next < len(b.rows) {
			// Rows that follow each other are read together.
			end := next + 1
			for end < len(b.rows) && b.rows[end] == b.rows[end-1]+1 {
				end++
			}
			for s, err := range b.table.Range(ctx, b.rows[next], b.rows[end-1]+1, append(slices.Clone(b.at), key...)) {
				if err != nil {
					yield(BlamedRow{}, err)
					return
				}
				for i := s.From; i < s.To; i++ {
					row := BlamedRow{Row: s.Group.Ref.First + int64(i) + 1}
					for c := range s.Columns {
						value := text(s.Columns[c].At(i))
						if c >= len(b.at) {
							row.Key = append(row.Key, value)
							continue
						}
						row.Values = append(row.Values, value)
						row.Last = append(row.Last, int(b.cells[c][next]))
					}
					next++
					if !yield(row, nil) {
						return
					}
				}
			}
		}
	}
}

// cellCount counts cells, and rows that have such a cell.
type cellCount struct{ cells, rows int64 }

// countBy counts the cells by a label of the commit that last changed them.
func (b *Blame) countBy(label []string) map[string]cellCount {
	number := make(map[string]int)
	of := make([]int, len(label)) // by commit: the number of its label
	for i, l := range label {
		if _, known := number[l]; !known {
			number[l] = len(number)
		}
		of[i] = number[l]
	}
	counts, seen := make([]cellCount, len(number)), make([]int, len(number)) // seen: the last row that was counted, from 1
	for i := range b.rows {
		for _, column := range b.cells {
			n := of[column[i]]
			counts[n].cells++
			if seen[n] != i+1 {
				seen[n] = i + 1
				counts[n].rows++
			}
		}
	}
	out := make(map[string]cellCount, len(number))
	for l, n := range number {
		out[l] = counts[n]
	}
	return out
}

// findRenamed looks in a commit for the table that became the one at path in its
// child: the same table under another name, or one that the child has no more, with
// the same header, of which at least half of the rows are the same.
func (r *Repo) findRenamed(ctx context.Context, child, parent object.ID, t *tabular.Table) (string, *tabular.Table, error) {
	before, err := r.filesAt(ctx, parent)
	if err != nil {
		return "", nil, err
	}
	now, err := r.filesAt(ctx, child)
	if err != nil {
		return "", nil, err
	}
	var alike []string
	for _, path := range before.paths() {
		e := before.files[path]
		if _, still := now.files[path]; still || e.Type != object.TypeTable {
			continue
		}
		if e.ID == t.ID {
			return path, t, nil
		}
		alike = append(alike, path)
	}
	for _, path := range alike {
		old, err := tabular.Open(ctx, r.store, before.files[path].ID)
		if err != nil {
			return "", nil, err
		}
		if !slices.EqualFunc(old.Schema.Fields, t.Schema.Fields, func(a, b tabular.Field) bool { return a.Name == b.Name }) {
			continue
		}
		d, err := tabular.Compare(ctx, withIDsOf(old, t.Schema), t, &tabular.DiffOptions{Columns: []string{}})
		if err != nil {
			return "", nil, err
		}
		same := int64(0)
		for _, run := range d.Matched() {
			same += run.Rows
		}
		if same*2 >= t.Rows {
			return path, old, nil
		}
	}
	return "", nil, nil
}

// withIDsOf returns a table with the ids that another schema of as many fields has at
// their places: of a file under a new name, fields are known by their names.
func withIDsOf(t *tabular.Table, s *tabular.Schema) *tabular.Table {
	at := make(map[string]string, len(s.Fields))
	schema := &tabular.Schema{Fields: slices.Clone(t.Schema.Fields)}
	for i := range schema.Fields {
		at[schema.Fields[i].ID] = s.Fields[i].ID
		schema.Fields[i].ID = s.Fields[i].ID
	}
	for _, id := range t.Schema.Key {
		schema.Key = append(schema.Key, at[id])
	}
	for _, id := range t.Schema.ChunkedBy {
		schema.ChunkedBy = append(schema.ChunkedBy, cmp.Or(at[id], id))
	}
	c := *t
	c.Schema = schema
	return &c
}

// before finds a table as it was in a parent of the commit that has it; nil if it was
// not there, or was no table.
func (r *Repo) before(ctx context.Context, child, parent object.ID, path string, t *tabular.Table) (string, *tabular.Table, error) {
	e, err := r.entryAt(ctx, parent, path)
	switch {
	case errors.Is(err, ErrNotFile):
		return r.findRenamed(ctx, child, parent, t)
	case err != nil:
		return "", nil, err
	case e.Type != object.TypeTable:
		return "", nil, nil
	case e.ID == t.ID:
		return path, t, nil
	}
	old, err := tabular.Open(ctx, r.store, e.ID)
	return path, old, err
}

// compareColumns compares two versions of a table, in the fields of the given ids.
func compareColumns(ctx context.Context, path string, old, next *tabular.Table, ids []string) (*changes.Table, error) {
	return changes.Compare(ctx, path, old, next, &changes.Options{Columns: ids, NoKeys: true})
}
