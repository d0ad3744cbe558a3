package repo

import (
	"context"
	"errors"
	"io"
	"io/fs"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// resolving collects what resolved conflicts make of the folder's files.
type resolving struct {
	r       *Repo
	ctx     context.Context
	objects *overlay
	merged  *fileSet // what the merge put into the folder
	result  *fileSet
	write   []string
	remove  []string
}

// file works out one file and returns a line for each conflict that is undecided.
func (a *resolving) file(path string, list []Conflict) (undecided []string, err error) {
	touched, err := a.touched(path)
	if err != nil {
		return nil, err
	}
	var cells []Conflict
	for _, c := range list {
		switch {
		case c.Kind == merge.KindCell || c.Kind == merge.KindRowAdded:
			cells = append(cells, c)
		case c.Resolution == "" && !touched:
			undecided = append(undecided, c.String())
		case c.Kind == merge.KindFile || c.Kind == merge.KindDeleted:
			if err := a.wholeFile(path, &c); err != nil {
				return nil, err
			}
		}
	}
	if len(cells) == 0 {
		return undecided, nil
	}
	open, err := a.cells(path, cells)
	return append(undecided, open...), err
}

// touched reports whether the person has changed the file since the merge.
func (a *resolving) touched(path string) (bool, error) {
	changes, err := a.r.changes(a.ctx, a.merged, []string{path})
	if errors.Is(err, ErrNotFile) {
		return false, nil
	}
	return len(changes) > 0, err
}

func (a *resolving) wholeFile(path string, c *Conflict) error {
	v, isSide := c.chosen()
	if !isSide || c.Resolution == TakeOurs {
		return nil // it stands there, or the person has put something in place
	}
	if !v.Present {
		a.remove = append(a.remove, path)
		return nil
	}
	e, err := a.entryOf(path, v.ID)
	if err != nil {
		return err
	}
	a.result.files[path] = e
	a.write = append(a.write, path)
	return nil
}

// entryOf finds the entry of a file among the merge's parents and their base.
func (a *resolving) entryOf(path string, id object.ID) (object.TreeEntry, error) {
	state, err := a.r.readMerge()
	if err != nil {
		return object.TreeEntry{}, err
	}
	commits := []object.ID{state.Theirs, state.Ours}
	bases, err := merge.Bases(a.ctx, a.r.store, state.Ours, state.Theirs)
	if err != nil {
		return object.TreeEntry{}, err
	}
	for _, commit := range append(commits, bases...) {
		files, err := a.r.filesAt(a.ctx, commit)
		if err != nil {
			return object.TreeEntry{}, err
		}
		if e, ok := files.files[path]; ok && e.ID == id {
			return e, nil
		}
	}
	return object.TreeEntry{}, object.NotFound(id)
}

// cells applies decisions about cells to the table as it lies in the folder.
func (a *resolving) cells(path string, list []Conflict) (undecided []string, err error) {
	table, err := a.folderTable(path)
	if err != nil {
		return nil, err
	}
	rows, err := locate(a.ctx, table, list)
	if err != nil {
		return nil, err
	}
	edits := make(cellEdits)
	for i := range list {
		c := &list[i]
		col := columnOf(table.Schema, c.Column)
		now, found, err := cellAt(a.ctx, table, rows[i], col)
		if err != nil {
			return nil, err
		}
		switch {
		case c.Resolution == "" && found && now == c.Ours.Text:
			undecided = append(undecided, c.String())
		case c.Resolution == "" || c.Resolution == TakeDone || !found:
			// The person has decided by editing the row.
		case c.cellValue() != now:
			edits.set(rows[i], col, c.cellValue())
		}
	}
	if len(edits) == 0 || len(undecided) > 0 {
		return undecided, nil
	}
	return nil, a.rewrite(path, table, edits)
}

// folderTable takes the file in the folder as a table.
func (a *resolving) folderTable(path string) (*tabular.Table, error) {
	s, err := a.r.newSnapshot(a.ctx, a.objects, a.merged, []string{path})
	if err != nil {
		return nil, err
	}
	if _, err := s.take(a.ctx); err != nil {
		return nil, err
	}
	e, ok := s.result.files[path]
	if !ok || e.Type != object.TypeTable {
		return nil, fs.ErrNotExist
	}
	return tabular.Open(a.ctx, a.objects, e.ID)
}

func (a *resolving) rewrite(path string, t *tabular.Table, edits cellEdits) error {
	id, err := edits.apply(a.ctx, a.objects, t)
	if err != nil {
		return err
	}
	t, err = tabular.Open(a.ctx, a.objects, id)
	if err != nil {
		return err
	}
	checked := newHashWriter(io.Discard)
	if err := writeTable(a.ctx, checked, t); err != nil {
		return err
	}
	file, err := worktree.Look(a.r.Dir, path)
	if err != nil {
		return err
	}
	a.result.files[path] = object.TreeEntry{
		Type: object.TypeTable, ID: id, Sum: checked.sum(), Executable: executable(file, object.TreeEntry{}),
	}
	a.write = append(a.write, path)
	return nil
}
