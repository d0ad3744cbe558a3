package merge

import (
	"cmp"
	"slices"
)

// ordering is the problem of putting things in one order that two sides and
// their base have put in three: rows of a table, or its fields. A thing is a
// number below n; each sequence names every thing at most once.
type ordering struct {
	n                  int32
	base, ours, theirs []int32
	alive              []bool               // by thing: is it in the result?
	compare            func(a, b int32) int // a total order by content, for ties
	sorted             bool                 // keep rising runs rising where two blocks meet
}

// run returns the living things in their merged order, and whether the sides
// contradict each other, in which case the order is that of the side whose common
// things are the smaller sequence by content.
//
// Things that both sides have form the spine. What one side alone has follows
// the thing that it followed there; of two blocks at one place the smaller
// content comes first, so that it is the same whoever merges.
func (o *ordering) run() (order []int32, conflict bool) {
	ours, theirs := o.living(o.ours), o.living(o.theirs)
	posOurs, posTheirs := o.positions(ours), o.positions(theirs)
	spine := make([]int32, 0, len(ours))
	for _, t := range ours {
		if posTheirs[t] >= 0 {
			spine = append(spine, t)
		}
	}
	agree := slices.IsSortedFunc(spine, func(a, b int32) int { return int(posTheirs[a]) - int(posTheirs[b]) })
	w := &weave{ordering: o, posOurs: posOurs, posTheirs: posTheirs}
	if agree {
		return w.lay(spine, ours, theirs, nil), false
	}
	if spine, ok := o.movedByOne(ours, theirs, posOurs, posTheirs); ok {
		return w.lay(spine, ours, theirs, nil), false
	}
	placer, clash := o.placers(ours, theirs, posOurs, posTheirs)
	if !clash {
		fixed := slices.DeleteFunc(slices.Clone(spine), func(t int32) bool { return placer[t] != 0 })
		if order = w.lay(fixed, ours, theirs, placer); order != nil {
			return order, false
		}
	}
	other := slices.SortedFunc(slices.Values(spine), func(a, b int32) int { return cmp.Compare(posTheirs[a], posTheirs[b]) })
	if slices.CompareFunc(spine, other, o.compare) > 0 {
		spine = other
	}
	return w.lay(spine, ours, theirs, nil), true
}

// movedByOne returns what both sides have in the order of the side that moved some of
// it, if the other moved nothing and they added nothing in common.
func (o *ordering) movedByOne(ours, theirs, posOurs, posTheirs []int32) (spine []int32, ok bool) {
	inBase := 0
	lastOurs, lastTheirs := int32(-1), int32(-1)
	keptOurs, keptTheirs := true, true
	for _, t := range o.base {
		if posOurs[t] < 0 || posTheirs[t] < 0 {
			continue
		}
		inBase++
		keptOurs, keptTheirs = keptOurs && posOurs[t] > lastOurs, keptTheirs && posTheirs[t] > lastTheirs
		lastOurs, lastTheirs = posOurs[t], posTheirs[t]
	}
	seq, other := theirs, posOurs
	switch {
	case keptOurs == keptTheirs:
		return nil, false
	case keptTheirs:
		seq, other = ours, posTheirs
	}
	for _, t := range seq {
		if other[t] >= 0 {
			spine = append(spine, t)
		}
	}
	return spine, len(spine) == inBase
}

func (o *ordering) living(seq []int32) []int32 {
	out := make([]int32, 0, len(seq))
	for _, t := range seq {
		if o.alive[t] {
			out = append(out, t)
		}
	}
	return out
}

func (o *ordering) positions(seq []int32) []int32 {
	pos := make([]int32, o.n)
	for i := range pos {
		pos[i] = -1
	}
	for i, t := range seq {
		pos[t] = int32(i)
	}
	return pos
}

const (
	byOurs   = 1
	byTheirs = 2
)

