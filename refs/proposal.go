package refs

import (
	"strings"

	"github.com/constl/constl/object"
)

// The first parts of the names in the logs that stand beside those of copies
// (FORMAT.md §4.5).
const (
	ProposalsPrefix = "proposals/" // a proposal for a branch: its target is a tag
	AnswersPrefix   = "answers/"   // the answer to the proposal of that tag: its target is a tag
)

// The names that the tag of an answer may have.
const (
	Accepted = "accepted"
	Declined = "declined"
)

// Proposal is a change that a device asks the maintainers to take: the newest
// statement of a log of its own, which holds one ref.
type Proposal struct {
	Log    LogID
	Seq    uint64
	Branch Name      // for which it is meant
	Tag    object.ID // who proposes what, since when and why
}

// ID names the proposal, through all its revisions.
func (p Proposal) ID() CopyID { return p.Log.Copy }

// Answer returns the name of the ref that answers this revision of the proposal.
func (p Proposal) Answer() Name { return Name(AnswersPrefix + p.Tag.String()) }

// ProposalOf returns the proposal that a statement makes, if it makes one.
func ProposalOf(s *Statement) (Proposal, bool) {
	if len(s.Refs) != 1 {
		return Proposal{}, false
	}
	for name, tag := range s.Refs {
		branch, ok := strings.CutPrefix(string(name), ProposalsPrefix)
		if !ok {
			return Proposal{}, false
		}
		head, err := Head(branch)
		return Proposal{Log: s.Log, Seq: s.Seq, Branch: head, Tag: tag}, err == nil
	}
	return Proposal{}, false
}

// ProposalName returns the name of the ref that proposes something for a branch.
// It fails with an error that wraps [ErrInvalidName].
func ProposalName(branch Name) (Name, error) { return ParseName(ProposalsPrefix + branch.Short()) }

// Aside reports whether a ref belongs to a proposal or an answer, and says nothing
// of where a copy stands.
func (n Name) Aside() bool {
	return strings.HasPrefix(string(n), ProposalsPrefix) || strings.HasPrefix(string(n), AnswersPrefix)
}

// Proposals returns what the logs that count propose, in the order of the logs.
func (v *View) Proposals() []Proposal {
	var list []Proposal
	for _, l := range v.logs {
		if l.Counts == nil {
			continue
		}
		if p, ok := ProposalOf(l.Counts.statement); ok {
			list = append(list, p)
		}
	}
	return list
}

// Answers returns the tags by which those who may decide about the proposal's
// branch have answered this revision of it, in the order of the logs, each once.
func (v *View) Answers(p Proposal) []Candidate {
	var list []Candidate
	for _, l := range v.logs {
		if l.Counts == nil || !v.chain.Current().MaySign(l.ID.Signer, p.Branch) {
			continue
		}
		st := l.Counts.statement
		if tag, ok := st.Refs[p.Answer()]; ok {
			person, _ := v.chain.Current().Person(l.ID.Signer)
			list = append(list, Candidate{tag, l.ID, person.Name, st.Seq, st.Time})
		}
	}
	return list
}

// MaySign reports whether the word of the device counts for the ref.
func (id *Identity) MaySign(device PeerID, n Name) bool {
	p, ok := id.Person(device)
	return ok && id.Rule(n).MaySign(p)
}

// MayDecide reports whether the word of the device counts for any branch.
func (id *Identity) MayDecide(device PeerID) bool {
	p, ok := id.Person(device)
	if !ok || p.Role == Maintainer {
		return ok
	}
	for _, r := range id.Rules {
		branches := strings.HasPrefix(string(r.Pattern), HeadsPrefix) || r.Pattern == "*"
		if branches && r.MaySign(p) {
			return true
		}
	}
	return false
}

// Shows reports whether the newest statement of a log is to be given to a peer.
// Proposals are for the device that made them and for those who decide; so are
// logs that say nothing any more, as that of a proposal that was withdrawn.
func (v *View) Shows(head *SignedStatement, peer PeerID) bool {
	st := head.statement
	p, proposes := ProposalOf(st)
	switch {
	case st.Log.Signer == peer || len(st.Refs) > 0 && !proposes:
		return true
	case proposes:
		return v.chain.Current().MaySign(peer, p.Branch) && len(v.Answers(p)) == 0
	}
	return v.chain.Current().MayDecide(peer)
}
