package repo

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// CheckoutResult says what a checkout did.
type CheckoutResult struct {
	Head    Head
	Changed int // files that were written or removed
}

// Checkout sets the folder to the revision. If that names a branch of this copy,
// the branch is what commits go to from then on; otherwise no branch follows.
// Files with uncommitted changes that would be lost fail it with a
// [*DirtyError]; nothing is changed then.
func (r *Repo) Checkout(ctx context.Context, rev string) (*CheckoutResult, error) {
	own, err := r.refs.Own(ctx)
	if err != nil {
		return nil, err
	}
	if name, err := refs.Head(rev); err == nil {
		if target, ok := own[name]; ok {
			return r.checkoutHead(ctx, Head{Branch: name, Commit: target})
		}
	}
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	return r.checkoutHead(ctx, Head{Commit: commit})
}

// Switch goes to a branch of this copy. With create, it makes the branch at the
// revision at first ("" is what is checked out, even if nothing is committed
// yet). It fails as [Repo.Checkout] does, with [ErrUnknownRevision] if there is
// no such branch, or [ErrExists] if there is one already.
func (r *Repo) Switch(ctx context.Context, branch string, create bool, rev string) (*CheckoutResult, error) {
	name, err := refs.Head(branch)
	if err != nil {
		return nil, err
	}
	own, err := r.refs.Own(ctx)
	if err != nil {
		return nil, err
	}
	target, exists := own[name]
	switch {
	case create && exists:
		return nil, fmt.Errorf("the branch %s: %w", branch, ErrExists)
	case !create && !exists:
		return r.followRemote(ctx, name)
	case !create:
		return r.checkoutHead(ctx, Head{Branch: name, Commit: target})
	}
	head, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	if rev == "" && head.Commit.IsZero() {
		return &CheckoutResult{Head: Head{Branch: name}}, r.writeHead(Head{Branch: name})
	}
	if target, err = r.Resolve(ctx, rev); err != nil {
		return nil, err
	}
	if err := r.updateRefs(ctx, refs.Change{Name: name, New: target}); err != nil {
		return nil, err
	}
	return r.checkoutHead(ctx, Head{Branch: name, Commit: target})
}

// followRemote makes a branch of this copy from one that a remote was seen to
// have, and goes to it.
func (r *Repo) followRemote(ctx context.Context, name refs.Name) (*CheckoutResult, error) {
	seen, err := r.readRemotes()
	if err != nil {
		return nil, err
	}
	for _, remote := range seen {
		if target, ok := remote.Refs[name]; ok {
			if err := r.createRef(ctx, name, target); err != nil {
				return nil, err
			}
			return r.checkoutHead(ctx, Head{Branch: name, Commit: target})
		}
	}
	return nil, fmt.Errorf("%w: there is no branch %s; to make it: constl switch -c %s", ErrUnknownRevision, name.Short(), name.Short())
}

