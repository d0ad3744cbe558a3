package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	tt "github.com/constl/constl/transport/transporttest"
)

// lie is a script of a server, and what must come of it.
type lie struct {
	name string
	// tell answers a clone. What the dataset truly says, with its end, comes first unless the
	// lie is rude.
	tell func(w *tt.Wire)
	rude bool
	want error
}

func given(objects ...object.Object) []tt.Frame {
	var frames []tt.Frame
	for _, o := range objects {
		frames = append(frames, tt.ObjectFrame(o.ID(), tt.Raw(o)))
	}
	return frames
}

// forever sends the frame until nobody listens any more.
func forever(w *tt.Wire, f tt.Frame) {
	one := f.Bytes()
	many := bytes.Repeat(one, 1+(32<<10)/len(one))
	for w.SendBytes(many) == nil {
	}
}

// nothing answers every want with an empty run.
func nothing(w *tt.Wire) {
	for {
		if _, err := w.Next(); err != nil {
			return
		}
		_ = w.Send(tt.EndFrame(2, 0, 1))
	}
}

// liesOfServers tell of the dataset, whose second commit has a tree.
func liesOfServers(t testing.TB, d *dataset) []lie {
	all := d.reached(d.head)
	head := all[d.head]
	commit, err := object.DecodeCommit(head)
	if err != nil {
		t.Fatal(err)
	}
	tree := all[commit.Tree]
	statement := d.says()[1]
	identity := d.says()[0]
	send := func(frames ...tt.Frame) func(w *tt.Wire) {
		return func(w *tt.Wire) {
			_ = w.Send(frames...) // the victim may hang up before all is said
			_, _ = w.Next()
		}
	}
	list := []lie{
		{"an object that nobody asked for", send(given(chunk("junk"))...), false, transport.ErrForged},
		{"an object that nothing has led to yet", send(given(tree)...), false, transport.ErrForged},
		{"an object twice", send(given(head, head)...), false, transport.ErrForged},
		{"an object of a run before", func(w *tt.Wire) {
			_ = w.Send(append(given(head, tree), tt.EndFrame(0, 2, 0))...)
			_, _ = w.Next()
			_ = w.Send(given(head)...)
			_, _ = w.Next()
		}, false, transport.ErrForged},
		{"another object under the id of a tree", send(append(given(head), tt.ObjectFrame(commit.Tree, tt.Raw(chunk("tree"))))...), false, transport.ErrForged},
		{"a tree that links to itself, under its id", send(append(given(head), tt.ObjectFrame(commit.Tree, tt.Raw(linked(object.KindTree, "t", commit.Tree))))...), false, transport.ErrForged},
		{"a commit that is its own parent, under its id", send(tt.ObjectFrame(d.head, tt.Raw(signedCommit(t, commit.Tree, 2, d.head)))), false, transport.ErrForged},
		{"an object without a kind", send(tt.ObjectFrame(d.head, tt.Raw(object.Object{0}))), false, transport.ErrForged},
		{"an end that counts more", send(append(given(head), tt.EndFrame(0, 2, 0))...), false, transport.ErrProtocol},
		{"an end that counts less", send(append(given(head, tree), tt.EndFrame(0, 1, 0))...), false, transport.ErrProtocol},
		{"an end of an unknown status", send(tt.EndFrame(9, 0, 0)), false, transport.ErrProtocol},
		{"an end of an offer that counts objects", send(identity, statement, tt.EndFrame(0, 1, 0)), true, transport.ErrProtocol},
		{"an end of an offer with a status", send(identity, statement, tt.EndFrame(1, 0, 0)), true, transport.ErrProtocol},
		{"an object in the offer", send(append([]tt.Frame{identity, statement}, given(head)...)...), true, transport.ErrProtocol},
		{"a dataset that never comes", func(w *tt.Wire) {
			_ = w.Send(tt.EndFrame(2, 0, 1))
			nothing(w)
		}, false, transport.ErrIncomplete},
		{"a commit whose tree never comes", func(w *tt.Wire) {
			_ = w.Send(append(given(head), tt.EndFrame(0, 1, 0))...)
			nothing(w)
		}, false, transport.ErrIncomplete},
		{"no refs and no objects", func(w *tt.Wire) {
			_ = w.Send(tt.EndFrame(0, 0, 0), tt.EndFrame(0, 0, 0))
			nothing(w)
		}, true, refs.ErrUntrusted},
		{"nothing at all", func(*tt.Wire) {}, true, transport.ErrDisconnected},
		{"endless identities", func(w *tt.Wire) { forever(w, identity) }, true, transport.ErrProtocol},
		{"endless statements", func(w *tt.Wire) { forever(w, statement) }, true, transport.ErrProtocol},
		{"endless drafts", func(w *tt.Wire) { forever(w, tt.Frame{Type: tt.FrameDraft, Body: identity.Body}) }, true, transport.ErrProtocol},
		{"endless frames of unknown types", func(w *tt.Wire) { forever(w, tt.Frame{Type: tt.FrameUnknown, Body: make([]byte, 90<<10)}) }, true, transport.ErrProtocol},
		{"endless empty frames of unknown types", func(w *tt.Wire) { forever(w, tt.Frame{Type: tt.FrameUnknown}) }, true, transport.ErrProtocol},
		{"enough of what the victim never sends", send(tt.EnoughFrame(1)), true, transport.ErrProtocol},
		{"bytes that are no frames", func(w *tt.Wire) {
			_ = w.SendBytes([]byte("HTTP/1.1 400 Bad Request\r\n\r\n"))
			_, _ = w.Next()
		}, true, transport.ErrProtocol},
	}
	for _, f := range []tt.Frame{
		tt.SyncFrame(d.id, tt.Query{}), tt.PushFrame(d.id, 1, 1), tt.WantFrame(tt.Query{Wants: []object.ID{d.head}}),
		{Type: tt.FrameResult, Body: []byte{0, 0}}, {Type: tt.FrameNonce, Body: make([]byte, 32)}, {Type: tt.FrameBundle}, {Type: tt.FramePaired},
	} {
		list = append(list,
			lie{fmt.Sprintf("a frame of type %#x in the offer", f.Type), send(f), true, transport.ErrProtocol},
			lie{fmt.Sprintf("a frame of type %#x among objects", f.Type), send(append(given(head), f)...), false, transport.ErrProtocol})
	}
	for code, class := range map[uint64]error{
		1: transport.ErrNotFound, 2: transport.ErrNotAllowed, 3: transport.ErrTooLarge, 4: transport.ErrBusy, 5: transport.ErrBadRequest,
		6: transport.ErrInternal, 7: transport.ErrUnsupported, 8: transport.ErrRefused, 9: transport.ErrIncomplete, 10: transport.ErrStale,
		0: transport.ErrInternal, 1 << 60: transport.ErrInternal,
	} {
		list = append(list, lie{fmt.Sprintf("the error %d at once", code), send(tt.ErrorFrame(code, "\x1b[2Jgone")), true, class},
			lie{fmt.Sprintf("the error %d among objects", code), send(append(given(head), tt.ErrorFrame(code, "\x1b[2Jgone"))...), false, class})
	}
	return append(list, liesOfDeltas(all, head, tree)...)
}

