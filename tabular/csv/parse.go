package csv

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/constl/constl/tabular"
)

// parser turns bytes that begin with a row into rows. It is safe for use by
// several goroutines.
type parser struct {
	d      dialect
	rules  []Rule
	ruled  []int    // columns whose rule is not Minimal
	proof  *Printer // prints what odd rows must have been
	simple bool     // rows end with a line feed, so the quick way can be tried
}

func newParser(l *Layout) (*parser, error) {
	own := *l
	own.NoFinalEnd, own.Trailer = true, nil // so that a row can be printed without its end
	proof, err := NewPrinter(&own)
	if err != nil {
		return nil, err
	}
	p := &parser{d: l.dialect(), rules: own.Rules, proof: proof, simple: l.LineEnd != CR}
	for c, rule := range p.rules {
		if rule != Minimal {
			p.ruled = append(p.ruled, c)
		}
	}
	return p, nil
}

// parsed is what a run of bytes holds.
type parsed struct {
	rows  tabular.Rows
	done  int   // the bytes up to the end of the last whole row
	open  bool  // what is left begins a row; else it is blank lines and comments
	noEnd bool  // the last row ends with the file, without a line end
	bad   int   // where err was found
	err   error // why the bytes are no rows
}

// run is the work on one run of bytes.
type run struct {
	*parser
	buf  []byte // the bytes, and behind them the texts of cells that do not stand there as such
	wide []byte // the bytes and 8 more
	n    int    // number of bytes

	refs       []tabular.Ref
	ends       []uint32
	exceptions []tabular.Exception
	row        int
	before     int // where the last row ended
	nextQuote  int // the first quote behind what was read, or beyond all
	nextCR     int // likewise
	plainTo    int // up to here the row that is read has neither quotes nor line ends
	final      bool

	// Scratch for odd rows.
	cells   [][]byte
	odd     []tabular.Exception
	printed []byte
}

// wideBytes is how many bytes of capacity a buffer needs behind its bytes.
const wideBytes = 8

// parse reads rows from buf, which it takes over and whose spare capacity it uses.
// final says that the file ends with buf. The slices of into are used again.
func (p *parser) parse(buf []byte, final bool, into tabular.Rows) parsed {
	n := len(buf)
	buf = slices.Grow(buf, wideBytes)
	r := &run{
		parser: p, buf: buf, wide: buf[:n+wideBytes], n: n, final: final,
		refs: into.Cells[:0], ends: into.Ends[:0], exceptions: into.Exceptions[:0], nextQuote: -1, nextCR: -1,
	}
	if p.d.quote == 0 {
		r.nextQuote = math.MaxInt
	}
	out := parsed{}
	for pos := 0; pos < n && out.err == nil; {
		if next, blank := r.skip(pos); blank {
			pos = next
			continue
		}
		next := 0
		if p.simple {
			next = r.simpleRow(pos)
		}
		if next == 0 {
			if next, out.err = r.oddRow(pos); next == 0 {
				out.open, out.bad = true, pos
				break
			}
			out.noEnd = final && next == n && !r.ended(next)
		}
		r.row++
		r.ends = append(r.ends, uint32(next))
		r.before, pos = next, next
	}
	out.done = r.before
	out.rows = tabular.Rows{Width: len(p.rules), Buf: r.buf, Cells: r.refs, Exceptions: r.exceptions, Ends: r.ends}
	return out
}

// ended reports whether a line end stands before pos.
func (r *run) ended(pos int) bool {
	return r.buf[pos-1] == '\n' || r.d.end == CR && r.buf[pos-1] == '\r'
}

// skip passes over a blank line or a comment.
func (r *run) skip(pos int) (next int, skipped bool) {
	if n := r.d.lineEndAt(r.buf[:r.n], pos); n > 0 {
		return pos + n, true
	}
	if r.d.comment == 0 || r.buf[pos] != r.d.comment {
		return pos, false
	}
	next, _ = r.d.skipLine(r.buf[:r.n], pos)
	return next, true
}

