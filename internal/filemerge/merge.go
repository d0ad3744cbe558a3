package filemerge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// Files are the three versions.
type Files struct {
	Base   string // empty, or without a name, if both sides added the file
	Ours   string
	Theirs string
	// Name is the file's name, for messages and for its extension.
	Name string
}

// Merged is a merge of three files. It lies in memory; the files are not touched.
type Merged struct {
	// Conflicts are what the sides contradict each other about; the result has
	// what ours says there.
	Conflicts []merge.Conflict
	// Table says what happened, row by row; nil if the file is merged otherwise.
	Table *merge.TableStats
	// Plain says why files that are named as tables were not merged as such; "" if
	// they were.
	Plain string

	store *mem.Store
	entry object.TreeEntry
}

// NotTableError says which version is no table, where, and why.
type NotTableError struct {
	Version string // base, ours or theirs
	Err     *csv.NotTableError
}

// Error returns the version, the line if it is a matter of one, and the reason.
func (e *NotTableError) Error() string {
	if e.Err.Line > 0 {
		return fmt.Sprintf("%s, line %d: %s", e.Version, e.Err.Line, e.Err.Reason)
	}
	return e.Version + ": " + e.Err.Reason
}

// Unwrap returns what the codec said.
func (e *NotTableError) Unwrap() error { return e.Err }

// Tables merges three tables. It fails with a [*NotTableError] if one of them is
// none, and as reading does.
func Tables(ctx context.Context, f Files) (*Merged, error) {
	m := &Merged{store: mem.New()}
	three, err := m.read(ctx, f)
	if err != nil {
		return nil, err
	}
	res, err := merge.Tables(ctx, m.store, three[0], three[1], three[2], options())
	if err != nil {
		return nil, fmt.Errorf("merging %s: %w", f.Name, err)
	}
	m.Conflicts, m.Table = res.Conflicts, &res.Stats
	m.entry = object.TreeEntry{Type: object.TypeTable, ID: res.Table}
	return m, nil
}

// Any merges three files: those that are named as tables as [Tables] does, JSON by
// member, text by line.
// Of what can only be taken whole the result is ours. It fails as reading does.
func Any(ctx context.Context, f Files) (*Merged, error) {
	if !csv.IsName(f.Name) {
		return wholes(ctx, f, "")
	}
	m, err := Tables(ctx, f)
	var none *NotTableError
	if errors.As(err, &none) {
		return wholes(ctx, f, none.Error())
	}
	return m, err
}

// wholes merges files that are no tables.
func wholes(ctx context.Context, f Files, plain string) (_ *Merged, err error) {
	m := &Merged{store: mem.New(), Plain: plain}
	var trees [3]object.ID
	name := filepath.Base(f.Name)
	for i, from := range []string{f.Base, f.Ours, f.Theirs} {
		if trees[i], err = m.tree(ctx, name, from); err != nil {
			return nil, fmt.Errorf("reading %s: %w", from, err)
		}
	}
	res, err := merge.Trees(ctx, m.store, trees[0], trees[1], trees[2], options())
	if err != nil {
		return nil, fmt.Errorf("merging %s: %w", f.Name, err)
	}
	m.Conflicts = res.Conflicts
	list, err := object.ReadTree(ctx, m.store, res.Tree)
	if err == nil && len(list) != 1 {
		err = fmt.Errorf("%d files where one was merged", len(list))
	}
	if err != nil {
		return nil, fmt.Errorf("merging %s: %w", f.Name, err)
	}
	m.entry = list[0]
	return m, nil
}

func options() *merge.Options {
	return &merge.Options{
		Codecs: map[string]merge.Codec{csv.Codec: csv.Merger{}, csv.GzipCodec: csv.Merger{}},
		// Nobody has said anything about a file that lies alone.
		Inferred: func(string) merge.Inferred { return merge.Inferred{Key: true, Types: true} },
	}
}

// read reads the tables; the base is nil if there is none.
func (m *Merged) read(ctx context.Context, f Files) (three [3]*tabular.Table, err error) {
	if f.hasBase() {
		if three[0], err = m.readTable(ctx, f.Name, "base", f.Base, nil); err != nil {
			return three, err
		}
	}
	if three[1], err = m.readTable(ctx, f.Name, "ours", f.Ours, three[0]); err != nil {
		return three, err
	}
	parent := three[0]
	if parent == nil {
		parent = three[1]
	}
	three[2], err = m.readTable(ctx, f.Name, "theirs", f.Theirs, parent)
	return three, err
}

func (f *Files) hasBase() bool {
	info, err := os.Stat(f.Base)
	return f.Base != "" && (err != nil || info.Size() > 0 || !info.Mode().IsRegular() && f.Base != os.DevNull)
}

func (m *Merged) readTable(ctx context.Context, name, version, from string, parent *tabular.Table) (*tabular.Table, error) {
	file, err := os.Open(from)
	if err != nil {
		return nil, fmt.Errorf("opening a version of %s: %w", name, err)
	}
	defer file.Close()
	res, err := csv.Read(ctx, m.store, file, &csv.ReadOptions{Name: name, Parent: parent})
	var none *csv.NotTableError
	if errors.As(err, &none) {
		return nil, &NotTableError{Version: version, Err: none}
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", from, err)
	}
	return tabular.Open(ctx, m.store, res.Table)
}

// tree makes a tree that has the file alone; none for a base that is not there.
func (m *Merged) tree(ctx context.Context, name, from string) (object.ID, error) {
	if from == "" {
		return object.ID{}, nil
	}
	file, err := os.Open(from)
	if err != nil {
		return object.ID{}, err
	}
	defer file.Close()
	blob, err := object.WriteBlob(ctx, m.store, file)
	if err != nil {
		return object.ID{}, err
	}
	return object.BuildTree(ctx, m.store, []object.TreeEntry{{Name: name, Type: object.TypeFile, ID: blob.ID, Size: blob.Size, Sum: blob.Sum}}, object.ID{})
}

// Write writes the merged file. It fails as w does.
func (m *Merged) Write(ctx context.Context, w io.Writer) error {
	if m.entry.Type == object.TypeTable {
		t, err := tabular.Open(ctx, m.store, m.entry.ID)
		if err != nil {
			return err
		}
		return csv.Write(ctx, w, t, nil)
	}
	r, err := object.OpenBlob(ctx, m.store, m.entry.ID)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}
