package transport

import (
	"context"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// Local is a [Dataset] made of a store of objects and one of refs. Its fields are
// set before its first use and not changed after.
type Local struct {
	Store object.Store
	Refs  *refs.Store
	// Accept decides whether a peer's push is taken. It is called with what the
	// peer offers, after every signature and the chain of identities were found
	// valid. An error should wrap [ErrNotAllowed] and give the reason, which the
	// peer is shown. Nil means [MaintainersOnly].
	Accept func(ctx context.Context, peer refs.PeerID, identity *refs.Identity, offer *Offer) error
	// Room is as in [Plan], for what peers push.
	Room func(bytes int64) error
	// Proposals says which proposals are taken; nil takes none.
	Proposals *Proposals
	// Gone, if not nil, is closed when the dataset is served no more, or otherwise than before.
	Gone <-chan struct{}
	// Book knows who else serves the dataset; nil knows nobody.
	Book ContactBook
}

var (
	_ PeerDataset = (*Local)(nil)
	_ ContactBook = (*Local)(nil)
	_ Watchable   = (*shown)(nil)
)

// MaintainersOnly accepts a push if the peer and everybody whose statements it
// brings are maintainers. Who is to become one may bring their signature under
// that change, and nothing else. Otherwise it fails with an error that wraps [ErrNotAllowed].
func MaintainersOnly(_ context.Context, peer refs.PeerID, identity *refs.Identity, offer *Offer) error {
	consents := func(d *refs.SignedIdentity) bool {
		return isMaintainer(d.Identity(), peer) && slices.Contains(d.Signers(), peer)
	}
	if !isMaintainer(identity, peer) && !slices.ContainsFunc(offer.Drafts, consents) {
		return fmt.Errorf("%w: only maintainers may push here, and %s is none", ErrNotAllowed, peer.Short())
	}
	for _, s := range offer.Statements {
		if signer := s.Statement().Log.Signer; !isMaintainer(identity, signer) {
			return fmt.Errorf("%w: only maintainers' refs are taken here, and %s is none", ErrNotAllowed, signer.Short())
		}
	}
	return nil
}

func isMaintainer(identity *refs.Identity, peer refs.PeerID) bool {
	p, ok := identity.Person(peer)
	return ok && p.Role == refs.Maintainer
}

// Objects implements [Dataset].
func (l *Local) Objects() object.Reader { return l.Store }

// Identities implements [Dataset].
func (l *Local) Identities(context.Context) ([]*refs.SignedIdentity, error) {
	chain, err := l.Refs.Chain()
	if err != nil {
		return nil, err
	}
	return chain.Versions(), nil
}

// Heads implements [Dataset]. A log whose file is damaged is left out.
func (l *Local) Heads(ctx context.Context) ([]*refs.SignedStatement, error) {
	view, err := l.Refs.View(ctx)
	if err != nil {
		return nil, err
	}
	return headsOf(view, func(*refs.SignedStatement) bool { return true }), nil
}

func headsOf(view *refs.View, wanted func(*refs.SignedStatement) bool) []*refs.SignedStatement {
	var heads []*refs.SignedStatement
	for _, log := range view.Logs() {
		if log.Head != nil && log.Damaged == nil && wanted(log.Head) {
			heads = append(heads, log.Head)
		}
	}
	return heads
}

// Since implements [Dataset].
func (l *Local) Since(ctx context.Context, log refs.LogID, seq uint64) ([]*refs.SignedStatement, error) {
	return l.Refs.Statements(ctx, log, seq)
}

// Proofs implements [Dataset].
func (l *Local) Proofs(ctx context.Context) ([]refs.Equivocation, error) {
	view, err := l.Refs.View(ctx)
	if err != nil {
		return nil, err
	}
	return view.Equivocations(), nil
}

// Drafts implements [Dataset]: first what proves that the identity has two histories,
// then the drafts, as many as an offer may hold.
func (l *Local) Drafts(ctx context.Context) ([]*refs.SignedIdentity, error) {
	forks, err := l.Refs.Forks(ctx)
	if err != nil {
		return nil, err
	}
	drafts, err := l.Refs.Drafts(ctx)
	if err != nil {
		return nil, err
	}
	var list []*refs.SignedIdentity
	for _, f := range forks {
		if len(f.Encode()) <= refs.MaxDraftSize {
			list = append(list, f.SignedIdentity)
		}
	}
	for _, d := range drafts {
		list = append(list, d.SignedIdentity)
	}
	return list[:min(len(list), refs.MaxDrafts)], nil
}

// Changes implements [Watchable]. It tells of what other processes write, too.
func (l *Local) Changes(ctx context.Context) <-chan struct{} {
	changes := l.Refs.Changes(ctx)
	if l.Gone == nil {
		return changes
	}
	until := make(chan struct{}, 1)
	go func() {
		defer close(until)
		for {
			select {
			case <-changes:
			case <-l.Gone:
				return
			case <-ctx.Done():
				return
			}
			select {
			case until <- struct{}{}:
			default: // it has not been heard of the last one yet
			}
		}
	}()
	return until
}

// KnownLogs returns what a [SyncRequest] says of the logs that are known.
func (l *Local) KnownLogs(ctx context.Context) ([]KnownLog, error) {
	heads, err := l.Heads(ctx)
	if err != nil {
		return nil, err
	}
	known := make([]KnownLog, 0, len(heads))
	for _, h := range heads[:min(len(heads), MaxLogs)] {
		s := h.Statement()
		known = append(known, KnownLog{Log: s.Log, Seq: s.Seq, Statement: h.ID()})
	}
	return known, nil
}

// Haves returns the commits that refs point to, through tags, each once: held
// with everything they link to, unless the store is damaged. It returns at most
// [MaxHaves], this copy's own first.
func (l *Local) Haves(ctx context.Context) ([]object.ID, error) {
	view, err := l.Refs.View(ctx)
	if err != nil {
		return nil, err
	}
	var statements []*refs.SignedStatement
	if _, own := view.Own(); own != nil {
		statements = append(statements, own)
	}
	for _, log := range view.Logs() {
		if log.Head != nil {
			statements = append(statements, log.Head)
		}
	}
	return havesOf(ctx, l.Store, statements)
}

// havesOf returns the commits that the statements lead to and that are held, at
// most [MaxHaves].
func havesOf(ctx context.Context, objects object.Reader, statements []*refs.SignedStatement) ([]object.ID, error) {
	seen := make(map[object.ID]bool)
	var haves []object.ID
	for _, id := range Targets(statements, everything()) {
		commit, err := peel(ctx, objects, id)
		if err != nil {
			return nil, err
		}
		if !commit.IsZero() && !seen[commit] && len(haves) < MaxHaves {
			seen[commit] = true
			haves = append(haves, commit)
		}
	}
	return haves, nil
}

// peel follows tags to their commit. It returns zero if there is none or it is not held.
func peel(ctx context.Context, r object.Reader, id object.ID) (object.ID, error) {
	for range 8 {
		held, err := r.Has(ctx, id)
		if err != nil || !held {
			return object.ID{}, err
		}
		o, err := r.Get(ctx, id)
		if err != nil {
			return object.ID{}, fmt.Errorf("reading what a ref points to: %w", err)
		}
		if o.Kind() == object.KindCommit {
			return id, nil
		}
		links, err := object.Links(o)
		if err != nil || o.Kind() != object.KindTag || len(links) == 0 {
			return object.ID{}, err
		}
		id = links[0]
	}
	return object.ID{}, nil
}

// Contacts implements [ContactBook].
func (l *Local) Contacts(ctx context.Context) ([]*refs.Contact, error) {
	if l.Book == nil {
		return nil, nil
	}
	return l.Book.Contacts(ctx)
}

// Meet implements [ContactBook].
func (l *Local) Meet(ctx context.Context, own *refs.Contact) error {
	if l.Book == nil {
		return nil
	}
	return l.Book.Meet(ctx, own)
}

// Receive implements [Dataset].
func (l *Local) Receive(_ context.Context, peer refs.PeerID) (Sink, error) {
	accept := l.Accept
	if accept == nil {
		accept = MaintainersOnly
	}
	sink := &pushSink{proposals: l.Proposals, peer: peer}
	sink.LocalSink = LocalSink{
		Objects: l.Store,
		Refs:    l.Refs,
		Room:    l.Room,
		Accept: func(ctx context.Context, identity *refs.Identity, offer *Offer) error {
			return accept(ctx, peer, identity, offer)
		},
	}
	return sink, nil
}

// For implements [PeerDataset]: a peer is not shown the proposals of others unless
// it is one of those who decide about them.
func (l *Local) For(peer refs.PeerID) Dataset { return &shown{l, peer} }

// shown is a dataset as one peer may see it.
type shown struct {
	*Local
	peer refs.PeerID
}

// Heads implements [Dataset].
func (s *shown) Heads(ctx context.Context) ([]*refs.SignedStatement, error) {
	view, err := s.Refs.View(ctx)
	if err != nil {
		return nil, err
	}
	return headsOf(view, func(head *refs.SignedStatement) bool { return view.Shows(head, s.peer) }), nil
}
