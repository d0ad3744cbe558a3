package tabular

import (
	"cmp"
	"math/bits"
	"slices"
)

// run is a number of rows that follow each other in both tables.
type run struct {
	a, b   int64 // the first row in either
	weight int64 // rows
}

// outOfOrder sorts runs by a, chooses the heaviest of them that stand in the
// same order in b too, and reports for each run whether it is one of the others;
// nil if there is none.
func outOfOrder(runs []run) []bool {
	slices.SortFunc(runs, func(x, y run) int { return cmp.Compare(x.a, y.a) })
	if slices.IsSortedFunc(runs, func(x, y run) int { return cmp.Compare(x.b, y.b) }) {
		return nil
	}
	byB := make([]int32, len(runs))
	for i := range byB {
		byB[i] = int32(i)
	}
	slices.SortFunc(byB, func(x, y int32) int { return cmp.Compare(runs[x].b, runs[y].b) })
	rank := make([]int32, len(runs))
	for i, r := range byB {
		rank[r] = int32(i)
	}
	// best holds, as a Fenwick tree over the ranks, the run that ends the heaviest
	// choice among those of at most that rank.
	best := make([]int32, len(runs)+1)
	for i := range best {
		best[i] = -1
	}
	weight := make([]int64, len(runs))
	before := make([]int32, len(runs))
	heaviest := int32(-1)
	for i := range runs {
		before[i] = -1
		for k := int(rank[i]); k > 0; k &= k - 1 {
			if j := best[k]; j >= 0 && weight[j] > weightOf(weight, before[i]) {
				before[i] = j
			}
		}
		weight[i] = runs[i].weight + weightOf(weight, before[i])
		for k := int(rank[i]) + 1; k <= len(runs); k += k & -k {
			if weight[i] > weightOf(weight, best[k]) {
				best[k] = int32(i)
			}
		}
		if weight[i] > weightOf(weight, heaviest) {
			heaviest = int32(i)
		}
	}
	out := make([]bool, len(runs))
	keep := heaviest
	for i := len(runs) - 1; i >= 0; i-- {
		if int32(i) == keep {
			keep = before[i]
			continue
		}
		out[i] = true
	}
	return out
}

func weightOf(weight []int64, i int32) int64 {
	if i < 0 {
		return 0
	}
	return weight[i]
}

// moved returns how many rows stand in another order.
func moved(runs []run) (n int64) {
	for i, out := range outOfOrder(runs) {
		if out {
			n += runs[i].weight
		}
	}
	return n
}

// appendRun adds a row that both tables have, in the order of b.
func appendRun(runs []run, a, b int64) []run {
	if n := len(runs); n > 0 && runs[n-1].a+runs[n-1].weight == a && runs[n-1].b+runs[n-1].weight == b {
		runs[n-1].weight++
		return runs
	}
	return append(runs, run{a: a, b: b, weight: 1})
}

// matching pairs the rows of two lists by their hashes: the first row of a hash
// with the first of the other list that has it, the second with the second.
type matching struct {
	partner []int32 // for every row of b: a's row, or -1
	taken   []bool  // for every row of a: whether it has a partner
	twiceA  []int32 // rows of a whose hash an earlier row of a has
	twiceB  []int32 // rows of b whose hash an earlier row of b has
}

func matchHashes(a, b []uint64) *matching {
	type slot struct {
		hash  uint64
		next  int32 // the first row of a not yet taken, or -1
		state uint8
	}
	const used, inA, inB = 1, 2, 4
	slots := make([]slot, 1<<bits.Len(uint((len(a)+len(b))*3/2+1)))
	mask := uint64(len(slots) - 1)
	find := func(h uint64) *slot {
		for i := h & mask; ; i = (i + 1) & mask {
			if s := &slots[i]; s.state == 0 {
				*s = slot{hash: h, next: -1, state: used}
				return s
			} else if s.hash == h {
				return s
			}
		}
	}
	m := &matching{partner: make([]int32, len(b)), taken: make([]bool, len(a))}
	after := make([]int32, len(a)) // the next row of a with the same hash
	for i := len(a) - 1; i >= 0; i-- {
		s := find(a[i])
		if s.state&inA != 0 {
			m.twiceA = append(m.twiceA, s.next)
		}
		after[i], s.next = s.next, int32(i)
		s.state |= inA
	}
	for i, h := range b {
		s := find(h)
		if s.state&inB != 0 {
			m.twiceB = append(m.twiceB, int32(i))
		}
		s.state |= inB
		m.partner[i] = s.next
		if s.next >= 0 {
			m.taken[s.next] = true
			s.next = after[s.next]
		}
	}
	slices.Sort(m.twiceA)
	return m
}
