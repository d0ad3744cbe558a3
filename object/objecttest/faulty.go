package objecttest

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/constl/constl/object"
)

// ErrInjected is what a [Faulty] store fails with.
var ErrInjected = errors.New("objecttest: injected failure")

// Faulty is a store of which one call fails. Calls are Get, Has, Begin, Put and
// Commit, on the store and its batches, counted together from 1.
type Faulty struct {
	object.Store
	failAt int64
	calls  atomic.Int64
}

// NewFaulty returns a store over s of which the nth call, and no other, fails
// with [ErrInjected], without reaching s. With n = 0 none does, which serves to
// count them.
func NewFaulty(s object.Store, n int) *Faulty { return &Faulty{Store: s, failAt: int64(n)} }

// Calls returns the number of calls so far.
func (f *Faulty) Calls() int { return int(f.calls.Load()) }

func (f *Faulty) call() error {
	if f.calls.Add(1) == f.failAt {
		return ErrInjected
	}
	return nil
}

// Get implements [object.Reader].
func (f *Faulty) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if err := f.call(); err != nil {
		return nil, err
	}
	return f.Store.Get(ctx, id)
}

// Has implements [object.Reader].
func (f *Faulty) Has(ctx context.Context, id object.ID) (bool, error) {
	if err := f.call(); err != nil {
		return false, err
	}
	return f.Store.Has(ctx, id)
}

// Begin implements [object.Store].
func (f *Faulty) Begin(ctx context.Context) (object.Batch, error) {
	if err := f.call(); err != nil {
		return nil, err
	}
	b, err := f.Store.Begin(ctx)
	if err != nil {
		return nil, err
	}
	return &faultyBatch{Batch: b, f: f}, nil
}

type faultyBatch struct {
	object.Batch
	f *Faulty
}

func (b *faultyBatch) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if err := b.f.call(); err != nil {
		return nil, err
	}
	return b.Batch.Get(ctx, id)
}

func (b *faultyBatch) Has(ctx context.Context, id object.ID) (bool, error) {
	if err := b.f.call(); err != nil {
		return false, err
	}
	return b.Batch.Has(ctx, id)
}

func (b *faultyBatch) Put(ctx context.Context, o object.Object, bases ...object.ID) (object.ID, error) {
	if err := b.f.call(); err != nil {
		return object.ID{}, err
	}
	return b.Batch.Put(ctx, o, bases...)
}

// Commit fails without ending the batch, as a full disk would: its caller
// discards it.
func (b *faultyBatch) Commit(ctx context.Context) error {
	if err := b.f.call(); err != nil {
		return err
	}
	return b.Batch.Commit(ctx)
}
