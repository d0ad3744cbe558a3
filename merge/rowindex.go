package merge

import "hash/maphash"

// rowIndex finds rows of a grid by their cells in some columns, which must be held.
type rowIndex struct {
	grid  *grid
	cols  []int
	slots []int32 // 0: free, else the row + 1
	used  int
	seed  maphash.Seed
	a, b  []byte
}

func newRowIndex(g *grid, cols []int, rows int) *rowIndex {
	x := &rowIndex{grid: g, cols: cols, seed: maphash.MakeSeed()}
	x.slots = make([]int32, sizeFor(rows))
	return x
}

// sizeFor returns a power of two with room for that many rows.
func sizeFor(rows int) int {
	n := 16
	for n*3 < rows*4 {
		n *= 2
	}
	return n
}

// add adds a row, unless there is one with the same cells, which it returns.
func (x *rowIndex) add(row int) (other int, twice bool) {
	if 4*(x.used+1) > 3*len(x.slots) {
		x.grow()
	}
	at, other, twice := x.look(x.grid, row)
	if !twice {
		x.slots[at] = int32(row) + 1
		x.used++
	}
	return other, twice
}

// find returns the row that has the same cells as a row of another grid.
func (x *rowIndex) find(g *grid, row int) (int, bool) {
	_, other, found := x.look(g, row)
	return other, found
}

func (x *rowIndex) look(g *grid, row int) (at, other int, found bool) {
	x.a = g.key(x.a[:0], row, x.cols)
	for at = int(maphash.Bytes(x.seed, x.a)) & (len(x.slots) - 1); x.slots[at] != 0; at = (at + 1) & (len(x.slots) - 1) {
		other = int(x.slots[at]) - 1
		if x.b = x.grid.key(x.b[:0], other, x.cols); string(x.a) == string(x.b) {
			return at, other, true
		}
	}
	return at, -1, false
}

func (x *rowIndex) grow() {
	old := x.slots
	x.slots, x.used = make([]int32, 2*len(old)), 0
	for _, s := range old {
		if s != 0 {
			at, _, _ := x.look(x.grid, int(s)-1)
			x.slots[at] = s
			x.used++
		}
	}
}
