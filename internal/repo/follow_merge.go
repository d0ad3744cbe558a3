package repo

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// How often it is looked whether something that was in the way of a merge no longer is:
// at first, then ever more seldom, and what is no matter of the folder the least.
const (
	lookAgain  = 250 * time.Millisecond
	lookSeldom = 2 * time.Second // also whether another branch was checked out
	lookRarely = 30 * time.Second
)

// mergeTurn is how long a copy leaves it to another one to bring two branches together
// that both have commits of their own: if both did it at once, somebody would have to
// merge the merges.
const mergeTurn = 400 * time.Millisecond

// merger merges what the trackers fetch, and pushes that others made, into the branch
// that is checked out.
type merger struct {
	*desk
	remotes []Remote

	blocked error // what was in the way the last time, nil if nothing was
	// still reports whether it is in the way, without another try; nil if only that shows it.
	still   func(context.Context) (bool, error)
	since   time.Time   // when it began to be in the way
	said    error       // what was told of it
	settled []object.ID // what was checked out, and what need or can not be merged with that
	apart   time.Time   // since when there is something to be merged, zero if there is nothing
	turn    time.Time   // when it is this copy's turn to merge it, zero if nothing waits for that
	head    time.Time   // when HEAD was last changed
}

func (f *follower) newMerger(ctx context.Context, dir string, o *Options) (*merger, error) {
	d, err := f.desk(ctx, dir, o)
	if err != nil {
		return nil, err
	}
	m := &merger{desk: d}
	for _, t := range f.tracked {
		m.remotes = append(m.remotes, t.at)
	}
	head, err := d.r.Head(ctx)
	if err == nil && head.Branch == "" {
		err = ErrDetached
	}
	return m, err
}

// run merges until ctx ends.
func (m *merger) run(ctx context.Context) {
	store := m.r.refs // of the folder, whichever part of the dataset is in it
	changes := store.Changes(ctx)
	for {
		err := m.step(ctx)
		if ended(ctx, err) {
			return
		}
		m.block(ctx, err)
		if !m.rest(ctx, changes) {
			return
		}
	}
}

// rest waits until there may be something to do.
func (m *merger) rest(ctx context.Context, changes <-chan struct{}) bool {
	wait := lookSeldom
	if m.blocked != nil {
		wait = lookAgain
	}
	if !m.turn.IsZero() {
		wait = max(time.Until(m.turn), 0)
	}
	for {
		timer := time.NewTimer(wait)
		timed := false
		select {
		case <-ctx.Done():
		case <-changes:
		case <-timer.C:
			timed = true
		}
		timer.Stop()
		if ctx.Err() != nil {
			return false
		}
		if m.blocked == nil && (!timed || !m.turn.IsZero() || m.switched()) {
			return true
		}
		if m.blocked != nil && (m.still == nil || !m.isStill(ctx)) {
			return true
		}
		most := lookSeldom
		if m.blocked != nil && m.still == nil && !errors.Is(m.blocked, ErrLocked) {
			most = lookRarely
		}
		wait = min(2*wait, most)
	}
}

func (m *merger) isStill(ctx context.Context) bool {
	still, err := m.still(ctx)
	return still && err == nil
}

// switched reports whether another branch may have been checked out since the last time.
func (m *merger) switched() bool {
	info, err := os.Stat(m.r.path(headFile))
	if err != nil || info.ModTime().Equal(m.head) {
		return false
	}
	m.head = info.ModTime()
	return true
}

// block notes what is in the way, and tells of it once.
func (m *merger) block(ctx context.Context, err error) {
	if err == nil {
		m.blocked, m.still, m.said = nil, nil, nil
		return
	}
	if m.blocked == nil {
		m.since = time.Now()
	}
	m.blocked, m.still = err, m.obstacle(ctx, err)
	passing := errors.Is(err, ErrLocked) || errors.Is(err, worktree.ErrChanged)
	if passing && time.Since(m.since) < lookSeldom {
		return // most commands take no longer than that, and somebody may be saving
	}
	for _, class := range []error{ErrDirty, ErrOpen, ErrLocked, ErrMerging, ErrDetached} {
		if errors.Is(err, class) && errors.Is(m.said, class) {
			return
		}
	}
	if m.said == nil || m.said.Error() != err.Error() {
		m.said = err
		m.f.tell(&FollowEvent{Kind: FollowWaiting, Err: err})
	}
}

