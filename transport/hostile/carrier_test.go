package hostile

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/tcp"
	"github.com/constl/constl/transport/transporttest"
)

// answer deals with one stream and closes it.
type answer func(ctx context.Context, from refs.PeerID, stream io.ReadWriteCloser)

// dialer returns a stream of whoever has the key to whoever answers. It ends with the test.
type dialer func(t testing.TB, key *refs.Key) io.ReadWriteCloser

// carriers are what streams run over, each with who begins to answer as Ana.
var carriers = map[string]func(t testing.TB, a answer) dialer{"memory": overMemory, "quic": overQUIC, "tcp": overTCP}

func overMemory(_ testing.TB, a answer) dialer {
	return func(t testing.TB, key *refs.Key) io.ReadWriteCloser {
		near, far := net.Pipe()
		var answering sync.WaitGroup
		answering.Go(func() { a(context.Background(), key.PeerID(), far) })
		t.Cleanup(func() {
			near.Close()
			answering.Wait()
		})
		return near
	}
}

func overQUIC(t testing.TB, a answer) dialer {
	l := listenQUIC(t, a, nil)
	return func(t testing.TB, key *refs.Key) io.ReadWriteCloser {
		return opened(t, dialQUIC(t, l.Addr(), key, nil))
	}
}

func listenQUIC(t testing.TB, a answer, o *quic.Options) *quic.Listener {
	t.Helper()
	l, err := quic.Listen(context.Background(), "127.0.0.1:0", ana, a.handler(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dialQUIC(t testing.TB, at net.Addr, key *refs.Key, o *quic.Options) *quic.Conn {
	t.Helper()
	c, err := quic.Dial(context.Background(), []string{at.String()}, ana.PeerID(), key, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func overTCP(t testing.TB, a answer) dialer {
	l := listenTCP(t, a, nil)
	return func(t testing.TB, key *refs.Key) io.ReadWriteCloser { return opened(t, dialTCP(t, l.Addr(), key)) }
}

func listenTCP(t testing.TB, a answer, o *tcp.Options) *tcp.Listener {
	t.Helper()
	l, err := tcp.Listen(context.Background(), "127.0.0.1:0", ana, a.handler(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func dialTCP(t testing.TB, at net.Addr, key *refs.Key) *tcp.Conn {
	t.Helper()
	c, err := tcp.Dial(context.Background(), at.String(), ana.PeerID(), key, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func opened(t testing.TB, c link.Conn) link.Stream {
	t.Helper()
	s, err := c.OpenStream(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (a answer) handler() link.Handler {
	return func(ctx context.Context, peer refs.PeerID, s link.Stream) { a(ctx, peer, s) }
}

// honest answers with a server.
func honest(s *transport.Server) answer {
	return func(ctx context.Context, from refs.PeerID, stream io.ReadWriteCloser) {
		_ = s.Serve(ctx, from, stream) // what it makes of it, its Done is told
	}
}

// liar answers every request by a script, which runs when the request has come.
func liar(script func(w *transporttest.Wire)) answer {
	return func(_ context.Context, _ refs.PeerID, stream io.ReadWriteCloser) {
		defer stream.Close()
		w := transporttest.NewWire(stream)
		if _, err := w.Next(); err == nil {
			script(w)
		}
	}
}
