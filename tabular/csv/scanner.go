package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/zeebo/blake3"
)

// Scanner takes one file apart: first its layout, then its rows. It is for one
// goroutine, but for Recycle.
type Scanner struct {
	src      *source
	gz       *gzipReader // nil if the file is not compressed
	text     io.Reader
	window   []byte // the text so far
	whole    bool   // the window is all of it
	sniffed  *sniffed
	layout   Layout
	parser   *parser
	slab     int
	oddities Oddities
	rows     int64
	lines    int // line ends before the next slab
	scanned  bool

	buffers chan []byte
	used    chan tabular.Rows
}

// source reads the file's bytes and hashes them on the way.
type source struct {
	r    io.Reader
	hash *blake3.Hasher
	size int64
}

// Read implements [io.Reader].
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.hash.Write(p[:n]) // a hasher never fails
	s.size += int64(n)
	return n, err
}

// NewScanner reads the beginning of a file and finds out how it is written. The
// name tells which delimiter is the likelier where the bytes leave it open; it
// may be empty. It fails with [ErrNotTable] or with the error of r.
func NewScanner(r io.Reader, name string) (*Scanner, error) {
	s := &Scanner{src: &source{r: r, hash: blake3.New()}, slab: slabBytes}
	s.buffers = make(chan []byte, 4*runtime.GOMAXPROCS(0)+4)
	s.used = make(chan tabular.Rows, cap(s.buffers))
	encoding, bom, err := s.open(name)
	if err != nil {
		return nil, err
	}
	if s.sniffed, err = sniff(s.window, s.whole, name); err != nil {
		return nil, err
	}
	s.layout = s.sniffed.layout
	s.layout.BOM = bom
	if encoding != UTF8 {
		s.layout.Encoding = encoding
	}
	if s.parser, err = newParser(&s.layout); err != nil {
		return nil, err
	}
	s.lines = s.countLines(s.window[:s.sniffed.body])
	return s, nil
}

// open reads the byte order mark and the window behind it.
func (s *Scanner) open(name string) (encoding Encoding, bom bool, err error) {
	raw := io.Reader(s.src)
	if _, compressed := isGzipName(name); compressed {
		if s.gz, err = newGzipReader(s.src); errors.Is(err, ErrNotTable) {
			return 0, false, err
		} else if err != nil {
			return 0, false, s.readError(err)
		}
		raw = s.gz
	}
	mark := make([]byte, 3)
	n, err := io.ReadFull(raw, mark)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return 0, false, s.readError(err)
	}
	mark = mark[:n]
	for _, e := range []Encoding{UTF8, UTF16LE, UTF16BE} {
		if bytes.HasPrefix(mark, []byte(e.bom())) {
			encoding, bom, mark = e, true, mark[len(e.bom()):]
			break
		}
	}
	s.text = io.MultiReader(bytes.NewReader(mark), raw)
	if order := encoding.byteOrder(); order != nil {
		s.text = newUTF16Reader(s.text, order)
	}
	return encoding, bom, s.openWindow()
}

// openWindow reads the window, which is larger where few lines fit into it.
func (s *Scanner) openWindow() error {
	split := splitter{r: s.text}
	for size := windowBytes; ; size *= 2 {
		var err error
		if s.window, err = split.fill(s.window, size); err != nil {
			return s.readError(err)
		}
		s.whole = split.eof
		if s.whole || size >= maxWindow || countLineEnds(s.window) >= windowLines {
			return nil
		}
	}
}

func countLineEnds(text []byte) int {
	return max(bytes.Count(text, []byte{'\n'}), bytes.Count(text, []byte{'\r'}))
}

// Layout returns how the file is written. Trailer, NoFinalEnd and Gzip are right
// only after [Scanner.Scan]. The caller must not change it.
func (s *Scanner) Layout() *Layout { return &s.layout }

// Names returns the texts of the header, one for each field, or column1,
// column2 … if the file has none. The caller must not change them.
func (s *Scanner) Names() []string { return s.sniffed.names }

