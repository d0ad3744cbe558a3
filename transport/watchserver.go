package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// Watchable is a [Dataset] that can be watched.
type Watchable interface {
	Dataset
	// Changes returns a channel on which the dataset tells, until ctx ends, that
	// something in it may be new; one receive stands for all changes since the one
	// before. A channel that is closed says that the dataset is served no more, or
	// otherwise, and ends the watch.
	Changes(ctx context.Context) <-chan struct{}
}

// watchers counts the watches of a server.
type watchers struct {
	mu      sync.Mutex
	total   int
	perPeer map[refs.PeerID]int
}

// enter takes a place for a peer's watch. The caller calls leave once.
func (w *watchers) enter(peer refs.PeerID, o *ServerOptions) (leave func(), err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.total >= o.MaxWatches:
		return nil, limitError(LimitWatches, ErrBusy, "%d watch here already", w.total)
	case w.perPeer[peer] >= o.MaxWatchesPerPeer:
		return nil, limitError(LimitPeerWatches, ErrBusy, "you watch here %d times already", w.perPeer[peer])
	}
	if w.perPeer == nil {
		w.perPeer = make(map[refs.PeerID]int)
	}
	w.total++
	w.perPeer[peer]++
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.total--
		if w.perPeer[peer]--; w.perPeer[peer] == 0 {
			delete(w.perPeer, peer)
		}
	}, nil
}

// watching is a watch under way. It is for one goroutine.
type watching struct {
	*serving
	ds      Watchable
	request *syncMessage
	told    told
	held    heldCommits
	// claimed are statements that the client says it knows, and whose targets are not
	// yet counted as held: this side may not have them itself.
	claimed map[refs.LogID]object.ID
	known   *allowance // bytes of known frames
}

// watch answers a watch request until the client or the server ends it.
func (r *serving) watch(ctx context.Context, body []byte) error {
	m, err := decodeSync(body)
	if err != nil {
		return badRequest(err)
	}
	if m.budget != 0 {
		return fmt.Errorf("%w: a watch with a budget", ErrUnsupported)
	}
	ds, _, err := r.open(ctx, m.dataset)
	if err != nil {
		return err
	}
	watchable, ok := ds.(Watchable)
	if !ok {
		return fmt.Errorf("%w: this dataset cannot be watched", ErrUnsupported)
	}
	if err := r.meet(ctx, ds, m); err != nil {
		return err
	}
	leave, err := r.server.watchers.enter(r.peer, r.o)
	if err != nil {
		return err
	}
	defer leave()
	if err := r.memory.take(ctx, watchMemory+knownMemory*int64(len(m.logs)), 0); err != nil {
		return err
	}
	w := &watching{
		serving: r, ds: watchable, request: m, told: tellAfter(m),
		claimed: make(map[refs.LogID]object.ID), known: newAllowance(knownBurst, knownRefill),
	}
	w.held.add(refs.LogID{}, m.haves)
	p := newPulse(nil)
	r.c.pulse.Store(p)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// What changes while the first answer is sent is in the next.
	changes := watchable.Changes(ctx)
	if _, err := w.update(ctx, true); err != nil {
		return err
	}
	w.request.wants = nil
	// Whoever waits for news keeps nobody from being served.
	w.rest()
	r.free()
	return w.run(ctx, changes, p)
}

// rest gives back what is needed for an answer alone.
func (w *watching) rest() {
	w.memory.giveBack(requestMemory)
	w.memory.trim()
	if ds, ok := w.closer.(interface{ Rest() }); ok {
		ds.Rest()
	}
}

// run sends updates.
func (w *watching) run(ctx context.Context, changes <-chan struct{}, p *pulse) error {
	still := time.NewTicker(stillEvery)
	defer still.Stop()
	var asked int // stills since the last sign of the client
	var signs int64
	for {
		select {
		case f, open := <-w.c.frames:
			if over, err := w.hear(ctx, f, open); over {
				return err
			}
			continue
		case <-still.C:
			if n := p.signs.Load(); n != signs {
				asked, signs = 0, n
			}
			if asked++; asked > unanswered {
				return fmt.Errorf("%w: the peer has not answered %d times", ErrStalled, unanswered)
			}
			if err := w.still(); err != nil {
				return streamError(ctx, "waiting for news", err)
			}
			continue
		case <-w.server.ending:
			return nil
		case _, open := <-changes:
			if !open {
				return nil
			}
		}
		// What the client says it knows need not be sent.
		if over, err := w.hearAll(ctx); over {
			return err
		}
		if err := w.memory.take(ctx, requestMemory, walkMemory); err != nil {
			return err
		}
		sent, err := w.update(ctx, false)
		if err != nil {
			return err
		}
		w.rest()
		if sent {
			still.Reset(stillEvery)
		}
	}
}

func (w *watching) still() error {
	if err := w.c.writeFrame(frameStill); err != nil {
		return err
	}
	return w.c.flush()
}

