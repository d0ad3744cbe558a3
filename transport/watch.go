package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// Watching is a stream on which a peer tells of a dataset as soon as something in it
// is new. Next is for one goroutine; Knows may be called beside it.
type Watching struct {
	c       *conn
	req     SyncRequest
	o       SyncOptions
	release func() // ends the guard of the stream
	useless *allowance
	moved   Stats // by what Next has told so far, as far as bytes go
	failed  error

	mu sync.Mutex // held while something is written to the stream
}

// errGap ends an update after which something is missing; the watch goes on.
var errGap = errors.New("transport: an update has a gap")

// Watch asks the peer at the other end of the stream for a dataset, as [Sync] does,
// and for what becomes new in it from then on. The caller takes the answers by
// [Watching.Next], the first of which comes at once, and calls [Watching.Close]. The
// stream ends when ctx does. Watch closes it if it fails, with an error that wraps
// [ErrDisconnected] or that of ctx.
//
// Of the request, Resume is not looked at; the bounds of the options are those of each
// answer, and a peer that has nothing new to say is not stalled.
func Watch(ctx context.Context, stream io.ReadWriteCloser, req *SyncRequest, o *SyncOptions) (*Watching, error) {
	w := &Watching{c: newConn(stream), req: *req, useless: newAllowance(uselessBurst, uselessRefill)}
	w.req.Resume = false
	if o != nil {
		w.o = *o
	}
	w.c.pulse.Store(newPulse(func() error { return w.say(frameStill, nil) }))
	stall, minProgress := guardTimes(w.o.Stall, w.o.MinProgress)
	w.release = w.c.guard(ctx, stall, minProgress)
	s := w.next(nil)
	if err := w.say(frameWatch, s.message().encode()); err != nil {
		err = w.c.peerError(ctx, "sending the request", err)
		w.end(err)
		return nil, fmt.Errorf("watching %s: %w", req.Dataset.Short(), err)
	}
	return w, nil
}

// Next waits for the next answer and takes it as [Sync] does: objects go into the
// sink's store as they come, and the sink is completed when nothing is missing. A
// sink is for one answer. A nil one is allowed if the request was for statements only.
//
// It fails as Sync does. After an error that wraps [ErrIncomplete] and no
// [*RemoteError] the watch goes on: the caller gets what is missing by a Sync of its
// own, for the peer takes it for sent. Any other error ends the watch; at the peer's
// own end of it that is [ErrDisconnected]. The result is never nil.
func (w *Watching) Next(ctx context.Context, sink Sink) (*SyncResult, error) {
	s := w.next(sink)
	if w.failed != nil {
		return s.result, w.failed
	}
	err := w.take(ctx, s)
	in, out := w.c.in.Load(), w.c.out.Load()
	s.result.Stats.BytesIn, s.result.Stats.BytesOut = in-w.moved.BytesIn, out-w.moved.BytesOut
	w.moved.BytesIn, w.moved.BytesOut = in, out
	w.req.Wants = nil // they were for the first answer
	if err != nil {
		gap := errors.Is(err, errGap)
		err = fmt.Errorf("watching %s: %w", w.req.Dataset.Short(), err)
		if !gap {
			w.end(err)
		}
	}
	return s.result, err
}

// next returns what is to take the next answer.
func (w *Watching) next(sink Sink) *syncing {
	return &syncing{c: w.c, req: &w.req, sink: sink, o: &w.o, result: &SyncResult{Offer: Offer{Dataset: w.req.Dataset}}}
}

func (w *Watching) take(ctx context.Context, s *syncing) error {
	if s.sink == nil && !w.req.StatementsOnly {
		return errors.New("transport: nowhere to put what comes")
	}
	if err := w.await(ctx); err != nil {
		return err
	}
	if err := s.offer(ctx); err != nil {
		return err
	}
	if s.sink == nil {
		return w.judge(s)
	}
	plan, err := s.sink.Offered(ctx, &s.result.Offer)
	if err != nil {
		return err
	}
	if !w.req.StatementsOnly {
		if err := s.update(ctx, plan); err != nil {
			return err
		}
	} else if err := s.sink.Complete(ctx); err != nil {
		return err
	}
	return w.judge(s)
}

// update takes the objects of one answer, and completes the sink.
func (s *syncing) update(ctx context.Context, plan *Plan) error {
	release, err := hold(ctx, s.sink.Store())
	if err != nil {
		return err
	}
	defer release()
	if s.o.Progress != nil {
		s.meter = &meter{report: s.o.Progress}
	}
	s.room = plan.Room
	recv := s.receiver()
	if _, err := s.firstRun(ctx, recv); err != nil {
		return err
	}
	if plan.Next != nil {
		asks, err := plan.Next(ctx)
		if err == nil && len(asks) > 0 {
			err = fmt.Errorf("%w: %w: %s and others", ErrIncomplete, errGap, asks[0].Objects[0])
		}
		if err != nil {
			return err
		}
	} else if err := s.fetcher(recv, plan).lacksNothing(ctx); err != nil {
		if errors.Is(err, ErrIncomplete) {
			err = fmt.Errorf("%w: %w", errGap, err)
		}
		return err
	}
	return s.sink.Complete(ctx)
}

// judge fails if the peer keeps on telling what is known.
func (w *Watching) judge(s *syncing) error {
	o := &s.result.Offer
	if local, ok := s.sink.(interface{ Taken() int }); !ok || local.Taken() > 0 || len(o.Identities) > 0 {
		return nil
	}
	if !w.useless.take(uselessUpdate + len(o.Statements) + len(o.Proofs) + len(o.Drafts) + len(o.Contacts)) {
		return protocolError("updates with nothing new, again and again")
	}
	return nil
}

// await waits until something comes. The peer is no stalled one meanwhile, as long as
// it gives signs of life.
func (w *Watching) await(ctx context.Context) error {
	c, p := w.c, w.c.pulse.Load()
	for wait := silence; ; wait = silence - p.quiet() {
		timer := time.NewTimer(max(wait, 0))
		select {
		case f, open := <-c.frames:
			timer.Stop()
			f = c.took(f, open)
			c.peeked = &f
			return nil
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
		if p.quiet() >= silence {
			return fmt.Errorf("%w: nothing was heard for %s", ErrStalled, silence)
		}
	}
}

// Knows tells the peer up to where logs are known that changed otherwise than by what
// the peer sent, so that it does not send that. Everything that the statements' refs
// reach must be held. It fails with an error that wraps [ErrDisconnected], and then the
// watch ends.
func (w *Watching) Knows(logs []KnownLog) error {
	for len(logs) > 0 {
		n := min(len(logs), maxKnown)
		if err := w.say(frameKnown, (&knownMessage{logs: logs[:n]}).encode()); err != nil {
			return fmt.Errorf("%w: %w", ErrDisconnected, err)
		}
		logs = logs[n:]
	}
	return nil
}

// say sends one frame.
func (w *Watching) say(t frameType, body []byte) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.c.writeFrame(t, body); err != nil {
		return err
	}
	return w.c.flush()
}

// Close ends the watch. A second call does nothing.
func (w *Watching) Close() error {
	w.end(errors.New("transport: the watch was ended"))
	return nil
}

// end ends the stream, unless it has ended.
func (w *Watching) end(why error) {
	if w.failed != nil {
		return
	}
	w.failed = why
	w.release()
	w.c.abandon()
}
