package reach

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/tcp"
	"github.com/constl/constl/transport/transporttest"
)

const (
	blobChunk = 64 << 10
	blobBytes = 1 << 30
)

func listenFor(b *testing.B, handler link.Handler) string {
	b.Helper()
	l, err := Listen(context.Background(), "127.0.0.1:0", testKey(1), handler, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

func dialQUIC(ctx context.Context, address string) (link.Conn, error) {
	return quic.Dial(ctx, []string{address}, testKey(1).PeerID(), testKey(2), nil)
}

func dialTCP(ctx context.Context, address string) (link.Conn, error) {
	return tcp.Dial(ctx, address, testKey(1).PeerID(), testKey(2), nil)
}

// BenchmarkBare copies 1 GB over one stream, from memory to nowhere, and BenchmarkBlob
// clones as much that does not compress, from a store on disk into another: over
// one QUIC connection, and over those that a clone opens.
func BenchmarkBare(b *testing.B) {
	address := listenFor(b, func(_ context.Context, _ refs.PeerID, s link.Stream) {
		block := make([]byte, blobChunk)
		for n := 0; n < blobBytes; n += len(block) {
			if _, err := s.Write(block); err != nil {
				return
			}
		}
	})
	for _, carrier := range []struct {
		name string
		dial func(context.Context, string) (link.Conn, error)
	}{{"quic", dialQUIC}, {"tcp", dialTCP}} {
		b.Run(carrier.name, func(b *testing.B) {
			b.SetBytes(blobBytes)
			for b.Loop() {
				c, err := carrier.dial(context.Background(), address)
				if err != nil {
					b.Fatal(err)
				}
				s, err := c.OpenStream(context.Background())
				if err != nil {
					b.Fatal(err)
				}
				if _, err := s.Write([]byte{1}); err != nil {
					b.Fatal(err)
				}
				if n, err := io.Copy(io.Discard, s); err != nil || n != blobBytes {
					b.Fatal(n, err)
				}
				s.Close()
				c.Close()
			}
		})
	}
}

func BenchmarkBlob(b *testing.B) {
	d := transporttest.NewBlob(b, blobBytes/blobChunk, blobChunk, nil)
	address := listenFor(b, d.Handle)
	for _, several := range []bool{false, true} {
		name := "one connection"
		if several {
			name = "several"
		}
		b.Run(name, func(b *testing.B) {
			b.SetBytes(blobBytes)
			for b.Loop() {
				clone(b, d, address, several)
			}
		})
	}
}

func clone(b *testing.B, d *transporttest.Blob, address string, several bool) {
	ctx := context.Background()
	var conns []link.Conn
	defer func() {
		for _, c := range conns {
			c.Close()
		}
	}()
	open := func(dial func(context.Context, string) (link.Conn, error)) (io.ReadWriteCloser, error) {
		c, err := dial(ctx, address)
		if err != nil {
			return nil, err
		}
		conns = append(conns, c)
		return c.OpenStream(ctx)
	}
	stream, err := open(dialQUIC)
	if err != nil {
		b.Fatal(err)
	}
	o := &transport.SyncOptions{}
	if several {
		further := 0
		o.More = func(context.Context) (io.ReadWriteCloser, error) {
			if further++; further%2 == 1 {
				return open(dialTCP)
			}
			return open(dialQUIC)
		}
	}
	dir := b.TempDir()
	into, err := pack.Open(ctx, dir, nil)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := d.Clone(ctx, b, stream, into, o); err != nil {
		b.Fatal(err)
	}
	// What the next one writes must not wait for this to reach the disk.
	if err := errors.Join(into.Close(), os.RemoveAll(dir)); err != nil {
		b.Fatal(err)
	}
}
