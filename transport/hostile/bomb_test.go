package hostile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	tt "github.com/constl/constl/transport/transporttest"
)

// crafted is a dataset whose maintainer is hostile: she has signed a commit of a tree that
// links to whatever she likes.
type crafted struct {
	*dataset
	frames []tt.Frame // the offer, its end, the commit and the tree
}

func craft(t testing.TB, links ...object.ID) *crafted {
	t.Helper()
	d := newDataset(t, memory(), nil)
	tree := linked(object.KindTree, "t", links...)
	commit := signedCommit(t, tree.ID(), 1)
	d.point(commit.ID())
	c := &crafted{dataset: d, frames: append(d.says(), tt.EndFrame(0, 0, 0))}
	c.frames = append(c.frames, given(commit, tree)...)
	return c
}

// names returns so many ids of objects that do not exist.
func names(n int) []object.ID {
	ids := make([]object.ID, n)
	for i := range ids {
		binary.BigEndian.PutUint64(ids[i][:], uint64(i)+1)
	}
	return ids
}

// allAs sends the bytes of an entry under each of the ids, as long as they are taken, and
// returns how many were.
func allAs(w *tt.Wire, ids []object.ID, body []byte) int {
	for i, id := range ids {
		head := binary.AppendUvarint([]byte{tt.FrameObject}, uint64(len(id)+len(body)))
		if w.SendBytes(append(head, id[:]...)) != nil || w.SendBytes(body) != nil {
			return i
		}
	}
	return len(ids)
}

// block is a zstd block (RFC 8878 §3.1.1.2) of the kind: 0 raw, 1 one byte repeated.
func block(last bool, kind, size int, data ...byte) []byte {
	h := size<<3 | kind<<1
	if last {
		h |= 1
	}
	return append([]byte{byte(h), byte(h >> 8), byte(h >> 16)}, data...)
}

// squeezed is an entry with blocks that somebody made by hand.
func squeezed(length int, blocks ...[]byte) entry.Entry {
	return entry.Entry{Encoding: entry.Zstd, Length: length, Data: bytes.Join(blocks, nil)}
}

const largest = 1 + object.MaxPayload

// A compressed object that is not what it says takes no more memory than it may, and none is kept.
func TestBombs(t *testing.T) {
	ids := names(100)
	c := craft(t, ids...)
	for _, test := range []struct {
		name string
		e    entry.Entry
		want error
	}{
		{"declares 2,000 bytes and holds 60 MiB", squeezed(2000, bytes.Repeat(block(false, 1, 128<<10, 'x'), 480), block(true, 1, 1, 'x')), transport.ErrForged},
		{"declares 60 MiB", squeezed(60<<20, bytes.Repeat(block(false, 1, 128<<10, 'x'), 480), block(true, 0, 0)), transport.ErrProtocol},
		{"declares 16 MiB and holds a byte", squeezed(largest, block(true, 1, 1, 'x')), transport.ErrForged},
		{"declares 24 bytes in 16 MiB of empty blocks", squeezed(24, bytes.Repeat(block(false, 0, 0), 5<<20), block(true, 1, 24, 'x')), transport.ErrProtocol},
		{"declares 16 MiB in 16 MiB of empty blocks", squeezed(largest, bytes.Repeat(block(false, 0, 0), 5<<20), block(true, 1, 24, 'x')), transport.ErrForged},
		{"a block that is longer than a block may be", squeezed(largest, block(true, 1, 1<<20, 'x')), transport.ErrForged},
		{"a block of the reserved kind", squeezed(100, block(true, 3, 10, 'x')), transport.ErrProtocol},
		{"a block that is no compressed block", squeezed(largest, block(true, 2, 64, bytes.Repeat([]byte{0xff}, 64)...)), transport.ErrForged},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVictim(t, c.id)
			stream := overMemory(t, liar(func(w *tt.Wire) {
				_ = w.Send(c.frames...)
				allAs(w, ids, test.e.Append(nil))
			}))(t, vic)
			var err error
			within(t, "the receiver", peak(t, func() { _, err = v.sync(stream, nil) }), receiverBudget)
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if len(v.store.kept) > 2 || v.refs != nil {
				t.Errorf("%d objects are kept, refs are believed: %t", len(v.store.kept), v.refs != nil)
			}
		})
	}
}

// Objects that are as large as they may be, and came as a few bytes each, are what they say; a
// receiver holds one of them at a time.
func TestObjectsOf16MiB(t *testing.T) {
	n := sizes(8, 24, 200)
	var codec entry.Codec
	var ids []object.ID
	var frames []tt.Frame
	o := object.New(object.KindChunk, make([]byte, object.MaxPayload))
	for i := range n {
		binary.BigEndian.PutUint32(o[1:], uint32(i))
		ids = append(ids, o.ID())
		frames = append(frames, tt.ObjectFrame(o.ID(), codec.Encode(o)))
	}
	c := craft(t, ids...)
	v := &victim{t: t, id: c.id, store: newWitness(tt.Store(t))}
	v.store.forgetful = true
	stream := overMemory(t, liar(func(w *tt.Wire) {
		_ = w.Send(append(append(c.frames, frames...), tt.EndFrame(0, n+2, 0))...)
		_, _ = w.Next()
	}))(t, vic)
	var err error
	within(t, "the receiver", peak(t, func() { _, err = v.sync(stream, nil) }), receiverBudget)
	if err != nil || v.store.count != n+2 {
		t.Errorf("%d objects are kept of %d, %v", v.store.count, n+2, err)
	}
}