// takeBefore makes an exception of what stands between the last row and pos.
func (r *run) takeBefore(pos int) {
	if r.before < pos {
		r.exceptions = append(r.exceptions, tabular.Exception{
			Row: r.row, Col: tabular.WholeRow, Code: CodeBefore, Text: r.buf[r.before:pos:pos],
		})
	}
}

// simpleRow reads a row without quotes and stray line ends that has the right
// number of cells, and returns where the next one begins, or 0 for any other row.
// Its cells stand in the bytes as they are and need no quotes, so all that the
// printer could print otherwise are cells whose rule has quotes.
func (r *run) simpleRow(pos int) int {
	nl := bytes.IndexByte(r.buf[pos:r.n], '\n')
	if nl < 0 {
		return 0
	}
	nl += pos
	if r.nextQuote < pos {
		r.nextQuote = indexFrom(r.buf[:r.n], pos, '"')
	}
	if r.nextCR < pos {
		r.nextCR = indexFrom(r.buf[:r.n], pos, '\r')
	}
	end := nl
	if r.d.end == CRLF {
		end--
	}
	if r.nextCR < end || r.d.end == CRLF && r.nextCR != end {
		return 0
	}
	if r.nextQuote < nl {
		r.plainTo = r.nextQuote
		return 0
	}
	width, have := len(r.rules), len(r.refs)
	if cap(r.refs)-have < width {
		r.growRefs()
	}
	refs := r.refs[have : have+width]
	n, start := r.splitCells(refs, pos, end)
	if n != width-1 {
		return 0
	}
	refs[n] = tabular.Ref{Off: uint32(start), Len: uint32(end - start)}
	r.refs = r.refs[:have+width]
	r.takeBefore(pos)
	r.exceptions = r.takeRuled(r.exceptions, refs, width)
	return nl + 1
}

// takeRuled makes exceptions of those of a row's first n cells, all of them bare,
// whose rule has quotes.
func (r *run) takeRuled(exceptions []tabular.Exception, refs []tabular.Ref, n int) []tabular.Exception {
	for _, c := range r.ruled {
		if c >= n {
			break
		}
		if r.rules[c].asks(r.buf[refs[c].Off : refs[c].Off+refs[c].Len]) {
			exceptions = append(exceptions, tabular.Exception{Row: r.row, Col: c, Code: CodeOpposite})
		}
	}
	return exceptions
}

// splitCells cuts the bytes from pos to end, in which there is neither a quote nor
// a line end, at each delimiter. It returns how many cells end with one and where
// the one behind them begins; n is -1 if there is no room for that one.
func (r *run) splitCells(refs []tabular.Ref, pos, end int) (n, rest int) {
	delims := uint64(r.d.delim) * eachByte
	k, start := 0, uint32(pos)
	for i := pos; i < end; i += 8 {
		x := binary.LittleEndian.Uint64(r.wide[i:]) ^ delims
		found := ^((x&lowBits + lowBits) | x | lowBits)
		if rest := end - i; rest < 8 {
			found &= 1<<(8*rest) - 1
		}
		for found != 0 {
			at := uint32(i) + uint32(bits.TrailingZeros64(found)>>3)
			found &= found - 1
			if k >= len(refs)-1 {
				return -1, 0
			}
			refs[k] = tabular.Ref{Off: start, Len: at - start}
			k++
			start = at + 1
		}
	}
	return k, int(start)
}

// growRefs makes room for one more row at least, and if rows go on as they did,
// for all of them.
func (r *run) growRefs() {
	width := len(r.rules)
	expect := width
	if r.row > 8 && r.before > 0 {
		rows := int(float64(r.n-r.before)/float64(r.before)*float64(r.row)*1.02) + 8
		expect = rows * width
	} else {
		expect = max(width, 8*width)
	}
	r.refs = slices.Grow(r.refs, expect)
}

func indexFrom(buf []byte, pos int, b byte) int {
	if i := bytes.IndexByte(buf[pos:], b); i >= 0 {
		return pos + i
	}
	return math.MaxInt
}
