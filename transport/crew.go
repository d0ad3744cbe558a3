package transport

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// When further streams are opened.
const (
	patience   = 250 * time.Millisecond // between one more stream and the next
	worthwhile = 400 * time.Millisecond // what is left must take longer
	leafRun    = 32                     // objects in a row that link to nothing: what holds them has come
	maxHelpers = 4
)

// crew is the streams of one exchange besides the first. Over connections of
// their own, to the same peer or to others, they bring objects whose ids are known: one
// connection alone is slow where packets are lost, and where one processor
// has to do all its work. They are opened only while there is much left to
// bring. A nil crew is none.
type crew struct {
	ctx    context.Context
	cancel context.CancelFunc
	open   func(ctx context.Context) (io.ReadWriteCloser, error)
	// hire makes a stream ready for wants. It ends the stream if it fails.
	hire func(ctx context.Context, stream io.ReadWriteCloser) (*helper, error)

	hirings sync.WaitGroup
	work    sync.WaitGroup

	mu      sync.Mutex
	helpers []*helper
	barren  bool      // no more are to be had
	hiring  bool      // one is being opened
	last    time.Time // when the last attempt ended
}

// helper is a stream of a crew.
type helper struct {
	*fetcher
	release func() // ends its guard
	busy    bool
	failed  bool
}

// takesOver reports whether the rest of a run, which began at the given time, is
// to come over other streams as well. If that would take long it sees to it that
// there are some.
func (w *crew) takesOver(r *receiver, begun time.Time) bool {
	took := time.Since(begun)
	if took < patience || r.leaves < leafRun || remaining(took, r.came, r.solicited.filled-r.came) < worthwhile {
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.helpers) == 0 {
		w.recruit(nil)
	}
	return len(w.helpers) > 0
}

// remaining guesses how long the rest takes, after so many objects in so long a time.
func remaining(took time.Duration, came, left int) time.Duration {
	return time.Duration(float64(took) * float64(left) / float64(max(came, 1)))
}

// run does the errand, over the stream of f and those of the crew. It fails with the
// error of f's stream, although the others go on as long as they can, unless they bring all.
func (w *crew) run(ctx context.Context, f *fetcher, e *errand) error {
	w.mu.Lock()
	for _, h := range w.helpers {
		w.send(h, e)
	}
	w.mu.Unlock()
	stop := make(chan struct{})
	w.work.Go(func() { w.watch(f, e, stop) })
	err := f.fetch(ctx, e)
	close(stop)
	switch {
	case err == nil:
		e.abort(f) // others are still at what came over this stream, too
	case !replaceable(err):
		w.cancel() // a peer that lies, or a full disk: nothing more is worth having
	}
	w.work.Wait()
	if err != nil && replaceable(err) && e.complete() {
		return nil // it has come over the others; if more is needed, asking for that fails
	}
	return err
}

// watch opens further streams while much is left, and ends the first one if that
// says nothing any more when all has come over the others.
func (w *crew) watch(f *fetcher, e *errand, stop <-chan struct{}) {
	tick := time.NewTicker(patience)
	defer tick.Stop()
	begun := time.Now()
	var completed time.Time
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		came, left := e.counts()
		switch {
		case left == 0 && completed.IsZero():
			completed = time.Now()
		case left == 0 && time.Since(completed) > lateness:
			f.c.abort()
		case remaining(time.Since(begun), came, left) > worthwhile:
			w.mu.Lock()
			w.recruit(e)
			w.mu.Unlock()
		}
		e.wake() // somebody may be late
	}
}

// recruit opens one more stream in the background, for the errand if there is
// one, unless an attempt is under way or was just made. It is called with w.mu held.
func (w *crew) recruit(e *errand) {
	if w.hiring || w.barren || len(w.helpers) >= maxHelpers || time.Since(w.last) < patience || w.ctx.Err() != nil {
		return
	}
	w.hiring = true
	w.hirings.Go(func() {
		var h *helper
		stream, err := w.open(w.ctx)
		barren := errors.Is(err, io.EOF)
		if err == nil {
			h, err = w.hire(w.ctx, stream)
			barren = errors.Is(err, ErrBusy)
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.hiring, w.barren, w.last = false, barren, time.Now()
		if err != nil {
			return
		}
		w.helpers = append(w.helpers, h)
		if e != nil {
			w.send(h, e)
		}
	})
}

// send lets a helper work on the errand, unless it failed before. It is called with w.mu held.
func (w *crew) send(h *helper, e *errand) {
	if h.busy || h.failed {
		return
	}
	h.busy = true
	w.work.Go(func() {
		err := h.fetch(w.ctx, e)
		w.mu.Lock()
		defer w.mu.Unlock()
		h.busy, h.failed = false, err != nil
	})
}

// close ends the streams and adds what they moved to the sum.
func (w *crew) close(sum *Stats) {
	if w == nil {
		return
	}
	w.cancel()
	w.hirings.Wait()
	w.work.Wait()
	for _, h := range w.helpers {
		h.release()
		h.c.abandon()
		h.stats.BytesIn, h.stats.BytesOut, h.stats.Rounds = h.c.in.Load(), h.c.out.Load(), 0
		sum.Add(*h.stats)
	}
}
