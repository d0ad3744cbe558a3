package repo

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
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

// FindPerson returns the position of the person of that name, or who has the key that
// begins so, among the people. It fails with [ErrNoPerson].
func FindPerson(id *refs.Identity, text string) (int, error) {
	for i, p := range id.People {
		if p.Name == text {
			return i, nil
		}
	}
	person, _, err := findDevice(id, text)
	if errors.Is(err, ErrNoDevice) {
		var names []string
		for _, p := range id.People {
			names = append(names, p.Name)
		}
		return 0, fmt.Errorf("%w %q; there are: %s", ErrNoPerson, text, strings.Join(names, ", "))
	}
	return person, err
}

// leastKey is how many characters of a key name it.
const leastKey = 6

// findDevice returns the positions of the one device whose key begins as the text
// says, or which is called so.
func findDevice(id *refs.Identity, text string) (person, device int, err error) {
	found := 0
	for i, p := range id.People {
		for j, d := range p.Devices {
			if d.Name == text || len(text) >= leastKey && strings.HasPrefix(d.Key.String(), text) {
				person, device = i, j
				found++
			}
		}
	}
	switch found {
	case 0:
		return 0, 0, fmt.Errorf("%w %q", ErrNoDevice, text)
	case 1:
		return person, device, nil
	}
	return 0, 0, fmt.Errorf("%w: %d devices fit %q; write more of the key", ErrAmbiguous, found, text)
}

// AddPerson lists somebody new. It fails with [ErrExists] if the name or the key
// is taken.
func AddPerson(id *refs.Identity, p refs.Person) error {
	for _, known := range id.People {
		if known.Name == p.Name {
			return fmt.Errorf("%s is listed: %w; a further device of theirs is added with: constl device add KEY --person NAME", p.Name, ErrExists)
		}
		for _, d := range p.Devices {
			if slices.ContainsFunc(known.Devices, func(k refs.Device) bool { return k.Key == d.Key }) {
				return fmt.Errorf("the key %s is one of %s: %w", d.Key.Short(), known.Name, ErrExists)
			}
		}
	}
	id.People = append(id.People, p)
	return nil
}

// RemovePerson takes a person from the identity, with all their devices, whose
// logs end with what is known of them here. A threshold that the others cannot
// reach is lowered to what they can.
func (r *Repo) RemovePerson(ctx context.Context, id *refs.Identity, text string) error {
	i, err := FindPerson(id, text)
	if err != nil {
		return err
	}
	p := id.People[i]
	for _, d := range p.Devices {
		if err := r.closeLogs(ctx, id, d.Key); err != nil {
			return err
		}
	}
	id.People = slices.Delete(id.People, i, i+1)
	dropFromRules(id, p.Name)
	return fitThresholds(id)
}

// SetRole makes a person a maintainer, contributor or reader.
func SetRole(id *refs.Identity, text string, role refs.Role) error {
	i, err := FindPerson(id, text)
	if err != nil {
		return err
	}
	id.People[i].Role = role
	return fitThresholds(id)
}

// dropFromRules takes a name out of all rules; a rule that lists nobody else goes.
func dropFromRules(id *refs.Identity, name string) {
	id.Rules = slices.DeleteFunc(id.Rules, func(rule refs.Rule) bool {
		return slices.Equal(rule.Listed, []string{name})
	})
	for i := range id.Rules {
		rule := &id.Rules[i]
		rule.Listed = slices.DeleteFunc(slices.Clone(rule.Listed), func(n string) bool { return n == name })
	}
}

// fitThresholds lowers what fewer people than before can reach. It fails with
// [ErrLastMaintainer].
func fitThresholds(id *refs.Identity) error {
	n := len(maintainersOf(id))
	if n == 0 {
		return ErrLastMaintainer
	}
	id.Threshold = min(id.Threshold, n)
	for i := range id.Rules {
		rule := &id.Rules[i]
		voices := 0
		for _, p := range id.People {
			if rule.MaySign(p) {
				voices++
			}
		}
		rule.Threshold = max(1, min(rule.Threshold, voices))
	}
	return nil
}

// closeLogs ends every log of a device with the newest statement that is known of it.
func (r *Repo) closeLogs(ctx context.Context, id *refs.Identity, key refs.PeerID) error {
	view, err := r.refs.View(ctx)
	if err != nil {
		return err
	}
	for _, log := range view.Peer(key).Logs {
		closed := slices.ContainsFunc(id.Closed, func(c refs.Closing) bool { return c.Log == log.ID })
		if closed || log.Head == nil {
			continue
		}
		id.Closed = append(id.Closed, refs.Closing{Log: log.ID, Seq: log.Head.Statement().Seq, Statement: log.Head.ID()})
	}
	return nil
}

