package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
)

// slowStream lets so many bytes a second through to its reader.
type slowStream struct {
	io.ReadWriteCloser
	rate int
	read atomic.Int64
}

// Read implements [io.Reader].
func (s *slowStream) Read(p []byte) (int, error) {
	n, err := s.ReadWriteCloser.Read(p[:min(len(p), s.rate/50)])
	s.read.Add(int64(n))
	time.Sleep(time.Duration(n) * time.Second / time.Duration(s.rate))
	return n, err
}

// crowd opens the streams of an exchange: the first, and those that come after.
type crowd struct {
	t       *testing.T
	s       *Server
	r       *replica
	rate    int
	wrap    func(n int, stream io.ReadWriteCloser) io.ReadWriteCloser // of the n-th further stream; may be nil
	most    int
	streams []*slowStream
	served  sync.WaitGroup
}

func (c *crowd) stream() *slowStream {
	near, end := net.Pipe()
	c.served.Go(func() { _ = c.s.Serve(context.Background(), c.r.key.PeerID(), end) })
	return &slowStream{ReadWriteCloser: near, rate: c.rate}
}

func (c *crowd) open(context.Context) (io.ReadWriteCloser, error) {
	if len(c.streams) > c.most {
		return nil, io.EOF
	}
	s := c.stream()
	c.streams = append(c.streams, s)
	if c.wrap != nil {
		return c.wrap(len(c.streams)-1, s), nil
	}
	return s, nil
}

func (c *crowd) sync(req *SyncRequest, wrap func(io.ReadWriteCloser) io.ReadWriteCloser) (*SyncResult, error) {
	s := c.stream()
	c.streams = append(c.streams, s)
	var first io.ReadWriteCloser = s
	if wrap != nil {
		first = wrap(s)
	}
	result, err := Sync(context.Background(), first, req, c.r.sink(), &SyncOptions{More: c.open})
	c.served.Wait()
	return result, err
}

// bytes returns how many bytes came over all streams, and over those after the first.
func (c *crowd) bytes() (all, further int64) {
	for i, s := range c.streams {
		all += s.read.Load()
		if i > 0 {
			further += s.read.Load()
		}
	}
	return all, further
}

// grown returns a dataset on disk with several versions, most of whose
// segments are deltas.
func grown(t *testing.T) *dataset {
	d := newDatasetIn(t, packStore(t), testKey(1), nil)
	d.fill(60, 10, 2000)
	d.commit()
	for v := range 3 {
		for g := range d.groups {
			d.change(g, v, 7*v)
			d.change(g, 0, 9*v)
		}
		d.commit()
	}
	return d
}

// What takes long over one stream comes over several, each object once.
func TestSeveralStreams(t *testing.T) {
	d := grown(t)
	total := len(reachable(t, d.Store, d.head))
	synctest.Test(t, func(t *testing.T) {
		alone := &crowd{t: t, s: server(nil, d), r: newReplica(t, d.id, testKey(2)), rate: 100_000, most: -1}
		begun := time.Now()
		whole, err := alone.sync(alone.r.request(), nil)
		if err != nil {
			t.Fatal(err)
		}
		slow, want := time.Since(begun), whole.Stats.BytesIn
		c := &crowd{t: t, s: server(nil, d), r: newReplica(t, d.id, testKey(2)), rate: 100_000, most: 4}
		begun = time.Now()
		result, err := c.sync(c.r.request(), nil)
		if err != nil {
			t.Fatal(err)
		}
		fast := time.Since(begun)
		wantComplete(t, c.r.store, d.head)
		if n := c.r.store.(*mem.Store).Len(); n != total || result.Stats.Objects != int64(total) {
			t.Errorf("%d objects stored, %d counted, %d are reachable", n, result.Stats.Objects, total)
		}
		all, further := c.bytes()
		if len(c.streams) != 5 || further < all/2 {
			t.Errorf("%d streams, %d of %d bytes over those after the first", len(c.streams), further, all)
		}
		if result.Stats.BytesIn != all {
			t.Errorf("%d bytes counted, %d came", result.Stats.BytesIn, all)
		}
		if all > want+want/20 {
			t.Errorf("%d bytes over several streams, %d over one", all, want)
		}
		if fast > slow*2/5 {
			t.Errorf("%v over five streams, %v over one", fast, slow)
		}
	})
}

// A small exchange, and a fast one, keep to their stream.
func TestOneStreamIfThatIsFast(t *testing.T) {
	d := grown(t)
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, s: server(nil, d), r: newReplica(t, d.id, testKey(2)), rate: 100_000_000, most: 4}
		result, err := c.sync(c.r.request(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(c.streams) != 1 || result.Stats.Rounds != 1 {
			t.Errorf("%d streams, %d round trips", len(c.streams), result.Stats.Rounds)
		}
	})
}

