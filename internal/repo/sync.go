package repo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// FetchResult says what a fetch brought.
type FetchResult struct {
	Remote string
	// Refs is where the remote stands now.
	Refs    map[refs.Name]object.ID
	Objects int64 // objects received
	Bytes   int64 // bytes on the wire, both ways
	Rounds  int   // round trips, besides those of the handshake
	// Aside names branches of which the peer has commits that no maintainer has
	// signed; nothing of them is taken without being asked for.
	Aside []refs.Name
	// Split names the devices whose logs contradict themselves.
	Split []refs.PeerID
	// Ended names the devices that went on after the maintainers had ended their logs.
	Ended []refs.PeerID
	// Forked says that the identity has two histories, and nobody has decided here which
	// one to follow (see [Trust.Forks]).
	Forked bool
	// Restarted says that this copy was restored or copied, and goes on in a new log.
	Restarted bool
	// Identities is how many new versions of the identity came.
	Identities int

	up *upstream
}

// PullResult says what a pull did.
type PullResult struct {
	*FetchResult
	*MergeResult
	// NoBranch says that the remote has nothing under the name of the branch that
	// is checked out here.
	NoBranch bool
}

// PullOptions say how [Repo.Pull] pulls.
type PullOptions struct {
	// NoValidate takes what is pulled even if the settings have it validated and it
	// is not valid.
	NoValidate bool
}

// PushResult says what a push did.
type PushResult struct {
	Remote  string
	Objects int64
	Bytes   int64
	// New says whether the peer learned anything.
	New bool

	remark string // what the peer says about a proposal
}

// Fetch brings what is new at a remote (see [Repo.Remote]) into the store, and
// leaves the folder and the branches as they are. Tags that are new are taken over.
func (r *Repo) Fetch(ctx context.Context, remote string) (*FetchResult, error) {
	at, err := r.Remote(remote)
	if err != nil {
		return nil, err
	}
	key, err := r.signer(ctx)
	if err != nil {
		return nil, err
	}
	r.asked = true // what this copy has said elsewhere comes with it
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	if err := r.mindDisk(); err != nil {
		return nil, err
	}
	sink := &transport.LocalSink{Objects: r.store.Store, Refs: r.refs, State: at.URL.State, Room: r.room}
	if at.Bundle != "" {
		stats, err := r.unbundle(ctx, &at, sink)
		if err != nil {
			return nil, err
		}
		return r.fetched(ctx, at, stats, sink.Report)
	}
	local := &transport.Local{Store: r.store.Store, Refs: r.refs}
	req := &transport.SyncRequest{Dataset: chain.Dataset(), IdentityVersion: chain.Len()}
	if req.Logs, err = local.KnownLogs(ctx); err != nil {
		return nil, err
	}
	if req.Haves, err = local.Haves(ctx); err != nil {
		return nil, err
	}
	stats, err := r.exchange(ctx, at.URL, key, req, r.sinkFor(sink, req))
	if errors.Is(err, refs.ErrWrongIdentity) {
		// The peer may follow another history of the identity: its versions tell.
		req.IdentityVersion = 0
		stats, err = r.exchange(ctx, at.URL, key, req, r.sinkFor(sink, req))
	}
	if err != nil {
		return nil, err
	}
	return r.fetched(ctx, at, stats, sink.Report)
}

// fetched works out where the remote stands and takes over its new tags.
func (r *Repo) fetched(ctx context.Context, at Remote, stats transport.Stats, report *refs.Report) (*FetchResult, error) {
	up, err := r.remember(ctx, at)
	if err != nil {
		return nil, err
	}
	res := &FetchResult{
		Remote: at.Name, Refs: up.refs, Objects: stats.Objects, Bytes: stats.BytesIn + stats.BytesOut, Rounds: stats.Rounds,
		Aside: up.aside, up: up, Restarted: report.Restarted, Identities: report.Identities,
	}
	for _, log := range report.Ended {
		if !slices.Contains(res.Ended, log.Signer) {
			res.Ended = append(res.Ended, log.Signer)
		}
	}
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	for _, log := range view.Logs() {
		if log.Held && !slices.Contains(res.Split, log.ID.Signer) {
			res.Split = append(res.Split, log.ID.Signer)
		}
	}
	forks, err := r.refs.Forks(ctx)
	if err != nil {
		return nil, err
	}
	res.Forked = slices.ContainsFunc(forks, func(f refs.Fork) bool { return !f.Settled })
	return res, r.takeTags(ctx, up)
}

