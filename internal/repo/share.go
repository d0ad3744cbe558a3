package repo

import (
	"context"
	"fmt"
	"sync"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// ProposalPolicy says what a server does with the proposals of others.
type ProposalPolicy string

// The policies.
const (
	ProposalsNone ProposalPolicy = "none" // takes none
	ProposalsAsk  ProposalPolicy = "ask"  // keeps them until a person answers
	// ProposalsValid accepts at once what changes rows of tables that are there, and
	// nothing else, and breaks no rule; it keeps the rest until a person answers.
	ProposalsValid ProposalPolicy = "valid"
	// ProposalsAppendOnly accepts at once what adds rows to tables that are there,
	// and nothing else, and breaks no rule.
	ProposalsAppendOnly ProposalPolicy = "append-only"
)

// ProposalPolicies lists all policies.
func ProposalPolicies() []ProposalPolicy {
	return []ProposalPolicy{ProposalsAsk, ProposalsValid, ProposalsAppendOnly, ProposalsNone}
}

// limitProposalRows is the name under which that bound is told to those who hit it.
const limitProposalRows = "max-proposal-rows"

// ShareOptions say how a dataset is served. The zero value means the defaults.
type ShareOptions struct {
	// Proposals is the policy; "" asks if this device's word counts for what is
	// checked out, and takes none else.
	Proposals ProposalPolicy
	// MaxProposals, MaxProposalBytes and MaxProposalRows bound the proposals of one
	// device that have no answer yet: how many, the bytes of all their objects, and
	// the rows that one of them changes. Defaults: 8, 16 MiB, 100,000.
	MaxProposals     int
	MaxProposalBytes int64
	MaxProposalRows  int64
	// MaxProposalsTotal bounds the proposals of all devices that have no answer
	// yet; their bytes by 16 times MaxProposalBytes. Default: 256.
	MaxProposalsTotal int
	// DiskFloor is how many bytes of the disk stay free of what is pushed; 0 for no matter.
	DiskFloor int64
	// Report hears what became of a proposal; it may be nil. It is called from
	// several goroutines.
	Report func(p *Proposal, text string)
}

func (o *ShareOptions) withDefaults() ShareOptions {
	var full ShareOptions
	if o != nil {
		full = *o
	}
	if full.MaxProposals <= 0 {
		full.MaxProposals = 8
	}
	if full.MaxProposalBytes <= 0 {
		full.MaxProposalBytes = 16 << 20
	}
	if full.MaxProposalRows <= 0 {
		full.MaxProposalRows = 100_000
	}
	if full.MaxProposalsTotal <= 0 {
		full.MaxProposalsTotal = 256
	}
	if full.Report == nil {
		full.Report = func(*Proposal, string) {}
	}
	return full
}

// Shared is the dataset as a server serves it. It fails with [ErrNotMaintainer] if
// proposals are to be accepted by a device whose word alone does not count.
func (r *Repo) Shared(ctx context.Context, o *ShareOptions) (*transport.Local, error) {
	if _, err := r.signer(ctx); err != nil {
		return nil, err
	}
	h := &hub{r: r, o: o.withDefaults()}
	if err := h.settle(ctx); err != nil {
		return nil, err
	}
	book, err := r.book(ctx)
	if err != nil {
		return nil, err
	}
	local := &transport.Local{Store: r.store.Store, Refs: r.refs, Book: book}
	local.Room = func(bytes int64) error { return roomAt(r.Dir, bytes, h.o.DiskFloor) }
	if h.o.Proposals == ProposalsNone {
		return local, nil
	}
	local.Proposals = &transport.Proposals{
		MaxOpen: h.o.MaxProposals, MaxBytes: h.o.MaxProposalBytes,
		MaxAllOpen: h.o.MaxProposalsTotal, MaxAllBytes: 16 * h.o.MaxProposalBytes,
		Sizes: h.sizes, Check: h.check, Taken: h.taken,
	}
	return local, nil
}

// hub takes proposals for a dataset that is served.
type hub struct {
	r  *Repo
	o  ShareOptions
	mu sync.Mutex // held while one proposal is noted and maybe accepted
}

// settle works out the policy, and whether this device may do what it says.
func (h *hub) settle(ctx context.Context) error {
	head, err := h.r.Head(ctx)
	if err != nil {
		return err
	}
	branch := head.Branch
	if branch == "" {
		branch = refs.HeadsPrefix + DefaultBranch
	}
	may, err := h.r.Maintains(ctx, branch)
	if err != nil {
		return err
	}
	switch h.o.Proposals {
	case "":
		if h.o.Proposals = ProposalsNone; may {
			h.o.Proposals = ProposalsAsk
		}
	case ProposalsValid, ProposalsAppendOnly:
		chain, err := h.r.refs.Chain()
		if err != nil {
			return err
		}
		held, err := h.r.Held(ctx)
		if err != nil {
			return err
		}
		rule := chain.Current().Rule(branch)
		switch {
		case held != "":
			return fmt.Errorf("%w: this device has signed two different histories, which a maintainer must settle first", ErrNotMaintainer)
		case head.Branch == "":
			return fmt.Errorf("%w to accept proposals into", ErrDetached)
		case !may:
			return fmt.Errorf("%w: the identity lets this device not sign %s, so what it accepted would not count", ErrNotMaintainer, branch.Short())
		case rule.Threshold > 1:
			return fmt.Errorf("%w: %d people must agree on %s, so this device cannot accept alone", ErrNotMaintainer, rule.Threshold, branch.Short())
		}
	}
	return nil
}

func (h *hub) sizes() (map[refs.LogID]int64, error) {
	notes, err := h.r.readNotes()
	if err != nil {
		return nil, err
	}
	sizes := make(map[refs.LogID]int64, len(notes))
	for log, note := range notes {
		sizes[log] = note.Bytes
	}
	return sizes, nil
}

// check looks whether a proposal is what it should be, before anything of it is kept.
func (h *hub) check(ctx context.Context, objects object.ReadWriter, p refs.Proposal) error {
	refuse := func(class error, format string, args ...any) error {
		return fmt.Errorf("%w: %s", class, fmt.Sprintf(format, args...))
	}
	tag, err := readTag(ctx, objects, p.Tag, p.Log.Signer)
	if err != nil {
		return refuse(transport.ErrRefused, "the proposal's tag: %v", err)
	}
	view, err := h.r.refs.View(ctx)
	if err != nil {
		return err
	}
	branch, err := h.r.branchState(ctx, view, p.Branch)
	if err != nil {
		return err
	}
	fresh, err := merge.Missing(ctx, objects, branch, tag.Target)
	if err != nil {
		return refuse(transport.ErrRefused, "the proposed commits: %v", err)
	}
	for id, c := range fresh {
		if err := c.Verify(); err != nil {
			return refuse(transport.ErrRefused, "commit %s: %v", id.Short(), err)
		}
	}
	if len(fresh) == 0 {
		return refuse(transport.ErrNotAllowed, "%s has everything of the proposal already", p.Branch.Short())
	}
	base, err := baseFor(ctx, objects, branch, tag.Target)
	if err != nil {
		return err
	}
	if base.IsZero() && !branch.IsZero() {
		return refuse(transport.ErrNotAllowed, "the proposal has no history in common with %s; propose from a clone of this dataset", p.Branch.Short())
	}
	rows, err := h.rows(ctx, objects, base, tag.Target)
	if err != nil {
		return refuse(transport.ErrRefused, "the proposed files: %v", err)
	}
	if rows > h.o.MaxProposalRows {
		return &transport.LimitError{
			Limit: limitProposalRows, Class: transport.ErrTooLarge,
			Text: fmt.Sprintf("the proposal changes %d rows, and %d are taken in one; propose them in parts", rows, h.o.MaxProposalRows),
		}
	}
	return nil
}

// baseFor returns the first merge base, zero if there is none.
func baseFor(ctx context.Context, objects object.Reader, branch, commit object.ID) (object.ID, error) {
	if branch.IsZero() {
		return object.ID{}, nil
	}
	bases, err := merge.Bases(ctx, objects, branch, commit)
	if err != nil || len(bases) == 0 {
		return object.ID{}, err
	}
	return bases[0], nil
}

// rows counts the rows that a commit changes.
func (h *hub) rows(ctx context.Context, objects object.Reader, base, commit object.ID) (int64, error) {
	d, err := h.r.compareCommits(ctx, objects, base, commit)
	if err != nil {
		return 0, err
	}
	var n int64
	for _, t := range d.Tables {
		n += t.Counts.Added + t.Counts.Deleted + t.Counts.Modified
	}
	return n, nil
}

// compareCommits compares the trees of two commits, of which the older may be zero.
func (r *Repo) compareCommits(ctx context.Context, objects object.Reader, old, next object.ID) (*changes.Set, error) {
	var sets [2]*fileSet
	for i, id := range []object.ID{old, next} {
		var tree object.ID
		if !id.IsZero() {
			c, err := object.ReadCommit(ctx, objects, id)
			if err != nil {
				return nil, err
			}
			tree = c.Tree
		}
		var err error
		if sets[i], err = readFiles(ctx, objects, tree); err != nil {
			return nil, err
		}
	}
	return r.compare(ctx, objects, sets[0], sets[1], nil)
}

// taken notes a proposal that is kept now, accepts it if the policy says so, and
// tells what became of it.
func (h *hub) taken(ctx context.Context, p refs.Proposal, bytes int64) (string, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	err := h.r.noteProposal(p.Log, func(n *ProposalNote) {
		if n.Received.IsZero() {
			n.Received = h.r.o.Now().UTC()
		}
		n.Bytes += bytes
	})
	if err != nil {
		return "", err
	}
	// The folder is another's, too: what is done to it is done by a Repo of its own.
	own, err := Open(ctx, h.r.Dir, &h.r.o)
	if err != nil {
		return "", err
	}
	defer own.Close()
	known, err := own.FindProposal(ctx, p.ID().String())
	if err != nil {
		return "", err
	}
	remark, failed := h.accept(ctx, own, known)
	if failed != nil {
		// What is amiss in this folder is nobody else's business.
		h.o.Report(known, remark+": "+failed.Error())
	} else {
		h.o.Report(known, remark)
	}
	return remark, nil
}

// accept accepts a proposal if the policy says so, and tells what became of it. What
// is not accepted, or cannot be at the moment, waits for a person.
func (h *hub) accept(ctx context.Context, own *Repo, p *Proposal) (remark string, err error) {
	const waits = "it waits for a maintainer"
	if h.o.Proposals == ProposalsAsk {
		return waits, nil
	}
	why, err := h.judge(ctx, own, p)
	switch {
	case err != nil:
		return waits, err
	case why != "":
		return waits + ", for " + why, nil
	}
	_, res, err := own.Accept(ctx, p.Proposal.ID().String(), AcceptOptions{})
	if err != nil {
		return waits, err
	}
	return "accepted as " + res.After.Short(), nil
}

// judge says why a proposal is not accepted by itself, "" if it is.
func (h *hub) judge(ctx context.Context, own *Repo, p *Proposal) (why string, err error) {
	v, err := own.Review(ctx, p.Proposal.ID().String())
	if err != nil {
		return "", err
	}
	if len(v.Conflicts) > 0 {
		return fmt.Sprintf("it contradicts what is there: %s", v.Conflicts[0]), nil
	}
	if why := v.Breach(); why != "" {
		return "it breaks a rule: " + why, nil
	}
	if why := beyond(h.o.Proposals, v.Changes); why != "" {
		return why, nil
	}
	// What an earlier commit of it had and a later one took away would go into the
	// history, too.
	for _, c := range v.Commits {
		if why, err = h.judgeCommit(ctx, own, &c); why != "" || err != nil {
			return why, err
		}
	}
	return "", nil
}

// judgeCommit judges one commit against that parent to which it does the least.
func (h *hub) judgeCommit(ctx context.Context, own *Repo, c *Logged) (why string, err error) {
	why = "its first commit has no other before it"
	for _, parent := range c.Parents {
		d, err := own.compareCommits(ctx, own.store, parent, c.ID)
		if err != nil {
			return "", err
		}
		if why = beyond(h.o.Proposals, d); why == "" {
			return "", nil
		}
	}
	return fmt.Sprintf("commit %s: %s", c.ID.Short(), why), nil
}

// beyond says what of a change goes beyond a policy, "" if nothing does.
func beyond(policy ProposalPolicy, d *changes.Set) string {
	for _, f := range d.Files {
		return fmt.Sprintf("%s is %s, and is no table", f.Path, f.Status)
	}
	for _, t := range d.Tables {
		switch {
		case t.Status != "modified":
			return fmt.Sprintf("the table %s is %s", t.Path, t.Status)
		case len(t.Schema) > 0:
			return fmt.Sprintf("the columns or the form of %s are changed", t.Path)
		case policy != ProposalsAppendOnly:
		case t.Counts.Deleted > 0:
			return fmt.Sprintf("a row of %s is deleted or changed", t.Path)
		case t.Counts.Modified > 0:
			return fmt.Sprintf("a row of %s is changed", t.Path)
		case t.Counts.Moved > 0:
			return fmt.Sprintf("a row of %s is moved", t.Path)
		}
	}
	return ""
}
