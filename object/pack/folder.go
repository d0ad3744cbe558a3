package pack

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"sync/atomic"
	"time"

	"github.com/constl/constl/object/pack/internal/vfs"
)

// view is the packs of the folder at one time. It stays readable until the last
// who acquired it releases it, whatever happens to the folder.
type view struct {
	packs []*packFile
	bad   []badPack
	dead  []string // packs in the folder that others replace
	refs  atomic.Int64
}

type badPack struct {
	name string
	err  error
}

func (v *view) release() {
	if v.refs.Add(-1) == 0 {
		for _, p := range v.packs {
			p.release()
		}
	}
}

// replace makes next the current view. It is called with s.scan held.
func (s *Store) replace(next *view) {
	next.refs.Store(1)
	for _, p := range next.packs {
		p.refs.Add(1)
	}
	s.mu.Lock()
	old := s.view
	if old == nil {
		s.mu.Unlock()
		next.release()
		return
	}
	s.view = next
	s.mu.Unlock()
	old.release()
}

// settled is how long a folder must have been left alone before its time of
// change is trusted to tell a later change: some file systems count in seconds.
const settled = 3 * time.Second

// refresh reads the folder again if it changed since, or in any case if forced.
func (s *Store) refresh(force bool) error {
	s.scan.Lock()
	defer s.scan.Unlock()
	changed, err := s.fs.ModTime()
	if err != nil {
		return fmt.Errorf("object/pack: looking at the folder: %w", err)
	}
	if !force && changed.Equal(s.scanned) {
		return nil
	}
	if err := s.settle(true); err != nil {
		return err
	}
	s.scanned = time.Time{}
	if time.Since(changed) > settled {
		s.scanned = changed
	}
	return nil
}

// settle reads the folder until no pack was removed while it did.
func (s *Store) settle(again bool) (err error) {
	for again {
		if again, err = s.rescan(); err != nil {
			return fmt.Errorf("object/pack: reading the folder: %w", err)
		}
	}
	return nil
}

// rescan makes the packs of the folder the current view. It reports whether one
// was removed meanwhile, so that the folder must be read again.
func (s *Store) rescan() (gone bool, err error) {
	infos, err := s.fs.List()
	if err != nil {
		return false, err
	}
	v, err := s.acquire()
	if err != nil {
		return false, err
	}
	defer v.release()
	known := make(map[string]*packFile, len(v.packs))
	for _, p := range v.packs {
		known[p.name] = p
	}
	next := &view{}
	for _, info := range infos {
		if !isPackName(info.Name) || slices.Contains(v.dead, info.Name) {
			continue
		}
		p := known[info.Name]
		if p == nil {
			p, err = openPack(s.fs, info.Name)
			switch {
			case errors.Is(err, fs.ErrNotExist) && !s.listed(info.Name):
				next.unread(known)
				return true, nil
			case err != nil:
				next.bad = append(next.bad, badPack{info.Name, err})
				continue
			}
		}
		next.packs = append(next.packs, p)
	}
	s.bury(next, infos)
	s.replace(next)
	return false, nil
}

// unread closes packs that were opened just now and are not to be read after all.
func (v *view) unread(known map[string]*packFile) {
	for _, p := range v.packs {
		if known[p.name] == nil {
			p.f.Close() // it was only read
		}
	}
}

// bury takes the packs that others replace out of the view. They are removed
// once nobody here reads them. They are to go all at once, for a delta in one may
// stand on an entry in another: so what counts is that they are replaced.
func (s *Store) bury(v *view, infos []vfs.Info) {
	replaced, dead := make(map[string]bool), make(map[string]bool)
	for _, p := range v.packs {
		for _, name := range p.replaced {
			replaced[name] = true
		}
	}
	for _, info := range infos {
		if replaced[info.Name] {
			dead[info.Name] = true
			v.dead = append(v.dead, info.Name)
		}
	}
	// Another process may have given the new pack its name and not come to make that
	// durable yet.
	remove := len(dead) > 0 && !s.readOnly && s.fs.Sync() == nil
	v.bad = slices.DeleteFunc(v.bad, func(b badPack) bool { return dead[b.name] })
	v.packs = slices.DeleteFunc(v.packs, func(p *packFile) bool {
		if !dead[p.name] {
			return false
		}
		p.refs.Add(1)
		p.doomed.Store(remove)
		p.release()
		return true
	})
}

// listed reports whether the folder has the name now.
func (s *Store) listed(name string) bool {
	infos, err := s.fs.List()
	return err == nil && slices.ContainsFunc(infos, func(i vfs.Info) bool { return i.Name == name })
}

// written makes a pack that was just written visible.
func (s *Store) written() error {
	s.scan.Lock()
	defer s.scan.Unlock()
	s.scanned = time.Time{}
	return s.settle(true)
}
