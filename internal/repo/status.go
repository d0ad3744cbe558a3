package repo

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
)

// Status says how the folder differs from what is checked out.
type Status struct {
	Head    Head
	Changes []FileChange // sorted by path
	// Merging is the commit that is being merged, or zero.
	Merging   object.ID
	Conflicts int // of the merge, still open
	// Remotes says how the branch stands to that of the same name at every remote that
	// was seen to have one, sorted by the remotes' names.
	Remotes []RemoteStatus
}

// RemoteStatus says how a branch stands to that of a remote, as it was last seen.
type RemoteStatus struct {
	Branch string    `json:"branch"` // such as "origin/main"
	Commit object.ID `json:"commit"`
	Ahead  int       `json:"ahead"`  // commits that the remote does not have
	Behind int       `json:"behind"` // commits that only the remote has
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
	s, err := r.look(ctx)
	if err != nil {
		return nil, err
	}
	if tree, err := r.treeOf(ctx, head.Commit); err != nil {
		return nil, err
	} else if !s.cache.Clean(s.files, tree) {
		files, err := readFiles(ctx, r.store, tree)
		if err != nil {
			return nil, err
		}
		if s.base, err = r.shown(ctx, files); err != nil {
			return nil, err
		}
		if st.Changes, err = s.compare(ctx); err != nil {
			return nil, err
		}
	}
	if st.Remotes, err = r.remoteStatus(ctx, head); err != nil {
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

func (r *Repo) remoteStatus(ctx context.Context, head Head) (list []RemoteStatus, err error) {
	if head.Commit.IsZero() || head.Branch == "" {
		return nil, nil
	}
	seen, err := r.readRemotes()
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		target, ok := seen[name].Refs[head.Branch]
		if !ok {
			continue
		}
		s := RemoteStatus{Branch: name + "/" + head.Branch.Short(), Commit: target}
		s.Ahead, s.Behind, err = merge.AheadBehind(ctx, r.store, head.Commit, target)
		if errors.Is(err, object.ErrNotFound) {
			continue // it was seen, but not fetched to the end
		}
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// treeOf returns the tree of a commit; that of no commit is zero.
func (r *Repo) treeOf(ctx context.Context, commit object.ID) (object.ID, error) {
	if commit.IsZero() {
		return object.ID{}, nil
	}
	c, err := object.ReadCommit(ctx, r.store, commit)
	if err != nil {
		return object.ID{}, err
	}
	return c.Tree, nil
}

// changes lists the files of the folder that differ from base, within the paths.
func (r *Repo) changes(ctx context.Context, base *fileSet, paths []string) ([]FileChange, error) {
	s, err := r.newSnapshot(ctx, nil, base, paths)
	if err != nil {
		return nil, err
	}
	if len(paths) == 0 && s.cache.Clean(s.files, base.folders[""]) {
		return nil, nil
	}
	return s.compare(ctx)
}

// compare lists the files of the folder that differ from base.
func (s *snapshot) compare(ctx context.Context) ([]FileChange, error) {
	defer s.finish()
	var list []FileChange
	var wanted []worktree.File
	tracked := 0
	for _, f := range s.files {
		if _, known := s.base.files[f.Path]; known {
			tracked++
		}
		if within(f.Path, s.paths) {
			wanted = append(wanted, f)
		}
	}
	var done atomic.Int64
	err := eachFile(ctx, wanted, func(ctx context.Context, f worktree.File) error {
		old, known := s.base.files[f.Path]
		same, err := s.sameAs(ctx, f, old, known)
		s.r.o.Progress("comparing files", done.Add(1), int64(len(wanted)))
		if err != nil || same {
			return err
		}
		status := "modified"
		if !known {
			status = "added"
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		list = append(list, FileChange{f.Path, status})
		return nil
	})
	if err != nil {
		return nil, err
	}
	if tracked < len(s.base.files) {
		list = append(list, s.deleted()...)
	}
	slices.SortFunc(list, func(a, b FileChange) int { return strings.Compare(a.Path, b.Path) })
	if len(list) == 0 && len(s.paths) == 0 {
		s.cache.Same(s.files, s.base.folders[""])
	}
	return list, nil
}

// deleted lists the files of base that the folder does not have.
func (s *snapshot) deleted() []FileChange {
	present := make(map[string]bool, len(s.files))
	for _, f := range s.files {
		present[f.Path] = true
	}
	var list []FileChange
	for name := range s.base.files {
		if !present[name] && within(name, s.paths) {
			list = append(list, FileChange{name, "deleted"})
		}
	}
	return list
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
		began := time.Now()
		same := worktree.LinkIs(s.r.Dir, f.Path, target)
		if same {
			s.remember(f, object.Sum([]byte(target)), began)
		}
		return same, nil
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
