package hostile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/transporttest"
)

// tape is what one side of an exchange has written, each piece up to where it waited for the
// other.
type tape struct {
	io.ReadWriteCloser
	ofReader bool // what is read is taken down, not what is written

	mu     sync.Mutex
	pieces [][]byte
	turned bool // the other side has said something since
}

func newTape(stream io.ReadWriteCloser) *tape { return &tape{ReadWriteCloser: stream} }

// Read implements [io.Reader].
func (r *tape) Read(p []byte) (int, error) {
	n, err := r.ReadWriteCloser.Read(p)
	r.note(r.ofReader, p[:n])
	return n, err
}

// Write implements [io.Writer].
func (r *tape) Write(p []byte) (int, error) {
	r.note(!r.ofReader, p)
	return r.ReadWriteCloser.Write(p)
}

func (r *tape) note(own bool, p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !own || len(p) == 0 {
		r.turned = true
		return
	}
	if r.turned || len(r.pieces) == 0 {
		r.pieces, r.turned = append(r.pieces, nil), false
	}
	last := len(r.pieces) - 1
	r.pieces[last] = append(r.pieces[last], p...)
}

// split returns the frames of a recording.
func split(t testing.TB, b []byte) [][]byte {
	t.Helper()
	var frames [][]byte
	for len(b) > 0 {
		size, n := binary.Uvarint(b[1:])
		end := 1 + n + int(size)
		if n <= 0 || end > len(b) {
			t.Fatal("what was recorded is not whole")
		}
		frames, b = append(frames, b[:end]), b[end:]
	}
	return frames
}

// damage is a recording that is not what was said.
type damage struct {
	what string
	data []byte
}

// damaged calls try with the recording damaged in every way of this kit: each byte wrong,
// everything from each byte on missing, each frame left out, twice, behind the next, and with
// each of several lengths that are not its own.
func damaged(t testing.TB, whole []byte, try func(damage)) {
	step := sizes(13, 1, 1)
	for i := 0; i < len(whole); i += step {
		wrong := bytes.Clone(whole)
		wrong[i] ^= []byte{0x01, 0x41, 0x80}[i%3]
		try(damage{fmt.Sprintf("byte %d of %d wrong", i, len(whole)), wrong})
		try(damage{fmt.Sprintf("cut after %d bytes of %d", i, len(whole)), whole[:i]})
	}
	frames := split(t, whole)
	for i, f := range frames {
		change := func(what string, change func(list [][]byte) [][]byte) {
			list := change(slices.Clone(frames))
			try(damage{fmt.Sprintf("frame %d of type %#x %s", i, f[0], what), slices.Concat(list...)})
		}
		change("left out", func(l [][]byte) [][]byte { return slices.Delete(l, i, i+1) })
		change("twice", func(l [][]byte) [][]byte { return slices.Insert(l, i, f) })
		if i+1 < len(frames) {
			change("behind the next", func(l [][]byte) [][]byte { l[i], l[i+1] = l[i+1], l[i]; return l })
		}
		size, n := binary.Uvarint(f[1:])
		for _, lie := range []uint64{0, size - 1, size + 1, 1 << 14, 96 << 10, 1<<24 + 34, 1<<24 + 35, 1 << 28, 1 << 35, 1<<64 - 1} {
			change(fmt.Sprintf("of %d bytes said to have %d", size, lie), func(l [][]byte) [][]byte {
				l[i] = slices.Concat(binary.AppendUvarint([]byte{f[0]}, lie), f[1+n:])
				return l
			})
		}
		change("with a length longer than it need be", func(l [][]byte) [][]byte {
			long := slices.Clone(f[1 : 1+n])
			long[n-1] |= 0x80
			l[i] = slices.Concat(f[:1], long, []byte{0}, f[1+n:])
			return l
		})
	}
}

// A server whose answer is damaged anywhere, in any way, makes nobody believe or keep
// anything that is not so.
func TestDamagedAnswer(t *testing.T) {
	d := small(t)
	rec := &tape{ReadWriteCloser: overMemory(t, honest(server(nil, d)))(t, vic), ofReader: true}
	v := newVictim(t, d.id)
	if _, err := v.sync(rec, nil); err != nil {
		t.Fatal(err)
	}
	if len(rec.pieces) != 1 {
		t.Fatalf("an honest server answered in %d pieces", len(rec.pieces))
	}
	whole := rec.pieces[0]
	n := 0
	damaged(t, whole, func(it damage) {
		n++
		v := newVictim(t, d.id)
		stream := overMemory(t, liar(func(w *transporttest.Wire) { _ = w.SendBytes(it.data) }))(t, vic)
		_, err := v.sync(stream, nil)
		v.unharmed(it.what, d, err)
		if len(it.data) < len(whole) && bytes.HasPrefix(whole, it.data) && !errors.Is(err, transport.ErrDisconnected) {
			t.Errorf("%s: %v, want ErrDisconnected", it.what, err)
		}
	})
	t.Logf("%d damaged answers of %d bytes", n, len(whole))
}

// pushed is a server of Ana's that has the first commit of a dataset, and may be pushed the second.
type pushed struct {
	t     testing.TB
	d     *dataset
	first object.ID
	base  map[object.ID]object.Object
	dir   string // of refs as they are before
	refs  *refs.Store
}