// liesOfDeltas give deltas on what is not there, and on each other. A want of whole objects is
// answered with deltas once more.
func liesOfDeltas(all map[object.ID]object.Object, head, tree object.Object) []lie {
	var codec entry.Codec
	ids := slices.SortedFunc(func(yield func(object.ID) bool) {
		for id := range all {
			if !yield(id) {
				return
			}
		}
	}, object.ID.Compare)
	// on returns the object as a delta on a base that the victim cannot have.
	on := func(o object.Object, base object.ID) tt.Frame {
		like := slices.Clone(o)
		like[len(like)-1] ^= 1
		e := codec.EncodeDelta(o, base, like)
		e.Encoding, e.Base = entry.Delta, base
		return tt.ObjectFrame(o.ID(), e)
	}
	again := func(deltas ...tt.Frame) func(w *tt.Wire) {
		return func(w *tt.Wire) {
			frames := append(given(head, tree), deltas...)
			_ = w.Send(append(frames, tt.EndFrame(0, len(frames), 0))...)
			for {
				f, err := w.Next()
				if err != nil {
					return
				}
				var answer []tt.Frame
				for _, id := range tt.ParseWant(f).Wants {
					if o := all[id]; o != nil {
						answer = append(answer, on(o, object.Sum([]byte("no base"))))
					}
				}
				_ = w.Send(append(answer, tt.EndFrame(0, len(answer), 0))...)
			}
		}
	}
	links, _ := object.Links(tree)
	a, b := all[links[0]], all[links[1]]
	other := chunk("a base of another kind, which is of about the same length as the tree is")
	wrongKind := codec.EncodeDelta(tree, head.ID(), append(slices.Clone(other[:1]), tree[1:]...))
	wrongKind.Encoding, wrongKind.Base = entry.Delta, head.ID()
	return []lie{
		{"a delta on a base that does not exist", again(on(a, object.Sum([]byte("no base")))), false, transport.ErrProtocol},
		{"a delta on itself", again(on(a, a.ID())), false, transport.ErrProtocol},
		{"two deltas on each other", again(on(a, b.ID()), on(b, a.ID())), false, transport.ErrProtocol},
		{"deltas alone", func(w *tt.Wire) {
			_ = w.Send(on(head, ids[0]), tt.EndFrame(0, 1, 0))
			for {
				if _, err := w.Next(); err != nil {
					return
				}
				_ = w.Send(on(head, ids[1]), tt.EndFrame(0, 1, 0))
			}
		}, false, transport.ErrProtocol},
		{"a delta on an object of another kind", func(w *tt.Wire) {
			_ = w.Send(append(given(head), tt.ObjectFrame(tree.ID(), wrongKind))...)
			_, _ = w.Next()
		}, false, transport.ErrForged},
	}
}

