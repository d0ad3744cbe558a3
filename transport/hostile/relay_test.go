package hostile

import (
	"crypto/tls"
	"net"
	"slices"
	"sync"
	"testing"
)

// relay passes the datagrams of one dialler on to a listener, and keeps them, as anybody on the way
// can.
type relay struct {
	t           testing.TB
	front, back *net.UDPConn
	deaf        bool // nothing is passed back

	mu     sync.Mutex
	caller net.Addr
	sent   [][]byte // by the dialler
}

func newRelay(t testing.TB, to net.Addr, deaf bool) *relay {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{t: t, front: front, back: dialUDP(t, to), deaf: deaf}
	var passing sync.WaitGroup
	passing.Go(r.forth)
	passing.Go(r.fro)
	t.Cleanup(func() {
		front.Close()
		r.back.Close()
		passing.Wait()
	})
	return r
}

func dialUDP(t testing.TB, to net.Addr) *net.UDPConn {
	t.Helper()
	c, err := net.DialUDP("udp", nil, to.(*net.UDPAddr))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (r *relay) forth() {
	b := make([]byte, 2048)
	for {
		n, from, err := r.front.ReadFrom(b)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.caller = from
		r.sent = append(r.sent, slices.Clone(b[:n]))
		r.mu.Unlock()
		_, _ = r.back.Write(b[:n]) // datagrams may be lost
	}
}

func (r *relay) fro() {
	b := make([]byte, 2048)
	for {
		n, err := r.back.Read(b)
		if err != nil {
			return
		}
		r.mu.Lock()
		to := r.caller
		r.mu.Unlock()
		if to != nil && !r.deaf {
			_, _ = r.front.WriteTo(b[:n], to)
		}
	}
}

// replay sends everything that the dialler sent once more, from somewhere else. What comes back is
// for nobody.
func (r *relay) replay(to net.Addr) {
	r.t.Helper()
	c := dialUDP(r.t, to)
	defer c.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, d := range r.sent {
		_, _ = c.Write(d) // datagrams may be lost
	}
}

// tickets keeps the last session that a peer gave. It implements [tls.ClientSessionCache].
type tickets struct {
	mu   sync.Mutex
	last *tls.ClientSessionState
	put  chan struct{} // gets one for each
}

func newTickets() *tickets { return &tickets{put: make(chan struct{}, 64)} }

// Get implements [tls.ClientSessionCache].
func (k *tickets) Get(string) (*tls.ClientSessionState, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last, k.last != nil
}

// Put implements [tls.ClientSessionCache].
func (k *tickets) Put(_ string, s *tls.ClientSessionState) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last = s
	select {
	case k.put <- struct{}{}:
	default:
	}
}

// bent returns the same session with another ticket.
func (k *tickets) bent(t testing.TB, change func(ticket []byte) []byte) *tickets {
	t.Helper()
	ticket, state := k.parts(t)
	return sessionOf(t, change(slices.Clone(ticket)), state)
}

func (k *tickets) parts(t testing.TB) (ticket []byte, state *tls.SessionState) {
	t.Helper()
	s, _ := k.Get("")
	ticket, state, err := s.ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	return ticket, state
}

func sessionOf(t testing.TB, ticket []byte, state *tls.SessionState) *tickets {
	t.Helper()
	b, err := state.Bytes()
	if err == nil {
		state, err = tls.ParseSessionState(b) // of its own: it takes over the ticket
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := tls.NewResumptionState(ticket, state)
	if err != nil {
		t.Fatal(err)
	}
	k := newTickets()
	k.last = s
	return k
}
