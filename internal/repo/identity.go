package repo

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// IdentityChange is a change to who may do what in the dataset, and how far it
// has come.
type IdentityChange struct {
	ID      object.ID
	Version int
	// InForce says that enough have signed: it holds from now on. Until then it is
	// a draft, which travels with fetches and pushes.
	InForce bool
	Words   []string // what changes, for people
	Consent refs.Consent
	// MaySign says that the change waits for this device's signature.
	MaySign bool
	// Mine says that this device has signed.
	Mine bool
}

// ChangeIdentity makes the next version of the identity: edit changes a copy of
// the current one, and this device signs it, as do the further keys. Where more
// signatures are needed it becomes a draft for the others. It fails with edit's
// error, with [ErrNoSay] if nobody who signs has a say, with [ErrSigned], with
// [ErrUnchanged], [ErrRestored], or with an error that wraps [refs.ErrInvalidIdentity]
// or [refs.ErrSignedOther].
func (r *Repo) ChangeIdentity(ctx context.Context, edit func(*refs.Identity) error, further ...crypto.Signer) (*IdentityChange, error) {
	if err := r.catchUp(ctx); err != nil {
		return nil, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	next, err := chain.Current().Next(r.o.Now())
	if err != nil {
		return nil, err
	}
	if err := edit(next); err != nil {
		return nil, err
	}
	words := identityWords(chain.Current(), next)
	if len(words) == 0 {
		return nil, fmt.Errorf("%w: the identity says that already", ErrUnchanged)
	}
	signed, err := refs.SignIdentity(next)
	if err != nil {
		return nil, err
	}
	return r.signVersion(ctx, chain, signed, further)
}

// ApproveIdentity signs a draft, which is named by the first digits of its id, or
// by "" if only one waits for this device. It fails with [ErrUnknownRevision] if
// there is none, [ErrAmbiguous], or as [Repo.ChangeIdentity] does.
func (r *Repo) ApproveIdentity(ctx context.Context, name string, further ...crypto.Signer) (*IdentityChange, error) {
	if err := r.catchUp(ctx); err != nil {
		return nil, err
	}
	draft, err := r.draft(ctx, name)
	if err != nil {
		return nil, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	return r.signVersion(ctx, chain, draft.SignedIdentity, further)
}

// DeclineIdentity drops a draft for good, which is named as in
// [Repo.ApproveIdentity]. A signature that was given to it stays with the others. The
// name may also be that of a version in [Trust.Forks], which is not to be followed, or
// of a change that this device has signed and nobody has any more.
func (r *Repo) DeclineIdentity(ctx context.Context, name string) (object.ID, error) {
	id, err := r.undesired(ctx, name)
	if err != nil {
		return object.ID{}, err
	}
	if id.IsZero() {
		draft, err := r.draft(ctx, name)
		if err != nil {
			return object.ID{}, err
		}
		id = draft.ID()
	}
	return id, r.refs.Decline(ctx, id)
}

// undesired finds the version that a name means and that is no draft; zero if there is none.
func (r *Repo) undesired(ctx context.Context, name string) (object.ID, error) {
	if _, err := r.signer(ctx); err != nil {
		return object.ID{}, err
	}
	lost, err := r.refs.LostVersion(ctx)
	if err != nil {
		return object.ID{}, err
	}
	forks, err := r.refs.Forks(ctx)
	if err != nil {
		return object.ID{}, err
	}
	candidates := []object.ID{lost}
	for _, f := range forks {
		candidates = append(candidates, f.ID())
	}
	var found object.ID
	for _, id := range candidates {
		if id.IsZero() || len(name) < leastKey || !strings.HasPrefix(id.String(), name) {
			continue
		}
		if !found.IsZero() {
			return object.ID{}, fmt.Errorf("%w: several changes to the identity begin with %s", ErrAmbiguous, name)
		}
		found = id
	}
	return found, nil
}

// IdentityDrafts returns the changes that wait for signatures.
func (r *Repo) IdentityDrafts(ctx context.Context) ([]IdentityChange, error) {
	drafts, err := r.refs.Drafts(ctx)
	if err != nil || len(drafts) == 0 {
		return nil, err
	}
	key, err := r.speaker(ctx)
	if err != nil {
		return nil, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	var list []IdentityChange
	for _, d := range drafts {
		list = append(list, describeDraft(chain, d, key))
	}
	return list, nil
}

func describeDraft(chain *refs.Chain, d refs.Draft, key refs.PeerID) IdentityChange {
	mine := slices.Contains(d.Signers(), key)
	return IdentityChange{
		ID: d.ID(), Version: d.Identity().Version, Words: identityWords(chain.Current(), d.Identity()), Consent: d.Consent,
		Mine: mine, MaySign: !mine && hasSay(chain.Current(), d.Identity(), key),
	}
}

// draft finds the draft that a name means.
func (r *Repo) draft(ctx context.Context, name string) (refs.Draft, error) {
	drafts, err := r.refs.Drafts(ctx)
	if err != nil {
		return refs.Draft{}, err
	}
	key, err := r.speaker(ctx)
	if err != nil {
		return refs.Draft{}, err
	}
	drafts = slices.DeleteFunc(drafts, func(d refs.Draft) bool {
		if name == "" {
			return slices.Contains(d.Signers(), key)
		}
		return !strings.HasPrefix(d.ID().String(), name)
	})
	switch {
	case len(drafts) == 1:
		return drafts[0], nil
	case len(drafts) > 1:
		return refs.Draft{}, fmt.Errorf("%w: %d changes to the identity fit", ErrAmbiguous, len(drafts))
	case name == "":
		return refs.Draft{}, fmt.Errorf("%w waits for your signature", ErrNoDraft)
	}
	return refs.Draft{}, fmt.Errorf("%w with the id %s waits for signatures", ErrNoDraft, name)
}

// hasSay reports whether the key's signature counts for a next version.
func hasSay(before, next *refs.Identity, key refs.PeerID) bool {
	for _, id := range []*refs.Identity{before, next} {
		if p, ok := id.Person(key); ok && p.Role == refs.Maintainer {
			return true
		}
	}
	return slices.Contains(before.Recovery.Keys, key)
}

// signVersion adds the signatures of this device and the further keys, those that
// have a say, and takes or keeps the version.
func (r *Repo) signVersion(ctx context.Context, chain *refs.Chain, v *refs.SignedIdentity, further []crypto.Signer) (*IdentityChange, error) {
	device, err := r.signer(ctx)
	if err != nil {
		return nil, err
	}
	if err := r.signedNoOther(ctx, v.ID()); err != nil {
		return nil, err
	}
	say, before := false, len(v.Signers())
	for _, signer := range append([]crypto.Signer{r.sign, device}, further...) {
		key, err := signerID(signer)
		if err != nil {
			return nil, err
		}
		if !hasSay(chain.Current(), v.Identity(), key) {
			continue
		}
		say = true
		if v, err = v.Sign(signer); err != nil {
			return nil, err
		}
	}
	if !say {
		return nil, fmt.Errorf("%w; these are: %s", ErrNoSay, strings.Join(maintainersOf(chain.Current()), ", "))
	}
	if len(v.Signers()) == before {
		return nil, fmt.Errorf("%w: your signature stands under it already", ErrUnchanged)
	}
	done, err := r.refs.Amend(ctx, v)
	if err != nil {
		return nil, err
	}
	consent, err := chain.Consent(v)
	if err != nil {
		return nil, err
	}
	change := describeDraft(chain, refs.Draft{SignedIdentity: v, Consent: consent}, r.speakerID)
	change.InForce = done
	return &change, nil
}

// catchUp makes sure that a copy that was put back from a backup signs no version of
// the identity beside one that it signed since. It fails with [ErrRestored].
func (r *Repo) catchUp(ctx context.Context) error {
	if err := r.readyToSign(ctx); err != nil {
		return err
	}
	if r.restored != nil && len(r.restored.Asked) == 0 && len(r.restored.Silent) > 0 {
		return ErrRestored
	}
	return nil
}

// signedNoOther fails with [ErrSigned] if this device has signed another draft.
func (r *Repo) signedNoOther(ctx context.Context, but object.ID) error {
	drafts, err := r.refs.Drafts(ctx)
	if err != nil {
		return err
	}
	for _, d := range drafts {
		if d.ID() != but && slices.Contains(d.Signers(), r.speakerID) {
			return fmt.Errorf("%w: %s", ErrSigned, d.ID().Short())
		}
	}
	return nil
}

func signerID(s crypto.Signer) (refs.PeerID, error) {
	public, ok := s.Public().(ed25519.PublicKey)
	if !ok {
		return refs.PeerID{}, fmt.Errorf("%w: a %T, expected an Ed25519 key", refs.ErrInvalidPeer, s.Public())
	}
	return refs.PeerIDFromKey(public)
}

func maintainersOf(id *refs.Identity) []string {
	var names []string
	for _, p := range id.People {
		if p.Role == refs.Maintainer {
			names = append(names, p.Name)
		}
	}
	return names
}

// Self returns the name of the person whose device this is. It fails with [ErrNoSay]
// if the identity does not list it.
func (r *Repo) Self(ctx context.Context, id *refs.Identity) (string, error) {
	key, err := r.speaker(ctx)
	if err != nil {
		return "", err
	}
	if p, ok := id.Person(key); ok {
		return p.Name, nil
	}
	device, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return "", err
	}
	if p, ok := id.Person(device.PeerID()); ok {
		return p.Name, nil
	}
	return "", fmt.Errorf("%w, and the dataset does not know this device", ErrNoSay)
}
