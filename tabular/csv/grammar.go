package csv

import (
	"bytes"
	"encoding/binary"
	"math/bits"
)

// span is one cell as it stands in a file.
type span struct {
	end     int  // the first byte after the cell: a delimiter, a row's end, or the end of the bytes
	close   int  // the closing quote of a cell that begins with a quote, else 0
	doubled bool // there are doubled quotes before the closing one
	special bool // the bytes outside the quotes hold a quote or a carriage return
	open    bool // the closing quote is missing; nothing else is set
}

// cell finds the end of the cell that begins at pos (FORMAT.md §2).
func (d *dialect) cell(buf []byte, pos int) span {
	var s span
	i := pos
	if d.quote != 0 && i < len(buf) && buf[i] == d.quote {
		for i++; ; i += 2 {
			n := bytes.IndexByte(buf[i:], d.quote)
			if n < 0 {
				return span{open: true}
			}
			if i += n; i+1 >= len(buf) || buf[i+1] != d.quote {
				break
			}
			s.doubled = true
		}
		s.close = i
		i++
	}
	s.end, s.special = d.bareEnd(buf, i)
	return s
}

const (
	eachByte = 0x0101010101010101
	lowBits  = 0x7f * eachByte
	highBits = 0x80 * eachByte
	// Line ends and quotes are below this, and not much else is.
	lowBytes = '"' + 1
)

// bareEnd returns where what begins at i and has no quotes around it ends, and
// whether it holds a quote or a carriage return. It looks at eight bytes at a
// time for those that could matter: low ones and delimiters. The mask may have
// bits too many, behind the first, but never too few.
func (d *dialect) bareEnd(buf []byte, i int) (end int, special bool) {
	delims := uint64(d.delim) * eachByte
	for ; i+8 <= len(buf); i += 8 {
		x := binary.LittleEndian.Uint64(buf[i:])
		y := x ^ delims
		for found := ((x-lowBytes*eachByte)&^x | (y-eachByte)&^y) & highBits; found != 0; found &= found - 1 {
			at := i + bits.TrailingZeros64(found)>>3
			ends, odd := d.matters(buf, at)
			if ends {
				return at, special
			}
			special = special || odd
		}
	}
	for ; i < len(buf); i++ {
		ends, odd := d.matters(buf, i)
		if ends {
			return i, special
		}
		special = special || odd
	}
	return len(buf), special
}

// matters reports whether the byte at a position ends a bare cell, or else
// whether it is a quote or a carriage return.
func (d *dialect) matters(buf []byte, at int) (ends, odd bool) {
	switch b := buf[at]; {
	case b == d.delim || b == '\n':
		return true, false
	case b == '\r':
		return d.lineEndAt(buf, at) != 0, true
	default:
		return false, b == d.quote && d.quote != 0
	}
}

// lineEndAt returns the length of the row end that stands at pos, or 0.
func (d *dialect) lineEndAt(buf []byte, pos int) int {
	switch {
	case pos >= len(buf):
		return 0
	case buf[pos] == '\n':
		return 1
	case buf[pos] != '\r':
		return 0
	case pos+1 < len(buf) && buf[pos+1] == '\n':
		return 2
	case d.end == CR:
		return 1
	}
	return 0
}

// skipLine returns where the line that begins at pos ends, behind its line end;
// quotes mean nothing in it. ok is false if it has none.
func (d *dialect) skipLine(buf []byte, pos int) (next int, ok bool) {
	for i := pos; i < len(buf); i++ {
		if n := d.lineEndAt(buf, i); n > 0 {
			return i + n, true
		}
	}
	return len(buf), false
}

// plain reports whether the raw cell is its own text.
func (s *span) plain() bool { return s.close == 0 && !s.special }

// exact reports whether the cell is a text in quotes and nothing else.
func (s *span) exact() bool { return s.close != 0 && s.end == s.close+1 }

// appendText appends the text of the cell that begins at pos: what stands in
// quotes with doubled ones made single, then what stands behind them.
func (s *span) appendText(dst, buf []byte, pos int) []byte {
	if s.close == 0 {
		return append(dst, buf[pos:s.end]...)
	}
	inner := buf[pos+1 : s.close]
	for s.doubled {
		i := bytes.IndexByte(inner, buf[pos])
		if i < 0 {
			break
		}
		dst = append(dst, inner[:i+1]...)
		inner = inner[i+2:]
	}
	dst = append(dst, inner...)
	return append(dst, buf[s.close+1:s.end]...)
}
