package csv

import (
	"bytes"
	"slices"

	"github.com/constl/constl/tabular"
)

// oddRow reads any row and returns where the next one begins; 0 if the row does
// not end within the bytes. Whatever the printer would print otherwise becomes an
// exception. The row is then printed and compared, unless it has one cell for each
// field, no exceptions, and no quotes inside quotes: then each cell stands as it
// is or in quotes, as its rule or its text wants it, and that is how it is printed.
func (r *run) oddRow(pos int) (int, error) {
	width, have := len(r.rules), len(r.refs)
	if cap(r.refs)-have < width {
		r.growRefs()
	}
	refs := r.refs[have : have+width]
	clear(refs)
	r.odd = r.odd[:0]
	bytesHad := len(r.buf)
	k, at, extra, doubled := 0, pos, -1, false
	if r.plainTo > pos {
		if n, start := r.splitCells(refs, pos, r.plainTo); n > 0 {
			k, at = n, start
			r.odd = r.takeRuled(r.odd, refs, n)
		}
	}
	for {
		s := r.d.cell(r.buf[:r.n], at)
		if s.open {
			if r.final {
				return 0, notTable("a quote is opened and never closed")
			}
			r.buf = r.buf[:bytesHad]
			return 0, nil
		}
		if k < width {
			refs[k] = r.takeCell(&s, at, k)
			doubled = doubled || s.doubled
		}
		k++
		at = s.end
		if at == r.n || r.buf[at] != r.d.delim {
			break
		}
		if k == width {
			extra = at
		}
		at++
	}
	end := r.d.lineEndAt(r.buf[:r.n], at)
	if end == 0 && !r.final {
		r.buf = r.buf[:bytesHad]
		return 0, nil
	}
	r.refs = r.refs[:have+width]
	first := len(r.exceptions)
	r.takeBefore(pos)
	r.takeShape(k, extra, at, end)
	r.exceptions = append(r.exceptions, r.odd...)
	if at-pos > tabular.MaxRow {
		return 0, notTable("a row of %d bytes, at most %d are allowed", at-pos, tabular.MaxRow)
	}
	if k == width && !doubled && len(r.exceptions) == first {
		return at + end, nil
	}
	return at + end, r.prove(at+end, refs, r.exceptions[first:], end == 0)
}

// takeCell returns where the text of a cell stands and, if the printer would
// spell it otherwise, notes an exception.
func (r *run) takeCell(s *span, at, col int) tabular.Ref {
	plain := s.plain() || s.close == 0 && !r.d.needs(r.buf[at:s.end], col == 0, false)
	switch {
	case plain:
		if r.rules[col].asks(r.buf[at:s.end]) {
			r.note(col, CodeOpposite, nil)
		}
		return tabular.Ref{Off: uint32(at), Len: uint32(s.end - at)}
	case s.close == 0:
		r.note(col, CodeLiteral, r.buf[at:s.end:s.end])
		return tabular.Ref{Off: uint32(at), Len: uint32(s.end - at)}
	}
	ref := tabular.Ref{Off: uint32(at + 1), Len: uint32(s.close - at - 1)}
	if s.doubled || !s.exact() {
		start := len(r.buf)
		r.buf = s.appendText(r.buf, r.buf[:r.n], at)
		ref = tabular.Ref{Off: uint32(start), Len: uint32(len(r.buf) - start)}
	}
	text := r.buf[ref.Off : ref.Off+ref.Len]
	switch {
	case !s.exact():
		r.note(col, CodeLiteral, r.buf[at:s.end:s.end])
	case !r.rules[col].asks(text) && !r.d.needs(text, col == 0, r.alone(s, at, col)):
		r.note(col, CodeOpposite, nil)
	}
	return ref
}

// alone reports whether the cell is the only one of its row.
func (r *run) alone(s *span, at, col int) bool {
	return col == 0 && (s.end == r.n || r.buf[s.end] != r.d.delim)
}

func (r *run) note(col int, code uint8, text []byte) {
	r.odd = append(r.odd, tabular.Exception{Row: r.row, Col: col, Code: code, Text: text})
}

// takeShape makes exceptions of a row that has not as many cells as there are
// fields, or another line end. extra is where the cells beyond the fields begin,
// or -1.
func (r *run) takeShape(cells, extra, at, end int) {
	whole := func(code uint8, text []byte) {
		r.exceptions = append(r.exceptions, tabular.Exception{Row: r.row, Col: tabular.WholeRow, Code: code, Text: text})
	}
	if cells < len(r.rules) {
		whole(CodeShort, shortText(cells))
	}
	if extra >= 0 {
		whole(CodeExtra, r.buf[extra:at:at])
	}
	if text := r.buf[at : at+end : at+end]; end > 0 && string(text) != r.proof.end {
		whole(CodeLineEnd, text)
	}
}

// prove prints the row and compares it with what stands in the file.
func (r *run) prove(next int, refs []tabular.Ref, exceptions []tabular.Exception, last bool) error {
	r.cells = slices.Grow(r.cells[:0], len(refs))
	for _, ref := range refs {
		r.cells = append(r.cells, r.buf[ref.Off:ref.Off+ref.Len])
	}
	r.printed = r.proof.appendRow(r.printed[:0], r.cells, exceptions, last)
	if !bytes.Equal(r.printed, r.buf[r.before:next]) {
		return notTable("a row that could not be written back byte for byte")
	}
	return nil
}
