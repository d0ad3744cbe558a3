package refs

import (
	"fmt"
	"slices"

	"github.com/constl/constl/object"
)

// Chain is the versions of one dataset's identity from the first on, verified.
// It never changes and is safe for use by several goroutines.
type Chain struct {
	versions []*SignedIdentity
}

// VerifyChain checks that the versions are those of the dataset from 1 on: the
// first hashes to the dataset's id and is signed by its threshold of
// maintainers; each further one follows the one before, names it, and is signed
// by the threshold of both, or by the recovery keys of the one before and the
// threshold of its own. A signature by anyone else is refused. It fails with an
// error that wraps [ErrWrongDataset], [ErrIdentityChain] or [ErrThreshold].
func VerifyChain(dataset object.ID, versions []*SignedIdentity) (*Chain, error) {
	if len(versions) == 0 {
		return nil, fmt.Errorf("%w: it has no version", ErrIdentityChain)
	}
	first := versions[0]
	if first.identity.Version != 1 {
		return nil, fmt.Errorf("%w: it begins with version %d", ErrIdentityChain, first.identity.Version)
	}
	if first.id != dataset {
		return nil, fmt.Errorf("%w: expected the identity of %s, found that of %s", ErrWrongDataset, dataset.Short(), first.id.Short())
	}
	if err := first.checkSigners(nil); err != nil {
		return nil, err
	}
	c := &Chain{versions: []*SignedIdentity{first}}
	for _, v := range versions[1:] {
		next, err := c.Extend(v)
		if err != nil {
			return nil, err
		}
		c = next
	}
	return c, nil
}

// Extend returns the chain with one more version. It fails as [VerifyChain] does.
func (c *Chain) Extend(next *SignedIdentity) (*Chain, error) {
	if err := c.follows(next); err != nil {
		return nil, err
	}
	if err := next.checkSigners(c.Current()); err != nil {
		return nil, err
	}
	return &Chain{versions: append(slices.Clip(c.versions), next)}, nil
}

// follows checks that the version is the one after the newest, whoever signed it.
func (c *Chain) follows(next *SignedIdentity) error {
	last := c.versions[len(c.versions)-1]
	if next.identity.Version != last.identity.Version+1 {
		return fmt.Errorf("%w: version %d after version %d", ErrIdentityChain, next.identity.Version, last.identity.Version)
	}
	if next.identity.Previous != last.id {
		return fmt.Errorf("%w: version %d names %s as the one before, which is %s",
			ErrIdentityChain, next.identity.Version, next.identity.Previous.Short(), last.id.Short())
	}
	return nil
}

// Dataset returns the dataset's id.
func (c *Chain) Dataset() object.ID { return c.versions[0].id }

// Len returns the number of versions, which is that of the newest.
func (c *Chain) Len() int { return len(c.versions) }

// Current returns the newest version. The caller must not change it.
func (c *Chain) Current() *Identity { return c.versions[len(c.versions)-1].identity }

// CurrentID returns the id of the newest version.
func (c *Chain) CurrentID() object.ID { return c.versions[len(c.versions)-1].id }

// Versions returns all versions in order. The slice is the caller's.
func (c *Chain) Versions() []*SignedIdentity { return slices.Clone(c.versions) }

// Merge returns the chain with those of the versions that it lacks, in whatever
// order they come. It fails as [VerifyChain] does, or with a [*ForkError] if enough
// have signed a version although another one of its number is known.
func (c *Chain) Merge(versions []*SignedIdentity) (*Chain, error) {
	sorted := slices.Clone(versions)
	slices.SortStableFunc(sorted, func(a, b *SignedIdentity) int { return a.identity.Version - b.identity.Version })
	for _, v := range sorted {
		if n := v.identity.Version; n <= len(c.versions) {
			if c.versions[n-1].id == v.id {
				continue
			}
			return nil, c.rival(v)
		}
		next, err := c.Extend(v)
		if err != nil {
			return nil, err
		}
		c = next
	}
	return c, nil
}

// names checks that the chain has the version under which something was signed.
func (c *Chain) names(version int, id object.ID) error {
	if version > len(c.versions) {
		return fmt.Errorf("%w (version %d, known up to %d); fetch the identity first", ErrUnknownIdentity, version, len(c.versions))
	}
	if known := c.versions[version-1].id; known != id {
		return fmt.Errorf("%w: version %d is %s here and %s there", ErrWrongIdentity, version, known.Short(), id.Short())
	}
	return nil
}

// checkSigners checks who signed a version; before is nil for the first.
func (s *SignedIdentity) checkSigners(before *Identity) error {
	if err := s.checkStrangers(before); err != nil {
		return err
	}
	if n := s.consents(s.identity); n < s.identity.Threshold {
		return fmt.Errorf("%w: version %d of the identity needs %d of its maintainers, %d signed",
			ErrThreshold, s.identity.Version, s.identity.Threshold, n)
	}
	if before == nil {
		return nil
	}
	n := s.consents(before)
	if need := before.Recovery.Threshold; n >= before.Threshold || need > 0 && s.recoveries(before) >= need {
		return nil
	}
	return fmt.Errorf("%w: version %d of the identity needs %d maintainers of version %d, %d signed",
		ErrThreshold, s.identity.Version, before.Threshold, before.Version, n)
}

// checkStrangers refuses a signature by anybody who has no say in the version;
// before is nil for the first.
func (s *SignedIdentity) checkStrangers(before *Identity) error {
	voices := []*Identity{s.identity}
	if before != nil {
		voices = append(voices, before)
	}
	for i := range s.signatures {
		key := s.signatures[i].Key
		known := slices.ContainsFunc(voices, func(id *Identity) bool {
			p, ok := id.Person(key)
			return ok && p.Role == Maintainer
		})
		if !known && (before == nil || !slices.Contains(before.Recovery.Keys, key)) {
			return fmt.Errorf("%w: %s signed version %d and is no maintainer", ErrIdentityChain, key.Short(), s.identity.Version)
		}
	}
	return nil
}

// consents counts the maintainers of the identity who signed: persons, not devices.
func (s *SignedIdentity) consents(id *Identity) int {
	n := 0
	for _, p := range id.People {
		if p.Role == Maintainer && slices.ContainsFunc(p.Devices, func(d Device) bool { return s.signedBy(d.Key) }) {
			n++
		}
	}
	return n
}

// recoveries counts the recovery keys of the version before that signed.
func (s *SignedIdentity) recoveries(before *Identity) int {
	n := 0
	for _, key := range before.Recovery.Keys {
		if s.signedBy(key) {
			n++
		}
	}
	return n
}

func (s *SignedIdentity) signedBy(key PeerID) bool {
	_, ok := s.signatureOf(key)
	return ok
}

// signatureOf returns where the key's signature stands or would stand.
func (s *SignedIdentity) signatureOf(key PeerID) (int, bool) {
	return slices.BinarySearchFunc(s.signatures, key, func(s Signature, k PeerID) int { return s.Key.Compare(k) })
}
