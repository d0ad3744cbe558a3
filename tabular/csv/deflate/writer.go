package deflate

import (
	"errors"
	"io"
)

const (
	windowSize   = 1 << 15
	windowMask   = windowSize - 1
	minMatch     = 3
	maxMatch     = 258
	minLookahead = maxMatch + minMatch + 1
	maxDistance  = windowSize - minLookahead
	tooFar       = 4096 // a match of three bytes this far back costs more than the bytes
)

// ErrClosed says that a [Writer] was written to after its end.
var ErrClosed = errors.New("deflate: write after close")

// Writer compresses what is written to it. It is for one goroutine and holds some
// 300 KB.
type Writer struct {
	out    bitWriter
	blocks blockWriter
	finder finder
	gnu    bool
	effort effort
	fast   bool

	// Two windows' worth of data, and behind them what a comparison may read.
	window [2*windowSize + minLookahead]byte
	filled int // bytes of the window, ahead of which data arrives
	start  int // where the open block begins; below 0 if that has left the window
	at     int // the next byte to compress
	ended  bool
	closed bool

	// What the lazy levels remember of the place before.
	length, from int // of the last match
	literal      bool
}

// NewWriter returns a writer to w. It fails with [ErrMethod].
func NewWriter(w io.Writer, m Method) (*Writer, error) {
	if err := m.Check(); err != nil {
		return nil, err
	}
	z := &Writer{gnu: m.Program == GNU, effort: efforts[m.Level], fast: m.Level <= lastFast, length: minMatch - 1}
	z.out.w = w
	hashBits, symbols := uint(15), 1<<14
	switch m.Program {
	case ZlibLarge:
		hashBits, symbols = 16, 1<<15
	case GNU:
		symbols = 1 << 15
	}
	z.finder.init(hashBits)
	z.blocks.init(symbols-1, z.gnu && m.Level > 2)
	return z, nil
}

// Write implements [io.Writer]. What is compressed reaches the writer below block
// by block. It fails as that does, or with [ErrClosed].
func (z *Writer) Write(p []byte) (int, error) {
	if z.closed {
		return 0, ErrClosed
	}
	total := len(p)
	for len(p) > 0 {
		n := copy(z.window[z.filled:2*windowSize], p)
		z.filled += n
		p = p[n:]
		// Data is taken up only when the window is full, as from a file.
		if z.filled == 2*windowSize {
			z.compress()
			z.slide()
		}
		if z.out.err != nil {
			return total - len(p), z.out.err
		}
	}
	return total, nil
}

// Close compresses what is left and ends the data. It does not close the writer
// below. It fails as that does, or with [ErrClosed].
func (z *Writer) Close() error {
	if z.closed {
		return ErrClosed
	}
	z.drain()
	return z.close()
}

// CloseSynced is as Close, but ends the data as zlib does if it was told to
// synchronise first: with an empty stored block, and an empty one behind that.
// Python does so whenever a text is written.
func (z *Writer) CloseSynced() error {
	if z.closed {
		return ErrClosed
	}
	z.drain()
	if !z.blocks.empty() {
		z.endBlock(false)
	}
	z.blocks.store(&z.out, nil, false)
	return z.close()
}

func (z *Writer) close() error {
	z.closed = true
	z.endBlock(true)
	z.out.finish()
	return z.out.err
}

// drain compresses what is left.
func (z *Writer) drain() {
	z.compress()
	z.slide()
	z.ended = true
	if z.gnu {
		clear(z.window[z.filled:min(z.filled+minMatch-1, len(z.window))])
	}
	z.compress()
	if !z.fast && z.literal {
		z.blocks.addLiteral(z.window[z.at-1])
	}
}

// compress goes on until more data is needed, or to the end if there is no more.
func (z *Writer) compress() {
	if z.fast {
		z.compressFast()
	} else {
		z.compressLazy()
	}
}

// more reports whether there is enough data ahead to go on.
func (z *Writer) more() bool {
	ahead := z.filled - z.at
	return ahead >= minLookahead || z.ended && ahead > 0
}

// slide makes room for one window of data once the older one is out of reach.
func (z *Writer) slide() {
	if z.at < windowSize+maxDistance {
		return
	}
	copy(z.window[:windowSize], z.window[windowSize:2*windowSize])
	z.at -= windowSize
	z.start -= windowSize
	z.filled -= windowSize
	z.from -= windowSize
	z.finder.slide()
}

// remember enters the place into the chain of its first three bytes and returns
// the one before it there, or 0. zlib remembers no place in the last two bytes.
func (z *Writer) remember(at int) int {
	if !z.gnu && at+minMatch > z.filled {
		return 0
	}
	return z.finder.insert(z.window[:], at)
}

// find looks for a match longer than least at the present place, from the
// candidate on. It returns the length, at most what is ahead, and sets from.
func (z *Writer) find(candidate, least int) int {
	ahead := z.filled - z.at
	nice := z.effort.nice
	if !z.gnu {
		nice = min(nice, ahead)
	}
	chain := z.effort.chain
	if least >= z.effort.good {
		chain >>= 2
	}
	length, from := z.finder.longest(&z.window, z.at, candidate, least, nice, chain)
	if from >= 0 {
		z.from = from
	}
	return min(length, ahead)
}

// reachable reports whether a match may begin at the candidate.
func (z *Writer) reachable(candidate int) bool {
	return candidate != 0 && z.at-candidate <= maxDistance && (!z.gnu || z.at <= 2*windowSize-minLookahead)
}

// compressFast takes every match that it finds.
func (z *Writer) compressFast() {
	for z.more() {
		candidate := z.remember(z.at)
		if z.reachable(candidate) {
			z.length = z.find(candidate, minMatch-1)
		}
		full := false
		if z.length >= minMatch {
			full = z.blocks.addMatch(z.at-z.from, z.length, z.at-z.start)
			end := z.at + z.length
			if z.length <= z.effort.lazy && (z.gnu || z.filled-end >= minMatch) {
				for at := z.at + 1; at < end; at++ {
					z.remember(at)
				}
			}
			z.at = end
			z.length = 0
		} else {
			full = z.blocks.addLiteralIn(z.window[z.at], z.at-z.start)
			z.at++
		}
		if full {
			z.endBlock(false)
		}
	}
}

// compressLazy takes a match only if there is no better one a byte further.
func (z *Writer) compressLazy() {
	for z.more() {
		candidate := z.remember(z.at)
		before, beforeFrom := z.length, z.from
		z.length = minMatch - 1
		if before < z.effort.lazy && z.reachable(candidate) {
			z.length = z.find(candidate, before)
			if z.length == minMatch && z.at-z.from > tooFar {
				z.length--
			}
		}
		switch {
		case before >= minMatch && z.length <= before:
			full := z.blocks.addMatch(z.at-1-beforeFrom, before, z.at-z.start)
			end := z.at - 1 + before
			for at := z.at + 1; at < end; at++ {
				z.remember(at)
			}
			z.at, z.length, z.literal = end, minMatch-1, false
			if full {
				z.endBlock(false)
			}
		case z.literal:
			if z.blocks.addLiteralIn(z.window[z.at-1], z.at-z.start) {
				z.endBlock(false)
			}
			z.at++
		default:
			z.literal = true
			z.at++
		}
	}
}

// endBlock writes the open block.
func (z *Writer) endBlock(last bool) {
	var stored []byte
	if z.start >= 0 {
		stored = z.window[z.start:z.at]
	}
	z.blocks.flush(&z.out, stored, z.at-z.start, last)
	z.start = z.at
}
