package quic

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// served is a dataset of one commit with a blob of so many chunks, on a listener.
type served struct {
	id, head object.ID
	key      *refs.Key
	listener *Listener
	bytes    int64
}

func serve(t testing.TB, chunks, size int, done func(error)) *served {
	t.Helper()
	ctx := context.Background()
	s := &served{key: testKey(1)}
	person := refs.Person{Name: "Ana", Role: refs.Maintainer, Devices: []refs.Device{{Key: s.key.PeerID(), Name: "laptop"}}}
	first, err := refs.SignIdentity(refs.NewIdentity("Moths of Tenerife", person, time.Unix(1, 0)), s.key)
	if err != nil {
		t.Fatal(err)
	}
	s.id = first.ID()
	chain, err := refs.VerifyChain(s.id, []*refs.SignedIdentity{first})
	if err != nil {
		t.Fatal(err)
	}
	store, err := pack.Open(ctx, t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	batch, err := store.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	put := func(o object.Object) object.ID {
		id, err := batch.Put(ctx, o, object.ID{})
		if err != nil {
			t.Fatal(err)
		}
		s.bytes += int64(len(o))
		return id
	}
	r := rand.New(rand.NewPCG(1, 2))
	var blob, tree object.Encoder
	blob.Uvarint(0)
	for range chunks {
		// Chunks that do not compress, so that the line is what is measured.
		data := make([]byte, size)
		for i := 0; i+8 <= size; i += 8 {
			binary.LittleEndian.PutUint64(data[i:], r.Uint64())
		}
		blob.Link(put(object.New(object.KindChunk, data)))
	}
	tree.Link(put(blob.Object(object.KindBlob)))
	c := object.Commit{Tree: put(tree.Object(object.KindTree)), Author: "Ana", Time: object.Moment{Unix: 1}}
	if err := c.Sign(s.key); err != nil {
		t.Fatal(err)
	}
	o, err := c.Object()
	if err != nil {
		t.Fatal(err)
	}
	s.head = put(o)
	if err := batch.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	rs, err := refs.Create(ctx, filepath.Join(t.TempDir(), "refs"), chain, &refs.Options{Key: s.key})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rs.Update(ctx, refs.Change{Name: "heads/main", New: s.head}); err != nil {
		t.Fatal(err)
	}
	dataset := &transport.Local{Store: store, Refs: rs}
	server := transport.NewServer(func(_ context.Context, _ refs.PeerID, id object.ID) (transport.Dataset, error) {
		if id != s.id {
			return nil, transport.ErrNotFound
		}
		return dataset, nil
	}, nil)
	s.listener = listen(t, s.key, func(ctx context.Context, peer refs.PeerID, stream link.Stream) {
		err := server.Serve(ctx, peer, stream)
		if done != nil {
			done(err)
		}
	}, nil)
	return s
}

func (s *served) clone(ctx context.Context, t testing.TB, c *Conn, into object.Store) (*transport.SyncResult, error) {
	stream, err := c.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	sink := &transport.LocalSink{Objects: into, Create: func(ctx context.Context, chain *refs.Chain) (*refs.Store, error) {
		return refs.Create(ctx, filepath.Join(t.TempDir(), "refs"), chain, &refs.Options{Key: testKey(2)})
	}}
	return transport.Sync(ctx, stream, &transport.SyncRequest{Dataset: s.id}, sink, nil)
}

func TestSyncOverQUIC(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, 40, 60_000, func(err error) { ended <- err })
	c := dial(t, s.listener, s.key.PeerID(), testKey(2))
	into := mem.New()
	result, err := s.clone(t.Context(), t, c, into)
	if err != nil {
		t.Fatal(err)
	}
	if result.Stats.Objects != 43 || into.Len() != 43 {
		t.Errorf("%+v, %d objects stored, want 43", result.Stats, into.Len())
	}
	if result.Stats.BytesIn < 40*60_000 || result.Stats.BytesIn > 41*60_000 {
		t.Errorf("%d bytes came for %d", result.Stats.BytesIn, s.bytes)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server saw: %v", err)
	}
}