// hearAll deals with what the client has sent so far.
func (w *watching) hearAll(ctx context.Context) (over bool, err error) {
	for {
		select {
		case f, open := <-w.c.frames:
			if over, err := w.hear(ctx, f, open); over {
				return true, err
			}
		default:
			return false, nil
		}
	}
}

// hear deals with a frame of the client, and reports whether the watch is over.
func (w *watching) hear(ctx context.Context, f frame, open bool) (over bool, err error) {
	f = w.c.took(f, open)
	switch {
	case errors.Is(f.err, io.EOF):
		return true, nil
	case f.err != nil:
		return true, streamError(ctx, "waiting for the peer", f.err)
	case f.t != frameKnown:
		return true, badRequest(unexpected(f.t, f.body))
	case !w.known.take(len(f.body)):
		return true, fmt.Errorf("%w: too much is said of known logs", ErrBadRequest)
	}
	m, err := decodeKnown(f.body)
	if err != nil {
		return true, badRequest(err)
	}
	for _, k := range m.logs {
		if _, known := w.told.logs[k.Log]; !known && !w.memory.tryGrow(knownMemory) {
			return true, limitError(LimitMemory, ErrBusy, "no memory is free for what you know")
		}
		if w.told.know(k) {
			w.claimed[k.Log] = k.Statement
		}
	}
	return false, nil
}

// update sends what the client does not know, if there is anything, and reports
// whether there was. The first answer is sent in any case.
func (w *watching) update(ctx context.Context, first bool) (sent bool, err error) {
	offer, identity, err := w.told.offer(ctx, w.ds)
	if err != nil {
		return false, err
	}
	if !identity.MayRead(w.peer) {
		return false, ErrNotFound
	}
	if !first && len(offer.Identities)+len(offer.Statements)+len(offer.Proofs)+len(offer.Drafts) == 0 {
		return false, nil
	}
	if err := w.creditClaims(ctx); err != nil {
		return false, err
	}
	if first {
		w.stats.Rounds++
	}
	others, err := w.contacts(ctx, w.ds)
	if err != nil {
		return false, err
	}
	offer.Contacts = w.told.unmet(others)
	began := time.Now()
	if err := w.c.writeOffer(offer); err != nil {
		return false, streamError(ctx, "sending statements", err)
	}
	if w.request.flags&flagNoObjects == 0 {
		query := sendQuery{
			wants: append(Targets(offer.Statements, w.request.patterns), w.request.wants...),
			haves: w.held.list(),
			flags: w.request.flags,
		}
		end, err := w.send(ctx, w.ds.Objects(), query)
		if err != nil {
			return false, err
		}
		if end.status == endComplete {
			if err := w.credit(ctx, offer.Statements); err != nil {
				return false, err
			}
		}
	}
	w.told.sent(offer)
	w.stats.BytesIn, w.stats.BytesOut = w.c.in.Load(), w.c.out.Load()
	w.done(time.Since(began), nil)
	w.reported = w.stats
	return true, nil
}

// credit counts the targets of statements as held by the client.
func (w *watching) credit(ctx context.Context, statements []*refs.SignedStatement) error {
	for _, s := range statements {
		var commits []object.ID
		for _, id := range Targets([]*refs.SignedStatement{s}, w.request.patterns) {
			commit, err := peel(ctx, w.ds.Objects(), id)
			if err != nil {
				return err
			}
			if !commit.IsZero() {
				commits = append(commits, commit)
			}
		}
		w.held.add(s.Statement().Log, commits)
	}
	return nil
}

// creditClaims credits the statements that the client says it knows, as far as this
// side knows them too.
func (w *watching) creditClaims(ctx context.Context) error {
	if len(w.claimed) == 0 {
		return nil
	}
	heads, err := w.ds.Heads(ctx)
	if err != nil {
		return fmt.Errorf("reading statements: %w", err)
	}
	for _, head := range heads {
		log := head.Statement().Log
		claim, ok := w.claimed[log]
		if !ok {
			continue
		}
		if claim == head.ID() {
			if err := w.credit(ctx, []*refs.SignedStatement{head}); err != nil {
				return err
			}
			delete(w.claimed, log)
		}
	}
	return nil
}

// heldCommits are commits that a client holds with everything they reach, the newest
// first. What a log points to takes the place of what it pointed to before.
type heldCommits []heldCommit

type heldCommit struct {
	id  object.ID
	log refs.LogID // zero for one that the client has named itself
}

func (h *heldCommits) add(log refs.LogID, commits []object.ID) {
	if len(commits) == 0 {
		return
	}
	var next heldCommits
	for _, id := range commits {
		next = append(next, heldCommit{id, log})
	}
	for _, old := range *h {
		replaced := log != refs.LogID{} && old.log == log || slices.Contains(commits, old.id)
		if !replaced && len(next) < MaxHaves {
			next = append(next, old)
		}
	}
	*h = next[:min(len(next), MaxHaves)]
}

func (h heldCommits) list() []object.ID {
	ids := make([]object.ID, len(h))
	for i := range h {
		ids[i] = h[i].id
	}
	return ids
}
