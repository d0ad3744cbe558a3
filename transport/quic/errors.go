package quic

import (
	"context"
	"errors"
	"fmt"
	"net"

	quicgo "github.com/quic-go/quic-go"

	"github.com/constl/constl/transport/link"
)

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
	case errors.Is(err, link.ErrWrongPeer), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &handshake), errors.As(err, &idle), errors.As(err, &op):
		return fmt.Errorf("%w: %w", link.ErrUnreachable, err)
	case errors.As(err, &app) && app.ErrorCode == codeLimit:
		return fmt.Errorf("%w: %w", link.ErrRefused, err)
	case errors.As(err, &tls) && tls.ErrorCode == quicgo.ConnectionRefused:
		return fmt.Errorf("%w: %w", link.ErrRefused, err)
	case errors.As(err, &tls) && tls.ErrorCode == tlsNoApplicationProtocol:
		return fmt.Errorf("%w: %w", link.ErrProtocol, err)
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
	case errors.As(err, &app) && app.Remote && app.ErrorCode == codeLimit:
		return fmt.Errorf("%w: %s", link.ErrRefused, closing(app))
	case errors.As(err, &app):
		return fmt.Errorf("%w: %s", link.ErrClosed, closing(app))
	case errors.As(err, &idle):
		return fmt.Errorf("%w: the peer has not answered for too long", link.ErrClosed)
	case errors.As(err, &reset):
		return fmt.Errorf("%w: the peer was started anew", link.ErrClosed)
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
		text := who + " has too many connections"
		if name := app.ErrorMessage; name == link.LimitConns || name == link.LimitPerAddress {
			text += " (limit " + name + ")"
		}
		return text
	}
	return "by " + who
}
