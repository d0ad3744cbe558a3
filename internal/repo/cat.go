package repo

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// CatOptions restrict what is shown of a table. The zero value is the whole file.
type CatOptions struct {
	// From and To are the first and last row, counted from 1; To 0 is the end.
	From, To int64
	// Columns are the names of the columns, in the order in which they are shown;
	// none stand for all.
	Columns []string
}

func (o *CatOptions) whole() bool { return o.From <= 1 && o.To == 0 && len(o.Columns) == 0 }

// Cat writes the exact bytes of a file as they were committed, or, of a table,
// the rows and columns that are asked for, in the file's own form. spec is
// REV:PATH. It fails with [ErrNotFile] if the commit has no such file.
func (r *Repo) Cat(ctx context.Context, w io.Writer, spec string, o CatOptions) error {
	rev, path, ok := strings.Cut(spec, ":")
	if !ok {
		return fmt.Errorf("%w %q: expected REV:PATH, as HEAD:counts.csv", ErrUnknownRevision, spec)
	}
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return err
	}
	e, err := r.entryAt(ctx, commit, path)
	if err != nil {
		return err
	}
	switch {
	case e.Type == object.TypeDir:
		return fmt.Errorf("%s is a folder: %w", path, ErrNotFile)
	case e.Type == object.TypeSymlink:
		target, err := r.linkTarget(ctx, e)
		if err == nil {
			_, err = io.WriteString(w, target)
		}
		return err
	case o.whole():
		return writeEntry(ctx, r.store, w, e)
	case e.Type != object.TypeTable:
		return fmt.Errorf("%s is no table, so it has no rows and columns to choose from: %w", path, ErrNotFile)
	}
	t, err := tabular.Open(ctx, r.store, e.ID)
	if err != nil {
		return err
	}
	return catTable(ctx, w, t, o)
}

func catTable(ctx context.Context, w io.Writer, t *tabular.Table, o CatOptions) error {
	var cols []int
	if len(o.Columns) > 0 {
		var err error
		if cols, err = positionsOf(t.Schema, o.Columns); err != nil {
			return err
		}
	}
	to := o.To
	if to == 0 {
		to = t.Rows
	}
	return writeRows(ctx, w, t, max(o.From, 1)-1, to, cols)
}

func allNames(s *tabular.Schema) []string {
	names := make([]string, len(s.Fields))
	for i := range names {
		names[i] = columnName(s, i)
	}
	return names
}

// entryAt finds a path in a commit, folder by folder.
func (r *Repo) entryAt(ctx context.Context, commit object.ID, path string) (object.TreeEntry, error) {
	c, err := object.ReadCommit(ctx, r.store, commit)
	if err != nil {
		return object.TreeEntry{}, err
	}
	e := object.TreeEntry{Type: object.TypeDir, ID: c.Tree}
	for _, name := range strings.Split(path, "/") {
		ok := false
		if e.Type == object.TypeDir {
			e, ok, err = object.LookupEntry(ctx, r.store, e.ID, name)
		}
		if err != nil {
			return e, err
		}
		if !ok {
			return e, fmt.Errorf("%s at %s: %w", path, commit.Short(), ErrNotFile)
		}
	}
	return e, nil
}
