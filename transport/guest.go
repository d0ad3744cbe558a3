package transport

import (
	"context"
	"sync/atomic"
)

// guest bounds what a client may send on a stream that it has opened. The methods may be
// called on nil, which bounds nothing, and by the two goroutines that read frames and
// take them.
type guest struct {
	memory     *account
	maxRequest int // bytes of a request's body
	// objects says that this side has asked for objects. Before, nobody may send one:
	// frames of objects are by far the largest.
	objects atomic.Bool
}

// smallFrame is the size in bytes of a frame that is held in what is counted for the
// stream itself.
const smallFrame = 4 << 10

// buffer returns how many bytes are read ahead of frames.
func (g *guest) buffer() int {
	if g != nil && !g.objects.Load() {
		return smallFrame
	}
	return bufferBytes
}

// admit decides whether a frame may come, before any of its body is read. It waits for the
// memory of a large object.
func (g *guest) admit(ctx context.Context, t frameType, size int) error {
	switch {
	case g == nil:
		return nil
	case (t == frameSync || t == framePush || t == frameWatch) && size > g.maxRequest:
		return limitError(LimitRequestBytes, ErrTooLarge, "a request of %d bytes, and at most %d are taken", size, g.maxRequest)
	case t == frameObject && !g.objects.Load():
		return protocolError("an object that nobody has asked for")
	case size <= uncounted(t):
		return nil
	case t == frameObject:
		return g.memory.grow(ctx, int64(size))
	case !g.memory.tryGrow(int64(size)):
		return limitError(LimitMemory, ErrBusy, "no memory is free for a frame of %d bytes", size)
	}
	return nil
}

// uncounted returns the size in bytes up to which a frame is held in what is counted
// for the stream, or for the push.
func uncounted(t frameType) int {
	if t == frameObject {
		return guestAheadBytes
	}
	return smallFrame
}

// taken notes that a frame's body is no longer held by the stream.
func (g *guest) taken(t frameType, size int) {
	switch {
	case g == nil || size <= uncounted(t):
	case size > verifyBytes:
		g.memory.shrink(int64(size)) // the receiver takes it over
	default:
		g.memory.giveBack(int64(size))
	}
}
