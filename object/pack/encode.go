package pack

import (
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

const (
	// chainLimit is the depth up to which a batch puts deltas on deltas.
	chainLimit = 16
	// smallDelta is the size in bytes of delta data that no search makes much
	// smaller.
	smallDelta = 128
	// smallObject is the size in bytes below which no search is worth its setting up.
	smallObject = 1 << 10
	// effortBytes is how much of a batch, in bytes of objects, is encoded with more
	// than little effort: all of a small commit, and of a large one no more than
	// takes some hundredths of a second.
	effortBytes = 512 << 10
)

// codec returns the codec for an object of that size.
func (b *Batch) codec(size int) *entry.Codec {
	if size >= smallObject && b.effort.Load() > 0 && b.effort.Add(-int64(size)) > 0 {
		return &b.s.good
	}
	return &b.s.codec
}

// encode returns the object's entry: against one of the bases if that is clearly
// smaller, else whole. The bases are tried in order until one gives a good delta.
func (b *Batch) encode(o object.Object, id object.ID, bases []object.ID) (e entry.Entry, depth uint8) {
	var delta, whole entry.Entry
	var against object.Object
	for _, baseID := range bases {
		if whole.Length > 0 && len(delta.Data) > 0 && len(delta.Data) <= whole.Size()/3 {
			break
		}
		baseID, base, under, ok := b.base(o, id, baseID)
		if !ok || baseID == delta.Base {
			continue
		}
		d := b.s.codec.EncodeDelta(o, baseID, base)
		if d.Encoding == entry.Delta && (delta.Length == 0 || len(d.Data) < len(delta.Data)) {
			delta, against, depth = d, base, under+1
		}
		if delta.Length > 0 && len(delta.Data) < len(o)/64 {
			return delta, depth
		}
		if whole.Length == 0 {
			whole = b.codec(len(o)).Encode(o)
		}
	}
	if len(o) >= smallObject && len(delta.Data) > smallDelta {
		// The search costs as much for a small object as for one that fills its window.
		if c := b.codec(len(o) + 16<<10); c == &b.s.good {
			if d := c.EncodeDelta(o, delta.Base, against); len(d.Data) < len(delta.Data) {
				delta = d
			}
		}
	}
	if delta.Length > 0 && len(delta.Data) <= whole.Size()*7/8 {
		return delta, depth
	}
	if whole.Length == 0 {
		whole = b.codec(len(o)).Encode(o)
	}
	return whole, 0
}

// stands reports whether an entry that somebody else made can be stored as it is,
// and its depth: a delta's base is held and not too deep.
func (b *Batch) stands(e entry.Entry) (depth uint8, ok bool) {
	if e.Encoding != entry.Delta {
		return 0, true
	}
	v, err := b.s.acquire()
	if err != nil {
		return 0, false
	}
	defer v.release()
	hits := source{v, b}.find(e.Base)
	if len(hits) == 0 || hits[0].loc.depth >= chainLimit {
		return 0, false
	}
	return hits[0].loc.depth + 1, true
}

// base returns the object to make a delta against and its depth: the hinted one,
// or the one at the bottom of its chain if that is as long as it may be.
func (b *Batch) base(o object.Object, id, baseID object.ID) (object.ID, object.Object, uint8, bool) {
	if baseID.IsZero() || baseID == id || len(o) > entry.MaxDelta || len(o) < 32 {
		return baseID, nil, 0, false
	}
	v, err := b.s.acquire()
	if err != nil {
		return baseID, nil, 0, false
	}
	defer v.release()
	src := source{v, b}
	hits := src.find(baseID)
	for len(hits) > 0 && hits[0].loc.depth >= chainLimit {
		for hits[0].loc.depth > 0 {
			e, err := hits[0].entry()
			if err != nil {
				return baseID, nil, 0, false
			}
			baseID = e.Base
			if hits = src.find(baseID); len(hits) == 0 {
				return baseID, nil, 0, false
			}
		}
	}
	if len(hits) == 0 || baseID == id {
		return baseID, nil, 0, false
	}
	base, err := b.s.load(src, baseID, int(hits[0].loc.depth))
	if err != nil || base.Kind() != o.Kind() || len(base) > entry.MaxDelta {
		return baseID, nil, 0, false
	}
	return baseID, base, hits[0].loc.depth, true
}
