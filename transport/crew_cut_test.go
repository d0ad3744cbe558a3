package transport

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/object/mem"
)

// taped keeps what every stream of a crowd has brought.
type taped struct {
	*crowd
	tapes []*recorded
	cut   func(stream int, s io.ReadWriteCloser) io.ReadWriteCloser // may be nil
}

func (c *taped) wrapped(stream int, s io.ReadWriteCloser) io.ReadWriteCloser {
	tape := &recorded{ReadWriteCloser: s}
	c.tapes = append(c.tapes, tape)
	if c.cut != nil {
		return c.cut(stream, tape)
	}
	return tape
}

func (c *taped) run() (*SyncResult, error) {
	c.wrap = func(n int, s io.ReadWriteCloser) io.ReadWriteCloser { return c.wrapped(n, s) }
	return c.sync(c.r.request(), func(s io.ReadWriteCloser) io.ReadWriteCloser { return c.wrapped(0, s) })
}

// objectBytes returns the bytes of the object frames that came over all streams.
func (c *taped) objectBytes(t *testing.T) (sum int) {
	for _, tape := range c.tapes {
		if _, objects := boundaries(t, tape.read.Bytes()); len(objects) > 0 {
			sum += objects[len(objects)-1]
		}
	}
	return sum
}

// missing returns the bytes that the objects take on the wire that the replica lacks, and how many they are.
func missing(t *testing.T, d *dataset, r *replica) (bytes, count int) {
	var codec entry.Codec
	for id, o := range reachable(t, d.Store, d.head) {
		if held, err := r.store.Has(t.Context(), id); err != nil {
			t.Fatal(err)
		} else if !held {
			e := codec.Encode(o)
			bytes, count = bytes+len(id)+e.Size(), count+1
		}
	}
	return bytes, count
}

// An exchange over several streams is cut between any two frames of any of them. Where it is a
// further one, or all that is missing is known by its id, the others bring what it has not; else another
// exchange brings what is missing. Nothing comes twice but what was under way on the stream that was cut.
func TestCutAtEveryFrameOfACrew(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(16, 10, 10_000)
	d.commit()
	total := len(reachable(t, d.Store, d.head))
	start := func(t *testing.T) *taped {
		return &taped{crowd: &crowd{t: t, s: server(nil, d), r: newReplica(t, d.id, testKey(2)), rate: 100_000, most: 2}}
	}
	var frames [][]int // the cuts of each stream
	var whole int
	synctest.Test(t, func(t *testing.T) {
		c := start(t)
		if _, err := c.run(); err != nil {
			t.Fatal(err)
		}
		whole = c.objectBytes(t)
		for _, tape := range c.tapes {
			cuts, _ := boundaries(t, tape.read.Bytes())
			frames = append(frames, cuts)
		}
	})
	if len(frames) != 3 || len(frames[0]) < 20 || len(frames[1]) < 10 {
		t.Fatalf("%d streams, frames at %v", len(frames), frames)
	}
	step := 1
	if testing.Short() {
		step = 7
	}
	cuts, resumed := 0, 0
	finished := make([]int, len(frames)) // by the other streams
	for stream, at := range frames {
		for i := 0; i < len(at)-1; i += step {
			cuts++
			synctest.Test(t, func(t *testing.T) {
				c := start(t)
				c.cut = func(n int, s io.ReadWriteCloser) io.ReadWriteCloser {
					if n != stream {
						return s
					}
					return cutAfter(s, int64(at[i]))
				}
				_, err := c.run()
				if stream > 0 || err == nil {
					finished[stream]++
					// What one want brings may come again.
					wantWhole(t, c, err, total, whole, whole/4, "stream %d was cut after %d bytes", stream, at[i])
					return
				}
				if !errors.Is(err, ErrDisconnected) {
					t.Fatalf("the first stream was cut after %d bytes: %v", at[i], err)
				}
				resumed++
				left, lacking := missing(t, d, c.r)
				again := &taped{crowd: &crowd{t: t, s: c.s, r: c.r, rate: 1 << 20, most: -1}}
				req := c.r.request()
				req.Resume = true
				tape := &recorded{ReadWriteCloser: again.stream()}
				again.tapes = append(again.tapes, tape)
				result, err := Sync(context.Background(), tape, req, c.r.sink(), nil)
				again.served.Wait()
				wantWhole(t, again, err, total, left, left/50+100, "going on after %d bytes", at[i])
				if result.Stats.Objects != int64(lacking) {
					t.Errorf("after %d bytes: %d objects came, %d were missing", at[i], result.Stats.Objects, lacking)
				}
			})
		}
	}
	if resumed == 0 || slices.Contains(finished, 0) {
		t.Errorf("%d exchanges were resumed, and %d finished by the other streams", resumed, finished)
	}
	t.Logf("%d cuts of %d objects in %d bytes, %d finished by other streams, %d resumed", cuts, total, whole, finished, resumed)
}

// wantWhole fails unless the exchange has made the replica complete, with so many bytes of objects, and
// some more at most.
func wantWhole(t *testing.T, c *taped, err error, total, bytes, more int, what string, args ...any) {
	t.Helper()
	if err != nil {
		t.Errorf(what+": %v", append(args, err)...)
		return
	}
	if n := c.r.store.(*mem.Store).Len(); n != total {
		t.Errorf(what+": %d objects are held of %d", append(args, n, total)...)
	}
	if got := c.objectBytes(t); got > bytes+more {
		t.Errorf(what+": %d bytes of objects came, %d were missing", append(args, got, bytes)...)
	}
}
