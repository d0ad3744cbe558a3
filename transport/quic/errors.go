package quic

import (
	"context"
	"errors"
	"fmt"
	"net"

	quicgo "github.com/quic-go/quic-go"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// Errors that callers can test for with [errors.Is].
var (
	// ErrWrongPeer says that another device answered than the one expected; see [WrongPeerError].
	ErrWrongPeer = errors.New("quic: another peer than expected")
	// ErrUnreachable says that nobody answered at an address.
	ErrUnreachable = errors.New("quic: nobody answers")
	// ErrRefused says that the peer takes no more connections now.
	ErrRefused = errors.New("quic: the peer takes no connection now")
	// ErrProtocol says that what answered does not speak constl/1.
	ErrProtocol = errors.New("quic: the peer does not speak " + transport.Protocol)
	// ErrClosed says that the connection is closed, by either side.
	ErrClosed = errors.New("quic: the connection is closed")
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

// The codes with which this package closes connections and streams (transport/PROTOCOL.md §8).
const (
	codeDone   = 0 // nothing more to say
	codeGoing  = 1 // shutting down
	codeLimit  = 2 // over a limit of connections
	streamDone = 0
	streamStop = 1 // given up
)

const tlsNoApplicationProtocol = 0x100 + 120

// dialError names the class of a failed attempt.
func dialError(err error) error {
	var tls *quicgo.TransportError
	var app *quicgo.ApplicationError
	var handshake *quicgo.HandshakeTimeoutError
	var idle *quicgo.IdleTimeoutError
	var op *net.OpError
	switch {
	case errors.Is(err, ErrWrongPeer), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &handshake), errors.As(err, &idle), errors.As(err, &op):
		return fmt.Errorf("%w: %w", ErrUnreachable, err)
	case errors.As(err, &app) && app.ErrorCode == codeLimit:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.As(err, &tls) && tls.ErrorCode == quicgo.ConnectionRefused:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	case errors.As(err, &tls) && tls.ErrorCode == tlsNoApplicationProtocol:
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return err
}

// streamError names the class of an error of a stream.
func streamError(err error) error {
	var app *quicgo.ApplicationError
	var idle *quicgo.IdleTimeoutError
	var reset *quicgo.StatelessResetError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &app):
		return fmt.Errorf("%w: %s", ErrClosed, closing(app))
	case errors.As(err, &idle):
		return fmt.Errorf("%w: the peer has not answered for too long", ErrClosed)
	case errors.As(err, &reset):
		return fmt.Errorf("%w: the peer was started anew", ErrClosed)
	}
	return err
}

// closing says why a connection was closed, by which side.
func closing(app *quicgo.ApplicationError) string {
	who := "this side"
	if app.Remote {
		who = "the peer"
	}
	switch app.ErrorCode {
	case codeGoing:
		return who + " is shutting down"
	case codeLimit:
		return who + " has too many connections"
	}
	return "by " + who
}
