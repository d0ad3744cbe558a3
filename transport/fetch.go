package transport

import (
	"context"
	"errors"
	"fmt"

	"github.com/constl/constl/object"
)

// fetcher completes what a plan asks for: it looks for what is missing and asks
// the peer for it over the same stream, until nothing is.
type fetcher struct {
	c      *conn
	recv   *receiver
	reader object.Reader
	plan   *Plan
	stats  *Stats
	crew   *crew // nil if there is but this stream
}

// frontier is the visitor of a receiver's walk: it collects what is missing.
type frontier struct {
	r       object.Reader
	leaves  []object.ID // missing, and known to link to nothing
	missing []object.ID // the others
	level   int         // the highest at which one of these is missing
}

func (f *frontier) empty() bool { return len(f.leaves)+len(f.missing) == 0 }

// inner implements visitor.
func (f *frontier) inner(context.Context, step, object.Object) error { return nil }

// leaf implements visitor.
func (f *frontier) leaf(ctx context.Context, s step) error {
	held, err := f.r.Has(ctx, s.id)
	if err == nil && !held {
		f.leaves = append(f.leaves, s.id)
	}
	return err
}

// absent implements visitor.
func (f *frontier) absent(id object.ID, level int) error {
	if len(f.missing) == 0 || level < f.level {
		f.level = level
	}
	f.missing = append(f.missing, id)
	return nil
}

// complete asks for what is missing until nothing is. Roots of which none is held
// are asked for with all they link to. Else there are remains of an exchange
// that was cut, and everything is asked for by itself, so that nothing comes twice.
func (f *fetcher) complete(ctx context.Context) error {
	if f.plan.Next != nil {
		return f.steps(ctx)
	}
	for eager := true; ; eager = false {
		walk, front, err := f.look(ctx)
		if err != nil || front.empty() {
			return err
		}
		if roots := f.distinctRoots(); eager && len(front.missing) == len(roots) && len(roots) <= MaxWants && f.lacks(roots, front.missing) {
			if err := f.ask(ctx, roots, 0, &answer{}); err != nil {
				return err
			}
			continue
		}
		if err := f.drain(ctx, walk, front); err != nil {
			return err
		}
	}
}

// steps asks for what the plan names, step by step.
func (f *fetcher) steps(ctx context.Context) error {
	for {
		asks, err := f.plan.Next(ctx)
		if err != nil || len(asks) == 0 {
			return err
		}
		for _, a := range asks {
			if _, err := f.askAll(ctx, a.Objects, f.flags(a.Extent)); err != nil {
				return err
			}
		}
	}
}

func (f *fetcher) flags(extent Extent) uint64 {
	switch {
	case len(f.plan.Haves) > 0:
		return flagFlat | flagGuess
	case extent == Inner:
		return flagInner
	case extent == Flat:
		return flagFlat
	}
	return 0
}

// look walks what the plan wants, as far as it is held.
func (f *fetcher) look(ctx context.Context) (*difference, *frontier, error) {
	front := &frontier{r: f.reader}
	walk := &difference{r: f.reader, v: front}
	if err := walk.run(ctx, f.plan.Roots, f.plan.Haves); err != nil {
		return nil, nil, fmt.Errorf("looking for missing objects: %w", err)
	}
	return walk, front, nil
}

// lacksNothing fails with an error that wraps ErrIncomplete if something is missing.
func (f *fetcher) lacksNothing(ctx context.Context) error {
	_, front, err := f.look(ctx)
	if err == nil && !front.empty() {
		missing := append(front.missing, front.leaves...)
		err = fmt.Errorf("%w: %s and %d others", ErrIncomplete, missing[0], len(missing)-1)
	}
	return err
}

func (f *fetcher) distinctRoots() []object.ID {
	var roots []object.ID
	seen := make(map[object.ID]bool, len(f.plan.Roots))
	for _, id := range f.plan.Roots {
		if !seen[id] {
			seen[id] = true
			roots = append(roots, id)
		}
	}
	return roots
}

// lacks reports whether all the roots are among the missing.
func (f *fetcher) lacks(roots, missing []object.ID) bool {
	set := make(map[object.ID]bool, len(missing))
	for _, id := range missing {
		set[id] = true
	}
	for _, id := range roots {
		if !set[id] {
			return false
		}
	}
	return true
}

