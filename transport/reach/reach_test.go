package reach

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/tcp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testKey(b byte) *refs.Key {
	var seed [32]byte
	for i := range seed {
		seed[i] = b
	}
	return refs.KeyFromSeed(seed)
}

func echo(_ context.Context, _ refs.PeerID, s link.Stream) { _, _ = io.Copy(s, s) }

func listen(t *testing.T) *Listener {
	t.Helper()
	l, err := Listen(t.Context(), "127.0.0.1:0", testKey(1), echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// talk sends something over the connection and back, over several streams.
func talk(t *testing.T, c *Conn) {
	t.Helper()
	for range 3 {
		s, err := c.OpenStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 5)
		if _, err := s.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(s, buf); err != nil || string(buf) != "hello" {
			t.Fatalf("%q, %v", buf, err)
		}
		if in, out := s.Bytes(); in != 5 || out != 5 {
			t.Errorf("%d bytes in and %d out were counted", in, out)
		}
		s.Close()
	}
}

func TestQUICIfItAnswers(t *testing.T) {
	l := listen(t)
	c, err := Dial(t.Context(), l.Addr().String(), testKey(1).PeerID(), testKey(2), &Options{HeadStart: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if c.Carrier != QUIC || c.Peer() != testKey(1).PeerID() {
		t.Errorf("over %s to %s", c.Carrier, c.Peer().Short())
	}
	talk(t, c)
}

// blocked returns a listener that can be reached over TCP alone: datagrams vanish.
func blocked(t *testing.T) string {
	t.Helper()
	l, err := tcp.Listen(t.Context(), "127.0.0.1:0", testKey(1), echo, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	hole, err := net.ListenPacket("udp", l.Addr().String())
	if err != nil {
		t.Skipf("the port is taken: %v", err)
	}
	t.Cleanup(func() { hole.Close() })
	return l.Addr().String()
}

func TestTCPWhereUDPIsBlocked(t *testing.T) {
	for _, o := range []*Options{{HeadStart: time.Millisecond}, {HeadStart: time.Hour, Prefer: TCP}} {
		c, err := Dial(t.Context(), blocked(t), testKey(1).PeerID(), testKey(2), o)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if c.Carrier != TCP || c.Peer() != testKey(1).PeerID() {
			t.Errorf("over %s to %s", c.Carrier, c.Peer().Short())
		}
		talk(t, c)
	}
}

func TestWrongPeerByEither(t *testing.T) {
	for name, address := range map[string]string{"both": listen(t).Addr().String(), "tcp": blocked(t)} {
		_, err := Dial(t.Context(), address, testKey(9).PeerID(), testKey(2), &Options{HeadStart: time.Millisecond})
		var wrong *link.WrongPeerError
		if !errors.As(err, &wrong) || wrong.Found != testKey(1).PeerID() {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A port on which nobody listens is noticed long before QUIC gives up.
func TestClosedPort(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	free.Close()
	o := &Options{HeadStart: time.Millisecond, QUIC: &quic.Options{HandshakeTimeout: time.Hour}}
	if _, err := Dial(t.Context(), address, testKey(1).PeerID(), testKey(2), o); !errors.Is(err, link.ErrUnreachable) {
		t.Errorf("%v, want ErrUnreachable", err)
	}
}

func TestCallerGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Dial(ctx, blocked(t), testKey(1).PeerID(), testKey(2), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want Canceled", err)
	}
}
