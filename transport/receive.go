package transport

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
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
	progress func() // is called for each object; may be nil
	maxBytes int64
	limit    string // the name of that bound
	// maxObject, if not 0, is the most bytes of one object.
	maxObject int
	room      func(bytes int64) error // as in Plan
	// memory is what the receiver takes from for large objects, for deltas that wait for
	// their bases, and for the links that it must remember; nil for no bound.
	memory *account
	kept   int64 // bytes taken for this run
	whole  bool  // deltas were not asked for

	verify    verifier
	solicited idSet         // may be sent; marked when it came
	batched   int           // bytes in the open batch
	began     time.Time     // when it was begun
	total     *atomic.Int64 // bytes of objects, uncompressed, that this receiver and those beside it took
	asked     int64         // bytes for which there was room when it was asked for
	orphans   []orphan      // came as deltas whose base is not held
	orphaned  int           // their bytes
	noBase    []object.ID   // more of these than are kept
	got       []object.ID   // objects that came since the last solicit and link to others
	history   bool          // commits or tags are among them
	leaves    int           // objects in a row, the last that came, that link to nothing
	leafBytes int           // and what they took to come
	came      int           // object frames of this run
	cameBytes int           // and their bytes
	run       uint64        // the number of this run on the stream
}

// orphan is an object that came as a delta before its base.
type orphan struct {
	id    object.ID
	entry entry.Entry
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

// solicit lets the peer send the objects and all they link to, without deltas if they are
// wanted whole. It forgets what was solicited before: a run may send nothing that was not asked for anew.
func (r *receiver) solicit(ids []object.ID, whole bool) {
	r.solicited, r.whole = idSet{}, whole
	for _, id := range ids {
		r.solicited.add(id)
	}
	r.noBase, r.got, r.history, r.orphans, r.orphaned = nil, nil, false, nil, 0
	r.memory.shrink(r.kept)
	r.kept = 0
}

// keep takes bytes of memory until the next solicit, and waits for them if need be.
func (r *receiver) keep(ctx context.Context, bytes int) error {
	if err := r.memory.grow(ctx, int64(bytes)); err != nil {
		return fmt.Errorf("receiving objects: %w", err)
	}
	r.kept += int64(bytes)
	return nil
}

// receive receives one run of objects up to its end frame, or, if the crew may take
// over, as much of it as does not come over other streams. Whatever was verified
// before a failure is stored.
func (r *receiver) receive(ctx context.Context, w *crew) (end *endMessage, err error) {
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	defer func() { err = r.shut(ctx, err) }()
	begun := time.Now()
	return r.next(ctx, func() bool { return w != nil && w.takesOver(r, begun) })
}

// open prepares for runs. The caller calls shut after the last.
func (r *receiver) open(ctx context.Context) error {
	if err := r.begin(ctx); err != nil {
		return err
	}
	r.verify.start(r.codec)
	return nil
}

// shut stores what has come, even if the caller has given up, and returns the
// error to report: err, or what is worse.
func (r *receiver) shut(ctx context.Context, err error) error {
	// A peer that lies and leaves, or says no more, is a liar first.
	if settleErr := r.settle(ctx); settleErr != nil && (err == nil || replaceable(err)) {
		err = settleErr
	}
	r.verify.stop()
	if commitErr := r.batch.Commit(context.WithoutCancel(ctx)); commitErr != nil && err == nil {
		err = fmt.Errorf("storing objects: %w", commitErr)
	}
	r.batch.Discard()
	return err
}

// next receives one run, or as much of it as is wanted: enough is asked after each object.
func (r *receiver) next(ctx context.Context, enough func() bool) (*endMessage, error) {
	r.run++
	r.came, r.cameBytes = 0, 0
	said := false
	for {
		t, body, err := r.c.nextUnless(r.verify.failed)
		if errors.Is(err, errNoMore) {
			return nil, r.settle(ctx)
		}
		if err != nil {
			return nil, streamError(ctx, "receiving objects", err)
		}
		switch t {
		case frameObject:
			r.came++
			r.cameBytes += len(body)
			if err := r.object(ctx, body); err != nil {
				return nil, err
			}
			if !said && enough() {
				said = true
				if err := r.sayEnough(); err != nil {
					return nil, r.c.peerError(ctx, "asking for less", err)
				}
			}
		case frameEnd:
			end, err := decodeEnd(body)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrProtocol, err)
			}
			if end.objects != uint64(r.came) {
				return nil, protocolError("%d objects sent, %d announced", r.came, end.objects)
			}
			return end, r.settle(ctx)
		default:
			return nil, unexpected(t, body)
		}
	}
}

// sayEnough asks the peer to end the run (PROTOCOL.md §4.2).
func (r *receiver) sayEnough() error {
	var e object.Encoder
	e.Uvarint(r.run)
	if err := r.c.writeFrame(frameEnough, e.Body()); err != nil {
		return err
	}
	return r.c.flush()
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
		if err := r.settle(ctx); err != nil {
			return err
		}
		if !r.solicited.has(id) {
			return fmt.Errorf("%w: nobody asked for %s", ErrForged, id)
		}
	}
	if r.solicited.marked(id) {
		return fmt.Errorf("%w: %s came twice", ErrForged, id)
	}
	if total := r.total.Add(int64(e.Length)); r.maxBytes > 0 && total > r.maxBytes {
		return limitError(r.limit, ErrTooLarge, "more than %d bytes of objects", r.maxBytes)
	}
	if r.maxObject > 0 && e.Length > r.maxObject {
		return limitError(LimitObjectBytes, ErrTooLarge, "%s has %d bytes, and at most %d are taken in one object", id.Short(), e.Length, r.maxObject)
	}
	if err := r.makeRoom(e.Length); err != nil {
		return err
	}
	if e.Encoding == entry.Delta && r.whole {
		return protocolError("a delta for %s, which was wanted whole", id)
	}
	r.solicited.mark(id)
	var base object.Object
	if e.Encoding == entry.Delta {
		if base, err = r.base(ctx, e.Base); err != nil {
			return fmt.Errorf("reading the base of object %s: %w", id.Short(), err)
		}
		if base == nil {
			r.orphan(id, e)
			return nil
		}
	}
	if err := r.submit(verifyJob{ctx: ctx, batch: r.batch, id: id, entry: e, base: base}); err != nil {
		return fmt.Errorf("receiving objects: %w", err)
	}
	if r.batched += e.Length; r.batched >= batchBytes || time.Since(r.began) >= batchTime {
		return r.cut(ctx)
	}
	return r.harvest(ctx)
}

