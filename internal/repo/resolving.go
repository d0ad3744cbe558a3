package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// resolving collects what resolved conflicts make of the folder's files.
type resolving struct {
	r       *Repo
	state   *mergeState
	ctx     context.Context
	objects *overlay
	merged  *fileSet // what the merge put into the folder
	result  *fileSet
	write   []string
	remove  []string
	// reformed are the tables whose columns, types or key were decided.
	reformed map[string]*tabular.Schema
}

// file works out one file and returns a line for each conflict that is undecided.
func (a *resolving) file(path string, list []Conflict) (undecided []string, err error) {
	touched, err := a.touched(path)
	if err != nil {
		return nil, err
	}
	var rows, form, lines, members []Conflict
	for _, c := range list {
		switch {
		case c.aboutRow():
			rows = append(rows, c)
		case c.Resolution == "" && !touched:
			undecided = append(undecided, c.String())
		case c.aboutForm():
			form = append(form, c)
		case c.Kind == merge.KindLines:
			lines = append(lines, c)
		case c.Kind == merge.KindMember || c.Kind == merge.KindOrder:
			members = append(members, c)
		case c.Kind == merge.KindFile || c.Kind == merge.KindDeleted:
			err = errors.Join(err, a.wholeFile(path, &c))
		}
	}
	if err != nil {
		return nil, err
	}
	if len(rows)+len(form) > 0 {
		open, err := a.table(path, rows, form, touched, len(undecided) > 0)
		return append(undecided, open...), err
	}
	switch {
	case len(undecided) > 0:
		return undecided, nil
	case len(lines) > 0:
		err = a.lines(path, lines)
	case len(members) > 0:
		err = a.members(path, members)
	}
	return nil, err
}

// touched reports whether the person has changed the file since the merge.
func (a *resolving) touched(path string) (bool, error) {
	changes, err := a.r.changes(a.ctx, a.merged, []string{path})
	if errors.Is(err, ErrNotFile) {
		return false, nil
	}
	return len(changes) > 0, err
}

// wholeFile puts one version of a file, or of the folder that stands in its place,
// into the folder.
func (a *resolving) wholeFile(path string, c *Conflict) error {
	v, isSide := c.chosen()
	if !isSide {
		return nil // the person has put something in place
	}
	wanted := make(map[string]object.TreeEntry)
	if v.Present {
		var err error
		if wanted, err = a.filesOf(path, c.Resolution, v.ID); err != nil {
			return fmt.Errorf("conflict %d: %w", c.Number, err)
		}
	}
	for name := range a.merged.files {
		if _, stays := wanted[name]; !stays && within(name, []string{path}) {
			a.remove = append(a.remove, name)
		}
	}
	for name, e := range wanted {
		a.result.files[name] = e
		a.write = append(a.write, name)
	}
	return nil
}

// filesOf returns the file with the given object that one of the merge's versions
// has at a path, or the files of the folder that it has there.
func (a *resolving) filesOf(path, version string, id object.ID) (map[string]object.TreeEntry, error) {
	commits, err := a.commitsOf(version)
	if err != nil {
		return nil, err
	}
	for _, commit := range commits {
		files, err := a.r.filesAt(a.ctx, commit)
		if err != nil {
			return nil, err
		}
		if e, ok := files.files[path]; ok && e.ID == id {
			return map[string]object.TreeEntry{path: e}, nil
		}
		if files.folders[path] != id {
			continue
		}
		found := make(map[string]object.TreeEntry)
		for name, e := range files.files {
			if within(name, []string{path}) {
				found[name] = e
			}
		}
		return found, nil
	}
	return nil, fmt.Errorf("%s is in no version of %s that is kept: put in place what it should be, then write %q", id.Short(), path, TakeDone)
}

// table applies decisions to the table as it lies in the folder: first those about
// its rows, then those about its columns, its key and its form. If others of the
// file are open it only looks which rows are.
func (a *resolving) table(path string, rows, form []Conflict, touched, look bool) (undecided []string, err error) {
	table, err := a.folderTable(path, touched)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notTableError(path, append(rows, form...))
	}
	if err != nil {
		return nil, err
	}
	edits, undecided, err := a.rows(path, table, rows, touched)
	if err != nil || look || len(undecided) > 0 {
		return undecided, err
	}
	changed := table
	if len(edits) > 0 {
		id, err := edits.apply(a.ctx, a.objects, table)
		if err != nil {
			return nil, err
		}
		if changed, err = tabular.Open(a.ctx, a.objects, id); err != nil {
			return nil, err
		}
	}
	if slices.ContainsFunc(form, func(c Conflict) bool { return c.Resolution != "" && c.Resolution != TakeDone }) {
		if changed, err = a.form(path, changed, form); err != nil {
			return nil, err
		}
		a.reformed[path] = changed.Schema
	}
	if changed.ID == table.ID {
		return nil, nil
	}
	return nil, a.rewrite(path, changed)
}

