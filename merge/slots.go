package merge

import (
	"context"
	"encoding/binary"
	"slices"
)

// mergeRegion merges a region by column if it can, else row by row.
func (m *tableMerge) mergeRegion(ctx context.Context, r *region) error {
	if done, err := m.mergeByColumn(ctx, r); done || err != nil {
		return err
	}
	v, err := m.newRowMerge(ctx, r.grids)
	if err != nil {
		return err
	}
	ours, theirs := r.matches[sideOurs], r.matches[sideTheirs]
	slots := make([]slot, r.grids[sideBase].rows(), r.grids[sideBase].rows()+16)
	for i := range slots {
		slots[i] = slot{int32(i), ours.toSide[i], theirs.toSide[i]}
	}
	if ours.same && theirs.same {
		for _, sl := range slots {
			if err := v.write(sl); err != nil {
				return err
			}
		}
		return nil
	}
	slots = v.addAdded(slots, ours, theirs)
	if !m.keyless {
		slots = v.rekey(slots)
	}
	w := &ordering{n: int32(len(slots)), sorted: !m.keyless,
		base: sequence(slots, sideBase, r.grids), ours: sequence(slots, sideOurs, r.grids), theirs: sequence(slots, sideTheirs, r.grids)}
	w.compare = func(a, b int32) int { return v.compareRows(&slots[a], &slots[b]) }
	var disputed map[int32]bool
	w.alive, disputed = v.survivors(slots)
	order, clash := w.run()
	m.stats.Reordered = m.stats.Reordered || clash
	w = nil // as large as the slots
	if r.grids[sideBase].far != nil {
		return v.writeFar(ctx, slots, order, disputed)
	}
	for _, i := range order {
		if err := v.writeSlot(slots, i, disputed); err != nil {
			return err
		}
	}
	return nil
}

func (v *rowMerge) writeSlot(slots []slot, i int32, disputed map[int32]bool) error {
	if disputed[i] {
		v.reportDeleted(&slots[i])
	}
	return v.write(slots[i])
}

// sequence lists the slots in the order in which a version has them.
func sequence(slots []slot, s sideName, grids [3]*grid) []int32 {
	at := make([]int32, grids[s].rows())
	for i := range at {
		at[i] = -1
	}
	for i := range slots {
		if row := slots[i].in(s); row >= 0 {
			at[row] = int32(i)
		}
	}
	return slices.DeleteFunc(at, func(i int32) bool { return i < 0 })
}

// addAdded appends the rows that the base does not have. Those that both sides
// added are one: with a key the rows of one key, else equal rows.
func (v *rowMerge) addAdded(slots []slot, ours, theirs *match) []slot {
	cols, pairUp := v.identityColumns(), !v.keyless || v.options.Additions != AdditionsSum
	waiting := make(map[string][]int32)
	var buf []byte
	for j, i := range ours.toBase {
		if i >= 0 {
			continue
		}
		if pairUp {
			buf = v.grids[sideOurs].key(buf[:0], j, cols)
			waiting[string(buf)] = append(waiting[string(buf)], int32(len(slots)))
		}
		slots = append(slots, slot{-1, int32(j), -1})
	}
	for j, i := range theirs.toBase {
		if i >= 0 {
			continue
		}
		if pairUp {
			buf = v.grids[sideTheirs].key(buf[:0], j, cols)
			if q := waiting[string(buf)]; len(q) > 0 && !v.unrelated(slots[q[0]].ours, int32(j)) {
				slots[q[0]].theirs = int32(j)
				waiting[string(buf)] = q[1:]
				continue
			}
		}
		slots = append(slots, slot{-1, -1, int32(j)})
	}
	return slots
}

// survivors says which rows are in the result, and which of them are so only
// because one side changed what the other deleted.
func (v *rowMerge) survivors(slots []slot) (alive []bool, disputed map[int32]bool) {
	alive, disputed = make([]bool, len(slots)), make(map[int32]bool)
	for i := range slots {
		sl := &slots[i]
		switch {
		case sl.ours >= 0 && sl.theirs >= 0, sl.base < 0:
			alive[i] = true
		case sl.ours >= 0:
			alive[i] = v.changed(sl, sideOurs)
		case sl.theirs >= 0:
			alive[i] = v.changed(sl, sideTheirs)
		}
		if alive[i] && sl.base >= 0 && (sl.ours < 0 || sl.theirs < 0) {
			disputed[int32(i)] = true
		}
	}
	if v.keyless {
		v.settleTwins(slots, alive)
	}
	return alive, disputed
}

// settleTwins corrects how many of several equal rows go when both sides deleted
// some. Which of them a side deleted says nothing: by the union policy as many go
// as the side that deleted more meant, by the sum policy as many as both together.
func (v *rowMerge) settleTwins(slots []slot, alive []bool) {
	base := v.grids[sideBase]
	twins := make(map[string][]int32)
	var buf []byte
	for i := range slots {
		if sl := &slots[i]; sl.base >= 0 && (sl.ours < 0 || sl.theirs < 0) && !alive[i] {
			buf = base.key(buf[:0], int(sl.base), v.all)
			twins[string(buf)] = append(twins[string(buf)], int32(i))
		}
	}
	if v.options.Additions == AdditionsSum {
		v.dropTwins(slots, alive, twins)
		return
	}
	for _, list := range twins {
		goneOurs, goneTheirs := deletions(slots, list)
		for back := len(list) - max(goneOurs, goneTheirs); back > 0; list = list[1:] {
			if sl := &slots[list[0]]; sl.ours >= 0 || sl.theirs >= 0 {
				alive[list[0]] = true
				back--
			}
		}
	}
}

