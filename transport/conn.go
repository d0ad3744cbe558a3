package transport

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/constl/constl/object"
)

// conn is a stream with frames on it. A goroutine of its own reads ahead, so
// that the peer's error is heard even while this side writes; it ends with the
// stream. One goroutine may call next while another writes.
type conn struct {
	stream  io.ReadWriteCloser
	w       *bufio.Writer // nil until a guest is answered
	frames  chan frame
	space   *weights
	in, out atomic.Int64 // bytes that passed
	waits   stopwatch    // time spent waiting for the peer
	stalled atomic.Bool
	runs    atomic.Uint64   // runs of objects that this side has begun to send
	enough  atomic.Uint64   // the number of the last run of which the peer had enough
	stall   error           // what reading and writing fail with once stalled
	gone    context.Context // ends when the caller gives the stream up
	giveUp  context.CancelFunc
	guest   *guest                // what a client may send; nil on the client's own side
	pulse   atomic.Pointer[pulse] // of a watch
	peeked  *frame                // what await has seen
}

// newConn starts to read the stream. The caller calls close or abandon in the end.
func newConn(stream io.ReadWriteCloser) *conn { return startConn(stream, nil) }

func startConn(stream io.ReadWriteCloser, g *guest) *conn {
	c := &conn{stream: stream, guest: g}
	if g == nil {
		c.frames, c.space = make(chan frame, 64), newWeights(aheadBytes)
		c.w = bufio.NewWriterSize(connWriter{c}, bufferBytes)
	} else {
		c.frames, c.space = make(chan frame, 8), newWeights(guestAheadBytes)
	}
	c.gone, c.giveUp = context.WithCancel(context.Background())
	go c.readAhead()
	return c
}

