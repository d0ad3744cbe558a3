package validate

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Cache keeps what was found out about row groups from one run to the next. It must
// be safe for use by several goroutines.
type Cache interface {
	// Get returns what was put under key, and whether anything was. The caller does
	// not write to it.
	Get(key object.ID) ([]byte, bool)
	// Put keeps what was found out about the row group of that id. It may forget it at
	// any time.
	Put(key, group object.ID, data []byte)
}

// printOf returns what the sums of a rule depend on besides the cells. It is nil if
// they are not kept: different values would need too much room.
func (p *plan) printOf(r *tableRule) []byte {
	if slices.ContainsFunc(r.program.Aggregates, func(a expr.Aggregate) bool { return a.Function == expr.Distinct }) {
		return nil
	}
	type column struct {
		Field   field
		Missing []string
	}
	about := struct {
		Version  int // of these sums
		Rule     string
		Per      []string
		Encoding string
		Columns  []column
	}{1, r.decl.Table, r.decl.Per, fmt.Sprint(p.layout.Encoding), nil}
	for _, col := range r.columns {
		about.Columns = append(about.Columns, column{p.fields[col], p.missings[col]})
	}
	data, err := json.Marshal(about)
	if err != nil {
		return nil // what was read from JSON is written as it
	}
	return data
}

// sumsKey is the key under which a rule's sums of a group are kept.
func (r *tableRule) sumsKey(g *tabular.Group) object.ID {
	data := slices.Clone(r.print)
	for _, col := range r.columns {
		id, _ := g.SegmentID(col)
		data = append(data, id[:]...)
	}
	return object.Sum(binary.LittleEndian.AppendUint64(data, uint64(g.Rows())))
}

// keepSums keeps the sums of a group for later runs.
func (p *plan) keepSums(r *tableRule, g *tabular.Group, s *sums) {
	if p.o.Cache != nil && r.print != nil {
		p.o.Cache.Put(r.sumsKey(g), g.Ref.ID, encodeSums(s, r.program.Aggregates, g.Ref.First))
	}
}

// knownSums returns the sums of a group that an earlier run has kept, if it has.
func (p *plan) knownSums(r *tableRule, g *tabular.Group) (s sums, ok bool) {
	if p.o.Cache == nil || r.print == nil {
		return sums{}, false
	}
	data, ok := p.o.Cache.Get(r.sumsKey(g))
	if !ok {
		return sums{}, false
	}
	return p.decodeSums(data, r, g.Ref)
}

// encodeSums writes sums down: the groups as they stand there, each its key, the
// place of its first row in the row group, and of each aggregate the number of
// values, whether whole numbers were too large, and what its function needs.
func encodeSums(s *sums, aggregates []expr.Aggregate, first int64) []byte {
	var b []byte
	for _, g := range s.order {
		b = append(binary.AppendUvarint(b, uint64(len(g.key))), g.key...)
		b = binary.AppendUvarint(b, uint64(g.first-first))
		for i := range g.of {
			a := &g.of[i]
			head := uint64(a.n) << 1
			if a.overflow {
				head |= 1
			}
			b = binary.AppendUvarint(b, head)
			for _, v := range a.parts(&aggregates[i]) {
				b = binary.AppendVarint(b, *v)
			}
			if aggregates[i].Kind == expr.Number {
				b = binary.LittleEndian.AppendUint64(b, math.Float64bits(a.number))
			}
		}
	}
	return b
}

// parts returns the whole numbers that an aggregate's function needs.
func (to *sum) parts(a *expr.Aggregate) []*int64 {
	switch {
	case a.Function == expr.Min:
		return []*int64{&to.least}
	case a.Function == expr.Max:
		return []*int64{&to.most}
	case a.Function == expr.Sum && a.Kind == expr.Integer:
		return []*int64{&to.whole}
	}
	return nil
}

// decodeSums reads what encodeSums wrote. ok is false if it is anything else.
func (p *plan) decodeSums(data []byte, r *tableRule, ref tabular.GroupRef) (s sums, ok bool) {
	s = newSums()
	in := sumsReader{data: data}
	for len(in.data) > 0 && !in.bad {
		key := in.take(in.uvarint())
		first := in.uvarint()
		if first >= uint64(ref.Rows) || len(s.order) >= ref.Rows {
			return sums{}, false
		}
		g := s.group(key, r, ref.First+int64(first), func() []string { return p.groupTexts(key) })
		for i := range g.of {
			a := &g.of[i]
			head := in.uvarint()
			a.n, a.overflow = int64(head>>1), head&1 != 0
			for _, v := range a.parts(&r.program.Aggregates[i]) {
				*v = in.varint()
			}
			if r.program.Aggregates[i].Kind == expr.Number {
				a.number = math.Float64frombits(in.word())
			}
		}
	}
	return s, !in.bad && len(s.order) > 0
}

// groupTexts returns the texts that a group's key is made of.
func (p *plan) groupTexts(key []byte) (texts []string) {
	in := sumsReader{data: key}
	for len(in.data) > 0 && !in.bad {
		texts = append(texts, p.text(in.take(in.uvarint())))
	}
	return texts
}

// sumsReader reads numbers and texts; bad is set once something is not there.
type sumsReader struct {
	data []byte
	bad  bool
}

func (in *sumsReader) uvarint() uint64 {
	v, n := binary.Uvarint(in.data)
	in.skip(n)
	return v
}

func (in *sumsReader) varint() int64 {
	v, n := binary.Varint(in.data)
	in.skip(n)
	return v
}

func (in *sumsReader) word() uint64 {
	b := in.take(8)
	if len(b) < 8 {
		return 0
	}
	return binary.LittleEndian.Uint64(b)
}

func (in *sumsReader) skip(n int) {
	if n <= 0 {
		in.bad, n = true, 0
	}
	in.data = in.data[n:]
}

func (in *sumsReader) take(n uint64) []byte {
	if in.bad || n > uint64(len(in.data)) {
		in.bad = true
		return nil
	}
	b := in.data[:n:n]
	in.data = in.data[n:]
	return b
}
