package repo

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// youngMerge is how old a merge may be that goes although it was this copy's word: an
// older one may have been cited (merge/RULES.md §11).
const youngMerge = 10 * time.Minute

// settleMerge decides whether a merge without conflicts needs a commit, if it is one
// that a pull makes, and does what is to be done without one.
func (r *Repo) settleMerge(ctx context.Context, rw object.ReadWriter, head Head, theirs, tree object.ID, res *MergeResult) (settled bool, err error) {
	word := &merge.Word{
		Said: func(ctx context.Context, id object.ID) (bool, error) { return r.isSaid(ctx, head.Branch, id) },
		Yields: func(ctx context.Context, id object.ID, c *object.Commit) (bool, error) {
			return r.yields(ctx, rw, head.Branch, id, c)
		},
	}
	outcome, err := merge.Settle(ctx, r.store, head.Commit, theirs, tree, word)
	if err != nil || outcome == merge.Join {
		return false, err
	}
	*res = MergeResult{Before: head.Commit, After: head.Commit}
	if outcome == merge.KeepOurs {
		return true, nil
	}
	return true, r.forward(ctx, head, theirs, res)
}

// isSaid reports whether somebody whose word counts for the branch, this copy among them,
// has said the commit, or one that leads to it.
func (r *Repo) isSaid(ctx context.Context, branch refs.Name, id object.ID) (bool, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return false, err
	}
	c, err := r.canonical(ctx, view, branch)
	if err != nil {
		return false, err
	}
	for _, said := range c.Candidates {
		if ok, err := r.isAncestor(ctx, id, said.Target); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// yields reports whether a merge may go: nobody has decided anything in it, no tag leads
// to it, and nobody can have relied on its being a part of the branch.
func (r *Repo) yields(ctx context.Context, rw object.ReadWriter, branch refs.Name, id object.ID, c *object.Commit) (bool, error) {
	if age := r.o.Now().Sub(c.Time.Time()).Abs(); age > youngMerge {
		if counts, err := r.Maintains(ctx, branch); counts || err != nil {
			return false, err
		}
	}
	if named, err := r.isNamed(ctx, id); named || err != nil {
		return false, err
	}
	if len(c.Parents) != 2 {
		return false, nil
	}
	again, err := r.mergeTrees(ctx, rw, nil, c.Parents[0], &joining{theirs: c.Parents[1]}, &MergeResult{})
	return err == nil && len(again.Conflicts) == 0 && again.Tree == c.Tree, err
}

// isNamed reports whether a ref that is no branch, of whoever, is of the commit.
func (r *Repo) isNamed(ctx context.Context, commit object.ID) (bool, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return false, err
	}
	for _, log := range view.Logs() {
		if log.Head == nil {
			continue
		}
		for name, target := range log.Head.Statement().Refs {
			if strings.HasPrefix(string(name), refs.HeadsPrefix) {
				continue
			}
			at, err := r.peel(ctx, target)
			if at == commit {
				return true, nil
			}
			if err != nil && !errors.Is(err, object.ErrNotFound) && !errors.Is(err, ErrUnknownRevision) {
				return false, err
			}
		}
	}
	return false, nil
}
