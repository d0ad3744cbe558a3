package deflate

import "math/bits"

const (
	literals    = 256
	endOfBlock  = 256
	lengthCodes = 29
	allCodes    = literals + 1 + lengthCodes // of literals and lengths
	distCodes   = 30
	bitCodes    = 19
	maxBits     = 15
	maxBitBits  = 7
	maxCodes    = allCodes + 2
)

// code is a node of a tree while it is built, and one symbol's code after.
type code struct {
	freq uint32
	up   uint16 // the node above
	bits uint16 // how long the code is
	code uint16
}

// tree is a Huffman code, built as zlib does.
type tree struct {
	codes    []code // of the symbols, and room for the nodes above
	symbols  int
	extra    []uint8 // bits that follow a code, from symbol extraAt on
	extraAt  int
	longest  uint16
	static   []code // nil for the code of code lengths
	last     int    // the highest symbol that occurs
	heap     [2*maxCodes + 1]int
	heapLen  int
	heapMax  int
	depth    [2*maxCodes + 1]uint8
	perWidth [maxBits + 1]int
}

func (t *tree) init(symbols int, extra []uint8, extraAt int, longest uint16, static []code) {
	t.codes = make([]code, 2*symbols+1)
	t.symbols, t.extra, t.extraAt, t.longest, t.static = symbols, extra, extraAt, longest, static
}

func (t *tree) reset() {
	for i := range t.symbols {
		t.codes[i].freq = 0
	}
}

func (t *tree) less(n, m int) bool {
	return t.codes[n].freq < t.codes[m].freq || t.codes[n].freq == t.codes[m].freq && t.depth[n] <= t.depth[m]
}

// sink moves the heap's entry k down to where it belongs.
func (t *tree) sink(k int) {
	v := t.heap[k]
	for j := 2 * k; j <= t.heapLen; j *= 2 {
		if j < t.heapLen && t.less(t.heap[j+1], t.heap[j]) {
			j++
		}
		if t.less(v, t.heap[j]) {
			break
		}
		t.heap[k] = t.heap[j]
		k = j
	}
	t.heap[k] = v
}

// build makes the codes of the frequencies. It returns what the symbols take in
// bits by this code and by the static one.
func (t *tree) build() (dynamic, static int) {
	t.heapLen, t.heapMax, t.last = 0, len(t.heap), -1
	for n := range t.symbols {
		if t.codes[n].freq == 0 {
			t.codes[n].bits = 0
			continue
		}
		t.heapLen++
		t.heap[t.heapLen] = n
		t.last = n
		t.depth[n] = 0
	}
	// A code has two symbols at least; one that does not occur costs a bit less
	// than it is counted for.
	for t.heapLen < 2 {
		n := 0
		if t.last < 2 {
			t.last++
			n = t.last
		}
		t.heapLen++
		t.heap[t.heapLen] = n
		t.codes[n].freq, t.depth[n] = 1, 0
		dynamic--
		if t.static != nil {
			static -= int(t.static[n].bits)
		}
	}
	for n := t.heapLen / 2; n >= 1; n-- {
		t.sink(n)
	}
	t.join()
	d, s := t.measure()
	t.number()
	return dynamic + d, static + s
}

// join puts the two rarest nodes under a new one until a single one is left.
func (t *tree) join() {
	for node := t.symbols; ; node++ {
		n := t.heap[1]
		t.heap[1] = t.heap[t.heapLen]
		t.heapLen--
		t.sink(1)
		m := t.heap[1]
		t.heapMax -= 2
		t.heap[t.heapMax+1], t.heap[t.heapMax] = n, m
		t.codes[node].freq = t.codes[n].freq + t.codes[m].freq
		t.depth[node] = max(t.depth[n], t.depth[m]) + 1
		t.codes[n].up, t.codes[m].up = uint16(node), uint16(node)
		t.heap[1] = node
		t.sink(1)
		if t.heapLen < 2 {
			t.heapMax--
			t.heap[t.heapMax] = t.heap[1]
			return
		}
	}
}

// measure finds the length of every code, none above the longest allowed.
func (t *tree) measure() (dynamic, static int) {
	clear(t.perWidth[:])
	t.codes[t.heap[t.heapMax]].bits = 0
	over := 0
	h := t.heapMax + 1
	for ; h < len(t.heap); h++ {
		n := t.heap[h]
		width := t.codes[t.codes[n].up].bits + 1
		if width > t.longest {
			width = t.longest
			over++
		}
		t.codes[n].bits = width
		if n > t.last {
			continue // no symbol
		}
		t.perWidth[width]++
		extra := 0
		if n >= t.extraAt {
			extra = int(t.extra[n-t.extraAt])
		}
		dynamic += int(t.codes[n].freq) * (int(width) + extra)
		if t.static != nil {
			static += int(t.codes[n].freq) * (int(t.static[n].bits) + extra)
		}
	}
	if over > 0 {
		dynamic += t.shorten(over)
	}
	return dynamic, static
}

// shorten makes room for the codes that were cut off at the longest width, and
// returns the difference in bits.
func (t *tree) shorten(over int) (difference int) {
	for ; over > 0; over -= 2 {
		width := t.longest - 1
		for t.perWidth[width] == 0 {
			width--
		}
		t.perWidth[width]--
		t.perWidth[width+1] += 2
		t.perWidth[t.longest]--
	}
	h := len(t.heap)
	for width := t.longest; width != 0; width-- {
		for n := t.perWidth[width]; n != 0; {
			h--
			m := t.heap[h]
			if m > t.last {
				continue
			}
			c := &t.codes[m]
			if c.bits != width {
				difference += (int(width) - int(c.bits)) * int(c.freq)
				c.bits = width
			}
			n--
		}
	}
	return difference
}

// number gives every symbol its code.
func (t *tree) number() {
	number(t.codes[:t.last+1], &t.perWidth)
}

func number(codes []code, perWidth *[maxBits + 1]int) {
	var next [maxBits + 1]int
	for width := 1; width <= maxBits; width++ {
		next[width] = (next[width-1] + perWidth[width-1]) << 1
	}
	for n := range codes {
		width := codes[n].bits
		if width == 0 {
			continue
		}
		codes[n].code = bits.Reverse16(uint16(next[width])) >> (16 - width)
		next[width]++
	}
}
