package transport

import (
	"context"
	"fmt"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// told is what a peer knows of a dataset besides its objects: what it named in its
// request, and what it was sent since. It is for one goroutine.
type told struct {
	identities uint64 // the newest version
	logs       map[refs.LogID]KnownLog
	proofs     map[refs.LogID]struct{}
	drafts     map[object.ID]struct{} // hashes of drafts with their signatures
	contacts   map[refs.PeerID]int64  // when those that it was last sent were signed
}

// tellAfter returns what the sender of a request knows.
func tellAfter(m *syncMessage) told {
	t := told{
		identities: m.identities, logs: make(map[refs.LogID]KnownLog, len(m.logs)),
		proofs: make(map[refs.LogID]struct{}), drafts: make(map[object.ID]struct{}),
	}
	for _, k := range m.logs {
		t.logs[k.Log] = k
	}
	m.logs = nil
	return t
}

// know takes what the peer says it knows, if that is newer than what it was known to
// know, and reports whether it was.
func (t *told) know(k KnownLog) bool {
	old, ok := t.logs[k.Log]
	if ok && old.Seq >= k.Seq || !ok && len(t.logs) >= MaxLogs {
		return false
	}
	t.logs[k.Log] = k
	return true
}

// offer returns what the dataset has that the peer does not know, and the identity as
// it stands.
func (t *told) offer(ctx context.Context, ds Dataset) (*Offer, *refs.Identity, error) {
	o := &Offer{}
	var err error
	if o.Statements, err = t.newer(ctx, ds); err != nil {
		return nil, nil, fmt.Errorf("reading statements: %w", err)
	}
	proofs, err := ds.Proofs(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading equivocations: %w", err)
	}
	for _, p := range proofs {
		if _, known := t.proofs[p.Log()]; !known && len(o.Proofs) < MaxProofs {
			o.Proofs = append(o.Proofs, p)
		}
	}
	drafts, err := ds.Drafts(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading drafts of the identity: %w", err)
	}
	for _, d := range drafts {
		if _, known := t.drafts[object.Sum(d.Encode())]; !known && len(o.Drafts) < refs.MaxDrafts {
			o.Drafts = append(o.Drafts, d)
		}
	}
	// The identities come last: whatever the statements were signed under is then among them.
	identities, err := ds.Identities(ctx)
	if err != nil || len(identities) == 0 {
		return nil, nil, fmt.Errorf("reading the identity: %w", err)
	}
	o.Identities = identities[min(t.identities, uint64(len(identities))):]
	return o, identities[len(identities)-1].Identity(), nil
}

// unmet returns those of the contacts that the peer was not sent in this form, and takes
// all of them for sent.
func (t *told) unmet(list []*refs.Contact) []*refs.Contact {
	all := make(map[refs.PeerID]int64, len(list))
	var fresh []*refs.Contact
	for _, c := range list {
		if at, sent := t.contacts[c.Peer()]; !sent || at != c.Time() {
			fresh = append(fresh, c)
		}
		all[c.Peer()] = c.Time()
	}
	t.contacts = all
	return fresh
}

// sent notes that the peer was sent an offer.
func (t *told) sent(o *Offer) {
	for _, v := range o.Identities {
		t.identities = max(t.identities, uint64(v.Identity().Version))
	}
	for _, s := range o.Statements {
		st := s.Statement()
		t.logs[st.Log] = KnownLog{Log: st.Log, Seq: st.Seq, Statement: s.ID()}
	}
	for _, p := range o.Proofs {
		t.proofs[p.Log()] = struct{}{}
	}
	for _, d := range o.Drafts {
		t.drafts[object.Sum(d.Encode())] = struct{}{}
	}
}

// newer returns the statements that are not the known ones, oldest first within a
// log. One with the same sequence number and another id is among them: it proves
// that the log has split. What lies between the known one and the newest is left
// out if it would be too much.
func (t *told) newer(ctx context.Context, ds Dataset) ([]*refs.SignedStatement, error) {
	heads, err := ds.Heads(ctx)
	if err != nil {
		return nil, err
	}
	heads = heads[:min(len(heads), MaxLogs)]
	room := MaxLogs - len(heads)
	var list []*refs.SignedStatement
	for _, head := range heads {
		k, isKnown := t.logs[head.Statement().Log]
		seq := head.Statement().Seq
		switch {
		case isKnown && (seq < k.Seq || seq == k.Seq && head.ID() == k.Statement):
			continue
		case isKnown && seq > k.Seq+1:
			run, err := ds.Since(ctx, k.Log, k.Seq)
			if err != nil {
				return nil, err
			}
			if len(run) > 1 && len(run)-1 <= room && run[len(run)-1].ID() == head.ID() {
				room -= len(run) - 1
				list = append(list, run[:len(run)-1]...)
			}
		}
		list = append(list, head)
	}
	return list, nil
}
