package csv

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"slices"
	"sync"

	"github.com/constl/constl/tabular/csv/deflate"
	"github.com/klauspost/compress/flate"
)

const (
	// proofBytes is how much text is compressed again at a time.
	proofBytes = 128 << 10
	// Once all methods that are left have made so many bytes of the file, no more
	// than so many of them go on.
	likelyBytes   = 4 << 10
	likelyMethods = 4
	// From bombText on, the text may be at most bombRatio times what it was
	// compressed to.
	bombText  = 64 << 20
	bombRatio = 200
	// syncedEnd is how compressed data ends that was synchronised before: an empty
	// stored block and an empty one with fixed codes.
	syncedEnd = "\x00\x00\xff\xff\x03\x00"
)

// gzipReader gives the text of a compressed file, and its end only when the file
// has been shown to be what [gzipWriter] makes of that text. It compresses every
// piece by all methods that are still possible, while the next piece is read.
type gzipReader struct {
	gz      Gzip
	record  *recorder
	in      *bufio.Reader
	inflate io.ReadCloser
	headLen int64 // bytes of the header

	text   [2][]byte // the piece being given, and the next one
	turn   int
	given  int
	sum    uint32
	size   int64
	proofs []*proof
	bomb   int64 // from so much text on, the ratio is looked at
	err    error // what comes when the piece has been given
	ended  bool  // the compressed data has ended
}

// recorder keeps what was read from the file and is not yet compared.
type recorder struct {
	r    io.Reader
	n    int64  // bytes read
	keep []byte // the last of them
	err  error  // of r, but for its end
}

// Read implements [io.Reader].
func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.n += int64(n)
	r.keep = append(r.keep, p[:n]...)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// newGzipReader reads the header. It fails with [ErrNotTable] or as r does.
func newGzipReader(r io.Reader) (*gzipReader, error) {
	z := &gzipReader{record: &recorder{r: r}, bomb: bombText}
	z.in = bufio.NewReaderSize(z.record, 64<<10)
	if err := z.readHeader(); err != nil {
		return nil, z.asNotTable(err)
	}
	for _, m := range z.gz.methods() {
		p := &proof{method: m}
		var err error
		if p.w, err = deflate.NewWriter(&p.out, m); err != nil {
			return nil, err
		}
		z.proofs = append(z.proofs, p)
	}
	z.record.keep = append([]byte(nil), z.record.keep[z.headLen:]...)
	z.inflate = flate.NewReader(z.in)
	z.text[0], z.text[1] = make([]byte, 0, proofBytes), make([]byte, 0, proofBytes)
	return z, z.next()
}

// asNotTable says of data that is damaged that it is no table; errors of the
// reader below stay what they are.
func (z *gzipReader) asNotTable(err error) error {
	switch {
	case z.record.err != nil:
		return z.record.err
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		return notTable("the compressed file ends too early")
	case errors.Is(err, ErrNotTable):
		return err
	}
	return notTable("the compressed file is damaged: %v", err)
}

func (z *gzipReader) readHeader() error {
	var fixed [10]byte
	n, err := io.ReadFull(z.in, fixed[:])
	if n == 0 && err == io.EOF {
		return notTable("the file is empty")
	}
	if string(fixed[:min(n, len(gzipMagic))]) != gzipMagic {
		return notTable("the file is not compressed by gzip, as its name says")
	}
	if err != nil {
		return err
	}
	g := &z.gz
	g.Flags, g.ModTime = fixed[3], binary.LittleEndian.Uint32(fixed[4:])
	g.ExtraFlags, g.OS = fixed[8], fixed[9]
	if g.Flags&^gzipFlags != 0 {
		return notTable("the gzip header has flags that are not known")
	}
	if err := z.readHeaderTexts(); err != nil {
		return err
	}
	header := g.header()
	z.headLen = int64(len(header))
	if g.Flags&gzipHeaderSum != 0 {
		var sum [2]byte
		if _, err := io.ReadFull(z.in, sum[:]); err != nil {
			return err
		}
		if !bytes.HasSuffix(header, sum[:]) {
			return notTable("the gzip header is damaged")
		}
	}
	return nil
}

func (z *gzipReader) readHeaderTexts() error {
	g := &z.gz
	if g.Flags&gzipExtra != 0 {
		var size [2]byte
		if _, err := io.ReadFull(z.in, size[:]); err != nil {
			return err
		}
		extra := make([]byte, binary.LittleEndian.Uint16(size[:]))
		if _, err := io.ReadFull(z.in, extra); err != nil {
			return err
		}
		g.Extra = string(extra)
	}
	for _, x := range []struct {
		flag byte
		to   *string
	}{{gzipName, &g.Name}, {gzipComment, &g.Comment}} {
		if g.Flags&x.flag == 0 {
			continue
		}
		// The buffer is larger than any text that is taken.
		text, err := z.in.ReadSlice(0)
		if err == bufio.ErrBufferFull || err == nil && len(text) > maxGzipText {
			return notTable("a name or comment in the gzip header is over %d bytes", maxGzipText)
		}
		if err != nil {
			return err
		}
		*x.to = string(text[:len(text)-1])
	}
	return nil
}

