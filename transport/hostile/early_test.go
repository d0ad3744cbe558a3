package hostile

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/quic"
	tt "github.com/constl/constl/transport/transporttest"
)

// ledger is what a server says of its requests.
type ledger struct {
	mu   sync.Mutex
	list []transport.Served
}

func (l *ledger) add(s transport.Served) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, s)
}

// since returns the requests after so many.
func (l *ledger) since(n int) []transport.Served {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list[n:])
}

func (l *ledger) count() int { return len(l.since(0)) }

// met dials once, says nothing, and returns the session that there is then.
func met(t testing.TB, at net.Addr, key *refs.Key) session {
	t.Helper()
	k := newTickets()
	c := dialQUIC(t, at, key, &quic.Options{Sessions: k})
	<-k.put
	c.Close()
	return k.session(t)
}

// Requests that were sent with a handshake, and are sent again by whoever has recorded them, get no more
// than what anybody may have: nothing of what is not public, and nothing that changes anything. Honest
// clients are served meanwhile.
func TestReplayedEarlyRequests(t *testing.T) {
	public := small(t)
	p := newPushed(t, public)
	private := newDataset(t, tt.Store(t), func(id *refs.Identity) { id.Audience, id.Proposers = refs.PeopleOnly, refs.ProposePeople })
	tree := linked(object.KindTree, "t", chunk("secret").ID())
	private.put(object.ID{}, chunk("secret"), tree)
	private.commit(tree.ID())
	push := tt.PushFrame(public.id, 1, 1).Bytes()
	for _, f := range public.says() {
		push = append(push, f.Bytes()...)
	}
	for _, test := range []struct {
		name  string
		d     *dataset
		local *transport.Local
		early []byte
		free  bool // anybody may have the answer
	}{
		{"sync of a public dataset", public, public.Local, tt.SyncFrame(public.id, tt.Query{}, "*").Bytes(), true},
		{"sync of a private dataset", private, private.Local, tt.SyncFrame(private.id, tt.Query{}, "*").Bytes(), false},
		{"push", public, p.fresh(), push, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			at := mainOf(t, test.local.Refs)
			memory := transport.NewMemory(64 << 20)
			var seen ledger
			s := transport.NewServer(func(context.Context, refs.PeerID, object.ID) (transport.Dataset, error) { return test.local, nil },
				&transport.ServerOptions{Memory: memory, Done: seen.add})
			begun := make(chan struct{}, 100)
			l := listenQUIC(t, func(ctx context.Context, from refs.PeerID, stream io.ReadWriteCloser) {
				begun <- struct{}{}
				honest(s)(ctx, from, stream)
			}, &quic.Options{HandshakeTimeout: 500 * time.Millisecond})
			sessions := met(t, l.Addr(), ana)
			var replays []transport.Served
			for tries := 0; len(replays) == 0; tries++ {
				if tries == 10 {
					t.Fatal("no request that was sent again has come to the server")
				}
				n := seen.count()
				r := newRelay(t, l.Addr(), false)
				c := dialQUIC(t, r.front.LocalAddr(), ana, &quic.Options{Sessions: sessions.tickets(t), Early: test.early})
				<-begun
				taken := r.taken() // without what ends the connection
				c.Close()
				until(t, func() bool { return seen.count() > n })
				n = seen.count()
				// What comes while a connection with these ids is remembered is dropped.
				for end := time.Now().Add(1500 * time.Millisecond); seen.count() == n && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
					resend(t, taken, l.Addr())
				}
				for len(begun) > 0 {
					<-begun
				}
				replays = append(replays, seen.since(n)...)
			}
			for _, got := range replays {
				if got.Peer != ana.PeerID() || got.Stats.BytesIn == 0 {
					t.Errorf("the server has heard %d bytes of %s, the test proves nothing", got.Stats.BytesIn, got.Peer.Short())
				}
				if !test.free && (got.Stats.BytesOut > 0 || got.Err == nil) {
					t.Errorf("whoever sent it again got %d bytes, %v", got.Stats.BytesOut, got.Err)
				}
			}
			v := newVictim(t, test.d.id)
			if _, err := v.sync(opened(t, dialQUIC(t, l.Addr(), ana, nil)), nil); err != nil {
				t.Errorf("an honest client after that: %v", err)
			}
			if now := mainOf(t, test.local.Refs); now != at {
				t.Errorf("heads/main was moved to %s", now.Short())
			}
			until(t, func() bool { used, _ := memory.Used(); return used == 0 })
		})
	}
}

// A session that is not what the listener gave, or that it has forgotten, is worth nothing: the handshake
// is done in full, and the request, which was sent along, is served once. One of somebody else makes
// nobody that somebody.
func TestStaleTickets(t *testing.T) {
	d := small(t)
	var seen ledger
	s := server(&transport.ServerOptions{Done: seen.add}, d)
	early := (&transport.SyncRequest{Dataset: d.id}).Opening()
	first := listenQUIC(t, honest(s), nil)
	good := met(t, first.Addr(), vic)
	use := func(name string, at net.Addr, key *refs.Key, with session) {
		t.Helper()
		before := seen.count()
		c, err := quic.Dial(context.Background(), []string{at.String()}, ana.PeerID(), key, &quic.Options{Sessions: with.tickets(t), Early: early})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		defer c.Close()
		v := newVictim(t, d.id)
		_, err = v.sync(opened(t, c), nil)
		v.unharmed(name, d, err)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		until(t, func() bool { return seen.count() > before })
		if list := seen.since(before); len(list) != 1 || list[0].Peer != key.PeerID() || list[0].Err != nil {
			t.Errorf("%s: served %+v", name, list)
		}
	}
	use("as it was given", first.Addr(), vic, good)
	ticket := good.ticket
	step := sizes(len(ticket)/4, len(ticket)/16, 1)
	for i := 0; i < len(ticket); i += step {
		use(fmt.Sprintf("byte %d of %d wrong", i, len(ticket)), first.Addr(), vic, good.bent(func(b []byte) []byte { b[i] ^= 1; return b }))
		use(fmt.Sprintf("cut to %d bytes", max(i, 1)), first.Addr(), vic, good.bent(func(b []byte) []byte { return b[:max(i, 1)] }))
	}
	use("much longer", first.Addr(), vic, good.bent(func(b []byte) []byte { return append(b, make([]byte, 300)...) }))
	second := listenQUIC(t, honest(s), nil)
	use("of a listener before", second.Addr(), vic, met(t, first.Addr(), vic))

	// Mallory has seen the ticket of vic on the wire, and has secrets of her own.
	stolen := session{met(t, first.Addr(), vic).ticket, met(t, first.Addr(), mallory).state}
	before := seen.count()
	c, err := quic.Dial(context.Background(), []string{first.Addr().String()}, ana.PeerID(), mallory,
		&quic.Options{Sessions: stolen.tickets(t), Early: early, HandshakeTimeout: 500 * time.Millisecond})
	if err == nil {
		t.Errorf("with a stolen ticket there is a connection")
		c.Close()
	}
	for _, got := range seen.since(before) {
		if got.Peer != mallory.PeerID() {
			t.Errorf("mallory is served as %s", got.Peer.Short())
		}
	}
	use("after that", first.Addr(), vic, good)
}
