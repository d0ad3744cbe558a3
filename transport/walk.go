package transport

import (
	"context"
	"errors"
	"fmt"

	"github.com/constl/constl/object"
)

// step is an object that a walk has come to.
type step struct {
	id object.ID
	// pair, if not zero, is the object that stands in the same place of the state
	// before: the likely base of a delta.
	pair object.ID
}

// visitor is told of the objects of a difference, each once, and each after one
// that links to it or as one that was wanted.
type visitor interface {
	// inner is called with an object that may link to others.
	inner(ctx context.Context, s step, o object.Object) error
	// leaf is called for an object that links to nothing; it was not always read.
	leaf(ctx context.Context, s step) error
	// absent is called for an object that is not held here, with its depth below
	// a commit's tree.
	absent(id object.ID, level int) error
}

// difference walks the objects that are reachable from some and not from others:
// what a sender sends, or what a receiver must hold in the end. Both sides are
// walked level by level; an object that both have is not looked into, so the cost
// is about that of the difference. What the other side has is found out only as
// far as it stands in about the same place; the rest counts as different.
type difference struct {
	r        object.Reader
	v        visitor
	flat     bool // the wanted objects alone, and the history of wanted commits
	inner    bool // not what is linked to by objects that link to leaves alone
	exact    bool // the wanted objects alone, none of which is looked into
	held     idSet
	hit      idSet // of those in held, the ones met on the want side
	claimed  idSet // met on the want side and not held; marked by a sender when sent
	leaves   []step
	level    int // the deepest level for which haveLevel is valid
	haveNext []haveStep
	e        *effort
	reads    int // of the want side
	haveDone int // reads of the have side
}

type haveStep struct {
	id   object.ID
	leaf bool // known to link to nothing
}

// run walks what is reachable from wants and not from haves. Haves that are no
// commits held here are ignored. Wanted objects are visited even if haves reach them,
// unless they are commits.
func (d *difference) run(ctx context.Context, wants, haves []object.ID) error {
	if d.exact {
		return d.each(ctx, wants)
	}
	commits, others, err := d.roots(ctx, wants)
	if err != nil {
		return err
	}
	h := history{r: d.r, e: d.e, nodes: make(map[object.ID]*commitNode)}
	for _, n := range commits {
		n.order = len(h.nodes)
		h.nodes[n.id] = n
		h.paint(n, true, false)
	}
	trees, err := d.paintHaves(ctx, &h, haves)
	if err != nil {
		return err
	}
	found, err := h.run(ctx)
	if err != nil {
		return err
	}
	for _, n := range found {
		if err := d.visitCommit(ctx, n); err != nil {
			return err
		}
	}
	for _, id := range h.missing {
		if d.claimed.add(id) {
			if err := d.v.absent(id, 0); err != nil {
				return err
			}
		}
	}
	if !d.flat {
		others = append(d.rootTrees(found, trees, &h), others...)
	}
	return d.finish(ctx, others, 0)
}

// each visits the wanted objects as if they linked to nothing.
func (d *difference) each(ctx context.Context, wants []object.ID) error {
	if err := d.e.keep((stepBytes + linkBytes) * len(wants)); err != nil {
		return err
	}
	for _, id := range wants {
		if !d.claimed.add(id) {
			continue
		}
		if err := d.addLeaf(ctx, step{id: id}); err != nil {
			return err
		}
	}
	return d.flushLeaves(ctx)
}

// resume walks on from objects that were absent before and now are not. They
// stand at or below the level.
func (d *difference) resume(ctx context.Context, ids []object.ID, level int) error {
	steps := make([]step, len(ids))
	for i, id := range ids {
		steps[i].id = id
	}
	return d.finish(ctx, steps, level)
}

func (d *difference) finish(ctx context.Context, steps []step, level int) error {
	if err := d.e.keep(stepBytes * len(steps)); err != nil {
		return err
	}
	err := d.descend(ctx, steps, level)
	if err != nil && !errors.Is(err, errCurtailed) {
		return err
	}
	if err := d.flushLeaves(ctx); err != nil {
		return err
	}
	return err
}

