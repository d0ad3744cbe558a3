package tabular

import (
	"context"
	"math/bits"
	"sync"
)

// uniqueBatch is how many hashes [Table.Unique] holds at a time: 64 MiB.
const uniqueBatch = 8 << 20

// errNotUnique ends a search as soon as it is decided.
type errNotUnique struct{}

func (errNotUnique) Error() string { return "not unique" }

// Unique reports whether no two rows of the table agree in all of the given
// columns. Cells are compared by a 64-bit hash: in a table of ten million rows
// the chance of a wrong "no" is below one in a hundred thousand; a "yes" is
// never wrong. It reads the columns once for every eight million rows, so that
// its memory does not grow with the table. It fails as [Group.Cells] does.
func (t *Table) Unique(ctx context.Context, cols []int) (bool, error) {
	return t.unique(ctx, cols, uniqueBatch)
}

func (t *Table) unique(ctx context.Context, cols []int, batch int64) (bool, error) {
	passes := uint64((t.Rows + batch - 1) / batch)
	for pass := range passes {
		set := newHashSet(min(t.Rows, batch))
		err := MapGroups(ctx, t, 0, func(ctx context.Context, g *Group) (*Group, error) {
			return g, set.addGroup(ctx, g, cols, pass, passes)
		}, func(*Group) error { return nil })
		if _, no := err.(errNotUnique); no {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

// RowHashes appends to dst, of which only the memory is used, a 64-bit hash of each
// row's cells in the given columns. Rows of equal cells have equal hashes in every
// table; those of other rows are equal as rarely as chance has it. It fails as
// [Group.Cells] does.
func (g *Group) RowHashes(ctx context.Context, dst []uint64, cols []int) ([]uint64, error) {
	dst = append(dst[:0], make([]uint64, g.Ref.Rows)...)
	for _, col := range cols {
		c, err := g.Cells(ctx, col)
		if err != nil {
			return nil, err
		}
		for r := range dst {
			dst[r] = addToHash(dst[r], c.At(r))
		}
	}
	return dst, nil
}

// hashSet is a set of well-mixed hashes in as many parts as can be filled side
// by side.
type hashSet struct {
	shift int
	parts []hashPart
}

type hashPart struct {
	mu    sync.Mutex
	slots []uint64 // 0: free
	used  int
	zero  bool
}

func newHashSet(n int64) *hashSet {
	s := &hashSet{shift: 64, parts: make([]hashPart, 1)}
	if n > 1<<14 {
		s.shift = 64 - 6
		s.parts = make([]hashPart, 1<<6)
	}
	for i := range s.parts {
		s.parts[i].grow(int(n) / len(s.parts) * 9 / 8)
	}
	return s
}

func (p *hashPart) grow(n int) {
	old := p.slots
	p.slots = make([]uint64, 1<<bits.Len(uint(max(n, 8)*3/2)))
	p.used = 0
	for _, h := range old {
		if h != 0 {
			p.add(h)
		}
	}
}

// add reports whether the hash was not there.
func (p *hashPart) add(h uint64) bool {
	if h == 0 {
		fresh := !p.zero
		p.zero = true
		return fresh
	}
	mask := uint64(len(p.slots) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		switch p.slots[i] {
		case 0:
			if p.used++; p.used*4 > len(p.slots)*3 {
				p.grow(len(p.slots))
				return p.add(h)
			}
			p.slots[i] = h
			return true
		case h:
			return false
		}
	}
}

func (s *hashSet) addGroup(ctx context.Context, g *Group, cols []int, pass, passes uint64) error {
	hashes, err := g.RowHashes(ctx, nil, cols)
	if err != nil {
		return err
	}
	// Sorted by part, each part is locked once.
	byPart := make([][]uint64, len(s.parts))
	for _, h := range hashes {
		// The high bits choose the pass, so others must choose the part and the slot.
		if p, _ := bits.Mul64(h, passes); p != pass {
			continue
		}
		h = mix(h)
		i := uint64(0)
		if s.shift < 64 {
			i = h >> s.shift
		}
		byPart[i] = append(byPart[i], h)
	}
	for i, list := range byPart {
		if !s.parts[i].addAll(list) {
			return errNotUnique{}
		}
	}
	return nil
}

func (p *hashPart) addAll(list []uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range list {
		if !p.add(h) {
			return false
		}
	}
	return true
}
