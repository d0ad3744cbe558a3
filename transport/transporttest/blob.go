// Package transporttest makes datasets for the tests of what carries the protocol.
package transporttest

import (
	"context"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// Blob is a dataset of one commit with one blob, in a store on disk.
type Blob struct {
	ID    object.ID
	Head  object.ID
	Key   *refs.Key // of its maintainer, who serves it
	Bytes int64     // of all objects

	server *transport.Server
}

// Key returns the key whose seed is so many times the byte.
func Key(b byte) *refs.Key {
	var seed [32]byte
	for i := range seed {
		seed[i] = b
	}
	return refs.KeyFromSeed(seed)
}

// NewBlob makes a dataset whose blob has so many chunks of so many bytes, which do
// not compress, so that the line is what is measured. done, if not nil, is told how
// each request ended. It fails the test if it cannot.
func NewBlob(t testing.TB, chunks, size int, done func(error)) *Blob {
	t.Helper()
	d := &Blob{Key: Key(1)}
	store := Store(t)
	d.Head = d.fill(t, store, chunks, size)
	person := refs.Person{Name: "Ana", Role: refs.Maintainer, Devices: []refs.Device{{Key: d.Key.PeerID(), Name: "laptop"}}}
	first, err := refs.SignIdentity(refs.NewIdentity("Moths of Tenerife", person, time.Unix(1, 0)), d.Key)
	if err != nil {
		t.Fatal(err)
	}
	d.ID = first.ID()
	chain, err := refs.VerifyChain(d.ID, []*refs.SignedIdentity{first})
	if err != nil {
		t.Fatal(err)
	}
	rs, err := refs.Create(context.Background(), filepath.Join(t.TempDir(), "refs"), chain, &refs.Options{Key: d.Key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rs.Update(context.Background(), refs.Change{Name: "heads/main", New: d.Head}); err != nil {
		t.Fatal(err)
	}
	local := &transport.Local{Store: store, Refs: rs}
	d.server = transport.NewServer(func(_ context.Context, _ refs.PeerID, id object.ID) (transport.Dataset, error) {
		if id != d.ID {
			return nil, transport.ErrNotFound
		}
		return local, nil
	}, &transport.ServerOptions{Done: func(s transport.Served) {
		if done != nil {
			done(s.Err)
		}
	}})
	return d
}

func (d *Blob) fill(t testing.TB, store object.Store, chunks, size int) object.ID {
	t.Helper()
	ctx := context.Background()
	batch, err := store.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	put := func(o object.Object) object.ID {
		id, err := batch.Put(ctx, o)
		if err != nil {
			t.Fatal(err)
		}
		d.Bytes += int64(len(o))
		return id
	}
	dice := rand.New(rand.NewPCG(1, 2))
	var blob, tree object.Encoder
	blob.Uvarint(0)
	for range chunks {
		data := make([]byte, size)
		for i := 0; i+8 <= size; i += 8 {
			binary.LittleEndian.PutUint64(data[i:], dice.Uint64())
		}
		blob.Link(put(object.New(object.KindChunk, data)))
	}
	tree.Link(put(blob.Object(object.KindBlob)))
	c := object.Commit{Tree: put(tree.Object(object.KindTree)), Author: "Ana", Time: object.Moment{Unix: 1}}
	if err := c.Sign(d.Key); err != nil {
		t.Fatal(err)
	}
	o, err := c.Object()
	if err != nil {
		t.Fatal(err)
	}
	head := put(o)
	if err := batch.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	return head
}

// Handle answers one stream with the dataset. It is a [link.Handler].
func (d *Blob) Handle(ctx context.Context, peer refs.PeerID, stream link.Stream) {
	_ = d.server.Serve(ctx, peer, stream) // the caller's done hears of it
}

// Clone gets the dataset over the stream. o may be nil.
func (d *Blob) Clone(ctx context.Context, t testing.TB, stream io.ReadWriteCloser, into object.Store, o *transport.SyncOptions) (*transport.SyncResult, error) {
	sink := &transport.LocalSink{Objects: into, Create: func(ctx context.Context, chain *refs.Chain) (*refs.Store, error) {
		return refs.Create(ctx, filepath.Join(t.TempDir(), "refs"), chain, &refs.Options{Key: Key(2)})
	}}
	return transport.Sync(ctx, stream, &transport.SyncRequest{Dataset: d.ID}, sink, o)
}

// Store returns an empty store on disk, which is closed with the test.
func Store(t testing.TB) *pack.Store {
	t.Helper()
	s, err := pack.Open(context.Background(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}
