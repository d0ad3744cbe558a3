package refs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/constl/constl/object"
)

// Limits of drafts (FORMAT.md §3.5).
const (
	MaxDrafts    = 8        // kept of one dataset, and passed on
	MaxDraftSize = 96 << 10 // bytes of one with its signatures
	// maxSolo bounds the drafts that one person alone of the version before has
	// signed, so that nobody takes the room of all others.
	maxSolo = 2
)

// Consent says how many of those who must agree to a next version of the
// identity have signed it. Persons are counted, not devices.
type Consent struct {
	Signed       []string // maintainers of the version before or of the next who signed, by name
	Before       int      // maintainers of the version before who signed,
	NeedBefore   int      // and how many must, unless the recovery keys stand in
	Next         int      // maintainers of the next version who signed,
	NeedNext     int      // and how many must
	Recovery     int      // recovery keys of the version before that signed
	NeedRecovery int      // how many stand in for its maintainers; 0 if there are none
}

// Enough reports whether the next version holds.
func (c Consent) Enough() bool {
	recovered := c.NeedRecovery > 0 && c.Recovery >= c.NeedRecovery
	return c.Next >= c.NeedNext && (c.Before >= c.NeedBefore || recovered)
}

// Draft is a next version of the identity that too few have signed so far.
type Draft struct {
	*SignedIdentity
	Consent Consent
}

// Consent checks that a version would follow the chain, that nobody signed who has no
// say, and that somebody signed who has one now, and says who did. It fails with
// an error that wraps [ErrIdentityChain].
func (c *Chain) Consent(next *SignedIdentity) (Consent, error) {
	if err := c.follows(next); err != nil {
		return Consent{}, err
	}
	before := c.Current()
	if err := next.checkStrangers(before); err != nil {
		return Consent{}, err
	}
	consent := Consent{
		Before: next.consents(before), NeedBefore: before.Threshold,
		Next: next.consents(next.identity), NeedNext: next.identity.Threshold,
		Recovery: next.recoveries(before), NeedRecovery: before.Recovery.Threshold,
	}
	if consent.Before+consent.Recovery == 0 {
		return Consent{}, fmt.Errorf("%w: no maintainer of version %d signed the draft of version %d",
			ErrIdentityChain, before.Version, next.identity.Version)
	}
	for _, id := range []*Identity{before, next.identity} {
		for _, key := range next.Signers() {
			if p, ok := id.Person(key); ok && p.Role == Maintainer && !slices.Contains(consent.Signed, p.Name) {
				consent.Signed = append(consent.Signed, p.Name)
			}
		}
	}
	slices.Sort(consent.Signed)
	return consent, nil
}

// Unite returns the version with the signatures of both. It fails with an error
// that wraps [ErrInvalidIdentity] if they are signatures of different versions.
func (s *SignedIdentity) Unite(other *SignedIdentity) (*SignedIdentity, error) {
	if s.id != other.id {
		return nil, fmt.Errorf("%w: %s and %s are different versions", ErrInvalidIdentity, s.id.Short(), other.id.Short())
	}
	c := *s
	c.signatures = slices.Clone(s.signatures)
	for _, sig := range other.signatures {
		if i, found := c.signatureOf(sig.Key); !found {
			c.signatures = slices.Insert(c.signatures, i, sig)
		}
	}
	if len(c.signatures) > maxSignatures {
		return nil, fmt.Errorf("%w: more than %d signatures", ErrInvalidIdentity, maxSignatures)
	}
	return &c, nil
}

// Drafts returns the next versions of the identity that wait for signatures, by
// their ids. A damaged one is left out: peers give it again.
func (s *Store) Drafts(_ context.Context) ([]Draft, error) {
	names, err := s.disk.names(draftsDir)
	if err != nil {
		return nil, fmt.Errorf("refs: listing drafts: %w", err)
	}
	chain, err := s.Chain()
	if err != nil {
		return nil, err
	}
	var drafts []Draft
	for _, name := range names {
		d, err := s.readDraft(name)
		if errors.Is(err, fs.ErrNotExist) || isDamage(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("refs: reading a draft: %w", err)
		}
		// One that does not follow the chain any more is swept by the next writer.
		if consent, err := chain.Consent(d); err == nil {
			drafts = append(drafts, Draft{d, consent})
		}
	}
	return drafts, nil
}

func (s *Store) readDraft(name string) (*SignedIdentity, error) {
	data, err := s.disk.readSealed(draftsDir+"/"+name, MaxDraftSize)
	if err != nil {
		return nil, err
	}
	return DecodeSignedIdentity(data)
}

