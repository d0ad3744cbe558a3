package repo

import (
	"context"
	"crypto"
	"fmt"
	"slices"

	"github.com/constl/constl/internal/keyfile"
	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/refs"
)

// signer opens the device's key, which is made on first use, and makes the Repo
// ready to sign refs and commits: with that key, or with the one in an ssh-agent
// that the settings name. The device's key is the one that peers know it by.
func (r *Repo) signer(ctx context.Context) (*refs.Key, error) {
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil || r.signing {
		return key, err
	}
	sign, err := signingKey(ctx, r.settings, key)
	if err != nil {
		return nil, err
	}
	if r.refs, err = refs.Open(ctx, r.path(refsDir), r.refsOptions(sign)); err != nil {
		return nil, err
	}
	return key, r.signWith(sign)
}

// signWith notes the key with which refs was opened.
func (r *Repo) signWith(key crypto.Signer) (err error) {
	r.signing, r.sign = true, key
	r.speakerID, err = signerID(key)
	return err
}

// signingKey returns what signs: the device's key, unless the settings name one
// of the ssh-agent's.
func signingKey(ctx context.Context, s *settings.Settings, device *refs.Key) (crypto.Signer, error) {
	text, ok := s.Get(settings.SigningKey)
	if !ok {
		return device, nil
	}
	peer, err := refs.ParsePeerID(text)
	if err != nil {
		return nil, fmt.Errorf("the setting %s: %w", settings.SigningKey, err)
	}
	key, err := keyfile.FindAgentKey(ctx, peer)
	if err != nil {
		return nil, fmt.Errorf("the setting %s: %w", settings.SigningKey, err)
	}
	return key, nil
}

// speaker returns the key under which this device speaks in the dataset. No agent
// is asked for it.
func (r *Repo) speaker(ctx context.Context) (refs.PeerID, error) {
	if text, ok := r.settings.Get(settings.SigningKey); ok {
		return refs.ParsePeerID(text)
	}
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return refs.PeerID{}, err
	}
	return key.PeerID(), nil
}

// FormerKey returns the key by which the dataset still knows this device although
// it has a new one, or nil.
func (r *Repo) FormerKey(ctx context.Context) (*refs.Key, error) {
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return nil, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	if _, listed := chain.Current().Person(key.PeerID()); listed {
		return nil, nil
	}
	former, err := refs.FormerKeys(r.o.Home)
	if err != nil {
		return nil, err
	}
	for _, f := range former {
		if _, listed := chain.Current().Person(f.PeerID()); listed {
			return f, nil
		}
	}
	return nil, nil
}

// RotateKey gives this device a new key and tells the dataset: the new key takes
// the place of the old one, whose logs end, and this copy's refs go on in a new
// log. Where the device has a new key already and the dataset does not know it, it
// is told of that one. It fails with [ErrNoSay] if the device is no maintainer's,
// or as [Repo.ChangeIdentity] does; the new key stays, and another RotateKey goes on.
func (r *Repo) RotateKey(ctx context.Context) (*IdentityChange, error) {
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return nil, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	old, err := r.FormerKey(ctx)
	if err != nil {
		return nil, err
	}
	fresh := key
	if old == nil {
		old = key
		if fresh, err = refs.NewKey(); err != nil {
			return nil, err
		}
	}
	person, listed := chain.Current().Person(old.PeerID())
	if !listed || person.Role != refs.Maintainer {
		return nil, fmt.Errorf("%w: a maintainer gives this device its new key here", ErrNoSay)
	}
	if err := refs.ReplaceKey(ctx, r.o.Home, fresh); err != nil {
		return nil, err
	}
	r.signing = false // the store is to be opened with the new key
	return r.ChangeIdentity(ctx, func(id *refs.Identity) error {
		if err := r.closeLogs(ctx, id, old.PeerID()); err != nil {
			return err
		}
		i, j, err := findDevice(id, old.PeerID().String())
		if err != nil {
			return err
		}
		id.People[i].Devices = slices.Clone(id.People[i].Devices)
		id.People[i].Devices[j].Key = fresh.PeerID()
		return nil
	}, old)
}

// Recover puts this device in the place of all devices of a person who has lost
// them. The recovery keys sign it in the place of the maintainers. It fails as
// [Repo.ChangeIdentity] does.
func (r *Repo) Recover(ctx context.Context, person string, recovery ...crypto.Signer) (*IdentityChange, error) {
	speaker, err := r.speaker(ctx)
	if err != nil {
		return nil, err
	}
	return r.ChangeIdentity(ctx, func(id *refs.Identity) error {
		i, err := FindPerson(id, person)
		if err != nil {
			return err
		}
		name := ""
		for _, d := range id.People[i].Devices {
			if d.Key == speaker {
				name = d.Name
				continue
			}
			if err := r.closeLogs(ctx, id, d.Key); err != nil {
				return err
			}
		}
		id.People[i].Devices = []refs.Device{{Key: speaker, Name: name}}
		return nil
	}, recovery...)
}

// AddRecovery lists a recovery key.
func AddRecovery(id *refs.Identity, key refs.PeerID) error {
	if slices.Contains(id.Recovery.Keys, key) {
		return fmt.Errorf("%w: %s is a recovery key", ErrUnchanged, key.Short())
	}
	id.Recovery.Keys = append(slices.Clone(id.Recovery.Keys), key)
	id.Recovery.Threshold = max(1, id.Recovery.Threshold)
	return nil
}

// RemoveRecovery takes a recovery key away. It fails with [ErrNoDevice].
func RemoveRecovery(id *refs.Identity, text string) error {
	n := len(id.Recovery.Keys)
	id.Recovery.Keys = slices.DeleteFunc(slices.Clone(id.Recovery.Keys), func(k refs.PeerID) bool { return k.String() == text || len(text) >= leastKey && k.Short() == text })
	if len(id.Recovery.Keys) == n {
		return fmt.Errorf("%w %q among the recovery keys", ErrNoDevice, text)
	}
	id.Recovery.Threshold = min(id.Recovery.Threshold, len(id.Recovery.Keys))
	return nil
}
