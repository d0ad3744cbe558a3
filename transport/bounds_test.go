package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/constl/constl/object"
)

// wantLimit fails unless the peer has named the bound, in an error of the class.
func wantLimit(t *testing.T, err error, limit string, class error) {
	t.Helper()
	var remote *RemoteError
	if !errors.As(err, &remote) || !errors.Is(err, class) || remote.Limit() != limit {
		t.Errorf("%v, want the limit %s and %v", err, limit, class)
	}
}

// bounded returns a dataset of some hundred objects and a server for it.
func bounded(t *testing.T, o *ServerOptions) (*dataset, *Server) {
	d := newDataset(t, testKey(1), nil)
	d.fill(40, 10, 50)
	d.commit()
	return d, server(o, d)
}

func TestMaxRequests(t *testing.T) {
	d, s := bounded(t, &ServerOptions{MaxRequests: 1, MaxWait: 20 * time.Millisecond})
	leave, err := s.queue.enter(t.Context(), testKey(9).PeerID(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r := newReplica(t, d.id, testKey(2))
	_, err = r.sync(dial(t, s, r.key))
	wantLimit(t, err, LimitRequests, ErrBusy)
	if served, waiting := s.Load(); served != 1 || waiting != 0 {
		t.Errorf("%d requests are served and %d wait, want 1 and 0", served, waiting)
	}
	leave()
	r.mustSync(dial(t, s, r.key))
}

func TestRequestsWaitForTheirTurn(t *testing.T) {
	d, s := bounded(t, &ServerOptions{MaxRequests: 1, MaxWait: time.Minute})
	leave, err := s.queue.enter(t.Context(), testKey(9).PeerID(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	r := newReplica(t, d.id, testKey(2))
	stream := dial(t, s, r.key)
	done := make(chan error, 1)
	go func() {
		_, err := r.sync(stream)
		done <- err
	}()
	until(t, func() bool { _, waiting := s.Load(); return waiting == 1 })
	leave()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// until polls for a condition.
func until(t *testing.T, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for has not come")
		}
	}
}

func TestMaxWaiting(t *testing.T) {
	d, s := bounded(t, &ServerOptions{MaxRequests: 1, MaxWaiting: 2, MaxWait: time.Minute})
	leave, err := s.queue.enter(t.Context(), testKey(9).PeerID(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for i := range 2 {
		go func() { _, _ = s.queue.enter(ctx, testKey(byte(20+i)).PeerID(), time.Minute) }()
	}
	until(t, func() bool { _, waiting := s.Load(); return waiting == 2 })
	r := newReplica(t, d.id, testKey(2))
	_, err = r.sync(dial(t, s, r.key))
	wantLimit(t, err, LimitWaiting, ErrBusy)
}

func TestQueueIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(4, 100)
		served := make(chan string, 20)
		leaves := make(map[string]func())
		come := func(peer byte, name string) {
			go func() {
				leave, err := q.enter(t.Context(), testKey(peer).PeerID(), time.Hour)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					return
				}
				leaves[name] = leave
				served <- name
			}()
			synctest.Wait()
		}
		want := func(when string, names ...string) {
			t.Helper()
			synctest.Wait()
			for _, name := range names {
				select {
				case got := <-served:
					if got != name {
						t.Errorf("%s: %s is served, want %s", when, got, name)
					}
				default:
					t.Errorf("%s: nobody is served, want %s", when, name)
				}
			}
			if len(served) > 0 {
				t.Errorf("%s: %s is served, too", when, <-served)
			}
		}
		for i := range 4 {
			come(1, fmt.Sprint("greedy ", i))
		}
		want("one peer alone", "greedy 0", "greedy 1")
		come(2, "a 0")
		come(3, "b 0")
		want("places are free", "a 0", "b 0")
		come(2, "a 1")
		leaves["greedy 0"]()
		want("both have one under way", "greedy 2")
		come(4, "c 0")
		leaves["a 0"]()
		want("two have none under way", "a 1")
		leaves["b 0"]()
		want("one has none under way", "c 0")
		for _, name := range []string{"greedy 1", "greedy 2", "a 1", "c 0"} {
			leaves[name]()
		}
		want("the rest", "greedy 3")
		leaves["greedy 3"]()
		if running, waiting := q.count(); running != 0 || waiting != 0 || len(q.peers) != 0 {
			t.Errorf("%d run and %d wait of %d peers in an empty queue", running, waiting, len(q.peers))
		}
	})
}

func TestQueueGivesUp(t *testing.T) {
	q := newQueue(1, 10)
	leave, err := q.enter(t.Context(), testKey(1).PeerID(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan error, 2)
	go func() { _, err := q.enter(ctx, testKey(2).PeerID(), time.Minute); results <- err }()
	until(t, func() bool { _, waiting := q.count(); return waiting == 1 })
	cancel()
	if err := <-results; !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	go func() { _, err := q.enter(t.Context(), testKey(3).PeerID(), time.Minute); results <- err }()
	until(t, func() bool { _, waiting := q.count(); return waiting == 1 })
	q.close()
	if err := <-results; !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	if _, err := q.enter(t.Context(), testKey(4).PeerID(), time.Minute); !errors.Is(err, ErrBusy) {
		t.Errorf("%v, want ErrBusy", err)
	}
	leave()
	if len(q.peers) != 0 {
		t.Errorf("%d peers are left", len(q.peers))
	}
}

func TestMaxRequestBytes(t *testing.T) {
	d, s := bounded(t, &ServerOptions{MaxRequestBytes: 100})
	r := newReplica(t, d.id, testKey(2))
	req := r.request()
	req.Wants = make([]object.ID, 10)
	_, err := Sync(t.Context(), dial(t, s, r.key), req, r.sink(), nil)
	wantLimit(t, err, LimitRequestBytes, ErrTooLarge)
}

// An answer that would take too much work is cut short, and who asks goes on.
func TestMaxTraversal(t *testing.T) {
	var served Served
	d, s := bounded(t, &ServerOptions{MaxTraversal: 20, Done: func(r Served) { served = r }})
	r := newReplica(t, d.id, testKey(2))
	stream := dial(t, s, r.key)
	res := r.mustSync(stream)
	wantComplete(t, r.store, d.head)
	if res.Stats.Rounds < 3 {
		t.Errorf("%d rounds; the bound was never hit", res.Stats.Rounds)
	}
	stream.(*testStream).served.Wait()
	if served.Limit != LimitTraversal || served.Err != nil {
		t.Errorf("the server noted %q, %v", served.Limit, served.Err)
	}
}

func TestMaxTraversalBeforeAnythingIsSent(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(1, 1, 10)
	for i := range 20 {
		d.change(0, 0, i%10)
		d.commit()
	}
	s := server(&ServerOptions{MaxTraversal: 10}, d)
	r := newReplica(t, d.id, testKey(2))
	_, err := r.sync(dial(t, s, r.key))
	wantLimit(t, err, LimitTraversal, ErrTooLarge)
}

func TestMaxMemory(t *testing.T) {
	const most = 64 << 20
	memory := NewMemory(most)
	d, s := bounded(t, &ServerOptions{Memory: memory, MaxWait: 10 * time.Millisecond})
	// A stream can still be opened; what its request takes is not there.
	held := int64(most - most/reserve - streamMemory)
	if !memory.Try(held) {
		t.Fatal("no memory to hold")
	}
	r := newReplica(t, d.id, testKey(2))
	_, err := r.sync(dial(t, s, r.key))
	wantLimit(t, err, LimitMemory, ErrBusy)
	memory.Release(held)
	r.mustSync(dial(t, s, r.key))
	until(t, func() bool { used, _ := memory.Used(); return used == 0 })
}

// A walk that keeps more than there is waits for it, and ends where it gets none.
func TestMaxMemoryOfWalks(t *testing.T) {
	memory := NewMemory(64 << 20)
	a := newAccount(memory, 10*time.Millisecond)
	e := &effort{ctx: t.Context(), most: 1000, memory: a}
	if err := e.keep(60 << 20); err != nil {
		t.Fatal(err)
	}
	if err := e.keep(8 << 20); !errors.Is(err, errCurtailed) || e.limit != LimitMemory {
		t.Errorf("%v, limit %q", err, e.limit)
	}
	var limit *LimitError
	if err := e.err(); !errors.As(err, &limit) || limit.Limit != LimitMemory {
		t.Error(err)
	}
	e.drop(50 << 20)
	if err := e.keep(8 << 20); err != nil {
		t.Errorf("after something was dropped: %v", err)
	}
	e.close()
	a.close()
	if used, _ := memory.Used(); used != 0 {
		t.Errorf("%d bytes are in use", used)
	}
}

// Without memory for the stream itself, who has opened it is told just that.
func TestMaxMemoryForStreams(t *testing.T) {
	var served Served
	d, s := bounded(t, &ServerOptions{Memory: NewMemory(streamMemory), Done: func(r Served) { served = r }})
	r := newReplica(t, d.id, testKey(2))
	stream := dial(t, s, r.key)
	// A pipe has no room for a request that nobody reads.
	tap := make(chan error, 1)
	go func() {
		c := newConn(stream)
		t, body, err := c.next()
		if err == nil {
			err = unexpected(t, body)
		}
		c.abandon()
		tap <- err
	}()
	wantLimit(t, <-tap, LimitMemory, ErrBusy)
	stream.(*testStream).served.Wait()
	var limit *LimitError
	if !errors.As(served.Err, &limit) || limit.Limit != LimitMemory {
		t.Errorf("the server noted %v", served.Err)
	}
}

func TestMemoryIsGivenInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMemory(16)
		if !m.Try(14) || m.Try(1) {
			t.Fatal("14 of 16 fit, and more do not")
		}
		order := make(chan string, 3)
		take := func(name string, n int64, served bool) {
			go func() {
				if err := m.take(t.Context(), n, time.Minute, served); err != nil {
					name = err.Error()
				}
				order <- name
			}()
			synctest.Wait()
		}
		take("first", 13, false)
		take("second", 1, false)
		take("served", 3, true)
		if len(order) > 0 {
			t.Fatalf("%s got what is not there", <-order)
		}
		m.Release(14)
		// Who is served already comes first and has the reserve; the rest in their order.
		if got := <-order; got != "served" {
			t.Errorf("%s came first", got)
		}
		synctest.Wait()
		if len(order) > 0 {
			t.Errorf("%s came before its turn", <-order)
		}
		m.Release(3)
		if got := <-order + ", " + <-order; got != "first, second" && got != "second, first" {
			t.Error(got)
		}
		take("late", 5, false)
		time.Sleep(2 * time.Minute)
		if got := <-order; !strings.Contains(got, "limit max-memory") {
			t.Errorf("waited for ever: %s", got)
		}
		m.Release(14)
		// What is more than everything is given when nothing else is in use.
		if err := m.Take(t.Context(), 100, time.Minute); err != nil {
			t.Error(err)
		}
		m.Release(100)
		if used, _ := m.Used(); used != 0 {
			t.Errorf("%d bytes are in use of an idle budget", used)
		}
	})
}

