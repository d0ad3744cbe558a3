package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// Errors that cross the wire. The side that fails sends the code; the other side
// gets a [*RemoteError] that wraps the same sentinel.
var (
	// ErrNotFound says that the peer does not have the dataset, or does not show it to us.
	ErrNotFound = errors.New("transport: the peer has no such dataset")
	// ErrNotAllowed says that the peer's policy refuses the request.
	ErrNotAllowed = errors.New("transport: not allowed")
	// ErrTooLarge says that a request or what it would lead to is over a limit.
	ErrTooLarge = errors.New("transport: too large")
	// ErrBusy says that the peer serves as many requests as it will; try again later.
	ErrBusy = errors.New("transport: the peer is busy")
	// ErrBadRequest says that a request broke the protocol.
	ErrBadRequest = errors.New("transport: bad request")
	// ErrInternal says that the peer failed for a reason of its own.
	ErrInternal = errors.New("transport: the peer failed")
	// ErrUnsupported says that the peer does not know a version or feature that the request needs.
	ErrUnsupported = errors.New("transport: not supported")
	// ErrRefused says that the peer found what it was sent untrustworthy or damaged.
	ErrRefused = errors.New("transport: refused as untrusted")
	// ErrIncomplete says that objects are missing which the peer should have sent.
	ErrIncomplete = errors.New("transport: objects are missing")
	// ErrStale says that what was pushed is older than what the peer holds.
	ErrStale = errors.New("transport: the peer has a newer state")
)

// Errors of this side alone.
var (
	// ErrProtocol says that the peer sent what the protocol does not allow.
	ErrProtocol = errors.New("transport: the peer broke the protocol")
	// ErrForged says that the peer sent an object that is not what its id says, or
	// that nobody asked for.
	ErrForged = errors.New("transport: the peer sent a wrong object")
	// ErrDisconnected says that the stream ended before the exchange was complete.
	// What was received and verified so far is stored.
	ErrDisconnected = errors.New("transport: the connection ended early")
	// ErrDiskFull says that what comes would leave too little space on this side's disk.
	ErrDiskFull = errors.New("transport: too little space on the disk")
	// errStopping says that this side is shutting down.
	errStopping = fmt.Errorf("%w: it is shutting down", ErrBusy)
	// ErrStalled says that the peer sent or took too little for too long.
	ErrStalled = errors.New("transport: no progress")
)

// Code is the number of an error on the wire (PROTOCOL.md §6). Numbers are never
// given another meaning.
type Code uint64

// wireCodes pairs codes and sentinels. It is append-only; the code is the index plus one.
var wireCodes = [...]error{
	ErrNotFound, ErrNotAllowed, ErrTooLarge, ErrBusy, ErrBadRequest,
	ErrInternal, ErrUnsupported, ErrRefused, ErrIncomplete, ErrStale,
}

const codeInternal Code = 6

// codeOf returns the code for an error of this side, and the text that the peer
// may see. Errors that no sentinel classes tell the peer nothing.
func codeOf(err error) (Code, string) {
	var remote *RemoteError
	if errors.As(err, &remote) {
		return codeInternal, ""
	}
	if errors.Is(err, ErrNotFound) {
		// Whether there is no such dataset or none for this peer is not told.
		return 1, ""
	}
	for i, sentinel := range wireCodes {
		if errors.Is(err, sentinel) {
			text := strings.TrimPrefix(err.Error(), sentinel.Error())
			return Code(i + 1), strings.TrimPrefix(text, ": ")
		}
	}
	switch {
	case errors.Is(err, ErrDiskFull):
		return 3, err.Error()
	case errors.Is(err, ErrForged), errors.Is(err, refs.ErrUntrusted), errors.Is(err, refs.ErrUnknownIdentity):
		return 8, err.Error()
	case errors.Is(err, ErrProtocol):
		return 5, err.Error()
	}
	return codeInternal, ""
}

// RemoteError is an error that the peer sent. It wraps the sentinel of its code,
// or [ErrInternal] if the code is unknown here.
type RemoteError struct {
	Code Code
	Text string // what the peer says, without control characters; may be empty
}

// Error says what kind of failure it was and what the peer says about it.
func (e *RemoteError) Error() string {
	if e.Text == "" {
		return e.Unwrap().Error()
	}
	return fmt.Sprintf("%v: the peer says: %s", e.Unwrap(), e.Text)
}

// Unwrap returns the sentinel of the code.
func (e *RemoteError) Unwrap() error {
	if e.Code >= 1 && e.Code <= Code(len(wireCodes)) {
		return wireCodes[e.Code-1]
	}
	return ErrInternal
}

// wireText cuts a text to what an error frame may carry.
func wireText(s string) string {
	s = printable(strings.ToValidUTF8(s, "?"))
	for len(s) > maxErrorText {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// printable makes a peer's text safe to show on a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// protocolError says what the peer did that the protocol does not allow.
func protocolError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}

// streamError names the class of an error of the stream itself.
func streamError(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case context.Cause(ctx) != nil:
		return fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	case errors.Is(err, ErrProtocol), errors.Is(err, object.ErrCorrupt), errors.As(err, new(*LimitError)):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: %w", doing, ErrDisconnected)
	}
	return fmt.Errorf("%s: %w: %w", doing, ErrDisconnected, err)
}