func (c *conn) readAhead() {
	defer close(c.frames)
	r := frameReader{r: bufio.NewReaderSize(connReader{c}, c.guest.buffer()), admit: c.admit, pulse: &c.pulse}
	for {
		// Most who open a stream have little to say; who pushes objects has much.
		if size := c.guest.buffer(); size > r.r.Size() {
			r.r = bufio.NewReaderSize(r.r, size)
		}
		t, body, err := r.next()
		if err == nil && t == frameEnough {
			// It is about what this side is sending, and must not wait until that is over.
			if err = c.hearEnough(body); err == nil {
				continue
			}
		}
		select {
		case c.frames <- frame{t, body, err}:
		case <-c.gone.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// admit decides, before the body of a frame is read, whether it may come, and waits until
// there is room for it.
func (c *conn) admit(t frameType, size int) error {
	if err := c.guest.admit(c.gone, t, size); err != nil {
		return err
	}
	if t == frameEnough {
		return nil // it never waits to be taken
	}
	return c.space.acquire(c.gone, size)
}

// hearEnough notes of which run the peer has enough. It says so of each once.
func (c *conn) hearEnough(body []byte) error {
	d := object.NewBodyDecoder(body)
	run := d.Uvarint()
	if err := d.Close(); err != nil {
		return fmt.Errorf("%w: enough: %w", ErrProtocol, err)
	}
	if run == 0 || run > c.runs.Load() {
		return protocolError("enough of run %d, which was not begun", run)
	}
	if run <= c.enough.Load() {
		return protocolError("enough of run %d, again", run)
	}
	c.enough.Store(run)
	return nil
}

// next returns the next frame. At the end of the stream, between frames, the
// error is [io.EOF]. The body is the caller's.
func (c *conn) next() (frameType, []byte, error) { return c.nextUnless(nil) }

// errNoMore says that the wait for a frame was ended by this side.
var errNoMore = errors.New("transport: nothing more is waited for")

// nextUnless is next, but ends the wait for a frame with errNoMore when stop is closed.
func (c *conn) nextUnless(stop <-chan struct{}) (frameType, []byte, error) {
	if f := c.peeked; f != nil {
		c.peeked = nil
		return f.t, f.body, f.err
	}
	c.waits.enter()
	defer c.waits.leave()
	select {
	case f, open := <-c.frames:
		f = c.took(f, open)
		return f.t, f.body, f.err
	case <-stop:
		return 0, nil, errNoMore
	}
}

// took is called with what was received from c.frames.
func (c *conn) took(f frame, open bool) frame {
	if !open {
		return frame{err: io.EOF}
	}
	if f.err == nil {
		c.space.release(len(f.body))
		c.guest.taken(f.t, len(f.body))
	}
	return f
}

// close ends the stream, after what was written, and waits for the reader.
func (c *conn) close() error {
	err := c.stream.Close()
	c.giveUp()
	for range c.frames {
	}
	return err
}

// abandon ends the stream at once.
func (c *conn) abandon() {
	c.abort()
	c.close()
}

type connReader struct{ *conn }

func (c connReader) Read(p []byte) (int, error) {
	n, err := c.stream.Read(p)
	c.in.Add(int64(n))
	return n, c.classify(err)
}

type connWriter struct{ *conn }

func (c connWriter) Write(p []byte) (int, error) {
	c.waits.enter()
	n, err := c.stream.Write(p)
	c.waits.leave()
	c.out.Add(int64(n))
	return n, c.classify(err)
}

func (c *conn) classify(err error) error {
	if err != nil && c.stalled.Load() {
		return c.stall
	}
	return err
}

// aborter is what a stream implements whose Close does not end reads and writes
// that wait in other goroutines.
type aborter interface {
	// Abort ends the stream in both directions at once. It is safe to call at any
	// time, from any goroutine, more than once.
	Abort()
}

func (c *conn) abort() { abort(c.stream) }

func abort(stream io.ReadWriteCloser) {
	if a, ok := stream.(aborter); ok {
		a.Abort()
		return
	}
	stream.Close()
}

// guard aborts the stream when ctx ends, or when the time was spent waiting for
// the peer and less than minProgress bytes passed in it. The caller calls the
// returned function when the exchange is over.
func (c *conn) guard(ctx context.Context, stall time.Duration, minProgress int64) (release func()) {
	c.stall = limitError(LimitProgress, ErrStalled, "less than %d bytes passed in %s of waiting for the peer", minProgress, stall)
	unhook := context.AfterFunc(ctx, c.abort)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticks := time.NewTicker(stall)
		defer ticks.Stop()
		var bytes int64
		var waited time.Duration
		for {
			select {
			case <-done:
				return
			case <-ticks.C:
			}
			nowBytes, nowWaited := c.in.Load()+c.out.Load(), c.waits.total()
			if nowWaited-waited >= stall*9/10 && nowBytes-bytes < minProgress {
				c.stalled.Store(true)
				c.abort()
				return
			}
			bytes, waited = nowBytes, nowWaited
		}
	}()
	return func() {
		unhook()
		close(done)
		<-stopped
	}
}

// stopwatch adds up the time during which anybody is inside.
type stopwatch struct {
	mu     sync.Mutex
	inside int
	since  time.Time
	sum    time.Duration
}

func (s *stopwatch) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inside++; s.inside == 1 {
		s.since = time.Now()
	}
}

func (s *stopwatch) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inside--; s.inside == 0 {
		s.sum += time.Since(s.since)
	}
}

func (s *stopwatch) total() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.inside > 0 {
		return s.sum + time.Since(s.since)
	}
	return s.sum
}

// writeFrame buffers a frame; flush sends what is buffered.
func (c *conn) writeFrame(t frameType, parts ...[]byte) error {
	size := 0
	for _, p := range parts {
		size += len(p)
	}
	if c.w == nil {
		c.w = bufio.NewWriterSize(connWriter{c}, bufferBytes)
	}
	head := binary.AppendUvarint([]byte{byte(t)}, uint64(size))
	if _, err := c.w.Write(head); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := c.w.Write(p); err != nil {
			return err
		}
	}
	return nil
}

// flush sends what was buffered by writeFrame.
func (c *conn) flush() error {
	if c.w == nil {
		return nil
	}
	return c.w.Flush()
}
