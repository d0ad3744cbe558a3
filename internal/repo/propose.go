package repo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// ProposeOptions say what to propose, and to whom.
type ProposeOptions struct {
	Message string
	// To is a remote, by name or address; "" is where the dataset was cloned from.
	To string
}

// ProposeResult says what was proposed.
type ProposeResult struct {
	*Proposal
	Remote  string
	Remark  string // what the remote says about it, safe to print; may be empty
	Revised bool   // it takes the place of one that had no answer yet
	Objects int64
	Bytes   int64
}

// Propose asks the maintainers to take what is checked out and committed: it makes a
// signed proposal for the branch and gives it to a remote with all that it needs.
// A proposal for the branch that waits for an answer is replaced. It fails with
// [ErrUnborn], [ErrDetached], [ErrNothingToPropose] if the maintainers have everything
// already, or an error that wraps [transport.ErrNotAllowed] or [transport.ErrTooLarge] if the
// remote does not take it.
func (r *Repo) Propose(ctx context.Context, o ProposeOptions) (*ProposeResult, error) {
	at, err := r.Remote(o.To)
	if err != nil {
		return nil, err
	}
	head, err := r.Head(ctx)
	switch {
	case err != nil:
		return nil, err
	case head.Branch == "":
		return nil, fmt.Errorf("%w that could be proposed", ErrDetached)
	case head.Commit.IsZero():
		return nil, fmt.Errorf("%s has %w to propose", head.Branch.Short(), ErrUnborn)
	}
	before, err := r.openProposal(ctx, head)
	if err != nil {
		return nil, err
	}
	tag, err := r.putTag(ctx, &object.Tag{Target: head.Commit, Name: "proposal", Message: o.Message})
	if err != nil {
		return nil, err
	}
	name, err := refs.ProposalName(head.Branch)
	if err != nil {
		return nil, err
	}
	signed, err := r.say(ctx, before, map[refs.Name]object.ID{name: tag})
	if err != nil {
		return nil, err
	}
	p, err := r.FindProposal(ctx, signed.Statement().Log.Copy.String())
	if err != nil {
		return nil, err
	}
	res := &ProposeResult{Proposal: p, Remote: at.Name, Revised: before == p.Log}
	if err := r.noteProposal(p.Log, func(n *ProposalNote) { n.Sent = nil }); err != nil {
		return nil, err
	}
	pushed, err := r.pushStatements(ctx, at, signed)
	res.Objects, res.Bytes, res.Remark = pushed.Objects, pushed.Bytes, pushed.remark
	if err != nil {
		return res, err
	}
	return res, r.noteProposal(p.Log, func(n *ProposalNote) { n.Sent = append(n.Sent, at.Name) })
}

// openProposal returns the log of this device's proposal for the branch that waits
// for an answer; zero if there is none. It fails with [ErrNothingToPropose].
func (r *Repo) openProposal(ctx context.Context, head Head) (refs.LogID, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return refs.LogID{}, err
	}
	own, _ := view.Own()
	theirs, err := r.agreed(ctx, view, head.Branch, own)
	if err != nil {
		return refs.LogID{}, err
	}
	for _, commit := range theirs {
		if known, err := merge.IsAncestor(ctx, r.store, head.Commit, commit); err != nil {
			return refs.LogID{}, err
		} else if known {
			return refs.LogID{}, fmt.Errorf("%w: the maintainers' %s has all that is committed here", ErrNothingToPropose, head.Branch.Short())
		}
	}
	list, err := r.Proposals(ctx)
	for i := range list {
		if p := &list[i]; p.Mine && p.Branch == head.Branch && p.State == ProposalWaiting {
			return p.Log, err
		}
	}
	return refs.LogID{}, err
}

