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
	r := &relay{front: front, back: dialUDP(t, to), deaf: deaf}
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

// taken returns what the dialler has sent so far.
func (r *relay) taken() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.sent)
}

// resend sends datagrams once more, from somewhere else. What comes back is for nobody.
func resend(t testing.TB, datagrams [][]byte, to net.Addr) {
	t.Helper()
	c := dialUDP(t, to)
	defer c.Close()
	for _, d := range datagrams {
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

// session is what a connection can begin with: a ticket, which the listener alone can read, and the secrets of
// whoever was given it, as bytes.
type session struct{ ticket, state []byte }

// session returns what the listener gave last. No connection may use it meanwhile.
func (k *tickets) session(t testing.TB) session {
	t.Helper()
	last, _ := k.Get("")
	ticket, state, err := last.ResumptionState()
	if err != nil {
		t.Fatal(err)
	}
	b, err := state.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	return session{slices.Clone(ticket), b}
}

// bent returns the session with another ticket.
func (s session) bent(change func(ticket []byte) []byte) session {
	return session{change(slices.Clone(s.ticket)), s.state}
}

// tickets returns the session for one connection.
func (s session) tickets(t testing.TB) *tickets {
	t.Helper()
	state, err := tls.ParseSessionState(s.state)
	if err != nil {
		t.Fatal(err)
	}
	k := newTickets()
	if k.last, err = tls.NewResumptionState(s.ticket, state); err != nil {
		t.Fatal(err)
	}
	return k
}