// submit hands an object over to be verified. One that is larger than all that are
// verified at once is waited for, and takes memory of its own meanwhile.
func (r *receiver) submit(j verifyJob) error {
	large := int64(j.bytes())
	if large <= verifyBytes {
		return r.verify.submit(j)
	}
	if err := r.memory.grow(j.ctx, large); err != nil {
		return err
	}
	defer r.memory.giveBack(large)
	if err := r.verify.submit(j); err != nil {
		return err
	}
	r.verify.wait()
	return nil
}

// roomStep is for how many bytes at once room on the disk is asked for.
const roomStep = 8 << 20

// makeRoom asks whether the disk has room for what comes next.
func (r *receiver) makeRoom(bytes int) error {
	if r.room == nil {
		return nil
	}
	if r.asked -= int64(bytes); r.asked >= 0 {
		return nil
	}
	r.asked = roomStep
	return r.room(roomStep + int64(bytes))
}

// base returns the base of a delta, or nil if it is not held.
func (r *receiver) base(ctx context.Context, id object.ID) (object.Object, error) {
	held, err := r.batch.Has(ctx, id)
	if err == nil && !held {
		// It may be on its way.
		if err := r.settle(ctx); err != nil {
			return nil, err
		}
		held, err = r.batch.Has(ctx, id)
	}
	if err != nil || !held {
		return nil, err
	}
	return r.batch.Get(ctx, id)
}

// orphan keeps a delta until its base has come, or leaves it to be asked for again.
func (r *receiver) orphan(id object.ID, e entry.Entry) {
	size := e.Size() + orphanCost
	if r.orphaned+size > orphanBytes || !r.memory.tryGrow(int64(size)) {
		r.noBase = append(r.noBase, id)
		return
	}
	r.kept += int64(size)
	r.orphaned += size
	r.orphans = append(r.orphans, orphan{id, e})
}

// adopt stores the deltas whose bases are held by now, and returns the ids of the others.
func (r *receiver) adopt(ctx context.Context, orphans []orphan) (left []object.ID, err error) {
	if len(orphans) == 0 {
		return nil, nil
	}
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	defer func() { err = r.shut(ctx, err) }()
	waiting := make(map[object.ID][]orphan) // by base
	for _, o := range orphans {
		waiting[o.entry.Base] = append(waiting[o.entry.Base], o)
	}
	var bases []object.ID // that are held
	for id := range waiting {
		held, err := r.batch.Has(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("looking for the base of a delta: %w", err)
		}
		if held {
			bases = append(bases, id)
		}
	}
	for len(bases) > 0 {
		var stored []object.ID
		for _, id := range bases {
			ready := waiting[id]
			delete(waiting, id)
			if err := r.rebase(ctx, id, ready); err != nil {
				return nil, err
			}
			for _, o := range ready {
				if len(waiting[o.id]) > 0 {
					stored = append(stored, o.id)
				}
			}
		}
		if err := r.settle(ctx); err != nil {
			return nil, err
		}
		bases = stored
	}
	for _, o := range orphans {
		if waiting[o.entry.Base] != nil {
			left = append(left, o.id)
		}
	}
	return left, nil
}

// rebase hands deltas over whose base is held.
func (r *receiver) rebase(ctx context.Context, id object.ID, deltas []orphan) error {
	base, err := r.batch.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("reading the base of object %s: %w", deltas[0].id.Short(), err)
	}
	for _, o := range deltas {
		if err := r.submit(verifyJob{ctx: ctx, batch: r.batch, id: o.id, entry: o.entry, base: base}); err != nil {
			return fmt.Errorf("storing object %s: %w", o.id.Short(), err)
		}
	}
	return nil
}

// settle waits for all objects that were handed over.
func (r *receiver) settle(ctx context.Context) error {
	r.verify.wait()
	return r.harvest(ctx)
}

// harvest lets the peer send what the objects link to that are stored by now.
func (r *receiver) harvest(ctx context.Context) error {
	done, err := r.verify.harvest()
	for i := range done {
		v := &done[i]
		r.stats.Objects++
		r.stats.ObjectBytes += int64(v.length)
		if v.delta {
			r.stats.Deltas++
		}
		r.leaves++
		r.leafBytes += v.size
		if len(v.links) > 0 {
			r.leaves, r.leafBytes = 0, 0
			r.got = append(r.got, v.id)
			r.history = r.history || v.kind == object.KindCommit || v.kind == object.KindTag
		}
		if err == nil {
			err = r.keep(ctx, linkBytes*len(v.links))
		}
		for _, l := range v.links {
			r.solicited.add(l)
		}
		if r.progress != nil {
			r.progress()
		}
	}
	return err
}

// cut makes what was received so far durable and goes on with a new batch.
func (r *receiver) cut(ctx context.Context) error {
	if err := r.settle(ctx); err != nil {
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
