package repo

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
)

// Logged is one commit of a log.
type Logged struct {
	ID object.ID
	*object.Commit
}

// Log yields the commits and all that they grew from, newest first by their
// times, but never a parent before its child. It fails as the store does.
func (r *Repo) Log(ctx context.Context, from ...object.ID) iter.Seq2[Logged, error] {
	return func(yield func(Logged, error) bool) {
		children, err := r.countChildren(ctx, from)
		if err != nil {
			yield(Logged{}, err)
			return
		}
		queue := &byTime{}
		push := func(id object.ID) error {
			c, err := object.ReadCommit(ctx, r.store, id)
			if err == nil {
				heap.Push(queue, Logged{id, c})
			}
			return err
		}
		for id, n := range children {
			if n == 0 && err == nil {
				err = push(id)
			}
		}
		for err == nil && queue.Len() > 0 {
			next := heap.Pop(queue).(Logged)
			if !yield(next, nil) {
				return
			}
			for _, p := range next.Parents {
				if children[p]--; children[p] == 0 && err == nil {
					err = push(p)
				}
			}
		}
		if err != nil {
			yield(Logged{}, err)
		}
	}
}

// countChildren counts, for every one of the commits and those that they grew
// from, how many of them name it as a parent.
func (r *Repo) countChildren(ctx context.Context, from []object.ID) (map[object.ID]int, error) {
	children := make(map[object.ID]int)
	for _, id := range from {
		children[id] = 0
	}
	todo := slices.Collect(maps.Keys(children))
	seen := maps.Clone(children)
	for len(todo) > 0 {
		c, err := object.ReadCommit(ctx, r.store, todo[len(todo)-1])
		if err != nil {
			return nil, err
		}
		todo = todo[:len(todo)-1]
		for _, p := range c.Parents {
			children[p]++
			if _, ok := seen[p]; !ok {
				seen[p] = 0
				todo = append(todo, p)
			}
		}
	}
	return children, nil
}

type byTime []Logged

func (q byTime) Len() int      { return len(q) }
func (q byTime) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q byTime) Less(i, j int) bool {
	return cmp.Or(-cmp.Compare(q[i].Time.Unix, q[j].Time.Unix), q[i].ID.Compare(q[j].ID)) < 0
}
func (q *byTime) Push(x any) { *q = append(*q, x.(Logged)) }
func (q *byTime) Pop() any {
	old := *q
	last := old[len(old)-1]
	*q = old[:len(old)-1]
	return last
}

// isAncestor reports whether of grew from ancestor, or is it.
func (r *Repo) isAncestor(ctx context.Context, ancestor, of object.ID) (bool, error) {
	return merge.IsAncestor(ctx, r.store, ancestor, of)
}

// peel returns the commit that a ref's target is, or that the tag there names.
func (r *Repo) peel(ctx context.Context, id object.ID) (object.ID, error) {
	o, err := r.store.Get(ctx, id)
	if err != nil {
		return object.ID{}, err
	}
	switch o.Kind() {
	case object.KindCommit:
		return id, nil
	case object.KindTag:
		t, err := object.DecodeTag(o)
		if err != nil {
			return object.ID{}, &object.CorruptError{ID: id, Err: err}
		}
		return t.Target, nil
	}
	return object.ID{}, fmt.Errorf("%w: %s is a %s, no commit", ErrUnknownRevision, id.Short(), o.Kind())
}