// pushable returns a dataset with a commit that its mirror lacks.
func pushable(t *testing.T) (d, m *dataset) {
	d = newDataset(t, testKey(1), nil)
	d.fill(2, 2, 10)
	d.commit()
	m, _ = mirror(t, d)
	d.fill(1, 1, 1000)
	d.commit()
	return d, m
}

func TestBoundsOfPushes(t *testing.T) {
	full := func(int64) error { return limitError(LimitDiskFloor, ErrDiskFull, "it is full") }
	for _, c := range []struct {
		limit string
		class error
		o     ServerOptions
		room  func(int64) error
	}{
		{LimitPushBytes, ErrTooLarge, ServerOptions{MaxPushBytes: 1000}, nil},
		{LimitObjectBytes, ErrTooLarge, ServerOptions{MaxObjectBytes: 1000}, nil},
		{LimitDiskFloor, ErrTooLarge, ServerOptions{}, full},
		{LimitMemory, ErrBusy, ServerOptions{Memory: NewMemory(4 << 20), MaxWait: time.Millisecond}, nil},
	} {
		t.Run(c.limit, func(t *testing.T) {
			d, m := pushable(t)
			m.Room = c.room
			_, err := Push(t.Context(), dial(t, server(&c.o, m), d.key), d.pushed(), d.Objects(), nil)
			wantLimit(t, err, c.limit, c.class)
			heads, err := m.Heads(t.Context())
			if err != nil || len(heads) != 1 || heads[0].ID() == d.pushed().Statements[0].ID() {
				t.Errorf("the refused push left the refs %v, %v", heads, err)
			}
		})
	}
}

