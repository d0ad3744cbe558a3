package repo

import (
	"context"
	"fmt"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// CreateTag names the revision ("" is what is checked out) for good, by a signed
// tag. It fails with [ErrExists] if there is one of that name.
func (r *Repo) CreateTag(ctx context.Context, tag, rev, message string) (object.ID, error) {
	name, err := refs.Tag(tag)
	if err != nil {
		return object.ID{}, err
	}
	commit, err := r.Resolve(ctx, rev)
	if err != nil {
		return object.ID{}, err
	}
	key, err := r.signer(ctx)
	if err != nil {
		return object.ID{}, err
	}
	owner, _ := r.owner()
	t := &object.Tag{Target: commit, Name: tag, Tagger: owner, Time: object.MomentOf(r.o.Now()), Message: message}
	if err := t.Sign(key); err != nil {
		return object.ID{}, fmt.Errorf("signing the tag: %w", err)
	}
	o, err := t.Object()
	if err != nil {
		return object.ID{}, err
	}
	batch, err := r.store.Begin(ctx)
	if err != nil {
		return object.ID{}, err
	}
	defer batch.Discard()
	id, err := batch.Put(ctx, o, object.ID{})
	if err != nil {
		return object.ID{}, err
	}
	if err := batch.Commit(ctx); err != nil {
		return object.ID{}, err
	}
	return commit, r.createRef(ctx, name, id)
}
