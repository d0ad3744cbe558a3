package transport

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// Offer is what a peer says about a dataset, before any object. Each signature in
// it is valid; whether the signers may say it, the receiver decides.
type Offer struct {
	Dataset    object.ID
	Identities []*refs.SignedIdentity  // versions that this side lacked, in order
	Statements []*refs.SignedStatement // newer ones of known logs, oldest first, and the newest of unknown logs
	Proofs     []refs.Equivocation
	// Drafts are next versions of the identity that too few have signed, and versions
	// that prove that it has two histories.
	Drafts []*refs.SignedIdentity
	// Contacts say where others serve the dataset, as they say themselves.
	Contacts []*refs.Contact
}

// Plan says what is to be complete before an offer is taken.
type Plan struct {
	// Roots are the objects that must be held, with everything they link to, in the
	// end: the targets of the refs that the receiver will believe.
	Roots []object.ID
	// Haves are commits that are held with everything they link to, the likeliest to
	// be near the roots first. Only the first [MaxHaves] are sent to the peer.
	Haves []object.ID
	// MaxBytes, if not 0, is the most bytes of objects, uncompressed, that the peer
	// may bring, and Limit the name of that bound.
	MaxBytes int64
	Limit    string
	// Room, if not nil, is asked before so many more bytes are stored. Its error, which
	// should wrap [ErrDiskFull], ends the exchange.
	Room func(bytes int64) error
	// Next, if not nil, decides what is to be complete in place of Roots: it returns
	// what to ask for next, as far as that is missing and known, and nothing when
	// nothing is missing. It is called again after what it returned was asked for, and
	// the exchange fails if nothing of that came.
	Next func(ctx context.Context) ([]Ask, error)
}

// Ask names objects that are wanted, and how much of what they link to.
type Ask struct {
	Objects []object.ID
	Extent  Extent
}

// Extent says how much of what wanted objects link to comes with them. To a peer
// that is told of held commits everything is asked for as Flat, since it cannot
// know which part of these is held.
type Extent int

// The extents.
const (
	// Whole is everything that they reach.
	Whole Extent = iota
	// Inner is what they reach, but for the segments of groups and the chunks of blobs.
	Inner
	// Flat is nothing, and of a commit its ancestors.
	Flat
)

// Sink is where an exchange puts what it receives. One exchange calls its methods
// one after the other: Offered once, then those of the store, then Complete once
// unless the exchange fails. What was stored by then stays, for the next try.
type Sink interface {
	// Store returns the store for the objects. The exchange does not close it.
	Store() object.Store
	// Offered is told what the peer offers, before any object is stored. It verifies
	// what it will believe and stores nothing yet. An error ends the exchange;
	// a server tells its peer the text if the error wraps ErrNotAllowed,
	// ErrStale, ErrTooLarge or one of package refs' errors of trust.
	Offered(ctx context.Context, offer *Offer) (*Plan, error)
	// Complete is called when everything that the plan's roots reach is stored. It
	// takes over the offer's identities and statements.
	Complete(ctx context.Context) error
}

// PeerDataset is a [Dataset] that is not the same for every peer.
type PeerDataset interface {
	Dataset
	// For returns the dataset as the peer may see it.
	For(peer refs.PeerID) Dataset
}

// ContactBook knows where peers serve a dataset. Its methods are safe for use by
// several goroutines at once.
type ContactBook interface {
	// Contacts returns those that may be used and passed on, the newest first. The
	// first [MaxContacts] are sent.
	Contacts(ctx context.Context) ([]*refs.Contact, error)
	// Meet takes what a peer says of itself.
	Meet(ctx context.Context, own *refs.Contact) error
}

// Dataset is what a server serves. Its methods are safe for use by several
// goroutines at once.
type Dataset interface {
	// Objects returns the objects. If the reader is an [entry.Getter], objects are
	// sent in the form in which they are stored.
	Objects() object.Reader
	// Identities returns all versions of the identity, in order.
	Identities(ctx context.Context) ([]*refs.SignedIdentity, error)
	// Heads returns the newest statement of each log.
	Heads(ctx context.Context) ([]*refs.SignedStatement, error)
	// Since returns the statements of the log after the sequence number, oldest first,
	// as far back as they are kept without a gap.
	Since(ctx context.Context, log refs.LogID, seq uint64) ([]*refs.SignedStatement, error)
	// Proofs returns the equivocations that are known.
	Proofs(ctx context.Context) ([]refs.Equivocation, error)
	// Drafts returns what proves that the identity has two histories, and the next
	// versions of it that wait for signatures: at most [refs.MaxDrafts].
	Drafts(ctx context.Context) ([]*refs.SignedIdentity, error)
	// Receive returns the sink for a push by the peer. It fails with an error that
	// wraps [ErrNotAllowed] and gives the reason if the peer may not push at all.
	Receive(ctx context.Context, peer refs.PeerID) (Sink, error)
}

