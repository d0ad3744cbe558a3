package transport

import (
	"context"
	"fmt"
	"sync"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// Proposals says which proposals (FORMAT.md §4.5 of package refs) a [Local] takes
// of those that may make them. Its fields are set before its first use; a zero
// bound is none. It is safe for use by several goroutines.
type Proposals struct {
	// MaxOpen and MaxBytes bound the open proposals of one device: how many, and
	// the bytes of all objects that came with them, uncompressed.
	MaxOpen  int
	MaxBytes int64
	// MaxAllOpen and MaxAllBytes bound those of all devices.
	MaxAllOpen  int
	MaxAllBytes int64
	// Sizes returns the bytes that came with the proposals that are held. It may be nil.
	Sizes func() (map[refs.LogID]int64, error)
	// Check is asked when everything that a proposal needs is there, with a reader of
	// that; nothing of it is kept unless it agrees. An error should wrap
	// [ErrNotAllowed] or [ErrTooLarge] and give the reason, which the peer is shown.
	// It may be nil.
	Check func(ctx context.Context, objects object.ReadWriter, p refs.Proposal) error
	// Taken is told of a proposal that is kept now, and of how many bytes it
	// brought. The peer is shown its remark. It may be nil.
	Taken func(ctx context.Context, p refs.Proposal, bytes int64) (remark string, err error)

	mu sync.Mutex // held while proposals are counted and kept
}

// The names under which limits are told to those who hit them.
const (
	limitOpen     = "max-proposals"
	limitBytes    = "max-proposal-bytes"
	limitAllOpen  = "max-proposals-total"
	limitAllBytes = limitAllOpen
)

// admit decides whether a peer may make a proposal, and how many bytes it may bring.
func (o *Proposals) admit(view *refs.View, identity *refs.Identity, peer refs.PeerID, p refs.Proposal) (room int64, err error) {
	switch {
	case o == nil:
		return 0, fmt.Errorf("%w: no proposals are taken here; ask for the address of a maintainer who takes them", ErrNotAllowed)
	case !samePerson(identity, p.Log.Signer, peer):
		return 0, fmt.Errorf("%w: a proposal is taken from the device that signed it, and that is %s", ErrNotAllowed, p.Log.Signer.Short())
	case !identity.MayPropose(peer):
		return 0, fmt.Errorf("%w: only the people whom the maintainers have listed may propose to this dataset", ErrNotAllowed)
	case len(view.Answers(p)) > 0:
		return 0, fmt.Errorf("%w: this proposal was answered already; pull to see the answer", ErrNotAllowed)
	}
	return o.room(view, p)
}

// samePerson reports whether two keys are one, or those of one person of the identity,
// who may sign with another key than that of the device.
func samePerson(identity *refs.Identity, a, b refs.PeerID) bool {
	if a == b {
		return true
	}
	p, ok := identity.Person(a)
	q, also := identity.Person(b)
	return ok && also && p.Name == q.Name
}

// room counts what is held beside the proposal against the bounds.
func (o *Proposals) room(view *refs.View, p refs.Proposal) (int64, error) {
	sizes := map[refs.LogID]int64{}
	if o.Sizes != nil {
		var err error
		if sizes, err = o.Sizes(); err != nil {
			return 0, err
		}
	}
	var open, all int
	var bytes, allBytes int64
	for _, other := range view.Proposals() {
		if other.Log == p.Log || len(view.Answers(other)) > 0 {
			continue
		}
		all++
		allBytes += sizes[other.Log]
		if other.Log.Signer == p.Log.Signer {
			open++
			bytes += sizes[other.Log]
		}
	}
	switch {
	case o.MaxOpen > 0 && open >= o.MaxOpen:
		return 0, limitError(limitOpen, ErrTooLarge, "%d proposals of yours wait for an answer already, and no more are taken; withdraw one, or wait", open)
	case o.MaxAllOpen > 0 && all >= o.MaxAllOpen:
		return 0, limitError(limitAllOpen, ErrTooLarge, "%d proposals wait here, and no more are taken; try again when some were answered", all)
	case o.MaxAllBytes > 0 && allBytes >= o.MaxAllBytes:
		return 0, limitError(limitAllBytes, ErrTooLarge, "the proposals that wait here hold %d bytes, and no more are taken; try again when some were answered", allBytes)
	case o.MaxBytes > 0 && bytes >= o.MaxBytes:
		return 0, limitError(limitBytes, ErrTooLarge, "your proposals that wait here hold %d bytes, and no more are taken; withdraw one, or wait", bytes)
	case o.MaxBytes > 0:
		return o.MaxBytes - bytes, nil
	}
	return 0, nil
}

// pushSink takes what one peer pushes: statements of maintainers, or one proposal.
type pushSink struct {
	LocalSink
	proposals *Proposals
	peer      refs.PeerID

	proposal *refs.Proposal
	apart    *apart
	remark   string
}

var _ Sink = (*pushSink)(nil)

// Store implements [Sink]. The objects of a proposal are kept apart until it is taken.
func (s *pushSink) Store() object.Store {
	if s.apart != nil {
		return s.apart
	}
	return s.LocalSink.Store()
}

// Offered implements [Sink].
func (s *pushSink) Offered(ctx context.Context, offer *Offer) (*Plan, error) {
	view, err := s.Refs.View(ctx)
	if err != nil {
		return nil, err
	}
	p, withdrawn, err := proposed(view, offer)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return s.LocalSink.Offered(ctx, offer)
	}
	var room int64
	s.Accept = func(_ context.Context, identity *refs.Identity, _ *Offer) error {
		if withdrawn {
			if !samePerson(identity, p.Log.Signer, s.peer) {
				return fmt.Errorf("%w: only the device that made a proposal withdraws it", ErrNotAllowed)
			}
			return nil
		}
		var err error
		room, err = s.proposals.admit(view, identity, s.peer, *p)
		return err
	}
	plan, err := s.LocalSink.Offered(ctx, offer)
	if err != nil || withdrawn {
		return plan, err
	}
	s.proposal = p
	plan.MaxBytes, plan.Limit = room, limitBytes
	// What others propose is none of this peer's business.
	known := headsOf(view, func(head *refs.SignedStatement) bool { return view.Shows(head, s.peer) })
	if plan.Haves, err = havesOf(ctx, s.Objects, known); err != nil {
		return nil, err
	}
	s.apart, err = newApart(ctx, s.Objects)
	return plan, err
}

