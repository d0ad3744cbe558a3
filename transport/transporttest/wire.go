package transporttest

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// The frames of transport/PROTOCOL.md §2, for peers that are written from the
// specification alone and say what package transport never would.
const (
	FrameSync      = 0x01
	FramePush      = 0x02
	FrameBundle    = 0x03
	FramePair      = 0x04
	FrameIdentity  = 0x10
	FrameStatement = 0x11
	FrameProof     = 0x12
	FrameObject    = 0x13
	FrameWant      = 0x14
	FrameResult    = 0x15
	FrameNonce     = 0x16
	FramePaired    = 0x17
	FrameEnough    = 0x18
	FrameEnd       = 0x1e
	FrameError     = 0x1f
	FrameDraft     = 0x80
	FrameUnknown   = 0xee // that a receiver skips
)

// The flags of requests (§3).
const (
	FlagNoObjects = 1 << iota
	FlagFlat
	FlagWhole
	FlagGuess
	FlagInner
	FlagExact
)

// Frame is one frame, whatever stands in it.
type Frame struct {
	Type byte
	Body []byte
}

// Bytes returns the frame as it is sent.
func (f Frame) Bytes() []byte {
	return append(binary.AppendUvarint([]byte{f.Type}, uint64(len(f.Body))), f.Body...)
}

// Wire reads and writes frames. One goroutine may read while another writes.
type Wire struct {
	r *bufio.Reader
	w io.Writer
}

// NewWire returns the wire over the stream, which the caller closes.
func NewWire(stream io.ReadWriter) *Wire { return &Wire{bufio.NewReader(stream), stream} }

// Send sends the frames, each as soon as it is written. It fails as the stream does.
func (w *Wire) Send(frames ...Frame) error {
	for _, f := range frames {
		if err := w.SendBytes(f.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

// SendBytes sends bytes that need not be frames. It fails as the stream does.
func (w *Wire) SendBytes(b []byte) error {
	_, err := w.w.Write(b)
	return err
}

// Next returns the next frame, of at most 16 MiB. At the end of the stream the error is [io.EOF].
func (w *Wire) Next() (Frame, error) {
	kind, err := w.r.ReadByte()
	if err != nil {
		return Frame{}, err
	}
	n, err := binary.ReadUvarint(w.r)
	if err == nil && n > 17<<20 {
		err = fmt.Errorf("a frame of %d bytes", n)
	}
	if err != nil {
		return Frame{}, err
	}
	body := make([]byte, n)
	_, err = io.ReadFull(w.r, body)
	return Frame{kind, body}, err
}

// ObjectFrame returns the frame that gives an entry under the id.
func ObjectFrame(id object.ID, e entry.Entry) Frame {
	return Frame{FrameObject, e.Append(append([]byte(nil), id[:]...))}
}

// Raw returns the object as an entry that is not compressed.
func Raw(o object.Object) entry.Entry {
	return entry.Entry{Encoding: entry.Raw, Length: len(o), Data: o}
}

// EndFrame returns the end of an offer, where objects is 0, or of a run of objects (§4.5).
func EndFrame(status byte, objects, missing int) Frame {
	var e object.Encoder
	e.Byte(status)
	e.Uvarint(uint64(objects))
	e.Uvarint(uint64(missing))
	e.Uvarint(0)
	return Frame{FrameEnd, e.Body()}
}

// Query is what sync and want frames ask for (§3.1, §3.2).
type Query struct {
	Flags        uint64
	Wants, Haves []object.ID
}

// SyncFrame returns the request of somebody who knows nothing of the dataset and wants the
// targets of the refs, and what else the query says.
func SyncFrame(dataset object.ID, q Query, patterns ...refs.Pattern) Frame {
	var e object.Encoder
	e.Uvarint(1)
	e.Uvarint(q.Flags)
	e.ID(dataset)
	e.Uvarint(0) // identities
	e.Uvarint(0) // logs
	e.Uvarint(uint64(len(patterns)))
	for _, p := range patterns {
		e.Text(string(p))
	}
	q.ids(&e)
	return Frame{FrameSync, e.Body()}
}

// WantFrame returns a want.
func WantFrame(q Query) Frame {
	var e object.Encoder
	e.Uvarint(q.Flags)
	q.ids(&e)
	return Frame{FrameWant, e.Body()}
}

// ids appends the ids, no budget and no extensions.
func (q Query) ids(e *object.Encoder) {
	for _, list := range [][]object.ID{q.Wants, q.Haves} {
		e.Uvarint(uint64(len(list)))
		for _, id := range list {
			e.ID(id)
		}
	}
	e.Uvarint(0)
	e.Uvarint(0)
}

// ParseWant returns what a want asks for; what of it cannot be read is left out.
func ParseWant(f Frame) Query {
	d := object.NewBodyDecoder(f.Body)
	q := Query{Flags: d.Uvarint()}
	for _, list := range []*[]object.ID{&q.Wants, &q.Haves} {
		for range d.Count(object.IDSize) {
			*list = append(*list, d.ID())
		}
	}
	return q
}

// PushFrame returns the request that says how many identities and statements follow (§3.3).
func PushFrame(dataset object.ID, identities, statements int) Frame {
	var e object.Encoder
	e.Uvarint(1)
	e.Uvarint(0)
	e.ID(dataset)
	e.Uvarint(uint64(identities))
	e.Uvarint(uint64(statements))
	e.Uvarint(0)
	return Frame{FramePush, e.Body()}
}

// EnoughFrame says that enough has come of the run with the number (§4.2).
func EnoughFrame(run uint64) Frame {
	return Frame{FrameEnough, binary.AppendUvarint(nil, run)}
}

// ErrorFrame returns an error (§6).
func ErrorFrame(code uint64, text string) Frame {
	var e object.Encoder
	e.Uvarint(code)
	e.Text(text)
	return Frame{FrameError, e.Body()}
}

// ErrorCode returns the code of an error frame, 0 if the frame is none.
func ErrorCode(f Frame) uint64 {
	if f.Type != FrameError {
		return 0
	}
	return object.NewBodyDecoder(f.Body).Uvarint()
}
