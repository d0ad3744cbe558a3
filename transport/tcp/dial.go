package tcp

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/link"
)

// Options bounds connections. Zero fields mean the defaults.
type Options struct {
	// Gate bounds the connections of a listener. Default: one of its own.
	Gate *link.Gate
	// HandshakeTimeout is how long it may take to connect and to prove the keys. Default: 10 s.
	HandshakeTimeout time.Duration
}

func (o *Options) withDefaults() Options {
	var full Options
	if o != nil {
		full = *o
	}
	if full.HandshakeTimeout <= 0 {
		full.HandshakeTimeout = 10 * time.Second
	}
	return full
}

// Conn stands for connections over TCP to one peer. It implements [link.Conn].
type Conn struct {
	o       Options
	address string
	cert    tls.Certificate
	peer    refs.PeerID
	remote  net.Addr

	mu      sync.Mutex
	first   *Stream // until a stream is opened
	streams map[*Stream]struct{}
	closed  bool
}

var _ link.Conn = (*Conn)(nil)

// Dial connects to the peer at the address (host:port, an IPv6 host in brackets). key
// is this device's. A zero expected peer means whoever answers.
//
// It fails with an error that wraps [link.ErrUnreachable], [link.ErrProtocol] or
// a [*link.WrongPeerError], or with ctx's error. A port on which nobody listens is
// an error that wraps [syscall.ECONNREFUSED], too, where the system tells.
func Dial(ctx context.Context, address string, expected refs.PeerID, key crypto.Signer, o *Options) (*Conn, error) {
	cert, err := link.Certificate(key)
	if err != nil {
		return nil, err
	}
	c := &Conn{o: o.withDefaults(), address: address, cert: cert, streams: make(map[*Stream]struct{})}
	if c.first, c.peer, err = c.open(ctx, expected); err != nil {
		return nil, fmt.Errorf("dialling %s over TCP: %w", address, err)
	}
	c.remote = c.first.c.RemoteAddr()
	return c, nil
}

// open makes a connection and proves who is at its ends.
func (c *Conn) open(ctx context.Context, expected refs.PeerID) (s *Stream, peer refs.PeerID, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.HandshakeTimeout)
	defer cancel()
	var dialer net.Dialer
	plain, err := dialer.DialContext(ctx, "tcp", c.address)
	if err != nil {
		return nil, peer, dialError(ctx, err)
	}
	expect := link.Expect{Peer: expected}
	conn := tls.Client(plain, link.Config(c.cert, expect.Verify))
	if err := conn.HandshakeContext(ctx); err != nil {
		plain.Close()
		if expect.Wrong != nil {
			return nil, peer, expect.Wrong
		}
		return nil, peer, dialError(ctx, err)
	}
	state := conn.ConnectionState()
	if peer, err = link.PeerOf(&state); err != nil {
		plain.Close()
		return nil, peer, err
	}
	s = &Stream{c: conn}
	s.ended = func() { c.forget(s) }
	return s, peer, nil
}

// dialError names the class of a failed attempt.
func dialError(ctx context.Context, err error) error {
	var header tls.RecordHeaderError
	var op *net.OpError
	switch {
	case errors.As(err, &header), errors.As(err, &op) && op.Op == "remote error": // an alert of TLS
		return fmt.Errorf("%w: %w", link.ErrProtocol, err)
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%w: %w", link.ErrRefused, err)
	}
	return fmt.Errorf("%w: %w", link.ErrUnreachable, err)
}

// Peer implements [link.Conn].
func (c *Conn) Peer() refs.PeerID { return c.peer }

// RemoteAddr implements [link.Conn].
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// OpenStream implements [link.Conn]. All but the first stream take a TCP connection
// of their own, and fail as [Dial] does.
func (c *Conn) OpenStream(ctx context.Context) (link.Stream, error) {
	c.mu.Lock()
	s, closed := c.first, c.closed
	c.first = nil
	c.mu.Unlock()
	if closed {
		return nil, fmt.Errorf("opening a stream: %w", link.ErrClosed)
	}
	if s == nil {
		var err error
		if s, _, err = c.open(ctx, c.peer); err != nil {
			return nil, fmt.Errorf("opening a stream: %w", err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		s.Abort()
		return nil, fmt.Errorf("opening a stream: %w", link.ErrClosed)
	}
	c.streams[s] = struct{}{}
	return s, nil
}

func (c *Conn) forget(s *Stream) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.streams, s)
}

// Close implements [link.Conn].
func (c *Conn) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.first != nil {
		c.first.Abort()
		c.first = nil
	}
	for s := range c.streams {
		s.Abort()
	}
	return nil
}
