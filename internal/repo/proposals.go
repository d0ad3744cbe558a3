package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/refs"
)

// The states of a proposal.
const (
	ProposalWaiting  = "waiting"
	ProposalAccepted = refs.Accepted
	ProposalDeclined = refs.Declined
)

// Proposal is a change that somebody asks the maintainers to take.
type Proposal struct {
	refs.Proposal
	Commit  object.ID
	Message string
	// Author is who they say they are, and Person whom the identity lists the device
	// as; "" if it lists nobody.
	Author string
	Person string
	Mine   bool      // made by this device
	Made   time.Time // by the author's clock
	State  string
	Answer Answer // if it was answered
	Note   ProposalNote
}

// Answer is what was decided about a proposal.
type Answer struct {
	By     string    // who decided, as the identity lists them
	Time   time.Time // by their clock
	Commit object.ID // the commit that took the proposal, if it was accepted
	Why    string
}

// ProposalNote is what this copy notes of a proposal.
type ProposalNote struct {
	// Received says when it came here, by this device's clock, and Bytes with how
	// much; zero if it was made here or came with a fetch.
	Received time.Time `json:"received,omitzero"`
	Bytes    int64     `json:"bytes,omitempty"`
	// Sent names the remotes that took the newest revision, if it was made here.
	Sent []string `json:"sent,omitempty"`
	// Told says that the answer was shown to the person who proposed it.
	Told bool `json:"told,omitempty"`
}

// ID returns the digits by which people name the proposal.
func (p *Proposal) ID() string { return p.Proposal.ID().String()[:proposalDigits] }

const (
	proposalDigits    = 10
	minProposalPrefix = 4
)

// Proposals lists the proposals that are known here, the oldest first: those of
// others, and those that were made in this or another copy on this device.
func (r *Repo) Proposals(ctx context.Context) ([]Proposal, error) {
	view, err := r.refs.View(ctx)
	if err != nil || len(view.Proposals()) == 0 {
		return nil, err
	}
	speaker, err := r.speaker(ctx)
	if err != nil {
		return nil, err
	}
	notes, err := r.readNotes()
	if err != nil {
		return nil, err
	}
	var list []Proposal
	for _, known := range view.Proposals() {
		p, err := r.describeProposal(ctx, view, known)
		if errors.Is(err, object.ErrNotFound) || errors.Is(err, object.ErrCorrupt) || errors.Is(err, object.ErrSignature) {
			continue // whoever wants something taken sends it whole
		}
		if err != nil {
			return nil, err
		}
		p.Mine = known.Log.Signer == speaker
		p.Note = notes[known.Log]
		list = append(list, *p)
	}
	slices.SortStableFunc(list, func(a, b Proposal) int { return a.Since().Compare(b.Since()) })
	return list, nil
}

// Since returns when the proposal came here or, if that is not known, was made.
func (p *Proposal) Since() time.Time {
	if !p.Note.Received.IsZero() {
		return p.Note.Received
	}
	return p.Made
}

func (r *Repo) describeProposal(ctx context.Context, view *refs.View, known refs.Proposal) (*Proposal, error) {
	tag, err := readTag(ctx, r.store, known.Tag, known.Log.Signer)
	if err != nil {
		return nil, err
	}
	person, _ := view.Chain().Current().Person(known.Log.Signer)
	p := &Proposal{
		Proposal: known, Commit: tag.Target, Message: strings.TrimSpace(tag.Message), Author: tag.Tagger, Person: person.Name,
		Made: tag.Time.Time(), State: ProposalWaiting,
	}
	if p.State, p.Answer, err = r.answerTo(ctx, view, known); err != nil || p.State != ProposalWaiting {
		return p, err
	}
	// Whoever merged it otherwise has taken it, too.
	branch, err := r.branchState(ctx, view, known.Branch)
	if err != nil || branch.IsZero() {
		return p, err
	}
	taken, err := merge.IsAncestor(ctx, r.store, tag.Target, branch)
	if taken {
		p.State, p.Answer.Commit = ProposalAccepted, branch
	}
	return p, err
}

// readTag reads a tag that the device has signed. It fails with an error that wraps
// [object.ErrSignature] if it has not.
func readTag(ctx context.Context, objects object.Reader, id object.ID, by refs.PeerID) (*object.Tag, error) {
	tag, err := object.ReadTag(ctx, objects, id)
	if err != nil {
		return nil, err
	}
	if refs.PeerID(tag.Key) != by {
		return nil, fmt.Errorf("%w: the tag %s is not by %s", object.ErrSignature, id.Short(), by.Short())
	}
	return tag, tag.Verify()
}

// answerTo finds the newest answer of those who may decide.
func (r *Repo) answerTo(ctx context.Context, view *refs.View, p refs.Proposal) (state string, found Answer, err error) {
	state = ProposalWaiting
	for _, said := range view.Answers(p) {
		tag, err := readTag(ctx, r.store, said.Target, said.Log.Signer)
		if errors.Is(err, object.ErrNotFound) || errors.Is(err, object.ErrCorrupt) || errors.Is(err, object.ErrSignature) {
			continue
		}
		if err != nil {
			return "", found, err
		}
		if tag.Name != refs.Accepted && tag.Name != refs.Declined || tag.Time.Time().Before(found.Time) {
			continue
		}
		state = tag.Name
		found = Answer{By: said.Person, Time: tag.Time.Time(), Why: strings.TrimSpace(tag.Message)}
		if state == ProposalAccepted {
			found.Commit = tag.Target
		}
	}
	return state, found, nil
}

