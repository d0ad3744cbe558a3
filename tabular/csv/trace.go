package csv

import (
	"errors"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Trace says where in a file's bytes the row groups of its table stand, so that a
// [Read] of the file as it is later only reads the rows of those whose bytes have
// changed, and a [Write] of a later table copies those that it has, too. It is a saving that no id depends on; whoever keeps it must see to it
// that nobody else can change it. It is never changed and may be used by several
// goroutines.
type Trace struct {
	table  object.ID // whose groups they are
	layout object.ID // a hash of the layout that rows are read by
	groups []tabular.Source
}

// ErrNoTrace says that bytes are not those of a [Trace].
var ErrNoTrace = errors.New("csv: no trace")

const traceVersion = 1

// Table returns the id of the table that the trace is of.
func (t *Trace) Table() object.ID { return t.table }

// traced returns what a trace is bound to: how rows are read and printed, which the
// trailer and the end of the last row have no part in. It is zero where the text is
// not the file's bytes.
func (l *Layout) traced() object.ID {
	if l.Gzip != nil || l.Encoding.byteOrder() != nil {
		return object.ID{}
	}
	rows := *l
	rows.Trailer, rows.NoFinalEnd = nil, false
	data, err := rows.Encode()
	if err != nil {
		return object.ID{}
	}
	return object.Sum(data.Data)
}

func (s *Scanner) traced() object.ID {
	if s.gz != nil {
		return object.ID{}
	}
	return s.layout.traced()
}

// knownGroups returns the groups of the parent that may be known by their bytes.
func (res *Result) knownGroups(s *Scanner, o *ReadOptions) []tabular.Source {
	t, p := o.Trace, o.Parent
	if t == nil || p == nil || t.table != p.ID || t.layout != s.traced() || t.layout.IsZero() {
		return nil
	}
	same := slices.EqualFunc(res.Schema.Fields, p.Schema.Fields, func(a, b tabular.Field) bool { return a.ID == b.ID })
	if !same || !slices.Equal(res.Schema.ChunkColumns(), p.Schema.ChunkColumns()) || len(t.groups) == 0 || len(t.groups[0].Columns) != len(p.Schema.Fields) {
		return nil
	}
	return t.groups
}

// trace keeps where the row groups stand. The last one is not to be known: what
// ends it is the end of the file.
func (res *Result) trace(b *tabular.Builder, s *Scanner) error {
	groups, err := b.Sources()
	layout := s.traced()
	if err != nil || len(groups) < 2 || layout.IsZero() {
		return err
	}
	groups[len(groups)-1].Sum = object.ID{}
	res.Trace = &Trace{table: res.Table, layout: layout, groups: groups}
	return nil
}

// Encode returns the trace as bytes, sealed by their hash.
func (t *Trace) Encode() []byte {
	var e object.Encoder
	e.Byte(traceVersion)
	e.ID(t.table)
	e.ID(t.layout)
	e.Uvarint(uint64(len(t.groups[0].Columns)))
	e.Uvarint(uint64(len(t.groups)))
	for i := range t.groups {
		g := &t.groups[i]
		e.ID(g.ID)
		e.ID(g.Sum)
		e.Uvarint(uint64(g.Rows))
		e.Uvarint(g.Tail)
		e.Uvarint(uint64(g.Size))
		e.Bytes(g.Head)
		for _, c := range g.Columns {
			e.Byte(byte(c.Class))
			e.Uvarint(uint64(c.Cells))
			e.Uvarint(uint64(c.Empty))
			e.Uvarint(uint64(c.Tokens))
			e.Uvarint(uint64(c.MaxLen))
		}
	}
	sum := object.Sum(e.Body())
	return append(e.Body(), sum[:]...)
}

// minGroup and minColumn are the least bytes that a group and a column take up.
const (
	minGroup  = 2*object.IDSize + 4
	minColumn = 5
	maxKept   = 1 << 40 // the largest number
)

// DecodeTrace is the inverse of [Trace.Encode]. It fails with [ErrNoTrace].
func DecodeTrace(data []byte) (*Trace, error) {
	end := len(data) - object.IDSize
	if end < 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrNoTrace, len(data))
	}
	if sum := object.Sum(data[:end]); string(sum[:]) != string(data[end:]) {
		return nil, fmt.Errorf("%w: damaged", ErrNoTrace)
	}
	d := object.NewBodyDecoder(data[:end])
	if v := d.Byte(); v != traceVersion {
		return nil, fmt.Errorf("%w: version %d", ErrNoTrace, v)
	}
	t := &Trace{table: d.ID(), layout: d.ID()}
	width := d.Count(minColumn)
	groups := d.Count(minGroup + width*minColumn)
	if d.Err() == nil && (width == 0 || groups == 0) {
		d.Fail("%d row groups of %d columns", groups, width)
	}
	for range groups {
		t.groups = append(t.groups, decodeSource(d, width))
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTrace, err)
	}
	return t, nil
}

func decodeSource(d *object.Decoder, width int) tabular.Source {
	g := tabular.Source{ID: d.ID(), Sum: d.ID(), Rows: int(d.Size(maxKept)), Tail: d.Uvarint(), Size: d.Size(maxKept), Head: d.Bytes(tabular.SourceHead)}
	if d.Err() == nil && (g.Rows < 1 || g.Size < 1 || len(g.Head) < 1 || int64(len(g.Head)) > g.Size) {
		d.Fail("a row group of %d rows in %d bytes", g.Rows, g.Size)
	}
	g.Columns = make([]tabular.CellStats, 0, width)
	for range width {
		g.Columns = append(g.Columns, tabular.CellStats{
			Class: tabular.Class(d.Byte()), Cells: d.Size(maxKept), Empty: d.Size(maxKept), Tokens: d.Size(maxKept), MaxLen: int(d.Size(maxKept)),
		})
	}
	return g
}
