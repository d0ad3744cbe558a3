package merge

import (
	"cmp"
	"context"
	"fmt"

	"github.com/constl/constl/object"
)

// maxCrissCross bounds how deep merge bases are merged to find a base for them.
const maxCrissCross = 8

// Commits merges the trees of two commits over their merge base. Where there are
// several bases these are merged first, in the order of their ids, and the result
// is the base; what they contradict each other about is then settled by what
// stands in that result. It fails if a commit cannot be read, and as [Trees] does.
func Commits(ctx context.Context, rw object.ReadWriter, ours, theirs object.ID, o *Options) (*Result, error) {
	bases, err := Bases(ctx, rw, ours, theirs)
	if err != nil {
		return nil, err
	}
	base, err := virtualBase(ctx, rw, bases, o.unkept(), maxCrissCross)
	if err != nil {
		return nil, fmt.Errorf("merge the merge bases: %w", err)
	}
	var sides [2]*object.Commit
	for i, id := range []object.ID{ours, theirs} {
		c, err := object.ReadCommit(ctx, rw, id)
		if err != nil {
			return nil, fmt.Errorf("merge commits: %w", err)
		}
		sides[i] = c
	}
	trees := [2]object.ID{sides[0].Tree, sides[1].Tree}
	if o != nil && o.Prepare != nil {
		if trees, err = o.Prepare(base, trees[0], trees[1]); err != nil {
			return nil, fmt.Errorf("merge commits: %w", err)
		}
	}
	r, err := Trees(ctx, rw, base, trees[0], trees[1], o.ranked(sides[0], sides[1]))
	if err != nil {
		return nil, err
	}
	r.Bases = bases
	return r, nil
}

// unkept returns the options for a merge of bases, whose files nobody wants.
func (o *Options) unkept() *Options {
	if o == nil || o.Keep == nil {
		return o
	}
	out := *o
	out.Keep = nil
	return &out
}

// ranked returns the options with the later of two commits in them, unless the
// caller has said which side is the newer. Of the same second neither is.
func (o *Options) ranked(ours, theirs *object.Commit) *Options {
	out := &Options{}
	if o != nil {
		*out = *o
	}
	if out.Newer == RankNone {
		out.Newer = Rank(cmp.Compare(ours.Time.Unix, theirs.Time.Unix))
	}
	return out
}

// virtualBase returns one tree that stands for several bases.
func virtualBase(ctx context.Context, rw object.ReadWriter, bases []object.ID, o *Options, depth int) (object.ID, error) {
	if len(bases) == 0 {
		return object.ID{}, nil
	}
	first, err := object.ReadCommit(ctx, rw, bases[0])
	if err != nil {
		return object.ID{}, err
	}
	tree := first.Tree
	if depth == 0 {
		return tree, nil
	}
	for _, id := range bases[1:] {
		next, err := object.ReadCommit(ctx, rw, id)
		if err != nil {
			return object.ID{}, err
		}
		below, err := Bases(ctx, rw, bases[0], id)
		if err != nil {
			return object.ID{}, err
		}
		base, err := virtualBase(ctx, rw, below, o, depth-1)
		if err != nil {
			return object.ID{}, err
		}
		r, err := Trees(ctx, rw, base, tree, next.Tree, o)
		if err != nil {
			return object.ID{}, err
		}
		tree = r.Tree
	}
	return tree, nil
}