// Whoever of further peers lies, leaves or has nothing does no harm.
func TestBadHelpers(t *testing.T) {
	d := grown(t)
	total := len(reachable(t, d.Store, d.head))
	empty := newDataset(t, testKey(1), nil)
	for _, test := range []struct {
		name string
		wrap func(t *testing.T, n int, s io.ReadWriteCloser) io.ReadWriteCloser
	}{
		{"leaves", func(_ *testing.T, n int, s io.ReadWriteCloser) io.ReadWriteCloser { return cutAfter(s, 120_000) }},
		{"lies", func(_ *testing.T, n int, s io.ReadWriteCloser) io.ReadWriteCloser {
			return &flipping{ReadWriteCloser: s, at: 90_000}
		}},
		{"is silent", func(_ *testing.T, n int, s io.ReadWriteCloser) io.ReadWriteCloser {
			return &silent{ReadWriteCloser: s, after: 70_000, ended: make(chan struct{})}
		}},
		{"knows nothing", func(t *testing.T, n int, s io.ReadWriteCloser) io.ReadWriteCloser {
			s.Close()
			near, end := net.Pipe()
			go func() { _ = server(nil, empty).Serve(context.Background(), testKey(2).PeerID(), end) }()
			return near
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &crowd{t: t, s: server(nil, d), r: newReplica(t, d.id, testKey(2)), rate: 100_000, most: 3}
				c.wrap = func(n int, s io.ReadWriteCloser) io.ReadWriteCloser { return test.wrap(t, n, s) }
				if _, err := c.sync(c.r.request(), nil); err != nil {
					t.Fatal(err)
				}
				wantComplete(t, c.r.store, d.head)
				if n := c.r.store.(*mem.Store).Len(); n != total {
					t.Errorf("%d objects stored, %d are reachable", n, total)
				}
				if len(c.streams) < 2 {
					t.Error("no further stream was opened")
				}
			})
		})
	}
}

// If the first stream is cut, the others bring the rest of what is under way, and nothing
// is left for another try.
func TestFirstStreamIsCut(t *testing.T) {
	d := grown(t)
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, s: server(nil, d), r: newReplica(t, d.id, testKey(2)), rate: 100_000, most: 2}
		if _, err := c.sync(c.r.request(), func(s io.ReadWriteCloser) io.ReadWriteCloser { return cutAfter(s, 500_000) }); err != nil {
			t.Fatal(err)
		}
		wantComplete(t, c.r.store, d.head)
		if len(c.streams) < 2 {
			t.Error("no further stream was opened")
		}
	})
}

// A lie on the first stream ends everything.
func TestFirstStreamLies(t *testing.T) {
	d := grown(t)
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, s: server(nil, d), r: newReplica(t, d.id, testKey(2)), rate: 100_000, most: 2}
		_, err := c.sync(c.r.request(), func(s io.ReadWriteCloser) io.ReadWriteCloser { return &flipping{ReadWriteCloser: s, at: 500_000} })
		if !errors.Is(err, ErrForged) && !errors.Is(err, ErrProtocol) {
			t.Errorf("%v, want ErrForged or ErrProtocol", err)
		}
		for id := range reachable(t, d.Store, d.head) {
			if o, err := c.r.store.Get(t.Context(), id); err == nil && o.ID() != id {
				t.Errorf("%s is stored wrong", id)
			}
		}
	})
}

// The bound of bytes is one of all streams together.
func TestMaxBytesOfAllStreams(t *testing.T) {
	d := grown(t)
	size := int64(0)
	for _, o := range reachable(t, d.Store, d.head) {
		size += int64(len(o))
	}
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{t: t, s: server(nil, d), r: newReplica(t, d.id, testKey(2)), rate: 100_000, most: 4}
		_, err := Sync(t.Context(), c.stream(), c.r.request(), c.r.sink(), &SyncOptions{More: c.open, MaxBytes: size * 9 / 10})
		c.served.Wait()
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%v, want ErrTooLarge", err)
		}
	})
}

func TestEnough(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(40, 10, 400)
	d.commit()
	total := len(reachable(t, d.Store, d.head))
	ask := func(run uint64) (objects int, end *endMessage, err error) {
		r := newReplica(t, d.id, testKey(2))
		c := newConn(dial(t, server(nil, d), r.key))
		defer c.abandon()
		s := &syncing{c: c, req: r.request(), o: &SyncOptions{}, result: &SyncResult{Offer: Offer{Dataset: d.id}}}
		if err := s.ask(t.Context()); err != nil {
			return 0, nil, err
		}
		for {
			ft, body, err := c.next()
			if err != nil {
				return objects, nil, err
			}
			switch ft {
			case frameObject:
				if objects++; objects == 20 {
					var e object.Encoder
					e.Uvarint(run)
					c.writeFrame(frameEnough, e.Body())
					if err := c.flush(); err != nil {
						return objects, nil, err
					}
				}
			case frameEnd:
				if end, err = decodeEnd(body); err != nil || run == 1 {
					return objects, end, err
				}
			default:
				return objects, nil, unexpected(ft, body)
			}
		}
	}
	objects, end, err := ask(1)
	if err != nil || end.status != endBudget || int(end.objects) != objects || objects < 20 || objects >= total {
		t.Errorf("enough of the run under way: %d of %d objects, %+v, %v", objects, total, end, err)
	}
	for _, run := range []uint64{0, 2, 1 << 60} {
		if _, _, err := ask(run); !errors.Is(err, ErrBadRequest) {
			t.Errorf("enough of run %d: %v, want ErrBadRequest", run, err)
		}
	}
}

// flipping changes one byte on its way.
type flipping struct {
	io.ReadWriteCloser
	at int
}

// Read implements [io.Reader].
func (f *flipping) Read(p []byte) (int, error) {
	n, err := f.ReadWriteCloser.Read(p)
	if f.at >= 0 && f.at < n {
		p[f.at] ^= 0x40
	}
	f.at -= n
	return n, err
}

// silent brings nothing more after so many bytes, until it is closed.
type silent struct {
	io.ReadWriteCloser
	after int
	once  sync.Once
	ended chan struct{}
}

// Read implements [io.Reader].
func (s *silent) Read(p []byte) (int, error) {
	if s.after <= 0 {
		<-s.ended
		return 0, fmt.Errorf("reading: %w", io.ErrClosedPipe)
	}
	n, err := s.ReadWriteCloser.Read(p[:min(len(p), s.after)])
	s.after -= n
	return n, err
}

// Close implements [io.Closer].
func (s *silent) Close() error {
	s.once.Do(func() { close(s.ended) })
	return s.ReadWriteCloser.Close()
}