// roots sorts the wanted objects into commits, through tags, and others.
func (d *difference) roots(ctx context.Context, wants []object.ID) (commits []*commitNode, others []step, err error) {
	queue := append([]object.ID(nil), wants...)
	for n := 0; n < len(queue); n++ {
		id := queue[n]
		if !d.claimed.add(id) {
			continue
		}
		if n >= len(wants) { // what is named in the request is bounded by its size
			if err := d.e.read(); err != nil {
				return nil, nil, err
			}
		}
		o, err := d.r.Get(ctx, id)
		switch {
		case errors.Is(err, object.ErrNotFound):
			if err := d.v.absent(id, 0); err != nil {
				return nil, nil, err
			}
		case err != nil:
			return nil, nil, fmt.Errorf("reading what is wanted: %w", err)
		case o.Kind() == object.KindCommit:
			n, err := readCommit(id, o)
			if err != nil {
				return nil, nil, err
			}
			commits = append(commits, n)
		case o.Kind() == object.KindTag && !d.flat:
			links, err := object.Links(o)
			if err == nil {
				err = d.v.inner(ctx, step{id: id}, o)
			}
			if err != nil {
				return nil, nil, err
			}
			queue = append(queue, links...)
		default:
			others = append(others, step{id: id})
		}
	}
	return commits, others, nil
}

// paintHaves marks the held commits in the history, and returns the trees of the
// first few: the states to compare with.
func (d *difference) paintHaves(ctx context.Context, h *history, haves []object.ID) ([]object.ID, error) {
	var trees []object.ID
	for _, id := range haves {
		if err := d.e.read(); err != nil {
			return nil, err
		}
		o, err := d.r.Get(ctx, id)
		if errors.Is(err, object.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading a commit that the peer has: %w", err)
		}
		if o.Kind() != object.KindCommit {
			continue
		}
		n, err := h.node(ctx, id)
		if err != nil {
			return nil, err
		}
		h.paint(n, false, true)
		if len(trees) < maxHaveTrees {
			trees = append(trees, n.tree)
		}
	}
	return trees, nil
}

func (d *difference) visitCommit(ctx context.Context, n *commitNode) error {
	d.claimed.add(n.id)
	o, err := d.r.Get(ctx, n.id)
	if err != nil {
		return fmt.Errorf("reading a commit: %w", err)
	}
	d.reads++
	return d.v.inner(ctx, step{id: n.id}, o)
}

// rootTrees returns the trees of the new commits, oldest first so that deltas
// follow their bases, and takes the trees of held commits as known.
func (d *difference) rootTrees(found []*commitNode, trees []object.ID, h *history) []step {
	for _, n := range found {
		for _, id := range n.parents {
			if p := h.nodes[id]; p != nil && p.have && len(trees) < 2*maxHaveTrees {
				trees = append(trees, p.tree)
			}
		}
	}
	for _, id := range trees {
		if d.held.add(id) {
			d.haveNext = append(d.haveNext, haveStep{id: id})
		}
	}
	var steps []step
	for i := len(found) - 1; i >= 0; i-- {
		n := found[i]
		var pair object.ID
		for _, id := range n.parents {
			if p := h.nodes[id]; p != nil {
				pair = p.tree
				break
			}
		}
		if d.held.has(n.tree) {
			d.hit.add(n.tree)
		} else if d.claimed.add(n.tree) {
			steps = append(steps, step{n.tree, pair})
		}
	}
	return steps
}

