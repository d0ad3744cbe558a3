package repo

import (
	"context"
	"errors"
	"fmt"
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
	var rows, lines []Conflict
	for _, c := range list {
		switch {
		case c.Kind == merge.KindCell || c.Kind == merge.KindRowAdded || c.wholeRow():
			rows = append(rows, c)
		case c.Resolution == "" && !touched:
			undecided = append(undecided, c.String())
		case c.Kind == merge.KindLines:
			lines = append(lines, c)
		case c.Kind == merge.KindFile || c.Kind == merge.KindDeleted:
			err = errors.Join(err, a.wholeFile(path, &c))
		}
	}
	if err != nil {
		return nil, err
	}
	if len(lines) > 0 && len(undecided) == 0 {
		err = a.lines(path, lines)
	}
	if len(rows) > 0 && err == nil {
		var open []string
		open, err = a.rows(path, rows, touched)
		undecided = append(undecided, open...)
	}
	return undecided, err
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
	if !isSide {
		return nil // the person has put something in place
	}
	if !v.Present {
		a.remove = append(a.remove, path)
		return nil
	}
	e, err := a.entryOf(path, v.ID)
	if errors.Is(err, object.ErrNotFound) {
		return fmt.Errorf("conflict %d: %s is no file there: put in place what it should be, then write %q", c.Number, c.Resolution, TakeDone)
	}
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
	commits, bases := []object.ID{state.Theirs, state.Ours}, []object.ID{state.Base}
	if !state.Single {
		if bases, err = merge.Bases(a.ctx, a.r.store, state.Ours, state.Theirs); err != nil {
			return object.TreeEntry{}, err
		}
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

// rows applies decisions about cells and rows to the table as it lies in the folder.
func (a *resolving) rows(path string, list []Conflict, touched bool) (undecided []string, err error) {
	table, err := a.folderTable(path)
	if err != nil {
		return nil, err
	}
	places, err := locate(a.ctx, table, list)
	if err != nil {
		return nil, err
	}
	edits := make(tableEdits)
	for i := range list {
		c := &list[i]
		now, err := rowAt(a.ctx, table, places[i])
		if err != nil {
			return nil, err
		}
		switch {
		case c.Resolution == TakeDone:
		case c.Resolution == "":
			// Whoever has changed the row by hand has decided.
			if !touched || now != nil && c.stands(table.Schema, now) {
				undecided = append(undecided, c.String())
			}
		case now == nil, len(c.Key) == 0 && !c.stands(table.Schema, now):
			return nil, fmt.Errorf("conflict %d: the row is not in %s as it was, so %q can't be applied: edit it as it should be, then write %q",
				c.Number, path, c.Resolution, TakeDone)
		default:
			if err := c.edit(table, edits.row(places[i])); err != nil {
				return nil, err
			}
		}
	}
	if len(edits) == 0 || len(undecided) > 0 {
		return undecided, nil
	}
	return nil, a.rewrite(path, table, edits)
}

// wholeRow reports whether a whole row is in conflict, not one cell of it.
func (c *Conflict) wholeRow() bool {
	return c.Kind == merge.KindRowDeleted || c.Kind == merge.KindRowEdited
}

// stands reports whether a row still has what the merge left there.
func (c *Conflict) stands(schema *tabular.Schema, row []string) bool {
	if !c.wholeRow() {
		col := columnOf(schema, c.Column)
		return col >= 0 && row[col] == c.Ours.Text
	}
	left := c.Ours
	if !left.Present {
		left = c.Theirs
	}
	for i, name := range c.Columns {
		if col := columnOf(schema, name); col >= 0 && row[col] != left.Cells[i] {
			return false
		}
	}
	return true
}

// edit makes of the row what was decided.
func (c *Conflict) edit(t *tabular.Table, row *rowEdit) error {
	if !c.wholeRow() {
		return c.editCell(t, row, c.Column, c.value())
	}
	v, _ := c.chosen()
	row.deleted = !v.Present
	for i, text := range v.Cells {
		if err := c.editCell(t, row, c.Columns[i], text); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conflict) editCell(t *tabular.Table, row *rowEdit, column, text string) error {
	col := columnOf(t.Schema, column)
	if col < 0 {
		return fmt.Errorf("conflict %d: there is no column %s any more: edit the row as it should be, then write %q", c.Number, column, TakeDone)
	}
	cell, err := encodingOf(t).Cell(text)
	if err != nil {
		return fmt.Errorf("conflict %d: %w", c.Number, err)
	}
	row.cells[col] = cell
	return nil
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

func (a *resolving) rewrite(path string, t *tabular.Table, edits tableEdits) error {
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
