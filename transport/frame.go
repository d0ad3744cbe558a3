package transport

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"github.com/constl/constl/refs"
)

// frameType is the first byte of a frame (PROTOCOL.md §2).
type frameType byte

// The frames of version 1.
const (
	frameSync      frameType = 0x01 // request
	framePush      frameType = 0x02 // request
	frameBundle    frameType = 0x03 // the header of a bundle, in a file alone
	framePair      frameType = 0x04 // request
	frameWatch     frameType = 0x05 // request
	frameIdentity  frameType = 0x10
	frameStatement frameType = 0x11
	frameProof     frameType = 0x12
	frameObject    frameType = 0x13
	frameWant      frameType = 0x14
	frameResult    frameType = 0x15
	frameNonce     frameType = 0x16
	framePaired    frameType = 0x17
	frameEnough    frameType = 0x18
	frameKnown     frameType = 0x19
	frameEnd       frameType = 0x1e
	frameError     frameType = 0x1f

	frameDraft   frameType = 0x80 // an identity with too few signatures
	frameStill   frameType = 0x81 // nothing is new, and the sender is there
	frameContact frameType = 0x82 // where another peer serves the dataset

	// frameIgnorable is the first of the types that a receiver skips if it does not know them.
	frameIgnorable frameType = 0x80
)

func (t frameType) String() string {
	switch t {
	case frameSync:
		return "sync"
	case framePush:
		return "push"
	case frameBundle:
		return "bundle"
	case framePair:
		return "pair"
	case frameWatch:
		return "watch"
	case frameKnown:
		return "known"
	case frameStill:
		return "still"
	case frameNonce:
		return "nonce"
	case framePaired:
		return "paired"
	case frameEnough:
		return "enough"
	case frameIdentity:
		return "identity"
	case frameStatement:
		return "statement"
	case frameProof:
		return "proof"
	case frameObject:
		return "object"
	case frameWant:
		return "want"
	case frameResult:
		return "result"
	case frameEnd:
		return "end"
	case frameError:
		return "error"
	case frameDraft:
		return "draft"
	case frameContact:
		return "contact"
	}
	return fmt.Sprintf("type 0x%02x", byte(t))
}

// limit returns the largest body of a frame of the type, in bytes, and whether
// the type is known.
func (t frameType) limit() (int, bool) {
	switch t {
	case frameSync, framePush, frameBundle, frameWatch:
		return MaxRequest, true
	case frameStill:
		return 0, true
	case frameNonce:
		return len(nonce{}), true
	case frameEnough:
		return binary.MaxVarintLen64, true
	case frameIdentity:
		return maxIdentityFrame, true
	case frameStatement:
		return maxStatementFrame, true
	case frameProof:
		return maxProofFrame, true
	case frameObject:
		return maxObjectFrame, true
	case frameWant:
		return maxWantFrame, true
	case frameContact:
		return refs.MaxContact, true
	case framePair, framePaired, frameKnown, frameResult, frameEnd, frameError:
		return maxControlFrame, true
	}
	return maxControlFrame, t >= frameIgnorable
}

// frame is one frame as read, or what ended the reading.
type frame struct {
	t    frameType
	body []byte
	err  error
}

// growBy bounds what is allocated for a frame before its bytes are there.
const growBy = 1 << 20

// frameReader takes frames off a stream. It is for one goroutine.
type frameReader struct {
	r       *bufio.Reader
	ignored int                               // bytes of frames that were skipped
	admit   func(t frameType, size int) error // before a body is read; may be nil
	pulse   *atomic.Pointer[pulse]            // takes still frames, once it is set; it may be nil
}

// next returns the next frame that is not to be skipped. The body is the
// caller's. At the end of the stream, between frames, the error is [io.EOF].
func (f *frameReader) next() (frameType, []byte, error) {
	for {
		b, err := f.r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		t := frameType(b)
		limit, known := t.limit()
		if !known {
			return 0, nil, protocolError("a frame of unknown type 0x%02x", b)
		}
		size, err := readLength(f.r, limit)
		if err != nil {
			return 0, nil, fmt.Errorf("%s frame: %w", t, err)
		}
		p := f.beat()
		if t < frameIgnorable || t == frameDraft || t == frameContact {
			if f.admit != nil {
				if err := f.admit(t, size); err != nil {
					return 0, nil, err
				}
			}
			body, err := readBody(f.r, size)
			return t, body, err
		}
		if t == frameStill && p != nil {
			if err := p.still(); err != nil {
				return 0, nil, err
			}
			continue
		}
		if f.ignored += 1 + size; f.ignored > maxIgnored {
			return 0, nil, protocolError("more than %d bytes of frames of unknown types", maxIgnored)
		}
		if _, err := io.CopyN(io.Discard, f.r, int64(size)); err != nil {
			return 0, nil, midFrame(err)
		}
	}
}

// beat notes that the peer gave a sign, and returns the pulse of the watch, nil if
// there is none.
func (f *frameReader) beat() *pulse {
	if f.pulse == nil {
		return nil
	}
	p := f.pulse.Load()
	if p != nil {
		p.beat()
	}
	return p
}

func readBody(r io.Reader, size int) ([]byte, error) {
	body := make([]byte, min(size, growBy))
	if _, err := io.ReadFull(r, body); err != nil {
		return nil, midFrame(err)
	}
	for len(body) < size {
		done := len(body)
		grown := make([]byte, min(size, 4*done))
		copy(grown, body)
		if _, err := io.ReadFull(r, grown[done:]); err != nil {
			return nil, midFrame(err)
		}
		body = grown
	}
	return body, nil
}

// readLength reads a length in the shortest LEB128 form, at most limit.
func readLength(r io.ByteReader, limit int) (int, error) {
	var v uint64
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, midFrame(err)
		}
		v |= uint64(b&0x7f) << shift
		if v > uint64(limit) || shift > 28 {
			return 0, protocolError("a length over the limit of %d bytes", limit)
		}
		if b < 0x80 {
			if b == 0 && shift > 0 {
				return 0, protocolError("a length that is longer than it need be")
			}
			return int(v), nil
		}
	}
}

func midFrame(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