// Withdraw takes back a proposal of this device, here and at a remote. It fails with
// [ErrNoProposal], or [ErrAnswered] if it was answered.
func (r *Repo) Withdraw(ctx context.Context, digits, to string) (*ProposeResult, error) {
	at, err := r.Remote(to)
	if err != nil {
		return nil, err
	}
	p, err := r.FindProposal(ctx, digits)
	if err != nil {
		return nil, err
	}
	if !p.Mine {
		return nil, fmt.Errorf("%w: %s was made by another device, which alone can withdraw it", ErrNoProposal, p.ID())
	}
	if p.State != ProposalWaiting {
		return nil, fmt.Errorf("proposal %s: %w: it was %s", p.ID(), ErrAnswered, p.State)
	}
	signed, err := r.say(ctx, p.Log, nil)
	if err != nil {
		return nil, err
	}
	res := &ProposeResult{Proposal: p, Remote: at.Name}
	pushed, err := r.pushStatements(ctx, at, signed)
	res.Objects, res.Bytes, res.Remark = pushed.Objects, pushed.Bytes, pushed.remark
	return res, err
}

// pushStatements gives a remote the statements with everything that their refs reach.
// The result is never nil.
func (r *Repo) pushStatements(ctx context.Context, at Remote, statements ...*refs.SignedStatement) (*PushResult, error) {
	res := &PushResult{Remote: at.Name}
	key, err := r.signer(ctx)
	if err != nil {
		return res, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return res, err
	}
	req := &transport.PushRequest{Dataset: at.URL.Dataset, Identities: chain.Versions(), Statements: statements}
	if !aside(statements) {
		if req.Drafts, err = (&transport.Local{Store: r.store.Store, Refs: r.refs}).Drafts(ctx); err != nil {
			return res, err
		}
	}
	err = r.dial(ctx, at.URL, key, nil, func(_ refs.Address, conn link.Conn) error {
		stream, err := conn.OpenStream(ctx)
		if err != nil {
			return err
		}
		pushed, err := transport.Push(ctx, stream, req, r.store, nil)
		res.Objects, res.Bytes = pushed.Stats.Objects, pushed.Stats.BytesIn+pushed.Stats.BytesOut
		res.New, res.remark = pushed.Statements > 0, pushed.Remark
		return err
	})
	return res, err
}

// aside reports whether the statements are those of a proposal, which travels by itself.
func aside(statements []*refs.SignedStatement) bool {
	return len(statements) == 1 && !slices.ContainsFunc(slices.Collect(maps.Keys(statements[0].Statement().Refs)), func(n refs.Name) bool {
		return !strings.HasPrefix(string(n), refs.ProposalsPrefix)
	})
}

// putTag completes, signs and stores a tag by this device's owner.
func (r *Repo) putTag(ctx context.Context, t *object.Tag) (object.ID, error) {
	if _, err := r.signer(ctx); err != nil {
		return object.ID{}, err
	}
	t.Tagger, _ = r.owner()
	t.Time = object.MomentOf(r.o.Now())
	if err := t.Sign(r.sign); err != nil {
		return object.ID{}, fmt.Errorf("signing the tag: %w", err)
	}
	o, err := t.Object()
	if err != nil {
		return object.ID{}, err
	}
	batch, err := r.store.Begin(ctx)
	if err != nil {
		return object.ID{}, err
	}
	defer batch.Discard()
	id, err := batch.Put(ctx, o)
	if err != nil {
		return object.ID{}, err
	}
	return id, batch.Commit(ctx)
}

// News returns the answers to this device's proposals that nobody was told of yet;
// from then on they count as told.
func (r *Repo) News(ctx context.Context) ([]Proposal, error) {
	list, err := r.Proposals(ctx)
	if err != nil {
		return nil, err
	}
	var answered []Proposal
	for i := range list {
		p := &list[i]
		if !p.Mine || p.State == ProposalWaiting || p.Note.Told {
			continue
		}
		answered = append(answered, *p)
		if err := r.noteProposal(p.Log, func(n *ProposalNote) { n.Told = true }); err != nil {
			return nil, err
		}
	}
	return answered, nil
}

// Waiting counts the proposals without an answer: those of others that this device's
// owner may decide about, and its own.
func (r *Repo) Waiting(ctx context.Context) (others, own int, err error) {
	list, err := r.Proposals(ctx)
	if err != nil {
		return 0, 0, err
	}
	for i := range list {
		p := &list[i]
		if p.State != ProposalWaiting {
			continue
		}
		if p.Mine {
			own++
		} else if decides, err := r.Maintains(ctx, p.Branch); err != nil {
			return 0, 0, err
		} else if decides {
			others++
		}
	}
	return others, own, nil
}
