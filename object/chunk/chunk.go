package chunk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/zeebo/blake3"
)

// The sizes of chunks in bytes (object/FORMAT.md §4). Only the last chunk of a
// stream may be shorter than Min.
const (
	Min     = 16 << 10
	Average = 64 << 10
	Max     = 256 << 10
)

// A boundary needs more zero bits before the average size than after it, which
// draws the sizes towards it. The masks take bits from the top of the hash,
// where the last 64 bytes all count.
const (
	maskShort uint64 = 0xffffc00000000000 // 18 bits
	maskLong  uint64 = 0xfffc000000000000 // 14 bits
)

// gear returns the number that each byte value adds to the rolling hash.
var gear = sync.OnceValue(func() *[256]uint64 {
	var table [256]uint64
	for i := range table {
		sum := blake3.Sum256([]byte{'c', 'o', 'n', 's', 't', 'l', ' ', 'g', 'e', 'a', 'r', ' ', byte(i)})
		table[i] = binary.LittleEndian.Uint64(sum[:])
	}
	return &table
})

// Chunker cuts one stream. It is for one goroutine.
type Chunker struct {
	r    io.Reader
	gear *[256]uint64
	buf  []byte
	from int // what of buf was returned already
	to   int // how much of buf is filled
	err  error
}

// bufferSize is several times Max, so that bytes are rarely moved.
const bufferSize = 4 * Max

// New returns a Chunker of the stream r. It holds about 1 MiB.
func New(r io.Reader) *Chunker {
	return &Chunker{r: r, gear: gear(), buf: make([]byte, bufferSize)}
}

// Reset makes the Chunker cut another stream, in the memory it has.
func (c *Chunker) Reset(r io.Reader) {
	c.r, c.from, c.to, c.err = r, 0, 0, nil
}

// Next returns the next chunk, which is the Chunker's own and stands until the
// next call. At the end of the stream it returns [io.EOF], and nothing else of an
// empty stream. An error of the stream is returned at once, wrapped.
func (c *Chunker) Next() ([]byte, error) {
	if c.to-c.from < Max && c.err == nil {
		c.fill()
	}
	if c.err != nil && !errors.Is(c.err, io.EOF) {
		return nil, fmt.Errorf("object/chunk: reading: %w", c.err)
	}
	if c.from == c.to {
		return nil, io.EOF
	}
	rest := c.buf[c.from:c.to]
	n := cut(c.gear, rest)
	c.from += n
	return rest[:n:n], nil
}

func (c *Chunker) fill() {
	c.to = copy(c.buf, c.buf[c.from:c.to])
	c.from = 0
	var n int
	n, c.err = io.ReadFull(c.r, c.buf[c.to:])
	c.to += n
	if errors.Is(c.err, io.ErrUnexpectedEOF) {
		c.err = io.EOF
	}
}

// cut returns the length of the chunk at the beginning of b, which is the rest of
// the stream or at least Max long.
func cut(gear *[256]uint64, b []byte) int {
	if len(b) <= Min {
		return len(b)
	}
	b = b[:min(len(b), Max)]
	h := uint64(0)
	short := min(len(b), Average)
	for i, v := range b[Min:short] {
		h = h<<1 + gear[v]
		if h&maskShort == 0 {
			return Min + i + 1
		}
	}
	for i, v := range b[short:] {
		h = h<<1 + gear[v]
		if h&maskLong == 0 {
			return short + i + 1
		}
	}
	return len(b)
}
