package serving

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/settings"
)

// retryAfter is how long a folder that cannot be served is left alone, if nothing changes
// in it.
const retryAfter = 30 * time.Second

// errTwice says that a dataset is served from another folder already.
var errTwice = errors.New("the same dataset is served from another folder")

// stamp tells whether what a card was read from has changed.
type stamp struct{ format, config fs.FileInfo }

func stampOf(dir string) (stamp, error) {
	format, err := os.Stat(repo.FormatFile(dir))
	if err != nil {
		return stamp{}, err
	}
	return stamp{format, fileInfo(filepath.Join(filepath.Dir(repo.FormatFile(dir)), settings.File))}, nil
}

// fileInfo returns what the system says of a file, nil if it is not there.
func fileInfo(name string) fs.FileInfo {
	info, err := os.Stat(name)
	if err != nil {
		return nil
	}
	return info
}

func (s stamp) same(other stamp) bool {
	return sameFile(s.format, other.format) && sameFile(s.config, other.config)
}

func sameFile(a, b fs.FileInfo) bool {
	if a == nil || b == nil {
		return a == b
	}
	return os.SameFile(a, b) && a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size()
}

// sources say where datasets are.
type sources struct {
	dirs  []string // datasets
	roots []string // folders with datasets in them
}

// place is a folder that may be a dataset.
type place struct {
	dir      string
	explicit bool
	stamp    stamp
}

// list returns the folders that are datasets: those that were named themselves, and then
// those in the roots, sorted. A root that cannot be read is told of, and keeps what it had.
func (s *Shelf) list(from sources) []place {
	var places []place
	seen := make(map[string]bool)
	look := func(dir string, explicit bool) {
		st, err := stampOf(dir)
		if err == nil && !seen[dir] {
			seen[dir] = true
			places = append(places, place{dir, explicit, st})
		}
	}
	for _, dir := range from.dirs {
		look(dir, true)
	}
	for _, root := range from.roots {
		entries, err := os.ReadDir(root)
		s.events().trouble(root, "looking for datasets", err)
		if err != nil {
			for _, dir := range s.below(root) {
				look(dir, false)
			}
			continue
		}
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				look(filepath.Join(root, e.Name()), false)
			}
		}
	}
	return places
}

func (s *Shelf) events() *notices { return s.o.events }

// below returns the folders that are known in a root.
func (s *Shelf) below(root string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var dirs []string
	for dir := range s.byDir {
		if filepath.Dir(dir) == root {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// scan looks which datasets there are. With force, everything is read again. It is for one
// goroutine at a time. It returns the cards that are new.
func (s *Shelf) scan(ctx context.Context, from sources, force bool) []*repo.Card {
	places := s.list(from)
	there := make(map[string]bool, len(places))
	for _, p := range places {
		there[p.dir] = true
	}
	s.removeAllBut(there)
	var fresh []*repo.Card
	for _, p := range places {
		if ctx.Err() != nil {
			break
		}
		if card := s.look(ctx, p, force); card != nil {
			fresh = append(fresh, card)
		}
	}
	return fresh
}

// look reads a folder's card if need be, and returns it if it is new.
func (s *Shelf) look(ctx context.Context, p place, force bool) *repo.Card {
	s.mu.Lock()
	old := s.byDir[p.dir]
	s.mu.Unlock()
	if old != nil && !force && !s.due(old, p.stamp) {
		return nil
	}
	next := &folder{dir: p.dir, explicit: p.explicit, stamp: p.stamp, tried: s.o.now(), gone: make(chan struct{})}
	next.card, next.err = s.readCard(ctx, p.dir)
	if next.err == nil {
		_, next.private, next.err = next.card.Name()
	}
	known := s.put(old, next)
	switch {
	case next.err != nil:
		if old == nil || old.err == nil || old.err.Error() != next.err.Error() {
			s.events().damaged(p.dir, next.err)
		}
		return nil
	case known:
		return nil
	}
	return next.card
}

// due reports whether a folder is to be looked into again.
func (s *Shelf) due(f *folder, now stamp) bool {
	if !f.stamp.same(now) {
		return true
	}
	if errors.Is(f.err, errTwice) {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.byID[f.twin] == nil
	}
	return f.err != nil && s.o.now().Sub(f.tried) >= retryAfter
}

// readCard reads the card of the folder itself, not of one above it.
func (s *Shelf) readCard(ctx context.Context, dir string) (*repo.Card, error) {
	card, err := repo.ReadCard(ctx, dir, &repo.Options{Home: s.o.home, Cache: s.o.cache})
	if err == nil && card.Dir != dir {
		err = fmt.Errorf("%w: %s", repo.ErrNotDataset, dir)
	}
	return card, err
}

// put takes what was read of a folder over, in the place of what was known, and reports
// whether the same dataset was served from it before.
func (s *Shelf) put(old, next *folder) (known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old != nil {
		known = old.card != nil && next.card != nil && old.card.Dataset == next.card.Dataset && s.byID[old.card.Dataset] == old
		s.drop(old)
	}
	s.byDir[next.dir] = next
	if next.err != nil {
		next.card = nil
		return known
	}
	if first := s.byID[next.card.Dataset]; first != nil {
		next.err = fmt.Errorf("%w: %s", errTwice, first.dir)
		next.twin, next.card = next.card.Dataset, nil
		return known
	}
	s.byID[next.card.Dataset] = next
	return known
}

// drop forgets a folder. It is called with s.mu held.
func (s *Shelf) drop(f *folder) {
	s.retire(f)
	close(f.gone)
	delete(s.byDir, f.dir)
	if f.card != nil && s.byID[f.card.Dataset] == f {
		delete(s.byID, f.card.Dataset)
	}
}

// removeAllBut forgets the folders that are no longer there.
func (s *Shelf) removeAllBut(there map[string]bool) {
	s.mu.Lock()
	var gone []*folder
	for dir, f := range s.byDir {
		if !there[dir] {
			gone = append(gone, f)
			s.drop(f)
		}
	}
	s.mu.Unlock()
	slices.SortFunc(gone, func(a, b *folder) int { return strings.Compare(a.dir, b.dir) })
	for _, f := range gone {
		if f.card != nil {
			s.events().removed(f.dir, f.card.Dataset)
		}
	}
}
