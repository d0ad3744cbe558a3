package csv

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/constl/constl/tabular"
)

// Printer prints rows as a layout has it. It is safe for use by several goroutines.
type Printer struct {
	layout *Layout
	d      dialect
	end    string
}

// NewPrinter returns a printer for files of the given layout. It fails with an
// error that wraps [ErrInvalidLayout] if the layout breaks a rule.
func NewPrinter(l *Layout) (*Printer, error) {
	if err := l.validate(); err != nil {
		return nil, err
	}
	return &Printer{layout: l, d: l.dialect(), end: l.LineEnd.String()}, nil
}

// AppendHead appends what stands above the first row: preamble and header. The
// byte order mark and the encoding are the writer's affair. last says that no
// row follows.
func (p *Printer) AppendHead(dst []byte, names []string, last bool) []byte {
	l := p.layout
	dst = append(dst, l.Preamble...)
	if !l.Header {
		return dst
	}
	if l.HeaderText != nil {
		dst = append(dst, l.HeaderText...)
	} else {
		dst = p.appendHeader(dst, names)
	}
	if last && l.NoFinalEnd {
		return dst
	}
	return append(dst, l.HeaderEnd.String()...)
}

func (p *Printer) appendHeader(dst []byte, names []string) []byte {
	for i, name := range names {
		if i > 0 {
			dst = append(dst, p.layout.Delimiter)
		}
		dst = p.appendCell(dst, []byte(name), p.layout.HeaderRule, i == 0, len(names) == 1)
	}
	return dst
}

// AppendTail appends what stands below the last row.
func (p *Printer) AppendTail(dst []byte) []byte { return append(dst, p.layout.Trailer...) }

func (p *Printer) appendCell(dst, text []byte, rule Rule, first, only bool) []byte {
	if rule.asks(text) || p.d.needs(text, first, only) {
		return appendQuoted(dst, text)
	}
	return append(dst, text...)
}

// appendOpposite appends a cell in quotes if its rule has none, and the other way
// round, unless it cannot do without.
func (p *Printer) appendOpposite(dst, text []byte, rule Rule, first, only bool) []byte {
	if !rule.asks(text) || p.d.needs(text, first, only) {
		return appendQuoted(dst, text)
	}
	return append(dst, text...)
}

// appendRow appends one row with its exceptions. last says that the file ends
// behind it.
func (p *Printer) appendRow(dst []byte, cells [][]byte, exceptions []tabular.Exception, last bool) []byte {
	n, extra, end := len(cells), []byte(nil), p.end
	for len(exceptions) > 0 && exceptions[0].Col == tabular.WholeRow {
		x := &exceptions[0]
		exceptions = exceptions[1:]
		switch x.Code {
		case CodeBefore:
			dst = append(dst, x.Text...)
		case CodeShort:
			n = ShortCells(x.Text, len(cells))
		case CodeExtra:
			extra = x.Text
		case CodeLineEnd:
			end = string(x.Text)
		}
	}
	// Someone may have filled in what the row lacked.
	for n < len(cells) && slices.ContainsFunc(cells[n:], func(c []byte) bool { return len(c) > 0 }) {
		n++
	}
	for i, text := range cells[:n] {
		if i > 0 {
			dst = append(dst, p.d.delim)
		}
		code, literal := byte(0), []byte(nil)
		for len(exceptions) > 0 && exceptions[0].Col <= i {
			code, literal = exceptions[0].Code, exceptions[0].Text
			exceptions = exceptions[1:]
		}
		only := n == 1 && len(extra) == 0
		switch {
		case code == CodeLiteral && p.d.spells(literal, text, nil):
			dst = append(dst, literal...)
		case code == CodeOpposite:
			dst = p.appendOpposite(dst, text, p.layout.Rules[i], i == 0, only)
		default:
			dst = p.appendCell(dst, text, p.layout.Rules[i], i == 0, only)
		}
	}
	dst = append(dst, extra...)
	if last && p.layout.NoFinalEnd {
		return dst
	}
	return append(dst, end...)
}

