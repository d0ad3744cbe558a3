package transport

import (
	"context"
	"errors"
	"fmt"
	"math"

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
	crew   *crew    // nil if there is but this stream
	memory *account // for what is looked for; nil for no bound
}

// frontier is the visitor of a receiver's walk: it collects what is missing.
type frontier struct {
	r       object.Reader
	e       *effort
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
		err = f.e.keep(object.IDSize)
	}
	return err
}

// absent implements visitor.
func (f *frontier) absent(id object.ID, level int) error {
	if len(f.missing) == 0 || level < f.level {
		f.level = level
	}
	f.missing = append(f.missing, id)
	return f.e.keep(object.IDSize)
}

// complete asks for what is missing until nothing is. Roots of which none is held
// are asked for with all they link to. Else there are remains of an exchange
// that was cut, and everything is asked for by itself, so that nothing comes twice.
func (f *fetcher) complete(ctx context.Context) error {
	if f.plan.Next != nil {
		return f.steps(ctx)
	}
	for eager := true; ; eager = false {
		over, err := f.advance(ctx, eager)
		if over || err != nil {
			return err
		}
	}
}

// advance looks for what is missing, asks for some of it, and reports whether there was
// nothing.
func (f *fetcher) advance(ctx context.Context, eager bool) (over bool, err error) {
	walk, front, err := f.look(ctx)
	defer walk.e.close()
	if err != nil || front.empty() {
		return true, err
	}
	if roots := f.distinctRoots(); eager && len(front.missing) == len(roots) && len(roots) <= MaxWants && f.lacks(roots, front.missing) {
		return false, f.ask(ctx, roots, 0, &answer{})
	}
	return false, f.drain(ctx, walk, front)
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
	var e *effort
	if f.memory != nil {
		e = &effort{ctx: ctx, most: math.MaxInt64, memory: f.memory}
	}
	front := &frontier{r: f.reader, e: e}
	walk := &difference{r: f.reader, v: front, e: e}
	return walk, front, f.looked(walk, walk.run(ctx, f.plan.Roots, f.plan.Haves))
}

// looked returns the error to report of a walk.
func (f *fetcher) looked(walk *difference, err error) error {
	if errors.Is(err, errCurtailed) {
		err = walk.e.err()
	}
	if err != nil {
		return fmt.Errorf("looking for missing objects: %w", err)
	}
	return nil
}

// lacksNothing fails with an error that wraps ErrIncomplete if something is missing.
func (f *fetcher) lacksNothing(ctx context.Context) error {
	walk, front, err := f.look(ctx)
	defer walk.e.close()
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
		if err := f.looked(walk, walk.resume(ctx, came.inner, level)); err != nil {
			return err
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
	f.recv.solicit(ids, flags&flagWhole != 0)
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

// lastWords is how many bytes of frames are looked through for the error of a peer that
// takes nothing more: as much as may have been under way when it was sent.
const lastWords = 32 << 20

// peerError returns the error that the peer sent before it ended the stream, or
// else the error of writing to it.
func (c *conn) peerError(ctx context.Context, doing string, writeErr error) error {
	for end := c.in.Load() + lastWords; ctx.Err() == nil && c.in.Load() < end; {
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
