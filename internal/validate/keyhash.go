package validate

import (
	"context"
	"encoding/binary"
	"hash/maphash"
	"math"

	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/tabular"
)

// passRows is how many rows' hashes are held at a time: at 16 bytes each and with
// room to spare, about 200 MB.
const passRows = 6 << 20

// keyHash is the hash of a row's key.
type keyHash struct {
	hash uint64
	row  int64
}

// keyReader reads the keys of a table's rows.
type keyReader struct {
	t       *tabular.Table
	cols    []int
	missing [][][]byte // by position in cols
	types   []cellType // by position in cols: those that are compared by value have a parser
	text    func([]byte) string
	seed    maphash.Seed
}

func (p *plan) keyReader(cols []int, seed maphash.Seed) *keyReader {
	r := &keyReader{t: p.table, cols: cols, text: p.text, seed: seed}
	for _, col := range cols {
		t := p.types[col]
		if t.kind == expr.Text {
			t.parse = nil
		}
		r.types = append(r.types, t)
		var missing [][]byte
		for _, m := range p.missings[col] {
			missing = append(missing, []byte(m))
		}
		r.missing = append(r.missing, missing)
	}
	return r
}

// agree has two readers compare by value only what both have values of one kind for.
func (r *keyReader) agree(o *keyReader) {
	for i := range r.types {
		if a, b := &r.types[i], &o.types[i]; a.kind != b.kind || a.parse == nil || b.parse == nil {
			a.parse, b.parse = nil, nil
		}
	}
}

// maxExact is the longest text of a number that certainly has a value of its own.
const maxExact = 15

// part is what a cell is compared by: its value behind a byte that no text has, or
// its text in UTF-8. It may be in buf.
func (r *keyReader) part(i int, text []byte, buf *[9]byte) []byte {
	if t := &r.types[i]; t.parse != nil && (t.kind != expr.Number || len(text) <= maxExact) {
		if v, st := t.parse(text); st == stateValue {
			if t.kind == expr.Number && v == math.MinInt64 {
				v = 0 // -0 is 0
			}
			buf[0] = 0xff
			binary.LittleEndian.PutUint64(buf[1:], uint64(v))
			return buf[:]
		}
	}
	if ascii(text) {
		return text
	}
	return []byte(r.text(text))
}

// hashes appends the hashes of a group's keys. A key with a missing part is left
// out, and its row handed to lacking if that is not nil.
func (r *keyReader) hashes(ctx context.Context, g *tabular.Group, dst []keyHash, lacking func(row int64)) ([]keyHash, error) {
	cells := make([]tabular.Cells, len(r.cols))
	for i, col := range r.cols {
		var err error
		if cells[i], err = g.Cells(ctx, col); err != nil {
			return nil, err
		}
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
	var buf [9]byte
rows:
	for row := range g.Rows() {
		for i := range cells {
			if isMissing(cells[i].At(row), r.missing[i]) {
				if lacking != nil {
					lacking(g.Ref.First + int64(row))
				}
				continue rows
			}
		}
		if len(cells) == 1 {
			dst = append(dst, keyHash{maphash.Bytes(r.seed, r.part(0, cells[0].At(row), &buf)), g.Ref.First + int64(row)})
			continue
		}
		h.Reset()
		for i := range cells {
			text := r.part(i, cells[i].At(row), &buf)
			_, _ = h.Write([]byte{byte(len(text)), byte(len(text) >> 8), byte(len(text) >> 16)})
			_, _ = h.Write(text)
		}
		dst = append(dst, keyHash{h.Sum64(), g.Ref.First + int64(row)})
	}
	return dst, nil
}

// eachGroup runs work on all groups, several at a time, and hands on the hashes.
func (r *keyReader) eachGroup(ctx context.Context, deliver func(hashes []keyHash, lacking []int64) error) error {
	type part struct {
		hashes  []keyHash
		lacking []int64
	}
	return tabular.MapGroups(ctx, r.t, 0, func(ctx context.Context, g *tabular.Group) (p part, err error) {
		p.hashes, err = r.hashes(ctx, g, make([]keyHash, 0, g.Rows()), func(row int64) { p.lacking = append(p.lacking, row) })
		return p, err
	}, func(p part) error { return deliver(p.hashes, p.lacking) })
}

// rowSet maps hashes to the first row that had them.
type rowSet struct {
	slots []keyHash // row -1: free
	used  int
}

func newRowSet(n int64) *rowSet {
	s := &rowSet{}
	size := int64(16)
	for size*3 < n*4 {
		size *= 2
	}
	s.slots = freeSlots(size)
	return s
}

func freeSlots(n int64) []keyHash {
	slots := make([]keyHash, n)
	for i := range slots {
		slots[i].row = -1
	}
	return slots
}

// add enters a hash, unless it is known: then it returns the row that had it.
func (s *rowSet) add(hash uint64, row int64) (before int64, known bool) {
	if s.used*4 >= len(s.slots)*3 {
		old := s.slots
		s.slots, s.used = freeSlots(int64(len(old))*2), 0
		for _, k := range old {
			if k.row >= 0 {
				s.add(k.hash, k.row)
			}
		}
	}
	k := s.at(hash)
	if k.row >= 0 {
		return k.row, true
	}
	*k = keyHash{hash, row}
	s.used++
	return 0, false
}

func (s *rowSet) has(hash uint64) bool { return s.at(hash).row >= 0 }

// at returns the slot of a hash: its own, or a free one.
func (s *rowSet) at(hash uint64) *keyHash {
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if k := &s.slots[i]; k.row < 0 || k.hash == hash {
			return k
		}
	}
}
