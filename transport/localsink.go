package transport

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// LocalSink is a [Sink] made of a store of objects and one of refs. It is for one
// exchange, and its fields are set before.
type LocalSink struct {
	Objects object.Store
	// Refs takes the identities and statements. It may be nil for a clone.
	Refs *refs.Store
	// Create makes the store of refs of a clone, when everything has come. It is
	// called if Refs is nil, with the chain of identities, verified from the
	// dataset's id on.
	Create func(ctx context.Context, chain *refs.Chain) (*refs.Store, error)
	// Patterns are the refs whose targets must be complete. Nil means all.
	Patterns []refs.Pattern
	// State, if not nil, is how far the dataset must have come at least.
	State *refs.Checkpoint
	// Accept, if not nil, decides whether the offer is taken.
	Accept func(ctx context.Context, identity *refs.Identity, offer *Offer) error
	// Room is as in [Plan].
	Room func(bytes int64) error

	offer *Offer
	chain *refs.Chain
	// Report tells, after Complete, what became of the offer.
	Report *refs.Report
}

var _ Sink = (*LocalSink)(nil)

// Store implements [Sink].
func (s *LocalSink) Store() object.Store { return s.Objects }

// Offered implements [Sink]. It fails with an error of package refs if the
// identities or statements cannot be believed, or with Accept's.
func (s *LocalSink) Offered(ctx context.Context, offer *Offer) (*Plan, error) {
	chain, err := s.verify(ctx, offer)
	if err != nil {
		return nil, err
	}
	err = signedUnder(chain, offer.Statements)
	if err == nil || s.Refs == nil || errors.Is(err, refs.ErrUnknownIdentity) {
		// Under an identity that is too old, or not that of the address, statements seem
		// to come from nowhere.
		if serr := s.checkState(ctx, chain, offer); serr != nil {
			err = serr
		}
	}
	if err != nil {
		return nil, err
	}
	for _, d := range offer.Drafts {
		if d.Identity().Previous != chain.CurrentID() {
			continue // it follows a version that is over here, or not yet known
		}
		if _, err := chain.Consent(d); err != nil {
			return nil, fmt.Errorf("a draft of the identity: %w", err)
		}
	}
	if s.Accept != nil {
		if err := s.Accept(ctx, chain.Current(), offer); err != nil {
			return nil, err
		}
	}
	s.offer, s.chain = offer, chain
	patterns := s.Patterns
	if patterns == nil {
		patterns = everything()
	}
	plan := &Plan{Roots: Targets(offer.Statements, patterns), Room: s.Room}
	if s.Refs != nil {
		local := &Local{Store: s.Objects, Refs: s.Refs}
		if plan.Haves, err = local.Haves(ctx); err != nil {
			return nil, err
		}
	}
	return plan, nil
}

// checkState fails with an error that wraps [refs.ErrFrozen] if what is known with
// the offer is older than it must be.
func (s *LocalSink) checkState(ctx context.Context, chain *refs.Chain, offer *Offer) error {
	if s.State == nil {
		return nil
	}
	statements := slices.Clone(offer.Statements)
	if s.Refs != nil {
		heads, err := (&Local{Refs: s.Refs}).Heads(ctx)
		if err != nil {
			return err
		}
		statements = append(statements, heads...)
	}
	return s.State.Check(chain, statements)
}

// verify returns the chain of identities that the offer leads to. Of an offer that
// follows another history of the identity the proof of that is kept, nothing else.
func (s *LocalSink) verify(ctx context.Context, offer *Offer) (*refs.Chain, error) {
	if s.Refs == nil {
		return refs.VerifyChain(offer.Dataset, offer.Identities)
	}
	chain, err := s.Refs.Chain()
	if err != nil {
		return nil, err
	}
	if chain.Dataset() != offer.Dataset {
		return nil, fmt.Errorf("%w: %s was offered, %s is here", refs.ErrWrongDataset, offer.Dataset.Short(), chain.Dataset().Short())
	}
	longer, err := chain.Merge(offer.Identities)
	if errors.Is(err, refs.ErrIdentityFork) {
		if _, kept := s.Refs.Import(ctx, refs.Incoming{Identities: offer.Identities}); kept != nil {
			err = kept
		}
	}
	return longer, err
}

// signedUnder says whether the statements were signed under versions of the chain.
func signedUnder(chain *refs.Chain, statements []*refs.SignedStatement) error {
	for _, signed := range statements {
		var class error
		s := signed.Statement()
		switch n := s.IdentityVersion; {
		case s.Dataset != chain.Dataset():
			class = refs.ErrWrongDataset
		case n > chain.Len():
			class = refs.ErrUnknownIdentity
		case chain.Versions()[n-1].ID() != s.Identity:
			class = refs.ErrWrongIdentity
		default:
			continue
		}
		return fmt.Errorf("%w: statement %d of %s", class, s.Seq, s.Log.Signer.Short())
	}
	return nil
}

// Complete implements [Sink].
func (s *LocalSink) Complete(ctx context.Context) error {
	if s.offer == nil {
		return errors.New("transport: nothing was offered")
	}
	store := s.Refs
	if store == nil {
		var err error
		if store, err = s.Create(ctx, s.chain); err != nil {
			return fmt.Errorf("making the refs of the clone: %w", err)
		}
		s.Refs = store
	}
	report, err := store.Import(ctx, refs.Incoming{
		Identities:    s.offer.Identities,
		Statements:    s.offer.Statements,
		Equivocations: s.offer.Proofs,
		Drafts:        s.offer.Drafts,
		// The peer sends what lies between as far as it has it.
		AllowGaps: true,
	})
	if err != nil {
		return fmt.Errorf("taking the peer's statements: %w", err)
	}
	s.Report = report
	return nil
}

// Taken returns how many logs got new statements, and how many drafts were new,
// after Complete.
func (s *LocalSink) Taken() int {
	if s.Report == nil {
		return 0
	}
	return len(s.Report.New) + s.Report.Drafts
}
