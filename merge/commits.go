package merge

import (
	"cmp"
	"context"
	"fmt"

	"github.com/constl/constl/object"
)

// maxCrissCross bounds how many merges of merge bases are made to find a base for two commits.
const maxCrissCross = 64

// Commits merges the trees of two commits over their merge base. Where there are
// several bases these are merged first, in the order of their ids, and the result
// is the base; what they contradict each other about is then settled by what
// stands in that result. It fails if a commit cannot be read, and as [Trees] does.
func Commits(ctx context.Context, rw object.ReadWriter, ours, theirs object.ID, o *Options) (*Result, error) {
	bases, err := Bases(ctx, rw, ours, theirs)
	if err != nil {
		return nil, err
	}
	virtual := &virtualBases{rw: rw, o: o.unkept(), known: make(map[string]object.ID), left: maxCrissCross}
	base, err := virtual.tree(ctx, bases)
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

// virtualBases makes of several merge bases one tree that stands for them.
type virtualBases struct {
	rw    object.ReadWriter
	o     *Options
	known map[string]object.ID // by the ids of the bases
	left  int                  // merges that may still be made
}

// tree merges the bases one after the other. The base of what was merged so far, which is
// no commit, and the next one is that of a commit with all those as its parents: so what
// one of them has of an older and another of a newer state contradicts nothing.
func (v *virtualBases) tree(ctx context.Context, bases []object.ID) (object.ID, error) {
	if len(bases) == 0 {
		return object.ID{}, nil
	}
	var key []byte
	for _, id := range bases {
		key = append(key, id[:]...)
	}
	if tree, ok := v.known[string(key)]; ok {
		return tree, nil
	}
	first, err := object.ReadCommit(ctx, v.rw, bases[0])
	if err != nil {
		return object.ID{}, err
	}
	tree := first.Tree
	for i := 1; i < len(bases) && v.left > 0; i++ {
		v.left--
		next, err := object.ReadCommit(ctx, v.rw, bases[i])
		if err != nil {
			return object.ID{}, err
		}
		below, err := basesOf(ctx, v.rw, bases[:i], bases[i])
		if err != nil {
			return object.ID{}, err
		}
		base, err := v.tree(ctx, below)
		if err != nil {
			return object.ID{}, err
		}
		r, err := Trees(ctx, v.rw, base, tree, next.Tree, v.o)
		if err != nil {
			return object.ID{}, err
		}
		tree = r.Tree
	}
	v.known[string(key)] = tree
	return tree, nil
}