// proposed returns the proposal that an offer makes or withdraws, nil if it is
// about something else.
func proposed(view *refs.View, offer *Offer) (p *refs.Proposal, withdrawn bool, err error) {
	for _, signed := range offer.Statements {
		st := signed.Statement()
		found, ok := refs.ProposalOf(st)
		if !ok && len(st.Refs) == 0 {
			// It takes back what this log proposed, if it did.
			for _, known := range view.Proposals() {
				if known.Log == st.Log {
					found, ok, withdrawn = known, true, true
				}
			}
		}
		if !ok {
			continue
		}
		if len(offer.Statements) > 1 || len(offer.Drafts)+len(offer.Proofs) > 0 {
			return nil, false, fmt.Errorf("%w: a proposal is pushed by itself", ErrNotAllowed)
		}
		return &found, withdrawn, nil
	}
	return nil, false, nil
}

// Complete implements [Sink].
func (s *pushSink) Complete(ctx context.Context) error {
	if s.proposal == nil {
		return s.LocalSink.Complete(ctx)
	}
	o := s.proposals
	if o.Check != nil {
		if err := o.Check(ctx, s.apart.batch, *s.proposal); err != nil {
			return err
		}
	}
	if err := s.keep(ctx); err != nil {
		return err
	}
	if o.Taken == nil || s.Taken() == 0 {
		return nil
	}
	var err error
	s.remark, err = o.Taken(ctx, *s.proposal, s.apart.bytes.Load())
	return err
}

// keep stores the proposal unless others have used up the room meanwhile.
func (s *pushSink) keep(ctx context.Context) error {
	s.proposals.mu.Lock()
	defer s.proposals.mu.Unlock()
	view, err := s.Refs.View(ctx)
	if err != nil {
		return err
	}
	if _, err := s.proposals.room(view, *s.proposal); err != nil {
		return err
	}
	if err := s.apart.batch.Commit(ctx); err != nil {
		return fmt.Errorf("storing objects: %w", err)
	}
	if err := s.LocalSink.Complete(ctx); err != nil {
		return err
	}
	if len(s.Report.Refused) > 0 {
		return fmt.Errorf("%w: this peer keeps as many proposals as it can; try again later", ErrTooLarge)
	}
	return nil
}

// Close drops what came for a proposal that was not taken.
func (s *pushSink) Close() error {
	if s.apart == nil {
		return nil
	}
	return s.apart.batch.Discard()
}
