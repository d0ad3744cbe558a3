package transport

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// recorded keeps what is read from a stream.
type recorded struct {
	io.ReadWriteCloser
	read bytes.Buffer
}

// Read implements [io.Reader].
func (r *recorded) Read(p []byte) (int, error) {
	n, err := r.ReadWriteCloser.Read(p)
	r.read.Write(p[:n])
	return n, err
}

// boundaries returns the places between the frames in b, and the bytes of the object frames before each.
func boundaries(t *testing.T, b []byte) (cuts []int, objects []int) {
	t.Helper()
	frames := frameReader{r: bufio.NewReaderSize(bytes.NewReader(b), 16)}
	at, sum := 0, 0
	for {
		ft, body, err := frames.next()
		if err != nil {
			return cuts, objects
		}
		size := len(body)
		for at++; ; at++ { // the type, then the bytes of the length
			if b[at] < 0x80 {
				at++
				break
			}
		}
		at += size
		if ft == frameObject {
			sum += size
		}
		cuts, objects = append(cuts, at), append(objects, sum)
	}
}

// A clone that is cut between any two frames takes from another peer what is missing, and
// nothing twice; so does an update.
func TestCutAtEveryFrame(t *testing.T) {
	// Stores on disk keep deltas, and send them as they are.
	d := newDatasetIn(t, packStore(t), testKey(1), nil)
	d.fill(4, 2, 150)
	d.commit()
	mirror := newReplica(t, d.id, testKey(3))
	mirror.store = packStore(t)
	mirror.mustSync(dial(t, server(nil, d), mirror.key))
	t.Run("clone", func(t *testing.T) {
		cutEverywhere(t, d, mirror, func() *replica { return newReplica(t, d.id, testKey(2)) })
	})

	start := func() *replica {
		r := newReplica(t, d.id, testKey(2))
		r.mustSync(dial(t, mirror.server(), r.key))
		return r
	}
	d.change(1, 1, 5)
	d.change(3, 0, 7)
	var ready []*replica
	for range 40 {
		ready = append(ready, start())
	}
	d.commit()
	mirror.mustSync(dial(t, server(nil, d), mirror.key))
	t.Run("update", func(t *testing.T) {
		cutEverywhere(t, d, mirror, func() *replica {
			r := ready[0]
			ready = ready[1:]
			return r
		})
	})
}

// server serves what the replica has.
func (r *replica) server() *Server {
	return NewServer(func(_ context.Context, _ refs.PeerID, id object.ID) (Dataset, error) {
		if id != r.id {
			return nil, ErrNotFound
		}
		return r.local(), nil
	}, nil)
}

func cutEverywhere(t *testing.T, d *dataset, mirror *replica, fresh func() *replica) {
	s, other := server(nil, d), mirror.server()
	tape := &recorded{ReadWriteCloser: dial(t, s, testKey(2))}
	whole := fresh().mustSync(tape)
	cuts, sent := boundaries(t, tape.read.Bytes())
	if len(cuts) < int(whole.Stats.Objects) {
		t.Fatalf("%d frames for %d objects", len(cuts), whole.Stats.Objects)
	}
	total := sent[len(sent)-1]
	for i, cut := range cuts[:len(cuts)-1] {
		r := fresh()
		before, err := r.sync(cutAfter(dial(t, s, r.key), int64(cut)))
		if err == nil {
			t.Fatalf("cut after %d of %d bytes: nobody noticed", cut, cuts[len(cuts)-1])
		}
		req := r.request()
		req.Resume = true
		tape := &recorded{ReadWriteCloser: dial(t, other, r.key)}
		after, err := Sync(t.Context(), tape, req, r.sink(), nil)
		if err != nil {
			t.Fatalf("cut after %d bytes: %v", cut, err)
		}
		wantComplete(t, r.store, d.head)
		if got := before.Stats.Objects + after.Stats.Objects; got != whole.Stats.Objects {
			t.Errorf("cut after %d bytes: %d objects came, then %d, %d are new", cut, before.Stats.Objects, after.Stats.Objects, whole.Stats.Objects)
		}
		_, again := boundaries(t, tape.read.Bytes())
		if got, missing := again[len(again)-1], total-sent[i]; got > missing+missing/8 {
			t.Errorf("cut after %d bytes: %d bytes of objects came then, %d were missing", cut, got, missing)
		}
	}
}