// methods returns what may have compressed the file, the likeliest first.
func (g *Gzip) methods() []deflate.Method {
	level := 6
	switch g.ExtraFlags {
	case 2:
		level = 9
	case 4:
		level = 1
	}
	const unix = 3
	program := deflate.Zlib
	if g.OS == unix && g.Flags&gzipName != 0 {
		program = deflate.GNU
	}
	all := deflate.Methods()
	rank := func(m deflate.Method) int {
		switch {
		case m.Level == level && m.Program == program:
			return 0
		case m.Level == level:
			return 1
		case m.Program == program:
			return 2
		}
		return 3
	}
	slices.SortStableFunc(all, func(a, b deflate.Method) int { return cmp.Compare(rank(a), rank(b)) })
	return all
}

// Read implements [io.Reader]. It fails with [ErrNotTable] if the file is damaged
// or would not be written again byte for byte.
func (z *gzipReader) Read(p []byte) (int, error) {
	for z.given == len(z.text[z.turn]) {
		if z.err != nil {
			return 0, z.err
		}
		z.advance()
	}
	n := copy(p, z.text[z.turn][z.given:])
	z.given += n
	return n, nil
}

// advance makes the next piece the one to give, proves it, and reads the one
// behind it meanwhile.
func (z *gzipReader) advance() {
	z.turn, z.given = 1-z.turn, 0
	piece := z.text[z.turn]
	if len(piece) == 0 && z.ended {
		z.err = z.end()
		return
	}
	var wg sync.WaitGroup
	for _, p := range z.proofs {
		wg.Go(func() { p.err = p.write(piece) })
	}
	err := z.next()
	wg.Wait()
	if err == nil {
		err = z.compare()
	}
	if err == nil && !z.ended && z.size > z.bomb && z.size/bombRatio > z.used() {
		err = notTable("the text is over %d times as long as what it is compressed to", bombRatio)
	}
	if err != nil {
		// What was not proved is not given.
		z.text[z.turn] = nil
		z.err = err
	}
}

// next reads a piece into the buffer that is free.
func (z *gzipReader) next() error {
	to := z.text[1-z.turn]
	to = to[:0]
	for len(to) < proofBytes && !z.ended {
		n, err := z.inflate.Read(to[len(to):proofBytes])
		to = to[:len(to)+n]
		if err == io.EOF {
			z.ended = true
		} else if err != nil {
			return z.asNotTable(err)
		}
	}
	z.sum = crc32.Update(z.sum, crc32.IEEETable, to)
	z.size += int64(len(to))
	z.text[1-z.turn] = to
	return nil
}

// used returns how much of the file the text was made of.
func (z *gzipReader) used() int64 { return z.record.n - int64(z.in.Buffered()) }

// proof is one method at work.
type proof struct {
	method deflate.Method
	w      *deflate.Writer
	out    bytes.Buffer // made, and not yet compared
	at     int64        // what was compared, counted from where the compressed data begins
	err    error
}

func (p *proof) write(text []byte) error {
	_, err := p.w.Write(text)
	return err
}

// compare drops the methods that made something else than what the file has, and
// fails if none is left.
func (z *gzipReader) compare() error {
	// What is kept begins at start. What lies ready beyond the text is left out: how
	// much that is depends on the reader below.
	start := z.record.n - z.headLen - int64(len(z.record.keep))
	used := z.record.keep[:len(z.record.keep)-z.in.Buffered()]
	z.proofs = slices.DeleteFunc(z.proofs, func(p *proof) bool {
		have := used[p.at-start:]
		n := min(len(have), p.out.Len())
		same := bytes.Equal(have[:n], p.out.Next(n))
		p.at += int64(n)
		return !same || p.err != nil
	})
	if len(z.proofs) == 0 {
		return notTable("no program known here compresses the text to just these bytes")
	}
	least := z.record.n
	for _, p := range z.proofs {
		least = min(least, p.at)
	}
	if least >= likelyBytes && len(z.proofs) > likelyMethods {
		z.proofs = slices.Delete(z.proofs, likelyMethods, len(z.proofs))
	}
	z.record.keep = slices.Delete(z.record.keep, 0, int(least-start))
	return nil
}

// end checks what stands behind the compressed data and finishes the proof. It
// returns [io.EOF] if the file can be written again.
func (z *gzipReader) end() error {
	body := z.used() - z.headLen
	z.gz.Synced = bytes.HasSuffix(z.record.keep[:len(z.record.keep)-z.in.Buffered()], []byte(syncedEnd))
	var tail [gzipTail]byte
	if _, err := io.ReadFull(z.in, tail[:]); err != nil {
		return z.asNotTable(err)
	}
	if binary.LittleEndian.Uint32(tail[:]) != z.sum || binary.LittleEndian.Uint32(tail[4:]) != uint32(z.size) {
		return notTable("the compressed file is damaged: its checksum is not that of its text")
	}
	if _, err := z.in.ReadByte(); err == nil {
		return notTable("more stands behind the compressed text")
	} else if err != io.EOF {
		return z.asNotTable(err)
	}
	var wg sync.WaitGroup
	for _, p := range z.proofs {
		wg.Go(func() {
			if z.gz.Synced {
				p.err = p.w.CloseSynced()
			} else {
				p.err = p.w.Close()
			}
		})
	}
	wg.Wait()
	if err := z.compare(); err != nil {
		return err
	}
	for _, p := range z.proofs {
		if p.at == body && p.out.Len() == 0 {
			z.gz.Method = p.method
			return io.EOF
		}
	}
	return notTable("no program known here compresses the text to just these bytes")
}

// found returns what the file says and how it was compressed, after the text's end.
func (z *gzipReader) found() *Gzip {
	g := z.gz
	return &g
}
