package refs

import (
	"context"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/fsnotify/fsnotify"
)

// How often the folders are looked at: beside the system's events, which some file
// systems do not give for what another computer writes, and without them.
const (
	lookBesideEvents  = 2 * time.Second
	lookWithoutEvents = 250 * time.Millisecond
)

// maxOpened is up to how many files of a folder are watched by events on systems
// that open every one of them for it.
const maxOpened = 64

// changes tells those who listen that the folder has changed. One goroutine looks
// while anybody listens. The zero value is ready.
type changes struct {
	mu        sync.Mutex
	listeners map[chan struct{}]struct{}
	stop      context.CancelFunc // of the goroutine that looks
}

// Changes returns a channel on which the store tells that something in it may be
// new: the identity, a log, a proof or a draft, whichever process has written it.
// One receive stands for all changes since the one before, and now and then for
// none. What is written after Changes has returned is told of. It ends with ctx;
// the channel is never closed.
func (s *Store) Changes(ctx context.Context) <-chan struct{} {
	c := &s.changes
	ch := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listeners == nil {
		c.listeners = make(map[chan struct{}]struct{})
	}
	c.listeners[ch] = struct{}{}
	if len(c.listeners) == 1 {
		l := newLookout(s.disk)
		var looking context.Context
		looking, c.stop = context.WithCancel(context.Background())
		go l.run(looking, c.tell)
	}
	context.AfterFunc(ctx, func() { c.leave(ch) })
	return ch
}

func (c *changes) leave(ch chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if delete(c.listeners, ch); len(c.listeners) == 0 {
		c.stop()
	}
}

func (c *changes) tell() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for ch := range c.listeners {
		select {
		case ch <- struct{}{}:
		default: // it has not heard of the last one yet
		}
	}
}

// lookout notices when names in the folders of a store change. Files are replaced
// whole, so whatever is written changes a name.
type lookout struct {
	folders []string
	events  *fsnotify.Watcher // nil where the system gives none
	seen    []time.Time       // when each folder last changed, zero if it is not there
	// unsettled says that a folder had just changed when it was looked at: what was
	// written after that may have the same time.
	unsettled bool
}

func newLookout(d disk) *lookout {
	l := &lookout{}
	for _, name := range []string{".", identityDir, logsDir, proofsDir, draftsDir} {
		l.folders = append(l.folders, d.path(name))
	}
	if !l.tooMany() {
		// Without events the folders are looked at more often.
		l.events, _ = fsnotify.NewWatcher()
	}
	l.listen()
	l.look(time.Now())
	return l
}

// tooMany reports whether to watch the folders would open more files than a process
// should, on the systems that open them.
func (l *lookout) tooMany() bool {
	switch runtime.GOOS {
	case "linux", "android", "windows":
		return false
	}
	return slices.ContainsFunc(l.folders, func(dir string) bool {
		entries, err := os.ReadDir(dir)
		return err == nil && len(entries) > maxOpened
	})
}

// listen has the system tell of those folders that are there by now.
func (l *lookout) listen() {
	if l.events == nil {
		return
	}
	known := l.events.WatchList()
	for _, dir := range l.folders {
		if !slices.Contains(known, dir) {
			_ = l.events.Add(dir) // a folder that is not there, or not watched, is looked at
		}
	}
}

// look reports whether a folder has changed since it was last looked at, or may
// have in a way that does not show: times of change are as coarse as the file
// system keeps them.
func (l *lookout) look(now time.Time) (changed bool) {
	next := make([]time.Time, len(l.folders))
	unsettled := false
	for i, dir := range l.folders {
		info, err := os.Stat(dir)
		if err != nil {
			continue
		}
		next[i] = info.ModTime()
		unsettled = unsettled || !settledAt(next[i], now)
	}
	changed = l.unsettled || !slices.EqualFunc(l.seen, next, time.Time.Equal)
	l.seen, l.unsettled = next, unsettled
	return changed
}

// run tells of changes until ctx ends.
func (l *lookout) run(ctx context.Context, tell func()) {
	every := lookWithoutEvents
	var events <-chan fsnotify.Event
	var failures <-chan error
	if l.events != nil {
		defer l.events.Close()
		every, events, failures = lookBesideEvents, l.events.Events, l.events.Errors
	}
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-events:
			if e.Op == fsnotify.Chmod {
				continue // a file was synced or linked; its name is as it was
			}
		case <-failures: // it missed some
		case now := <-ticks.C:
			if !l.look(now) {
				continue
			}
		}
		// New folders first: what is in them by now is seen by whoever is told.
		l.listen()
		tell()
	}
}