func (r *Repo) checkoutHead(ctx context.Context, to Head) (*CheckoutResult, error) {
	from, unlock, err := r.start(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	old, err := r.filesAt(ctx, from.Commit)
	if err != nil {
		return nil, err
	}
	target, err := r.filesAt(ctx, to.Commit)
	if err != nil {
		return nil, err
	}
	n, err := r.replaceFiles(ctx, old, target)
	if err != nil {
		return nil, err
	}
	return &CheckoutResult{Head: to, Changed: n}, r.writeHead(to)
}

// replaceFiles makes the folder's tracked files those of target, given that they
// were those of old; files that were deleted from the folder come back. It
// changes nothing if a file that it would write or remove has uncommitted
// changes or is changed meanwhile, or if anything fails before all new files lie ready.
func (r *Repo) replaceFiles(ctx context.Context, old, target *fileSet) (int, error) {
	stage, err := worktree.NewStage(r.Dir)
	if err != nil {
		return 0, err
	}
	defer stage.Close()
	return r.replaceWith(ctx, stage, old, target)
}

// replaceWith is replaceFiles with a stage that may hold some of the files already.
func (r *Repo) replaceWith(ctx context.Context, stage *worktree.Stage, old, target *fileSet) (int, error) {
	whole := old
	old, err := r.shown(ctx, whole)
	if err != nil {
		return 0, err
	}
	if target, err = r.shown(ctx, target); err != nil {
		return 0, err
	}
	write, remove := differences(old, target)
	// What a person saves while the new files are made ready is not to be lost.
	stage.Watch(write...)
	stage.Watch(remove...)
	changed, err := r.changes(ctx, whole, nil)
	if err != nil {
		return 0, err
	}
	var risky []string
	for _, c := range changed {
		_, wanted := target.files[c.Path]
		i, rewritten := slices.BinarySearch(write, c.Path)
		_, removed := slices.BinarySearch(remove, c.Path)
		switch {
		case c.Status == "deleted" && wanted && !rewritten:
			write = slices.Insert(write, i, c.Path)
		case c.Status != "deleted" && (rewritten || removed):
			risky = append(risky, c.Path)
		}
	}
	if err := r.checkClean(ctx, target, risky); err != nil {
		return 0, err
	}
	if len(write)+len(remove) == 0 {
		return 0, nil
	}
	if r.heedsOpen {
		if open := worktree.OpenElsewhere(r.Dir, slices.Concat(write, remove)); len(open) > 0 {
			return 0, &OpenError{Paths: open}
		}
	}
	return len(write) + len(remove), r.putStaged(ctx, stage, r.store, target, write, remove)
}

// differences lists the paths that have to be written and those to be removed to
// get from old to target, sorted.
func differences(old, target *fileSet) (write, remove []string) {
	for name, e := range target.files {
		if was, ok := old.files[name]; !ok || !sameContent(was, e) {
			write = append(write, name)
		}
	}
	for name := range old.files {
		if _, ok := target.files[name]; !ok {
			remove = append(remove, name)
		}
	}
	slices.Sort(write)
	slices.Sort(remove)
	return write, remove
}

// sameContent reports whether two entries are the same file on disk.
func sameContent(a, b object.TreeEntry) bool {
	if a.Type == object.TypeSymlink || b.Type == object.TypeSymlink {
		return a.Type == b.Type && a.ID == b.ID
	}
	return a.Sum == b.Sum && a.Executable == b.Executable
}

// checkClean fails with a [*DirtyError] for those of the paths, all of which have
// uncommitted changes, that are not what target has anyway.
func (r *Repo) checkClean(ctx context.Context, target *fileSet, paths []string) error {
	if len(paths) == 0 {
		return nil
	}
	different, err := r.changes(ctx, target, paths)
	if err != nil {
		return err
	}
	var dirty []string
	for _, c := range different {
		dirty = append(dirty, c.Path)
	}
	if len(dirty) > 0 {
		return &DirtyError{Paths: dirty}
	}
	return nil
}

// putFiles writes the paths of set into the folder and removes others.
func (r *Repo) putFiles(ctx context.Context, objects object.Reader, set *fileSet, write, remove []string) error {
	stage, err := worktree.NewStage(r.Dir)
	if err != nil {
		return err
	}
	defer stage.Close()
	return r.putStaged(ctx, stage, objects, set, write, remove)
}

// putStaged is putFiles with a stage that may hold some of the files already.
func (r *Repo) putStaged(ctx context.Context, stage *worktree.Stage, objects object.Reader, set *fileSet, write, remove []string) error {
	var total, fresh, done int64
	wanted := make(map[string]object.ID)
	for _, name := range write {
		total += set.files[name].Size
		if !stage.Has(name) {
			wanted[name] = set.files[name].ID
			fresh += set.files[name].Size
		}
	}
	if err := r.room(fresh); err != nil {
		return err
	}
	if err := r.need(ctx, wanted); err != nil {
		return err
	}
	for _, name := range remove {
		if err := stage.Remove(name); err != nil {
			return err
		}
	}
	were := r.checkedOut(ctx, set, write)
	for _, name := range write {
		e := set.files[name]
		if stage.Has(name) {
			done += e.Size
			continue
		}
		if err := r.stageFile(ctx, objects, stage, name, e, were); err != nil {
			return err
		}
		done += e.Size
		r.o.Progress("writing files", done, total)
	}
	if fresh >= minTraced {
		stage.Settle()
	}
	err := stage.Apply()
	r.rememberPlaced(set, stage.Placed())
	return err
}

// rememberPlaced saves reading the files that were put in place. It is a saving,
// nothing else.
func (r *Repo) rememberPlaced(set *fileSet, placed []worktree.File) {
	if len(placed) == 0 {
		return
	}
	cache := worktree.LoadCache(r.path(statFile))
	for _, f := range placed {
		if sum := set.files[f.Path].Sum; !sum.IsZero() && !r.part.cut(f.Path) {
			cache.Put(f, sum)
		}
	}
	_ = cache.Save(nil)
}

func (r *Repo) stageFile(ctx context.Context, objects object.Reader, stage *worktree.Stage, name string, e object.TreeEntry, were map[string]object.TreeEntry) error {
	switch {
	case e.Type == object.TypeSymlink:
		o, err := objects.Get(ctx, e.ID)
		if err != nil {
			return err
		}
		return stage.Link(name, string(o.Payload()))
	case e.Type == object.TypeTable && r.part.cut(name):
		return stage.Write(name, e.Executable, func(w io.Writer) error { return r.writeView(ctx, objects, w, name, e.ID) })
	case e.Type == object.TypeTable && e.Size >= minTraced:
		return r.stageTable(ctx, objects, stage, name, e, were[name])
	}
	return stage.Write(name, e.Executable, func(w io.Writer) error { return writeEntry(ctx, objects, w, e) })
}

// writeEntry writes the exact bytes of a file. It fails with an error that wraps
// [object.ErrCorrupt] if they are not those that the entry promises.
func writeEntry(ctx context.Context, objects object.Reader, w io.Writer, e object.TreeEntry) error {
	return writeEntryWith(ctx, objects, w, e, nil)
}

// writeEntryWith is writeEntry with options for the file of a table.
func writeEntryWith(ctx context.Context, objects object.Reader, w io.Writer, e object.TreeEntry, o *csv.WriteOptions) error {
	checked := newHashWriter(w)
	var err error
	switch e.Type {
	case object.TypeTable:
		var t *tabular.Table
		if t, err = tabular.Open(ctx, objects, e.ID); err == nil {
			err = csv.Write(ctx, checked, t, o)
		}
	case object.TypeFile:
		err = writeBlob(ctx, objects, checked, e.ID)
	default:
		err = fmt.Errorf("%s: %w", e.Type, ErrNotFile)
	}
	if err != nil {
		return err
	}
	if sum := checked.sum(); sum != e.Sum {
		return fmt.Errorf("%w: the file's bytes hash to %s, recorded were %s", object.ErrCorrupt, sum.Short(), e.Sum.Short())
	}
	return nil
}

func writeBlob(ctx context.Context, objects object.Reader, w io.Writer, id object.ID) error {
	b, err := object.OpenBlob(ctx, objects, id)
	if err != nil {
		return err
	}
	_, err = b.WriteTo(w)
	return err
}

// Restore puts files back as they are in the revision ("" is what is checked
// out), dropping uncommitted changes to them, and returns their paths. Files of
// the folder that the revision does not have are removed only if they are
// tracked now.
func (r *Repo) Restore(ctx context.Context, rev string, paths []string) ([]string, error) {
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	target, err := r.filesAt(ctx, commit)
	if err != nil {
		return nil, err
	}
	head, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	tracked, err := r.filesAt(ctx, head.Commit)
	if err != nil {
		return nil, err
	}
	changed, err := r.changes(ctx, target, paths)
	if err != nil {
		return nil, err
	}
	var write, remove, touched []string
	for _, c := range changed {
		_, isTracked := tracked.files[c.Path]
		switch {
		case c.Status != "added":
			write = append(write, c.Path)
		case isTracked:
			remove = append(remove, c.Path)
		default:
			continue
		}
		touched = append(touched, c.Path)
	}
	return touched, r.putFiles(ctx, r.store, target, write, remove)
}
