// Package objecttest is the one suite that every [object.Store] passes, and a
// store that fails on purpose.
package objecttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/constl/constl/object"
)

// Run runs the suite. open returns a new empty store, which Run closes.
func Run(t *testing.T, open func(t *testing.T) object.Store) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, object.Store)
	}{
		{"missing", missing}, {"put", put}, {"malformed", malformed}, {"batch is apart", apart},
		{"discard", discard}, {"ended batch", ended}, {"empty batch", emptyBatch}, {"base hints", baseHints},
		{"concurrent puts", concurrent}, {"concurrent batches", batches}, {"many objects", many},
		{"sizes", sizes}, {"cancelled context", cancelled},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := open(t)
			defer func() {
				if err := s.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			}()
			test.run(t, s)
		})
	}
}

// Chunk returns a chunk of n bytes made from the seed; the first quarter of it
// compresses well.
func Chunk(seed uint64, n int) object.Object {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := n / 4; i < n; i++ {
		b[i] = byte(r.Uint32())
	}
	if n >= 8 {
		binary.BigEndian.PutUint64(b, seed)
	}
	return object.New(object.KindChunk, b)
}

// Put stores objects in one batch, or fails the test.
func Put(t *testing.T, s object.Store, objects ...object.Object) {
	t.Helper()
	b := begin(t, s)
	for _, o := range objects {
		mustPut(t, b, o, object.ID{})
	}
	commit(t, b)
}

// Want fails the test unless the reader holds the object unchanged.
func Want(t *testing.T, r object.Reader, want object.Object) {
	t.Helper()
	id := want.ID()
	got, err := r.Get(t.Context(), id)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("Get(%s) = %d bytes, %v; want %d bytes", id.Short(), len(got), err, len(want))
	}
	if ok, err := r.Has(t.Context(), id); !ok || err != nil {
		t.Errorf("Has(%s) = %v, %v", id.Short(), ok, err)
	}
}

// WantMissing fails the test unless the reader says that it does not hold the object.
func WantMissing(t *testing.T, r object.Reader, id object.ID) {
	t.Helper()
	if _, err := r.Get(t.Context(), id); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("Get(%s) of an object not held: %v", id.Short(), err)
	}
	if ok, err := r.Has(t.Context(), id); ok || err != nil {
		t.Errorf("Has(%s) of an object not held = %v, %v", id.Short(), ok, err)
	}
}

func begin(t *testing.T, s object.Store) object.Batch {
	t.Helper()
	b, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func commit(t *testing.T, b object.Batch) {
	t.Helper()
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func mustPut(t *testing.T, w object.Writer, o object.Object, base object.ID) {
	t.Helper()
	if id, err := w.Put(t.Context(), o, base); err != nil || id != o.ID() {
		t.Fatalf("Put = %s, %v; want %s", id, err, o.ID())
	}
}

func missing(t *testing.T, s object.Store) {
	WantMissing(t, s, object.ID{})
	WantMissing(t, s, Chunk(1, 10).ID())
	Put(t, s, Chunk(2, 10))
	WantMissing(t, s, Chunk(1, 10).ID())
}

func put(t *testing.T, s object.Store) {
	o := Chunk(1, 5000)
	b := begin(t, s)
	mustPut(t, b, o, object.ID{})
	mustPut(t, b, o, object.ID{})
	Want(t, b, o)
	commit(t, b)
	Want(t, s, o)
	b = begin(t, s)
	Want(t, b, o)
	mustPut(t, b, o, object.ID{})
	commit(t, b)
	Want(t, s, o)
}

func malformed(t *testing.T, s object.Store) {
	b := begin(t, s)
	for name, o := range map[string]object.Object{
		"nothing":           {},
		"unknown kind":      {200, 1, 2},
		"links cut short":   {byte(object.KindTree), 2, 1},
		"payload too large": object.New(object.KindChunk, make([]byte, object.MaxPayload+1)),
	} {
		if _, err := b.Put(t.Context(), o, object.ID{}); !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%s: %v, want one that wraps ErrCorrupt", name, err)
		}
	}
	o := Chunk(1, 100)
	mustPut(t, b, o, object.ID{})
	commit(t, b)
	Want(t, s, o)
}

func apart(t *testing.T, s object.Store) {
	before, mine, theirs := Chunk(1, 100), Chunk(2, 100), Chunk(3, 100)
	Put(t, s, before)
	a, b := begin(t, s), begin(t, s)
	mustPut(t, a, mine, object.ID{})
	mustPut(t, b, theirs, object.ID{})
	Want(t, a, before)
	WantMissing(t, a, theirs.ID())
	WantMissing(t, s, mine.ID())
	commit(t, a)
	Want(t, s, mine)
	Want(t, b, mine)
	WantMissing(t, s, theirs.ID())
	commit(t, b)
	Want(t, s, theirs)
}

func discard(t *testing.T, s object.Store) {
	o := Chunk(1, 100)
	b := begin(t, s)
	mustPut(t, b, o, object.ID{})
	if err := b.Discard(); err != nil {
		t.Fatal(err)
	}
	WantMissing(t, s, o.ID())
	b = begin(t, s)
	mustPut(t, b, o, object.ID{})
	commit(t, b)
	if err := b.Discard(); err != nil {
		t.Fatal(err)
	}
	Want(t, s, o)
}

func ended(t *testing.T, s object.Store) {
	for name, end := range map[string]func(object.Batch) error{
		"committed": func(b object.Batch) error { return b.Commit(t.Context()) },
		"discarded": object.Batch.Discard,
	} {
		b := begin(t, s)
		mustPut(t, b, Chunk(1, 100), object.ID{})
		if err := end(b); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), Chunk(9, 100), object.ID{}); err == nil {
			t.Errorf("a %s batch still takes objects", name)
		}
	}
	WantMissing(t, s, Chunk(9, 100).ID())
}