// obstacle returns what reports whether an error's cause is still there, nil if nothing
// but another try does.
func (m *merger) obstacle(ctx context.Context, err error) func(context.Context) (bool, error) {
	var open *OpenError
	switch {
	case errors.As(err, &open):
		return func(context.Context) (bool, error) { return len(worktree.OpenElsewhere(m.r.Dir, open.Paths)) > 0, nil }
	case errors.Is(err, ErrMerging):
		return func(context.Context) (bool, error) {
			state, err := m.r.readMerge()
			return state != nil, err
		}
	case errors.Is(err, ErrDetached):
		return func(ctx context.Context) (bool, error) {
			head, err := m.r.Head(ctx)
			return head.Branch == "", err
		}
	case errors.Is(err, ErrDirty):
		before, err := m.r.Status(ctx)
		if err != nil {
			return nil
		}
		return func(ctx context.Context) (bool, error) {
			now, err := m.r.Status(ctx)
			return err == nil && slices.Equal(now.Changes, before.Changes) && now.Head == before.Head, err
		}
	}
	return nil
}

// step merges what is there to be merged.
func (m *merger) step(ctx context.Context) error {
	if _, err := m.reopen(ctx); err != nil {
		return err
	}
	m.r.heedsOpen, m.r.o.LockWait = true, 0
	m.switched()
	head, err := m.r.Head(ctx)
	if err != nil {
		return err
	}
	if head.Branch == "" {
		return ErrDetached
	}
	targets, err := m.targets(ctx, head)
	if err != nil || len(targets) == 0 {
		m.apart, m.turn = time.Time{}, time.Time{}
		return err
	}
	if targets, err = m.ownTurn(ctx, head, targets); err != nil || len(targets) == 0 {
		return err
	}
	key := append([]object.ID{head.Commit}, targets...)
	if slices.Equal(key, m.settled) {
		return nil
	}
	defer m.begin()()
	for _, t := range targets {
		if err := m.merge(ctx, head.Branch, t); err != nil {
			var invalid *InvalidError
			if errors.As(err, &invalid) || errors.Is(err, ErrUnrelated) {
				m.f.tell(&FollowEvent{Kind: FollowWaiting, Err: err})
				m.settled = key
				return nil
			}
			return err
		}
	}
	m.apart = time.Time{}
	if now, err := m.r.Head(ctx); err != nil || now.Commit == head.Commit {
		m.settled = key // it is for the others to do something
		return err
	}
	return nil
}

// ownTurn returns those of the targets that are to be merged now. Of two copies whose
// branches have commits of their own, that with the smaller id goes first; the other one
// waits a while for what comes of it, if the first is likely to hear of it at all.
func (m *merger) ownTurn(ctx context.Context, head Head, targets []object.ID) ([]object.ID, error) {
	now := time.Now()
	if m.apart.IsZero() {
		m.apart = now
	}
	m.turn = time.Time{}
	if now.Sub(m.apart) >= mergeTurn {
		return targets, nil
	}
	counts, err := m.r.Maintains(ctx, head.Branch)
	if err != nil || !counts || head.Commit.IsZero() {
		return targets, err
	}
	var own []object.ID
	for _, t := range targets {
		forward, err := m.r.isAncestor(ctx, head.Commit, t)
		if err != nil {
			return nil, err
		}
		if forward || head.Commit.Compare(t) < 0 {
			own = append(own, t)
		} else {
			m.turn = m.apart.Add(mergeTurn)
		}
	}
	return own, nil
}

// targets returns the commits that the branch should have and has not.
func (m *merger) targets(ctx context.Context, head Head) ([]object.ID, error) {
	var list []object.ID
	for _, at := range m.remotes {
		up, err := m.r.whereabouts(ctx, at)
		if err != nil {
			return nil, err
		}
		heads, err := up.heads(head.Branch)
		if err != nil {
			return nil, err
		}
		for _, id := range heads {
			has := slices.Contains(list, id)
			if !has && !head.Commit.IsZero() {
				if has, err = m.r.isAncestor(ctx, id, head.Commit); err != nil {
					return nil, err
				}
			}
			if !has {
				list = append(list, id)
			}
		}
	}
	return list, nil
}

// merge merges one commit.
func (m *merger) merge(ctx context.Context, branch refs.Name, target object.ID) error {
	res, err := m.r.mergeCommit(ctx, target, MergeOptions{
		Message:  "Merge " + branch.Short() + " of " + m.remotes[0].Name,
		Validate: m.r.settings.Validates("pull") && !m.f.how.NoValidate,
		settle:   true,
	})
	if err != nil {
		return err
	}
	if len(res.Conflicts) > 0 {
		m.f.tell(&FollowEvent{Kind: FollowConflicts, Merge: res})
		m.said = ErrMerging // that says it
		return ErrMerging
	}
	if res.Before != res.After {
		m.f.tell(&FollowEvent{Kind: FollowMerged, Merge: res})
	}
	return nil
}