func newPushed(t testing.TB, d *dataset) *pushed {
	t.Helper()
	o, err := object.ReadCommit(context.Background(), d.Store, d.head)
	if err != nil {
		t.Fatal(err)
	}
	p := &pushed{t: t, d: d, first: o.Parents[0], dir: t.TempDir()}
	p.base = d.reached(p.first)
	statements, err := d.Refs.Statements(context.Background(), ownLog(t, d.Refs), 0)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := d.Refs.Chain()
	if err != nil {
		t.Fatal(err)
	}
	s, err := refs.Create(context.Background(), filepath.Join(p.dir, "refs"), chain, &refs.Options{Key: vic})
	if err == nil {
		_, err = s.Import(context.Background(), refs.Incoming{Statements: statements[:1]})
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func ownLog(t testing.TB, s *refs.Store) refs.LogID {
	t.Helper()
	view, err := s.View(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	log, _ := view.Own()
	return log
}

// fresh returns the server as it was before any push.
func (p *pushed) fresh() *transport.Local {
	p.t.Helper()
	if p.refs == nil {
		dir := filepath.Join(p.t.TempDir(), "copy")
		err := os.CopyFS(dir, os.DirFS(p.dir))
		if err == nil {
			p.refs, err = refs.Open(context.Background(), filepath.Join(dir, "refs"), &refs.Options{Key: vic})
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	store := memory()
	w := newWitness(store)
	b, err := store.Begin(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, o := range p.base {
		if _, err := b.Put(context.Background(), o); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := b.Commit(context.Background()); err != nil {
		p.t.Fatal(err)
	}
	return &transport.Local{Store: w, Refs: p.refs}
}

// unharmed is as that of a victim.
func (p *pushed) unharmed(what string, local *transport.Local, err error) {
	p.t.Helper()
	honest := p.d.reached(p.d.head)
	for id, o := range local.Store.(*witness).kept {
		if o.ID() != id || honest[id] == nil {
			p.t.Errorf("%s: %s is stored, and is not of the dataset", what, id.Short())
		}
	}
	at := mainOf(p.t, local.Refs)
	if err == nil && at != p.d.head || err != nil && at != p.first {
		p.t.Errorf("%s: heads/main is at %s after %v", what, at.Short(), err)
	}
	if err == nil {
		p.refs = nil // of the next there are new ones
		for id := range honest {
			if held, _ := local.Store.Has(context.Background(), id); !held {
				p.t.Errorf("%s: taken without %s", what, id.Short())
			}
		}
	} else if !classed(err) {
		p.t.Errorf("%s: an error of no class: %v", what, err)
	}
}

// serve lets script speak to a server of the dataset, in virtual time, and returns what
// the server makes of it.
func (p *pushed) serve(local *transport.Local, script func(stream io.ReadWriteCloser)) (err error) {
	find := func(context.Context, refs.PeerID, object.ID) (transport.Dataset, error) { return local, nil }
	s := transport.NewServer(find, &transport.ServerOptions{Done: func(done transport.Served) {
		if err = done.Err; done.Kind == "" && err == nil {
			err = transport.ErrDisconnected // without a word
		}
	}})
	stream := overMemory(p.t, honest(s))
	synctest.Test(p.t.(*testing.T), func(t *testing.T) { script(stream(t, ana)) })
	return err
}

// A client whose push is damaged anywhere, in any way, makes the server keep and believe
// nothing that is not so.
func TestDamagedPush(t *testing.T) {
	d := small(t)
	p := newPushed(t, d)
	var rec *tape
	local := p.fresh()
	err := p.serve(local, func(stream io.ReadWriteCloser) {
		rec = &tape{ReadWriteCloser: stream}
		if _, err := transport.Push(context.Background(), rec, d.offered(), d.Store, nil); err != nil {
			t.Error(err)
		}
	})
	p.unharmed("an honest push", local, err)
	whole := slices.Concat(rec.pieces...)
	n := 0
	damaged(t, whole, func(it damage) {
		n++
		local := p.fresh()
		err := p.serve(local, func(stream io.ReadWriteCloser) { replay(stream, rec.pieces, it.data) })
		p.unharmed(it.what, local, err)
	})
	t.Logf("%d damaged pushes of %d bytes", n, len(whole))
}

// replay plays a client that says data in place of the pieces that were recorded, of the
// same lengths but for the last, and waits in between for the server.
func replay(stream io.ReadWriteCloser, pieces [][]byte, data []byte) {
	w := transporttest.NewWire(stream)
	heard := make(chan struct{}, 64)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(heard)
		for {
			if _, err := w.Next(); err != nil {
				return
			}
			heard <- struct{}{}
		}
	}()
	for i, piece := range pieces {
		n := min(len(piece), len(data))
		if i == len(pieces)-1 {
			n = len(data)
		}
		if w.SendBytes(data[:n]) != nil {
			break
		}
		data = data[n:]
		select {
		case <-heard:
		case <-time.After(time.Second): // the server waits for more
		}
	}
	stream.Close()
	<-done
}