// branchState returns where a branch stands for this copy: its own, if this device's
// word counts, else what the maintainers agree on; zero if nothing is known.
func (r *Repo) branchState(ctx context.Context, view *refs.View, branch refs.Name) (object.ID, error) {
	log, own := view.Own()
	if own != nil && view.Chain().Current().MaySign(log.Signer, branch) {
		return own.Statement().Refs[branch], nil
	}
	agreed, err := r.agreed(ctx, view, branch, log)
	if err != nil || len(agreed) == 0 {
		return object.ID{}, err
	}
	return agreed[0], nil
}

// FindProposal returns the proposal whose id begins with the digits. It fails with
// [ErrNoProposal] or [ErrAmbiguous].
func (r *Repo) FindProposal(ctx context.Context, digits string) (*Proposal, error) {
	list, err := r.Proposals(ctx)
	if err != nil {
		return nil, err
	}
	var found *Proposal
	for i := range list {
		if len(digits) < minProposalPrefix || !strings.HasPrefix(list[i].Proposal.ID().String(), digits) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("%w: two proposals begin with %s", ErrAmbiguous, digits)
		}
		found = &list[i]
	}
	if found == nil {
		return nil, fmt.Errorf("%w: %q", ErrNoProposal, digits)
	}
	return found, nil
}

// waiting finds a proposal that this device may decide about and that nobody has
// answered yet.
func (r *Repo) waiting(ctx context.Context, digits string) (*Proposal, error) {
	p, err := r.FindProposal(ctx, digits)
	if err != nil {
		return nil, err
	}
	if ok, err := r.Maintains(ctx, p.Branch); err != nil {
		return nil, err
	} else if !ok {
		return nil, fmt.Errorf("%w: the word of this device does not count for %s", ErrNotMaintainer, p.Branch.Short())
	}
	if p.State != ProposalWaiting {
		return nil, fmt.Errorf("proposal %s: %w: it was %s", p.ID(), ErrAnswered, p.State)
	}
	return p, nil
}

// readNotes returns what this copy has noted of proposals.
func (r *Repo) readNotes() (map[refs.LogID]ProposalNote, error) {
	notes := make(map[refs.LogID]ProposalNote)
	data, err := os.ReadFile(r.path(proposalsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return notes, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what is noted of proposals: %w", err)
	}
	byName := make(map[string]ProposalNote)
	if err := json.Unmarshal(data, &byName); err != nil {
		return nil, fmt.Errorf("reading what is noted of proposals: %w: %s: %w", object.ErrCorrupt, proposalsFile, err)
	}
	for name, note := range byName {
		if log, err := refs.ParseLogID(name); err == nil {
			notes[log] = note
		}
	}
	return notes, nil
}

// noteProposal changes what is noted of a proposal.
func (r *Repo) noteProposal(log refs.LogID, change func(*ProposalNote)) error {
	notes, err := r.readNotes()
	if err != nil {
		return err
	}
	note := notes[log]
	change(&note)
	notes[log] = note
	return r.writeNotes(notes)
}

func (r *Repo) writeNotes(notes map[refs.LogID]ProposalNote) error {
	byName := make(map[string]ProposalNote, len(notes))
	for log, note := range notes {
		byName[log.String()] = note
	}
	data, err := json.MarshalIndent(byName, "", " ")
	if err != nil {
		return fmt.Errorf("noting a proposal: %w", err)
	}
	return durable.WriteFile(r.path(proposalsFile), append(data, '\n'), 0o644)
}

// answeredDays is how long an answered proposal of somebody else is kept.
const answeredDays = 30

// forgetProposals drops proposals of others that were answered long ago, or taken
// back, and the notes of those that are not there any more.
func (r *Repo) forgetProposals(ctx context.Context) error {
	list, err := r.Proposals(ctx)
	if err != nil {
		return err
	}
	limit := r.o.Now().AddDate(0, 0, -answeredDays)
	known := make(map[refs.LogID]bool)
	var old []refs.LogID
	for i := range list {
		p := &list[i]
		if p.State != ProposalWaiting && p.Answer.Time.Before(limit) && p.Since().Before(limit) {
			old = append(old, p.Log)
			continue
		}
		known[p.Log] = true
	}
	silent, err := r.silentLogs(ctx, limit)
	if err != nil {
		return err
	}
	if old = append(old, silent...); len(old) > 0 {
		if err := r.refs.Forget(ctx, old...); err != nil {
			return err
		}
	}
	notes, err := r.readNotes()
	if err != nil {
		return err
	}
	before := len(notes)
	for log := range notes {
		if !known[log] {
			delete(notes, log)
		}
	}
	if len(notes) == before {
		return nil
	}
	return r.writeNotes(notes)
}

// silentLogs returns the logs that say nothing any more since before limit, as those
// of proposals that were withdrawn.
func (r *Repo) silentLogs(ctx context.Context, limit time.Time) ([]refs.LogID, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	own, _ := view.Own()
	var silent []refs.LogID
	for _, log := range view.Logs() {
		if log.ID == own || log.Head == nil || log.Proof != nil {
			continue
		}
		if st := log.Head.Statement(); len(st.Refs) == 0 && time.Unix(st.Time, 0).Before(limit) {
			silent = append(silent, log.ID)
		}
	}
	return silent, nil
}
