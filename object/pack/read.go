package pack

import (
	"errors"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

// source is where objects are looked up: the packs of a view and, unless nil, a
// batch above them.
type source struct {
	view  *view
	batch *Batch
}

// hit is one place where an object is held.
type hit struct {
	pack  *packFile // nil if in the batch
	batch *Batch
	loc   location
}

// bytes returns the record.
func (h hit) bytes() ([]byte, error) {
	if h.pack != nil {
		return readBytes(h.pack.f, h.loc)
	}
	return h.batch.readBytes(h.loc)
}

// id returns what another record of the same place holds.
func (h hit) id(number int) object.ID {
	if h.pack != nil {
		return h.pack.id(number)
	}
	return h.batch.id(number)
}

// entry returns the entry, its frame checked.
func (h hit) entry() (entry.Entry, error) {
	b, err := h.bytes()
	if err != nil {
		return entry.Entry{}, err
	}
	e, err := parseRecord(b, h.loc.number, h.id)
	if err != nil {
		return entry.Entry{}, err
	}
	return e, e.Check()
}

// base returns the base of a delta, or zero if the entry is none. It reads no more
// than the record's head.
func (h hit) base() (object.ID, error) {
	if h.loc.depth == 0 {
		return object.ID{}, nil
	}
	h.loc.length = min(h.loc.length, maxHead)
	b, err := h.bytes()
	if err != nil {
		return object.ID{}, err
	}
	e, err := parseRecord(b, h.loc.number, h.id)
	return e.Base, err
}

// find returns all places where the object is held, those with the fewest
// deltas below them first.
func (src source) find(id object.ID) []hit {
	var hits []hit
	if src.batch != nil {
		if loc, ok := src.batch.locate(id); ok {
			hits = append(hits, hit{batch: src.batch, loc: loc})
		}
	}
	for _, p := range src.view.packs {
		if loc, ok := p.find(id); ok {
			hits = append(hits, hit{pack: p, loc: loc})
		}
	}
	if len(hits) > 1 {
		slices.SortStableFunc(hits, func(a, b hit) int { return int(a.loc.depth) - int(b.loc.depth) })
	}
	return hits
}

// load returns the object, read from a place with at most the given depth.
func (s *Store) load(src source, id object.ID, depth int) (object.Object, error) {
	if o, ok := s.cache.get(s, id); ok {
		return o, nil
	}
	hits := src.find(id)
	if len(hits) == 0 {
		return nil, src.view.missing(id)
	}
	var first error
	for _, h := range hits {
		if int(h.loc.depth) > depth {
			break
		}
		o, err := s.decode(src, id, h)
		if err == nil {
			s.cache.put(s, id, o)
			return o, nil
		}
		if first == nil {
			first = err
		}
	}
	if first == nil {
		first = damaged(id, fmt.Errorf("%w: deltas refer to each other", object.ErrCorrupt))
	}
	return nil, first
}

// decode returns the object that is held at one place, after its bases.
func (s *Store) decode(src source, id object.ID, h hit) (object.Object, error) {
	e, err := h.entry()
	if err != nil {
		return nil, damaged(id, err)
	}
	return s.decodeEntry(src, id, e, h.loc.depth)
}

// decodeEntry returns the object that the entry holds, after its bases.
func (s *Store) decodeEntry(src source, id object.ID, e entry.Entry, depth uint8) (object.Object, error) {
	var base object.Object
	if e.Encoding == entry.Delta {
		if depth == 0 {
			return nil, damaged(id, fmt.Errorf("%w: the index does not know it for a delta", object.ErrCorrupt))
		}
		var err error
		if base, err = s.load(src, e.Base, int(depth)-1); err != nil {
			return nil, damaged(id, fmt.Errorf("its delta base: %w", err))
		}
	}
	o, err := s.codec.Decode(e, base)
	if err != nil {
		return nil, damaged(id, err)
	}
	if got := o.ID(); got != id {
		return nil, damaged(id, fmt.Errorf("%w: its bytes have the id %s", object.ErrCorrupt, got))
	}
	return o, nil
}

// damaged returns a CorruptError, but for a failing disk, which says nothing of
// what is on it.
func damaged(id object.ID, err error) error {
	if errors.Is(err, object.ErrCorrupt) || errors.Is(err, object.ErrNotFound) {
		return &object.CorruptError{ID: id, Err: err}
	}
	return fmt.Errorf("object/pack: reading object %s: %w", id, err)
}

// missing returns the error for an object that no pack of the view holds. If a
// pack cannot be opened, the object may have been in it.
func (v *view) missing(id object.ID) error {
	if len(v.bad) == 0 {
		return object.NotFound(id)
	}
	return &object.CorruptError{ID: id, Err: fmt.Errorf("%w; it may have been in %s: %w", object.ErrNotFound, v.bad[0].name, v.bad[0].err)}
}