// descend visits the objects and everything below that is not held.
func (d *difference) descend(ctx context.Context, steps []step, level int) error {
	for ; len(steps) > 0; level++ {
		if err := d.expandHaves(ctx, level); err != nil {
			return err
		}
		var next []step
		for _, s := range steps {
			if err := d.e.read(); err != nil {
				return err
			}
			o, err := d.r.Get(ctx, s.id)
			if errors.Is(err, object.ErrNotFound) {
				if err := d.v.absent(s.id, level); err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			d.reads++
			if o.Kind().Leaf() {
				if err := d.addLeaf(ctx, s); err != nil {
					return err
				}
				continue
			}
			if next, err = d.visit(ctx, s, o, next); err != nil {
				return err
			}
			if len(next) >= sliceSize {
				if err := d.descend(ctx, next, level+1); err != nil {
					return err
				}
				next = nil
			}
		}
		d.e.drop(stepBytes * len(steps))
		steps = next
	}
	return nil
}

// visit tells of an object that may link to others, and appends what it links to unless
// the walk is a flat one.
func (d *difference) visit(ctx context.Context, s step, o object.Object, next []step) ([]step, error) {
	if len(o) > smallObject {
		n := 3 * len(o) // the object, its links and their pairs
		if !d.e.tryHold(n) {
			o = nil // nothing is held while more is waited for
			err := d.e.hold(n)
			if err == nil {
				o, err = d.r.Get(ctx, s.id)
			}
			if err != nil {
				return nil, err
			}
		}
		defer d.e.free(n)
	}
	if err := d.v.inner(ctx, s, o); err != nil {
		return nil, err
	}
	if d.flat {
		return next, nil
	}
	return d.follow(ctx, s, o, next)
}

// follow appends what the object links to and the other side lacks.
func (d *difference) follow(ctx context.Context, s step, o object.Object, next []step) ([]step, error) {
	links, err := object.Links(o)
	if err != nil {
		return nil, fmt.Errorf("object %s: %w", s.id.Short(), err)
	}
	pairs := d.pairLinks(ctx, s, o.Kind(), links)
	leaves := onlyLeaves(o)
	if err := d.e.keep(linkBytes * len(links)); err != nil {
		return nil, err
	}
	for i, id := range links {
		if d.held.has(id) {
			d.hit.add(id)
			continue
		}
		if !d.claimed.add(id) {
			continue
		}
		child := step{id: id}
		if pairs != nil {
			child.pair = pairs[i]
		}
		if !leaves {
			if err := d.e.keep(stepBytes); err != nil {
				return nil, err
			}
			next = append(next, child)
		} else if d.inner {
			continue
		} else if err := d.addLeaf(ctx, child); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// pairLinks returns for each link the one in the same place of the object's pair:
// the same from the front or the back as far as both agree, and in order between.
// It returns nil if there is no pair to compare with. Pairs only ever make the
// transfer smaller, so a pair that cannot be read is none.
func (d *difference) pairLinks(ctx context.Context, s step, kind object.Kind, links []object.ID) []object.ID {
	held := d.held.has(s.pair)
	if s.pair.IsZero() || !held && !d.claimed.has(s.pair) {
		return nil
	}
	o, err := d.r.Get(ctx, s.pair)
	if err != nil || o.Kind() != kind {
		return nil
	}
	old, err := object.Links(o)
	if err != nil || len(old) == 0 {
		return nil
	}
	if held {
		if d.e.keep(2*linkBytes*len(old)) != nil {
			return nil
		}
		// One of several wanted states may still have the pair, so that the walk of
		// the have side passed it by.
		d.hold(o, old)
	}
	front, back := 0, 0
	for front < len(old) && front < len(links) && old[front] == links[front] {
		front++
	}
	for back < len(old)-front && back < len(links)-front && old[len(old)-1-back] == links[len(links)-1-back] {
		back++
	}
	pairs := make([]object.ID, len(links))
	for i := front; i < len(links)-back; i++ {
		// Beyond what the old list changed, the last of it is the likeliest to be split.
		j := min(i, max(front, len(old)-back-1))
		if j < len(old) {
			pairs[i] = old[j]
		}
	}
	return pairs
}

// addLeaf keeps a leaf until the inner objects around it are done.
func (d *difference) addLeaf(ctx context.Context, s step) error {
	if err := d.e.keep(stepBytes); err != nil {
		return err
	}
	d.leaves = append(d.leaves, s)
	if len(d.leaves) >= sliceSize {
		return d.flushLeaves(ctx)
	}
	return nil
}

func (d *difference) flushLeaves(ctx context.Context) error {
	leaves := d.leaves
	d.leaves = nil
	for _, s := range leaves {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.v.leaf(ctx, s); err != nil {
			return err
		}
	}
	d.e.drop(stepBytes * len(leaves))
	return nil
}

// expandHaves makes sure that what the other side has one level below the given
// one is known, before the want side is compared with it. Objects that were met
// on the want side need no look: what is below them is not walked there either.
func (d *difference) expandHaves(ctx context.Context, level int) error {
	for ; d.level <= level && len(d.haveNext) > 0; d.level++ {
		now := d.haveNext
		d.haveNext = nil
		for _, s := range now {
			if s.leaf || d.hit.has(s.id) {
				continue
			}
			if d.haveDone >= haveReads+haveReadRatio*d.reads {
				break
			}
			d.haveDone++
			if err := d.e.read(); err != nil {
				return err
			}
			o, err := d.r.Get(ctx, s.id)
			if errors.Is(err, object.ErrNotFound) {
				continue
			}
			if err != nil {
				return fmt.Errorf("reading what the peer has: %w", err)
			}
			links, err := object.Links(o)
			if err == nil {
				err = d.e.keep(2 * linkBytes * len(links))
			}
			if err != nil {
				return err
			}
			d.hold(o, links)
		}
	}
	return nil
}

// hold notes that the other side has what an object of its own links to.
func (d *difference) hold(o object.Object, links []object.ID) {
	leaf := onlyLeaves(o)
	for _, id := range links {
		if d.held.add(id) {
			d.haveNext = append(d.haveNext, haveStep{id, leaf})
		}
	}
}
