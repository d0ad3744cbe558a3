// Package mem is an [object.Store] in memory, for tests and for work that ends
// with the process.
package mem

import (
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"

	"github.com/constl/constl/object"
)

// Store holds objects in memory. The zero Store is empty and ready to use.
// It is safe for use by several goroutines at once.
type Store struct {
	mu      sync.RWMutex
	objects map[object.ID]object.Object
}

var _ object.Store = (*Store)(nil)

// New returns an empty store.
func New() *Store { return &Store{} }

// Get implements [object.Reader].
func (s *Store) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	o, ok := s.objects[id]
	if !ok {
		return nil, object.NotFound(id)
	}
	return o, nil
}

// Has implements [object.Reader].
func (s *Store) Has(ctx context.Context, id object.ID) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	_, ok := s.objects[id]
	return ok, nil
}

// Put implements [object.Writer]: it stores the object at once, outside any batch.
func (s *Store) Put(ctx context.Context, o object.Object, _ ...object.ID) (object.ID, error) {
	if err := ctx.Err(); err != nil {
		return object.ID{}, err
	}
	if err := o.Check(); err != nil {
		return object.ID{}, err
	}
	id := o.ID()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		s.objects = make(map[object.ID]object.Object)
	}
	if _, ok := s.objects[id]; !ok {
		s.objects[id] = o
	}
	return id, nil
}

// Len returns the number of objects held.
func (s *Store) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.objects)
}

// Begin implements [object.Store].
func (s *Store) Begin(ctx context.Context) (object.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return &batch{under: s}, nil
}

// Close implements [object.Store]. It keeps the objects.
func (s *Store) Close() error { return nil }

// errEnded is what a batch fails with after Commit or Discard.
var errEnded = errors.New("object/mem: the batch has ended")

type batch struct {
	own   Store
	under *Store
	ended atomic.Bool
}

func (b *batch) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if o, err := b.own.Get(ctx, id); err == nil {
		return o, nil
	}
	return b.under.Get(ctx, id)
}

func (b *batch) Has(ctx context.Context, id object.ID) (bool, error) {
	if ok, err := b.own.Has(ctx, id); ok || err != nil {
		return ok, err
	}
	return b.under.Has(ctx, id)
}

func (b *batch) Put(ctx context.Context, o object.Object, bases ...object.ID) (object.ID, error) {
	if b.ended.Load() {
		return object.ID{}, errEnded
	}
	return b.own.Put(ctx, o, bases...)
}

func (b *batch) Commit(ctx context.Context) error {
	if b.ended.Swap(true) {
		return errEnded
	}
	b.own.mu.Lock()
	defer b.own.mu.Unlock()
	if err := ctx.Err(); err != nil {
		b.own.objects = nil
		return err
	}
	b.under.mu.Lock()
	defer b.under.mu.Unlock()
	if b.under.objects == nil {
		b.under.objects = make(map[object.ID]object.Object, len(b.own.objects))
	}
	maps.Copy(b.under.objects, b.own.objects)
	b.own.objects = nil
	return nil
}

func (b *batch) Discard() error {
	b.ended.Store(true)
	b.own.mu.Lock()
	defer b.own.mu.Unlock()
	b.own.objects = nil
	return nil
}
