package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	tt "github.com/constl/constl/transport/transporttest"
)

// patience is how long an exchange may go on that makes no progress: what §7 grants, to begin
// with and once more.
const patience = 2*time.Minute + time.Second

// drip sends the bytes one by one, so long apart, until nobody takes them.
func drip(w io.Writer, data []byte, apart time.Duration) {
	for _, b := range data {
		if _, err := w.Write([]byte{b}); err != nil {
			return
		}
		time.Sleep(apart)
	}
}

// rest waits until the other side ends the stream, without taking more than a byte.
func rest(r io.Reader) { _, _ = r.Read(make([]byte, 1)) }

// Servers that are slow on purpose are given up, in time, and nothing is believed of them.
func TestSlowServers(t *testing.T) {
	d := small(t)
	var offered []byte
	for _, f := range append(d.says(), tt.EndFrame(0, 0, 0)) {
		offered = append(offered, f.Bytes()...)
	}
	all := d.reached(d.head)
	head := given(all[d.head])[0].Bytes()
	unknown := tt.Frame{Type: tt.FrameUnknown}.Bytes()
	for name, tell := range map[string]func(stream io.ReadWriter, w *tt.Wire){
		"takes nothing": func(io.ReadWriter, *tt.Wire) { time.Sleep(time.Hour) },
		"takes a byte a second": func(s io.ReadWriter, _ *tt.Wire) {
			for _, err := s.Read(make([]byte, 1)); err == nil; _, err = s.Read(make([]byte, 1)) {
				time.Sleep(time.Second)
			}
		},
		"says nothing": func(s io.ReadWriter, w *tt.Wire) { _, _ = w.Next(); rest(s) },
		"says a byte a second": func(s io.ReadWriter, w *tt.Wire) {
			_, _ = w.Next()
			drip(s, offered, time.Second)
		},
		"says nothing after the offer": func(s io.ReadWriter, w *tt.Wire) {
			_, _ = w.Next()
			_ = w.SendBytes(offered)
			rest(s)
		},
		"says a byte a second after the offer": func(s io.ReadWriter, w *tt.Wire) {
			_, _ = w.Next()
			_ = w.SendBytes(offered)
			drip(s, append(head, make([]byte, 1000)...), time.Second)
		},
		"stops within an object": func(s io.ReadWriter, w *tt.Wire) {
			_, _ = w.Next()
			_ = w.SendBytes(append(offered, head[:20]...))
			rest(s)
		},
		"sends frames that mean nothing": func(s io.ReadWriter, w *tt.Wire) {
			_, _ = w.Next()
			for w.SendBytes(unknown) == nil {
				time.Sleep(time.Second)
			}
		},
		"takes no wants": func(s io.ReadWriter, w *tt.Wire) {
			_, _ = w.Next()
			_ = w.SendBytes(append(offered, tt.EndFrame(2, 0, 1).Bytes()...))
			time.Sleep(time.Hour)
		},
		"answers no wants": func(s io.ReadWriter, w *tt.Wire) {
			_, _ = w.Next()
			_ = w.SendBytes(append(offered, tt.EndFrame(2, 0, 1).Bytes()...))
			_, _ = w.Next()
			rest(s)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dial := overMemory(t, func(_ context.Context, _ refs.PeerID, stream io.ReadWriteCloser) {
					defer stream.Close()
					tell(stream, tt.NewWire(stream))
				})
				v := newVictim(t, d.id)
				begun := time.Now()
				_, err := v.sync(dial(t, vic), nil)
				if !errors.Is(err, transport.ErrStalled) {
					t.Errorf("%v, want ErrStalled", err)
				}
				if took := time.Since(begun); took > patience {
					t.Errorf("given up after %v", took)
				}
				v.unharmed(name, d, err)
			})
		})
	}
}

