package repo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/tabular"
)

// MergeResult says what a merge did.
type MergeResult struct {
	Before object.ID // what was checked out
	After  object.ID // what is now; the same as Before if there are conflicts
	// FastForward says that the other side already had everything of ours.
	FastForward bool
	// Merged says that both sides had changes of their own.
	Merged    bool
	Conflicts []merge.Conflict
	Tables    []merge.TableStats
	// Renumbered are the rows that got other numbers.
	Renumbered []Renumbered
}

// mergeState is a merge that waits for its conflicts to be resolved.
type mergeState struct {
	Ours   object.ID `json:"ours"`
	Theirs object.ID `json:"theirs"`
	// Single says that ours alone is a parent of the commit to come, and Base is
	// then the commit that theirs was compared with.
	Single    bool             `json:"single,omitempty"`
	Base      object.ID        `json:"base,omitzero"`
	Tree      object.ID        `json:"tree"` // what was put into the folder
	Message   string           `json:"message"`
	Conflicts []merge.Conflict `json:"conflicts"`
	// Proposal is the tag of the proposal that the merge accepts, if it does.
	Proposal object.ID `json:"proposal,omitzero"`
}

// Merge brings the changes that the other revision has into what is checked out.
// If nothing is checked out that the other does not have, the branch just moves
// forward. Otherwise the tables are merged row by row and cell by cell and a
// commit with both as parents is made; conflicts leave the folder with our
// values and a list beside each table (see [Repo.Conflicts]), to be resolved and
// committed, or given up with [Repo.AbortMerge]. Uncommitted changes fail it with
// a [*DirtyError].
func (r *Repo) Merge(ctx context.Context, rev string, o MergeOptions) (*MergeResult, error) {
	theirs, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	if o.Message == "" {
		o.Message = "Merge " + rev
	}
	return r.mergeCommit(ctx, theirs, o)
}

