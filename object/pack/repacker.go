package pack

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

const (
	// repackLimit is the depth up to which Repack puts deltas on deltas. What is read
	// most stands at the top; at the end of a full chain, an object of 40 KB takes
	// about a millisecond.
	repackLimit = 32
	// thoroughDeltas is how many deltas of one Repack are searched as long as can be,
	// at some 5 ms each.
	thoroughDeltas = 2000
	// maxHeirs is how many of an object's heirs are tried as its bases.
	maxHeirs = 4
)

// repacker writes what is kept into a batch. Entries are made in several
// goroutines and written in one.
type repacker struct {
	s    *Store
	b    *Batch
	src  source
	opts *RepackOptions
	keep []object.ID
	// place is where in keep an object stands.
	place map[object.ID]int
	// heirs are the kept objects that are held as deltas against an object.
	heirs map[object.ID][]object.ID
	// under is the base of every delta that was written.
	under    map[object.ID]object.ID
	searches atomic.Int64 // deltas searched thoroughly
}

func newRepacker(s *Store, b *Batch, v *view, opts *RepackOptions, keep []object.ID) *repacker {
	r := &repacker{
		s: s, b: b, src: source{view: v}, opts: opts, keep: keep,
		place: make(map[object.ID]int, len(keep)), under: make(map[object.ID]object.ID),
	}
	for i := len(keep) - 1; i >= 0; i-- {
		r.place[keep[i]] = i
	}
	return r
}

// findHeirs learns from the deltas that there are what resembles what: a writer
// knew it best.
func (r *repacker) findHeirs(ctx context.Context) error {
	r.heirs = make(map[object.ID][]object.ID)
	for i, id := range r.keep {
		if i%stretch == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		hits := r.src.find(id)
		if len(hits) == 0 {
			continue // prepare says it
		}
		base, err := hits[0].base()
		if _, kept := r.place[base]; err == nil && kept {
			r.heirs[base] = append(r.heirs[base], id)
		}
	}
	return nil
}

// parcel is one object with the entries that it may become.
type parcel struct {
	id     object.ID
	o      object.Object
	old    *entry.Entry  // as it is held, if that is intact
	whole  entry.Entry   // empty if a delta is so small that it is not needed
	deltas []entry.Entry // the smallest first
	err    error
	done   chan struct{}
}

