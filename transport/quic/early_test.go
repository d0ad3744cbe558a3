package quic

import (
	"context"
	"crypto"
	"crypto/tls"
	"errors"
	"io"
	"sync"
	"testing"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/link"
)

// lastSession keeps the newest session.
type lastSession struct {
	mu  sync.Mutex
	now *tls.ClientSessionState
	put chan struct{}
}

func newLastSession() *lastSession { return &lastSession{put: make(chan struct{}, 16)} }

// Get implements [tls.ClientSessionCache].
func (l *lastSession) Get(string) (*tls.ClientSessionState, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.now, l.now != nil
}

// Put implements [tls.ClientSessionCache].
func (l *lastSession) Put(_ string, s *tls.ClientSessionState) {
	l.mu.Lock()
	l.now = s
	l.mu.Unlock()
	select {
	case l.put <- struct{}{}:
	default:
	}
}

func dialEarly(t *testing.T, address string, expected refs.PeerID, key crypto.Signer, sessions tls.ClientSessionCache) (*Conn, error) {
	t.Helper()
	c, err := Dial(context.Background(), []string{address}, expected, key, &Options{Sessions: sessions, Early: []byte("hello")})
	if err == nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, err
}

// ask says hello and returns the answer.
func ask(t *testing.T, c *Conn) (string, error) {
	t.Helper()
	s, err := c.OpenStream(t.Context())
	if err != nil {
		return "", err
	}
	defer s.Close()
	if _, err := s.Write([]byte("hel")); err != nil {
		return "", err
	}
	if _, err := s.Write([]byte("lo, you")); err != nil {
		return "", err
	}
	answer := make([]byte, len("hello, you"))
	_, err = io.ReadFull(s, answer)
	return string(answer), err
}

func TestEarly(t *testing.T) {
	peers := make(chan refs.PeerID, 4)
	handler := func(ctx context.Context, peer refs.PeerID, s link.Stream) {
		if err := s.(link.Early).Proved(ctx); err != nil {
			t.Error(err)
		}
		peers <- peer
		_, _ = io.Copy(s, s)
	}
	l := listen(t, testKey(1), handler, nil)
	sessions := newLastSession()
	for _, early := range []bool{false, true, true} {
		c, err := dialEarly(t, l.Addr().String(), testKey(1).PeerID(), testKey(2), sessions)
		if err != nil {
			t.Fatal(err)
		}
		if used := c.conn.ConnectionState().Used0RTT; used != early {
			t.Errorf("sent with the handshake: %v, want %v", used, early)
		}
		if answer, err := ask(t, c); answer != "hello, you" || err != nil {
			t.Errorf("%q, %v", answer, err)
		}
		if peer := <-peers; peer != testKey(2).PeerID() || c.Peer() != testKey(1).PeerID() {
			t.Errorf("the listener met %s, the dialler %s", peer.Short(), c.Peer().Short())
		}
		// A second stream begins from nothing.
		if answer, err := ask(t, c); answer != "hello, you" || err != nil {
			t.Errorf("%q, %v", answer, err)
		}
		<-peers
		if !early {
			<-sessions.put
		}
	}
}

// A peer that was started anew knows no sessions; nothing is lost by it.
func TestEarlyRejected(t *testing.T) {
	first := listen(t, testKey(1), echo, nil)
	sessions := newLastSession()
	c, err := dialEarly(t, first.Addr().String(), testKey(1).PeerID(), testKey(2), sessions)
	if err != nil {
		t.Fatal(err)
	}
	<-sessions.put
	c.Close()
	first.Close()
	second := listen(t, testKey(1), echo, nil)
	c, err = dialEarly(t, second.Addr().String(), testKey(1).PeerID(), testKey(2), sessions)
	if err != nil {
		t.Fatal(err)
	}
	if c.conn.ConnectionState().Used0RTT {
		t.Error("another listener took what was sent early")
	}
	for range 2 {
		if answer, err := ask(t, c); answer != "hello, you" || err != nil {
			t.Errorf("%q, %v", answer, err)
		}
	}
}

// Somebody else at the address gets nothing of it, and is found out.
func TestEarlyToSomebodyElse(t *testing.T) {
	first := listen(t, testKey(1), echo, nil)
	sessions := newLastSession()
	c, err := dialEarly(t, first.Addr().String(), testKey(1).PeerID(), testKey(2), sessions)
	if err != nil {
		t.Fatal(err)
	}
	<-sessions.put
	c.Close()
	got := make(chan string, 1)
	other := listen(t, testKey(3), func(_ context.Context, _ refs.PeerID, s link.Stream) {
		data, _ := io.ReadAll(s)
		got <- string(data)
	}, nil)
	_, err = dialEarly(t, other.Addr().String(), testKey(1).PeerID(), testKey(2), sessions)
	var wrong *link.WrongPeerError
	if !errors.As(err, &wrong) || wrong.Found != testKey(3).PeerID() {
		t.Errorf("%v, want a WrongPeerError", err)
	}
	other.Close()
	select {
	case text := <-got:
		t.Errorf("a stranger was told %q", text)
	default:
	}
}

// What is written must be what was sent.
func TestEarlyMismatch(t *testing.T) {
	l := listen(t, testKey(1), echo, nil)
	sessions := newLastSession()
	if _, err := dialEarly(t, l.Addr().String(), testKey(1).PeerID(), testKey(2), sessions); err != nil {
		t.Fatal(err)
	}
	<-sessions.put
	c, err := dialEarly(t, l.Addr().String(), testKey(1).PeerID(), testKey(2), sessions)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("good day")); !errors.Is(err, errAhead) {
		t.Errorf("%v, want errAhead", err)
	}
}
