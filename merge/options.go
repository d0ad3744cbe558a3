package merge

import (
	"context"
	"io"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Additions says what becomes of equal rows that both sides added to a table
// without a primary key (RULES.md §3).
type Additions string

const (
	// AdditionsUnion keeps one of each pair of equal rows that both sides added,
	// and lets both sides' deletions of equal rows count once. It is the default:
	// people who merged by hand have kept one in every real merge that we know.
	AdditionsUnion Additions = "union"
	// AdditionsSum keeps every row that was added and drops every one deleted.
	AdditionsSum Additions = "sum"
)

// Codec is what a merge needs of a file format. Implementations must be safe for
// use by several goroutines.
type Codec interface {
	LayoutMerger
	// WriteTable writes the file that the table stands for. It fails as w and the
	// table's store do.
	WriteTable(ctx context.Context, w io.Writer, t *tabular.Table) error
}

// Inferred says what of a table's schema was guessed from its rows and confirmed by
// nobody, so that it must not stand in the way of a merge (RULES.md §3a).
type Inferred struct {
	Key   bool // the primary key, on both sides
	Types bool // the fields' types
}

// Options tunes a merge. A nil *Options, and every zero field, stands for the default.
type Options struct {
	// Codecs are the file formats by the names that layouts carry. Without its
	// codec a table's layout is taken whole, and a table that both sides changed
	// is a conflict of the file in [Trees], which records every file's hash.
	Codecs map[string]Codec
	// Additions is the policy for tables without a key; AdditionsUnion if empty.
	Additions Additions
	// Strict makes a conflict of every row that both sides changed, even in
	// different cells.
	Strict bool
	// Policies returns the policies of the table at a path of the tree, by the
	// names of its fields; nil stands for none anywhere.
	Policies func(path string) map[string]Policy
	// Inferred returns what was only guessed of the table at a path of the tree; nil
	// stands for nothing anywhere.
	Inferred func(path string) Inferred
	// Newer says which side's commit is the later one, and Maintained which side's
	// a maintainer has made if only one of them; the policies ask for it.
	Newer, Maintained Rank
	// Keep, if not nil, is called once for every table that was merged, with its
	// path and a function that prints its file, so that the file need not be printed
	// again. It must call print once; an error ends the merge.
	Keep func(path string, executable bool, print func(io.Writer) error) error
	// Prepare, if not nil, is called by [Commits] before the trees are merged, with
	// those of the base and of both sides; what it returns is merged in their place.
	Prepare func(base, ours, theirs object.ID) (sides [2]object.ID, err error)
	// Workers bounds the goroutines that encode tables; 0 stands for one a processor.
	Workers int

	farFrom int // for tests: the rows of a region from which on its cells are not held
}