func (r *Repo) takeTags(ctx context.Context, up *upstream) error {
	own, err := r.refs.Own(ctx)
	if err != nil {
		return err
	}
	var changes []refs.Change
	for name, target := range up.refs {
		if _, known := own[name]; !known && strings.HasPrefix(string(name), refs.TagsPrefix) {
			changes = append(changes, refs.Change{Name: name, New: target})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return r.updateRefs(ctx, changes...)
}

// Pull fetches from a remote and merges what is new on the branch that is checked
// out: what the maintainers have signed, and, if the peer is named by its
// address, what that peer has itself. It fails with [ErrDetached] if no branch is
// checked out.
func (r *Repo) Pull(ctx context.Context, remote string, o PullOptions) (*PullResult, error) {
	head, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	if head.Branch == "" {
		return nil, fmt.Errorf("%w to pull into", ErrDetached)
	}
	fetched, err := r.Fetch(ctx, remote)
	if err != nil {
		return nil, err
	}
	res := &PullResult{FetchResult: fetched, MergeResult: &MergeResult{Before: head.Commit, After: head.Commit}}
	targets, err := fetched.up.heads(head.Branch)
	if err != nil {
		return nil, err
	}
	_, there := fetched.Refs[head.Branch]
	res.NoBranch = !there && len(targets) == 0 && len(fetched.Refs) > 0
	fetched.Aside = slices.DeleteFunc(fetched.Aside, func(name refs.Name) bool {
		return name == head.Branch && slices.Contains(targets, fetched.Refs[name])
	})
	for _, target := range targets {
		m, err := r.mergeCommit(ctx, target, MergeOptions{
			Message:  fmt.Sprintf("Merge %s of %s", head.Branch.Short(), fetched.Remote),
			Validate: r.settings.Validates("pull") && !o.NoValidate,
			settle:   true,
		})
		if err != nil {
			return nil, err
		}
		res.take(m)
		if len(m.Conflicts) > 0 {
			break
		}
	}
	return res, nil
}

// take adds one more merge to what a pull did.
func (p *PullResult) take(m *MergeResult) {
	p.After = m.After
	p.FastForward = p.FastForward || m.FastForward
	p.Merged = p.Merged || m.Merged
	p.Conflicts = append(p.Conflicts, m.Conflicts...)
	p.Tables = append(p.Tables, m.Tables...)
}

// Push gives a remote this copy's own refs, and this device's answers to proposals,
// with everything that they reach. The
// remote takes them if this device's owner is a maintainer; it never touches the
// files of the peer's folder. It fails with an error that wraps
// [transport.ErrNotAllowed], or [transport.ErrStale] if the remote has newer refs of this copy.
func (r *Repo) Push(ctx context.Context, remote string) (*PushResult, error) {
	at, err := r.Remote(remote)
	if err != nil {
		return nil, err
	}
	if at.Bundle != "" {
		return nil, fmt.Errorf("%w: %s", ErrNoPeer, at.Bundle)
	}
	key, err := r.signer(ctx)
	if err != nil {
		return nil, err
	}
	view, err := r.refs.View(ctx)
	if err != nil {
		return nil, err
	}
	drafts, err := r.refs.Drafts(ctx)
	if err != nil {
		return nil, err
	}
	_, own := view.Own()
	if own == nil && len(drafts) == 0 {
		return nil, fmt.Errorf("pushing: %w", ErrUnborn)
	}
	// Who is to become a maintainer pushes their signature alone.
	var statements []*refs.SignedStatement
	person, listed := view.Chain().Current().Person(key.PeerID())
	if own != nil && (len(drafts) == 0 || listed && person.Role == refs.Maintainer) {
		statements = append(statements, own)
	}
	if answers := answersOf(view, r.speakerID); answers != nil {
		statements = append(statements, answers)
	}
	return r.pushStatements(ctx, at, statements...)
}
