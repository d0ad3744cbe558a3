package tabular

import (
	"context"
	"iter"
	"runtime"
	"sync"
)

// inOrder runs work on every item of source in the given number of goroutines
// (at most 0: one per processor) and hands the results to deliver, in the
// source's order, in the caller's goroutine. It looks ahead of deliver by a few
// items only. The first error ends it and is returned; all goroutines have ended
// by then.
func inOrder[In, Out any](ctx context.Context, workers int, source iter.Seq2[In, error],
	work func(context.Context, In) (Out, error), deliver func(Out) error) error {
	type slot struct {
		in   In
		out  Out
		err  error
		done chan struct{}
	}
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	todo := make(chan *slot)
	queue := make(chan *slot, 2*workers)
	for range workers {
		wg.Go(func() {
			for s := range todo {
				if s.err = ctx.Err(); s.err == nil {
					s.out, s.err = work(ctx, s.in)
				}
				close(s.done)
			}
		})
	}
	wg.Go(func() {
		defer close(queue)
		defer close(todo)
		for in, err := range source {
			s := &slot{in: in, err: err, done: make(chan struct{})}
			select {
			case queue <- s:
			case <-ctx.Done():
				return
			}
			if err != nil {
				close(s.done)
				return
			}
			select {
			case todo <- s:
			case <-ctx.Done():
				s.err = ctx.Err()
				close(s.done)
				return
			}
		}
	})
	for s := range queue {
		<-s.done
		if s.err != nil {
			return s.err
		}
		if err := deliver(s.out); err != nil {
			return err
		}
	}
	return ctx.Err()
}
