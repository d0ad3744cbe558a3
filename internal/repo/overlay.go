package repo

import (
	"context"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
)

// overlay takes new objects into memory above a store that stays as it is, to
// look at a working copy as if it were a commit.
type overlay struct {
	mem.Store
	under object.Reader
}

var _ object.ReadWriter = (*overlay)(nil)

// Get implements [object.Reader].
func (o *overlay) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if found, err := o.Store.Get(ctx, id); err == nil {
		return found, nil
	}
	return o.under.Get(ctx, id)
}

// Has implements [object.Reader].
func (o *overlay) Has(ctx context.Context, id object.ID) (bool, error) {
	if ok, err := o.Store.Has(ctx, id); ok || err != nil {
		return ok, err
	}
	return o.under.Has(ctx, id)
}

// Put implements [object.Writer]: what the store below holds is not kept twice.
func (o *overlay) Put(ctx context.Context, obj object.Object, bases ...object.ID) (object.ID, error) {
	id := obj.ID()
	if ok, err := o.under.Has(ctx, id); ok || err != nil {
		return id, err
	}
	return o.Store.Put(ctx, obj, bases...)
}
