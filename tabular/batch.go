package tabular

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"sync/atomic"
)

// batch is a [Rows] on its way through a [Builder].
type batch struct {
	rows       Rows
	hashes     []uint64 // of each row's chunking cells
	sizes      []uint32 // of each row: its cells, a byte more for each, its exceptions
	exceptions exceptionCells
	rising     bool // every chunking cell is behind the one before, see behind
	foreign    bool // the rows were not given to Add
	err        error
	ready      chan struct{} // closed when the fields above are set
	uses       atomic.Int32  // by the cutter and by groups not yet encoded
}

// measure fills in hashes, sizes and exceptions.
func (b *batch) measure(chunkedBy []int) {
	n, width := b.rows.Len(), b.rows.Width
	if b.err = b.exceptions.set(b.rows.Exceptions, n, width); b.err != nil {
		return
	}
	b.hashes = slices.Grow(b.hashes[:0], n)[:n]
	b.sizes = slices.Grow(b.sizes[:0], n)[:n]
	buf := b.rows.Buf
	for r := range n {
		row := b.rows.Cells[r*width : (r+1)*width]
		size := uint64(width)
		longest := uint32(0)
		for _, ref := range row {
			size += uint64(ref.Len)
			longest = max(longest, ref.Len)
		}
		if size > MaxRow || longest > MaxCell {
			b.err = fmt.Errorf("%w: a cell of %d bytes in a row of %d", ErrTooLarge, longest, size)
			return
		}
		h := uint64(0)
		for _, c := range chunkedBy {
			ref := row[c]
			h = addToHash(h, buf[ref.Off:ref.Off+ref.Len])
		}
		b.hashes[r], b.sizes[r] = h, uint32(size)
	}
	start := uint32(0)
	for i, end := range b.exceptions.cells.Ends {
		r := b.exceptions.rows[i]
		if b.sizes[r] += end - start; b.sizes[r] > MaxRow || end-start > MaxCell {
			b.err = fmt.Errorf("%w: %d bytes of exceptions in one row", ErrTooLarge, end-start)
			return
		}
		start = end
	}
	b.rising = len(chunkedBy) == 1 && b.isRising(chunkedBy[0])
}

func (b *batch) isRising(col int) bool {
	for r := 1; r < b.rows.Len(); r++ {
		if !behind(b.rows.Cell(r, col), b.rows.Cell(r-1, col)) {
			return false
		}
	}
	return true
}

// behind orders texts by length and then by bytes, as numbers and most
// identifiers that count up are ordered.
func behind(a, b []byte) bool {
	if len(a) != len(b) {
		return len(a) > len(b)
	}
	return bytes.Compare(a, b) > 0
}

// span is a run of rows of a batch that belong to one group.
type span struct {
	b        *batch
	from, to int
}

// gather collects a column's cells from the rows of spans into dst.
func gather(dst *Cells, spans []span, col int) {
	n, size := 0, 0
	for _, s := range spans {
		n += s.to - s.from
		cells, width := s.b.rows.Cells, s.b.rows.Width
		for i := s.from*width + col; i < s.to*width; i += width {
			size += int(cells[i].Len)
		}
	}
	ends := slices.Grow(dst.Ends[:0], n)[:n]
	// The copy loop writes 16 bytes at a time and may so run past the last cell.
	data := slices.Grow(dst.Data[:0], size+16)[:size+16]
	at, r := 0, 0
	for _, s := range spans {
		buf, cells, width := s.b.rows.Buf, s.b.rows.Cells, s.b.rows.Width
		for i := s.from*width + col; i < s.to*width; i += width {
			off, length := int(cells[i].Off), int(cells[i].Len)
			if length <= 16 && off+16 <= len(buf) {
				src, to := buf[off:off+16:off+16], data[at:at+16:at+16]
				binary.LittleEndian.PutUint64(to, binary.LittleEndian.Uint64(src))
				binary.LittleEndian.PutUint64(to[8:], binary.LittleEndian.Uint64(src[8:]))
			} else {
				copy(data[at:], buf[off:off+length])
			}
			at += length
			ends[r] = uint32(at)
			r++
		}
	}
	dst.Data, dst.Ends = data[:size], ends
}

// gatherExceptions collects the exception cells of the rows of spans into dst
// and reports whether there is any.
func gatherExceptions(dst *Cells, spans []span) bool {
	dst.Data, dst.Ends = dst.Data[:0], dst.Ends[:0]
	for _, s := range spans {
		x := &s.b.exceptions
		i, _ := slices.BinarySearch(x.rows, s.from)
		for r := s.from; r < s.to; r++ {
			if i < len(x.rows) && x.rows[i] == r {
				dst.Data = append(dst.Data, x.cells.At(i)...)
				i++
			}
			dst.Ends = append(dst.Ends, uint32(len(dst.Data)))
		}
	}
	return len(dst.Data) > 0
}
