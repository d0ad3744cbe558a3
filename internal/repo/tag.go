package repo

import (
	"context"

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
	id, err := r.putTag(ctx, &object.Tag{Target: commit, Name: tag, Message: message})
	if err != nil {
		return object.ID{}, err
	}
	return commit, r.createRef(ctx, name, id)
}
