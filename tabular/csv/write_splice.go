package csv

import (
	"bytes"
	"context"
	"slices"

	"github.com/constl/constl/tabular"
)

// splice makes in buf the bytes of a row group out of those of one that stands in the
// file before and has as many rows, the cells that differ printed anew. It reports
// false if that cannot be done: where rows have exceptions, or quotes need not come in pairs.
func (g *groupWriter) splice(ctx context.Context, buf *[]byte, group *tabular.Group, at place) (bool, error) {
	was, err := g.before.table.Group(ctx, tabular.GroupRef{ID: at.source.ID, Rows: at.source.Rows, Tail: at.source.Tail})
	if err != nil || was.Width() != group.Width() || g.p.end == CR.String() {
		return false, nil // the file before is a saving, and need not be whole
	}
	for _, side := range []*tabular.Group{was, group} {
		if exceptions, err := side.Exceptions(ctx); err != nil || len(exceptions) > 0 {
			return false, err
		}
	}
	var changed []respelled
	for c := range group.Width() {
		if group.SameCells(c, was, c) {
			continue
		}
		x := respelled{col: c}
		if x.was, err = was.Cells(ctx, c); err != nil {
			return false, nil
		}
		if x.is, err = group.Cells(ctx, c); err != nil {
			return false, err
		}
		changed = append(changed, x)
	}
	old := g.buffer()
	defer g.recycle(old)
	if err := g.before.read(old, at); err != nil {
		return false, err
	}
	s := splicer{p: g.p, changed: changed, width: group.Width()}
	if s.quotes = g.p.d.quote != 0 && bytes.IndexByte(*old, g.p.d.quote) >= 0; s.quotes && g.p.layout.BareQuotes {
		return false, nil
	}
	var ok bool
	*buf, ok = s.append(slices.Grow((*buf)[:0], len(*old)+len(*old)/16), *old, group.Rows())
	return ok, nil
}

// respelled is a column in which some cells differ.
type respelled struct {
	col     int
	was, is tabular.Cells
}

func (x *respelled) differs(row int) bool {
	return !bytes.Equal(cellOf(&x.was, row), cellOf(&x.is, row))
}

func cellOf(c *tabular.Cells, row int) []byte {
	from := uint32(0)
	if row > 0 {
		from = c.Ends[row-1]
	}
	return c.Data[from:c.Ends[row]]
}

// splicer puts cells into rows that have no exceptions.
type splicer struct {
	p       *Printer
	changed []respelled
	width   int
	quotes  bool // there are some
}

// append appends the rows of text with the cells that differ. It reports false if text
// does not hold so many rows of so many cells.
func (s *splicer) append(dst, text []byte, rows int) ([]byte, bool) {
	kept, at := 0, 0 // what is before is in dst, or to come into it as it is
	for row := range rows {
		end := s.index(text[at:], '\n') + 1
		if end == 0 {
			return dst, false
		}
		if anyDiffers(s.changed, row) {
			var ok bool
			if dst, ok = s.appendRow(append(dst, text[kept:at]...), text[at:at+end], row); !ok {
				return dst, false
			}
			kept = at + end
		}
		at += end
	}
	return append(dst, text[kept:]...), at == len(text)
}

// index returns where the byte first stands outside of quotes, or -1.
func (s *splicer) index(text []byte, b byte) int {
	for from, inside := 0, false; ; {
		at := bytes.IndexByte(text[from:], b)
		if at < 0 || !s.quotes {
			return at
		}
		if bytes.Count(text[from:from+at], []byte{s.p.d.quote})%2 == 1 {
			inside = !inside
		}
		if from += at; !inside {
			return from
		}
		from++
	}
}

func anyDiffers(changed []respelled, row int) bool {
	for i := range changed {
		if changed[i].differs(row) {
			return true
		}
	}
	return false
}

func (s *splicer) appendRow(dst, line []byte, row int) ([]byte, bool) {
	line, ok := bytes.CutSuffix(line, []byte(s.p.end))
	changed := s.changed
	for col := range s.width {
		end := s.index(line, s.p.d.delim)
		if ok = ok && (end < 0) == (col == s.width-1); !ok {
			return dst, false
		}
		if end < 0 {
			end = len(line)
		}
		if len(changed) > 0 && changed[0].col == col {
			dst = s.p.appendCell(dst, cellOf(&changed[0].is, row), s.p.layout.Rules[col], col == 0, s.width == 1)
			changed = changed[1:]
		} else {
			dst = append(dst, line[:end]...)
		}
		if end < len(line) {
			dst = append(dst, s.p.d.delim)
			line = line[end+1:]
		}
	}
	return append(dst, s.p.end...), true
}
