package repo

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object"
)

// CommitOptions say what to commit.
type CommitOptions struct {
	Message string
	// Paths restricts the commit to these files and folders, relative to the
	// dataset's folder, with slashes; none stand for everything.
	Paths []string
	// AllowEmpty records a commit even if nothing has changed.
	AllowEmpty bool
	// Renamed names columns that have another name now; what datapackage.json says of
	// them follows. With NoRename, columns that are gone are, and new ones are new.
	Renamed  []Rename
	NoRename bool
	// NoValidate records the folder even if the settings have commits validated and
	// it is not valid.
	NoValidate bool
}

// CommitResult says what was recorded.
type CommitResult struct {
	ID       object.ID
	Branch   string // "" if no branch is checked out
	Message  string
	First    bool // the branch had no commit before
	Recorded []Recorded
	// Package is the datapackage.json that was recorded if it is another than before,
	// else nil.
	Package *datapackage.Package
}

// Commit records the folder as a new commit, signed by this device, on the
// branch that is checked out, and fills in datapackage.json. If a merge is going
// on, the commit finishes it. It fails with [ErrNothing] if nothing has changed,
// [ErrUnresolved] if the merge has open conflicts, an [*InvalidError] if the settings
// have commits validated, a [*RenameError] unless o says what was renamed,
// [ErrChanging], or [ErrLocked]; the dataset is then as it was.
func (r *Repo) Commit(ctx context.Context, o CommitOptions) (*CommitResult, error) {
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	merging, err := r.readMerge()
	if err != nil {
		return nil, err
	}
	if merging != nil {
		if len(o.Paths) > 0 {
			return nil, fmt.Errorf("committing a part: %w", ErrMerging)
		}
		if err := r.applyResolutions(ctx, merging); err != nil {
			return nil, err
		}
		if o.Message == "" {
			o.Message = merging.Message
		}
	}
	return r.commit(ctx, o, merging)
}

func (r *Repo) commit(ctx context.Context, o CommitOptions, merging *mergeState) (*CommitResult, error) {
	head, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	batch, err := r.store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer batch.Discard()
	base, err := r.filesAt(ctx, head.Commit)
	if err != nil {
		return nil, err
	}
	s, err := r.newSnapshot(ctx, batch, base, o.Paths)
	if err != nil {
		return nil, err
	}
	defer s.close()
	s.describe, s.head = true, head.Commit
	s.askRenames, s.renames = !o.NoRename && merging == nil, o.Renamed
	sketches := r.newStatCache()
	s.sketches = newSketcher(sketches)
	tree, err := s.take(ctx)
	if err != nil {
		return nil, err
	}
	parents := parentsOf(head, merging)
	if tree == base.folders[""] && merging == nil && !o.AllowEmpty || len(s.result.files) == 0 && len(parents) == 0 && !o.AllowEmpty {
		s.finish()
		return nil, fmt.Errorf("%w: the folder is as it was committed", ErrNothing)
	}
	if r.validatesCommit(merging) && !o.NoValidate {
		if err := r.refuseInvalid(ctx, batch, tree, base.folders[""]); err != nil {
			return nil, err
		}
	}
	id, err := r.putCommit(ctx, batch, tree, parents, o.Message)
	if err != nil {
		return nil, err
	}
	if err := batch.Commit(ctx); err != nil {
		return nil, err
	}
	if err := s.placePackage(); err != nil {
		return nil, err
	}
	if err := r.moveHead(ctx, head, id); err != nil {
		return nil, err
	}
	if err := r.adopt(s); err != nil {
		return nil, err
	}
	sketches.save(ctx)
	if len(o.Paths) == 0 {
		s.cache.Same(s.files, tree)
	}
	s.finish()
	if merging != nil {
		if err := r.finishMerge(ctx, merging, id); err != nil {
			return nil, err
		}
	}
	res := &CommitResult{ID: id, Branch: head.Branch.Short(), Message: o.Message, First: head.Commit.IsZero(), Recorded: s.recorded}
	if s.result.files[datapackage.FileName].ID != base.files[datapackage.FileName].ID {
		res.Package = s.pkg
	}
	return res, nil
}

// validatesCommit reports whether the settings have a commit validated: as all are,
// or as one in which conflicts of a proposal or of a pull are resolved.
func (r *Repo) validatesCommit(merging *mergeState) bool {
	switch {
	case r.settings.Validates("commit"):
		return true
	case merging == nil || merging.Single:
		return false
	case !merging.Proposal.IsZero():
		return r.settings.Validates("accept")
	}
	return r.settings.Validates("pull")
}

func parentsOf(head Head, merging *mergeState) []object.ID {
	var parents []object.ID
	if !head.Commit.IsZero() {
		parents = append(parents, head.Commit)
	}
	if merging != nil && !merging.Single {
		parents = append(parents, merging.Theirs)
	}
	return parents
}

// putCommit makes, signs and stores a commit by this device's owner.
func (r *Repo) putCommit(ctx context.Context, w object.Writer, tree object.ID, parents []object.ID, message string) (object.ID, error) {
	if _, err := r.signer(ctx); err != nil {
		return object.ID{}, err
	}
	name, _ := r.owner()
	c := &object.Commit{
		Tree: tree, Parents: parents, Author: name,
		Time: object.MomentOf(r.o.Now()), Message: strings.TrimRight(message, "\n"),
	}
	if err := c.Sign(r.sign); err != nil {
		return object.ID{}, fmt.Errorf("signing the commit: %w", err)
	}
	o, err := c.Object()
	if err != nil {
		return object.ID{}, err
	}
	var base object.ID
	if len(parents) > 0 {
		base = parents[0]
	}
	return w.Put(ctx, o, base)
}

// filesAt lays out the tree of a commit; a zero id is an empty folder.
func (r *Repo) filesAt(ctx context.Context, commit object.ID) (*fileSet, error) {
	if commit.IsZero() {
		return readFiles(ctx, r.store, object.ID{})
	}
	c, err := object.ReadCommit(ctx, r.store, commit)
	if err != nil {
		return nil, err
	}
	return readFiles(ctx, r.store, c.Tree)
}

// Rel returns a path that a person wrote (relative to from, or absolute) as one
// relative to the dataset's folder, with slashes. It fails with [ErrNotFile] if
// it lies outside.
func (r *Repo) Rel(from, name string) (string, error) {
	if !filepath.IsAbs(name) {
		abs, err := filepath.Abs(from)
		if err != nil {
			return "", fmt.Errorf("finding %s: %w", name, err)
		}
		name = filepath.Join(abs, name)
	}
	dir := r.Dir
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		if folder, err := filepath.EvalSymlinks(filepath.Dir(name)); err == nil {
			dir, name = real, filepath.Join(folder, filepath.Base(name))
		}
	}
	rel, err := filepath.Rel(dir, name)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", fmt.Errorf("%s lies outside the dataset %s: %w", name, r.Dir, ErrNotFile)
	}
	return filepath.ToSlash(rel), nil
}
