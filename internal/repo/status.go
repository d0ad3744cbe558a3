package repo

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
)

// Status says how the folder differs from what is checked out.
type Status struct {
	Head    Head
	Changes []FileChange // sorted by path
	// Merging is the commit that is being merged, or zero.
	Merging   object.ID
	Conflicts int // of the merge, still open
}

// FileChange is one file that differs.
type FileChange struct {
	Path string `json:"path"`
	// Status is "added", "deleted" or "modified".
	Status string `json:"status"`
}

// Clean reports whether the folder is as it was committed.
func (s *Status) Clean() bool { return len(s.Changes) == 0 }

// Status compares the folder with what is checked out. It reads only files whose
// stamps have changed.
func (r *Repo) Status(ctx context.Context) (*Status, error) {
	head, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	st := &Status{Head: head}
	base, err := r.filesAt(ctx, head.Commit)
	if err != nil {
		return nil, err
	}
	if st.Changes, err = r.changes(ctx, base, nil); err != nil {
		return nil, err
	}
	merging, err := r.readMerge()
	if err != nil || merging == nil {
		return st, err
	}
	st.Merging = merging.Theirs
	st.Conflicts, err = r.openConflicts(merging)
	return st, err
}

// changes lists the files of the folder that differ from base, within the paths.
func (r *Repo) changes(ctx context.Context, base *fileSet, paths []string) ([]FileChange, error) {
	s, err := r.newSnapshot(ctx, nil, base, paths)
	if err != nil {
		return nil, err
	}
	defer s.finish()
	var list []FileChange
	gone := maps.Clone(base.files)
	for i, f := range s.files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		old, known := gone[f.Path]
		delete(gone, f.Path)
		if !within(f.Path, paths) {
			continue
		}
		same, err := s.sameAs(ctx, f, old, known)
		if err != nil {
			return nil, err
		}
		if !same {
			status := "modified"
			if !known {
				status = "added"
			}
			list = append(list, FileChange{f.Path, status})
		}
		r.o.Progress("comparing files", int64(i+1), int64(len(s.files)))
	}
	for name := range gone {
		if within(name, paths) {
			list = append(list, FileChange{name, "deleted"})
		}
	}
	slices.SortFunc(list, func(a, b FileChange) int { return strings.Compare(a.Path, b.Path) })
	return list, nil
}

// sameAs reports whether a file is what the entry says.
func (s *snapshot) sameAs(ctx context.Context, f worktree.File, old object.TreeEntry, known bool) (bool, error) {
	link := f.Kind == worktree.Symlink
	switch {
	case !known || link != (old.Type == object.TypeSymlink):
		return false, nil
	case link:
		target, err := s.r.linkTarget(ctx, old)
		if err != nil {
			return false, err
		}
		return worktree.LinkIs(s.r.Dir, f.Path, target), nil
	case old.Size != f.Size || executable(f, old) != old.Executable:
		return false, nil
	}
	return s.unchanged(f, old)
}

// linkTarget returns where a symbolic link of a tree points to.
func (r *Repo) linkTarget(ctx context.Context, e object.TreeEntry) (string, error) {
	o, err := r.store.Get(ctx, e.ID)
	if err != nil {
		return "", err
	}
	return string(o.Payload()), nil
}
