package csv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// place is where a row group stands in a file.
type place struct {
	at     int64
	source *tabular.Source
}

// places returns where row groups stand that a table whose trace is bound to the
// layout can have, too; none if there is nothing to copy. The last one is left out,
// since its end is that of the file, and those that are too large to trust a trace.
func (b *Before) places(layout object.ID) (map[object.ID]place, error) {
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
	places := make(map[object.ID]place, len(groups))
	for i := range groups[:len(groups)-1] {
		if groups[i].Size <= maxKnown {
			places[groups[i].ID] = place{at, &groups[i]}
		}
		at += groups[i].Size
	}
	return places, nil
}

// groupWriter prints the row groups of a table, or copies them.
type groupWriter struct {
	t      *tabular.Table
	p      *Printer
	layout object.ID // see [Layout.traced]
	width  int

	file   io.ReaderAt
	before map[object.ID]place

	spare   sync.Pool
	sources []tabular.Source
}

// piece is a row group as it stands in the file.
type piece struct {
	ref  tabular.GroupRef
	buf  *[]byte
	from *tabular.Source // of the file that it was copied from
}

// piece returns a row group. It is called from several goroutines.
func (g *groupWriter) piece(ctx context.Context, ref tabular.GroupRef) (piece, error) {
	x := piece{ref: ref}
	var ok bool
	if x.buf, ok = g.spare.Get().(*[]byte); !ok {
		x.buf = new([]byte)
	}
	last := ref.First+int64(ref.Rows) == g.t.Rows
	if at, ok := g.before[ref.ID]; ok && !last {
		x.from = at.source
		return x, g.copied(x.buf, at)
	}
	group, err := g.t.Group(ctx, ref)
	if err != nil {
		return x, err
	}
	*x.buf, err = g.p.appendGroup(ctx, (*x.buf)[:0], group, last)
	return x, err
}

func (g *groupWriter) copied(buf *[]byte, at place) error {
	size := int(at.source.Size)
	if cap(*buf) < size {
		*buf = make([]byte, size)
	}
	*buf = (*buf)[:size]
	if _, err := g.file.ReadAt(*buf, at.at); err != nil {
		return fmt.Errorf("copy rows from the file before: %w", err)
	}
	return nil
}

// written takes a piece back, and keeps its source if there is to be a trace. It is
// called from one goroutine.
func (g *groupWriter) written(x piece, keep bool) {
	if keep && !g.layout.IsZero() {
		g.sources = append(g.sources, g.source(x))
	}
	g.spare.Put(x.buf)
}

// source returns what a trace says of a piece. Of one that was printed it says where it
// stands, and not what it is known by: that takes looking at each cell.
func (g *groupWriter) source(x piece) tabular.Source {
	if x.from != nil {
		return *x.from
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
