package pack

import (
	"context"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

// RepackOptions are the choices of [Store.Repack].
type RepackOptions struct {
	// Bases returns objects that the given one is likely to resemble, best first,
	// as the same segment in the child commits. Only those that come before it in
	// the list of what is kept are tried. nil keeps the deltas that there are.
	Bases func(object.ID) []object.ID
	// Recompress makes entries that are no deltas again, searching longer.
	Recompress bool
	// Progress, if not nil, is called now and then with the objects done and in all.
	Progress func(done, total int)
}

// Repack writes the objects that keep returns into one new pack, in that order
// as far as deltas allow, and removes all packs that there were. All other objects
// are gone for good. An object to keep that is not held, or is damaged, is an
// error, and nothing changes. Readers are not disturbed. opts may be nil.
//
// keep is called when no batch is open and none can begin until Repack returns;
// while one is open, here or in another process, Repack fails with an error that
// wraps [ErrBusy]. The objects of a batch just committed are in keep only if what
// refers to them is: so whoever commits a batch and then moves a ref does both
// under a lock that the caller of Repack holds too.
func (s *Store) Repack(ctx context.Context, keep func(context.Context) ([]object.ID, error), opts *RepackOptions) error {
	if opts == nil {
		opts = &RepackOptions{}
	}
	if s.readOnly {
		return fmt.Errorf("object/pack: repacking: %w", object.ErrReadOnly)
	}
	done, claimed, err := s.claim(dropClaim)
	if err != nil {
		return err
	}
	if !claimed {
		return fmt.Errorf("%w: another process is dropping objects", ErrBusy)
	}
	defer done()
	batches, err := s.claims(batchClaim, "")
	if err != nil {
		return err
	}
	if len(batches) > 0 {
		return fmt.Errorf("%w: %d batches are open", ErrBusy, len(batches))
	}
	if err := s.refresh(true); err != nil {
		return err
	}
	v, err := s.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	if len(v.bad) > 0 {
		return fmt.Errorf("object/pack: repacking: %s cannot be opened: %w", v.bad[0].name, v.bad[0].err)
	}
	kept, err := keep(ctx)
	if err != nil {
		return fmt.Errorf("object/pack: repacking: listing what to keep: %w", err)
	}
	b, err := s.begin(ctx)
	if err != nil {
		return err
	}
	r := &repacker{s: s, b: b, src: source{view: v}, opts: opts, keep: make(map[object.ID]struct{}, len(kept))}
	if err := r.run(ctx, kept); err != nil {
		_ = b.Discard() // the first error says more
		return err
	}
	replaced := slices.Clone(v.dead)
	for _, p := range v.packs {
		replaced = append(replaced, p.name)
	}
	s.cache.clear()
	return b.finish(replaced)
}

type repacker struct {
	s    *Store
	b    *Batch
	src  source
	opts *RepackOptions
	keep map[object.ID]struct{}
}

func (r *repacker) run(ctx context.Context, keep []object.ID) error {
	for _, id := range keep {
		r.keep[id] = struct{}{}
	}
	for i, id := range keep {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := r.write(id); err != nil {
			return fmt.Errorf("object/pack: repacking: %w", err)
		}
		if r.opts.Progress != nil && (i%stretch == 0 || i == len(keep)-1) {
			r.opts.Progress(i+1, len(keep))
		}
	}
	return nil
}

// write adds the object to the new pack, after its base. It verifies it.
func (r *repacker) write(id object.ID) error {
	if _, ok := r.b.locate(id); ok {
		return nil
	}
	hits := r.src.find(id)
	if len(hits) == 0 {
		return object.NotFound(id)
	}
	o, err := r.s.load(r.src, id, maxDepth)
	if err != nil {
		return err
	}
	e, err := hits[0].entry()
	intact := err == nil
	if intact {
		_, err = r.s.decode(r.src, id, hits[0])
		intact = err == nil
	}
	depth := uint8(0)
	_, keepsBase := r.keep[e.Base]
	switch {
	case intact && e.Encoding != entry.Delta:
		if r.opts.Recompress {
			e = r.s.best.Encode(o)
		}
	case intact && keepsBase:
		if err := r.write(e.Base); err != nil {
			return err
		}
		if loc, _ := r.b.locate(e.Base); loc.depth < maxDepth {
			depth = loc.depth + 1
			break
		}
		e = r.s.best.Encode(o)
	default:
		e = r.s.best.Encode(o)
	}
	e, depth = r.delta(o, id, e, depth)
	return r.b.append(id, e.Append(make([]byte, 0, e.Size())), depth, false)
}

// delta returns the smallest of the entry given and deltas against the hints.
func (r *repacker) delta(o object.Object, id object.ID, e entry.Entry, depth uint8) (entry.Entry, uint8) {
	if r.opts.Bases == nil || len(o) > entry.MaxDelta {
		return e, depth
	}
	for _, base := range r.opts.Bases(id) {
		loc, ok := r.b.locate(base)
		if !ok || base == id || base == e.Base || loc.depth >= maxDepth {
			continue
		}
		bo, err := r.s.load(r.src, base, maxDepth)
		if err != nil || bo.Kind() != o.Kind() {
			continue
		}
		if d := r.s.best.EncodeDelta(o, base, bo); d.Encoding == entry.Delta && d.Size() < e.Size()*3/4 {
			e, depth = d, loc.depth+1
		}
	}
	return e, depth
}
