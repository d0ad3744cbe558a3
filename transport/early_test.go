package transport

import (
	"context"
	"io"
	"net"
	"testing"
	"testing/synctest"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// earlyStream is a stream whose peer has not proved itself until shown is closed.
type earlyStream struct {
	io.ReadWriteCloser
	asked chan struct{}
	shown chan struct{}
}

// Proved waits until shown is closed.
func (s *earlyStream) Proved(ctx context.Context) error {
	close(s.asked)
	select {
	case <-s.shown:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// What came with the handshake is answered at once if it only asks for what anybody
// may have; whoever asks for more, or wants something changed, must prove to be there.
func TestEarlyRequests(t *testing.T) {
	public := newDataset(t, testKey(1), nil)
	private := newDataset(t, testKey(1), func(id *refs.Identity) { id.Audience, id.Proposers = refs.PeopleOnly, refs.ProposePeople })
	for _, d := range []*dataset{public, private} {
		d.fill(2, 2, 20)
		d.commit()
	}
	sync := func(d *dataset) func(io.ReadWriteCloser) error {
		return func(stream io.ReadWriteCloser) error {
			r := newReplica(t, d.id, testKey(1))
			_, err := r.sync(stream)
			return err
		}
	}
	push := func(stream io.ReadWriteCloser) error {
		_, err := Push(context.Background(), stream, public.pushed(), public.Store, nil)
		return err
	}
	watch := func(stream io.ReadWriteCloser) error {
		r := newReplica(t, public.id, testKey(1))
		w, err := Watch(context.Background(), stream, r.request(), nil)
		if err != nil {
			return err
		}
		defer w.Close()
		_, err = w.Next(context.Background(), r.sink())
		return err
	}
	for _, test := range []struct {
		name  string
		do    func(io.ReadWriteCloser) error
		waits bool
	}{
		{"sync of a public dataset", sync(public), false},
		{"sync of a private dataset", sync(private), true},
		{"push", push, true},
		{"watch", watch, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				near, far := net.Pipe()
				stream := &earlyStream{far, make(chan struct{}), make(chan struct{})}
				served := make(chan error, 1)
				go func() {
					served <- server(nil, public, private).Serve(context.Background(), testKey(1).PeerID(), stream)
				}()
				done := make(chan error, 1)
				go func() { done <- test.do(near) }()
				synctest.Wait()
				select {
				case <-stream.asked:
					if !test.waits {
						t.Error("the server waited for the handshake")
					}
				default:
					if test.waits {
						t.Error("the server did not ask for the handshake")
					}
				}
				select {
				case err := <-done:
					if test.waits {
						t.Errorf("answered before the handshake was complete: %v", err)
					} else if err != nil {
						t.Error(err)
					}
				default:
					if !test.waits {
						t.Error("no answer")
					}
					close(stream.shown)
					if err := <-done; err != nil {
						t.Error(err)
					}
				}
				<-served
			})
		})
	}
}

// What a connection sends early is what Sync then writes.
func TestOpening(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 20)
	d.commit()
	r := newReplica(t, d.id, testKey(2))
	r.mustSync(dial(t, server(nil, d), r.key))
	req := r.request()
	near, far := net.Pipe()
	go func() { _, _ = Sync(context.Background(), near, req, r.sink(), nil) }()
	want := req.Opening()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(far, got); err != nil {
		t.Fatal(err)
	}
	far.Close()
	if len(want) < 100 || string(got) != string(want) {
		t.Errorf("%d bytes would have been sent early, and others were written", len(want))
	}
	req.Wants = make([]object.ID, 1000)
	if req.Opening() != nil {
		t.Error("a large request would be sent early")
	}
}
