package transport

import (
	"hash/maphash"

	"github.com/constl/constl/object"
)

// idSet is a set of object ids that takes 8 to 16 bytes for each: it keeps a
// keyed 63-bit hash in place of the id, and one bit for a mark. Two ids collide
// with a chance of n²/2⁶⁴; the key is random, so nobody can choose them to. Whoever uses
// it must survive a collision: a sender that leaves an object out is asked for
// it again, over another set. The zero idSet is empty. It is for one goroutine.
type idSet struct {
	seed   maphash.Seed
	slots  []uint64 // 0 is free; the low bit is the mark
	filled int
}

// find returns the slot of the id, or the free one where it belongs.
func (s *idSet) find(h uint64) int {
	mask := uint64(len(s.slots) - 1)
	for i := (h >> 1) & mask; ; i = (i + 1) & mask {
		if s.slots[i] == 0 || s.slots[i]&^1 == h {
			return int(i)
		}
	}
}

func (s *idSet) hash(id object.ID) uint64 {
	h := maphash.Bytes(s.seed, id[:]) &^ 1
	if h == 0 {
		h = 2
	}
	return h
}

// add puts the id into the set and reports whether it was not there before.
func (s *idSet) add(id object.ID) bool {
	if s.filled*4 >= len(s.slots)*3 {
		s.grow()
	}
	h := s.hash(id)
	i := s.find(h)
	if s.slots[i] != 0 {
		return false
	}
	s.slots[i] = h
	s.filled++
	return true
}

func (s *idSet) grow() {
	old := s.slots
	if old == nil {
		s.seed = maphash.MakeSeed()
	}
	s.slots = make([]uint64, max(64, 2*len(old)))
	for _, h := range old {
		if h != 0 {
			s.slots[s.find(h&^1)] = h
		}
	}
}

// has reports whether the id is in the set.
func (s *idSet) has(id object.ID) bool {
	return s.filled > 0 && s.slots[s.find(s.hash(id))] != 0
}

// mark adds the id if need be and marks it.
func (s *idSet) mark(id object.ID) {
	s.add(id)
	s.slots[s.find(s.hash(id))] |= 1
}

// marked reports whether the id is in the set and marked.
func (s *idSet) marked(id object.ID) bool {
	return s.filled > 0 && s.slots[s.find(s.hash(id))]&1 == 1
}
