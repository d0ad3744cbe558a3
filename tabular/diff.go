package tabular

import (
	"context"
	"errors"
	"hash/maphash"
	"iter"
	"slices"
)

// DiffOptions says how [Compare] compares.
type DiffOptions struct {
	// Key holds the ids of the fields by which rows are matched; nil stands for
	// the primary key, if both tables have the same one.
	Key []string
	// Keyless compares rows whole even where there is a key.
	Keyless bool
	// Columns holds the ids of the fields whose cells are compared in rows that both
	// tables have; nil stands for all. It changes nothing about how rows are matched.
	Columns []string
	// NoKeys leaves the keys out of the changes, and so their columns unread where no
	// row was added or deleted.
	NoKeys bool
	// Workers is the number of goroutines that decode; 0 is one per processor.
	Workers int
}

// Diff is the comparison of two tables, a the older and b the newer. It holds
// nothing that need be closed; its methods are for one goroutine at a time.
type Diff struct {
	// Fields lists the fields that are not in both tables alike.
	Fields []FieldChange
	// KeyChanged says that the primary key is another.
	KeyChanged bool
	// LayoutChanged says that the file is written in another way.
	LayoutChanged bool
	// Key holds the ids of the fields by which rows are matched. If it is empty,
	// rows are compared whole: every one is the same, added or deleted.
	Key []string
	// Duplicates names rows that share their key with another one of their table.
	// If there are any, Key is empty.
	Duplicates []Duplicate

	a, b    *Table
	common  []fieldPair // fields of both, in b's order
	cells   []fieldPair // those of common whose cells are compared
	keyPart []fieldPair // those by which rows are matched
	workers int
	noKeys  bool
	seed    maphash.Seed

	blocks  []block
	strays  []strayPair // rows matched across blocks, by rowB
	strayAs []int64     // their rows in a, ascending
	runs    []run       // the rows of both, by a
	moved   int64       // rows of both that stand in another order
	spelled bool        // exceptions of the two can be compared
}

// fieldPair is a field that both tables have: its positions.
type fieldPair struct{ a, b int }

// ChangeKind says what became of a row.
type ChangeKind string

// The kinds of [Change].
const (
	RowAdded    ChangeKind = "added"
	RowDeleted  ChangeKind = "deleted"
	RowModified ChangeKind = "modified"
)

// Change is one row that the two tables do not have alike. Its texts are shared
// and must not be written to; to keep one for long, clone it.
type Change struct {
	Kind ChangeKind
	RowA int64    // the row's number in a, from 0, or -1
	RowB int64    // the row's number in b, from 0, or -1
	Key  [][]byte // texts of the Diff's key fields; nil without a key, or if none were asked for
	// Row holds the row's cells as b has them if it was added, as a has them if it
	// was deleted; nil if it was modified.
	Row [][]byte
	// Cells lists the changed cells of a modified row in b's column order. Only
	// fields that both tables have are compared.
	Cells []CellChange
}

// CellChange is one changed cell.
type CellChange struct {
	ColumnA, ColumnB int // positions of the field
	Old, New         []byte
}

// Counts sums up the changes of rows.
type Counts struct {
	Added     int64
	Deleted   int64
	Modified  int64
	Cells     int64 // changed cells of modified rows
	Moved     int64 // rows of both tables that stand in another order among the others
	Respelled int64 // rows of both tables with the same texts, written in another way
}

// Any reports whether there is any change.
func (c Counts) Any() bool { return c != Counts{} }

// Reordered reports whether the tables have the same rows in another order.
func (c Counts) Reordered() bool {
	return c.Moved > 0 && c.Added+c.Deleted+c.Modified == 0
}

// Duplicate is a row whose key another row of its table has too.
type Duplicate struct {
	InB bool     // in b, else in a
	Row int64    // its number, from 0
	Key [][]byte // its key's texts
}

// maxDuplicates is how many a Diff names.
const maxDuplicates = 20

