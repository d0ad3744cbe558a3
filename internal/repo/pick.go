package repo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/constl/constl/object"
)

// CherryPick brings what one commit changed against its first parent into what is
// checked out, row by row, as a commit of its own. Conflicts leave the folder as
// those of [Repo.Merge] do. It fails with [ErrNothing] if the changes are there
// already, and else as Merge does.
func (r *Repo) CherryPick(ctx context.Context, rev string, o MergeOptions) (*MergeResult, error) {
	return r.single(ctx, rev, o, func(id object.ID, c *object.Commit) joining {
		message := strings.TrimRight(c.Message, "\n") + "\n\nPicked from " + id.String()
		return joining{theirs: id, base: firstParent(c), MergeOptions: MergeOptions{Message: message}}
	})
}

// Revert takes back what one commit changed against its first parent, row by row,
// in a new commit. It fails as [Repo.CherryPick] does.
func (r *Repo) Revert(ctx context.Context, rev string, o MergeOptions) (*MergeResult, error) {
	return r.single(ctx, rev, o, func(id object.ID, c *object.Commit) joining {
		subject, _, _ := strings.Cut(c.Message, "\n")
		message := fmt.Sprintf("Revert %q\n\nTakes back %s", subject, id)
		return joining{theirs: firstParent(c), base: id, MergeOptions: MergeOptions{Message: message}}
	})
}

func firstParent(c *object.Commit) object.ID {
	if len(c.Parents) == 0 {
		return object.ID{}
	}
	return c.Parents[0]
}

// single joins the changes of one commit with what is checked out.
func (r *Repo) single(ctx context.Context, rev string, o MergeOptions, plan func(object.ID, *object.Commit) joining) (*MergeResult, error) {
	id, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	c, err := object.ReadCommit(ctx, r.store, id)
	if err != nil {
		return nil, err
	}
	head, unlock, err := r.start(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if head.Commit.IsZero() {
		return nil, errors.New("there is no commit yet to change")
	}
	j := plan(id, c)
	j.single, j.Strict, j.AllowViolations = true, o.Strict, o.AllowViolations
	if o.Message != "" {
		j.Message = o.Message
	}
	res := &MergeResult{Before: head.Commit, After: head.Commit}
	return res, r.join(ctx, head, j, res)
}
