package repo

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Diff compares two states. An empty from is what is checked out; an empty to is
// the folder as it is now. Paths restrict it. The result reads from the dataset,
// which must stay open.
func (r *Repo) Diff(ctx context.Context, from, to string, paths []string) (*changes.Set, error) {
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
func (r *Repo) CommitDiff(ctx context.Context, c *object.Commit) (*changes.Set, error) {
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

func (r *Repo) compare(ctx context.Context, objects object.Reader, old, next *fileSet, paths []string) (*changes.Set, error) {
	d := &changes.Set{}
	names := append(old.paths(), next.paths()...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		a, inA := old.files[name]
		b, inB := next.files[name]
		if !within(name, paths) || inA && inB && a.ID == b.ID && sameContent(a, b) {
			continue
		}
		if (inA && a.Type != object.TypeTable) || (inB && b.Type != object.TypeTable) {
			f, err := compareFiles(ctx, objects, name, a, b)
			if err != nil {
				return nil, fmt.Errorf("comparing %s: %w", name, err)
			}
			d.Files = append(d.Files, f)
			continue
		}
		t, err := compareTables(ctx, objects, name, a.ID, b.ID)
		if err != nil {
			return nil, fmt.Errorf("comparing %s: %w", name, err)
		}
		d.Tables = append(d.Tables, t)
	}
	return d, nil
}

// compareTables compares two tables, of which one may be missing.
func compareTables(ctx context.Context, objects object.Reader, name string, a, b object.ID) (*changes.Table, error) {
	var versions [2]*tabular.Table
	for i, id := range []object.ID{a, b} {
		if id.IsZero() {
			continue
		}
		var err error
		if versions[i], err = tabular.Open(ctx, objects, id); err != nil {
			return nil, err
		}
	}
	return changes.Compare(ctx, name, versions[0], versions[1], nil)
}

// compareFiles says what is known of two files without reading them; one of the
// entries may be without a type, if there is no such file.
func compareFiles(ctx context.Context, objects object.Reader, name string, a, b object.TreeEntry) (*changes.File, error) {
	f := &changes.File{Path: name, Status: "modified"}
	for _, side := range []struct {
		entry object.TreeEntry
		to    **changes.Version
		alone string
	}{{a, &f.Old, "added"}, {b, &f.New, "deleted"}} {
		e := side.entry
		if e.Type == 0 {
			f.Status = side.alone
			continue
		}
		v := &changes.Version{Size: e.Size, Sum: e.Sum, Executable: e.Executable}
		*side.to = v
		if e.Type != object.TypeSymlink {
			v.Write = func(ctx context.Context, w io.Writer) error { return writeEntry(ctx, objects, w, e) }
			continue
		}
		target, err := objects.Get(ctx, e.ID)
		if err != nil {
			return nil, err
		}
		v.Link = string(target.Payload())
	}
	return f, nil
}

func fieldNames(s *tabular.Schema, ids []string) []string { return changes.FieldNames(s, ids) }

func columnName(s *tabular.Schema, i int) string { return changes.ColumnName(s, i) }

// cellText returns how the cells of a table read, whatever encoding its file is in.
func cellText(t *tabular.Table) func([]byte) string { return encodingOf(t).Text }