// deltasOf sends the frames in place of the first run, and what is wanted then from objects.
func deltasOf(c *crafted, frames []tt.Frame, objects map[object.ID]object.Object) answer {
	return liar(func(w *tt.Wire) {
		_ = w.Send(append(append(c.frames, frames...), tt.EndFrame(0, len(frames)+2, 0))...)
		for {
			f, err := w.Next()
			if err != nil {
				return
			}
			var list []tt.Frame
			for _, id := range tt.ParseWant(f).Wants {
				if o := objects[id]; o != nil {
					list = append(list, given(o)...)
				}
			}
			_ = w.Send(append(list, tt.EndFrame(0, len(list), 0))...)
		}
	})
}

// A chain of deltas, each on the one before, is read in any order, however long it is, with an
// effort that is as long as the chain.
func TestChainsOfDeltas(t *testing.T) {
	n := sizes(300, 3000, 30_000)
	var codec entry.Codec
	var ids []object.ID
	objects := make(map[object.ID]object.Object)
	o := object.New(object.KindChunk, noise(1, 300))
	frames := []tt.Frame{tt.ObjectFrame(o.ID(), tt.Raw(o))}
	ids = append(ids, o.ID())
	objects[o.ID()] = o
	for i := range n {
		next := append(object.Object(nil), o...)
		binary.BigEndian.PutUint32(next[100:], uint32(i))
		ids = append(ids, next.ID())
		objects[next.ID()] = next
		frames = append(frames, tt.ObjectFrame(next.ID(), codec.EncodeDelta(next, o.ID(), o)))
		o = next
	}
	backwards := make([]tt.Frame, 0, len(frames))
	for i := range frames {
		backwards = append(backwards, frames[len(frames)-1-i])
	}
	c := craft(t, ids...)
	for name, frames := range map[string][]tt.Frame{"in order": frames, "backwards": backwards} {
		t.Run(name, func(t *testing.T) {
			looks := &counting{Store: tt.Store(t)}
			v := &victim{t: t, id: c.id, store: newWitness(looks)}
			stream := overMemory(t, deltasOf(c, frames, objects))(t, vic)
			var err error
			within(t, "the receiver", peak(t, func() { _, err = v.sync(stream, nil) }), receiverBudget)
			if err != nil {
				t.Fatal(err)
			}
			for id := range objects {
				if got := v.store.kept[id]; got == nil || got.ID() != id {
					t.Fatalf("%s is not held, or is another object", id.Short())
				}
			}
			if got := looks.looks.Load(); got > int64(20*n) {
				t.Errorf("the store was looked into %d times for %d objects", got, n)
			}
		})
	}
}

// counting is a store that counts how often it is looked into.
type counting struct {
	object.Store
	looks atomic.Int64
}

// Begin implements [object.Store].
func (c *counting) Begin(ctx context.Context) (object.Batch, error) {
	b, err := c.Store.Begin(ctx)
	return &countingBatch{b.(entryBatch), c}, err
}

type entryBatch interface {
	object.Batch
	entry.Putter
}

type countingBatch struct {
	entryBatch
	c *counting
}

// Has implements [object.Reader].
func (b *countingBatch) Has(ctx context.Context, id object.ID) (bool, error) {
	b.c.looks.Add(1)
	return b.entryBatch.Has(ctx, id)
}

// Deltas whose bases never come take as much memory as they may, and are asked for once more, whole.
func TestDeltasWithoutBases(t *testing.T) {
	n := sizes(40, 150, 1000)
	ids := names(n)
	c := craft(t, ids...)
	body := entry.Entry{
		Encoding: entry.Delta, Length: 1 << 20, Base: object.Sum([]byte("nowhere")),
		Data: append(block(false, 0, 100<<10, noise(1, 100<<10)...), bytes.Repeat(block(true, 0, 900<<10, noise(2, 900<<10)...), 1)...),
	}.Append(nil)
	var sent atomic.Int64
	stream := overMemory(t, liar(func(w *tt.Wire) {
		_ = w.Send(c.frames...)
		for {
			sent.Add(int64(allAs(w, ids, body)))
			_ = w.Send(tt.EndFrame(0, n+2, 0))
			if _, err := w.Next(); err != nil {
				return
			}
		}
	}))(t, vic)
	v := newVictim(t, c.id)
	var err error
	within(t, "the receiver", peak(t, func() { _, err = v.sync(stream, nil) }), receiverBudget)
	if !errors.Is(err, transport.ErrProtocol) {
		t.Errorf("%v, want ErrProtocol", err)
	}
	// They come with the first answer, when they are wanted by their ids, and then once whole.
	if got := int(sent.Load()); got > 2*n+16 {
		t.Errorf("%d deltas were taken, of %d that were wanted", got, n)
	}
}

