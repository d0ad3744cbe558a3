package csv

import (
	"context"
	"fmt"
	"io"

	"github.com/constl/constl/tabular"
)

// WriteOptions tunes [Write].
type WriteOptions struct {
	// Workers is the number of goroutines that decode and print; 0 is one per
	// processor.
	Workers int
	// Before, if not nil, is an earlier file, from which the row groups are copied
	// that the table has, too.
	Before *Before
	// Trace, if not nil, is called with the trace of the file before Write returns, if
	// there is one to be had.
	Trace func(*Trace)
}

// Before is a file that holds a table. What is copied from it is not checked: unless
// nobody else can have changed the file, whoever uses it compares the hash of what was
// written.
type Before struct {
	File  io.ReaderAt
	Table *tabular.Table
	Trace *Trace // of the table's file
}

// Write writes the file that the table stands for, byte for byte. It fails with
// [ErrInvalidLayout] if the table is not one of this codec, with [ErrEncoding] if
// a merge brought in what the file's encoding cannot hold, and as w, the file
// before and the table's store do. A nil o stands for the defaults.
func Write(ctx context.Context, w io.Writer, t *tabular.Table, o *WriteOptions) error {
	if o == nil {
		o = &WriteOptions{}
	}
	l, p, err := layoutOf(t)
	if err != nil {
		return err
	}
	out, err := l.newWriter(w)
	if err != nil {
		return fmt.Errorf("write the file's header: %w", err)
	}
	if _, err := out.Write(p.AppendHead(nil, namesOf(t.Schema.Fields), t.Rows == 0)); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	groups := &groupWriter{t: t, p: p, layout: l.traced(), width: len(l.Rules), out: out, spare: make(chan *[]byte, spareBuffers)}
	if groups.before, err = o.Before.places(groups.layout); err != nil {
		return err
	}
	err = tabular.MapRefs(ctx, t, o.Workers, groups.piece, func(x piece) error { return groups.write(x, o.Trace != nil) })
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	if _, err := out.Write(p.AppendTail(nil)); err != nil {
		return fmt.Errorf("write what stands below the rows: %w", err)
	}
	if err := out.Close(); err != nil {
		return err
	}
	if trace := groups.trace(); trace != nil {
		o.Trace(trace)
	}
	return nil
}

// layoutOf returns a table's layout, which fits its fields, and a printer.
func layoutOf(t *tabular.Table) (*Layout, *Printer, error) {
	l, err := DecodeLayout(t.Layout)
	if err != nil {
		return nil, nil, err
	}
	if len(l.Rules) != len(t.Schema.Fields) {
		return nil, nil, fmt.Errorf("%w: it is for %d fields, the table has %d", ErrInvalidLayout, len(l.Rules), len(t.Schema.Fields))
	}
	p, err := NewPrinter(l)
	return l, p, err
}

func namesOf(fields []tabular.Field) []string {
	names := make([]string, len(fields))
	for i := range fields {
		names[i] = fields[i].Name
	}
	return names
}

// RowsOptions says what [WriteRows] writes.
type RowsOptions struct {
	// From and To bound the rows, counted from 0: From ≤ row < To. A To of 0
	// stands for the end of the table.
	From, To int64
	// Columns holds the positions of the columns, in the order in which they are
	// written; nil stands for all.
	Columns []int
	// NoHeader leaves the names of the columns out.
	NoHeader bool
}

// WriteRows writes some rows and columns of a table in the dialect of its file:
// delimiter, line ends and quoting rules, but no byte order mark, no lines around
// the rows, and none of the exceptions. Texts are written as cells hold them:
// those of a UTF-16 file in UTF-8. It reads only the columns concerned. It fails
// with [tabular.ErrOutOfRange] if there is no such column, else as [Write] does.
// A nil o stands for the whole table.
func WriteRows(ctx context.Context, w io.Writer, t *tabular.Table, o *RowsOptions) error {
	if o == nil {
		o = &RowsOptions{}
	}
	l, _, err := layoutOf(t)
	if err != nil {
		return err
	}
	cols := o.Columns
	if cols == nil {
		cols = make([]int, len(l.Rules))
		for i := range cols {
			cols[i] = i
		}
	}
	p, names, err := l.forColumns(t.Schema.Fields, cols)
	if err != nil {
		return err
	}
	buf := []byte(nil)
	if !o.NoHeader {
		buf = append(p.appendHeader(buf, names), p.end...)
	}
	to := o.To
	if to == 0 {
		to = t.Rows
	}
	for span, err := range t.Range(ctx, o.From, to, cols) {
		if err != nil {
			return fmt.Errorf("read rows: %w", err)
		}
		if buf, err = p.AppendColumns(buf, span.Columns, nil, span.From, span.To, false); err != nil {
			return err
		}
		if _, err := w.Write(buf); err != nil {
			return fmt.Errorf("write rows: %w", err)
		}
		buf = buf[:0]
	}
	if _, err := w.Write(buf); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	return nil
}

// forColumns returns a printer for some of the columns, and their names.
func (l *Layout) forColumns(fields []tabular.Field, cols []int) (*Printer, []string, error) {
	if len(cols) == 0 {
		return nil, nil, fmt.Errorf("%w: no columns", tabular.ErrOutOfRange)
	}
	part := &Layout{
		Delimiter: l.Delimiter, Quote: l.Quote, BareQuotes: l.BareQuotes, Comment: l.Comment,
		LineEnd: l.LineEnd, HeaderEnd: l.LineEnd, Header: true, HeaderRule: l.HeaderRule,
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		if c < 0 || c >= len(fields) {
			return nil, nil, fmt.Errorf("%w: column %d of %d", tabular.ErrOutOfRange, c+1, len(fields))
		}
		names[i] = fields[c].Name
		part.Rules = append(part.Rules, l.Rules[c])
	}
	p, err := NewPrinter(part)
	return p, names, err
}