// Amend takes a next version of the identity. If enough have signed it, with the
// signatures that were known before, it holds from now on, and Amend returns
// true; otherwise it is kept as a draft, which others are to sign. It fails as
// [Chain.Consent] does, or with an error that wraps [ErrDrafts] or [ErrSignedOther].
func (s *Store) Amend(ctx context.Context, next *SignedIdentity) (bool, error) {
	lost, err := s.LostVersion(ctx)
	if err != nil {
		return false, err
	}
	if !lost.IsZero() && lost != next.id {
		return false, fmt.Errorf("%w: %s", ErrSignedOther, lost)
	}
	if _, err := s.Import(ctx, Incoming{Drafts: []*SignedIdentity{next}}); err != nil {
		return false, err
	}
	chain, err := s.Chain()
	if err != nil {
		return false, err
	}
	done := chain.CurrentID() == next.id
	if !done {
		if _, err := chain.Consent(next); err != nil {
			return false, err
		}
		if _, err := s.readDraft(next.id.String()); err != nil {
			return false, fmt.Errorf("%w: at most %d are kept, and %d that one person alone signed", ErrDrafts, MaxDrafts, maxSolo)
		}
	}
	return done, s.noteVersion(ctx, chain, next)
}

// Decline drops a draft and takes it from nobody again. Of a version that proves that
// the identity has two histories it notes that it is not the one to follow, and of one
// that this device has signed and nobody has any more that it is given up. It fails
// with an error that wraps [object.ErrNotFound] if there is none of these.
func (s *Store) Decline(ctx context.Context, version object.ID) error {
	unlock, err := s.disk.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	lost, err := s.LostVersion(ctx)
	if err != nil {
		return err
	}
	_, draftErr := os.Stat(s.disk.path(draftsDir + "/" + version.String()))
	_, forkErr := os.Stat(s.disk.path(forksDir + "/" + version.String()))
	if draftErr != nil && forkErr != nil && lost != version {
		return fmt.Errorf("refs: declining %s: %w", version.Short(), errors.Join(object.ErrNotFound, draftErr))
	}
	if err := s.disk.replace(declinedDir+"/"+version.String(), nil); err != nil {
		return fmt.Errorf("refs: declining %s: %w", version.Short(), err)
	}
	return s.disk.remove(draftsDir + "/" + version.String())
}

// drafting is what becomes of drafts in an import.
type drafting struct {
	chain    *Chain // with the draft that became a version, if one did
	keep     map[object.ID]Draft
	changed  []object.ID // of keep: to be written
	declined []string
	left     int // drafts for which there is no room
}

// uniteDrafts puts what came together with what is known, and finds out whether
// one has become a version. A draft that follows another version is of no use
// any more, or not yet; one that breaks a rule is an error.
func (s *Store) uniteDrafts(ctx context.Context, chain *Chain, incoming []*SignedIdentity) (*drafting, error) {
	known, err := s.Drafts(ctx)
	if err != nil {
		return nil, err
	}
	d := &drafting{chain: chain, keep: make(map[object.ID]Draft)}
	if d.declined, err = s.disk.names(declinedDir); err != nil {
		return nil, fmt.Errorf("refs: listing declined drafts: %w", err)
	}
	for _, k := range known {
		if chain.follows(k.SignedIdentity) == nil {
			d.keep[k.id] = k
		}
	}
	for _, v := range incoming {
		if v.identity.Version != chain.Len()+1 || v.identity.Previous != chain.CurrentID() {
			continue
		}
		if err := d.add(v); err != nil {
			return nil, err
		}
	}
	for _, id := range d.changed {
		if k := d.keep[id]; k.Consent.Enough() {
			d.chain, err = chain.Extend(k.SignedIdentity)
			d.keep, d.changed = nil, nil
			return d, err
		}
	}
	return d, nil
}

func (d *drafting) add(v *SignedIdentity) error {
	consent, err := d.chain.Consent(v)
	if err != nil {
		return err
	}
	known, ok := d.keep[v.id]
	switch {
	case ok:
		if v, err = known.Unite(v); err != nil {
			return err
		}
		if len(v.signatures) == len(known.signatures) {
			return nil
		}
		if consent, err = d.chain.Consent(v); err != nil {
			return err
		}
	case !consent.Enough() && (slices.Contains(d.declined, v.id.String()) || !d.room(consent) || len(v.Encode()) > MaxDraftSize):
		d.left++
		return nil
	}
	d.keep[v.id] = Draft{v, consent}
	d.changed = append(d.changed, v.id)
	return nil
}

// room reports whether one more draft may be kept.
func (d *drafting) room(c Consent) bool {
	solo := 0
	for _, k := range d.keep {
		if len(c.Signed) == 1 && slices.Equal(k.Consent.Signed, c.Signed) {
			solo++
		}
	}
	return len(d.keep) < MaxDrafts && solo < maxSolo
}

// writeDrafts stores the drafts that changed and removes those that are over.
func (s *Store) writeDrafts(d *drafting) error {
	for _, id := range d.changed {
		if err := s.disk.replaceSealed(draftsDir+"/"+id.String(), d.keep[id].Encode()); err != nil {
			return fmt.Errorf("refs: storing a draft: %w", err)
		}
	}
	names, err := s.disk.names(draftsDir)
	if err != nil {
		return fmt.Errorf("refs: listing drafts: %w", err)
	}
	for _, name := range names {
		id, err := object.ParseID(name)
		if err != nil {
			continue
		}
		if _, ok := d.keep[id]; !ok {
			if err := s.disk.remove(draftsDir + "/" + name); err != nil {
				return fmt.Errorf("refs: removing a draft that is over: %w", err)
			}
		}
	}
	return nil
}
