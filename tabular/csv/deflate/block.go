package deflate

// The bits that follow the codes of lengths, distances and code lengths.
var (
	lengthExtra = []uint8{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distExtra   = []uint8{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
	bitExtra    = []uint8{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 3, 7}
)

// bitOrder is the order in which the lengths of the codes of code lengths stand.
var bitOrder = [bitCodes]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// tables are what RFC 1951 fixes.
type tables struct {
	lengthCode [maxMatch - minMatch + 1]uint8 // of a length less minMatch
	lengthBase [lengthCodes]uint16
	distCode   [512]uint8 // of a distance less one, or from 256 on of its 128th
	distBase   [distCodes]uint16
	static     [allCodes + 2]code
	staticDist [distCodes]code
}

func newTables() *tables {
	t := &tables{}
	at := 0
	for c, extra := range lengthExtra {
		t.lengthBase[c] = uint16(at)
		for range 1 << extra {
			if at < len(t.lengthCode) {
				t.lengthCode[at] = uint8(c)
			}
			at++
		}
	}
	t.lengthBase[lengthCodes-1] = maxMatch - minMatch
	t.lengthCode[maxMatch-minMatch] = lengthCodes - 1
	at = 0
	for c, extra := range distExtra {
		t.distBase[c] = uint16(at)
		for d := at; d < at+1<<extra; d++ {
			if d < 256 {
				t.distCode[d] = uint8(c)
			} else {
				t.distCode[256+d>>7] = uint8(c)
			}
		}
		at += 1 << extra
	}
	var perWidth [maxBits + 1]int
	for n := range t.static {
		width := uint16(8)
		switch {
		case n >= 144 && n < 256:
			width = 9
		case n >= 256 && n < 280:
			width = 7
		}
		t.static[n].bits = width
		perWidth[width]++
	}
	number(t.static[:], &perWidth)
	for n := range t.staticDist {
		t.staticDist[n].bits = 5
	}
	number(t.staticDist[:], &[maxBits + 1]int{5: distCodes})
	return t
}

// codeOfDist returns the code of a distance less one.
func (t *tables) codeOfDist(d int) int {
	if d < 256 {
		return int(t.distCode[d])
	}
	return int(t.distCode[256+d>>7])
}

// blockWriter collects the symbols of a block and writes it in the shortest of
// the three forms.
type blockWriter struct {
	*tables
	symbols  []uint32 // distance<<16 | literal, or length less minMatch
	full     int      // how many symbols are a block
	truncate bool     // a block ends early where that seems to pay
	matches  int
	literals tree
	dists    tree
	widths   tree
	runs     []uint16 // code lengths: the code, and above 8 bits what follows it
}

func (b *blockWriter) init(full int, truncate bool) {
	b.tables, b.full, b.truncate = newTables(), full, truncate
	b.symbols = make([]uint32, 0, full+1)
	b.literals.init(allCodes, lengthExtra, literals+1, maxBits, b.static[:])
	b.dists.init(distCodes, distExtra, 0, maxBits, b.staticDist[:])
	b.widths.init(bitCodes, bitExtra, 0, maxBitBits, nil)
	b.literals.codes[endOfBlock].freq = 1
}

func (b *blockWriter) addLiteral(c byte) {
	b.symbols = append(b.symbols, uint32(c))
	b.literals.codes[c].freq++
}

// addLiteralIn adds a literal and reports whether the block, of so many bytes
// until now, is to end.
func (b *blockWriter) addLiteralIn(c byte, bytes int) bool {
	b.addLiteral(c)
	return len(b.symbols) == b.full || b.truncate && len(b.symbols)&0xfff == 0 && b.ripe(bytes)
}

// addMatch is as addLiteralIn.
func (b *blockWriter) addMatch(distance, length, bytes int) bool {
	b.symbols = append(b.symbols, uint32(distance)<<16|uint32(length-minMatch))
	b.matches++
	b.literals.codes[int(b.lengthCode[length-minMatch])+literals+1].freq++
	b.dists.codes[b.codeOfDist(distance-1)].freq++
	return len(b.symbols) == b.full || b.truncate && len(b.symbols)&0xfff == 0 && b.ripe(bytes)
}

// ripe guesses, as GNU gzip does, whether a new block is better than more of this.
func (b *blockWriter) ripe(bytes int) bool {
	out := 8 * len(b.symbols)
	for c, extra := range distExtra {
		out += int(b.dists.codes[c].freq) * (5 + int(extra))
	}
	return b.matches < len(b.symbols)/2 && out/8 < bytes/2
}

// flush writes the block; stored is its data, or nil if that is gone.
func (b *blockWriter) flush(w *bitWriter, stored []byte, length int, last bool) {
	d1, s1 := b.literals.build()
	d2, s2 := b.dists.build()
	b.runs = scanRuns(b.runs[:0], b.literals.codes[:b.literals.last+1])
	b.runs = scanRuns(b.runs, b.dists.codes[:b.dists.last+1])
	b.widths.reset()
	for _, r := range b.runs {
		b.widths.codes[r&0xff].freq++
	}
	d3, _ := b.widths.build()
	widths := bitCodes
	for widths > 4 && b.widths.codes[bitOrder[widths-1]].bits == 0 {
		widths--
	}
	dynamic := (d1 + d2 + d3 + 3*widths + 5 + 5 + 4 + 3 + 7) >> 3
	static := (s1 + s2 + 3 + 7) >> 3
	shortest := min(dynamic, static)
	switch {
	case length+4 <= shortest && stored != nil:
		b.store(w, stored, last)
	case static == shortest:
		w.put(1<<1|bit(last), 3)
		b.writeSymbols(w, b.static[:], b.staticDist[:])
	default:
		w.put(2<<1|bit(last), 3)
		b.writeTrees(w, widths)
		b.writeSymbols(w, b.literals.codes, b.dists.codes)
	}
	w.flush()
	b.symbols, b.matches = b.symbols[:0], 0
	b.literals.reset()
	b.dists.reset()
	b.literals.codes[endOfBlock].freq = 1
}

// empty reports whether the block has no symbols yet.
func (b *blockWriter) empty() bool { return len(b.symbols) == 0 }

// store writes data as it is, at most 64 KiB.
func (b *blockWriter) store(w *bitWriter, data []byte, last bool) {
	w.put(bit(last), 3)
	w.align()
	w.put(uint32(len(data)), 16)
	w.put(^uint32(len(data))&0xffff, 16)
	w.align()
	w.buf = append(w.buf, data...)
}

func bit(b bool) uint32 {
	if b {
		return 1
	}
	return 0
}

// scanRuns appends how the lengths of codes are written: a length, or a run of
// lengths.
func scanRuns(runs []uint16, codes []code) []uint16 {
	const (
		again, zeros, manyZeros = 16, 17, 18
		none                    = 0xffff
	)
	before, next := uint16(none), codes[0].bits
	count, most, least := 0, 7, 4
	if next == 0 {
		most, least = 138, 3
	}
	for n := range codes {
		width := next
		next = none
		if n+1 < len(codes) {
			next = codes[n+1].bits
		}
		if count++; count < most && width == next {
			continue
		}
		switch {
		case count < least:
			for range count {
				runs = append(runs, width)
			}
		case width != 0:
			if width != before {
				runs = append(runs, width)
				count--
			}
			runs = append(runs, again|uint16(count-3)<<8)
		case count <= 10:
			runs = append(runs, zeros|uint16(count-3)<<8)
		default:
			runs = append(runs, manyZeros|uint16(count-11)<<8)
		}
		before, count = width, 0
		switch next {
		case 0:
			most, least = 138, 3
		case width:
			most, least = 6, 3
		default:
			most, least = 7, 4
		}
	}
	return runs
}

func (b *blockWriter) writeTrees(w *bitWriter, widths int) {
	w.put(uint32(b.literals.last-literals), 5)
	w.put(uint32(b.dists.last), 5)
	w.put(uint32(widths-4), 4)
	for _, c := range bitOrder[:widths] {
		w.put(uint32(b.widths.codes[c].bits), 3)
	}
	for _, r := range b.runs {
		c := b.widths.codes[r&0xff]
		w.put(uint32(c.code), uint(c.bits))
		if extra := bitExtra[r&0xff]; extra > 0 {
			w.put(uint32(r>>8), uint(extra))
		}
	}
}

func (b *blockWriter) writeSymbols(w *bitWriter, literal, dist []code) {
	for _, s := range b.symbols {
		distance, value := int(s>>16), int(s&0xffff)
		if distance == 0 {
			w.put(uint32(literal[value].code), uint(literal[value].bits))
			continue
		}
		n := int(b.lengthCode[value])
		c := literal[n+literals+1]
		w.put(uint32(c.code)|uint32(value-int(b.lengthBase[n]))<<c.bits, uint(c.bits)+uint(lengthExtra[n]))
		n = b.codeOfDist(distance - 1)
		c = dist[n]
		w.put(uint32(c.code)|uint32(distance-1-int(b.distBase[n]))<<c.bits, uint(c.bits)+uint(distExtra[n]))
	}
	w.put(uint32(literal[endOfBlock].code), uint(literal[endOfBlock].bits))
}
