package tcp

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/constl/constl/transport/link"
)

// linger is how long a side that ends a stream goes on taking what the other
// still sends. Without that the system would tell the other of an error, and it
// might lose what it has not read yet.
const linger = 2 * time.Second

// Stream is one TLS connection. It implements [link.Stream].
type Stream struct {
	c       *tls.Conn
	in, out atomic.Int64
	once    sync.Once
	ended   func()
}

var _ link.Stream = (*Stream)(nil)

// Read reads what the peer sent. At the peer's end of the stream the error is [io.EOF].
func (s *Stream) Read(p []byte) (int, error) {
	n, err := s.c.Read(p)
	s.in.Add(int64(n))
	return n, streamError(err)
}

// Write sends to the peer; it waits while the peer takes no more.
func (s *Stream) Write(p []byte) (int, error) {
	n, err := s.c.Write(p)
	s.out.Add(int64(n))
	return n, streamError(err)
}

// Close implements [io.Closer]. It never fails: a peer that is gone is no error.
func (s *Stream) Close() error {
	s.once.Do(func() {
		deadline := time.Now().Add(linger)
		_ = s.c.SetDeadline(deadline)
		if s.c.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, s.c)
		}
		_ = s.c.Close()
		s.ended()
	})
	return nil
}

// Abort implements [link.Stream].
func (s *Stream) Abort() {
	// The TCP connection itself: that of TLS would try to say farewell.
	_ = s.c.NetConn().Close()
}

// Bytes implements [link.Stream].
func (s *Stream) Bytes() (in, out int64) { return s.in.Load(), s.out.Load() }

// streamError names the class of an error of a stream.
func streamError(err error) error {
	switch {
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case errors.Is(err, net.ErrClosed), errors.Is(err, os.ErrDeadlineExceeded),
		errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return errors.Join(link.ErrClosed, err)
	}
	return err
}
