package csv

import (
	"bytes"
	"cmp"
	"context"
	"io"
	"slices"

	"github.com/constl/constl/tabular"
)

// MergeLayout merges the layouts of three versions of a table for the given
// fields, as merge.LayoutMerger asks: what one side changed is taken, what both
// changed in two ways is reported, if a reader of the file would notice it, and
// else settled alike whichever side is ours. base may be nil. It fails with an
// error that wraps [ErrInvalidLayout] if a layout is not one of this package, and as
// reading the tables does.
func MergeLayout(ctx context.Context, base, ours, theirs *tabular.Table, fields []tabular.Field) (tabular.Layout, func(x tabular.Exception, from *tabular.Table, col int, row [][]byte) (tabular.Exception, bool), []tabular.LayoutClash, error) {
	m := layoutMerge{fields: fields, layouts: make(map[*tabular.Table]*Layout)}
	for _, t := range []*tabular.Table{base, ours, theirs} {
		if t == nil {
			continue
		}
		l, _, err := layoutOf(t)
		if err != nil {
			return tabular.Layout{}, nil, nil, err
		}
		m.layouts[t] = l
	}
	m.base, m.ours, m.theirs = base, ours, theirs
	m.b, m.o, m.t = m.layouts[base], m.layouts[ours], m.layouts[theirs]
	if err := m.encoding(ctx); err != nil {
		return tabular.Layout{}, nil, nil, err
	}
	m.dialect()
	m.header()
	m.rules()
	m.around()
	encoded, err := m.out.Encode()
	if err != nil {
		return tabular.Layout{}, nil, nil, err
	}
	return encoded, m.carry, m.conflicts, nil
}

// Merger is this package as merge.Codec asks for it.
type Merger struct {
	// Workers is the number of goroutines that print; 0 is one per processor.
	Workers int
}

// MergeLayout is the function of that name.
func (Merger) MergeLayout(ctx context.Context, base, ours, theirs *tabular.Table, fields []tabular.Field) (tabular.Layout, func(x tabular.Exception, from *tabular.Table, col int, row [][]byte) (tabular.Exception, bool), []tabular.LayoutClash, error) {
	return MergeLayout(ctx, base, ours, theirs, fields)
}

// WriteTable writes the file that the table stands for, as [Write] does.
func (m Merger) WriteTable(ctx context.Context, w io.Writer, t *tabular.Table) error {
	return Write(ctx, w, t, &WriteOptions{Workers: m.Workers})
}

type layoutMerge struct {
	base, ours, theirs *tabular.Table
	b, o, t            *Layout // b is nil without a base
	fields             []tabular.Field
	layouts            map[*tabular.Table]*Layout
	out                Layout
	conflicts          []tabular.LayoutClash
}

// pick merges one property. clash is set if both sides changed it in two ways;
// the value is then that of ours.
func pick[T comparable](m *layoutMerge, of func(*Layout) T) (value T, clash bool) {
	o, t := of(m.o), of(m.t)
	switch {
	case o == t, m.b != nil && t == of(m.b):
		return o, false
	case m.b != nil && o == of(m.b):
		return t, false
	}
	return o, true
}

// pickLeast merges a property that is not worth a conflict.
func pickLeast[T cmp.Ordered](m *layoutMerge, of func(*Layout) T) T {
	value, clash := pick(m, of)
	if clash {
		return min(of(m.o), of(m.t))
	}
	return value
}

// pickReported merges a property whose conflict people should hear of.
func pickReported[T comparable](m *layoutMerge, part Part, of func(*Layout) T) T {
	value, clash := pick(m, of)
	if clash {
		m.report(part, "both sides changed "+part.sentence()+"; it is that of ours")
	}
	return value
}

func (m *layoutMerge) report(part Part, detail string) {
	c := tabular.LayoutClash{Part: string(part), Ours: m.o.show(part), Theirs: m.t.show(part), Detail: detail}
	if m.b != nil {
		c.Base = m.b.show(part)
	}
	m.conflicts = append(m.conflicts, c)
}

