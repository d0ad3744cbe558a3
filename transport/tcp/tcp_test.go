package tcp

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testKey(b byte) *refs.Key {
	var seed [32]byte
	for i := range seed {
		seed[i] = b
	}
	return refs.KeyFromSeed(seed)
}

func listen(t *testing.T, handler link.Handler, o *Options) *Listener {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", testKey(1), handler, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func open(t *testing.T, l *Listener) link.Stream {
	t.Helper()
	c, err := Dial(t.Context(), l.Addr().String(), testKey(1).PeerID(), testKey(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	s, err := c.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// What was written before the end arrives, even if the other side still had
// something to say.
func TestCloseDeliversWhatWasWritten(t *testing.T) {
	said := bytes.Repeat([]byte("last words "), 10_000)
	l := listen(t, func(_ context.Context, peer refs.PeerID, s link.Stream) {
		if peer != testKey(2).PeerID() {
			t.Errorf("the handler met %s", peer.Short())
		}
		_, _ = s.Write(said)
		s.Close()
	}, nil)
	s := open(t, l)
	go func() { _, _ = s.Write(make([]byte, 1<<20)) }()
	got, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(got, said) {
		t.Errorf("%d bytes of %d, %v", len(got), len(said), err)
	}
	s.Close()
}

func TestAbortEndsWhatWaits(t *testing.T) {
	l := listen(t, func(_ context.Context, _ refs.PeerID, s link.Stream) { _, _ = io.Copy(io.Discard, s) }, nil)
	s := open(t, l)
	ended := make(chan error)
	go func() {
		_, err := s.Read(make([]byte, 1))
		ended <- err
	}()
	s.Abort()
	if err := <-ended; !errors.Is(err, link.ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
	s.Close()
}

func TestNobodyThere(t *testing.T) {
	l := listen(t, func(context.Context, refs.PeerID, link.Stream) {}, nil)
	address := l.Addr().String()
	l.Close()
	if _, err := Dial(t.Context(), address, testKey(1).PeerID(), testKey(2), nil); !errors.Is(err, link.ErrUnreachable) {
		t.Errorf("%v, want ErrUnreachable", err)
	}
}

func TestAnotherProtocol(t *testing.T) {
	cert, err := link.Certificate(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	other, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{other, plain} {
		defer l.Close()
		go func() {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_ = c.(interface{ CloseWrite() error }).CloseWrite()
			_, _ = io.Copy(io.Discard, c)
			c.Close()
		}()
		if _, err := Dial(t.Context(), l.Addr().String(), testKey(1).PeerID(), testKey(2), nil); !errors.Is(err, link.ErrProtocol) {
			t.Errorf("%v, want ErrProtocol", err)
		}
	}
}

// Strangers who say nothing hold no more than their places, and not for long.
func TestBounds(t *testing.T) {
	l := listen(t, func(_ context.Context, _ refs.PeerID, s link.Stream) { _, _ = io.Copy(s, s) },
		&Options{Gate: link.NewGate(&link.GateOptions{MaxConns: 2}), HandshakeTimeout: 50 * time.Millisecond})
	var silent [2]net.Conn
	for i := range silent {
		var err error
		if silent[i], err = net.Dial("tcp", l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		defer silent[i].Close()
	}
	if _, err := silent[1].Read(make([]byte, 1)); err == nil {
		t.Error("a silent stranger got an answer")
	}
	var s link.Stream
	for s == nil { // the places become free one after the other
		c, err := Dial(t.Context(), l.Addr().String(), testKey(1).PeerID(), testKey(2), nil)
		if errors.Is(err, link.ErrRefused) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if s, err = c.OpenStream(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Read(make([]byte, 1)); err != nil {
		t.Error(err)
	}
	s.Close()
}

// Where it is crowded, one of three connections of a peer is ended, whichever is known
// last, and told why.
func TestCrowdedListenerEndsThirdConnections(t *testing.T) {
	l := listen(t, func(_ context.Context, _ refs.PeerID, s link.Stream) { _, _ = io.Copy(io.Discard, s) },
		&Options{Gate: link.NewGate(&link.GateOptions{MaxConns: 3})})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 3)
	for range 3 {
		c, err := Dial(t.Context(), l.Addr().String(), testKey(1).PeerID(), testKey(2), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		go func() {
			s, err := c.OpenStream(t.Context())
			if err == nil {
				_, err = transport.Sync(ctx, s, &transport.SyncRequest{StatementsOnly: true}, nil, nil)
			}
			ended <- err
		}()
	}
	if err := <-ended; !errors.Is(err, transport.ErrBusy) || !strings.Contains(err.Error(), "limit max-connections") {
		t.Errorf("%v, want ErrBusy with the limit's name", err)
	}
	cancel()
	for range 2 {
		if err := <-ended; errors.Is(err, transport.ErrBusy) {
			t.Errorf("another one was ended, too: %v", err)
		}
	}
}

func TestShutdown(t *testing.T) {
	proceed := make(chan struct{})
	entered := make(chan struct{})
	l := listen(t, func(_ context.Context, _ refs.PeerID, s link.Stream) {
		close(entered)
		<-proceed
		_, _ = s.Write([]byte("done"))
	}, nil)
	s := open(t, l)
	<-entered
	ended := make(chan error)
	go func() { ended <- l.Shutdown(t.Context()) }()
	close(proceed)
	if got, err := io.ReadAll(s); string(got) != "done" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	s.Close()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
