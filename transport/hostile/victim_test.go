package hostile

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// witness is a store that remembers what was put into it and became durable.
type witness struct {
	object.Store
	forgetful bool // it counts alone

	mu    sync.Mutex
	kept  map[object.ID]object.Object
	count int
}

func newWitness(under object.Store) *witness {
	return &witness{Store: under, kept: make(map[object.ID]object.Object)}
}

// Begin implements [object.Store].
func (w *witness) Begin(ctx context.Context) (object.Batch, error) {
	b, err := w.Store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &witnessed{Batch: b, w: w, put: make(map[object.ID]object.Object)}, nil
}

// witnessed is a batch of a witness.
type witnessed struct {
	object.Batch
	w *witness

	mu    sync.Mutex
	put   map[object.ID]object.Object
	count int
}

func (b *witnessed) note(id object.ID, o object.Object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count++
	if !b.w.forgetful {
		b.put[id] = o
	}
}

// Put implements [object.Writer].
func (b *witnessed) Put(ctx context.Context, o object.Object, bases ...object.ID) (object.ID, error) {
	id, err := b.Batch.Put(ctx, o, bases...)
	if err == nil {
		b.note(id, o)
	}
	return id, err
}

// PutEntry implements [entry.Putter].
func (b *witnessed) PutEntry(ctx context.Context, id object.ID, o object.Object, e entry.Entry) error {
	p, ok := b.Batch.(entry.Putter)
	if !ok {
		_, err := b.Put(ctx, o, e.Base)
		return err
	}
	err := p.PutEntry(ctx, id, o, e)
	if err == nil {
		b.note(id, o)
	}
	return err
}

// Commit implements [object.Batch].
func (b *witnessed) Commit(ctx context.Context) error {
	err := b.Batch.Commit(ctx)
	if err != nil {
		return err
	}
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	for id, o := range b.put {
		b.w.kept[id] = o
	}
	b.w.count += b.count
	return nil
}

// victim is whoever asks a hostile peer for a dataset.
type victim struct {
	t     testing.TB
	id    object.ID
	store *witness
	refs  *refs.Store // nil until it has cloned
	state *refs.Checkpoint
}

func newVictim(t testing.TB, id object.ID) *victim {
	return &victim{t: t, id: id, store: newWitness(memory())}
}

func (v *victim) sink() *transport.LocalSink {
	return &transport.LocalSink{
		Objects: v.store, Refs: v.refs, State: v.state,
		Create: func(_ context.Context, chain *refs.Chain) (*refs.Store, error) {
			s, err := newRefs(v.t, chain, vic)
			v.refs = s
			return s, err
		},
	}
}

// request asks for what the victim lacks.
func (v *victim) request() *transport.SyncRequest {
	v.t.Helper()
	req := &transport.SyncRequest{Dataset: v.id}
	if v.refs == nil {
		return req
	}
	local := &transport.Local{Store: v.store, Refs: v.refs}
	identities, err := local.Identities(context.Background())
	if err != nil {
		v.t.Fatal(err)
	}
	req.IdentityVersion = len(identities)
	if req.Logs, err = local.KnownLogs(context.Background()); err != nil {
		v.t.Fatal(err)
	}
	if req.Haves, err = local.Haves(context.Background()); err != nil {
		v.t.Fatal(err)
	}
	return req
}

func (v *victim) sync(stream io.ReadWriteCloser, o *transport.SyncOptions) (*transport.SyncResult, error) {
	return transport.Sync(context.Background(), stream, v.request(), v.sink(), o)
}

// unharmed asserts that everything that is stored is what its id says, and is of the dataset; and
// that nothing is believed, unless the exchange succeeded, which is then the whole of it.
func (v *victim) unharmed(what string, d *dataset, err error) {
	v.t.Helper()
	honest := d.reached(d.head)
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	for id, o := range v.store.kept {
		if o.ID() != id {
			v.t.Errorf("%s: what is stored as %s is not that", what, id.Short())
		}
		if honest[id] == nil {
			v.t.Errorf("%s: %s is stored, and is not of the dataset", what, id.Short())
		}
	}
	if err != nil {
		if v.refs != nil {
			v.t.Errorf("%s: refs were believed", what)
		}
		if !classed(err) {
			v.t.Errorf("%s: an error of no class: %v", what, err)
		}
		return
	}
	if len(v.store.kept) != len(honest) {
		v.t.Errorf("%s: taken for complete with %d of %d objects", what, len(v.store.kept), len(honest))
	}
	if at := v.main(); at != d.head {
		v.t.Errorf("%s: heads/main is believed to be at %s, it is at %s", what, at.Short(), d.head.Short())
	}
}

// main returns where the victim believes Ana's heads/main to be.
func (v *victim) main() object.ID { return mainOf(v.t, v.refs) }

func mainOf(t testing.TB, s *refs.Store) object.ID {
	t.Helper()
	view, err := s.View(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range view.Logs() {
		if log.ID.Signer == ana.PeerID() && log.Head != nil {
			return log.Head.Statement().Refs["heads/main"]
		}
	}
	return object.ID{}
}

// classes are what callers tell failures of a peer by.
var classes = []error{
	transport.ErrForged, transport.ErrProtocol, transport.ErrDisconnected, transport.ErrIncomplete, transport.ErrStalled,
	transport.ErrBundle, transport.ErrTooLarge, transport.ErrBusy, transport.ErrBadRequest, transport.ErrUnsupported,
	transport.ErrRefused, transport.ErrNotAllowed, transport.ErrStale, transport.ErrInternal, transport.ErrNotFound,
	object.ErrCorrupt, refs.ErrUntrusted, refs.ErrUnknownIdentity,
}

func classed(err error) bool {
	for _, class := range classes {
		if errors.Is(err, class) {
			return true
		}
	}
	return false
}

// until polls for a condition.
func until(t testing.TB, met func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !met(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("what was waited for has not come")
		}
	}
}
