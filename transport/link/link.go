package link

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// Conn is a connection to a peer whose key was verified. It is safe for use by
// several goroutines at once.
type Conn interface {
	// Peer returns whom the connection is to.
	Peer() refs.PeerID
	// RemoteAddr returns the address at which the peer answered.
	RemoteAddr() net.Addr
	// OpenStream opens a stream, for one request; it waits while the peer allows no
	// more. It fails with an error that wraps [ErrClosed] if the connection has ended.
	OpenStream(ctx context.Context) (Stream, error)
	// Close ends the connection and all its streams at once.
	Close() error
}

// Stream carries one request. One goroutine may read while another writes. Close
// ends both directions: the peer gets everything that was written and then the
// end; it waits for a Write under way.
type Stream interface {
	io.ReadWriteCloser
	// Abort ends both directions at once; reads and writes that wait fail. It may be
	// called at any time, more than once.
	Abort()
	// Bytes returns how many bytes were read and written so far.
	Bytes() (in, out int64)
}

// Early is what a stream implements that may have come with the handshake of its
// connection, before the peer has proved that it is there now: it may be something
// old, sent once more by somebody else (RFC 8446 §8).
type Early interface {
	// Proved waits until the peer has. It fails if the connection ends before, or with
	// ctx's error.
	Proved(ctx context.Context) error
}

// Handler deals with one stream that a peer opened, and closes it. It should end
// soon after ctx does. Handlers run in goroutines of their own.
type Handler func(ctx context.Context, peer refs.PeerID, stream Stream)

// Errors that callers can test for with [errors.Is].
var (
	// ErrWrongPeer says that another device answered than the one expected; see [WrongPeerError].
	ErrWrongPeer = errors.New("link: another peer than expected")
	// ErrUnreachable says that nobody answered at an address.
	ErrUnreachable = errors.New("link: nobody answers")
	// ErrRefused says that the peer takes no more connections now.
	ErrRefused = errors.New("link: the peer takes no connection now")
	// ErrProtocol says that what answered does not speak constl/1.
	ErrProtocol = errors.New("link: the peer does not speak " + transport.Protocol)
	// ErrClosed says that the connection is closed, by either side.
	ErrClosed = errors.New("link: the connection is closed")
)

// WrongPeerError names the peer that was expected and the one that answered. It
// wraps [ErrWrongPeer].
type WrongPeerError struct {
	Expected refs.PeerID
	Found    refs.PeerID
}

// Error names both.
func (e *WrongPeerError) Error() string {
	return fmt.Sprintf("%v: expected %s, found %s", ErrWrongPeer, e.Expected, e.Found)
}

// Unwrap returns [ErrWrongPeer].
func (e *WrongPeerError) Unwrap() error { return ErrWrongPeer }
