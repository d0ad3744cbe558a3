package quic

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"sync"
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

// listen returns a listener on the loopback that is closed with the test.
func listen(t testing.TB, key crypto.Signer, handler link.Handler, o *Options) *Listener {
	t.Helper()
	l, err := Listen(context.Background(), "127.0.0.1:0", key, handler, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dial(t testing.TB, l *Listener, expected refs.PeerID, key crypto.Signer) *Conn {
	t.Helper()
	c, err := Dial(context.Background(), []string{l.Addr().String()}, expected, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// echo sends back what comes.
func echo(_ context.Context, _ refs.PeerID, s link.Stream) { io.Copy(s, s) }

func TestStreamBothWays(t *testing.T) {
	server, client := testKey(1), testKey(2)
	met := make(chan refs.PeerID, 1)
	l := listen(t, server, func(ctx context.Context, peer refs.PeerID, s link.Stream) {
		met <- peer
		echo(ctx, peer, s)
	}, nil)
	c := dial(t, l, server.PeerID(), client)
	if c.Peer() != server.PeerID() {
		t.Errorf("connected to %s, want %s", c.Peer(), server.PeerID())
	}
	s, err := c.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 5)
	if _, err := io.ReadFull(s, buf); err != nil || string(buf) != "hello" {
		t.Fatalf("%q, %v", buf, err)
	}
	if got := <-met; got != client.PeerID() {
		t.Errorf("the handler met %s, want %s", got, client.PeerID())
	}
	if in, out := s.Bytes(); in != 5 || out != 5 {
		t.Errorf("%d bytes in and %d out were counted, want 5 and 5", in, out)
	}
}

func TestWrongPeer(t *testing.T) {
	handled := make(chan struct{}, 1)
	l := listen(t, testKey(1), func(context.Context, refs.PeerID, link.Stream) { handled <- struct{}{} }, nil)
	_, err := Dial(t.Context(), []string{l.Addr().String()}, testKey(3).PeerID(), testKey(2), nil)
	var wrong *link.WrongPeerError
	if !errors.As(err, &wrong) || !errors.Is(err, link.ErrWrongPeer) {
		t.Fatalf("%v, want a WrongPeerError", err)
	}
	if wrong.Expected != testKey(3).PeerID() || wrong.Found != testKey(1).PeerID() {
		t.Errorf("%+v", wrong)
	}
	select {
	case <-handled:
		t.Error("a stream was handled")
	default:
	}
}

// liar holds a key but shows the certificate of another.
func TestCertificateOfAnotherKey(t *testing.T) {
	cert, err := link.Certificate(testKey(1))
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t, testKey(1), echo, nil)
	stolen := cert
	stolen.PrivateKey = testKey(9)
	o := (&Options{}).withDefaults()
	d := dialing{address: l.Addr().String(), o: &o}
	conn, err := d.run(t.Context(), link.Config(stolen, d.expect.Verify))
	if err != nil {
		return
	}
	defer conn.Close()
	// The client's handshake ends before the server has looked at its certificate.
	if s, err := conn.OpenStream(t.Context()); err == nil {
		s.Write([]byte("x"))
		if _, err := io.ReadAll(s); err == nil {
			t.Error("the server talked to a peer that does not hold its key")
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	// A socket that takes packets and never answers.
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	o := &Options{HandshakeTimeout: 50 * time.Millisecond}
	_, err = Dial(t.Context(), []string{silent.LocalAddr().String()}, refs.PeerID{}, testKey(2), o)
	if !errors.Is(err, link.ErrUnreachable) || !strings.Contains(err.Error(), silent.LocalAddr().String()) {
		t.Errorf("%v, want ErrUnreachable that names the address", err)
	}
}

func TestSeveralAddresses(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	server := testKey(1)
	l := listen(t, server, echo, nil)
	imposter := listen(t, testKey(5), echo, nil)
	all := []string{"no port", silent.LocalAddr().String(), imposter.Addr().String(), l.Addr().String()}
	c, err := Dial(t.Context(), all, server.PeerID(), testKey(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.RemoteAddr().String() != l.Addr().String() {
		t.Errorf("connected to %s", c.RemoteAddr())
	}
	if _, err := Dial(t.Context(), nil, server.PeerID(), testKey(2), nil); !errors.Is(err, link.ErrUnreachable) {
		t.Errorf("no addresses: %v", err)
	}
}

func TestIPv6(t *testing.T) {
	l, err := Listen(t.Context(), "[::1]:0", testKey(1), echo, nil)
	if err != nil {
		t.Skip("no IPv6 here: ", err)
	}
	defer l.Close()
	dial(t, l, testKey(1).PeerID(), testKey(2)).Close()
}

func TestServerGone(t *testing.T) {
	l := listen(t, testKey(1), echo, nil)
	c := dial(t, l, testKey(1).PeerID(), testKey(2))
	s, err := c.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]byte("x"))
	io.ReadFull(s, make([]byte, 1))
	l.Close()
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, link.ErrClosed) || !strings.Contains(err.Error(), "shutting down") {
		t.Errorf("reading: %v, want ErrClosed that says why", err)
	}
	if _, err := c.OpenStream(t.Context()); !errors.Is(err, link.ErrClosed) {
		t.Errorf("opening: %v, want ErrClosed", err)
	}
}

func TestShutdownLetsHandlersEnd(t *testing.T) {
	begun, proceed := make(chan struct{}), make(chan struct{})
	l := listen(t, testKey(1), func(_ context.Context, _ refs.PeerID, s link.Stream) {
		close(begun)
		<-proceed
		s.Write([]byte("the last word"))
	}, nil)
	c := dial(t, l, testKey(1).PeerID(), testKey(2))
	s, err := c.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]byte("x"))
	<-begun
	down := make(chan error, 1)
	go func() { down <- l.Shutdown(context.Background()) }()
	close(proceed)
	got, err := io.ReadAll(s)
	if err != nil || string(got) != "the last word" {
		t.Errorf("%q, %v", got, err)
	}
	c.Close()
	if err := <-down; err != nil {
		t.Errorf("shutting down: %v", err)
	}
}

func TestShutdownDeadline(t *testing.T) {
	begun := make(chan struct{})
	l := listen(t, testKey(1), func(ctx context.Context, _ refs.PeerID, s link.Stream) {
		close(begun)
		<-ctx.Done()
	}, nil)
	c := dial(t, l, testKey(1).PeerID(), testKey(2))
	s, err := c.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.Write([]byte("x"))
	<-begun
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Shutdown(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
}

func TestTooManyConnections(t *testing.T) {
	l := listen(t, testKey(1), echo, &Options{Gate: link.NewGate(&link.GateOptions{MaxConns: 2})})
	first := dial(t, l, testKey(1).PeerID(), testKey(2))
	dial(t, l, testKey(1).PeerID(), testKey(3))
	_, err := Dial(t.Context(), []string{l.Addr().String()}, testKey(1).PeerID(), testKey(4), nil)
	if !errors.Is(err, link.ErrRefused) {
		t.Fatalf("%v, want ErrRefused", err)
	}
	// A place becomes free again.
	first.Close()
	for {
		c, err := Dial(t.Context(), []string{l.Addr().String()}, testKey(1).PeerID(), testKey(4), nil)
		if err == nil {
			c.Close()
			break
		}
		if !errors.Is(err, link.ErrRefused) {
			t.Fatal(err)
		}
	}
}

// Where it is crowded, one of three connections of a peer is ended, whichever is known last.
func TestCrowdedListenerEndsThirdConnections(t *testing.T) {
	l := listen(t, testKey(1), echo, &Options{Gate: link.NewGate(&link.GateOptions{MaxConns: 3})})
	ended := make(chan error, 3)
	for range 3 {
		c := dial(t, l, testKey(1).PeerID(), testKey(2))
		go func() {
			s, err := c.OpenStream(t.Context())
			if err == nil {
				_, err = s.Read(make([]byte, 1))
			}
			ended <- err
		}()
	}
	if err := <-ended; !errors.Is(err, link.ErrRefused) || !strings.Contains(err.Error(), "limit max-connections") {
		t.Errorf("%v, want ErrRefused with the limit's name", err)
	}
	l.Close()
	for range 2 {
		if err := <-ended; errors.Is(err, link.ErrRefused) {
			t.Errorf("another one was ended, too: %v", err)
		}
	}
}

// Without memory the windows of flow control do not grow, and everything still comes.
func TestWindowsTakeMemory(t *testing.T) {
	memory := transport.NewMemory((connMemory + 100) * 8 / 7)
	received := make(chan int64, 1)
	l := listen(t, testKey(1), func(_ context.Context, _ refs.PeerID, s link.Stream) {
		n, _ := io.Copy(io.Discard, s)
		received <- n
	}, &Options{Gate: link.NewGate(&link.GateOptions{Memory: memory})})
	c := dial(t, l, testKey(1).PeerID(), testKey(2))
	s, err := c.OpenStream(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const size = 8 << 20
	if _, err := s.Write(make([]byte, size)); err != nil {
		t.Fatal(err)
	}
	if used, _ := memory.Used(); used != connMemory {
		t.Errorf("%d bytes are in use, want %d", used, connMemory)
	}
	s.Close()
	if n := <-received; n != size {
		t.Errorf("%d bytes came, want %d", n, size)
	}
	memory.SetLimit(2 * connMemory)
	_, err = Dial(t.Context(), []string{l.Addr().String()}, testKey(1).PeerID(), testKey(3), nil)
	if !errors.Is(err, link.ErrRefused) {
		t.Errorf("a connection without memory: %v, want ErrRefused", err)
	}
	c.Close()
	l.Close()
	if used, _ := memory.Used(); used != 0 {
		t.Errorf("%d bytes are in use when all are gone", used)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	proceed := make(chan struct{})
	var once sync.Once
	free := func() { once.Do(func() { close(proceed) }) }
	l := listen(t, testKey(1), func(context.Context, refs.PeerID, link.Stream) { <-proceed }, &Options{MaxStreams: 2})
	defer free()
	c := dial(t, l, testKey(1).PeerID(), testKey(2))
	for range 2 {
		s, err := c.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.Write([]byte("x"))
		// The client is done with it; the handler is not.
		s.Abort()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := c.OpenStream(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), LimitStreams) {
		t.Errorf("a third stream: %v, want to wait for the handlers and be told why", err)
	}
	free()
	if s, err := c.OpenStream(t.Context()); err != nil {
		t.Errorf("after the handlers ended: %v", err)
	} else {
		s.Abort()
	}
}

func TestNothingIsLogged(t *testing.T) {
	var out bytes.Buffer
	log.SetOutput(&out)
	defer log.SetOutput(os.Stderr)
	l := listen(t, testKey(1), echo, nil)
	dial(t, l, testKey(1).PeerID(), testKey(2)).Close()
	l.Close()
	if out.Len() > 0 {
		t.Errorf("the library wrote: %s", out.String())
	}
}
