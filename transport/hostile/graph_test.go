package hostile

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	tt "github.com/constl/constl/transport/transporttest"
)

// chain is a graph that is as deep as it has objects: each links to the next. They are made
// when they are sent, for each link is known only when what is below it is.
type chain struct {
	n     int
	make  func(i int, next object.ID) object.Object // next is zero of the last
	marks []object.ID                               // of every chainStep-th object
}

const chainStep = 1000

func newChain(n int, of func(i int, next object.ID) object.Object) *chain {
	c := &chain{n: n, make: of, marks: make([]object.ID, (n+chainStep-1)/chainStep)}
	var next object.ID
	for i := n - 1; i >= 0; i-- {
		next = c.make(i, next).ID()
		if i%chainStep == 0 {
			c.marks[i/chainStep] = next
		}
	}
	return c
}

// head returns the id of the first object.
func (c *chain) head() object.ID { return c.marks[0] }

// objects yields the objects from the first to the last.
func (c *chain) objects(yield func(object.Object) bool) {
	for from := 0; from < c.n; from += chainStep {
		to := min(from+chainStep, c.n)
		var next object.ID
		if to < c.n {
			next = c.marks[to/chainStep]
		}
		block := make([]object.Object, to-from)
		for i := to - 1; i >= from; i-- {
			block[i-from] = c.make(i, next)
			next = block[i-from].ID()
		}
		for _, o := range block {
			if !yield(o) {
				return
			}
		}
	}
}

// chained makes the objects of chains of the kind.
func chained(kind object.Kind) func(int, object.ID) object.Object {
	return func(i int, next object.ID) object.Object {
		if next.IsZero() {
			return chunk("the bottom")
		}
		return linked(kind, fmt.Sprint(i), next)
	}
}

// history makes commits, each of which has the next for its parent.
func history(t testing.TB, tree object.ID) func(int, object.ID) object.Object {
	return func(i int, next object.ID) object.Object {
		if next.IsZero() {
			return signedCommit(t, tree, 0)
		}
		return signedCommit(t, tree, 1<<30-i, next)
	}
}

// deepGraphs are graphs of the size, and what a commit's tree must be to lead to them; for the
// chain of commits it is the head that leads to them.
func deepGraphs(t testing.TB) map[string]*chain {
	n := sizes(2000, 20_000, 1_000_000)
	return map[string]*chain{
		"trees":   newChain(n, chained(object.KindTree)),
		"nodes":   newChain(n, chained(object.KindNode)),
		"blobs":   newChain(n, chained(object.KindBlob)),
		"commits": newChain(n/10, history(t, chunk("the tree").ID())),
	}
}

// deepened is a dataset whose hostile maintainer has signed a deep graph: what it says, and how
// many objects there are.
func deepened(t testing.TB, name string, c *chain, d *dataset) (first []object.Object, count int) {
	if name == "commits" {
		d.point(c.head())
		return nil, c.n + 1
	}
	tree := linked(object.KindTree, "t", c.head())
	commit := signedCommit(t, tree.ID(), 1<<20)
	d.point(commit.ID())
	return []object.Object{commit, tree}, c.n + 2
}

// sendDeep sends the run.
func sendDeep(w *tt.Wire, name string, first []object.Object, c *chain, count int) {
	var batch []byte
	send := func(o object.Object) bool {
		batch = append(batch, given(o)[0].Bytes()...)
		if len(batch) < 32<<10 {
			return true
		}
		err := w.SendBytes(batch)
		batch = batch[:0]
		return err == nil
	}
	for _, o := range first {
		send(o)
	}
	c.objects(send)
	if name == "commits" {
		send(chunk("the tree"))
	}
	_ = w.SendBytes(append(batch, tt.EndFrame(0, count, 0).Bytes()...))
}