// Whatever a server tells, over whatever, a clone ends by itself, says what was wrong, and keeps
// and believes nothing that is not so; and one of an honest server succeeds after it.
func TestLyingServers(t *testing.T) {
	d := small(t)
	lies := liesOfServers(t, d)
	for name, carry := range carriers {
		t.Run(name, func(t *testing.T) {
			var current atomic.Pointer[lie]
			dial := carry(t, liar(func(w *tt.Wire) {
				now := current.Load()
				if !now.rude {
					_ = w.Send(append(d.says(), tt.EndFrame(0, 0, 0))...)
				}
				now.tell(w)
			}))
			good := carry(t, honest(server(nil, d)))
			for i, now := range lies {
				if testing.Short() && name != "memory" && i%4 != 0 {
					continue
				}
				current.Store(&now)
				t.Run(now.name, func(t *testing.T) {
					v := newVictim(t, d.id)
					_, err := v.sync(dial(t, vic), &transport.SyncOptions{Stall: 5 * time.Second})
					if !errors.Is(err, now.want) {
						t.Errorf("%v, want %v", err, now.want)
					}
					if err != nil && classed(err) {
						v.unharmed(now.name, d, err)
					}
					var remote *transport.RemoteError
					if errors.As(err, &remote) && remote.Text != " [2Jgone" {
						t.Errorf("the peer's text is shown as %q", remote.Text)
					}
					if name != "memory" && i > 0 {
						return // as in memory
					}
					req := v.request()
					req.Resume = len(v.store.kept) > 0
					_, err = transport.Sync(context.Background(), good(t, vic), req, v.sink(), nil)
					v.unharmed("then from an honest server", d, err)
					if err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
}

// lieOfClient is what a client says in place of a request, and the class of what it is told.
type lieOfClient struct {
	name string
	tell func(w *tt.Wire)
	want error
}

func liesOfClients(d *dataset) []lieOfClient {
	say := func(frames ...tt.Frame) func(w *tt.Wire) {
		return func(w *tt.Wire) { _ = w.Send(frames...) } // the server may hang up before
	}
	sync := tt.SyncFrame(d.id, tt.Query{}, "*")
	want := tt.WantFrame(tt.Query{Flags: tt.FlagExact, Wants: []object.ID{d.head}})
	says := d.says()
	push := append([]tt.Frame{tt.PushFrame(d.id, 1, 1)}, says...)
	list := []lieOfClient{
		{"a push that brings an identity too few", say(tt.PushFrame(d.id, 2, 1), says[0], says[1]), transport.ErrBadRequest},
		{"a push that announces a million statements", say(tt.PushFrame(d.id, 1, 1<<20)), transport.ErrBadRequest},
		{"a push of endless drafts", func(w *tt.Wire) {
			_ = w.Send(tt.PushFrame(d.id, 1, 1))
			forever(w, tt.Frame{Type: tt.FrameDraft, Body: says[0].Body})
		}, transport.ErrBadRequest},
		{"a push with objects before they are wanted", say(append(push[:2:2], given(chunk("early"))...)...), transport.ErrBadRequest},
		{"a sync with an object", say(append([]tt.Frame{sync}, given(chunk("junk"))...)...), transport.ErrBadRequest},
		{"two requests", say(sync, sync), transport.ErrBadRequest},
		{"enough of a run that was not begun", say(sync, tt.EnoughFrame(7)), transport.ErrBadRequest},
		{"enough of nothing", say(sync, tt.EnoughFrame(0)), transport.ErrBadRequest},
		{"enough before the request", say(tt.EnoughFrame(1)), transport.ErrBadRequest},
		{"endless frames of unknown types", func(w *tt.Wire) { forever(w, tt.Frame{Type: tt.FrameUnknown, Body: make([]byte, 90<<10)}) }, transport.ErrBadRequest},
		{"a want of too many", say(sync, tt.WantFrame(tt.Query{Wants: make([]object.ID, 4097)})), transport.ErrBadRequest},
		{"a want with an unknown flag", say(sync, tt.WantFrame(tt.Query{Flags: 1 << 20})), transport.ErrUnsupported},
		{"a sync with an unknown flag", say(tt.SyncFrame(d.id, tt.Query{Flags: 1 << 63})), transport.ErrUnsupported},
		{"a pattern that is none", say(tt.SyncFrame(d.id, tt.Query{}, "../*")), transport.ErrBadRequest},
		{"the error 4", say(tt.ErrorFrame(4, "busy yourself")), transport.ErrBadRequest},
		{"bytes that are no frames", func(w *tt.Wire) { _ = w.SendBytes([]byte("GET / HTTP/1.1\r\n\r\n")) }, transport.ErrBadRequest},
	}
	for _, f := range []tt.Frame{
		want, says[0], says[1], tt.EndFrame(0, 0, 0), {Type: tt.FrameResult}, {Type: tt.FrameNonce, Body: make([]byte, 32)},
		{Type: tt.FrameBundle}, {Type: tt.FramePair}, {Type: tt.FramePaired}, {Type: tt.FrameProof},
	} {
		list = append(list, lieOfClient{fmt.Sprintf("a frame of type %#x in place of a request", f.Type), say(f), transport.ErrBadRequest})
		if f.Type != tt.FrameWant {
			list = append(list, lieOfClient{fmt.Sprintf("a frame of type %#x in place of a want", f.Type), say(sync, f), transport.ErrBadRequest})
		}
	}
	return list
}

// Whatever a client says, over whatever, the server ends the request and says why, and serves
// others.
func TestLyingClients(t *testing.T) {
	d := small(t)
	ended := make(chan error, 100)
	s := server(&transport.ServerOptions{Done: func(done transport.Served) { ended <- done.Err }}, d)
	for name, carry := range carriers {
		t.Run(name, func(t *testing.T) {
			dial := carry(t, honest(s))
			for i, lie := range liesOfClients(d) {
				if testing.Short() && name != "memory" && i%4 != 0 {
					continue
				}
				t.Run(lie.name, func(t *testing.T) {
					stream := dial(t, ana)
					told := make(chan error, 1)
					w := tt.NewWire(stream)
					go func() { told <- toldBy(w) }()
					lie.tell(w)
					if err := <-told; !errors.Is(err, lie.want) {
						t.Errorf("the client is told %v, want %v", err, lie.want)
					}
					stream.Close()
					if err := <-ended; err == nil || !classed(err) {
						t.Errorf("the server notes %v", err)
					}
				})
			}
			v := newVictim(t, d.id)
			_, err := v.sync(dial(t, vic), nil)
			if err != nil {
				t.Error(err)
			}
			v.unharmed("an honest clone after all that", d, err)
			<-ended
		})
	}
}

// A client that says again and again that it has enough of a run keeps no request open.
func TestEndlessEnough(t *testing.T) {
	d := small(t)
	stream := overMemory(t, honest(server(nil, d)))(t, ana)
	w := tt.NewWire(stream)
	if err := w.Send(tt.SyncFrame(d.id, tt.Query{}, "*")); err != nil {
		t.Fatal(err)
	}
	for ends := 0; ends < 2; { // of the offer and of the run
		f, err := w.Next()
		if err != nil {
			t.Fatal(err)
		}
		if f.Type == tt.FrameEnd {
			ends++
		}
	}
	told := make(chan error, 1)
	go func() { told <- toldBy(w) }()
	sent := 0
	for ; sent < 1000 && w.Send(tt.EnoughFrame(1)) == nil; sent++ {
	}
	stream.Close()
	if err := <-told; !errors.Is(err, transport.ErrBadRequest) {
		t.Errorf("after %d times the client is told %v, want ErrBadRequest", sent, err)
	}
}

// toldBy reads until the server says an error or ends the stream.
func toldBy(w *tt.Wire) error {
	for {
		f, err := w.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if code := tt.ErrorCode(f); code != 0 {
			return &transport.RemoteError{Code: transport.Code(code)}
		}
	}
}