// AddDevice lists a further device of a person.
func AddDevice(id *refs.Identity, person string, d refs.Device) error {
	i, err := FindPerson(id, person)
	if err != nil {
		return err
	}
	if p, ok := id.Person(d.Key); ok {
		return fmt.Errorf("the key %s is one of %s: %w", d.Key.Short(), p.Name, ErrExists)
	}
	id.People[i].Devices = append(slices.Clone(id.People[i].Devices), d)
	return nil
}

// RemoveDevice takes a device from its person, and ends its logs with what is known
// of them here: what it signs from now on counts nowhere. It fails with
// [ErrNoDevice], or with [ErrLastDevice] if it is the person's only one.
func (r *Repo) RemoveDevice(ctx context.Context, id *refs.Identity, text string) error {
	i, j, err := findDevice(id, text)
	if err != nil {
		return err
	}
	p := &id.People[i]
	if len(p.Devices) == 1 {
		return fmt.Errorf("%w of %s", ErrLastDevice, p.Name)
	}
	if err := r.closeLogs(ctx, id, p.Devices[j].Key); err != nil {
		return err
	}
	p.Devices = slices.Delete(slices.Clone(p.Devices), j, j+1)
	return nil
}

// SetRule sets the rule for a pattern of refs; a threshold of 0 takes it away. No
// listed names means all maintainers.
func SetRule(id *refs.Identity, rule refs.Rule) error {
	if err := rule.Pattern.Check(); err != nil {
		return err
	}
	for k, name := range rule.Listed {
		i, err := FindPerson(id, name)
		if err != nil {
			return err
		}
		rule.Listed[k] = id.People[i].Name
	}
	i := slices.IndexFunc(id.Rules, func(known refs.Rule) bool { return known.Pattern == rule.Pattern })
	switch {
	case i < 0 && rule.Threshold == 0:
		return fmt.Errorf("%w: there is no rule for %s", ErrUnchanged, rule.Pattern)
	case rule.Threshold == 0:
		id.Rules = slices.Delete(id.Rules, i, i+1)
	case i < 0:
		id.Rules = append(id.Rules, rule)
	default:
		id.Rules[i] = rule
	}
	return nil
}

// SettleLog makes a device's log that split count again up to one statement: the
// one whose id begins with keep, or the last one that both histories share. The
// log is named by its id, or by the device's key if only one of its logs split. The device goes on in a
// new log by itself. It fails with [ErrNoDevice], [ErrAmbiguous] or [ErrUnchanged].
func (r *Repo) SettleLog(ctx context.Context, id *refs.Identity, name, keep string) error {
	view, err := r.refs.View(ctx)
	if err != nil {
		return err
	}
	var split []refs.Log
	for _, log := range view.Logs() {
		if log.Proof != nil && len(name) >= leastKey && strings.HasPrefix(log.ID.String(), name) {
			split = append(split, log)
		}
	}
	switch {
	case len(split) == 0:
		return fmt.Errorf("%w whose log begins with %q and split", ErrNoDevice, name)
	case len(split) > 1:
		return fmt.Errorf("%w: %d logs that split fit %q", ErrAmbiguous, len(split), name)
	}
	end, err := r.endOf(ctx, split[0], keep)
	if err != nil {
		return err
	}
	id.Closed = slices.DeleteFunc(slices.Clone(id.Closed), func(c refs.Closing) bool { return c.Log == end.Log })
	id.Closed = append(id.Closed, end)
	return nil
}

// endOf works out where a log that split is to end.
func (r *Repo) endOf(ctx context.Context, log refs.Log, keep string) (refs.Closing, error) {
	end := refs.Closing{Log: log.ID}
	pair := []*refs.SignedStatement{log.Proof.A, log.Proof.B}
	if keep != "" {
		i := slices.IndexFunc(pair, func(s *refs.SignedStatement) bool { return strings.HasPrefix(s.ID().String(), keep) })
		if i < 0 {
			return end, fmt.Errorf("%w: the two histories begin with %s and %s, none with %s",
				ErrUnknownRevision, pair[0].ID().Short(), pair[1].ID().Short(), keep)
		}
		end.Seq, end.Statement = pair[i].Statement().Seq, pair[i].ID()
		return end, nil
	}
	known, err := r.refs.Statements(ctx, log.ID, 0)
	if err != nil && !errors.Is(err, object.ErrNotFound) {
		return end, err
	}
	for _, s := range known {
		if s.Statement().Seq < log.Proof.A.Statement().Seq {
			end.Seq, end.Statement = s.Statement().Seq, s.ID()
		}
	}
	return end, nil
}