// However deep a graph is, it is received with memory for each of its objects, and no more.
func TestDeepGraphs(t *testing.T) {
	for name, c := range deepGraphs(t) {
		t.Run(name, func(t *testing.T) {
			d := newDataset(t, memory(), nil)
			first, count := deepened(t, name, c, d)
			v := &victim{t: t, id: d.id, store: newWitness(tt.Store(t))}
			v.store.forgetful = true
			stream := overMemory(t, liar(func(w *tt.Wire) {
				_ = w.Send(append(d.says(), tt.EndFrame(0, 0, 0))...)
				sendDeep(w, name, first, c, count)
				_, _ = w.Next()
			}))(t, vic)
			var err error
			most := peak(t, func() { _, err = v.sync(stream, nil) })
			within(t, fmt.Sprintf("the receiver of %d objects", count), most, receiverBudget+int64(count)*perObject)
			if err != nil || v.store.count != count {
				t.Errorf("%d objects are kept of %d, %v", v.store.count, count, err)
			}
		})
	}
}

// perObject is what a walk and a store on disk hold of an object, in bytes.
const perObject = 600

// wide returns objects that link to so many ids together, none of which exists, and their
// bytes as frames.
func wide(n int) (objects []object.Object) {
	const most = 500_000
	for from := 0; from < n; from += most {
		ids := make([]object.ID, min(most, n-from))
		for i := range ids {
			binary.BigEndian.PutUint64(ids[i][:], uint64(from+i)+1)
		}
		objects = append(objects, linked(object.KindNode, fmt.Sprint(from), ids...))
	}
	return objects
}

// A graph that is a million wide, and never comes, takes memory for each of its ids, and no more.
func TestWideGraphs(t *testing.T) {
	n := sizes(100_000, 1_000_000, 8_000_000)
	objects := wide(n)
	var ids []object.ID
	for _, o := range objects {
		ids = append(ids, o.ID())
	}
	c := craft(t, ids...)
	v := newVictim(t, c.id)
	v.store.forgetful = true
	stream := overMemory(t, liar(func(w *tt.Wire) {
		_ = w.Send(append(append(c.frames, given(objects...)...), tt.EndFrame(2, len(objects)+2, n))...)
		nothing(w)
	}))(t, vic)
	var err error
	most := peak(t, func() { _, err = v.sync(stream, nil) })
	within(t, fmt.Sprintf("the receiver of %d links", n), most, receiverBudget+int64(n)*perLink)
	if !errors.Is(err, transport.ErrIncomplete) || v.refs != nil {
		t.Errorf("%v, want ErrIncomplete", err)
	}
}

// Whoever pushes a graph that is deeper or wider than the memory of the server is told so, and
// others are served.
func TestGraphsPushed(t *testing.T) {
	const budget = 64 << 20
	n := sizes(1_000_000, 1_500_000, 16_000_000) // links, of 24 bytes at least
	objects := wide(n)
	d := small(t)
	p := newPushed(t, d)
	local := p.fresh()
	memory := transport.NewMemory(budget)
	s := transport.NewServer(func(context.Context, refs.PeerID, object.ID) (transport.Dataset, error) { return local, nil },
		&transport.ServerOptions{Memory: memory, MaxWait: 100 * time.Millisecond})
	dial := overMemory(t, honest(s))
	var ids []object.ID
	for _, o := range objects {
		ids = append(ids, o.ID())
	}
	tree := linked(object.KindTree, "t", ids...)
	commit := signedCommit(t, tree.ID(), 3, d.head)
	d.point(commit.ID())
	frames := append(given(append([]object.Object{commit, tree}, objects...)...), tt.EndFrame(2, len(objects)+2, n))
	var told error
	most := peak(t, func() {
		w := tt.NewWire(dial(t, ana))
		told = pushOf(w, d, frames, nil, nil)
		until(t, func() bool { used, _ := memory.Used(); return used == 0 })
		v := newVictim(t, d.id)
		if _, err := v.sync(dial(t, vic), nil); err != nil {
			t.Errorf("an honest client: %v", err)
		}
	})
	within(t, fmt.Sprintf("the server that is pushed %d links", n), most, 4*budget)
	if !errors.Is(told, transport.ErrBusy) {
		t.Errorf("the pusher is told %v, want ErrBusy", told)
	}
	if at := mainOf(t, local.Refs); at != p.first {
		t.Errorf("heads/main was moved to %s", at.Short())
	}
}