// placers says for every thing that both sides have who moved it away from its
// place in the base: 0 nobody, byOurs, byTheirs. It clashes where both did, to
// different places.
func (o *ordering) placers(ours, theirs, posOurs, posTheirs []int32) (placer []byte, clash bool) {
	movedOurs, movedTheirs := o.moved(posOurs), o.moved(posTheirs)
	placer = make([]byte, o.n)
	inBase := make([]bool, o.n)
	for _, t := range o.base {
		inBase[t] = true
	}
	before := func(seq, other []int32, pos int32) int32 {
		for pos--; pos >= 0; pos-- {
			if other[seq[pos]] >= 0 {
				return seq[pos]
			}
		}
		return -1
	}
	var added []int32
	for _, t := range ours {
		if posTheirs[t] < 0 {
			continue
		}
		switch {
		case !inBase[t]:
			added = append(added, t)
		case movedOurs[t] && movedTheirs[t]:
			if before(ours, posTheirs, posOurs[t]) != before(theirs, posOurs, posTheirs[t]) {
				return nil, true
			}
			placer[t] = byOurs
		case movedOurs[t]:
			placer[t] = byOurs
		case movedTheirs[t]:
			placer[t] = byTheirs
		}
	}
	o.placeAdded(added, placer, posOurs, posTheirs)
	return placer, false
}

// placeAdded lets one side place all that both added: the one whose sequence of
// them is smaller by content, which does not depend on who merges.
func (o *ordering) placeAdded(added []int32, placer []byte, posOurs, posTheirs []int32) {
	if len(added) == 0 {
		return
	}
	sortBy := func(pos []int32) []int32 {
		return slices.SortedFunc(slices.Values(added), func(a, b int32) int { return int(pos[a]) - int(pos[b]) })
	}
	c := slices.CompareFunc(sortBy(posOurs), sortBy(posTheirs), o.compare)
	if c == 0 {
		// The same sequence at other places: the earlier place, seen from the base.
		c = o.rank(added[0], o.ours, posOurs) - o.rank(added[0], o.theirs, posTheirs)
	}
	if c == 0 {
		c = slices.CompareFunc(o.living(o.ours), o.living(o.theirs), o.compare)
	}
	by := byte(byOurs)
	if c > 0 {
		by = byTheirs
	}
	for _, t := range added {
		placer[t] = by
	}
}

// rank returns how many things of the base stand before t in seq.
func (o *ordering) rank(t int32, seq, pos []int32) int {
	inBase := make(map[int32]bool, len(o.base))
	for _, b := range o.base {
		inBase[b] = true
	}
	n := 0
	for _, s := range seq {
		if s == t {
			break
		}
		if inBase[s] && pos[s] >= 0 {
			n++
		}
	}
	return n
}

// moved says which things of the base a side has put out of the base's order.
func (o *ordering) moved(pos []int32) []bool {
	var common []pair
	for i, t := range o.base {
		if pos[t] >= 0 {
			common = append(common, pair{int32(i), pos[t]})
		}
	}
	out := make([]bool, o.n)
	for _, p := range common {
		out[o.base[p.a]] = true
	}
	for _, p := range rising(common) {
		out[o.base[p.a]] = false
	}
	return out
}

// weave lays an order out: a spine, what each side alone has after each thing,
// and what was moved behind it.
type weave struct {
	*ordering
	posOurs, posTheirs []int32
	blockOurs          map[int32][]int32 // by thing, -1 for the start: what ours alone has after it
	blockTheirs        map[int32][]int32
	children           map[int32][]int32 // by thing: what was moved to stand behind it
}

// lay returns nil if moved things stand in a ring, each behind the other.
func (w *weave) lay(spine, ours, theirs []int32, placer []byte) []int32 {
	gone := w.takenAway(placer)
	w.blockOurs = w.blocks(ours, w.posTheirs, gone[byOurs])
	w.blockTheirs = w.blocks(theirs, w.posOurs, gone[byTheirs])
	w.children = make(map[int32][]int32)
	total := len(ours)
	for _, t := range theirs {
		if w.posOurs[t] < 0 {
			total++
		}
	}
	if placer != nil {
		w.hang(ours, w.posTheirs, placer, byOurs, gone[byOurs])
		w.hang(theirs, w.posOurs, placer, byTheirs, gone[byTheirs])
	}
	order := make([]int32, 0, total)
	order = w.subtree(order, -1, firstOf(spine))
	for i, t := range spine {
		order = w.subtree(order, t, firstOf(spine[i+1:]))
	}
	if len(order) != total {
		return nil
	}
	return order
}

