package repo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// Trust is who has signed what in a dataset, and what follows from it.
type Trust struct {
	Versions []TrustVersion `json:"identity"`
	Forks    []TrustFork    `json:"forks"`
	Logs     []TrustLog     `json:"logs"`
	Refs     []TrustRef     `json:"refs"`
}

// TrustVersion is one version of the identity.
type TrustVersion struct {
	Version int       `json:"version"`
	ID      object.ID `json:"id"`
	Time    int64     `json:"time"`    // seconds since 1970, by its author's clock
	Signed  []string  `json:"signed"`  // names of the people, or keys of those who have none
	Changes []string  `json:"changes"` // in the version before
}

// TrustFork is a version of the identity that enough have signed although another one
// of its number is followed here.
type TrustFork struct {
	TrustVersion
	Followed object.ID `json:"followed"` // the version of that number that is followed here
	Settled  bool      `json:"settled"`  // somebody has decided here not to follow this one
}

// The states of a log.
const (
	LogCounts   = "counts"   // its newest statement
	LogEnded    = "ended"    // the identity ends it; a statement up to there counts, if any
	LogHeld     = "held"     // it or another log of its device split, and nothing counts until that is settled
	LogStranger = "stranger" // its device is not listed, so nothing of it counts
	LogDamaged  = "damaged"  // its file cannot be read
)

// TrustLog is what one device said of one copy.
type TrustLog struct {
	ID        string      `json:"log"`
	Device    refs.PeerID `json:"device"`
	Name      string      `json:"device_name"`
	Person    string      `json:"person"`
	Role      string      `json:"role"`
	State     string      `json:"state"`
	Seq       uint64      `json:"sequence"` // of the newest statement; 0 if none is known
	Statement object.ID   `json:"statement,omitzero"`
	Time      int64       `json:"time"` // of that, by the signer's clock
	// CountsTo is the number of the statement that counts; 0 if none does.
	CountsTo uint64 `json:"counts_to"`
	Own      bool   `json:"own"` // this copy's
	// Split holds the two statements that contradict each other.
	Split []SplitStatement `json:"split,omitempty"`
}

// SplitStatement is one of two statements that cannot both belong to a log.
type SplitStatement struct {
	ID   object.ID               `json:"statement"`
	Seq  uint64                  `json:"sequence"`
	Time int64                   `json:"time"`
	Refs map[refs.Name]object.ID `json:"refs"`
}

// TrustRef is where a ref stands.
type TrustRef struct {
	Name      refs.Name    `json:"name"`
	State     string       `json:"state"`
	Target    object.ID    `json:"target,omitzero"`
	Threshold int          `json:"threshold"`
	Persons   []string     `json:"persons"` // who spoke of it
	Said      []TrustVoice `json:"said"`
}

// TrustVoice is what one log says of a ref.
type TrustVoice struct {
	Person string      `json:"person"`
	Device refs.PeerID `json:"device"`
	Target object.ID   `json:"target"`
	Seq    uint64      `json:"sequence"`
	Time   int64       `json:"time"`
}

// Trust works out who has signed what: every version of the identity, every log,
// and where every ref stands.
func (r *Repo) Trust(ctx context.Context) (*Trust, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	forks, err := r.refs.Forks(ctx)
	if err != nil {
		return nil, err
	}
	t := &Trust{Versions: trustVersions(view.Chain()), Forks: trustForks(view.Chain(), forks)}
	own, _ := view.Own()
	for _, log := range view.Logs() {
		t.Logs = append(t.Logs, trustLog(view.Chain().Current(), log, own))
	}
	for _, name := range view.Names() {
		if name.Aside() {
			continue // constl proposals shows these
		}
		c, err := r.canonical(ctx, view, name)
		if err != nil {
			return nil, fmt.Errorf("working out where %s stands: %w", name, err)
		}
		t.Refs = append(t.Refs, trustRef(c))
	}
	return t, nil
}

// canonical works out where a ref stands. Tags have no ancestry: two different ones
// stand side by side.
func (r *Repo) canonical(ctx context.Context, view *refs.View, name refs.Name) (refs.Canonical, error) {
	return view.Canonical(name, func(a, b object.ID) (bool, error) {
		if !strings.HasPrefix(string(name), refs.HeadsPrefix) {
			return false, nil
		}
		return r.isAncestor(ctx, a, b)
	})
}

func trustVersions(chain *refs.Chain) []TrustVersion {
	var list []TrustVersion
	before := &refs.Identity{}
	for _, v := range chain.Versions() {
		list = append(list, trustVersion(before, v))
		before = v.Identity()
	}
	return list
}

func trustForks(chain *refs.Chain, forks []refs.Fork) []TrustFork {
	list := []TrustFork{}
	versions := chain.Versions()
	for _, f := range forks {
		n := f.Identity().Version
		list = append(list, TrustFork{trustVersion(versions[n-2].Identity(), f.SignedIdentity), versions[n-1].ID(), f.Settled})
	}
	return list
}

// trustVersion describes a version after the one before, which is empty for the first.
func trustVersion(before *refs.Identity, v *refs.SignedIdentity) TrustVersion {
	next := v.Identity()
	t := TrustVersion{Version: next.Version, ID: v.ID(), Time: next.Time, Signed: []string{}, Changes: []string{}}
	for _, key := range v.Signers() {
		name := key.Short()
		if slices.Contains(before.Recovery.Keys, key) {
			name = "the recovery key " + name
		}
		for _, id := range []*refs.Identity{before, next} {
			if p, ok := id.Person(key); ok {
				name = p.Name
			}
		}
		if !slices.Contains(t.Signed, name) {
			t.Signed = append(t.Signed, name)
		}
	}
	if next.Version > 1 {
		t.Changes = identityWords(before, next)
	}
	return t
}

func trustLog(id *refs.Identity, log refs.Log, own refs.LogID) TrustLog {
	t := TrustLog{ID: log.ID.String(), Device: log.ID.Signer, State: LogCounts, Own: log.ID == own}
	p, listed := id.Person(log.ID.Signer)
	if listed {
		t.Person, t.Role = p.Name, p.Role.String()
		i := slices.IndexFunc(p.Devices, func(d refs.Device) bool { return d.Key == log.ID.Signer })
		t.Name = p.Devices[i].Name
	}
	if log.Head != nil {
		st := log.Head.Statement()
		t.Seq, t.Statement, t.Time = st.Seq, log.Head.ID(), st.Time
	}
	if log.Counts != nil && listed {
		t.CountsTo = log.Counts.Statement().Seq
	}
	switch {
	case log.Damaged != nil:
		t.State = LogDamaged
	case log.Held:
		t.State = LogHeld
	case log.Ended:
		t.State = LogEnded
	case !listed:
		t.State = LogStranger
	}
	if log.Proof != nil {
		for _, s := range []*refs.SignedStatement{log.Proof.A, log.Proof.B} {
			st := s.Statement()
			t.Split = append(t.Split, SplitStatement{s.ID(), st.Seq, st.Time, st.Refs})
		}
	}
	return t
}

func trustRef(c refs.Canonical) TrustRef {
	t := TrustRef{Name: c.Name, State: c.State.String(), Target: c.Target, Threshold: c.Threshold, Persons: []string{}, Said: []TrustVoice{}}
	for _, cand := range c.Candidates {
		t.Said = append(t.Said, TrustVoice{cand.Person, cand.Log.Signer, cand.Target, cand.Seq, cand.Time})
		t.Persons = append(t.Persons, cand.Person)
	}
	slices.Sort(t.Persons)
	t.Persons = slices.Compact(t.Persons)
	return t
}