func TestErrorReachesTheClient(t *testing.T) {
	s := serve(t, 1, 10, nil)
	c := dial(t, s.listener, s.key.PeerID(), testKey(2))
	other := *s
	other.id = object.Sum([]byte("other"))
	if _, err := other.clone(t.Context(), t, c, mem.New()); !errors.Is(err, transport.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}

func TestConcurrentStreamsAndPeers(t *testing.T) {
	s := serve(t, 20, 40_000, nil)
	var wg sync.WaitGroup
	for i := range 4 {
		c := dial(t, s.listener, s.key.PeerID(), testKey(byte(10+i)))
		for range 3 {
			wg.Go(func() {
				if _, err := s.clone(context.Background(), t, c, mem.New()); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
}

func TestCutConnectionCanBeResumed(t *testing.T) {
	s := serve(t, 200, 60_000, nil)
	c := dial(t, s.listener, s.key.PeerID(), testKey(2))
	stream, err := c.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	into := mem.New()
	o := &transport.SyncOptions{Progress: func(p transport.Progress) {
		if p.Objects == 20 {
			s.listener.transport.Conn.Close()
			c.conn.CloseWithError(codeDone, "")
		}
	}}
	sink := &transport.LocalSink{Objects: into}
	_, err = transport.Sync(t.Context(), stream, &transport.SyncRequest{Dataset: s.id}, sink, o)
	if !errors.Is(err, transport.ErrDisconnected) {
		t.Errorf("%v, want ErrDisconnected", err)
	}
	if n := into.Len(); n < 20 {
		t.Errorf("%d objects were kept, want at least 20", n)
	}
}

func TestCancelledSyncEnds(t *testing.T) {
	s := serve(t, 200, 60_000, nil)
	c := dial(t, s.listener, s.key.PeerID(), testKey(2))
	ctx, cancel := context.WithCancel(t.Context())
	stream, err := c.OpenStream(ctx)
	if err != nil {
		t.Fatal(err)
	}
	o := &transport.SyncOptions{Progress: func(p transport.Progress) {
		if p.Objects == 5 {
			cancel()
		}
	}}
	_, err = transport.Sync(ctx, stream, &transport.SyncRequest{Dataset: s.id}, &transport.LocalSink{Objects: mem.New()}, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

// BenchmarkSync clones incompressible chunks over the loopback, from a store on
// disk into another; BenchmarkBare copies as many bytes over a bare stream.
func BenchmarkSync(b *testing.B) {
	s := serve(b, 4000, 64<<10, nil)
	c := dial(b, s.listener, s.key.PeerID(), testKey(2))
	b.SetBytes(s.bytes)
	for b.Loop() {
		into, err := pack.Open(context.Background(), b.TempDir(), nil)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.clone(context.Background(), b, c, into); err != nil {
			b.Fatal(err)
		}
		into.Close()
	}
}

func BenchmarkBare(b *testing.B) {
	const size = 4000 * 64 << 10
	block := make([]byte, 64<<10)
	l := listen(b, testKey(1), func(_ context.Context, _ refs.PeerID, s link.Stream) {
		s.Read(make([]byte, 1))
		for range size / len(block) {
			if _, err := s.Write(block); err != nil {
				return
			}
		}
	}, nil)
	c := dial(b, l, testKey(1).PeerID(), testKey(2))
	b.SetBytes(size)
	for b.Loop() {
		s, err := c.OpenStream(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		s.Write([]byte{1})
		if n, err := io.Copy(io.Discard, s); err != nil || n != size {
			b.Fatal(n, err)
		}
		s.Close()
	}
}

func BenchmarkDial(b *testing.B) {
	l := listen(b, testKey(1), echo, nil)
	for b.Loop() {
		c, err := Dial(context.Background(), []string{l.Addr().String()}, testKey(1).PeerID(), testKey(2), nil)
		if err != nil {
			b.Fatal(err)
		}
		c.Close()
	}
}
