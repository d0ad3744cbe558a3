package csv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// place is where a row group stands in a file.
type place struct {
	at     int64
	source *tabular.Source
}

// places are the row groups of a file before.
type places struct {
	file  io.ReaderAt
	table *tabular.Table
	byID  map[object.ID]place
	like  map[likeness]place
}

// likeness is what a row group has in common with one of which only cells differ that
// tables are not chunked by.
type likeness struct {
	tail uint64
	rows int
}

// places returns where row groups stand that a table whose trace is bound to the
// layout can have, too; nil if there is nothing to copy. The last one is left out,
// since its end is that of the file, and those that are too large to trust a trace.
func (b *Before) places(layout object.ID) (*places, error) {
	if b == nil || b.Trace == nil || layout.IsZero() || b.Trace.table != b.Table.ID || b.Trace.layout != layout {
		return nil, nil
	}
	l, p, err := layoutOf(b.Table)
	if err != nil {
		return nil, err
	}
	at := int64(len(p.AppendHead(nil, namesOf(b.Table.Schema.Fields), b.Table.Rows == 0)))
	if l.BOM {
		at += int64(len(l.Encoding.bom()))
	}
	groups := b.Trace.groups
	x := &places{file: b.File, table: b.Table, byID: make(map[object.ID]place, len(groups)), like: make(map[likeness]place, len(groups))}
	for i := range groups[:len(groups)-1] {
		if g := &groups[i]; g.Size <= maxKnown {
			x.byID[g.ID] = place{at, g}
			x.like[likeness{g.Tail, g.Rows}] = place{at, g}
		}
		at += groups[i].Size
	}
	return x, nil
}

// read reads a row group's bytes into buf, which may be made anew.
func (x *places) read(buf *[]byte, at place) error {
	*buf = slices.Grow((*buf)[:0], int(at.source.Size))[:at.source.Size]
	if _, err := x.file.ReadAt(*buf, at.at); err != nil {
		return fmt.Errorf("copy rows from the file before: %w", err)
	}
	return nil
}

// copyTo copies a row group's bytes to w by way of buf.
func (x *places) copyTo(w io.Writer, at place, buf []byte) error {
	_, err := io.CopyBuffer(struct{ io.Writer }{w}, io.NewSectionReader(x.file, at.at, at.source.Size), buf)
	if err != nil {
		return fmt.Errorf("copy rows from the file before: %w", err)
	}
	return nil
}

// groupWriter prints the row groups of a table, or copies them.
type groupWriter struct {
	t      *tabular.Table
	p      *Printer
	layout object.ID // see [Layout.traced]
	width  int

	before *places // nil if there is none

	out     io.Writer
	copying []byte
	spare   chan *[]byte
	sources []tabular.Source
}

// spareBuffers is how many buffers wait for the next row group at most.
const spareBuffers = 16

// copyBuffer is how many bytes of the file before are on the way at once: few enough
// for a processor's cache.
const copyBuffer = 256 << 10

// piece is a row group: as it stands in the file, or where it is to be copied from.
type piece struct {
	ref  tabular.GroupRef
	buf  *[]byte
	from place
}

// piece returns a row group. It is called from several goroutines.
func (g *groupWriter) piece(ctx context.Context, ref tabular.GroupRef) (piece, error) {
	x := piece{ref: ref}
	last := ref.First+int64(ref.Rows) == g.t.Rows
	if g.before != nil && !last {
		if at, ok := g.before.byID[ref.ID]; ok {
			x.from = at
			return x, nil
		}
	}
	group, err := g.t.Group(ctx, ref)
	if err != nil {
		return x, err
	}
	x.buf = g.buffer()
	if g.before != nil && !last {
		if at, ok := g.before.like[likeness{ref.Tail, ref.Rows}]; ok {
			if ok, err := g.splice(ctx, x.buf, group, at); ok || err != nil {
				return x, err
			}
		}
	}
	*x.buf, err = g.p.appendGroup(ctx, (*x.buf)[:0], group, last)
	return x, err
}

// buffer returns a buffer that was used before, if there is one. A [sync.Pool] would be
// emptied again and again: next to nothing else is on the heap.
func (g *groupWriter) buffer() *[]byte {
	select {
	case buf := <-g.spare:
		return buf
	default:
		return new([]byte)
	}
}

func (g *groupWriter) recycle(buf *[]byte) {
	select {
	case g.spare <- buf:
	default:
	}
}

// write writes a piece, and keeps its source if there is to be a trace. It is called
// from one goroutine.
func (g *groupWriter) write(x piece, keep bool) error {
	if keep && !g.layout.IsZero() {
		g.sources = append(g.sources, g.source(x))
	}
	if x.buf != nil {
		_, err := g.out.Write(*x.buf)
		g.recycle(x.buf)
		return err
	}
	if g.copying == nil {
		g.copying = make([]byte, copyBuffer)
	}
	return g.before.copyTo(g.out, x.from, g.copying)
}

// source returns what a trace says of a piece. Of one that was printed it says where it
// stands, and not what it is known by: that takes looking at each cell.
func (g *groupWriter) source(x piece) tabular.Source {
	if x.buf == nil {
		return *x.from.source
	}
	text := *x.buf
	return tabular.Source{
		ID: x.ref.ID, Rows: x.ref.Rows, Tail: x.ref.Tail, Size: int64(len(text)),
		Head: bytes.Clone(text[:min(len(text), tabular.SourceHead)]), Columns: make([]tabular.CellStats, g.width),
	}
}

// trace returns the trace of what was written, or nil.
func (g *groupWriter) trace() *Trace {
	if len(g.sources) < 2 {
		return nil
	}
	return &Trace{table: g.t.ID, layout: g.layout, groups: g.sources}
}

func (p *Printer) appendGroup(ctx context.Context, dst []byte, g *tabular.Group, last bool) ([]byte, error) {
	columns := make([]tabular.Cells, g.Width())
	for c := range columns {
		var err error
		if columns[c], err = g.Cells(ctx, c); err != nil {
			return dst, err
		}
	}
	exceptions, err := g.Exceptions(ctx)
	if err != nil {
		return dst, err
	}
	return p.AppendColumns(dst, columns, exceptions, 0, g.Rows(), last)
}
