package serving

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/transport"
)

// lease is a dataset in the hands of one request. Its objects stay open until it rests or
// is closed; after a rest they are opened again when they are needed.
type lease struct {
	*transport.Local
	store *lentStore
}

func newLease(s *Shelf, h *handle) *lease {
	local := *h.local
	store := &lentStore{shelf: s, folder: h.folder}
	store.handle.Store(h)
	local.Store, local.Gone = store, h.folder.gone
	return &lease{&local, store}
}

// Close gives the dataset back.
func (l *lease) Close() error {
	l.store.rest(true)
	return nil
}

// Rest lets the objects be closed until one is asked for. It is called while no request
// for one is under way.
func (l *lease) Rest() { l.store.rest(false) }

// lentStore is the store of a lease.
type lentStore struct {
	shelf  *Shelf
	folder *folder
	handle atomic.Pointer[handle] // nil at rest
	mu     sync.Mutex             // held while that changes
	over   bool
}

// openStore is what a handle has of objects.
type openStore interface {
	object.Store
	entry.Getter
}

var _ openStore = (*lentStore)(nil)

func (l *lentStore) open(ctx context.Context) (openStore, error) {
	h := l.handle.Load()
	if h == nil {
		var err error
		if h, err = l.wake(ctx); err != nil {
			return nil, err
		}
	}
	return h.objects, nil
}

// wake opens the objects again after a rest.
func (l *lentStore) wake(ctx context.Context) (*handle, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if h := l.handle.Load(); h != nil {
		return h, nil
	}
	if l.over {
		return nil, context.Canceled
	}
	h, err := l.shelf.acquire(ctx, l.folder)
	if err == nil {
		l.handle.Store(h)
	}
	return h, err
}

func (l *lentStore) rest(over bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = l.over || over
	if h := l.handle.Swap(nil); h != nil {
		l.shelf.release(h)
	}
}

// Get implements [object.Reader].
func (l *lentStore) Get(ctx context.Context, id object.ID) (object.Object, error) {
	s, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, id)
}

// Has implements [object.Reader].
func (l *lentStore) Has(ctx context.Context, id object.ID) (bool, error) {
	s, err := l.open(ctx)
	if err != nil {
		return false, err
	}
	return s.Has(ctx, id)
}

// GetEntry implements [entry.Getter].
func (l *lentStore) GetEntry(ctx context.Context, id object.ID) (entry.Entry, error) {
	s, err := l.open(ctx)
	if err != nil {
		return entry.Entry{}, err
	}
	return s.GetEntry(ctx, id)
}

// Begin implements [object.Store].
func (l *lentStore) Begin(ctx context.Context) (object.Batch, error) {
	s, err := l.open(ctx)
	if err != nil {
		return nil, err
	}
	return s.Begin(ctx)
}

// Close implements [object.Store]. The shelf closes what is open.
func (l *lentStore) Close() error { return nil }