// drain asks for the missing objects, and for those that turn out to be missing
// below them, down to the leaves.
func (f *fetcher) drain(ctx context.Context, walk *difference, front *frontier) error {
	for len(front.missing) > 0 {
		now, level := front.missing, front.level
		front.missing = nil
		came, err := f.askAll(ctx, now, flagFlat|flagGuess)
		if err != nil || came.history {
			return err
		}
		if err := walk.resume(ctx, came.inner, level); err != nil {
			return fmt.Errorf("looking for missing objects: %w", err)
		}
	}
	if len(front.leaves) == 0 {
		return nil
	}
	_, err := f.askAll(ctx, front.leaves, flagExact|flagGuess)
	return err
}

// answer is what came of objects that were asked for by their ids.
type answer struct {
	inner   []object.ID // those that link to others
	history bool        // commits or tags are among them
}

func (a *answer) add(r *receiver) {
	a.inner, a.history = append(a.inner, r.got...), a.history || r.history
}

// askAll asks for objects, over several streams if that takes long. It fails with
// an error that wraps ErrIncomplete if nothing of what was asked for came.
func (f *fetcher) askAll(ctx context.Context, ids []object.ID, flags uint64) (*answer, error) {
	if f.crew != nil && len(ids) >= minShare && flags&(flagFlat|flagExact) != 0 {
		return f.share(ctx, ids, flags)
	}
	a := &answer{}
	for len(ids) > 0 {
		n := min(len(ids), MaxWants)
		if err := f.ask(ctx, ids[:n], flags, a); err != nil {
			return nil, err
		}
		ids = ids[n:]
	}
	return a, nil
}

// ask sends a want and receives the answer. Objects whose base turned out to be
// missing here are asked for again, whole. It fails with an error that wraps
// ErrIncomplete if nothing of what was asked for came.
func (f *fetcher) ask(ctx context.Context, ids []object.ID, flags uint64, a *answer) error {
	before := f.stats.Objects
	if err := f.round(ctx, ids, flags); err != nil {
		return err
	}
	again, err := f.recv.adopt(ctx, f.recv.orphans)
	if err != nil {
		return err
	}
	a.add(f.recv)
	for again = append(again, f.recv.noBase...); len(again) > 0; {
		n := min(len(again), MaxWants)
		if err := f.round(ctx, again[:n], flagFlat|flagWhole); err != nil {
			return err
		}
		a.add(f.recv)
		again = again[n:]
	}
	if f.stats.Objects == before {
		return incomplete(ids)
	}
	return nil
}

func incomplete(ids []object.ID) error {
	return fmt.Errorf("%w: the peer does not hold %s and %d others", ErrIncomplete, ids[0], len(ids)-1)
}

func (f *fetcher) round(ctx context.Context, ids []object.ID, flags uint64) error {
	f.stats.Rounds++
	f.recv.solicit(ids)
	if err := f.want(ctx, ids, flags); err != nil {
		return err
	}
	w := f.crew
	if flags&(flagFlat|flagExact) != 0 {
		w = nil // what is to come is as short as can be
	}
	_, err := f.recv.receive(ctx, w)
	return err
}

// want sends a want frame.
func (f *fetcher) want(ctx context.Context, ids []object.ID, flags uint64) error {
	m := wantMessage{flags: flags, wants: ids, haves: f.plan.Haves[:min(len(f.plan.Haves), MaxHaves)]}
	err := f.c.writeFrame(frameWant, m.encode())
	if err == nil {
		err = f.c.flush()
	}
	if err != nil {
		return f.c.peerError(ctx, "asking for objects", err)
	}
	return nil
}

// peerError returns the error that the peer sent before it ended the stream, or
// else the error of writing to it.
func (c *conn) peerError(ctx context.Context, doing string, writeErr error) error {
	for ctx.Err() == nil {
		t, body, err := c.next()
		if err != nil {
			break
		}
		if t == frameError {
			return unexpected(t, body)
		}
	}
	return streamError(ctx, doing, writeErr)
}

// fail tells the peer why the exchange ends, as far as that is its business.
func (c *conn) fail(err error) {
	if errors.Is(err, ErrDisconnected) || errors.Is(err, ErrStalled) {
		return
	}
	code, text := codeOf(err)
	m := errorMessage{code: code, text: wireText(text)}
	if c.writeFrame(frameError, m.encode()) == nil {
		// The peer may be gone already; there is nobody else to tell.
		_ = c.flush()
	}
}