// slowClients are clients that are slow on purpose.
func slowClients(d *dataset) map[string]func(stream io.ReadWriter, w *tt.Wire) {
	sync := tt.SyncFrame(d.id, tt.Query{}, "*")
	want := tt.WantFrame(tt.Query{Wants: []object.ID{d.head}})
	return map[string]func(stream io.ReadWriter, w *tt.Wire){
		"says nothing":         func(s io.ReadWriter, _ *tt.Wire) { rest(s) },
		"says a byte a second": func(s io.ReadWriter, _ *tt.Wire) { drip(s, sync.Bytes(), time.Second) },
		"says half of a request": func(s io.ReadWriter, w *tt.Wire) {
			_ = w.SendBytes(sync.Bytes()[:10])
			rest(s)
		},
		"sends frames that mean nothing": func(s io.ReadWriter, w *tt.Wire) {
			for w.Send(tt.Frame{Type: tt.FrameUnknown}) == nil {
				time.Sleep(time.Second)
			}
		},
		"takes nothing": func(_ io.ReadWriter, w *tt.Wire) {
			_ = w.Send(sync)
			time.Sleep(patience)
		},
		"takes a byte a second": func(s io.ReadWriter, w *tt.Wire) {
			_ = w.Send(sync)
			for _, err := s.Read(make([]byte, 1)); err == nil; _, err = s.Read(make([]byte, 1)) {
				time.Sleep(time.Second)
			}
		},
		"takes everything and asks no more": func(s io.ReadWriter, w *tt.Wire) {
			_ = w.Send(sync)
			_, _ = io.Copy(io.Discard, s)
		},
		"asks without taking": func(_ io.ReadWriter, w *tt.Wire) {
			_ = w.Send(sync)
			for w.Send(want) == nil {
			}
		},
		"announces a push": func(s io.ReadWriter, w *tt.Wire) {
			_ = w.Send(tt.PushFrame(d.id, 1, 1))
			rest(s)
		},
		"pushes a byte a second": func(s io.ReadWriter, w *tt.Wire) {
			_ = w.Send(tt.PushFrame(d.id, 1, 1))
			drip(s, d.says()[0].Bytes(), time.Second)
		},
		"offers and does not deliver": func(s io.ReadWriter, w *tt.Wire) {
			_ = w.Send(append([]tt.Frame{tt.PushFrame(d.id, 1, 1)}, d.says()...)...)
			_, _ = w.Next()
			rest(s)
		},
		"delivers a byte a second": func(s io.ReadWriter, w *tt.Wire) {
			_ = w.Send(append([]tt.Frame{tt.PushFrame(d.id, 1, 1)}, d.says()...)...)
			_, _ = w.Next()
			drip(s, given(signedCommit(d.t, d.head, 9))[0].Bytes(), time.Second)
		},
	}
}

// Clients that are slow on purpose are given up, in time. As many as fill the server, each with a
// key of its own, keep nobody out for longer than that, and nothing is left of them.
func TestSlowClients(t *testing.T) {
	d := small(t)
	p := newPushed(t, d)
	for name, act := range slowClients(d) {
		t.Run(name, func(t *testing.T) {
			local := p.fresh()
			memory := transport.NewMemory(32 << 20)
			var seen ledger
			s := transport.NewServer(func(context.Context, refs.PeerID, object.ID) (transport.Dataset, error) { return local, nil },
				&transport.ServerOptions{MaxRequests: 4, Memory: memory, Done: seen.add})
			dial := overMemory(t, honest(s))
			synctest.Test(t, func(t *testing.T) {
				for range 6 {
					stream := dial(t, ana)
					go act(stream, tt.NewWire(stream))
					synctest.Wait()
				}
				begun := time.Now()
				v := newVictim(t, d.id)
				_, err := v.sync(dial(t, vic), nil)
				for ; errors.Is(err, transport.ErrBusy); _, err = v.sync(dial(t, vic), nil) {
					time.Sleep(time.Second)
				}
				if took := time.Since(begun); err != nil || took > patience {
					t.Errorf("an honest client is served after %v: %v", took, err)
				}
				time.Sleep(2 * patience)
			})
			ended := 0
			for _, got := range seen.since(0) {
				if got.Peer != vic.PeerID() {
					ended++
				}
				if got.Err != nil && !classed(got.Err) {
					t.Errorf("the server notes %v", got.Err)
				}
			}
			if used, _ := memory.Used(); ended != 6 || used != 0 {
				t.Errorf("%d of 6 requests have ended, and %d bytes are in use", ended, used)
			}
			if served, waiting := s.Load(); served+waiting != 0 {
				t.Errorf("%d requests are served and %d wait", served, waiting)
			}
			if at := mainOf(t, local.Refs); at != p.first {
				t.Errorf("heads/main was moved to %s", at.Short())
			}
		})
	}
}

// duplex is a stream of which a side can end one direction alone.
type duplex struct {
	*io.PipeReader
	*io.PipeWriter
}

func newDuplex() (near, far duplex) {
	nearReader, farWriter := io.Pipe()
	farReader, nearWriter := io.Pipe()
	return duplex{nearReader, nearWriter}, duplex{farReader, farWriter}
}

// Close implements [io.Closer].
func (d duplex) Close() error { return errors.Join(d.PipeReader.Close(), d.PipeWriter.Close()) }