// Compare compares two tables. Fields are the same if their ids are; a field
// that only one table has does not make a row another. Rows are matched by the
// key if there is one. If a key stands twice among the rows compared, the Diff
// says so and compares whole rows instead.
//
// It reads nodes, the row groups that the tables do not share, and of these only
// the key's columns where they differ. Memory grows with the number of rows that
// were added, deleted or moved far, not with the tables. It fails as the tables'
// readers do. A nil o stands for the defaults.
func Compare(ctx context.Context, a, b *Table, o *DiffOptions) (*Diff, error) {
	if o == nil {
		o = &DiffOptions{}
	}
	d := &Diff{a: a, b: b, workers: o.Workers, noKeys: o.NoKeys, seed: maphash.MakeSeed()}
	d.compareSchemas()
	d.cells = d.common
	if o.Columns != nil {
		d.cells = slices.DeleteFunc(slices.Clone(d.common), func(p fieldPair) bool {
			return !slices.Contains(o.Columns, b.Schema.Fields[p.b].ID)
		})
	}
	if !o.Keyless {
		d.chooseKey(o.Key)
	}
	tree, err := compareTrees(ctx, a, b)
	if err != nil {
		return nil, err
	}
	d.blocks = makeBlocks(tree)
	ok, err := d.matchRows(ctx, tree)
	if err == nil && !ok {
		d.Key, d.keyPart = nil, nil
		_, err = d.matchRows(ctx, tree)
	}
	if err != nil {
		return nil, err
	}
	return d, nil
}

// chooseKey sets the fields by which rows are matched.
func (d *Diff) chooseKey(key []string) {
	if key == nil && slices.Equal(d.a.Schema.Key, d.b.Schema.Key) {
		key = d.b.Schema.Key
	}
	as, bs := d.a.Schema.Columns(key), d.b.Schema.Columns(key)
	if len(key) == 0 || len(as) != len(key) || len(bs) != len(key) {
		return
	}
	d.Key = key
	for i := range key {
		d.keyPart = append(d.keyPart, fieldPair{as[i], bs[i]})
	}
}

// matched returns the fields by which rows are matched.
func (d *Diff) matched() []fieldPair {
	if d.Key != nil {
		return d.keyPart
	}
	return d.common
}

// RowRun is a number of rows that follow each other in both tables.
type RowRun struct {
	A, B int64 // the first row in either, from 0
	Rows int64
}

// Matched returns which row of a is which of b: the rows that were matched by the
// key, or that are equal where rows are compared whole, in a's order. The slice is
// the caller's.
func (d *Diff) Matched() []RowRun {
	list := make([]RowRun, 0, len(d.runs))
	for _, r := range d.runs {
		if n := len(list); n > 0 && list[n-1].A+list[n-1].Rows == r.a && list[n-1].B+list[n-1].Rows == r.b {
			list[n-1].Rows += r.weight
			continue
		}
		list = append(list, RowRun{A: r.a, B: r.b, Rows: r.weight})
	}
	return list
}

// Equal reports whether the tables are the same object.
func (d *Diff) Equal() bool { return d.a.ID == d.b.ID }

// Changes returns the rows that the tables do not have alike: about in b's
// order, deleted rows where they stood, rows that moved far and were modified at
// the end. If counts is not nil, it is set when all changes were seen. The
// iteration ends after the first error; it may be run again.
func (d *Diff) Changes(ctx context.Context, counts *Counts) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		total := Counts{Moved: d.moved}
		deliver := func(r *blockResult) error {
			total.add(&r.counts)
			for i := range r.changes {
				if !yield(r.changes[i], nil) {
					return errEnough
				}
			}
			return nil
		}
		err := inOrder(ctx, d.workers, eachBlock(d.blocks), d.diffBlock, deliver)
		if err == nil {
			err = d.diffStrays(ctx, deliver)
		}
		switch {
		case err == errEnough:
		case err != nil:
			yield(Change{}, err)
		case counts != nil:
			*counts = total
		}
	}
}

// Counts counts the changes. It fails as the tables' readers do.
func (d *Diff) Counts(ctx context.Context) (Counts, error) {
	var c Counts
	for _, err := range d.Changes(ctx, &c) {
		if err != nil {
			return Counts{}, err
		}
	}
	return c, nil
}

func (c *Counts) add(o *Counts) {
	c.Added += o.Added
	c.Deleted += o.Deleted
	c.Modified += o.Modified
	c.Cells += o.Cells
	c.Moved += o.Moved
	c.Respelled += o.Respelled
}

// errEnough ends an iteration whose reader wants no more.
var errEnough = errors.New("enough")
