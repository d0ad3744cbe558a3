package transport

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// liar plays a server by a script. The script runs after the request came.
func liar(t *testing.T, script func(c *conn)) net.Conn {
	t.Helper()
	client, end := net.Pipe()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c := newConn(end)
		defer c.abandon()
		if _, _, err := c.next(); err == nil {
			script(c)
		}
	}()
	t.Cleanup(func() {
		client.Close()
		<-done
	})
	return client
}

// offer writes what the dataset truly says.
func (d *dataset) offer(c *conn) {
	req := d.pushed()
	for _, v := range req.Identities {
		c.writeFrame(frameIdentity, v.Encode())
	}
	for _, v := range req.Statements {
		c.writeFrame(frameStatement, v.Encode())
	}
	c.writeFrame(frameEnd, (&endMessage{}).encode())
	c.flush()
}

func writeObject(c *conn, id object.ID, e entry.Entry) {
	c.writeFrame(frameObject, id[:], e.Append(nil))
	c.flush()
}

func raw(o object.Object) entry.Entry {
	return entry.Entry{Encoding: entry.Raw, Length: len(o), Data: o}
}

func TestLyingServer(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 20)
	d.commit()
	head, err := d.Store.Get(t.Context(), d.head)
	if err != nil {
		t.Fatal(err)
	}
	other := newDataset(t, testKey(4), nil)
	other.fill(1, 1, 3)
	other.commit()
	end := func(c *conn, n uint64) {
		c.writeFrame(frameEnd, (&endMessage{objects: n}).encode())
		c.flush()
	}
	for _, test := range []struct {
		name   string
		script func(c *conn)
		want   error
	}{
		{"wrong bytes", func(c *conn) {
			d.offer(c)
			wrong := append(object.Object(nil), head...)
			wrong[len(wrong)-1] ^= 1
			writeObject(c, d.head, raw(wrong))
		}, ErrForged},
		{"an object that nobody asked for", func(c *conn) {
			d.offer(c)
			o := object.New(object.KindChunk, []byte("junk"))
			writeObject(c, o.ID(), raw(o))
		}, ErrForged},
		{"an object twice", func(c *conn) {
			d.offer(c)
			writeObject(c, d.head, raw(head))
			writeObject(c, d.head, raw(head))
		}, ErrForged},
		{"an object with broken links", func(c *conn) {
			o := object.New(object.KindTree, []byte{200, 1})
			lie := newDataset(t, testKey(1), nil)
			lie.id, lie.Refs = d.id, d.Refs
			d.offer(c)
			writeObject(c, d.head, raw(o))
		}, ErrForged},
		{"a length that is not so", func(c *conn) {
			d.offer(c)
			writeObject(c, d.head, entry.Entry{Encoding: entry.Zstd, Length: object.MaxPayload, Data: []byte{1, 0, 0}})
		}, ErrForged},
		{"a frame that is too large", func(c *conn) {
			c.w.Write([]byte{byte(frameStatement), 0xff, 0xff, 0xff, 0x7f})
			c.flush()
		}, ErrProtocol},
		{"garbage", func(c *conn) {
			c.w.WriteString("HTTP/1.1 400 Bad Request\r\n\r\n")
			c.flush()
		}, ErrProtocol},
		{"endless frames of unknown types", func(c *conn) {
			for c.writeFrame(frameIgnorable+1, make([]byte, maxControlFrame)) == nil {
			}
		}, ErrProtocol},
		{"endless statements", func(c *conn) {
			s := d.pushed().Statements[0].Encode()
			for c.writeFrame(frameStatement, s) == nil {
			}
		}, ErrProtocol},
		{"a wrong count", func(c *conn) {
			d.offer(c)
			writeObject(c, d.head, raw(head))
			end(c, 2)
		}, ErrProtocol},
		{"objects missing in the end", func(c *conn) {
			d.offer(c)
			writeObject(c, d.head, raw(head))
			end(c, 1)
			for {
				if t, _, err := c.next(); err != nil || t != frameWant {
					return
				}
				end(c, 0)
			}
		}, ErrIncomplete},
		{"the end too early", func(c *conn) {
			d.offer(c)
			writeObject(c, d.head, raw(head))
		}, ErrDisconnected},
		{"a cut within a frame", func(c *conn) {
			c.w.Write([]byte{byte(frameStatement), 40, 1, 2, 3})
			c.flush()
		}, ErrDisconnected},
		{"silence", func(c *conn) { c.next() }, ErrStalled},
		{"another dataset's identity", func(c *conn) { other.offer(c) }, refs.ErrWrongDataset},
		{"a forged signature", func(c *conn) {
			s := d.pushed().Statements[0].Encode()
			s[len(s)-1] ^= 1
			c.writeFrame(frameStatement, s)
			c.flush()
		}, refs.ErrUntrusted},
		{"an error with control characters", func(c *conn) {
			c.writeFrame(frameError, (&errorMessage{code: 99, text: "\x1b[2Jgone"}).encode())
			c.flush()
		}, ErrInternal},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newReplica(t, d.id, testKey(2))
			o := &SyncOptions{Stall: 2 * time.Second}
			if test.want == ErrStalled {
				o.Stall = 20 * time.Millisecond
			}
			_, err := Sync(context.Background(), liar(t, test.script), r.request(), r.sink(), o)
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if r.refs != nil {
				t.Error("refs were believed")
			}
			var remote *RemoteError
			if errors.As(err, &remote) && remote.Text != " [2Jgone" {
				t.Errorf("the peer's text is %q", remote.Text)
			}
		})
	}
}

