package pack

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/constl/constl/object/pack/internal/vfs"
)

// Files that one process holds while it is at work: its lock on them ends with
// the process, so that what a crash leaves over is known for it. Each has a name
// of its own, so nobody waits for a name.
const (
	batchClaim = "tmp-"  // a pack being written
	joinClaim  = "join-" // small packs are being joined
	dropClaim  = "drop-" // objects are being dropped
)

const (
	// fresh is the age up to which a file counts as held though it is not locked:
	// its maker may be about to.
	fresh = 10 * time.Second
	// abandoned is the age from which a file counts as left over where the file
	// system has no locks.
	abandoned = 24 * time.Hour
)

// claimName returns a new name for a claim of that sort.
func claimName(sort string) string {
	var r [8]byte
	_, _ = rand.Read(r[:]) // never fails (crypto/rand)
	return sort + hex.EncodeToString(r[:])
}

// claims returns the names of the claims of that sort which processes hold, but
// for own, and removes what is left over.
func (s *Store) claims(sort, own string) ([]string, error) {
	infos, err := s.fs.List()
	if err != nil {
		return nil, fmt.Errorf("object/pack: looking who is at work: %w", err)
	}
	var held []string
	for _, info := range infos {
		if !strings.HasPrefix(info.Name, sort) || info.Name == own {
			continue
		}
		if s.held(info) {
			held = append(held, info.Name)
		} else if !s.readOnly {
			_ = s.fs.Remove(info.Name) // else it goes next time
		}
	}
	return held, nil
}

func (s *Store) held(info vfs.Info) bool {
	age := time.Since(info.ModTime)
	if age < fresh {
		return true
	}
	held, err := s.fs.Held(info.Name)
	return held || err != nil && age < abandoned
}

// claim makes a claim. It reports false if another of the sort is held.
func (s *Store) claim(sort string) (done func(), ok bool, err error) {
	name := claimName(sort)
	f, err := s.fs.Create(name)
	if err != nil {
		return nil, false, fmt.Errorf("object/pack: claiming the folder: %w", err)
	}
	done = func() {
		_ = s.fs.Remove(name) // else it is known for left over, for the lock is gone
		f.Close()
		_ = s.fs.Remove(name) // Windows removes no open files
	}
	others, err := s.claims(sort, name)
	if err != nil || len(others) > 0 {
		done()
		return nil, false, err
	}
	return done, true, nil
}

// sweep removes what crashed processes left over.
func (s *Store) sweep() {
	for _, sort := range []string{batchClaim, joinClaim, dropClaim} {
		_, _ = s.claims(sort, "") // it is tidying only: what matters fails elsewhere
	}
}
