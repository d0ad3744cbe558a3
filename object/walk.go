package object

import (
	"context"
	"fmt"
)

// WalkOptions are the choices of [Walk]. The zero value is the default.
type WalkOptions struct {
	// Skip, if not nil, says that an object and all below it are not to be visited.
	Skip func(ID) bool
	// Leaf, if not nil, is called in place of visiting an object that is known
	// from the one above it to be a leaf, which is then not read: the chunks of a
	// blob and the segments of a row group, most of what a dataset is made of.
	Leaf func(ID) error
	// Broken, if not nil, is called when an object cannot be read, with the
	// object that refers to it, or zero for a root. If it returns nil, the walk goes
	// on without the object. Without it the walk ends with the error.
	Broken func(id, parent ID, err error) error
	// Limit, if not zero, is how many objects may be visited, for a bound on
	// memory, which is about 60 bytes an object. More is an error.
	Limit int
}

// Walk visits every object that can be reached from the roots by links, each
// once, an object before those that it refers to first. fn may return an error,
// which ends the walk and is returned as it is. Otherwise Walk fails as r does,
// or with an error that wraps [ErrCorrupt]. opts may be nil.
func Walk(ctx context.Context, r Reader, roots []ID, opts *WalkOptions, fn func(ID, Object) error) error {
	if opts == nil {
		opts = &WalkOptions{}
	}
	w := &walker{r: r, opts: opts, fn: fn, seen: make(map[ID]struct{})}
	for _, id := range roots {
		if err := w.from(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

type walker struct {
	r    Reader
	opts *WalkOptions
	fn   func(ID, Object) error
	seen map[ID]struct{}
	todo []walkStep
}

// walkStep is what is left to visit of one object's links.
type walkStep struct {
	parent ID
	links  []ID
	leaves bool
}

func (w *walker) from(ctx context.Context, root ID) error {
	w.todo = append(w.todo[:0], walkStep{links: []ID{root}})
	for len(w.todo) > 0 {
		step := &w.todo[len(w.todo)-1]
		if len(step.links) == 0 {
			w.todo = w.todo[:len(w.todo)-1]
			continue
		}
		id := step.links[0]
		step.links = step.links[1:]
		if _, ok := w.seen[id]; ok || w.opts.Skip != nil && w.opts.Skip(id) {
			continue
		}
		if w.opts.Limit > 0 && len(w.seen) >= w.opts.Limit {
			return fmt.Errorf("object: walking: more than %d objects", w.opts.Limit)
		}
		w.seen[id] = struct{}{}
		if err := w.visit(ctx, id, *step); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) visit(ctx context.Context, id ID, step walkStep) error {
	if step.leaves {
		if err := ctx.Err(); err != nil {
			return err
		}
		return w.opts.Leaf(id)
	}
	o, err := w.r.Get(ctx, id)
	var links []ID
	if err == nil {
		if links, err = Links(o); err != nil {
			err = &CorruptError{id, err}
		}
	}
	if err != nil {
		if w.opts.Broken == nil || ctx.Err() != nil {
			return fmt.Errorf("object: walking: %w", err)
		}
		return w.opts.Broken(id, step.parent, err)
	}
	if err := w.fn(id, o); err != nil {
		return err
	}
	if len(links) > 0 {
		w.todo = append(w.todo, walkStep{parent: id, links: links, leaves: w.opts.Leaf != nil && linksLeavesOnly(o)})
	}
	return nil
}

// linksLeavesOnly reports whether everything that the object refers to is
// known to be a leaf.
func linksLeavesOnly(o Object) bool {
	switch o.Kind() {
	case KindGroup:
		return true
	case KindBlob:
		n, err := decodeBlobNode(o)
		return err == nil && n.height == 0
	}
	return false
}
