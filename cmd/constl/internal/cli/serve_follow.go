package cli

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/serving"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// servedFollows follows with the datasets that are served, each as long as it is there.
type servedFollows struct {
	c        *command
	log      *serveLog
	remotes  []string // nil if nothing is to be followed
	progress followProgress
	failed   chan error // why the only dataset cannot follow

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	running map[string]context.CancelFunc // by folder
}

func (c *command) servedFollows(log *serveLog, progress followProgress) *servedFollows {
	own := *c
	if !own.asJSON() {
		// Whoever reads the addresses need not read on.
		own.env.Stdout = own.env.Stderr
	}
	f := &servedFollows{
		c: &own, log: log, remotes: c.optional("follow"), progress: progress,
		failed: make(chan error, 1), running: make(map[string]context.CancelFunc),
	}
	f.ctx, f.cancel = context.WithCancel(c.ctx())
	return f
}

// hook follows with datasets that come, and ends with those that go.
func (f *servedFollows) hook(e *serving.Events) {
	added, removed := e.Added, e.Removed
	e.Added = func(card *repo.Card, peers []refs.Address) {
		added(card, peers)
		f.begin(card, true)
	}
	e.Removed = func(dir string, dataset object.ID) {
		f.end(dir)
		removed(dir, dataset)
	}
}

// start follows with the datasets that are there.
func (f *servedFollows) start(cards []*repo.Card) {
	for _, card := range cards {
		f.begin(card, len(cards) > 1)
	}
}

// begin follows with a dataset, one of several or the only one.
func (f *servedFollows) begin(card *repo.Card, several bool) {
	if f.remotes == nil {
		return
	}
	f.end(card.Dir)
	ctx, cancel := context.WithCancel(f.ctx)
	tells := &follows{c: f.c}
	if several {
		tells.dataset = card.Dataset.Short()
	}
	tell := tells.tell
	if f.log.machine != nil && !f.c.asJSON() {
		tell = func(e *repo.FollowEvent) { f.log.followed(card, e) }
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx.Err() != nil {
		cancel()
		return // it came while all of it ends
	}
	f.running[card.Dir] = cancel
	f.work.Go(func() {
		defer cancel()
		err := f.c.follow(ctx, card.Dir, f.remotes, tell, f.progress)
		switch {
		case err == nil:
		case !several:
			f.failed <- err
		case !errors.Is(err, repo.ErrNoRemote) || !slices.Equal(f.remotes, []string{""}):
			// Of several datasets those that were made here have nobody to follow.
			f.log.trouble(card.Dir, "following", err)
		}
	})
}

// end ends following with the dataset in a folder.
func (f *servedFollows) end(dir string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if cancel, ok := f.running[dir]; ok {
		cancel()
		delete(f.running, dir)
	}
}

// stop ends all of it, and waits until it has ended.
func (f *servedFollows) stop() {
	f.mu.Lock()
	f.cancel()
	f.mu.Unlock()
	f.work.Wait()
}
