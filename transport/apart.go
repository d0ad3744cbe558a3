package transport

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
)

// apart is a store whose new objects are kept in one batch: nobody else sees them,
// and they go without a trace, unless the batch is committed in the end.
type apart struct {
	object.Reader // the batch
	batch         object.Batch
	bytes         atomic.Int64 // of all objects that were put
}

func newApart(ctx context.Context, under object.Store) (*apart, error) {
	b, err := under.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("starting to store objects: %w", err)
	}
	return &apart{Reader: b, batch: b}, nil
}

// Begin implements [object.Store].
func (a *apart) Begin(context.Context) (object.Batch, error) { return partOf{a}, nil }

// Close implements [object.Store]. Whoever made the store ends its batch.
func (a *apart) Close() error { return nil }

// partOf is a batch that ends with the one that it is a part of.
type partOf struct{ *apart }

// Put implements [object.Writer].
func (p partOf) Put(ctx context.Context, o object.Object, bases ...object.ID) (object.ID, error) {
	id := o.ID()
	if held, err := p.batch.Has(ctx, id); held || err != nil {
		return id, err
	}
	p.bytes.Add(int64(len(o)))
	return p.batch.Put(ctx, o, bases...)
}

// PutEntry implements [entry.Putter].
func (p partOf) PutEntry(ctx context.Context, id object.ID, o object.Object, e entry.Entry) error {
	under, ok := p.batch.(entry.Putter)
	if !ok {
		_, err := p.Put(ctx, o, e.Base)
		return err
	}
	if held, err := p.batch.Has(ctx, id); held || err != nil {
		return err
	}
	p.bytes.Add(int64(len(o)))
	return under.PutEntry(ctx, id, o, e)
}

// Commit implements [object.Batch].
func (partOf) Commit(context.Context) error { return nil }

// Discard implements [object.Batch].
func (partOf) Discard() error { return nil }
