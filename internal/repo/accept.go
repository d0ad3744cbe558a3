package repo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/internal/validate"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// Review is what accepting a proposal would do.
type Review struct {
	*Proposal
	// Commits are those that the branch does not have, newest first.
	Commits []Logged
	// Changes compares the branch with what it would be; where both sides contradict
	// each other, it has the branch's values.
	Changes *changes.Set
	// Conflicts are to be decided by whoever accepts.
	Conflicts []merge.Conflict
	// Report says what of the changes breaks the rules of datapackage.json, and Broken
	// which keys and references the result breaks that the branch keeps.
	Report *validate.Report
	Broken []merge.Conflict
}

// Valid reports whether the proposal fits the branch and keeps its rules.
func (v *Review) Valid() bool { return len(v.Conflicts) == 0 && v.Breach() == "" }

// Breach says which rule of datapackage.json the proposal breaks, the first of them;
// "" if none.
func (v *Review) Breach() string {
	if len(v.Broken) > 0 {
		return v.Broken[0].String()
	}
	for _, k := range v.Report.Kinds {
		if k.Severity == validate.SeverityError && len(k.Findings) > 0 {
			return k.Path + ": " + k.Findings[0].Message
		}
	}
	return ""
}

// Review merges a proposal with its branch in memory. The result reads from the
// dataset, which must stay open. It fails with [ErrNoProposal].
func (r *Repo) Review(ctx context.Context, digits string) (*Review, error) {
	p, err := r.FindProposal(ctx, digits)
	if err != nil {
		return nil, err
	}
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	branch, err := r.branchState(ctx, view, p.Branch)
	if err != nil {
		return nil, err
	}
	v := &Review{Proposal: p}
	missing, err := merge.Missing(ctx, r.store, branch, p.Commit)
	if err != nil {
		return nil, err
	}
	for c, err := range r.Log(ctx, p.Commit) {
		if err != nil {
			return nil, err
		}
		if missing[c.ID] != nil {
			v.Commits = append(v.Commits, c)
		}
		if len(v.Commits) == len(missing) {
			break
		}
	}
	return v, r.preview(ctx, branch, v)
}

// ProposalChanges compares a proposal with what it started from. The result reads
// from the dataset, which must stay open.
func (r *Repo) ProposalChanges(ctx context.Context, p *Proposal) (*changes.Set, error) {
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	branch, err := r.branchState(ctx, view, p.Branch)
	if err != nil {
		return nil, err
	}
	base, err := baseFor(ctx, r.store, branch, p.Commit)
	if err != nil {
		return nil, err
	}
	return r.compareCommits(ctx, r.store, base, p.Commit)
}

// preview merges without leaving a trace.
func (r *Repo) preview(ctx context.Context, branch object.ID, v *Review) error {
	objects := &overlay{under: r.store}
	old, err := r.filesAt(ctx, branch)
	if err != nil {
		return err
	}
	next, err := r.filesAt(ctx, v.Commit)
	if err != nil {
		return err
	}
	if !branch.IsZero() {
		tree, err := r.previewMerge(ctx, objects, branch, v)
		if err != nil {
			return err
		}
		if next, err = readFiles(ctx, objects, tree); err != nil {
			return err
		}
	}
	if v.Changes, err = r.compare(ctx, objects, old, next, nil); err != nil {
		return err
	}
	v.Report, err = r.ValidateTrees(ctx, objects, next.folders[""], old.folders[""], true)
	return err
}