func (r *repacker) run(ctx context.Context) error {
	if r.opts.Bases != nil {
		if err := r.findHeirs(ctx); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	var crew sync.WaitGroup
	defer crew.Wait()
	defer cancel()
	n := runtime.GOMAXPROCS(0)
	work, order := make(chan *parcel), make(chan *parcel, 2*n)
	for range n {
		crew.Go(func() {
			for p := range work {
				r.prepare(p)
				close(p.done)
			}
		})
	}
	crew.Go(func() {
		defer close(order)
		defer close(work)
		for _, id := range r.keep {
			p := &parcel{id: id, done: make(chan struct{})}
			select {
			case work <- p:
			case <-ctx.Done():
				return
			}
			select {
			case order <- p:
			case <-ctx.Done():
				return
			}
		}
	})
	done := 0
	for p := range order {
		<-p.done
		if err := r.write(p); err != nil {
			return fmt.Errorf("object/pack: repacking: %w", err)
		}
		done++
		if r.opts.Progress != nil && (done%stretch == 0 || done == len(r.keep)) {
			r.opts.Progress(done, len(r.keep))
		}
	}
	return ctx.Err()
}

// prepare reads and verifies an object and makes its entries.
func (r *repacker) prepare(p *parcel) {
	hits := r.src.find(p.id)
	if len(hits) == 0 {
		p.err = object.NotFound(p.id)
		return
	}
	if e, err := hits[0].entry(); err == nil {
		if p.o, err = r.s.decodeEntry(r.src, p.id, e, hits[0].loc.depth); err == nil {
			p.old = &e
			r.s.cache.put(r.s, p.id, p.o)
		}
	}
	if p.old == nil {
		if p.o, p.err = r.s.load(r.src, p.id, maxDepth); p.err != nil {
			return
		}
	}
	r.findDeltas(p)
	switch {
	case len(p.deltas) > 0 && len(p.deltas[0].Data) < len(p.o)/64:
	case p.old != nil && p.old.Encoding != entry.Delta && !r.opts.Recompress:
		p.whole = *p.old
	case p.old == nil || r.opts.Bases != nil || p.old.Encoding != entry.Delta:
		p.whole = r.whole(p.o)
	}
}

func (r *repacker) whole(o object.Object) entry.Entry {
	if len(o) < smallObject {
		return r.s.good.Encode(o)
	}
	return r.s.best.Encode(o)
}

// findDeltas makes deltas against all bases that come before the object.
func (r *repacker) findDeltas(p *parcel) {
	if r.opts.Bases == nil || len(p.o) > entry.MaxDelta || len(p.o) < 32 {
		return
	}
	if p.old != nil && p.old.Encoding == entry.Delta && r.before(p.old.Base, p.id) {
		p.deltas = []entry.Entry{*p.old} // an earlier Repack searched for it
		return
	}
	bases := slices.Concat(r.opts.Bases(p.id), r.heirs[p.id][max(0, len(r.heirs[p.id])-maxHeirs):])
	for i, base := range bases {
		if !r.before(base, p.id) || slices.Contains(bases[:i], base) {
			continue
		}
		if d, ok := r.delta(p, base); ok {
			p.deltas = append(p.deltas, d)
		}
	}
	slices.SortStableFunc(p.deltas, func(a, b entry.Entry) int { return len(a.Data) - len(b.Data) })
	if len(p.deltas) > 0 {
		p.deltas[0] = r.refine(p, p.deltas[0])
	}
}

// before reports whether the one object is kept, and stands in the list before
// the other.
func (r *repacker) before(base, id object.ID) bool {
	place, ok := r.place[base]
	return ok && place < r.place[id]
}

// delta returns a delta against the base, found quickly.
func (r *repacker) delta(p *parcel, base object.ID) (entry.Entry, bool) {
	o, err := r.s.load(r.src, base, maxDepth)
	if err != nil || o.Kind() != p.o.Kind() {
		return entry.Entry{}, false
	}
	e := r.s.codec.EncodeDelta(p.o, base, o)
	return e, e.Encoding == entry.Delta
}

// refine searches longer for a delta that may become smaller.
func (r *repacker) refine(p *parcel, e entry.Entry) entry.Entry {
	if len(e.Data) <= smallDelta || len(p.o) < smallObject {
		return e
	}
	o, err := r.s.load(r.src, e.Base, maxDepth)
	if err != nil {
		return e
	}
	codec := &r.s.best
	if r.searches.Add(1) > thoroughDeltas {
		codec = &r.s.good
	}
	if d := codec.EncodeDelta(p.o, e.Base, o); d.Encoding == entry.Delta && len(d.Data) < len(e.Data) {
		return d
	}
	return e
}

// write adds the object to the new pack.
func (r *repacker) write(p *parcel) error {
	if p.err != nil {
		return p.err
	}
	if _, ok := r.b.locate(p.id); ok {
		return nil
	}
	e, depth, err := r.choose(p)
	if err != nil {
		return err
	}
	if e.Encoding == entry.Delta {
		r.under[p.id] = e.Base
	}
	return r.b.append(p.id, e, depth, false)
}

// choose returns the smallest entry that the object can have.
func (r *repacker) choose(p *parcel) (entry.Entry, uint8, error) {
	for i, e := range p.deltas {
		loc, ok := r.b.locate(e.Base)
		if !ok {
			continue
		}
		if loc.depth >= repackLimit {
			// Half a chain up is another version of the same, whose chain goes on from there.
			base := e.Base
			for loc.depth > repackLimit/2 {
				base = r.under[base]
				loc, _ = r.b.locate(base)
			}
			if e, ok = r.delta(p, base); !ok {
				continue
			}
		}
		if i > 0 || e.Base != p.deltas[0].Base {
			e = r.refine(p, e)
		}
		if p.whole.Length == 0 || len(e.Data) < p.whole.Size()*7/8 {
			return e, loc.depth + 1, nil
		}
	}
	if depth, ok, err := r.keepsDelta(p); ok || err != nil {
		return *p.old, depth, err
	}
	if p.whole.Length == 0 {
		p.whole = r.whole(p.o)
	}
	return p.whole, 0, nil
}

// keepsDelta reports whether the object stays the delta that it is, against one
// that comes later in the list, which is then written first.
func (r *repacker) keepsDelta(p *parcel) (depth uint8, ok bool, err error) {
	if p.old == nil || p.old.Encoding != entry.Delta || r.opts.Bases != nil {
		return 0, false, nil // with bases, it is the older object that becomes a delta
	}
	base := p.old.Base
	if _, kept := r.place[base]; !kept || p.whole.Length > 0 && len(p.old.Data) >= p.whole.Size()*7/8 {
		return 0, false, nil
	}
	if _, written := r.b.locate(base); !written {
		under := &parcel{id: base}
		r.prepare(under)
		if err := r.write(under); err != nil {
			return 0, false, err
		}
	}
	loc, _ := r.b.locate(base)
	return loc.depth + 1, loc.depth < repackLimit, nil
}
