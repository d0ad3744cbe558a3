package quic

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"sync/atomic"

	quicgo "github.com/quic-go/quic-go"

	"github.com/constl/constl/transport/link"
)

// Stream is one stream of a connection over QUIC. It implements [link.Stream] and [link.Early].
type Stream struct {
	s       *quicgo.Stream
	in, out atomic.Int64
	writing sync.Mutex // Close must not overlap with a Write
	ahead   []byte     // was sent before anybody wrote it
	proved  func(ctx context.Context) error
}

var (
	_ link.Stream = (*Stream)(nil)
	_ link.Early  = (*Stream)(nil)
)

// Proved implements [link.Early].
func (s *Stream) Proved(ctx context.Context) error {
	if s.proved == nil {
		return nil
	}
	return s.proved(ctx)
}

// Read reads what the peer sent. At the peer's end of the stream the error is [io.EOF].
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.s.Read(p)
	s.in.Add(int64(n))
	return n, streamError(err)
}

// errAhead says that something else was written than what had been sent already.
var errAhead = errors.New("quic: what is written is not what was sent early")

// Write sends to the peer; it waits while the peer takes no more.
func (s *Stream) Write(p []byte) (int, error) {
	s.writing.Lock()
	defer s.writing.Unlock()
	sent := min(len(s.ahead), len(p))
	if !bytes.Equal(s.ahead[:sent], p[:sent]) {
		return 0, errAhead
	}
	s.ahead = s.ahead[sent:]
	n := 0
	var err error
	if sent < len(p) {
		n, err = s.s.Write(p[sent:])
	}
	s.out.Add(int64(sent + n))
	return sent + n, streamError(err)
}

// Close ends both directions: the peer gets everything that was written and then
// the end, and is told that nothing more is read. It waits for a Write under way.
// It never fails: a peer that has given the stream up is no error.
func (s *Stream) Close() error {
	s.s.CancelRead(streamDone)
	s.writing.Lock()
	defer s.writing.Unlock()
	// Fails only if the stream was given up by either side, and is over then.
	_ = s.s.Close()
	return nil
}

// Abort ends both directions at once; reads and writes that wait fail.
func (s *Stream) Abort() {
	s.s.CancelRead(streamStop)
	s.s.CancelWrite(streamStop)
}

// Bytes returns how many bytes were read and written so far.
func (s *Stream) Bytes() (in, out int64) { return s.in.Load(), s.out.Load() }
