package deflate

import "io"

// bitWriter packs bits, the lowest first, and keeps the first error.
type bitWriter struct {
	w    io.Writer
	err  error
	bits uint64
	n    uint
	buf  []byte
}

// put appends the n ≤ 32 lowest bits of v, which has no others.
func (b *bitWriter) put(v uint32, n uint) {
	b.bits |= uint64(v) << b.n
	if b.n += n; b.n < 32 {
		return
	}
	b.buf = append(b.buf, byte(b.bits), byte(b.bits>>8), byte(b.bits>>16), byte(b.bits>>24))
	b.bits >>= 32
	b.n -= 32
}

// align fills up the last byte with zeros.
func (b *bitWriter) align() {
	for ; b.n > 0; b.n -= min(b.n, 8) {
		b.buf = append(b.buf, byte(b.bits))
		b.bits >>= 8
	}
}

// flush writes whole bytes out.
func (b *bitWriter) flush() {
	if b.err == nil && len(b.buf) > 0 {
		_, b.err = b.w.Write(b.buf)
	}
	b.buf = b.buf[:0]
}

func (b *bitWriter) finish() {
	b.align()
	b.flush()
}