// AppendRows appends rows with their exceptions. last says that the file's last
// row is among them. It fails with an error that wraps [ErrInvalidLayout] if the
// layout is not one for rows of this width.
func (p *Printer) AppendRows(dst []byte, rows *tabular.Rows, last bool) ([]byte, error) {
	if rows.Width != len(p.layout.Rules) {
		return dst, fmt.Errorf("%w: it is for %d fields, the rows have %d", ErrInvalidLayout, len(p.layout.Rules), rows.Width)
	}
	cells := make([][]byte, rows.Width)
	exceptions := rows.Exceptions
	for r := range rows.Len() {
		for c := range cells {
			cells[c] = rows.Cell(r, c)
		}
		var own []tabular.Exception
		own, exceptions = takeRow(exceptions, r)
		dst = p.appendRow(dst, cells, own, last && r == rows.Len()-1)
	}
	return dst, nil
}

// takeRow splits off the exceptions of a row.
func takeRow(list []tabular.Exception, row int) (own, rest []tabular.Exception) {
	n := 0
	for n < len(list) && list[n].Row <= row {
		n++
	}
	return list[:n], list[n:]
}

// column is a column on its way to be printed.
type column struct {
	data  []byte
	ends  []uint32
	start uint32 // where the next row's cell begins
	mode  columnMode
}

// columnMode says how much of a column's cells must be looked at.
type columnMode uint8

const (
	modeBare   columnMode = iota // all cells are printed as they are
	modeQuoted                   // all cells are printed in quotes, none inside
	modeCells                    // each cell must be looked at
)

// mode finds out for a whole column at once what would be dear for each cell.
func (p *Printer) mode(data []byte, col, width int) columnMode {
	has := func(b byte) bool { return bytes.IndexByte(data, b) >= 0 }
	rule := p.layout.Rules[col]
	switch {
	case rule == Always && !has('"'):
		return modeQuoted
	case rule != Minimal, width == 1, has(p.d.delim), has('\n'), has('\r'),
		p.d.quote != 0 && has(p.d.quote), col == 0 && p.d.comment != 0 && has(p.d.comment):
		return modeCells
	}
	return modeBare
}

// AppendColumns appends the rows from ≤ row < to, which stand in columns, with
// their exceptions; those of other rows are left out. last says that row to-1 is
// the file's last. It fails with an error that wraps [ErrInvalidLayout] if the
// layout is not one for this many columns.
func (p *Printer) AppendColumns(dst []byte, columns []tabular.Cells, exceptions []tabular.Exception, from, to int, last bool) ([]byte, error) {
	if len(columns) != len(p.layout.Rules) {
		return dst, fmt.Errorf("%w: it is for %d fields, the table has %d", ErrInvalidLayout, len(p.layout.Rules), len(columns))
	}
	cols := make([]column, len(columns))
	size := 0
	for i, c := range columns {
		cols[i] = column{data: c.Data, ends: c.Ends, mode: p.mode(c.Data, i, len(columns))}
		if from > 0 {
			cols[i].start = c.Ends[from-1]
		}
		size += len(c.Data)
	}
	dst = slices.Grow(dst, size+(to-from)*(len(columns)+len(p.end)))
	_, exceptions = takeRow(exceptions, from-1)
	var scratch [][]byte
	for r := from; r < to; r++ {
		lastRow := last && r == to-1
		if lastRow || len(exceptions) > 0 && exceptions[0].Row == r {
			var own []tabular.Exception
			own, exceptions = takeRow(exceptions, r)
			scratch = scratch[:0]
			for i := range cols {
				scratch = append(scratch, cols[i].next(r))
			}
			dst = p.appendRow(dst, scratch, own, lastRow)
			continue
		}
		dst = p.appendRuled(dst, cols, r)
	}
	return dst, nil
}

// appendRuled appends a row that has no exceptions.
func (p *Printer) appendRuled(dst []byte, cols []column, row int) []byte {
	for i := range cols {
		if i > 0 {
			dst = append(dst, p.d.delim)
		}
		c := &cols[i]
		text := c.next(row)
		switch c.mode {
		case modeBare:
			dst = append(dst, text...)
		case modeQuoted:
			dst = append(dst, '"')
			dst = append(dst, text...)
			dst = append(dst, '"')
		case modeCells:
			dst = p.appendCell(dst, text, p.layout.Rules[i], i == 0, len(cols) == 1)
		}
	}
	return append(dst, p.end...)
}

func (c *column) next(row int) []byte {
	end := c.ends[row]
	text := c.data[c.start:end]
	c.start = end
	return text
}
