package csv

import (
	"bytes"
	"fmt"

	"github.com/constl/constl/tabular"
)

const (
	// maxKnown is how large a row group is looked for, in bytes.
	maxKnown = 16 << 20
	// ahead is how many row groups behind the next one are looked for where that
	// one is not found.
	ahead = 4
	// slack is how many bytes more than it had a row group is looked through.
	slack = 64 << 10
	// maxLost is after how many bytes without any row group that is known no more
	// are looked for.
	maxLost = 8 << 20
)

// nextKnown returns the next slab: what is likely the next of the groups, or what
// stands before one. It returns nil if there is none left to look for, or if
// another one is to be looked for here.
func (s *splitter) nextKnown() *slab {
	g := &s.groups[0]
	if g.Size > maxKnown || s.lost > maxLost {
		s.groups = nil
		return nil
	}
	size := int(g.Size)
	buf, err := s.window(nil, size+tabular.SourceHead)
	if err != nil {
		return &slab{err: err}
	}
	if len(s.groups) > 1 && len(buf) > size && bytes.HasPrefix(buf, g.Head) && bytes.HasPrefix(buf[size:], s.groups[1].Head) {
		x := s.upTo(buf, size)
		s.groups, s.lost = s.groups[1:], 0
		if g.Known() {
			x.group = g
		}
		return x
	}
	return s.search(buf)
}

// search returns what stands before the first of the next groups that is found.
func (s *splitter) search(buf []byte) *slab {
	to := 0
	for k := range s.groups[:min(len(s.groups), 1+ahead)] {
		if to += int(s.groups[k].Size); to > maxKnown {
			break
		}
		var err error
		if buf, err = s.window(buf, to+slack); err != nil {
			return &slab{err: err}
		}
		at := s.d.lineIndex(buf, s.groups[k].Head)
		if at < 0 || at == 0 && k == 0 {
			continue
		}
		s.groups, s.lost = s.groups[k:], 0
		if at == 0 {
			s.carry = buf
			return nil
		}
		return s.upTo(buf, at)
	}
	s.carry = buf
	x := &slab{}
	x.raw, x.final, x.err = s.cut()
	s.lost += len(x.raw)
	return x
}

// window returns the text ahead, at least so many bytes if there are as many. buf
// is what it returned before, or nil.
func (s *splitter) window(buf []byte, size int) ([]byte, error) {
	if buf == nil {
		size = max(size, len(s.carry))
		buf = append(s.get(size+wideBytes), s.carry...)
		s.carry = nil
	}
	if len(buf) >= size || s.eof {
		return buf, nil
	}
	return s.fill(buf, size)
}

// upTo makes a slab of the first n bytes of what is ahead.
func (s *splitter) upTo(buf []byte, n int) *slab {
	s.carry = append([]byte(nil), buf[n:]...)
	return &slab{raw: buf[:n]}
}

// lineIndex returns where a line of text begins with head, or -1.
func (d *dialect) lineIndex(text, head []byte) int {
	newline := byte('\n')
	if d.end == CR {
		newline = '\r'
	}
	for from := 0; ; {
		at := bytes.Index(text[from:], head)
		if at < 0 {
			return -1
		}
		if at += from; at == 0 || text[at-1] == newline {
			return at
		}
		from = at + 1
	}
}

// parseKnown takes the rows of a known row group apart after all.
func (s *Scanner) parseKnown(raw []byte) (tabular.Rows, error) {
	p := s.parser.parse(raw, false, s.spareRows())
	if p.err == nil && p.done != len(raw) {
		p.err = fmt.Errorf("csv: a row group of %d bytes ends in a row, at byte %d", len(raw), p.done)
	}
	return p.rows, p.err
}