// CloseWithError ends the stream in both directions.
func (d duplex) CloseWithError(err error) error {
	return errors.Join(d.PipeReader.CloseWithError(err), d.PipeWriter.CloseWithError(err))
}

// A server that asks a client for what it pushes again and again, for what it does not have, or that
// sends and does not listen, is given up after some of it.
func TestServersThatAskForever(t *testing.T) {
	d := small(t)
	again := tt.WantFrame(tt.Query{Flags: tt.FlagExact, Wants: []object.ID{d.head}})
	all := tt.WantFrame(tt.Query{Wants: []object.ID{d.head}})
	none := tt.WantFrame(tt.Query{Wants: names(64)})
	asking := func(f tt.Frame) func(duplex, *tt.Wire) {
		return func(stream duplex, w *tt.Wire) {
			go func() { _, _ = io.Copy(io.Discard, stream) }()
			forever(w, f)
		}
	}
	for _, test := range []struct {
		name string
		act  func(stream duplex, w *tt.Wire)
		want error
	}{
		{"for one object", asking(again), transport.ErrProtocol},
		{"for everything", asking(all), transport.ErrProtocol},
		{"for what is not there", asking(none), transport.ErrProtocol},
		{"and does not listen", func(stream duplex, w *tt.Wire) {
			for range len(d.says()) + 1 {
				_, _ = w.Next()
			}
			stream.PipeReader.Close()
			forever(w, again)
		}, transport.ErrDisconnected},
		{"and listens to nothing", func(stream duplex, w *tt.Wire) {
			stream.PipeReader.Close()
			forever(w, tt.Frame{Type: tt.FrameStatement, Body: make([]byte, 100<<10)})
		}, transport.ErrDisconnected},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := newDuplex()
				go func() {
					test.act(far, tt.NewWire(far))
					far.Close()
				}()
				result, err := transport.Push(context.Background(), near, d.offered(), d.Store, nil)
				if !errors.Is(err, test.want) {
					t.Errorf("%v, want %v", err, test.want)
				}
				if most := int64(64 << 20); result.Stats.BytesIn+result.Stats.BytesOut > most {
					t.Errorf("%d bytes passed until then", result.Stats.BytesIn+result.Stats.BytesOut)
				}
			})
		})
	}
}

// cutting ends a stream in one of several ways after so many bytes have come.
type cutting struct {
	io.ReadWriteCloser
	left int
	how  func(io.ReadWriteCloser)
}

// Read implements [io.Reader].
func (c *cutting) Read(p []byte) (int, error) {
	if c.left == 0 {
		c.how(c.ReadWriteCloser)
		return 0, io.ErrUnexpectedEOF
	}
	n, err := c.ReadWriteCloser.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// A client that resets or ends its stream at any time leaves nothing behind, over whatever.
func TestResetsAtAnyTime(t *testing.T) {
	d := small(t)
	ended := make(chan error, 1000)
	memory := transport.NewMemory(64 << 20)
	s := server(&transport.ServerOptions{Memory: memory, Done: func(done transport.Served) { ended <- done.Err }}, d)
	ways := map[string]func(io.ReadWriteCloser){
		"reset": func(s io.ReadWriteCloser) {
			if a, ok := s.(interface{ Abort() }); ok {
				a.Abort()
			} else {
				s.Close()
			}
		},
		"end": func(s io.ReadWriteCloser) { s.Close() },
	}
	for name, carry := range carriers {
		for way, how := range ways {
			t.Run(name+"/"+way, func(t *testing.T) {
				dial := carry(t, honest(s))
				step := sizes(400, 150, 10)
				n := 0
				for at := 0; at < 1500; at += step {
					v := newVictim(t, d.id)
					_, err := v.sync(&cutting{dial(t, vic), at, how}, nil)
					v.unharmed(fmt.Sprintf("%s after %d bytes", way, at), d, err)
					if !errors.Is(err, transport.ErrDisconnected) {
						t.Errorf("after %d bytes: %v, want ErrDisconnected", at, err)
					}
					n++
				}
				for range n {
					if err := <-ended; err != nil && !classed(err) {
						t.Errorf("the server notes %v", err)
					}
				}
				until(t, func() bool { used, _ := memory.Used(); return used == 0 })
				v := newVictim(t, d.id)
				_, err := v.sync(dial(t, vic), nil)
				if err != nil {
					t.Error(err)
				}
				v.unharmed("an honest clone after that", d, err)
				<-ended
			})
		}
	}
}
