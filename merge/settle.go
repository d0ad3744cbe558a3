package merge

import (
	"context"
	"fmt"

	"github.com/constl/constl/object"
)

// Outcome says what is to become of two commits whose trees were merged without a
// conflict (RULES.md §11).
type Outcome int

// The outcomes.
const (
	// Join says that a commit is to be made with both as its parents.
	Join Outcome = iota
	// TakeTheirs says that theirs is to take the place of ours: what ours alone leads to
	// are merges, and they add nothing to what theirs has.
	TakeTheirs
	// KeepOurs says that there is nothing to do, for the side that has theirs finds that
	// it is to take ours, or is to join them.
	KeepOurs
)

// Word answers what Settle asks whoever knows who says what.
type Word struct {
	// Said reports whether somebody whose word counts for the branch has said the commit,
	// or one that leads to it.
	Said func(ctx context.Context, id object.ID) (bool, error)
	// Yields is asked about merges that ours alone leads to, whether they may go.
	Yields func(ctx context.Context, id object.ID, c *object.Commit) (bool, error)
}

// keepsOurs reports which of two commits stays that add nothing to each other (R82).
func (w *Word) keepsOurs(ctx context.Context, ours, theirs object.ID) (bool, error) {
	var said [2]bool
	for i, id := range []object.ID{ours, theirs} {
		var err error
		if said[i], err = w.Said(ctx, id); err != nil {
			return false, err
		}
	}
	if said[0] != said[1] {
		return said[0], nil // the side that has it may never hear of the other one
	}
	return ours.Compare(theirs) < 0, nil
}

// maxAlone bounds how many commits of one side alone are looked at.
const maxAlone = 64

// Settle decides what is to become of two commits whose merged tree is the one given.
// It fails if a commit cannot be read, or with an error of w.
func Settle(ctx context.Context, r object.Reader, ours, theirs, tree object.ID, w *Word) (Outcome, error) {
	var sides [2]*object.Commit
	for i, id := range []object.ID{ours, theirs} {
		c, err := object.ReadCommit(ctx, r, id)
		if err != nil {
			return Join, fmt.Errorf("settle a merge: %w", err)
		}
		sides[i] = c
	}
	oursIdle, alone, err := onlyMerges(ctx, r, theirs, ours, sides[1].Tree == tree)
	if err != nil {
		return Join, err
	}
	theirsIdle, _, err := onlyMerges(ctx, r, ours, theirs, sides[0].Tree == tree)
	if err != nil {
		return Join, err
	}
	keep := theirsIdle
	if oursIdle && theirsIdle {
		if keep, err = w.keepsOurs(ctx, ours, theirs); err != nil {
			return Join, err
		}
	}
	switch {
	case keep:
		return KeepOurs, nil
	case !oursIdle:
		return Join, nil
	}
	for id, c := range alone {
		if ok, err := w.Yields(ctx, id, c); err != nil || !ok {
			return Join, err
		}
	}
	return TakeTheirs, nil
}

// onlyMerges reports whether all commits that one leads to and the other does not are
// merges, and returns these. If it is not worth while it reports false at once.
func onlyMerges(ctx context.Context, r object.Reader, other, one object.ID, worth bool) (bool, map[object.ID]*object.Commit, error) {
	if !worth {
		return false, nil, nil
	}
	alone, err := Missing(ctx, r, other, one)
	if err != nil || len(alone) > maxAlone {
		return false, nil, err
	}
	for id, c := range alone {
		// Where clocks are wrong there are commits among them that both lead to.
		common, err := IsAncestor(ctx, r, id, other)
		if err != nil {
			return false, nil, err
		}
		if common {
			delete(alone, id)
		} else if len(c.Parents) < 2 {
			return false, nil, nil
		}
	}
	return true, alone, nil
}
