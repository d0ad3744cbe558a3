package quic

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/transporttest"
)

// served is a dataset on a listener.
type served struct {
	*transporttest.Blob
	listener *Listener
}

func serve(t testing.TB, chunks, size int, done func(error)) *served {
	t.Helper()
	d := transporttest.NewBlob(t, chunks, size, done)
	return &served{d, listen(t, d.Key, d.Handle, nil)}
}

func (s *served) clone(ctx context.Context, t testing.TB, c *Conn, into object.Store) (*transport.SyncResult, error) {
	stream, err := c.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return s.Clone(ctx, t, stream, into, nil)
}

func TestSyncOverQUIC(t *testing.T) {
	ended := make(chan error, 1)
	s := serve(t, 40, 60_000, func(err error) { ended <- err })
	c := dial(t, s.listener, s.Key.PeerID(), testKey(2))
	into := mem.New()
	result, err := s.clone(t.Context(), t, c, into)
	if err != nil {
		t.Fatal(err)
	}
	if result.Stats.Objects != 43 || into.Len() != 43 {
		t.Errorf("%+v, %d objects stored, want 43", result.Stats, into.Len())
	}
	if result.Stats.BytesIn < 40*60_000 || result.Stats.BytesIn > 41*60_000 {
		t.Errorf("%d bytes came for %d", result.Stats.BytesIn, s.Bytes)
	}
	if err := <-ended; err != nil {
		t.Errorf("the server saw: %v", err)
	}
}

func TestErrorReachesTheClient(t *testing.T) {
	s := serve(t, 1, 10, nil)
	c := dial(t, s.listener, s.Key.PeerID(), testKey(2))
	blob := *s.Blob
	blob.ID = object.Sum([]byte("other"))
	other := &served{&blob, s.listener}
	if _, err := other.clone(t.Context(), t, c, mem.New()); !errors.Is(err, transport.ErrNotFound) {
		t.Errorf("%v, want ErrNotFound", err)
	}
}

func TestConcurrentStreamsAndPeers(t *testing.T) {
	s := serve(t, 20, 40_000, nil)
	var wg sync.WaitGroup
	for i := range 4 {
		c := dial(t, s.listener, s.Key.PeerID(), testKey(byte(10+i)))
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
	c := dial(t, s.listener, s.Key.PeerID(), testKey(2))
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
	_, err = transport.Sync(t.Context(), stream, &transport.SyncRequest{Dataset: s.ID}, sink, o)
	if !errors.Is(err, transport.ErrDisconnected) {
		t.Errorf("%v, want ErrDisconnected", err)
	}
	if n := into.Len(); n < 20 {
		t.Errorf("%d objects were kept, want at least 20", n)
	}
}

func TestCancelledSyncEnds(t *testing.T) {
	s := serve(t, 200, 60_000, nil)
	c := dial(t, s.listener, s.Key.PeerID(), testKey(2))
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
	_, err = transport.Sync(ctx, stream, &transport.SyncRequest{Dataset: s.ID}, &transport.LocalSink{Objects: mem.New()}, o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
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
