package csv

import (
	"bytes"
	"io"

	"github.com/constl/constl/tabular"
)

const (
	// slabBytes is how much of a file one goroutine parses at a time.
	slabBytes = 1 << 20
	// lookBack is how far before a slab's end an end of a row outside quotes is
	// looked for.
	lookBack = 64 << 10
)

// splitter cuts a text into slabs that likely end where a row ends. It can be
// wrong about quotes; whoever parses a slab finds out.
type splitter struct {
	r     io.Reader
	d     dialect
	size  int
	carry []byte                // read, and not yet part of a slab
	get   func(size int) []byte // an empty buffer of at least this capacity
	eof   bool

	groups []tabular.Source // that may come, in order; see known.go
	lost   int              // bytes since one was found
}

// next returns the next slab.
func (s *splitter) next() *slab {
	for len(s.groups) > 0 {
		if x := s.nextKnown(); x != nil {
			return x
		}
	}
	x := &slab{}
	x.raw, x.final, x.err = s.cut()
	return x
}

// cut returns the next slab, which ends with a line end unless it is final.
func (s *splitter) cut() (slab []byte, final bool, err error) {
	target := max(s.size, len(s.carry)+1)
	buf := append(s.get(target+wideBytes), s.carry...)
	s.carry = nil
	for {
		if buf, err = s.fill(buf, target); err != nil {
			return nil, false, err
		}
		if s.eof {
			return buf, true, nil
		}
		if cut := s.d.splitAt(buf); cut > 0 {
			s.carry = append(s.carry, buf[cut:]...)
			return buf[:cut], false, nil
		}
		if len(buf) > tabular.MaxRow+s.size {
			return nil, false, notTable("a line of more than %d bytes", tabular.MaxRow)
		}
		target = len(buf) + s.size
	}
}

// fill reads until buf is target bytes long or the text ends.
func (s *splitter) fill(buf []byte, target int) ([]byte, error) {
	if cap(buf) < target {
		buf = append(make([]byte, 0, 2*target+wideBytes), buf...)
	}
	n, err := io.ReadFull(s.r, buf[len(buf):target])
	buf = buf[:len(buf)+n]
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		s.eof, err = true, nil
	}
	return buf, err
}

// splitAt returns where the last line of buf ends that is not blank and whose end
// is likely not inside quotes, or 0 if there is no line end at all.
func (d *dialect) splitAt(buf []byte) int {
	newline := byte('\n')
	if d.end == CR {
		newline = '\r'
	}
	quotes := 0
	if d.quote != 0 {
		quotes = bytes.Count(buf, []byte{d.quote})
	}
	last, end := 0, len(buf)
	for {
		p := bytes.LastIndexByte(buf[:end], newline)
		if p < 0 {
			return last
		}
		if d.quote != 0 {
			quotes -= bytes.Count(buf[p:end], []byte{d.quote})
		}
		end = p
		// A carriage return may be half of a line end.
		if newline == '\r' && (p+1 == len(buf) || buf[p+1] == '\n') {
			continue
		}
		if d.blankBefore(buf, p) {
			continue
		}
		if last == 0 {
			last = p + 1
		}
		if quotes%2 == 0 {
			return p + 1
		}
		if len(buf)-p > lookBack {
			return last
		}
	}
}

// blankBefore reports whether the line that ends at p holds nothing.
func (d *dialect) blankBefore(buf []byte, p int) bool {
	if p > 0 && buf[p] == '\n' && buf[p-1] == '\r' {
		p--
	}
	return p == 0 || buf[p-1] == '\n' || d.end == CR && buf[p-1] == '\r'
}