func (r *Repo) mergeCommit(ctx context.Context, theirs object.ID, o MergeOptions) (*MergeResult, error) {
	head, unlock, err := r.start(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	res := &MergeResult{Before: head.Commit, After: head.Commit}
	if head.Commit.IsZero() {
		return res, r.forward(ctx, head, theirs, res)
	}
	if done, err := r.isAncestor(ctx, theirs, head.Commit); done || err != nil {
		return res, err
	}
	if behind, err := r.isAncestor(ctx, head.Commit, theirs); err != nil {
		return nil, err
	} else if behind {
		if o.Validate {
			if err := r.refuseCommit(ctx, theirs, head.Commit); err != nil {
				return nil, err
			}
		}
		return res, r.forward(ctx, head, theirs, res)
	}
	bases, err := merge.Bases(ctx, r.store, head.Commit, theirs)
	if err != nil {
		return nil, err
	}
	if len(bases) == 0 {
		return nil, fmt.Errorf("%s and %s: %w", head.Commit.Short(), theirs.Short(), ErrUnrelated)
	}
	return res, r.join(ctx, head, joining{theirs: theirs, MergeOptions: o}, res)
}

// forward moves what is checked out to a commit that has everything of it.
func (r *Repo) forward(ctx context.Context, head Head, to object.ID, res *MergeResult) error {
	if err := r.readyToSign(ctx); err != nil {
		return err
	}
	old, err := r.filesAt(ctx, head.Commit)
	if err != nil {
		return err
	}
	target, err := r.filesAt(ctx, to)
	if err != nil {
		return err
	}
	if _, err := r.replaceFiles(ctx, old, target); err != nil {
		return err
	}
	res.After, res.FastForward = to, true
	// The files are there; whoever gives up meanwhile is not to find them changed.
	return r.moveHead(context.WithoutCancel(ctx), head, to)
}

// joining is what is brought together with what is checked out.
type joining struct {
	MergeOptions
	theirs object.ID // a commit; zero stands for an empty tree in a single one
	// single takes over the changes from the commit base to theirs, without the
	// history that led there.
	single bool
	base   object.ID
	// proposal is the tag of the proposal that is accepted, if one is.
	proposal object.ID
}

// join merges, and puts the result into the folder as a commit or as conflicts.
func (r *Repo) join(ctx context.Context, head Head, j joining, res *MergeResult) error {
	if err := r.readyToSign(ctx); err != nil {
		return err
	}
	old, err := r.filesAt(ctx, head.Commit)
	if err != nil {
		return err
	}
	if changed, err := r.changes(ctx, old, nil); err != nil {
		return err
	} else if dirty := tracked(changed, old); len(dirty) > 0 {
		return &DirtyError{Paths: dirty}
	}
	batch, err := r.store.Begin(ctx)
	if err != nil {
		return err
	}
	defer batch.Discard()
	stage, err := worktree.NewStage(r.Dir)
	if err != nil {
		return err
	}
	defer stage.Close()
	merged, err := r.mergeTrees(ctx, batch, stage, head.Commit, &j, res)
	if err != nil {
		return fmt.Errorf("merging: %w", err)
	}
	res.Merged, res.Conflicts, res.Tables = true, merged.Conflicts, merged.Tables
	if err := readable(ctx, batch, merged.Tree, res.Conflicts); err != nil {
		return err
	}
	if j.Validate && len(merged.Conflicts) == 0 {
		if err := r.refuseInvalid(ctx, batch, merged.Tree, old.folders[""]); err != nil {
			return err
		}
	}
	if j.settle && len(merged.Conflicts) == 0 {
		if settled, err := r.settleMerge(ctx, batch, head, j.theirs, merged.Tree, res); settled || err != nil {
			return err
		}
	}
	if j.single && len(merged.Conflicts) == 0 && merged.Tree == old.folders[""] {
		return fmt.Errorf("%w: the changes are there already", ErrNothing)
	}
	state := &mergeState{Ours: head.Commit, Theirs: j.theirs, Single: j.single, Base: j.base,
		Tree: merged.Tree, Message: j.Message, Conflicts: res.Conflicts, Proposal: j.proposal}
	var id object.ID
	if len(merged.Conflicts) == 0 {
		if id, err = r.putCommit(ctx, batch, merged.Tree, parentsOf(head, state), j.Message); err != nil {
			return err
		}
	}
	if err := batch.Commit(ctx); err != nil {
		return err
	}
	return r.settle(ctx, head, stage, old, state, id, res)
}

// mergeTrees merges what is checked out with what is joined to it, and looks
// whether the result keeps the rules of datapackage.json. The files of merged
// tables are staged as they are printed, so that each is printed once; a nil stage
// takes none.
func (r *Repo) mergeTrees(ctx context.Context, rw object.ReadWriter, stage *worktree.Stage, head object.ID, j *joining, res *MergeResult) (*merge.Result, error) {
	ours, err := object.ReadCommit(ctx, r.store, head)
	if err != nil {
		return nil, err
	}
	theirs, base := &object.Commit{}, &object.Commit{}
	for id, c := range map[object.ID]*object.Commit{j.theirs: theirs, j.base: base} {
		if id.IsZero() {
			continue
		}
		read, err := object.ReadCommit(ctx, r.store, id)
		if err != nil {
			return nil, err
		}
		*c = *read
	}
	o, err := r.mergeOptions(ctx, j.MergeOptions, ours, theirs)
	if err != nil {
		return nil, err
	}
	// Of a copy of a part the folder may show less of a table than is printed.
	if stage != nil && r.part.whole() {
		o.Keep = stage.Write
	}
	// The numbers of maintainers stay, else those of the earlier commit.
	stays := cmp.Or(o.Maintained, merge.Rank(cmp.Compare(theirs.Time.Unix, ours.Time.Unix)))
	o.Prepare = func(base, ours, theirs object.ID) (sides [2]object.ID, err error) {
		sides, res.Renumbered, err = renumber(ctx, rw, base, ours, theirs, stays)
		return sides, err
	}
	var merged *merge.Result
	if j.single {
		merged, err = merge.Trees(ctx, rw, base.Tree, ours.Tree, theirs.Tree, o)
	} else {
		merged, err = merge.Commits(ctx, rw, head, j.theirs, o)
	}
	if err != nil {
		return nil, err
	}
	if merged.Tree, merged.Conflicts, err = redescribe(ctx, rw, merged.Tree, merged.Tables, merged.Conflicts); err != nil {
		return nil, err
	}
	if len(merged.Conflicts) == 0 && !j.AllowViolations {
		merged.Conflicts, err = violations(ctx, rw, merged, ours.Tree, theirs.Tree)
	}
	return merged, err
}

// readable puts the texts of conflicts in tables into the words that people read,
// whatever encoding the files are in; only such texts survive in lists and in JSON.
func readable(ctx context.Context, objects object.Reader, tree object.ID, list []merge.Conflict) error {
	if len(list) == 0 {
		return nil
	}
	files, err := readFiles(ctx, objects, tree)
	if err != nil {
		return err
	}
	asText := make(map[string]func([]byte) string)
	for i := range list {
		c := &list[i]
		e, ok := files.files[c.Path]
		if !ok || e.Type != object.TypeTable {
			continue
		}
		if asText[c.Path] == nil {
			t, err := tabular.Open(ctx, objects, e.ID)
			if err != nil {
				return err
			}
			asText[c.Path] = cellText(t)
		}
		for _, cells := range [][]string{c.Key, c.Base.Cells, c.Ours.Cells, c.Theirs.Cells} {
			for i := range cells {
				cells[i] = asText[c.Path]([]byte(cells[i]))
			}
		}
		for _, v := range []*merge.Version{&c.Base, &c.Ours, &c.Theirs} {
			v.Text = asText[c.Path]([]byte(v.Text))
		}
	}
	return nil
}

// settle puts the merged files into the folder and records the commit, or the
// conflicts that have to be resolved before there can be one.
func (r *Repo) settle(ctx context.Context, head Head, stage *worktree.Stage, old *fileSet, state *mergeState, commit object.ID, res *MergeResult) error {
	target, err := readFiles(ctx, r.store, state.Tree)
	if err != nil {
		return err
	}
	if len(state.Conflicts) > 0 {
		// The state comes first: after a crash in between, aborting restores everything.
		if err := r.writeMerge(state); err != nil {
			return err
		}
	}
	if _, err := r.replaceWith(ctx, stage, old, target); err != nil {
		return errors.Join(err, r.removeMerge())
	}
	if len(state.Conflicts) > 0 {
		return r.writeConflictFiles(state)
	}
	res.After = commit
	return r.moveHead(context.WithoutCancel(ctx), head, commit)
}

// tracked returns the paths of those changes that touch files of the set.
func tracked(changes []FileChange, set *fileSet) []string {
	var paths []string
	for _, c := range changes {
		if _, ok := set.files[c.Path]; ok {
			paths = append(paths, c.Path)
		}
	}
	return paths
}

// AbortMerge gives a merge up: the folder is again what it was before.
func (r *Repo) AbortMerge(ctx context.Context) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	state, err := r.readMerge()
	if err != nil {
		return err
	}
	if state == nil {
		return ErrNotMerging
	}
	target, err := r.filesAt(ctx, state.Ours)
	if err != nil {
		return err
	}
	merged, err := readFiles(ctx, r.store, state.Tree)
	if err != nil {
		return err
	}
	changed, err := r.changes(ctx, target, nil)
	if err != nil {
		return err
	}
	var write, remove []string
	for _, c := range changed {
		if c.Status != "added" {
			write = append(write, c.Path)
		} else if _, fromMerge := merged.files[c.Path]; fromMerge {
			remove = append(remove, c.Path)
		}
	}
	if err := r.putFiles(ctx, r.store, target, write, remove); err != nil {
		return err
	}
	return r.endMerge(state)
}

// readMerge returns the merge that is going on, or nil.
func (r *Repo) readMerge() (*mergeState, error) {
	data, err := os.ReadFile(r.path(mergeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the state of the merge: %w", err)
	}
	state := &mergeState{}
	if err := json.Unmarshal(data, state); err != nil {
		return nil, fmt.Errorf("reading the state of the merge: %w: %w", object.ErrCorrupt, err)
	}
	return state, nil
}

func (r *Repo) writeMerge(state *mergeState) error {
	data, err := json.MarshalIndent(state, "", " ")
	if err != nil {
		return fmt.Errorf("writing the state of the merge: %w", err)
	}
	return durable.WriteFile(r.path(mergeFile), append(data, '\n'), 0o644)
}

// endMerge forgets a merge that is finished or given up.
func (r *Repo) endMerge(state *mergeState) error {
	return errors.Join(r.removeConflictFiles(state), r.removeMerge())
}

func (r *Repo) removeMerge() error {
	if err := os.Remove(r.path(mergeFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("ending the merge: %w", err)
	}
	return durable.SyncDir(r.path())
}
