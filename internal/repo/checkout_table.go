package repo

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// checkedOut returns the files that are checked out if a large table is among the paths,
// all to be written from set, and else nil. It is only ever a saving.
func (r *Repo) checkedOut(ctx context.Context, set *fileSet, paths []string) map[string]object.TreeEntry {
	large := func(name string) bool {
		e := set.files[name]
		return e.Type == object.TypeTable && e.Size >= minTraced
	}
	if !slices.ContainsFunc(paths, large) {
		return nil
	}
	head, err := r.Head(ctx)
	if err != nil {
		return nil
	}
	files, err := r.filesAt(ctx, head.Commit)
	if err != nil {
		return nil
	}
	return files.files
}

// stageTable stages the file of a large table. What stands in the file of the version
// before, was, is copied from there; the hash of the whole says whether that was
// right, and if not, everything is printed.
func (r *Repo) stageTable(ctx context.Context, objects object.Reader, stage *worktree.Stage, name string, e, was object.TreeEntry) error {
	file, before := r.fileBefore(ctx, name, was)
	if before != nil {
		err := r.stageTableFrom(ctx, objects, stage, name, e, was, before)
		file.Close()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return r.stageTableFrom(ctx, objects, stage, name, e, was, nil)
}

func (r *Repo) stageTableFrom(ctx context.Context, objects object.Reader, stage *worktree.Stage, name string, e, was object.TreeEntry, before *csv.Before) error {
	var trace *csv.Trace
	err := stage.Write(name, e.Executable, func(w io.Writer) error {
		return writeEntryWith(ctx, objects, w, e, &csv.WriteOptions{Before: before, Trace: func(t *csv.Trace) { trace = t }})
	})
	if err == nil {
		r.keepTrace(was.ID, trace)
	}
	return err
}

// fileBefore opens the file of a table in the folder, if it is likely still what was
// checked out and it is known where its row groups stand. The caller closes it.
func (r *Repo) fileBefore(ctx context.Context, name string, was object.TreeEntry) (*os.File, *csv.Before) {
	if was.Type != object.TypeTable || was.Size < minTraced {
		return nil, nil
	}
	found, err := worktree.Look(r.Dir, name)
	if err != nil || found.Kind != worktree.Regular && found.Kind != worktree.Executable || found.Size != was.Size {
		return nil, nil
	}
	trace := r.traceOf(was.ID)
	if trace == nil {
		return nil, nil
	}
	t, err := tabular.Open(ctx, r.store, was.ID)
	if err != nil {
		return nil, nil
	}
	f, err := os.Open(filepath.Join(r.Dir, filepath.FromSlash(name)))
	if err != nil {
		return nil, nil
	}
	return f, &csv.Before{File: f, Table: t, Trace: trace}
}
