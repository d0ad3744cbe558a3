package transport

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// The names of the bounds of this package, as they are told to whoever hits one.
const (
	LimitRequests     = "max-requests"      // requests served at once, and for how long others wait
	LimitWaiting      = "max-waiting"       // requests that wait for their turn
	LimitWatches      = "max-watches"       // watches that are open at once,
	LimitPeerWatches  = "max-peer-watches"  // and those of one peer
	LimitMemory       = "max-memory"        // bytes that requests hold in memory
	LimitRequestBytes = "max-request-bytes" // bytes of a request's body
	LimitTraversal    = "max-traversal"     // objects read for one answer
	LimitObjectBytes  = "max-object-bytes"  // bytes of one object that is pushed
	LimitPushBytes    = "max-push-bytes"    // bytes of the objects of one push
	LimitProgress     = "min-progress"      // bytes that pass while a side waits
	LimitDiskFloor    = "disk-floor"        // bytes that stay free on the disk
)

// LimitError says that a bound was hit, and which. It wraps Class and crosses the wire
// as that, its text with the bound's name.
type LimitError struct {
	Limit string // the name of the bound
	Class error  // [ErrBusy], [ErrTooLarge] or [ErrStalled]
	Text  string // what was found, and what to do
}

// Error says what was found and names the bound.
func (e *LimitError) Error() string {
	return fmt.Sprintf("%v: %s (limit %s)", e.Class, e.Text, e.Limit)
}

// Unwrap returns the class.
func (e *LimitError) Unwrap() error { return e.Class }

func limitError(limit string, class error, format string, args ...any) error {
	return &LimitError{Limit: limit, Class: class, Text: fmt.Sprintf(format, args...)}
}

// Refuse answers a stream with the error, whatever is asked on it. The caller closes it.
func Refuse(stream io.Writer, err error) {
	code, text := codeOf(err)
	body := (&errorMessage{code: code, text: wireText(text)}).encode()
	frame := append(binary.AppendUvarint([]byte{byte(frameError)}, uint64(len(body))), body...)
	// The peer may be gone already; there is nobody else to tell.
	_, _ = stream.Write(frame)
}

// Limit returns the name of the bound of the peer that was hit, "" if it names none.
func (e *RemoteError) Limit() string {
	_, after, found := strings.Cut(e.Text, "(limit ")
	name, _, closed := strings.Cut(after, ")")
	if !found || !closed {
		return ""
	}
	return name
}
