package transport

import (
	"context"
	"errors"
	"fmt"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

// minDelta is the size in bytes of the smallest entry that is worth trying to
// send as a delta: the base's id alone takes 32.
const minDelta = 96

// errBudget ends a walk whose budget is used up, or of which the peer has enough.
var errBudget = errors.New("transport: the budget is used up")

// sendQuery says what a run of objects is to contain.
type sendQuery struct {
	wants, haves []object.ID
	flags        uint64
	budget       uint64
	effort       *effort // nil for no bounds
	resent       *resent // nil if nobody counts
}

// resent counts what is sent more than once over one stream.
type resent struct {
	sent  idSet
	again int
	empty int // runs in a row without an object
}

// Bounds of what a peer to whom something is pushed may ask for again: deltas whose base it
// lacks, and what it has lost.
const (
	maxAgain = 4096 // objects, and twice as many as there are
	maxEmpty = 64
)

// check fails if the peer asks for the same again and again, or for what is not here.
func (r *resent) check(objects int64) error {
	if r.empty++; objects > 0 {
		r.empty = 0
	}
	if r.again > maxAgain+2*r.sent.filled || r.empty > maxEmpty {
		return protocolError("the peer asks for the same objects again and again")
	}
	return nil
}

// outgoing is an entry on its way to the wire.
type outgoing struct {
	id    object.ID
	entry entry.Entry
}

// sender sends one run of objects. Reading and compressing go on in one goroutine
// while another writes what is ready.
type sender struct {
	c      *conn
	r      object.Reader
	getter entry.Getter // r, if it can
	codec  *entry.Codec
	query  sendQuery
	run    uint64 // its number on the stream
	walk   difference
	out    chan outgoing
	space  *weights
	stats  *Stats
	bytes  uint64
	unheld uint64
	count  uint64
}

// send answers a query: object frames and an end frame, not yet flushed through
// by anything but their own volume. What is not held is counted in the end frame, which
// is returned.
func send(ctx context.Context, c *conn, r object.Reader, codec *entry.Codec, query sendQuery, stats *Stats) (end *endMessage, err error) {
	s := &sender{c: c, r: r, codec: codec, query: query, run: c.runs.Add(1), stats: stats}
	s.getter, _ = r.(entry.Getter)
	s.out = make(chan outgoing, 64)
	s.space = newWeights(inFlightBytes)
	s.walk = difference{
		r: r, v: s,
		flat:  query.flags&flagFlat != 0,
		inner: query.flags&flagInner != 0,
		exact: query.flags&flagExact != 0,
		e:     query.effort,
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	walked := make(chan error, 1)
	go func() {
		defer close(s.out)
		walked <- s.walk.run(ctx, query.wants, query.haves)
	}()
	err = s.write(ctx, cancel)
	walkErr := <-walked
	if err == nil && errors.Is(walkErr, errCurtailed) {
		if s.count == 0 {
			return nil, query.effort.err()
		}
		walkErr = errBudget
	}
	if err == nil && walkErr != nil && !errors.Is(walkErr, errBudget) {
		return nil, fmt.Errorf("reading objects to send: %w", walkErr)
	} else if err != nil {
		return nil, err
	}
	end = s.end(walkErr)
	if err := c.writeFrame(frameEnd, end.encode()); err != nil {
		return nil, streamError(ctx, "sending objects", err)
	}
	return end, streamError(ctx, "sending objects", c.flush())
}

func (s *sender) end(walkErr error) *endMessage {
	m := &endMessage{objects: s.count, missing: s.unheld}
	switch {
	case errors.Is(walkErr, errBudget):
		m.status = endBudget
	case s.unheld > 0:
		m.status = endMissing
	}
	return m
}

// write puts entries on the wire until there are no more. It drains the channel
// even after a failure, which stops the walk.
func (s *sender) write(ctx context.Context, stop func()) error {
	var failed error
	var buf []byte
	for o := range s.out {
		if failed == nil && !s.enough() {
			head := o.entry
			head.Data = nil
			buf = head.Append(append(buf[:0], o.id[:]...))
			failed = s.c.writeFrame(frameObject, buf, o.entry.Data)
			if failed == nil && len(s.out) == 0 {
				failed = s.c.flush()
			}
			if failed != nil {
				failed = streamError(ctx, "sending objects", failed)
				stop()
			}
			s.count++
			s.stats.Objects++
			s.stats.ObjectBytes += int64(o.entry.Length)
			if o.entry.Encoding == entry.Delta {
				s.stats.Deltas++
			}
		}
		s.written(o.entry.Size())
	}
	return failed
}

// inner implements visitor.
func (s *sender) inner(ctx context.Context, at step, o object.Object) error {
	return s.queue(ctx, at, o)
}

// leaf implements visitor.
func (s *sender) leaf(ctx context.Context, at step) error {
	err := s.queue(ctx, at, nil)
	if errors.Is(err, object.ErrNotFound) {
		return s.absent(at.id, 0)
	}
	return err
}

// absent implements visitor.
func (s *sender) absent(object.ID, int) error {
	s.unheld++
	return nil
}

func (s *sender) queue(ctx context.Context, at step, o object.Object) error {
	e, err := s.encode(ctx, at, o)
	if err != nil {
		return err
	}
	if s.query.budget > 0 && s.bytes > 0 && s.bytes+uint64(e.Size()) > s.query.budget || s.enough() {
		return errBudget
	}
	if e, err = s.reserve(ctx, at, e); err != nil {
		return err
	}
	s.bytes += uint64(e.Size())
	if err := s.space.acquire(ctx, e.Size()); err != nil {
		return err
	}
	select {
	case s.out <- outgoing{at.id, e}:
	case <-ctx.Done():
		return ctx.Err()
	}
	s.walk.claimed.mark(at.id)
	if n := s.query.resent; n != nil && !n.sent.add(at.id) {
		n.again++
	}
	return nil
}

// reserve takes memory for an entry that is larger than what waits for the wire, from when
// it is read until it is written. It does not hold the entry while it waits, and reads it again.
func (s *sender) reserve(ctx context.Context, at step, e entry.Entry) (entry.Entry, error) {
	for {
		size := e.Size()
		if size <= inFlightBytes || s.query.effort.tryHold(size) {
			return e, nil
		}
		e = entry.Entry{}
		if err := s.query.effort.hold(size); err != nil {
			return e, err
		}
		var err error
		if e, err = s.encode(ctx, at, nil); err == nil && e.Size() == size {
			return e, nil
		}
		s.query.effort.free(size)
		if err != nil {
			return e, err
		}
	}
}

// written gives back what an entry took.
func (s *sender) written(size int) {
	s.space.release(size)
	if size > inFlightBytes {
		s.query.effort.free(size)
	}
}

// enough reports whether the receiver wants no more of this run.
func (s *sender) enough() bool { return s.c.enough.Load() >= s.run }

// atReceiver reports whether the receiver surely holds the object by the time it
// gets the next one.
func (s *sender) atReceiver(id object.ID) bool {
	return s.walk.claimed.marked(id) || s.walk.held.has(id)
}

// encode returns the object in the form in which it goes over the wire: as it is
// stored, if that is of use to the receiver. o may be nil.
func (s *sender) encode(ctx context.Context, at step, o object.Object) (entry.Entry, error) {
	var e entry.Entry
	var err error
	if s.getter != nil {
		if e, err = s.getter.GetEntry(ctx, at.id); err != nil {
			return e, err
		}
	}
	if e.Encoding == entry.Delta {
		deltas := s.query.flags&flagWhole == 0
		if deltas && (s.query.flags&flagGuess != 0 || s.atReceiver(e.Base)) {
			return e, nil
		}
	}
	if e.Length == 0 || e.Encoding == entry.Delta {
		if o == nil {
			if o, err = s.r.Get(ctx, at.id); err != nil {
				return e, err
			}
		}
		e = s.codec.Encode(o)
	}
	return s.tryDelta(ctx, at, o, e), nil
}

// tryDelta returns the object as a delta against its pair if the receiver holds
// that and it is clearly smaller, else the entry as given.
func (s *sender) tryDelta(ctx context.Context, at step, o object.Object, whole entry.Entry) entry.Entry {
	if s.query.flags&flagWhole != 0 || at.pair.IsZero() || whole.Size() < minDelta || whole.Length > entry.MaxDelta || !s.atReceiver(at.pair) {
		return whole
	}
	base, err := s.r.Get(ctx, at.pair)
	if err != nil || len(base) > entry.MaxDelta {
		return whole
	}
	if o == nil {
		if o, err = s.r.Get(ctx, at.id); err != nil {
			return whole
		}
	}
	if base.Kind() != o.Kind() {
		return whole
	}
	delta := s.codec.EncodeDelta(o, at.pair, base)
	if delta.Encoding != entry.Delta || delta.Size() > whole.Size()*3/4 {
		return whole
	}
	return delta
}