func (m *layoutMerge) dialect() {
	m.gzip()

	m.out.Delimiter = pickReported(m, PartDelimiter, func(l *Layout) byte { return l.Delimiter })
	// With quotes every cell can be written; without them not.
	m.out.Quote = max(m.o.Quote, m.t.Quote)
	m.out.BOM = pickLeast(m, func(l *Layout) byte { return bit(l.BOM) }) == 1
	m.out.BareQuotes = pickLeast(m, func(l *Layout) byte { return bit(l.BareQuotes) }) == 1 && m.out.Quote != 0
	m.out.Comment = pickLeast(m, func(l *Layout) byte { return l.Comment })
	m.out.LineEnd = pickLeast(m, func(l *Layout) LineEnd { return l.LineEnd })
}

// gzip merges what compressed files say besides their text. Nobody would want to
// hear of a conflict in that.
func (m *layoutMerge) gzip() {
	if m.o.Gzip == nil || m.t.Gzip == nil {
		return
	}
	time, clash := pick(m, func(l *Layout) uint32 { return l.gzip().ModTime })
	if clash {
		time = max(m.o.Gzip.ModTime, m.t.Gzip.ModTime)
	}
	g, clash := pick(m, func(l *Layout) Gzip {
		g := l.gzip()
		g.ModTime = 0
		return g
	})
	if clash && bytes.Compare(m.t.Gzip.encoded(), m.o.Gzip.encoded()) < 0 {
		g = *m.t.Gzip
	}
	g.ModTime = time
	m.out.Gzip = &g
}

// gzip returns the value that Gzip points to, if any.
func (l *Layout) gzip() Gzip {
	if l.Gzip == nil {
		return Gzip{}
	}
	return *l.Gzip
}

// encoding merges the encodings. Cells hold UTF-8 in all but one, whose bytes
// cannot be put into a file of another; but ASCII is the same in all.
func (m *layoutMerge) encoding(ctx context.Context) error {
	if (m.o.Encoding == Windows1252) == (m.t.Encoding == Windows1252) {
		m.out.Encoding = pickReported(m, PartEncoding, func(l *Layout) Encoding { return l.Encoding })
		return nil
	}
	m.out.Encoding = Windows1252
	table, layout := m.ours, m.o
	if layout.Encoding == Windows1252 {
		table, layout = m.theirs, m.t
	}
	if layout.Encoding == UTF8 {
		if ascii, err := onlyASCII(ctx, table); err != nil || ascii {
			return err
		}
	}
	m.report(PartEncoding, "one side is in UTF-8, the other in an older encoding, and no cell was converted; look at those beyond ASCII")
	return nil
}