// previewMerge returns the tree that the branch would have.
func (r *Repo) previewMerge(ctx context.Context, objects *overlay, branch object.ID, v *Review) (object.ID, error) {
	bases, err := merge.Bases(ctx, r.store, branch, v.Commit)
	if err != nil {
		return object.ID{}, err
	}
	if len(bases) == 0 {
		return object.ID{}, fmt.Errorf("%s and %s: %w", v.Branch.Short(), v.Commit.Short(), ErrUnrelated)
	}
	how := MergeOptions{AllowViolations: true} // they are listed apart
	merged, err := r.mergeTrees(ctx, objects, nil, branch, &joining{theirs: v.Commit, MergeOptions: how}, &MergeResult{})
	if err != nil {
		return object.ID{}, fmt.Errorf("merging: %w", err)
	}
	if v.Conflicts = merged.Conflicts; len(v.Conflicts) == 0 {
		tree, err := r.treeOf(ctx, branch)
		if err != nil {
			return object.ID{}, err
		}
		// Against the branch alone: what the proposal breaks itself counts.
		if v.Broken, err = violations(ctx, objects, merged, tree, tree); err != nil {
			return object.ID{}, err
		}
	}
	for _, list := range [][]merge.Conflict{v.Conflicts, v.Broken} {
		if err := readable(ctx, objects, merged.Tree, list); err != nil {
			return object.ID{}, err
		}
	}
	return merged.Tree, nil
}

// AcceptOptions say how to accept a proposal.
type AcceptOptions struct {
	Message string // of the commit and the answer; "" makes one
	// AllowViolations accepts what breaks a rule of datapackage.json.
	AllowViolations bool
}