func TestDiskFloorOfASync(t *testing.T) {
	d, s := bounded(t, nil)
	r := newReplica(t, d.id, testKey(2))
	sink := r.sink()
	sink.Room = func(int64) error { return limitError(LimitDiskFloor, ErrDiskFull, "it is full") }
	_, err := Sync(t.Context(), dial(t, s, r.key), r.request(), sink, nil)
	if !errors.Is(err, ErrDiskFull) || !strings.Contains(err.Error(), "limit disk-floor") {
		t.Errorf("%v, want ErrDiskFull with the limit's name", err)
	}
}

func TestMinProgressSaysItsName(t *testing.T) {
	var served Served
	s := server(&ServerOptions{Stall: 20 * time.Millisecond, Done: func(r Served) { served = r }})
	stream := dial(t, s, testKey(2))
	stream.(*testStream).served.Wait()
	var limit *LimitError
	if !errors.As(served.Err, &limit) || limit.Limit != LimitProgress || !errors.Is(limit, ErrStalled) {
		t.Errorf("%v, want the limit %s", served.Err, LimitProgress)
	}
}

// Objects are by far the largest frames: nobody sends one before it was asked for.
func TestObjectsOfGuests(t *testing.T) {
	var served Served
	s := server(&ServerOptions{Done: func(r Served) { served = r }})
	stream := dial(t, s, testKey(2))
	head := binary.AppendUvarint([]byte{byte(frameObject)}, maxObjectFrame)
	if _, err := stream.Write(head); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, stream); err != nil {
		t.Fatal(err)
	}
	stream.(*testStream).served.Wait()
	if !errors.Is(served.Err, ErrProtocol) {
		t.Errorf("%v, want ErrProtocol", served.Err)
	}
}