// onlyASCII reports whether all names and cells of a table are ASCII.
func onlyASCII(ctx context.Context, t *tabular.Table) (bool, error) {
	for _, f := range t.Schema.Fields {
		if !isASCII([]byte(f.Name)) {
			return false, nil
		}
	}
	for span, err := range t.Range(ctx, 0, t.Rows, nil) {
		if err != nil {
			return false, err
		}
		for _, cells := range span.Columns {
			if !isASCII(cells.Data) {
				return false, nil
			}
		}
	}
	return true, nil
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func (m *layoutMerge) header() {
	m.out.HeaderEnd = m.out.LineEnd
	if m.out.Header = pickReported(m, PartHeader, func(l *Layout) bool { return l.Header }); !m.out.Header {
		return
	}
	m.out.HeaderRule = pickLeast(m, func(l *Layout) Rule { return l.HeaderRule })
	if m.out.Quote == 0 {
		m.out.HeaderRule = Minimal
	}
	odd := pickLeast(m, func(l *Layout) LineEnd {
		if l.HeaderEnd == l.LineEnd {
			return lineEnds
		}
		return l.HeaderEnd
	})
	if odd < lineEnds {
		m.out.HeaderEnd = odd
	}
	o, t := m.named(m.ours), m.named(m.theirs)
	switch {
	case o && t:
		m.out.HeaderText = []byte(pickLeast(m, func(l *Layout) string { return string(l.HeaderText) }))
	case o:
		m.out.HeaderText = m.o.HeaderText
	case t:
		m.out.HeaderText = m.t.HeaderText
	}
	if len(m.out.HeaderText) == 0 {
		m.out.HeaderText = nil
	}
}

// named reports whether a side's header, in the merged dialect, names the merged
// fields.
func (m *layoutMerge) named(side *tabular.Table) bool {
	l := m.layouts[side]
	return l.Header && l.Delimiter == m.out.Delimiter && l.Quote == m.out.Quote &&
		slices.EqualFunc(side.Schema.Fields, m.fields, func(a, b tabular.Field) bool { return a.Name == b.Name })
}

// rules merges the quoting of every field by its id.
func (m *layoutMerge) rules() {
	var sides [3][]Rule
	for i, t := range []*tabular.Table{m.base, m.ours, m.theirs} {
		if t != nil {
			sides[i] = m.layouts[t].WithFields(t.Schema.Fields, m.fields).Rules
		}
	}
	m.out.Rules = make([]Rule, len(m.fields))
	for i := range m.out.Rules {
		o, t := sides[1][i], sides[2][i]
		switch {
		case m.out.Quote == 0:
		case !hasField(m.ours, m.fields[i].ID):
			m.out.Rules[i] = t
		case !hasField(m.theirs, m.fields[i].ID):
			m.out.Rules[i] = o
		case m.base != nil && hasField(m.base, m.fields[i].ID) && o == sides[0][i]:
			m.out.Rules[i] = t
		case m.base != nil && hasField(m.base, m.fields[i].ID) && t == sides[0][i]:
			m.out.Rules[i] = o
		default:
			m.out.Rules[i] = min(o, t)
		}
	}
}

func hasField(t *tabular.Table, id string) bool {
	return slices.ContainsFunc(t.Schema.Fields, func(f tabular.Field) bool { return f.ID == id })
}

// around merges what stands above and below the rows.
func (m *layoutMerge) around() {
	text := func(l *Layout, s []byte) string { return string(m.out.lines(l, s)) }
	m.out.Preamble = []byte(pickReported(m, PartAbove, func(l *Layout) string { return text(l, l.Preamble) }))
	m.out.Trailer = []byte(pickReported(m, PartBelow, func(l *Layout) string { return text(l, l.Trailer) }))
	m.out.NoFinalEnd = pickLeast(m, func(l *Layout) byte { return bit(l.NoFinalEnd) }) == 1 && len(m.out.Trailer) == 0
}

// lines returns lines of another file with the line ends of this one.
func (l *Layout) lines(from *Layout, text []byte) []byte {
	return bytes.ReplaceAll(text, []byte(from.LineEnd.String()), []byte(l.LineEnd.String()))
}

// carry translates an exception into the merged layout.
func (m *layoutMerge) carry(x tabular.Exception, from *tabular.Table, col int, row [][]byte) (tabular.Exception, bool) {
	l, out := m.layouts[from], &m.out
	if l == nil {
		return x, false
	}
	switch x.Code {
	case CodeLineEnd:
		return x, string(x.Text) != out.LineEnd.String()
	case CodeBefore:
		x.Text = bytes.ReplaceAll(x.Text, []byte(l.LineEnd.String()), []byte(out.LineEnd.String()))
	case CodeShort:
		return x, slices.EqualFunc(from.Schema.Fields, m.fields, func(a, b tabular.Field) bool { return a.ID == b.ID })
	case CodeExtra:
		x.Text = bytes.ReplaceAll(x.Text, []byte{l.Delimiter}, []byte{out.Delimiter})
	case CodeOpposite:
		if x.Col < 0 || col < 0 {
			return x, false
		}
		quoted := !l.Rules[x.Col].asks(row[col])
		return x, out.Rules[col].asks(row[col]) != quoted
	}
	return x, true
}
