package quic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/transport"
)

// wan stands between peers: it delays every datagram and drops some. It
// remembers of each client to which socket of its own its datagrams go.
type wan struct {
	front   *net.UDPConn
	server  *net.UDPAddr
	delay   time.Duration // one way
	loss    float64
	running sync.WaitGroup

	mu    sync.Mutex
	dice  *rand.Rand
	backs map[string]*net.UDPConn
}

func newWAN(t testing.TB, server net.Addr, delay time.Duration, loss float64) *wan {
	t.Helper()
	front, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	w := &wan{
		front: front, server: server.(*net.UDPAddr), delay: delay, loss: loss,
		dice: rand.New(rand.NewPCG(3, 4)), backs: make(map[string]*net.UDPConn),
	}
	w.running.Go(w.outward)
	t.Cleanup(func() {
		front.Close()
		w.mu.Lock()
		for _, b := range w.backs {
			b.Close()
		}
		w.mu.Unlock()
		w.running.Wait()
	})
	return w
}

// carry passes the datagrams on that send gives out, in their order and a delay later.
func (w *wan) carry(read func([]byte) (int, net.Addr, error), send func([]byte, net.Addr)) {
	type letter struct {
		data []byte
		from net.Addr
		due  time.Time
	}
	line := make(chan letter, 1<<16)
	w.running.Go(func() {
		for l := range line {
			time.Sleep(time.Until(l.due)) // this is the line's length, nobody waits for anything
			send(l.data, l.from)
		}
	})
	defer close(line)
	buf := make([]byte, 2048)
	for {
		n, from, err := read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		w.mu.Lock()
		lost := w.dice.Float64() < w.loss
		w.mu.Unlock()
		if err != nil || lost {
			continue
		}
		select {
		case line <- letter{append([]byte(nil), buf[:n]...), from, time.Now().Add(w.delay)}:
		default: // the line is full
		}
	}
}

func (w *wan) outward() {
	w.carry(func(b []byte) (int, net.Addr, error) { return w.front.ReadFrom(b) }, func(data []byte, from net.Addr) {
		if back := w.back(from); back != nil {
			_, _ = back.Write(data)
		}
	})
}

// back returns the socket that stands for a client, whose answers go back to it.
func (w *wan) back(client net.Addr) *net.UDPConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if b := w.backs[client.String()]; b != nil {
		return b
	}
	b, err := net.DialUDP("udp", nil, w.server)
	if err != nil {
		return nil
	}
	w.backs[client.String()] = b
	w.running.Go(func() {
		w.carry(func(buf []byte) (int, net.Addr, error) {
			n, err := b.Read(buf)
			return n, nil, err
		}, func(data []byte, _ net.Addr) { _, _ = w.front.WriteTo(data, client) })
	})
	return b
}

// BenchmarkWAN clones incompressible chunks over a line of 50 ms there and
// back that loses packets, over one connection and over as many as Sync opens.
func BenchmarkWAN(b *testing.B) {
	for _, loss := range []float64{0, 0.0001, 0.001, 0.01} {
		// Some ten seconds over one connection.
		chunks := map[float64]int{0: 1600, 0.0001: 1600, 0.001: 600, 0.01: 160}[loss]
		s := serve(b, chunks, 64<<10, nil)
		for _, most := range []int{0, 4} {
			b.Run(fmt.Sprintf("loss=%g%%/further=%d", loss*100, most), func(b *testing.B) {
				w := newWAN(b, s.listener.Addr(), 25*time.Millisecond, loss)
				b.SetBytes(s.Bytes)
				for b.Loop() {
					s.cloneOver(b, w, most)
				}
			})
		}
	}
}

func (s *served) cloneOver(b *testing.B, w *wan, most int) {
	ctx := context.Background()
	open := func(ctx context.Context) (io.ReadWriteCloser, error) {
		c, err := Dial(ctx, []string{w.front.LocalAddr().String()}, s.Key.PeerID(), testKey(2), nil)
		if err != nil {
			return nil, err
		}
		b.Cleanup(func() { c.Close() })
		return c.OpenStream(ctx)
	}
	stream, err := open(ctx)
	if err != nil {
		b.Fatal(err)
	}
	o := &transport.SyncOptions{More: func(ctx context.Context) (io.ReadWriteCloser, error) {
		if most--; most < 0 {
			return nil, io.EOF
		}
		return open(ctx)
	}}
	into := mem.New()
	if _, err := s.Clone(ctx, b, stream, into, o); err != nil {
		b.Fatal(err)
	}
	if into.Len() < int(s.Bytes/(64<<10)) {
		b.Fatalf("%d objects came", into.Len())
	}
}