func deletions(slots []slot, list []int32) (ours, theirs int) {
	for _, i := range list {
		if slots[i].ours < 0 {
			ours++
		}
		if slots[i].theirs < 0 {
			theirs++
		}
	}
	return ours, theirs
}

// dropTwins deletes, from the end, equal rows that nobody changed in place of
// those that both sides deleted at once.
func (v *rowMerge) dropTwins(slots []slot, alive []bool, twins map[string][]int32) {
	missing := make(map[string]int)
	for content, list := range twins {
		ours, theirs := deletions(slots, list)
		if n := ours + theirs - len(list); n > 0 {
			missing[content] = n
		}
	}
	if len(missing) == 0 {
		return
	}
	base := v.grids[sideBase]
	var buf []byte
	for i := len(slots) - 1; i >= 0; i-- {
		sl := &slots[i]
		if sl.base < 0 || !alive[i] || v.changed(sl, sideOurs) || v.changed(sl, sideTheirs) {
			continue
		}
		buf = base.key(buf[:0], int(sl.base), v.all)
		if missing[string(buf)] > 0 {
			missing[string(buf)]--
			alive[i] = false
		}
	}
}

// rekey finds rows of which one side changed nothing but the primary key, and
// makes one of what looks like a deleted and an added row, so that the other
// side's changes of the row follow it to its new key.
func (v *rowMerge) rekey(slots []slot) []slot {
	rest := v.notKey()
	if len(rest) == 0 {
		return slots
	}
	drop := make(map[int]bool)
	ours := v.rekeySide(slots, sideOurs, rest, drop)
	theirs := v.rekeySide(slots, sideTheirs, rest, drop)
	for i, o := range ours {
		if t, ok := theirs[i]; ok && v.rekeyable(slots[i].base, slots[o].ours, slots[t].theirs) {
			slots[i].ours, slots[i].theirs = slots[o].ours, slots[t].theirs
			drop[o], drop[t] = true, true
		}
	}
	if len(drop) == 0 {
		return slots
	}
	out := slots[:0]
	for i := range slots {
		if !drop[i] {
			out = append(out, slots[i])
		}
	}
	return out
}

// notKey returns the columns outside the key that all three versions have.
func (v *rowMerge) notKey() []int {
	var out []int
	for c := range v.cols {
		if v.cols[c].base >= 0 && v.cols[c].ours >= 0 && v.cols[c].theirs >= 0 && !slices.Contains(v.key, c) {
			out = append(out, c)
		}
	}
	return out
}

// rekeyable reports whether the changes that both sides made to the key of one
// row go together.
func (v *rowMerge) rekeyable(base, ours, theirs int32) bool {
	for _, c := range v.key {
		_, conflict := mergeValue(v.cols[c].field.Type, true, v.grids[sideBase].cell(int(base), c),
			v.grids[sideOurs].cell(int(ours), c), v.grids[sideTheirs].cell(int(theirs), c))
		if conflict {
			return false
		}
	}
	return true
}

// rekeySide looks at rows that the side alone deleted and added at one place,
// with the same cells outside the key, each the only one of its kind. Of those
// that both sides deleted it returns which row the side has added in place of
// which, by their slots, and leaves them as they are.
func (v *rowMerge) rekeySide(slots []slot, s sideName, rest []int, drop map[int]bool) (both map[int]int) {
	both = make(map[int]int)
	other := sideOurs + sideTheirs - s
	added, gone := make(map[string]int), make(map[string]int)
	const several = -1
	note := func(m map[string]int, content []byte, i int) {
		if _, ok := m[string(content)]; ok {
			i = several
		}
		m[string(content)] = i
	}
	basePlace, sidePlace := places(slots, sideBase, s, v.grids), places(slots, s, sideBase, v.grids)
	var buf []byte
	content := func(g *grid, row, place int32) bool {
		buf = binary.AppendVarint(buf[:0], int64(place))
		buf = g.key(buf, int(row), rest)
		return g.filled(int(row), rest) >= minRekeyCells
	}
	for i := range slots {
		sl := &slots[i]
		switch {
		case drop[i]:
		case sl.base < 0 && sl.in(s) >= 0 && sl.in(other) < 0:
			if row := sl.in(s); content(v.grids[s], row, sidePlace[row]) {
				note(added, buf, i)
			}
		case sl.base >= 0 && sl.in(s) < 0:
			if content(v.grids[sideBase], sl.base, basePlace[sl.base]) {
				note(gone, buf, i)
			}
		}
	}
	for content, i := range gone {
		j, ok := added[content]
		switch {
		case !ok || i == several || j == several:
		case slots[i].in(other) < 0:
			both[i] = j
		default:
			slots[i].set(s, slots[j].in(s))
			drop[j] = true
		}
	}
	return both
}

// minRekeyCells is how many cells outside the key must be filled for two rows to
// be taken for one.
const minRekeyCells = 2

// places returns for every row of a version how many rows before it the other
// version has too.
func places(slots []slot, s, other sideName, grids [3]*grid) []int32 {
	place := make([]int32, grids[s].rows())
	for i := range slots {
		if slots[i].in(s) >= 0 && slots[i].in(other) >= 0 {
			place[slots[i].in(s)] = 1
		}
	}
	n := int32(0)
	for i, one := range place {
		place[i] = n
		n += one
	}
	return place
}
