package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/constl/constl/refs"
)

// FollowOptions say how [Follow] follows.
type FollowOptions struct {
	// Remotes are what [Repo.Remote] takes; none stands for the one that the dataset was
	// cloned from.
	Remotes []string
	// NoValidate takes what comes even if the settings have pulls validated and it is
	// not valid.
	NoValidate bool
	// Tell hears of what happens, one event after the other. It should return soon.
	Tell func(*FollowEvent)
	// Progress is called at the beginning of work that may take a while, and returns
	// who hears of it and a function for its end. It may be nil.
	Progress func() (report Progress, done func())

	session time.Duration // how long a peer is watched at a time; 0 stands for oneSession
}

// FollowKind says what happened.
type FollowKind string

// The kinds of events.
const (
	FollowConnected FollowKind = "connected" // a peer tells of what is new from now on
	FollowLost      FollowKind = "lost"      // no peer of a remote does any more; it is tried again
	FollowFetched   FollowKind = "fetched"   // something new has come
	FollowMerged    FollowKind = "merged"    // it is in the branch, and in the folder
	FollowConflicts FollowKind = "conflicts" // it contradicts what is there; a person is to decide
	FollowWaiting   FollowKind = "waiting"   // it cannot be merged at the moment; it is tried again
)

// FollowEvent is something that happened while a dataset was followed.
type FollowEvent struct {
	Kind   FollowKind
	Remote string       // whose news it is; "" if that of all
	Peer   refs.Address // of connected
	Fetch  *FetchResult // of fetched
	Merge  *MergeResult // of merged and conflicts
	Err    error        // why, of lost and waiting
}

// Follow keeps the dataset in the folder dir as its remotes have it until ctx ends, and
// then returns nil: what is new there comes at once, is merged into the branch that is
// checked out as by [Repo.Pull], and put into the folder. While that is not possible
// (files with uncommitted changes or open elsewhere are in the way, a merge is not
// finished, another constl is at work) it goes on fetching. A remote that is out of
// reach is tried again and again.
//
// It fails only if it cannot begin: with the errors of [Repo.Remote], with
// [ErrNoFollowing] for a bundle, or with [ErrDetached].
func Follow(ctx context.Context, dir string, o *Options, how FollowOptions) error {
	f := &follower{how: how}
	if len(f.how.Remotes) == 0 {
		f.how.Remotes = []string{""}
	}
	if f.how.Progress == nil {
		f.how.Progress = func() (Progress, func()) { return func(string, int64, int64) {}, func() {} }
	}
	if f.how.session <= 0 {
		f.how.session = oneSession
	}
	defer f.close()
	for _, name := range f.how.Remotes {
		if err := f.add(ctx, dir, o, name); err != nil {
			return err
		}
	}
	m, err := f.newMerger(ctx, dir, o)
	if err != nil {
		return err
	}
	var work sync.WaitGroup
	for _, t := range f.tracked {
		work.Go(func() { t.run(ctx) })
	}
	work.Go(func() { m.run(ctx) })
	work.Wait()
	return nil
}

// follower is a Follow under way.
type follower struct {
	how     FollowOptions
	tracked []*tracker
	desks   []*desk

	mu sync.Mutex // held while an event is told
}

// tell passes an event on.
func (f *follower) tell(e *FollowEvent) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.how.Tell(e)
}

// desk is where one of those who work on the dataset does so: a Repo of its own.
type desk struct {
	f        *follower
	dir      string
	o        Options
	r        *Repo
	progress swap
	part     string // what the file said of the part that is here when r was opened
}

// desk opens the dataset once more.
func (f *follower) desk(ctx context.Context, dir string, o *Options) (*desk, error) {
	d := &desk{f: f, dir: dir}
	if o != nil {
		d.o = *o
	}
	d.o.Progress = d.progress.report
	f.desks = append(f.desks, d)
	return d, d.open(ctx)
}

func (d *desk) open(ctx context.Context) error {
	r, err := Open(ctx, d.dir, &d.o)
	if err != nil {
		return err
	}
	if _, err := r.signer(ctx); err != nil {
		return errors.Join(err, r.Close())
	}
	if d.r != nil {
		err = d.r.Close()
	}
	d.r, d.part = r, partText(r)
	return err
}

func partText(r *Repo) string {
	data, err := os.ReadFile(r.path(partFile))
	if err != nil {
		return ""
	}
	return string(data)
}

// moved reports whether another part of the dataset is to be here than when it was opened.
func (d *desk) moved() bool { return partText(d.r) != d.part }

// reopen opens the dataset anew if another part of it is to be here.
func (d *desk) reopen(ctx context.Context) (moved bool, err error) {
	if !d.moved() {
		return false, nil
	}
	return true, d.open(ctx)
}

// begin tells of the progress of some work, until the returned function is called.
func (d *desk) begin() (done func()) {
	report, end := d.f.how.Progress()
	d.progress.set(report)
	return func() {
		d.progress.set(nil)
		end()
	}
}

func (f *follower) close() {
	for _, d := range f.desks {
		if d.r != nil {
			// Everything that was to be written was.
			_ = d.r.Close()
		}
	}
}

// add prepares to follow a remote.
func (f *follower) add(ctx context.Context, dir string, o *Options, name string) error {
	d, err := f.desk(ctx, dir, o)
	if err != nil {
		return err
	}
	at, err := d.r.Remote(name)
	if err == nil && at.Bundle != "" {
		err = fmt.Errorf("%w: %s", ErrNoFollowing, at.Bundle)
	}
	if err != nil {
		return err
	}
	f.tracked = append(f.tracked, &tracker{desk: d, at: at})
	return nil
}

// swap passes the progress of a Repo on to whoever hears of the work that it does.
type swap struct {
	mu sync.Mutex
	to Progress
}

func (s *swap) set(to Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
}

func (s *swap) report(what string, done, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.to != nil {
		s.to(what, done, total)
	}
}

// pause waits, and reports whether ctx has not ended meanwhile.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// ended reports whether an error only says that ctx has ended.
func ended(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, context.Canceled)
}
