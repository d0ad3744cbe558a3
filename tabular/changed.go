package tabular

import (
	"cmp"
	"context"
	"slices"

	"github.com/constl/constl/object"
)

// ChangedGroups returns the row groups that only one of two tables has, in the
// order of their rows: the difference of the two multisets of group ids. It
// reads only nodes that the tables do not share, and fails as their readers do.
func ChangedGroups(ctx context.Context, a, b *Table) (onlyA, onlyB []GroupRef, err error) {
	c, err := compareTrees(ctx, a, b)
	if err != nil {
		return nil, nil, err
	}
	return refsOf(c.onlyA), refsOf(c.onlyB), nil
}

func refsOf(places []place) []GroupRef {
	refs := make([]GroupRef, len(places))
	for i := range places {
		refs[i] = places[i].ref()
	}
	return refs
}

// treeComparison is what two tables' trees share and do not share.
type treeComparison struct {
	onlyA, onlyB []place     // row groups, in order
	shared       []sharedRun // subtrees that both have, in the order of a
}

// sharedRun is a subtree that stands in both tables.
type sharedRun struct{ firstA, firstB, rows int64 }

// compareTrees goes down both trees level by level and drops what is equal. What
// is dropped is the same on both sides, so that the difference of the levels
// below stays the difference of the tables.
func compareTrees(ctx context.Context, a, b *Table) (*treeComparison, error) {
	c := &treeComparison{}
	var as, bs []place
	if a.Rows > 0 {
		as = []place{a.rootPlace()}
	}
	if b.Rows > 0 {
		bs = []place{b.rootPlace()}
	}
	for height := max(a.height, b.height); ; height-- {
		as, bs = c.cancel(as, bs, height)
		if height == 0 {
			break
		}
		var err error
		if as, err = expandLevel(ctx, a, as, height); err != nil {
			return nil, err
		}
		if bs, err = expandLevel(ctx, b, bs, height); err != nil {
			return nil, err
		}
	}
	c.onlyA, c.onlyB = as, bs
	slices.SortFunc(c.shared, func(x, y sharedRun) int { return cmp.Compare(x.firstA, y.firstA) })
	return c, nil
}

// expandLevel replaces the places of the given height by their children.
func expandLevel(ctx context.Context, t *Table, places []place, height int) ([]place, error) {
	var below []place
	for _, p := range places {
		if p.height < height {
			below = append(below, p)
			continue
		}
		children, err := t.expand(ctx, p)
		if err != nil {
			return nil, err
		}
		below = append(below, children...)
	}
	return below, nil
}

// cancel takes out the places of the given height that both sides have, the
// first of one with the first of the other.
func (c *treeComparison) cancel(as, bs []place, height int) (restA, restB []place) {
	at := make(map[object.ID][]int)
	for i := range as {
		if as[i].height == height {
			at[as[i].id] = append(at[as[i].id], i)
		}
	}
	gone := make([]bool, len(as))
	for _, p := range bs {
		list := at[p.id]
		if p.height != height || len(list) == 0 {
			restB = append(restB, p)
			continue
		}
		i := list[0]
		at[p.id] = list[1:]
		gone[i] = true
		c.shared = append(c.shared, sharedRun{firstA: as[i].first, firstB: p.first, rows: p.rows})
	}
	for i := range as {
		if !gone[i] {
			restA = append(restA, as[i])
		}
	}
	return restA, restB
}
