package hostile

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/tcp"
	tt "github.com/constl/constl/transport/transporttest"
)

// crowdOf counts the streams that are answered at once.
type crowdOf struct{ now, most atomic.Int64 }

func (c *crowdOf) counted(a answer) answer {
	return func(ctx context.Context, from refs.PeerID, stream io.ReadWriteCloser) {
		n := c.now.Add(1)
		defer c.now.Add(-1)
		for most := c.most.Load(); n > most && !c.most.CompareAndSwap(most, n); most = c.most.Load() {
		}
		a(ctx, from, stream)
	}
}

// Whoever opens as many streams as a connection lets them, and more as soon as some have ended, over
// several connections, has no more at once than is allowed; memory stays within the budget, and others are
// served meanwhile.
func TestStreamFloods(t *testing.T) {
	const conns, streams, budget = 4, 16, 32 << 20
	d := small(t)
	request := tt.SyncFrame(d.id, tt.Query{}, "*").Bytes()
	for name, act := range map[string]func(s link.Stream){
		"and says nothing":          func(link.Stream) {},
		"and resets them":           func(s link.Stream) { _, _ = s.Write(request); s.Abort() },
		"and stops in a request":    func(s link.Stream) { _, _ = s.Write(request[:20]) },
		"and asks, and never reads": func(s link.Stream) { _, _ = s.Write(request) },
	} {
		t.Run(name, func(t *testing.T) {
			memory := transport.NewMemory(budget)
			var crowd crowdOf
			s := server(&transport.ServerOptions{Memory: memory, MaxRequests: 8, Stall: time.Second}, d)
			l := listenQUIC(t, crowd.counted(honest(s)), &quic.Options{MaxStreams: streams, Gate: link.NewGate(&link.GateOptions{Memory: memory})})
			ctx, stop := context.WithCancel(context.Background())
			var opened atomic.Int64
			var flood sync.WaitGroup
			for i := range conns {
				c := dialQUIC(t, l.Addr(), tt.Key(byte(20+i)), nil)
				flood.Go(func() {
					for {
						s, err := c.OpenStream(ctx)
						if err != nil {
							return
						}
						opened.Add(1)
						act(s)
					}
				})
			}
			most := peak(t, func() {
				until(t, func() bool { return opened.Load() >= conns*streams })
				honestMeanwhile(t, d, l)
			})
			stop()
			flood.Wait()
			within(t, "the server and those who flood it", most, 4*budget)
			if n := crowd.most.Load(); n > conns*streams+1 {
				t.Errorf("%d streams were answered at once, %d are allowed", n, conns*streams+1)
			}
			if used, _ := memory.Used(); used > budget {
				t.Errorf("%d bytes are in use of %d", used, budget)
			}
		})
	}
}

// honestMeanwhile fails unless an honest client is served in time, as often as it has to ask.
func honestMeanwhile(t *testing.T, d *dataset, l *quic.Listener) {
	t.Helper()
	begun := time.Now()
	for {
		v := newVictim(t, d.id)
		_, err := v.sync(opened(t, dialQUIC(t, l.Addr(), vic, nil)), nil)
		if err == nil {
			v.unharmed("an honest client meanwhile", d, nil)
			return
		}
		if !errors.Is(err, transport.ErrBusy) || time.Since(begun) > 15*time.Second {
			t.Errorf("an honest client meanwhile, after %v: %v", time.Since(begun), err)
			return
		}
	}
}

// Connections that never come to an end of their handshake are ended, in time; until then they take no more
// than the places that there are, and then others are served.
func TestSilentConnections(t *testing.T) {
	const places, patience = 6, 300 * time.Millisecond
	d := small(t)
	answer := honest(server(nil, d))
	hello := []byte{0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3} // the beginning of a ClientHello
	silent := func(say func(c net.Conn)) func(t *testing.T, at net.Addr) {
		return func(t *testing.T, at net.Addr) {
			c, err := net.Dial(at.Network(), at.String())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { c.Close() })
			say(c)
		}
	}
	type test struct {
		name string
		tcp  bool
		act  func(t *testing.T, at net.Addr)
	}
	for _, test := range []test{
		{"say nothing", true, silent(func(net.Conn) {})},
		{"stop in the handshake", true, silent(func(c net.Conn) { _, _ = c.Write(hello) })},
		{"say a byte now and then", true, silent(func(c net.Conn) { go drip(c, append(hello, make([]byte, 500)...), 20*time.Millisecond) })},
		{"hear nothing", false, func(t *testing.T, at net.Addr) {
			r := newRelay(t, at, true)
			ctx, cancel := context.WithCancel(context.Background())
			done := make(chan struct{})
			t.Cleanup(func() { cancel(); <-done })
			go func() {
				defer close(done)
				if c, err := quic.Dial(ctx, []string{r.front.LocalAddr().String()}, ana.PeerID(), mallory, nil); err == nil {
					c.Close()
				}
			}()
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			memory := transport.NewMemory(16 << 20)
			gate := link.NewGate(&link.GateOptions{MaxConns: places, Memory: memory})
			var at net.Addr
			dial := func() (link.Conn, error) {
				return quic.Dial(context.Background(), []string{at.String()}, ana.PeerID(), vic, nil)
			}
			if test.tcp {
				at = listenTCP(t, answer, &tcp.Options{Gate: gate, HandshakeTimeout: patience}).Addr()
				dial = func() (link.Conn, error) {
					return tcp.Dial(context.Background(), at.String(), ana.PeerID(), vic, nil)
				}
			} else {
				at = listenQUIC(t, answer, &quic.Options{Gate: gate, HandshakeTimeout: patience}).Addr()
			}
			for range 2 * places {
				test.act(t, at)
			}
			until(t, func() bool { n, _ := gate.Count(); return n > places/3 })
			if n, _ := gate.Count(); n > places {
				t.Errorf("%d connections at once, there are %d places", n, places)
			}
			begun := time.Now()
			var c link.Conn
			until(t, func() bool {
				var err error
				if c, err = dial(); err != nil && !errors.Is(err, link.ErrRefused) && !errors.Is(err, link.ErrUnreachable) {
					t.Fatal(err)
				}
				return err == nil
			})
			if took := time.Since(begun); took > 20*patience {
				t.Errorf("an honest client got in after %v", took)
			}
			v := newVictim(t, d.id)
			_, err := v.sync(opened(t, c), nil)
			if err != nil {
				t.Errorf("an honest client: %v", err)
			}
			v.unharmed("an honest client", d, err)
			c.Close()
			if test.tcp {
				until(t, func() bool { n, _ := gate.Count(); used, _ := memory.Used(); return n == 0 && used == 0 })
			}
		})
	}
}
