package refs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/constl/constl/object"
)

// maxForks bounds the proofs that the identity has two histories (FORMAT.md §3.6).
// One says all that there is to know; more than a few come from an attacker alone.
const maxForks = 4

// ForkError holds a version of the identity that enough have signed although
// another one of its number is followed here. It wraps [ErrIdentityFork].
type ForkError struct {
	Known *SignedIdentity // the one that is followed
	Other *SignedIdentity
}

// Error names both.
func (e *ForkError) Error() string {
	return fmt.Sprintf("%v: version %d was signed twice, as %s, which is followed here, and as %s",
		ErrIdentityFork, e.Known.identity.Version, e.Known.id.Short(), e.Other.id.Short())
}

// Unwrap returns [ErrIdentityFork].
func (e *ForkError) Unwrap() error { return ErrIdentityFork }

// Fork is the proof that the identity has two histories: a version that enough have
// signed although another one of its number is followed here.
type Fork struct {
	*SignedIdentity
	// Settled reports that somebody has decided here against it ([Store.Decline]).
	Settled bool
}

// rival returns how a version that is not the chain's of that number stands to it: a
// [*ForkError] if enough have signed it, or else the rule that it breaks.
func (c *Chain) rival(v *SignedIdentity) error {
	n := v.identity.Version
	known := c.versions[n-1]
	if n == 1 {
		return fmt.Errorf("%w: expected the identity of %s, found that of %s", ErrWrongDataset, known.id.Short(), v.id.Short())
	}
	if _, err := (&Chain{versions: c.versions[:n-1]}).Extend(v); err != nil {
		return err
	}
	return &ForkError{Known: known, Other: v}
}

// forked returns those of the versions that prove that the identity has two histories.
func (c *Chain) forked(versions []*SignedIdentity) []*SignedIdentity {
	var rivals []*SignedIdentity
	for _, v := range versions {
		var fork *ForkError
		n := v.identity.Version
		if n <= len(c.versions) && c.versions[n-1].id != v.id && errors.As(c.rival(v), &fork) {
			rivals = append(rivals, v)
		}
	}
	return rivals
}

// Forks returns the proofs that the identity has two histories, by their ids. A
// damaged one is left out: peers give it again.
func (s *Store) Forks(_ context.Context) ([]Fork, error) {
	names, err := s.disk.names(forksDir)
	if err != nil {
		return nil, fmt.Errorf("refs: listing what the identity might be: %w", err)
	}
	if len(names) == 0 {
		return nil, nil
	}
	chain, err := s.Chain()
	if err != nil {
		return nil, err
	}
	declined, err := s.disk.names(declinedDir)
	if err != nil {
		return nil, fmt.Errorf("refs: listing declined drafts: %w", err)
	}
	var forks []Fork
	for _, name := range names {
		data, err := s.disk.readSealed(forksDir+"/"+name, MaxSignedIdentity)
		var v *SignedIdentity
		if err == nil {
			v, err = DecodeSignedIdentity(data)
		}
		if errors.Is(err, fs.ErrNotExist) || isDamage(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("refs: reading a second history of the identity: %w", err)
		}
		if len(chain.forked([]*SignedIdentity{v})) > 0 {
			forks = append(forks, Fork{v, slices.Contains(declined, v.id.String())})
		}
	}
	return forks, nil
}

// keepForks stores what proves that the identity has two histories, and returns
// which of it is new. The caller holds the lock.
func (s *Store) keepForks(rivals []*SignedIdentity) ([]object.ID, error) {
	if len(rivals) == 0 {
		return nil, nil
	}
	names, err := s.disk.names(forksDir)
	if err != nil {
		return nil, fmt.Errorf("refs: listing what the identity might be: %w", err)
	}
	var kept []object.ID
	for _, v := range rivals {
		if slices.Contains(names, v.id.String()) || len(names) >= maxForks {
			continue
		}
		if err := s.disk.replaceSealed(forksDir+"/"+v.id.String(), v.Encode()); err != nil {
			return kept, fmt.Errorf("refs: storing a second history of the identity: %w", err)
		}
		names, kept = append(names, v.id.String()), append(kept, v.id)
	}
	return kept, nil
}