// Targets returns the targets of refs that match one of the patterns, each once.
// Of each log only the newest of the statements counts. The order is that of the
// statements, and within one that of the refs' names.
func Targets(statements []*refs.SignedStatement, patterns []refs.Pattern) []object.ID {
	newest := make(map[refs.LogID]uint64)
	for _, s := range statements {
		log := s.Statement().Log
		newest[log] = max(newest[log], s.Statement().Seq)
	}
	var targets []object.ID
	seen := make(map[object.ID]bool)
	for _, signed := range statements {
		s := signed.Statement()
		if s.Seq < newest[s.Log] {
			continue
		}
		for _, name := range slices.Sorted(maps.Keys(s.Refs)) {
			if id := s.Refs[name]; !seen[id] && matches(patterns, name) {
				seen[id] = true
				targets = append(targets, id)
			}
		}
	}
	return targets
}

// everything returns the pattern of all refs.
func everything() []refs.Pattern { return []refs.Pattern{"*"} }

func matches(patterns []refs.Pattern, name refs.Name) bool {
	for _, p := range patterns {
		if p.Match(name) {
			return true
		}
	}
	return false
}

// offerReader collects the frames of an offer within its limits.
type offerReader struct {
	offer Offer
	bytes int
}

// add takes a frame and reports whether it was one of an offer.
func (r *offerReader) add(t frameType, body []byte) (bool, error) {
	switch t {
	case frameIdentity, frameStatement, frameProof, frameDraft, frameContact:
	default:
		return false, nil
	}
	if r.bytes += len(body); r.bytes > MaxOffer {
		return true, protocolError("identities and statements of more than %d bytes", MaxOffer)
	}
	var err error
	switch t {
	case frameIdentity:
		var v *refs.SignedIdentity
		if v, err = refs.DecodeSignedIdentity(body); err == nil {
			r.offer.Identities = append(r.offer.Identities, v)
		}
	case frameStatement:
		var v *refs.SignedStatement
		if v, err = refs.DecodeSignedStatement(body); err == nil {
			r.offer.Statements = append(r.offer.Statements, v)
		}
	case frameProof:
		var v refs.Equivocation
		if v, err = refs.DecodeEquivocation(body); err == nil {
			r.offer.Proofs = append(r.offer.Proofs, v)
		}
	case frameDraft:
		var v *refs.SignedIdentity
		if v, err = refs.DecodeSignedIdentity(body); err == nil {
			r.offer.Drafts = append(r.offer.Drafts, v)
		}
	case frameContact:
		err = r.contact(body)
	}
	if err != nil {
		return true, fmt.Errorf("the peer's %s: %w", t, err)
	}
	if len(r.offer.Identities) > MaxIdentities || len(r.offer.Statements) > MaxLogs || len(r.offer.Proofs) > MaxProofs ||
		len(r.offer.Drafts) > refs.MaxDrafts || len(r.offer.Contacts) > MaxContacts {
		return true, protocolError("more identities or statements than are allowed")
	}
	for _, s := range r.offer.Statements[max(0, len(r.offer.Statements)-1):] {
		if s.Statement().Dataset != r.offer.Dataset {
			return true, fmt.Errorf("the peer's statement: %w", refs.ErrWrongDataset)
		}
	}
	return true, nil
}

// contact takes a contact. One of a newer kind is only a hint that is missed.
func (r *offerReader) contact(body []byte) error {
	c, err := refs.DecodeContact(body)
	if errors.Is(err, refs.ErrNewerFormat) {
		return nil
	}
	if err == nil && c.Dataset() != r.offer.Dataset {
		err = refs.ErrWrongDataset
	}
	if err == nil {
		r.offer.Contacts = append(r.offer.Contacts, c)
	}
	return err
}
