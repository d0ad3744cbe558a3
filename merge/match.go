package merge

import (
	"context"
	"fmt"
	"slices"
)

// match says which rows of a side are which rows of the base. All slices are
// indexed from the first row of the region.
type match struct {
	toSide []int32 // by base row: the side's row, or -1 if it was deleted
	toBase []int32 // by side's row: the base row, or -1 if it was added
	same   bool    // row i of the side is row i of the base, and the key columns are equal
}

func newMatch(base, side int) *match {
	m := &match{toSide: make([]int32, base), toBase: make([]int32, side)}
	for i := range m.toSide {
		m.toSide[i] = -1
	}
	for i := range m.toBase {
		m.toBase[i] = -1
	}
	return m
}

func identity(n int) *match {
	m := newMatch(n, n)
	for i := range n {
		m.join(i, i)
	}
	m.same = true
	return m
}

func (m *match) join(base, side int) {
	m.toSide[base], m.toBase[side] = int32(side), int32(base)
}

// wrongKeyError says that a primary key does not tell the rows apart.
type wrongKeyError struct{ why string }

func (e *wrongKeyError) Error() string { return e.why }

func duplicate(key []string) error {
	return &wrongKeyError{fmt.Sprintf("the primary key %q names several rows", key)}
}

// matchKeyed matches rows by primary key. It fails with a [*wrongKeyError] if a
// key stands twice among the rows that do not simply stand where they stood.
func matchKeyed(ctx context.Context, base, side *grid, key []int) (*match, error) {
	if sameColumns(base, side, key) {
		return identity(base.rows()), nil
	}
	for _, g := range []*grid{base, side} {
		if err := g.hold(ctx, key...); err != nil {
			return nil, err
		}
	}
	m := newMatch(base.rows(), side.rows())
	head, tail := m.trim(base, side, key)
	at := newRowIndex(base, key, base.rows()-head-tail)
	for i := head; i < base.rows()-tail; i++ {
		if _, twice := at.add(i); twice {
			return nil, duplicate(base.texts(i, key))
		}
	}
	added := newRowIndex(side, key, 0)
	for j := head; j < side.rows()-tail; j++ {
		i, inBase := at.find(side, j)
		twice := inBase && m.toSide[i] >= 0
		if !inBase {
			_, twice = added.add(j)
		}
		if twice {
			return nil, duplicate(side.texts(j, key))
		}
		if inBase {
			m.join(i, j)
		}
	}
	return m, m.checkAdded(side, head, tail, key, added)
}

// checkAdded fails if a row that was added has the key of one at either end.
func (m *match) checkAdded(side *grid, head, tail int, key []int, added *rowIndex) error {
	if added.used == 0 {
		return nil
	}
	for j := range m.toBase {
		if j >= head && j < side.rows()-tail {
			continue
		}
		if _, found := added.find(side, j); found {
			return duplicate(side.texts(j, key))
		}
	}
	return nil
}

// trim matches the equal rows at both ends and returns how many they are.
func (m *match) trim(base, side *grid, cols []int) (head, tail int) {
	n := min(base.rows(), side.rows())
	for head < n && sameRow(base, head, side, head, cols) {
		m.join(head, head)
		head++
	}
	for tail < n-head && sameRow(base, base.rows()-1-tail, side, side.rows()-1-tail, cols) {
		tail++
		m.join(base.rows()-tail, side.rows()-tail)
	}
	return head, tail
}

// matchKeyless matches equal rows in order, then equal rows that were moved, then
// rows at one place that are nearly equal. cols are the columns both have; weak are
// those of them in which rows may differ only because they were numbered anew.
func matchKeyless(ctx context.Context, base, side *grid, cols, weak []int) (*match, error) {
	if len(cols) > 0 && sameColumns(base, side, cols) {
		return identity(base.rows()), nil
	}
	for _, g := range []*grid{base, side} {
		if err := g.load(ctx, cols...); err != nil {
			return nil, err
		}
	}
	m := newMatch(base.rows(), side.rows())
	if len(cols) == 0 {
		return m, nil
	}
	head, tail := m.trim(base, side, cols)
	classes := make(map[string]int32)
	a := classify(classes, base, head, base.rows()-tail, cols)
	b := classify(classes, side, head, side.rows()-tail, cols)
	for _, p := range align(a, b) {
		m.join(head+int(p.a), head+int(p.b))
	}
	m.joinMoved(a, b, head)
	if strong := without(cols, weak); len(weak) > 0 && len(strong) >= minRekeyCells {
		m.joinRest(base, side, strong)
	}
	m.joinSimilar(base, side, head, tail, cols)
	return m, nil
}

// classify numbers rows so that equal rows have equal numbers.
func classify(classes map[string]int32, g *grid, from, to int, cols []int) []int32 {
	out := make([]int32, 0, max(0, to-from))
	var buf []byte
	for row := from; row < to; row++ {
		buf = g.key(buf[:0], row, cols)
		n, ok := classes[string(buf)]
		if !ok {
			n = int32(len(classes))
			classes[string(buf)] = n
		}
		out = append(out, n)
	}
	return out
}

// joinMoved matches what is left of equal rows, in order.
func (m *match) joinMoved(a, b []int32, offset int) {
	left := make(map[int32][]int)
	for j, class := range b {
		if m.toBase[offset+j] < 0 {
			left[class] = append(left[class], offset+j)
		}
	}
	if len(left) == 0 {
		return
	}
	for i, class := range a {
		if q := left[class]; len(q) > 0 && m.toSide[offset+i] < 0 {
			m.join(offset+i, q[0])
			left[class] = q[1:]
		}
	}
}

