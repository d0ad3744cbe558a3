package hostile

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"
)

// What a receiver holds besides some bytes for each object that it was told of: frames read
// ahead (4 MiB, or one of 16 MiB), objects that are verified (8 MiB, or one of 16 MiB and what came
// for it), deltas that wait for their bases (16 MiB), and as much again of buffers.
const receiverBudget = 128 << 20

// perLink is what it takes for each id that an object links to, in bytes: in the sets of
// what is solicited and of what was met, and in the list of what is missing.
const perLink = 160

// peak returns by how many bytes the heap grew at most while do ran: what is reachable, and
// the garbage of which a low GOGC leaves little.
func peak(t testing.TB, do func()) int64 {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(15))
	held := func() int64 {
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		metrics.Read(sample)
		return int64(sample[0].Value.Uint64())
	}
	runtime.GC()
	runtime.GC() // what the first one found is swept
	before, most := held(), int64(0)
	done, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, held()-before)
			select {
			case <-done:
				return
			case <-tick.C:
			}
		}
	}()
	do()
	close(done)
	<-stopped
	return most
}

func within(t testing.TB, what string, most, budget int64) {
	t.Helper()
	t.Logf("%s: %.1f MiB at most, of %.1f MiB", what, float64(most)/(1<<20), float64(budget)/(1<<20))
	if most > budget {
		t.Errorf("%s: %d MiB were held at once, the budget is %d MiB", what, most>>20, budget>>20)
	}
}
