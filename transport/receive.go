package transport

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

// receiver takes runs of objects, verifies them and stores them. It is for one
// goroutine.
type receiver struct {
	c        *conn
	store    object.Store
	batch    object.Batch
	codec    *entry.Codec
	stats    *Stats
	progress func(Progress)
	maxBytes int64

	solicited idSet // may be sent; marked when it came
	batched   int   // bytes in the open batch
	total     int64
	noBase    []object.ID // came as deltas whose base is not held
	got       []object.ID // received in this run, as far as the run asks for it
	keepGot   bool
}

// solicit lets the peer send the objects and all they link to. It forgets what
// was solicited before: a run may send nothing that was not asked for anew.
func (r *receiver) solicit(ids []object.ID) {
	r.solicited = idSet{}
	for _, id := range ids {
		r.solicited.add(id)
	}
	r.noBase, r.got = nil, nil
}

// run receives one run of objects up to its end frame. Whatever was verified
// before a failure is stored.
func (r *receiver) run(ctx context.Context) (end *endMessage, err error) {
	if r.batch, err = r.store.Begin(ctx); err != nil {
		return nil, fmt.Errorf("starting to store objects: %w", err)
	}
	defer func() {
		// What has arrived is kept even if the caller has given up.
		if commitErr := r.batch.Commit(context.WithoutCancel(ctx)); commitErr != nil && err == nil {
			err = fmt.Errorf("storing objects: %w", commitErr)
		}
		r.batch.Discard()
		r.batched = 0
	}()
	var count uint64
	for {
		t, body, err := r.c.next()
		if err != nil {
			return nil, streamError(ctx, "receiving objects", err)
		}
		switch t {
		case frameObject:
			count++
			if err := r.object(ctx, body); err != nil {
				return nil, err
			}
		case frameEnd:
			end, err := decodeEnd(body)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
			}
			if end.objects != count {
				return nil, protocolError("%d objects sent, %d announced", count, end.objects)
			}
			return end, nil
		default:
			return nil, unexpected(t, body)
		}
	}
}

// unexpected returns the error for a frame that has no place where it came: the
// peer's own error, if it is one.
func unexpected(t frameType, body []byte) error {
	if t != frameError {
		return protocolError("a frame of type %s where none may be", t)
	}
	m, err := decodeError(body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return &RemoteError{Code: m.code, Text: printable(m.text)}
}

// object verifies one object and stores it.
func (r *receiver) object(ctx context.Context, body []byte) error {
	id, e, err := decodeObject(body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if !r.solicited.has(id) {
		return fmt.Errorf("%w: nobody asked for %s", ErrForged, id)
	}
	if r.solicited.marked(id) {
		return fmt.Errorf("%w: %s came twice", ErrForged, id)
	}
	if r.total += int64(e.Length); r.maxBytes > 0 && r.total > r.maxBytes {
		return fmt.Errorf("%w: more than %d bytes of objects", ErrTooLarge, r.maxBytes)
	}
	o, err := r.decode(ctx, id, e)
	if o == nil || err != nil {
		return err
	}
	if _, err := r.batch.Put(ctx, o, e.Base); err != nil {
		return fmt.Errorf("storing object %s: %w", id.Short(), err)
	}
	if err := r.admit(id, o); err != nil {
		return err
	}
	r.stats.Objects++
	r.stats.ObjectBytes += int64(len(o))
	if e.Encoding == entry.Delta {
		r.stats.Deltas++
	}
	if r.progress != nil {
		r.progress(Progress{Objects: r.stats.Objects, Bytes: r.c.in.Load()})
	}
	if r.batched += len(o); r.batched >= batchBytes {
		return r.cut(ctx)
	}
	return nil
}

// decode returns the verified object, or nil if its base is not held.
func (r *receiver) decode(ctx context.Context, id object.ID, e entry.Entry) (object.Object, error) {
	var base object.Object
	if e.Encoding == entry.Delta {
		var err error
		base, err = r.batch.Get(ctx, e.Base)
		if errors.Is(err, object.ErrNotFound) {
			r.noBase = append(r.noBase, id)
			return nil, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the base of object %s: %w", id.Short(), err)
		}
	}
	o, err := r.codec.Decode(e, base)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrForged, id, err)
	}
	if found := o.ID(); found != id {
		return nil, fmt.Errorf("%w: expected %s, found %s", ErrForged, id, found)
	}
	if err := o.Check(); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrForged, id, err)
	}
	return o, nil
}

// admit notes that the object came and lets the peer send what it links to.
func (r *receiver) admit(id object.ID, o object.Object) error {
	r.solicited.mark(id)
	if r.keepGot {
		r.got = append(r.got, id)
	}
	links, err := object.Links(o)
	if err != nil {
		return err
	}
	for _, l := range links {
		r.solicited.add(l)
	}
	return nil
}

// cut makes what was received so far durable and goes on with a new batch.
func (r *receiver) cut(ctx context.Context) error {
	if err := r.batch.Commit(ctx); err != nil {
		return fmt.Errorf("storing objects: %w", err)
	}
	r.batched = 0
	batch, err := r.store.Begin(ctx)
	if err != nil {
		return fmt.Errorf("storing objects: %w", err)
	}
	r.batch = batch
	return nil
}

// guardTimes returns the bounds of a stalled peer, with defaults for zero.
func guardTimes(stall time.Duration, minProgress int64) (time.Duration, int64) {
	if stall <= 0 {
		stall = defaultStall
	}
	if minProgress <= 0 {
		minProgress = defaultMinProgress
	}
	return stall, minProgress
}