func without(cols, weak []int) []int {
	return slices.DeleteFunc(slices.Clone(cols), func(c int) bool { return slices.Contains(weak, c) })
}

// joinRest matches what is left of rows that are equal in the given columns, in
// order, if they are filled well enough to tell rows apart.
func (m *match) joinRest(base, side *grid, cols []int) {
	classes := make(map[string]int32)
	gone, a := leftOver(classes, base, m.toSide, cols)
	come, b := leftOver(classes, side, m.toBase, cols)
	for _, p := range align(a, b) {
		m.join(gone[p.a], come[p.b])
	}
}

// leftOver numbers the rows that have no partner, as [classify] does.
func leftOver(classes map[string]int32, g *grid, partner []int32, cols []int) (rows []int, out []int32) {
	for row, to := range partner {
		if to < 0 && g.filled(row, cols) >= minRekeyCells {
			rows = append(rows, row)
			out = append(out, classify(classes, g, row, row+1, cols)...)
		}
	}
	return rows, out
}

// joinSimilar matches the rows that are left between two matched neighbours.
func (m *match) joinSimilar(base, side *grid, head, tail int, cols []int) {
	end, sideEnd := base.rows()-tail, side.rows()-tail
	var gone, come []int
	flush := func() {
		if len(gone) > 0 && len(come) > 0 {
			m.joinGap(base, side, gone, come, cols)
		}
		gone, come = gone[:0], come[:0]
	}
	// In-place neighbours are those matched pairs that rise in both.
	var fixed []pair
	for i := head; i < end; i++ {
		if j := m.toSide[i]; j >= 0 {
			fixed = append(fixed, pair{int32(i), j})
		}
	}
	fixed = append(rising(fixed), pair{int32(end), int32(sideEnd)})
	i, j := head, head
	for _, p := range fixed {
		for ; i < int(p.a); i++ {
			if m.toSide[i] < 0 {
				gone = append(gone, i)
			}
		}
		for ; j < int(p.b); j++ {
			if m.toBase[j] < 0 {
				come = append(come, j)
			}
		}
		flush()
		i, j = int(p.a)+1, int(p.b)+1
	}
}

const maxGapPairs = 1 << 16 // pairs of rows compared in one gap

// joinGap pairs deleted with inserted rows of one place, in order, so that the
// most cells are equal; a pair has at least half of its cells in common.
func (m *match) joinGap(base, side *grid, gone, come []int, cols []int) {
	if len(gone)*len(come) > maxGapPairs {
		m.joinByColumn(base, side, gone, come, cols)
		return
	}
	width := len(come) + 1
	score := make([]int, len(gone)*len(come))
	best := make([]int, (len(gone)+1)*width)
	for i := len(gone) - 1; i >= 0; i-- {
		for j := len(come) - 1; j >= 0; j-- {
			s := similarity(base, gone[i], side, come[j], cols)
			score[i*len(come)+j] = s
			best[i*width+j] = max(best[(i+1)*width+j], best[i*width+j+1])
			if s > 0 {
				best[i*width+j] = max(best[i*width+j], s+best[(i+1)*width+j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(gone) && j < len(come); {
		s, here := score[i*len(come)+j], best[i*width+j]
		switch {
		case s > 0 && here == s+best[(i+1)*width+j+1]:
			m.join(gone[i], come[j])
			i, j = i+1, j+1
		case here == best[(i+1)*width+j]:
			i++
		default:
			j++
		}
	}
}

// joinByColumn pairs the rows of a large gap by the column that tells the most of
// them apart, and then what is left between those.
func (m *match) joinByColumn(base, side *grid, gone, come []int, cols []int) {
	var anchors []pair
	for _, c := range cols {
		classes := make(map[string]int32)
		a, b := classifyRows(classes, base, gone, c), classifyRows(classes, side, come, c)
		if found := uniqueAnchors(a, b); len(found) > len(anchors) {
			anchors = found
		}
	}
	anchors = slices.DeleteFunc(anchors, func(p pair) bool {
		return similarity(base, gone[p.a], side, come[p.b], cols) == 0
	})
	if len(anchors) == 0 {
		if len(gone) == len(come) {
			for k := range gone {
				if similarity(base, gone[k], side, come[k], cols) > 0 {
					m.join(gone[k], come[k])
				}
			}
		}
		return
	}
	var last pair
	for _, p := range append(anchors, pair{int32(len(gone)), int32(len(come))}) {
		if between, among := gone[last.a:p.a], come[last.b:p.b]; len(between) > 0 && len(among) > 0 {
			m.joinGap(base, side, between, among, cols)
		}
		if int(p.a) < len(gone) {
			m.join(gone[p.a], come[p.b])
		}
		last = pair{p.a + 1, p.b + 1}
	}
}

// classifyRows numbers the cells of a column so that equal ones have equal numbers.
func classifyRows(classes map[string]int32, g *grid, rows []int, col int) []int32 {
	out := make([]int32, len(rows))
	for i, row := range rows {
		cell := g.cell(row, col)
		n, ok := classes[string(cell)]
		if !ok {
			n = int32(len(classes))
			classes[string(cell)] = n
		}
		out[i] = n
	}
	return out
}

// similarity is 0 for rows with less than half of their filled cells in common,
// else it grows with the share of them.
func similarity(a *grid, i int, b *grid, j int, cols []int) int {
	equal, filled := 0, 0
	for _, c := range cols {
		x, y := a.cell(i, c), b.cell(j, c)
		if len(x) == 0 && len(y) == 0 {
			continue
		}
		filled++
		if string(x) == string(y) {
			equal++
		}
	}
	if equal == 0 || 2*equal < filled {
		return 0
	}
	return 1 + 1000*equal/filled
}
