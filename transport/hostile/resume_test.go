package hostile

import (
	"context"
	"errors"
	"io"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/constl/constl/object"
	"github.com/constl/constl/transport"
	tt "github.com/constl/constl/transport/transporttest"
)

// severed ends a stream when so many bytes have been written to it.
type severed struct {
	io.ReadWriteCloser
	left int
}

// Write implements [io.Writer].
func (s *severed) Write(p []byte) (int, error) {
	n, err := s.ReadWriteCloser.Write(p[:min(len(p), s.left)])
	s.left -= n
	if err == nil && s.left == 0 {
		s.Close()
		err = io.ErrClosedPipe
	}
	return n, err
}

// objectBytes returns the bytes of the object frames in what was written, and of those that are whole within
// the first so many bytes of it.
func objectBytes(t testing.TB, written []byte, cut int) (all, before int) {
	t.Helper()
	at := 0
	for _, f := range split(t, written) {
		if at += len(f); f[0] != tt.FrameObject {
			continue
		}
		if all += len(f); at <= cut {
			before += len(f)
		}
	}
	return all, before
}

// A push that is cut between any two frames leaves nothing half done: the server keeps what came, believes
// none of it, and the next push brings the rest and nothing twice.
func TestPushCutAtEveryFrame(t *testing.T) {
	d := newDataset(t, tt.Store(t), nil)
	d.table(0, 2, 2, 300)
	d.table(1000, 6, 3, 300)
	p := newPushed(t, d)
	push := func(local *transport.Local, cut int) (written []byte, err error) {
		var tape *tape
		served := p.serve(local, func(stream io.ReadWriteCloser) {
			if cut > 0 {
				stream = &severed{stream, cut}
			}
			tape = newTape(stream)
			_, err = transport.Push(context.Background(), tape, d.offered(), d.Store, nil)
			synctest.Wait()
			stream.Close()
		})
		if err != nil {
			p.unharmed("the cut push", local, errors.Join(served, transport.ErrDisconnected))
		}
		return slices.Concat(tape.pieces...), err
	}
	local := p.fresh()
	whole, err := push(local, 0)
	if err != nil {
		t.Fatal(err)
	}
	p.unharmed("a push", local, nil)
	frames := split(t, whole)
	cut, n := 0, 0
	for _, f := range frames[:len(frames)-1] {
		cut += len(f)
		local := p.fresh()
		if _, err := push(local, cut); err == nil {
			t.Fatalf("cut after %d bytes of %d: nobody noticed", cut, len(whole))
		}
		total, before := objectBytes(t, whole, cut)
		if kept := bytesOf(local.Store.(*witness).kept); before > 0 && kept == 0 {
			t.Errorf("cut after %d bytes: nothing of %d bytes of objects is kept", cut, before)
		}
		again, err := push(local, 0)
		if err != nil {
			t.Fatalf("after a cut at %d bytes: %v", cut, err)
		}
		p.unharmed("the second push", local, nil)
		if got, _ := objectBytes(t, again, 0); got > total-before {
			t.Errorf("cut after %d bytes: %d bytes of objects were sent then, %d of %d were missing", cut, got, total-before, total)
		}
		n++
	}
	t.Logf("%d cuts of %d bytes", n, len(whole))
}

func bytesOf(objects map[object.ID]object.Object) (sum int) {
	for _, o := range objects {
		sum += len(o)
	}
	return sum
}