// Oddities returns what [Scanner.Scan] saw that departs from the layout.
func (s *Scanner) Oddities() Oddities { return s.oddities }

// Rows returns how many rows [Scanner.Scan] has delivered.
func (s *Scanner) Rows() int64 { return s.rows }

// Sum returns the plain BLAKE3 hash of the file's bytes and their number, after
// [Scanner.Scan].
func (s *Scanner) Sum() (object.ID, int64) {
	var id object.ID
	s.src.hash.Sum(id[:0])
	return id, s.src.size
}

// Sample returns the first rows of the file, at most n and at most what stands
// in the first 256 KiB. It may be called before Scan.
func (s *Scanner) Sample(n int) tabular.Rows {
	if s.scanned {
		return tabular.Rows{Width: len(s.layout.Rules)}
	}
	p := s.parser.parse(bytes.Clone(s.window[s.sniffed.body:]), s.whole, tabular.Rows{})
	p.rows.Cells = p.rows.Cells[:min(n, p.rows.Len())*p.rows.Width]
	for i := range p.rows.Exceptions {
		if p.rows.Exceptions[i].Row >= n {
			p.rows.Exceptions = p.rows.Exceptions[:i]
			break
		}
	}
	return p.rows
}

// Recycle takes back rows that Scan has delivered and that nobody uses any more,
// to use their memory again. It may be called from any goroutine.
func (s *Scanner) Recycle(rows tabular.Rows) {
	select {
	case s.buffers <- rows.Buf[:0]:
	default:
	}
	if rows.Cells == nil {
		return
	}
	rows.Buf = nil
	clear(rows.Exceptions)
	select {
	case s.used <- rows:
	default:
	}
}

func (s *Scanner) buffer(size int) []byte {
	select {
	case b := <-s.buffers:
		if cap(b) >= size {
			return b
		}
	default:
	}
	return make([]byte, 0, size+size/8)
}

func (s *Scanner) spareRows() tabular.Rows {
	select {
	case rows := <-s.used:
		return rows
	default:
		return tabular.Rows{}
	}
}

// slab is a part of the text on its way from the splitter through a parser to
// the delivery.
type slab struct {
	raw    []byte
	final  bool
	group  *tabular.Source // the row group that it likely is, or nil
	known  bool            // it is that group
	err    error
	parsed parsed
	done   chan struct{}
}

// Scan reads the whole file and hands its rows, batch by batch and in order, to
// fn, which takes each batch over. Parsing runs in the given number of goroutines
// (at most 0: one per processor); fn runs in the caller's. It may be called once.
// It fails with [ErrNotTable] if the file turns out not to be a table that could
// be written back, with the error of the reader or of fn, or when ctx ends. No
// goroutine outlives it.
func (s *Scanner) Scan(ctx context.Context, workers int, fn func(tabular.Rows) error) error {
	return s.scan(ctx, workers, nil, taker{rows: fn})
}

// taker takes over what a scan delivers.
type taker struct {
	rows  func(tabular.Rows) error
	known func(group *tabular.Source, raw []byte) error // if there are groups to know
}

// scan is Scan with the row groups that may stand in the file, in order.
func (s *Scanner) scan(ctx context.Context, workers int, groups []tabular.Source, take taker) error {
	if s.scanned {
		return errors.New("csv: a scanner scans once")
	}
	s.scanned = true
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	todo, queue := make(chan *slab), make(chan *slab, workers)
	for range workers {
		wg.Go(func() {
			for x := range todo {
				if x.known = x.group != nil && object.Sum(x.raw) == x.group.Sum; !x.known {
					x.parsed = s.parser.parse(x.raw, x.final, s.spareRows())
				}
				close(x.done)
			}
		})
	}
	text := io.MultiReader(bytes.NewReader(s.window[s.sniffed.body:]), s.text)
	split := &splitter{r: text, d: s.parser.d, size: s.slab, get: s.buffer, groups: groups}
	s.window = nil
	wg.Go(func() {
		defer close(queue)
		defer close(todo)
		split.run(ctx, queue, todo)
	})
	return s.deliver(ctx, queue, take)
}