// Accept merges a proposal into the branch that is checked out, row by row, with a
// commit that says so, and publishes that it was accepted. The commits stay those of
// who proposed them. Conflicts leave the folder as those of [Repo.Merge] do, and the
// commit that resolves them publishes the answer. It fails with [ErrNoProposal],
// [ErrNotMaintainer], [ErrAnswered], [ErrWrongBranch], [ErrBroken] if the result breaks a
// rule that the branch keeps, or as Merge does.
func (r *Repo) Accept(ctx context.Context, digits string, o AcceptOptions) (*Proposal, *MergeResult, error) {
	p, err := r.waiting(ctx, digits)
	if err != nil {
		return nil, nil, err
	}
	if !o.AllowViolations {
		if err := r.checkRules(ctx, p); err != nil {
			return nil, nil, err
		}
	}
	if _, err := r.signer(ctx); err != nil {
		return nil, nil, err
	}
	head, unlock, err := r.start(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer unlock()
	if head.Branch != p.Branch {
		return nil, nil, fmt.Errorf("%w: the proposal is for %s", ErrWrongBranch, p.Branch.Short())
	}
	res := &MergeResult{Before: head.Commit, After: head.Commit}
	if head.Commit.IsZero() {
		err = r.forward(ctx, head, p.Commit, res)
	} else {
		err = r.acceptInto(ctx, head, p, o, res)
	}
	if err != nil || len(res.Conflicts) > 0 {
		return p, res, err
	}
	return p, res, r.answer(ctx, p, refs.Accepted, res.After, o.Message)
}

func (r *Repo) acceptInto(ctx context.Context, head Head, p *Proposal, o AcceptOptions, res *MergeResult) error {
	bases, err := merge.Bases(ctx, r.store, head.Commit, p.Commit)
	if err != nil {
		return err
	}
	switch {
	case len(bases) == 0:
		return fmt.Errorf("%s and %s: %w", head.Commit.Short(), p.Commit.Short(), ErrUnrelated)
	case slices.Contains(bases, p.Commit):
		return nil // it is there already
	case o.Message == "":
		subject, _, _ := strings.Cut(p.Message, "\n")
		o.Message = fmt.Sprintf("Accept the proposal of %s: %s", p.Author, subject)
	}
	how := MergeOptions{Message: o.Message, AllowViolations: true} // checkRules was stricter
	return r.join(ctx, head, joining{theirs: p.Commit, proposal: p.Tag, MergeOptions: how}, res)
}

// checkRules fails with [ErrBroken], or an [*InvalidError] that wraps it, if a proposal
// breaks a rule that its branch keeps.
func (r *Repo) checkRules(ctx context.Context, p *Proposal) error {
	v, err := r.Review(ctx, p.Proposal.ID().String())
	if err != nil {
		return err
	}
	switch {
	case v.Report != nil && !v.Report.Valid:
		err = &InvalidError{Report: v.Report, class: ErrBroken}
	case len(v.Broken) > 0:
		err = fmt.Errorf("%w: %s", ErrBroken, v.Broken[0])
	default:
		return nil
	}
	return fmt.Errorf("proposal %s: %w", p.ID(), err)
}

// Decline publishes that a proposal is not taken, and why. It fails as
// [Repo.Accept] does, or with [ErrUnborn] if the branch has no commit.
func (r *Repo) Decline(ctx context.Context, digits, why string) (*Proposal, error) {
	p, err := r.waiting(ctx, digits)
	if err != nil {
		return nil, err
	}
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	// The tag must name a commit, and not the one that nobody wants to keep.
	branch, err := r.branchState(ctx, view, p.Branch)
	if err != nil {
		return nil, err
	}
	if branch.IsZero() {
		return nil, fmt.Errorf("%s has %w", p.Branch.Short(), ErrUnborn)
	}
	return p, r.answer(ctx, p, refs.Declined, branch, why)
}

// finishMerge forgets a merge that the commit finishes, and publishes that the
// proposal was accepted, if it was one.
func (r *Repo) finishMerge(ctx context.Context, state *mergeState, commit object.ID) error {
	if err := r.endMerge(state); err != nil || state.Proposal.IsZero() {
		return err
	}
	list, err := r.Proposals(ctx)
	if err != nil {
		return err
	}
	for i := range list {
		if list[i].Tag == state.Proposal {
			return r.answer(ctx, &list[i], refs.Accepted, commit, "")
		}
	}
	return nil // it was withdrawn meanwhile
}

// maxAnswers is how many answers a device keeps published, the newest.
const maxAnswers = 256

// answer publishes a decision in this device's log of answers.
func (r *Repo) answer(ctx context.Context, p *Proposal, decision string, at object.ID, why string) error {
	tag, err := r.putTag(ctx, &object.Tag{Target: at, Name: decision, Message: why})
	if err != nil {
		return err
	}
	if _, err := r.signer(ctx); err != nil {
		return err
	}
	view, err := r.refs.View(ctx)
	if err != nil {
		return err
	}
	var log refs.LogID
	said := make(map[refs.Name]object.ID)
	if st := answersOf(view, r.speakerID); st != nil {
		log, said = st.Statement().Log, maps.Clone(st.Statement().Refs)
	}
	said[p.Proposal.Answer()] = tag
	if err := r.dropOldAnswers(ctx, said); err != nil {
		return err
	}
	_, err = r.say(ctx, log, said)
	return err
}

// answersOf returns what a device has answered: the newest statement of its log of
// answers, nil if it has none.
func answersOf(view *refs.View, device refs.PeerID) *refs.SignedStatement {
	var newest *refs.SignedStatement
	for _, log := range view.Peer(device).Logs {
		if log.Counts == nil || len(log.Counts.Statement().Refs) == 0 {
			continue
		}
		st := log.Counts.Statement()
		others := slices.ContainsFunc(slices.Collect(maps.Keys(st.Refs)), func(n refs.Name) bool {
			return !strings.HasPrefix(string(n), refs.AnswersPrefix)
		})
		if !others && (newest == nil || st.Time >= newest.Statement().Time) {
			newest = log.Counts
		}
	}
	return newest
}

// dropOldAnswers keeps the newest answers.
func (r *Repo) dropOldAnswers(ctx context.Context, said map[refs.Name]object.ID) error {
	if len(said) <= maxAnswers {
		return nil
	}
	times := make(map[refs.Name]int64, len(said))
	for name, id := range said {
		tag, err := object.ReadTag(ctx, r.store, id)
		if err != nil {
			return err
		}
		times[name] = tag.Time.Unix
	}
	names := slices.Collect(maps.Keys(said))
	slices.SortFunc(names, func(a, b refs.Name) int { return int(times[a] - times[b]) })
	for _, name := range names[:len(names)-maxAnswers] {
		delete(said, name)
	}
	return nil
}