// A delta whose base the receiver lacks is asked for again, whole.
func TestMissingBase(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(1, 1, 200)
	d.commit()
	s := d.groups[0][0]
	base := append(object.Object(nil), s...)
	base[20] ^= 1
	var codec entry.Codec
	delta := codec.EncodeDelta(s, base.ID(), base)
	if delta.Encoding != entry.Delta {
		t.Fatal("no delta was made")
	}
	all := reachable(t, d.Store, d.head)
	script := func(c *conn) {
		d.offer(c)
		queue, n, sent := []object.ID{d.head}, uint64(0), map[object.ID]bool{}
		for len(queue) > 0 {
			id := queue[0]
			queue = queue[1:]
			if sent[id] {
				continue
			}
			sent[id] = true
			if e := raw(all[id]); id != s.ID() {
				writeObject(c, id, e)
			} else {
				writeObject(c, id, delta)
			}
			n++
			links, _ := object.Links(all[id])
			queue = append(queue, links...)
		}
		c.writeFrame(frameEnd, (&endMessage{objects: n}).encode())
		c.flush()
		for {
			_, body, err := c.next()
			if err != nil {
				return
			}
			m, err := decodeWant(body)
			if err != nil {
				return
			}
			e := delta
			if m.flags&flagWhole != 0 {
				e = raw(s)
			}
			writeObject(c, s.ID(), e)
			c.writeFrame(frameEnd, (&endMessage{objects: 1}).encode())
			c.flush()
		}
	}
	r := newReplica(t, d.id, testKey(2))
	r.mustSync(liar(t, script))
	wantComplete(t, r.store, d.head)
}

// flipped is a stream on which one byte that arrives is wrong.
type flipped struct {
	net.Conn
	at int
}

func (f *flipped) Read(p []byte) (int, error) {
	n, err := f.Conn.Read(p)
	if f.at >= 0 && f.at < n {
		p[f.at] ^= 0x41
	}
	f.at -= n
	return n, err
}

func TestOneWrongByteAnywhere(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 20)
	d.commit()
	s := server(nil, d)
	whole := newReplica(t, d.id, testKey(2)).mustSync(dial(t, s, testKey(2))).Stats.BytesIn
	all := reachable(t, d.Store, d.head)
	for at := 0; at < int(whole)-5; at += 23 {
		r := newReplica(t, d.id, testKey(2))
		stream := dial(t, s, r.key).(*testStream)
		stream.Conn = &flipped{Conn: stream.Conn, at: at}
		_, err := Sync(context.Background(), stream, r.request(), r.sink(), &SyncOptions{Stall: 50 * time.Millisecond})
		if err == nil {
			t.Errorf("byte %d: nothing was noticed", at)
		}
		if r.refs != nil {
			t.Errorf("byte %d: refs were believed", at)
		}
		for id, o := range all {
			if got, err := r.store.Get(context.Background(), id); err == nil && string(got) != string(o) {
				t.Errorf("byte %d: a wrong object was stored", at)
			}
		}
		if n := r.store.(interface{ Len() int }).Len(); n > len(all) {
			t.Errorf("byte %d: %d objects were stored, there are %d", at, n, len(all))
		}
	}
}

func TestBadRequests(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	s := server(nil, d)
	future := syncMessage{version: 2, dataset: d.id}
	feature := syncMessage{version: Version, dataset: d.id, flags: 1 << 40}
	even := syncMessage{version: Version, dataset: d.id, extensions: []extension{{tag: 2}}}
	odd := syncMessage{version: Version, dataset: d.id, flags: flagNoObjects, extensions: []extension{{tag: 3, data: []byte("x")}}}
	for _, test := range []struct {
		name string
		t    frameType
		body []byte
		want error
	}{
		{"no request", frameWant, (&wantMessage{}).encode(), ErrBadRequest},
		{"junk", frameSync, []byte{1, 2, 3}, ErrBadRequest},
		{"a push of junk", framePush, []byte{1, 2, 3}, ErrBadRequest},
		{"a newer version", frameSync, future.encode(), ErrUnsupported},
		{"an unknown flag", frameSync, feature.encode(), ErrUnsupported},
		{"an extension that must be known", frameSync, even.encode(), ErrUnsupported},
		{"an extension that need not", frameSync, odd.encode(), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newConn(dial(t, s, testKey(2)))
			defer c.abandon()
			if err := c.writeFrame(test.t, test.body); err != nil {
				t.Fatal(err)
			}
			if err := c.flush(); err != nil {
				t.Fatal(err)
			}
			for {
				ft, body, err := c.next()
				if err != nil {
					t.Fatal(err)
				}
				if ft == frameEnd && test.want == nil {
					return
				}
				if ft == frameError {
					if got := unexpected(ft, body); !errors.Is(got, test.want) {
						t.Errorf("%v, want %v", got, test.want)
					}
					return
				}
			}
		})
	}
}
