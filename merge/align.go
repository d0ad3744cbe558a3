package merge

import "slices"

// pair says that element a of one sequence stands opposite element b of another.
type pair struct{ a, b int32 }

const (
	exactCells = 1 << 20 // largest table of the exact alignment
	lookAhead  = 256     // how far the greedy alignment looks for a partner
)

// align returns a longest common subsequence of two sequences of class numbers,
// or one close to it where they are long and repetitive. The pairs rise in both.
func align(a, b []int32) []pair {
	var out []pair
	alignInto(&out, a, b, 0, 0)
	return out
}

// alignInto aligns around the elements that occur once in each sequence, the way
// a patience diff does, so that common filler does not pull rows out of place.
func alignInto(out *[]pair, a, b []int32, ai, bi int32) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		*out = append(*out, pair{ai, bi})
		a, b, ai, bi = a[1:], b[1:], ai+1, bi+1
	}
	end := 0
	for end < len(a) && end < len(b) && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	tailA, tailB := ai+int32(len(a)-end), bi+int32(len(b)-end)
	a, b = a[:len(a)-end], b[:len(b)-end]
	if len(a) > 0 && len(b) > 0 {
		alignMiddle(out, a, b, ai, bi)
	}
	for i := range int32(end) {
		*out = append(*out, pair{tailA + i, tailB + i})
	}
}

func alignMiddle(out *[]pair, a, b []int32, ai, bi int32) {
	anchors := uniqueAnchors(a, b)
	if len(anchors) == 0 {
		if len(a)*len(b) <= exactCells {
			alignExact(out, a, b, ai, bi)
		} else {
			alignGreedy(out, a, b, ai, bi)
		}
		return
	}
	var lastA, lastB int32
	for _, p := range anchors {
		alignInto(out, a[lastA:p.a], b[lastB:p.b], ai+lastA, bi+lastB)
		*out = append(*out, pair{ai + p.a, bi + p.b})
		lastA, lastB = p.a+1, p.b+1
	}
	alignInto(out, a[lastA:], b[lastB:], ai+lastA, bi+lastB)
}

// uniqueAnchors returns the elements that occur exactly once on either side, as
// far as they stand in one order.
func uniqueAnchors(a, b []int32) []pair {
	type seen struct{ inA, inB, atA, atB int32 }
	count := make(map[int32]seen, len(a))
	for i, c := range a {
		s := count[c]
		s.inA, s.atA = s.inA+1, int32(i)
		count[c] = s
	}
	for i, c := range b {
		if s, ok := count[c]; ok {
			s.inB, s.atB = s.inB+1, int32(i)
			count[c] = s
		}
	}
	var candidates []pair
	for i, c := range a {
		if s := count[c]; s.inA == 1 && s.inB == 1 {
			candidates = append(candidates, pair{int32(i), s.atB})
		}
	}
	return rising(candidates)
}

// rising returns a longest part of pairs, sorted by a, in which b rises too.
func rising(pairs []pair) []pair {
	if slices.IsSortedFunc(pairs, func(p, q pair) int { return int(p.b) - int(q.b) }) {
		return pairs
	}
	var tails []int32 // tails[n]: the pair that ends the best run of n+1 pairs
	before := make([]int32, len(pairs))
	for i, p := range pairs {
		n, _ := slices.BinarySearchFunc(tails, p.b, func(t, b int32) int { return int(pairs[t].b) - int(b) })
		before[i] = -1
		if n > 0 {
			before[i] = tails[n-1]
		}
		if n == len(tails) {
			tails = append(tails, int32(i))
		} else {
			tails[n] = int32(i)
		}
	}
	if len(tails) == 0 {
		return nil
	}
	out := make([]pair, 0, len(tails))
	for i := tails[len(tails)-1]; i >= 0; i = before[i] {
		out = append(out, pairs[i])
	}
	slices.Reverse(out)
	return out
}

func alignExact(out *[]pair, a, b []int32, ai, bi int32) {
	width := len(b) + 1
	best := make([]int32, (len(a)+1)*width)
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				best[i*width+j] = best[(i+1)*width+j+1] + 1
			} else {
				best[i*width+j] = max(best[(i+1)*width+j], best[i*width+j+1])
			}
		}
	}
	for i, j := 0, 0; i < len(a) && j < len(b); {
		switch {
		case a[i] == b[j]:
			*out = append(*out, pair{ai + int32(i), bi + int32(j)})
			i, j = i+1, j+1
		case best[(i+1)*width+j] >= best[i*width+j+1]:
			i++
		default:
			j++
		}
	}
}

func alignGreedy(out *[]pair, a, b []int32, ai, bi int32) {
	next := 0
	for i, c := range a {
		window := b[next:min(len(b), next+lookAhead)]
		if j := slices.Index(window, c); j >= 0 {
			*out = append(*out, pair{ai + int32(i), bi + int32(next+j)})
			next += j + 1
		}
	}
}
