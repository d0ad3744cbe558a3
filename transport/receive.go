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
	limit    string // the name of that bound

	verify    verifier
	solicited idSet     // may be sent; marked when it came
	batched   int       // bytes in the open batch
	began     time.Time // when it was begun
	total     int64
	noBase    []object.ID // came as deltas whose base is not held
	got       []object.ID // received in this run, as far as the run asks for it
	keepGot   bool
}

// hold keeps the store from dropping objects while an exchange is under way: what
// has come is referred to only when the exchange is complete.
func hold(ctx context.Context, store object.Store) (release func(), err error) {
	b, err := store.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting to store objects: %w", err)
	}
	return func() { _ = b.Discard() }, nil // it is empty
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
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	r.verify.start(r.codec)
	defer func() {
		// What has arrived is kept even if the caller has given up.
		// A peer that lies and leaves is a liar first.
		if settleErr := r.settle(); settleErr != nil && (err == nil || errors.Is(err, ErrDisconnected)) {
			err = settleErr
		}
		r.verify.stop()
		if commitErr := r.batch.Commit(context.WithoutCancel(ctx)); commitErr != nil && err == nil {
			err = fmt.Errorf("storing objects: %w", commitErr)
		}
		r.batch.Discard()
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
			return end, r.settle()
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

// object hands one object over to be verified and stored.
func (r *receiver) object(ctx context.Context, body []byte) error {
	id, e, err := decodeObject(body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	if !r.solicited.has(id) {
		// What links to it may not have been looked into yet.
		if err := r.settle(); err != nil {
			return err
		}
		if !r.solicited.has(id) {
			return fmt.Errorf("%w: nobody asked for %s", ErrForged, id)
		}
	}
	if r.solicited.marked(id) {
		return fmt.Errorf("%w: %s came twice", ErrForged, id)
	}
	if r.total += int64(e.Length); r.maxBytes > 0 && r.total > r.maxBytes {
		return fmt.Errorf("%w: more than %d bytes of objects (limit %s)", ErrTooLarge, r.maxBytes, r.limit)
	}
	r.solicited.mark(id)
	var base object.Object
	if e.Encoding == entry.Delta {
		if base, err = r.base(ctx, id, e.Base); base == nil || err != nil {
			return err
		}
	}
	if err := r.verify.submit(verifyJob{ctx: ctx, batch: r.batch, id: id, entry: e, base: base}); err != nil {
		return fmt.Errorf("receiving objects: %w", err)
	}
	if r.batched += e.Length; r.batched >= batchBytes || time.Since(r.began) >= batchTime {
		return r.cut(ctx)
	}
	return r.harvest()
}

// base returns the base of a delta, or nil if it is not held: the object is then
// asked for again.
func (r *receiver) base(ctx context.Context, id, baseID object.ID) (object.Object, error) {
	base, err := r.batch.Get(ctx, baseID)
	if errors.Is(err, object.ErrNotFound) {
		// It may be on its way.
		if err := r.settle(); err != nil {
			return nil, err
		}
		base, err = r.batch.Get(ctx, baseID)
	}
	if errors.Is(err, object.ErrNotFound) {
		r.noBase = append(r.noBase, id)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the base of object %s: %w", id.Short(), err)
	}
	return base, nil
}

// settle waits for all objects that were handed over.
func (r *receiver) settle() error {
	r.verify.wait()
	return r.harvest()
}

// harvest lets the peer send what the objects link to that are stored by now.
func (r *receiver) harvest() error {
	done, err := r.verify.harvest()
	for i := range done {
		v := &done[i]
		r.stats.Objects++
		r.stats.ObjectBytes += int64(v.length)
		if v.delta {
			r.stats.Deltas++
		}
		if r.keepGot {
			r.got = append(r.got, v.id)
		}
		for _, l := range v.links {
			r.solicited.add(l)
		}
		if r.progress != nil {
			r.progress(Progress{Objects: r.stats.Objects, Bytes: r.c.in.Load()})
		}
	}
	return err
}

// cut makes what was received so far durable and goes on with a new batch.
func (r *receiver) cut(ctx context.Context) error {
	if err := r.settle(); err != nil {
		return err
	}
	if err := r.batch.Commit(ctx); err != nil {
		return fmt.Errorf("storing objects: %w", err)
	}
	return r.begin(ctx)
}

func (r *receiver) begin(ctx context.Context) error {
	batch, err := r.store.Begin(ctx)
	if err != nil {
		return fmt.Errorf("starting to store objects: %w", err)
	}
	r.batch, r.batched, r.began = batch, 0, time.Now()
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
