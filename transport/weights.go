package transport

import "context"

// weights bounds the bytes that wait between two goroutines: one acquires, the
// other releases. Something larger than the whole bound passes when nothing
// else waits.
type weights struct {
	limit int
	used  int
	freed chan int
}

func newWeights(limit int) *weights {
	return &weights{limit: limit, freed: make(chan int, 256)}
}

// acquire waits until n bytes fit. It is called by one goroutine alone.
func (w *weights) acquire(ctx context.Context, n int) error {
	for {
		select {
		case m := <-w.freed:
			w.used -= m
			continue
		default:
		}
		if w.used == 0 || w.used+n <= w.limit {
			w.used += n
			return nil
		}
		select {
		case m := <-w.freed:
			w.used -= m
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// release gives back what was acquired. It waits for nothing as long as fewer
// than the channel's capacity of items are under way.
func (w *weights) release(n int) { w.freed <- n }