func firstOf(seq []int32) int32 {
	if len(seq) == 0 {
		return -1
	}
	return seq[0]
}

// takenAway returns, by side, the things that both sides added and that the other
// side places: what followed one of them stays where it was.
func (w *weave) takenAway(placer []byte) (gone [3]map[int32]bool) {
	if placer == nil {
		return gone
	}
	gone[byOurs], gone[byTheirs] = make(map[int32]bool), make(map[int32]bool)
	inBase := make([]bool, w.n)
	for _, t := range w.base {
		inBase[t] = true
	}
	for t, by := range placer {
		if by != 0 && !inBase[t] {
			gone[byOurs+byTheirs-by][int32(t)] = true
		}
	}
	return gone
}

// blocks gathers what a side alone has, by the common thing that it follows.
func (w *weave) blocks(seq, other []int32, gone map[int32]bool) map[int32][]int32 {
	out := make(map[int32][]int32)
	after := int32(-1)
	for _, t := range seq {
		switch {
		case other[t] < 0:
			out[after] = append(out[after], t)
		case !gone[t]:
			after = t
		}
	}
	return out
}

// hang notes what a side has moved, by the common thing that it follows.
func (w *weave) hang(seq, other []int32, placer []byte, by byte, gone map[int32]bool) {
	after := int32(-1)
	for _, t := range seq {
		if other[t] < 0 {
			continue
		}
		if placer[t] == by {
			w.children[after] = append(w.children[after], t)
		}
		if !gone[t] {
			after = t
		}
	}
}

// subtree appends a thing (or the start, -1), its blocks, and all that hangs on it.
func (w *weave) subtree(order []int32, root, next int32) []int32 {
	stack := []int32{root}
	for len(stack) > 0 {
		t := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if t >= 0 {
			order = append(order, t)
		}
		order = w.meet(order, t, next)
		kids := w.children[t]
		slices.SortFunc(kids, func(a, b int32) int { return w.compareSubtrees(b, a, next) })
		stack = append(stack, kids...)
	}
	return order
}

// compareSubtrees compares equal things by what hangs on them.
func (w *weave) compareSubtrees(a, b, next int32) int {
	if c := w.compare(a, b); c != 0 || a == b {
		return c
	}
	return slices.CompareFunc(w.subtree(nil, a, next), w.subtree(nil, b, next), w.compare)
}

// meet appends the two blocks that follow one thing.
func (w *weave) meet(order []int32, after, next int32) []int32 {
	a, b := w.blockOurs[after], w.blockTheirs[after]
	switch {
	case len(a) == 0:
		return append(order, b...)
	case len(b) == 0:
		return append(order, a...)
	}
	if w.sorted && w.rises(after, a, next) && w.rises(after, b, next) {
		return w.interleave(order, a, b)
	}
	if slices.CompareFunc(a, b, w.compare) > 0 {
		a, b = b, a
	}
	return append(append(order, a...), b...)
}

// rises reports whether a block fits in order between its neighbours, so that
// a table kept sorted stays so.
func (w *weave) rises(after int32, block []int32, next int32) bool {
	return slices.IsSortedFunc(block, w.compare) &&
		(after < 0 || w.compare(after, block[0]) <= 0) &&
		(next < 0 || w.compare(block[len(block)-1], next) <= 0)
}

func (w *weave) interleave(order, a, b []int32) []int32 {
	for len(a) > 0 && len(b) > 0 {
		if w.compare(a[0], b[0]) <= 0 {
			order, a = append(order, a[0]), a[1:]
		} else {
			order, b = append(order, b[0]), b[1:]
		}
	}
	return append(append(order, a...), b...)
}