// notTableError says that a file is no table any more, unless everything about it
// was decided by hand.
func notTableError(path string, list []Conflict) error {
	for _, c := range list {
		if c.Resolution != TakeDone {
			return fmt.Errorf("conflict %d: %s is no table any more: make it as it should be, then write %q", c.Number, path, TakeDone)
		}
	}
	return nil
}

// rows works out what decisions about cells and rows change in the table.
func (a *resolving) rows(path string, table *tabular.Table, list []Conflict, touched bool) (edits tableEdits, undecided []string, err error) {
	places, err := locate(a.ctx, table, list)
	if err != nil {
		return nil, nil, err
	}
	edits = make(tableEdits)
	for i := range list {
		c := &list[i]
		now, err := rowAt(a.ctx, table, places[i])
		if err != nil {
			return nil, nil, err
		}
		switch {
		case c.Resolution == TakeDone:
		case c.Resolution == "":
			// Whoever has changed the row by hand has decided.
			if !touched || now != nil && c.stands(table.Schema, now) {
				undecided = append(undecided, c.String())
			}
		case now == nil, len(c.Key) == 0 && !c.stands(table.Schema, now):
			return nil, nil, fmt.Errorf("conflict %d: the row is not in %s as it was, so %q can't be applied: edit it as it should be, then write %q",
				c.Number, path, c.Resolution, TakeDone)
		default:
			if err := c.edit(table, edits.row(places[i])); err != nil {
				return nil, nil, err
			}
		}
	}
	return edits, undecided, nil
}

// aboutRow reports whether the conflict is about a row or a cell of it.
func (c *Conflict) aboutRow() bool {
	return c.Kind == merge.KindCell || c.Kind == merge.KindRowAdded || c.Kind == merge.KindRowForm || c.wholeRow()
}

// wholeRow reports whether a whole row is in conflict, not one cell of it.
func (c *Conflict) wholeRow() bool {
	return c.Kind == merge.KindRowDeleted || c.Kind == merge.KindRowEdited
}

// stands reports whether a row still has what the merge left there.
func (c *Conflict) stands(schema *tabular.Schema, row []string) bool {
	if c.Kind == merge.KindRowForm {
		return true // only the file shows it
	}
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
	if c.Kind == merge.KindRowForm {
		return c.editForm(t, row)
	}
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

// editForm makes of how the row is written what was decided.
func (c *Conflict) editForm(t *tabular.Table, row *rowEdit) error {
	v, _ := c.chosen()
	old, err := encodingOf(t).Cell(c.Ours.Text)
	if err != nil {
		return fmt.Errorf("conflict %d: %w", c.Number, err)
	}
	edit := formEdit{old: old}
	if v.Present && v.Text != "" {
		if edit.text, err = encodingOf(t).Cell(v.Text); err != nil {
			return fmt.Errorf("conflict %d: %w", c.Number, err)
		}
	}
	row.forms = append(row.forms, edit)
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

// folderTable takes the file in the folder as a table: the merged one if nobody has
// touched it, even if what is in it, such as cells in two encodings, reads as another.
func (a *resolving) folderTable(path string, touched bool) (*tabular.Table, error) {
	if e, ok := a.merged.files[path]; ok && e.Type == object.TypeTable && !touched {
		return tabular.Open(a.ctx, a.objects, e.ID)
	}
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

// rewrite has the file of a table written anew.
func (a *resolving) rewrite(path string, t *tabular.Table) error {
	checked := newHashWriter(io.Discard)
	if err := writeTable(a.ctx, checked, t); err != nil {
		return err
	}
	return a.put(path, object.TreeEntry{Type: object.TypeTable, ID: t.ID, Sum: checked.sum()})
}

// putBytes has a file written that is no table.
func (a *resolving) putBytes(path string, data []byte) error {
	blob, err := object.WriteBlob(a.ctx, a.objects, bytes.NewReader(data))
	if err != nil {
		return err
	}
	return a.put(path, object.TreeEntry{Type: object.TypeFile, ID: blob.ID, Size: blob.Size, Sum: blob.Sum})
}

// put has a file of the folder replaced; it stays executable if it was.
func (a *resolving) put(path string, e object.TreeEntry) error {
	file, err := worktree.Look(a.r.Dir, path)
	if err != nil {
		return err
	}
	e.Executable = executable(file, object.TreeEntry{})
	a.result.files[path] = e
	if !slices.Contains(a.write, path) {
		a.write = append(a.write, path)
	}
	return nil
}