// run cuts the whole text. Every slab goes to the queue first and, but for one
// that says why there is no more, to a parser.
func (s *splitter) run(ctx context.Context, queue, todo chan<- *slab) {
	for {
		x := s.next()
		x.done = make(chan struct{})
		if x.err != nil {
			close(x.done)
		}
		select {
		case queue <- x:
		case <-ctx.Done():
			return
		}
		if x.err != nil {
			return
		}
		select {
		case todo <- x:
		case <-ctx.Done():
			return
		}
		if x.final {
			return
		}
	}
}

// deliver puts the slabs' rows in order. A slab that did not end where a row
// ends shows that the next one does not begin where a row begins: it is parsed
// again behind what was left.
func (s *Scanner) deliver(ctx context.Context, queue <-chan *slab, take taker) error {
	var left []byte
	for x := range queue {
		select {
		case <-x.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if x.err != nil {
			return s.readError(x.err)
		}
		raw, p := x.raw, x.parsed
		if x.known && len(left) == 0 {
			s.rows += int64(x.group.Rows)
			s.lines += s.countLines(raw)
			if err := take.known(x.group, raw); err != nil {
				return err
			}
			continue
		}
		if len(left) > 0 {
			raw = append(append(make([]byte, 0, len(left)+len(raw)+wideBytes), left...), raw...)
			s.Recycle(p.rows)
			p = s.parser.parse(raw, x.final, tabular.Rows{})
		}
		if p.err != nil {
			return s.at(raw[:p.bad], p.err)
		}
		s.oddities.count(p.rows.Exceptions)
		s.rows += int64(p.rows.Len())
		s.lines += s.countLines(raw[:p.done])
		left = append([]byte(nil), raw[p.done:]...)
		if err := s.checkLeft(left, p.open, x.final); err != nil {
			return err
		}
		if x.final {
			s.end(left, p.noEnd)
		}
		if p.rows.Len() == 0 {
			s.Recycle(p.rows)
		} else if err := take.rows(p.rows); err != nil {
			return err
		}
		if x.final {
			return nil
		}
	}
	return ctx.Err()
}

// maxTrailer is the largest trailer, in bytes.
const maxTrailer = 64 << 10

func (s *Scanner) checkLeft(left []byte, open, final bool) error {
	switch {
	case final && len(left) > maxTrailer:
		return s.at(nil, notTable("%d bytes behind the last row, at most %d are allowed", len(left), maxTrailer))
	case len(left) <= tabular.MaxRow:
		return nil
	case open:
		return s.at(nil, notTable("a row of more than %d bytes, perhaps because a quote is not closed", tabular.MaxRow))
	}
	return s.at(nil, notTable("more than %d bytes between two rows", tabular.MaxRow))
}

// end completes the layout once the file has ended.
func (s *Scanner) end(left []byte, noEnd bool) {
	s.layout.Trailer = nil
	if len(left) > 0 {
		s.layout.Trailer = left
	}
	if s.gz != nil {
		s.layout.Gzip = s.gz.found()
	}
	s.layout.NoFinalEnd = noEnd || s.rows == 0 && len(left) == 0 && s.sniffed.headOpen
}

// at adds to a [*NotTableError] the line it was found in, behind bytes that are
// not yet counted.
func (s *Scanner) at(behind []byte, err error) error {
	var not *NotTableError
	if !errors.As(err, &not) {
		return err
	}
	return &NotTableError{Line: s.lines + s.countLines(behind) + 1, Reason: not.Reason}
}

func (s *Scanner) readError(err error) error {
	switch {
	case s.gz != nil && err == s.gz.err:
		return err // no matter of one line
	case errors.Is(err, ErrNotTable):
		return s.at(nil, err)
	}
	return fmt.Errorf("read the file: %w", err)
}

func (s *Scanner) countLines(text []byte) int {
	if s.layout.LineEnd == CR {
		return bytes.Count(text, []byte{'\r'})
	}
	return bytes.Count(text, []byte{'\n'})
}