// Whoever pushes the largest objects, and many do at once, takes no more memory of the server
// than it has, and others are served.
func TestBombsPushed(t *testing.T) {
	const budget = 96 << 20
	memory := transport.NewMemory(budget)
	d := small(t)
	p := newPushed(t, d)
	local := p.fresh()
	s := transport.NewServer(func(context.Context, refs.PeerID, object.ID) (transport.Dataset, error) { return local, nil },
		&transport.ServerOptions{Memory: memory, MaxWait: 20 * time.Second})
	pushers := sizes(8, 16, 64)
	// Ana's next commit is hostile.
	ids := names(40)
	tree := linked(object.KindTree, "t", ids...)
	commit := signedCommit(t, tree.ID(), 3, d.head)
	d.point(commit.ID())
	noisy := entry.Entry{Encoding: entry.Raw, Length: largest, Data: append([]byte{byte(object.KindChunk)}, noise(1, object.MaxPayload)...)}.Append(nil)
	dial := overMemory(t, honest(s))
	most := peak(t, func() {
		told := make(chan error)
		for range pushers {
			w := tt.NewWire(dial(t, ana))
			go func() { told <- pushOf(w, d, append(given(commit, tree), tt.EndFrame(1, 2, 0)), noisy, ids) }()
		}
		v := newVictim(t, d.id)
		if _, err := v.sync(dial(t, vic), nil); err != nil {
			t.Errorf("an honest client meanwhile: %v", err)
		}
		for range pushers {
			if err := <-told; err == nil {
				t.Error("a bomb was taken")
			}
		}
	})
	within(t, "the server", most, 4*budget)
	if used, _ := memory.Used(); used > budget {
		t.Errorf("%d bytes are in use of %d", used, budget)
	}
	if at := mainOf(t, local.Refs); at != p.first {
		t.Errorf("heads/main was moved to %s", at.Short())
	}
}

// pushOf pushes what the dataset says, answers the first want with frames, and each further one
// with the body under all ids. It returns what the server says.
func pushOf(w *tt.Wire, d *dataset, frames []tt.Frame, body []byte, ids []object.ID) error {
	_ = w.Send(append([]tt.Frame{tt.PushFrame(d.id, 1, 1)}, d.says()...)...)
	for n := 0; ; n++ {
		f, err := w.Next()
		if err != nil {
			return err
		}
		if code := tt.ErrorCode(f); code != 0 {
			return &transport.RemoteError{Code: transport.Code(code)}
		}
		if f.Type != tt.FrameWant {
			return nil
		}
		// The server may say that it has enough while this is on its way.
		if n == 0 {
			go func() { _ = w.Send(frames...) }()
		} else {
			go allAs(w, ids, body)
		}
	}
}

// Whoever wants the largest objects and reads nothing of them takes no more memory of the
// server than it has, and gives it back when their time is over.
func TestReadersThatReadNothing(t *testing.T) {
	const budget, idle = 64 << 20, 60
	memory := transport.NewMemory(budget)
	d := newDataset(t, tt.Store(t), nil)
	large := object.New(object.KindChunk, noise(1, object.MaxPayload))
	wide := linked(object.KindTree, "w", names(200_000)...)
	d.put(object.ID{}, large, wide)
	tree := linked(object.KindTree, "t", chunk("small").ID())
	d.put(object.ID{}, chunk("small"), tree)
	d.commit(tree.ID())
	s := server(&transport.ServerOptions{Memory: memory}, d)
	dial := overMemory(t, honest(s))
	most := peak(t, func() {
		synctest.Test(t, func(t *testing.T) {
			for i := range idle {
				w := tt.NewWire(dial(t, tt.Key(byte(20+i))))
				wants := []object.ID{large.ID(), wide.ID()}
				go func() {
					_ = w.Send(tt.SyncFrame(d.id, tt.Query{Wants: wants[:1]}))
					for f := (tt.Frame{}); f.Type != tt.FrameEnd; {
						var err error
						if f, err = w.Next(); err != nil {
							return
						}
					}
				}()
			}
			synctest.Wait()
			if used, _ := memory.Used(); used < budget/2 {
				t.Errorf("%d bytes are in use, the readers hold nothing", used)
			}
			v := newVictim(t, d.id)
			_, err := v.sync(dial(t, vic), nil)
			for ; errors.Is(err, transport.ErrBusy); _, err = v.sync(dial(t, vic), nil) {
				time.Sleep(10 * time.Second)
			}
			if err != nil {
				t.Errorf("an honest client meanwhile: %v", err)
			}
		})
	})
	within(t, "the server", most, 4*budget)
	if used, _ := memory.Used(); used != 0 {
		t.Errorf("%d bytes are in use in the end", used)
	}
}