func emptyBatch(t *testing.T, s object.Store) {
	commit(t, begin(t, s))
	b := begin(t, s)
	if err := b.Discard(); err != nil {
		t.Error(err)
	}
	Put(t, s, Chunk(1, 10))
	Want(t, s, Chunk(1, 10))
}

func baseHints(t *testing.T, s object.Store) {
	versions := []object.Object{Chunk(1, 4000)}
	b := begin(t, s)
	mustPut(t, b, versions[0], Chunk(9, 10).ID()) // not held: ignored
	for i := 1; i < 60; i++ {
		o := bytes.Clone(versions[i-1])
		o[1+i*60] ^= 0xff
		versions = append(versions, o)
		base := versions[i-1].ID()
		switch i % 10 {
		case 3:
			base = object.Object(o).ID() // itself: ignored
		case 5:
			commit(t, b)
			b = begin(t, s)
		}
		mustPut(t, b, o, base)
		Want(t, b, o)
	}
	other := object.New(object.KindSegment, versions[7].Payload())
	mustPut(t, b, other, versions[7].ID()) // another kind: ignored
	commit(t, b)
	for _, o := range append(versions, other) {
		Want(t, s, o)
	}
}

func concurrent(t *testing.T, s object.Store) {
	b := begin(t, s)
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 60 {
				o := Chunk(uint64(i), 300) // the same in every goroutine
				if _, err := b.Put(t.Context(), o, Chunk(uint64(i-1), 300).ID()); err != nil {
					t.Error(err)
					return
				}
				own := Chunk(uint64(1000*(g+1)+i), 300)
				if _, err := b.Put(t.Context(), own, o.ID()); err != nil {
					t.Error(err)
					return
				}
				Want(t, b, own)
				Want(t, b, o)
			}
		})
	}
	wg.Wait()
	commit(t, b)
	for i := range 60 {
		Want(t, s, Chunk(uint64(i), 300))
		Want(t, s, Chunk(uint64(3000+i), 300))
	}
}

func batches(t *testing.T, s object.Store) {
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 15 {
				b, err := s.Begin(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				for j := range 5 {
					if _, err := b.Put(t.Context(), Chunk(uint64(i*5+j), 200), object.ID{}); err != nil {
						t.Error(err)
					}
				}
				own := Chunk(uint64(10000*(g+1)+i), 200)
				if _, err := b.Put(t.Context(), own, object.ID{}); err != nil {
					t.Error(err)
				}
				if err := b.Commit(t.Context()); err != nil {
					t.Error(err)
					return
				}
				Want(t, s, own)
			}
		})
	}
	wg.Wait()
	for i := range 75 {
		Want(t, s, Chunk(uint64(i), 200))
	}
	for g := range 4 {
		for i := range 15 {
			Want(t, s, Chunk(uint64(10000*(g+1)+i), 200))
		}
	}
}

func many(t *testing.T, s object.Store) {
	const n = 5000
	b := begin(t, s)
	for i := range n {
		mustPut(t, b, Chunk(uint64(i), 40), object.ID{})
	}
	commit(t, b)
	for i := 0; i < n; i += 7 {
		Want(t, s, Chunk(uint64(i), 40))
		WantMissing(t, s, Chunk(uint64(n+i), 40).ID())
	}
}

func sizes(t *testing.T, s object.Store) {
	var objects []object.Object
	for _, n := range []int{0, 1, 2, 23, 24, 255, 256, 257, 65535, 65536, 65791, 65792, 1 << 20, object.MaxPayload} {
		objects = append(objects, object.New(object.KindChunk, make([]byte, n)))
		if n <= 1<<20 {
			objects = append(objects, Chunk(uint64(n), n))
		}
	}
	Put(t, s, objects...)
	for i, o := range objects {
		t.Run(fmt.Sprint(i), func(t *testing.T) { Want(t, s, o) })
	}
}

func cancelled(t *testing.T, s object.Store) {
	o := Chunk(1, 100)
	ctx, cancel := context.WithCancel(t.Context())
	b, err := s.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, b, o, object.ID{})
	cancel()
	if err := b.Commit(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Commit with a cancelled context: %v", err)
	}
	WantMissing(t, s, o.ID())
	if _, err := s.Get(ctx, o.ID()); !errors.Is(err, context.Canceled) {
		t.Errorf("Get with a cancelled context: %v", err)
	}
	if _, err := s.Begin(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Begin with a cancelled context: %v", err)
	}
	Put(t, s, o)
	Want(t, s, o)
}
