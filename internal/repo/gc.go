package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack"
)

// GCResult says what a clean-up did.
type GCResult struct {
	Before, After pack.Stats
}

// GC drops proposals that were answered or withdrawn 30 days ago, and objects that
// no ref, here or of a peer, leads to, and stores the others as small as it can: the newest version of everything whole, older ones
// as what is different in them. Readers are not disturbed. It fails with an error
// that wraps [pack.ErrBusy] while another process is writing, and changes nothing
// if an object is damaged or missing.
func (r *Repo) GC(ctx context.Context) (*GCResult, error) {
	unlock, err := r.lock()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := r.forgetProposals(ctx); err != nil {
		return nil, err
	}
	res := &GCResult{}
	if res.Before, err = r.store.Stats(); err != nil {
		return nil, err
	}
	kin := kinship{r: r.store, older: make(map[object.ID][]object.ID)}
	keep := func(ctx context.Context) ([]object.ID, error) {
		roots, err := r.roots(ctx)
		if err != nil {
			return nil, err
		}
		if !r.part.whole() {
			return r.reachableHere(ctx, roots)
		}
		return r.reachable(ctx, roots, &kin)
	}
	err = r.store.Repack(ctx, keep, &pack.RepackOptions{
		Bases:      func(id object.ID) []object.ID { return kin.older[id] },
		Recompress: true,
		Progress:   func(done, total int) { r.o.Progress("storing objects", int64(done), int64(total)) },
	})
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(r.path(tracesDir)); err != nil {
		return res, fmt.Errorf("removing what was only a saving: %w", err)
	}
	for _, prefix := range []string{statPrefix, sumPrefix} {
		if err := r.openCache(prefix).dropStale(ctx); err != nil {
			return nil, err
		}
	}
	res.After, err = r.store.Stats()
	return res, err
}

// reachableHere is reachable for a copy of a part: what is not here is passed by.
func (r *Repo) reachableHere(ctx context.Context, roots []object.ID) ([]object.ID, error) {
	var list []object.ID
	seen := make(map[object.ID]bool)
	for todo := slices.Clone(roots); len(todo) > 0; {
		id := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if seen[id] {
			continue
		}
		seen[id] = true
		o, err := r.store.Store.Get(ctx, id)
		if errors.Is(err, object.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		links, err := object.Links(o)
		if err != nil {
			return nil, &object.CorruptError{ID: id, Err: err}
		}
		list = append(list, id)
		slices.Reverse(links)
		todo = append(todo, links...)
	}
	return list, nil
}

// reachable lists everything that the roots lead to, newer commits before older
// ones, and learns on the way which objects are versions of each other.
func (r *Repo) reachable(ctx context.Context, roots []object.ID, kin *kinship) ([]object.ID, error) {
	commits, others, err := r.commitsOf(ctx, roots)
	if err != nil {
		return nil, err
	}
	var list []object.ID
	seen := make(map[object.ID]bool)
	add := func(id object.ID, o object.Object) error {
		list = append(list, id)
		return nil
	}
	walk := func(roots ...object.ID) error {
		o := &object.WalkOptions{
			Skip: func(id object.ID) bool {
				was := seen[id]
				seen[id] = true
				return was
			},
			Leaf: func(id object.ID) error {
				list = append(list, id)
				return nil
			},
		}
		return object.Walk(ctx, r.store, roots, o, add)
	}
	for _, c := range commits {
		list = append(list, c.ID)
		seen[c.ID] = true
	}
	for _, c := range commits {
		if err := walk(c.Tree); err != nil {
			return nil, err
		}
		for _, p := range c.Parents {
			if err := kin.learn(ctx, c.ID, p, c.Tree); err != nil {
				return nil, err
			}
		}
	}
	return list, walk(others...)
}

// commitsOf lists all commits that the roots lead to, newest first, and the
// roots that are no commits.
func (r *Repo) commitsOf(ctx context.Context, roots []object.ID) (commits []Logged, others []object.ID, err error) {
	var heads []object.ID
	for _, id := range roots {
		o, err := r.store.Get(ctx, id)
		if err != nil {
			return nil, nil, err
		}
		switch o.Kind() {
		case object.KindCommit:
			heads = append(heads, id)
			continue
		case object.KindTag:
			t, err := object.DecodeTag(o)
			if err != nil {
				return nil, nil, &object.CorruptError{ID: id, Err: err}
			}
			heads = append(heads, t.Target)
		}
		others = append(others, id)
	}
	for c, err := range r.Log(ctx, heads...) {
		if err != nil {
			return nil, nil, err
		}
		commits = append(commits, c)
	}
	return commits, others, nil
}

// kinship finds out which objects are versions of one another, by going down two
// trees side by side wherever they differ.
type kinship struct {
	r     object.Reader
	older map[object.ID][]object.ID // from an older version to the newer ones, likeliest first
}

// maxKin is how many relatives of an object are kept.
const maxKin = 4

// learn compares a commit with one of its parents.
func (k *kinship) learn(ctx context.Context, commit, parent, tree object.ID) error {
	c, err := object.ReadCommit(ctx, k.r, parent)
	if err != nil {
		return err
	}
	k.note(commit, parent)
	return k.pair(ctx, tree, c.Tree)
}

func (k *kinship) note(newer, older object.ID) bool {
	known := k.older[older]
	if len(known) >= maxKin {
		return false
	}
	for _, id := range known {
		if id == newer {
			return false
		}
	}
	k.older[older] = append(known, newer)
	return true
}

// pair notes that two objects are versions of one thing, and pairs what they link
// to: links that both have fall out, the others go together in their order.
func (k *kinship) pair(ctx context.Context, newer, older object.ID) error {
	if newer == older {
		return nil
	}
	a, err := k.r.Get(ctx, newer)
	if err != nil {
		return err
	}
	b, err := k.r.Get(ctx, older)
	if err != nil {
		return err
	}
	if a.Kind() != b.Kind() || !k.note(newer, older) || a.Kind().Leaf() {
		return nil
	}
	return k.pairLinks(ctx, a, b)
}

func (k *kinship) pairLinks(ctx context.Context, a, b object.Object) error {
	as, err := object.Links(a)
	if err != nil {
		return err
	}
	bs, err := object.Links(b)
	if err != nil {
		return err
	}
	onlyA, onlyB := withoutShared(as, bs)
	for i := range onlyB {
		if i < len(onlyA) {
			if err := k.pair(ctx, onlyA[i], onlyB[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// withoutShared returns what only one of two lists has, in its order.
func withoutShared(as, bs []object.ID) (onlyA, onlyB []object.ID) {
	count := make(map[object.ID]int, len(as))
	for _, id := range as {
		count[id]++
	}
	for _, id := range bs {
		if count[id] > 0 {
			count[id]--
		} else {
			onlyB = append(onlyB, id)
		}
	}
	for _, id := range as {
		if count[id] > 0 {
			count[id]--
			onlyA = append(onlyA, id)
		}
	}
	return onlyA, onlyB
}
