package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object/durable"
)

// lockPause is how long to wait before the lock is tried again: a copy that follows
// another holds it for moments only.
const lockPause = 10 * time.Millisecond

// lock keeps other processes from changing the working copy. The returned
// function ends it; so does the end of the process, however it ends. It fails
// with [ErrLocked] if another process holds it for longer than the options want to wait.
func (r *Repo) lock() (unlock func(), err error) {
	f, err := os.OpenFile(r.path(lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("locking the dataset: %w", err)
	}
	ok, err := durable.TryLock(f)
	for until := time.Now().Add(r.o.LockWait); !ok && err == nil && time.Now().Before(until); {
		time.Sleep(lockPause)
		ok, err = durable.TryLock(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("locking the dataset: %w", err), f.Close())
	}
	if !ok {
		return nil, errors.Join(fmt.Errorf("%w (%s)", ErrLocked, f.Name()), f.Close())
	}
	r.sweep()
	return func() { _ = durable.Unlock(f) }, nil // it ends with the process at the latest
}

// start locks the working copy for a change to what is checked out, which it
// returns. The caller calls unlock. It fails as lock does, or with [ErrMerging].
func (r *Repo) start(ctx context.Context) (head Head, unlock func(), err error) {
	if unlock, err = r.lock(); err != nil {
		return Head{}, nil, err
	}
	merging, err := r.readMerge()
	if err == nil && merging != nil {
		err = ErrMerging
	}
	if err == nil {
		head, err = r.Head(ctx)
	}
	if err != nil {
		unlock()
		return Head{}, nil, err
	}
	return head, unlock, nil
}

// sweep removes files that were made ready by a process that died before it put
// them in place. Whoever makes files ready holds the lock.
func (r *Repo) sweep() {
	left, err := filepath.Glob(r.path(worktree.StagePattern))
	if err != nil {
		return
	}
	for _, dir := range left {
		_ = os.RemoveAll(dir) // the next one tries again
	}
}
