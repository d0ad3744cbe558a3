package repo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// How long to wait before a remote out of reach is tried again: the second time longer
// than the first and so on, and by chance, so that not all come back at once.
const (
	firstRetry = 500 * time.Millisecond
	lastRetry  = time.Minute
)

// oneSession is how long a peer is watched before everything begins anew: only then do
// both say again where they serve, which is forgotten after [refs.ContactLife].
const oneSession = 24 * time.Hour

// backoff says how long to wait before the next try.
type backoff struct{ next time.Duration }

func (b *backoff) reset() { b.next = 0 }

// wait returns a time between half of the next wait and all of it.
func (b *backoff) wait() time.Duration {
	b.next = min(max(2*b.next, firstRetry), lastRetry)
	return b.next/2 + rand.N(b.next/2)
}

// tracker fetches what becomes new at one remote. It merges nothing.
type tracker struct {
	*desk
	at   Remote
	wait backoff
	cut  bool // an exchange was cut, and may have left objects behind

	lost    bool         // it was told that nobody is in reach
	watched refs.Address // of whom it was last told that they are followed

	mu   sync.Mutex
	told map[refs.LogID]transport.KnownLog // what the peer knows that we know
}

// run follows the remote until ctx ends.
func (t *tracker) run(ctx context.Context) {
	for ctx.Err() == nil {
		err := t.session(ctx)
		if ended(ctx, err) {
			return
		}
		if errors.Is(err, errAnew) {
			continue
		}
		if !t.lost {
			t.lost = true
			t.f.tell(&FollowEvent{Kind: FollowLost, Remote: t.at.Name, Err: err})
		}
		if !pause(ctx, t.wait.wait()) {
			return
		}
	}
}

// errAnew ends a session after which another begins at once: it took long enough, or
// another part of the dataset is to be here.
var errAnew = errors.New("it is time for another session")

// session follows the peers of the remote, one after the other, each until it is cut off.
func (t *tracker) session(ctx context.Context) error {
	if moved, err := t.reopen(ctx); err != nil {
		return err
	} else if moved {
		if err := t.fill(ctx); err != nil {
			return err
		}
	}
	key, err := t.r.signer(ctx)
	if err != nil {
		return err
	}
	if err := t.r.mindDisk(); err != nil {
		return err
	}
	t.r.asked = true // what this copy has said elsewhere comes with what is fetched
	var failed []error
	peers := append(slices.Clone(t.at.URL.Peers), t.r.met(t.at.URL, key.PeerID())...)
	for _, a := range peers[:min(len(peers), len(t.at.URL.Peers)+metTries)] {
		if a.Host == "" {
			failed = append(failed, fmt.Errorf("%w: the address of %s is not known", link.ErrUnreachable, a.Peer.Short()))
			continue
		}
		err := t.reach(ctx, a, key)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, errAnew) {
			return err
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// reach follows one peer until it is cut off.
func (t *tracker) reach(ctx context.Context, a refs.Address, key *refs.Key) error {
	s := &session{tracker: t, peer: a, key: key}
	q, err := s.question(ctx)
	if err != nil {
		return err
	}
	if s.conn, err = t.r.connect(ctx, a, key, q.req.Opening()); err != nil {
		return err
	}
	return errors.Join(s.run(ctx, q), s.conn.Close())
}

// fill gets what was taken while a smaller part was to be here.
func (t *tracker) fill(ctx context.Context) error {
	roots, err := t.r.roots(ctx)
	if err != nil {
		return err
	}
	part := t.r.part
	if part.whole() {
		part = &Part{}
	}
	_, err = t.r.fill(ctx, func(ctx context.Context) (asks, error) { return t.r.lacking(ctx, part, roots) })
	return err
}

// session is a connection to one peer.
type session struct {
	*tracker
	peer refs.Address
	conn link.Conn
	key  *refs.Key
}

// run gets what is new so far, and then what becomes new. It returns when that ends.
func (s *session) run(ctx context.Context, q *question) error {
	if err := s.sync(ctx, q); err != nil {
		return err
	}
	w, err := s.watch(ctx)
	if err != nil {
		return err
	}
	defer w.Close()
	ctx, cancel := context.WithTimeoutCause(ctx, s.f.how.session, errAnew)
	var telling sync.WaitGroup
	defer telling.Wait()
	defer cancel()
	if s.r.part.whole() {
		changes := s.r.refs.Changes(ctx)
		telling.Go(func() { s.tellKnown(ctx, w, changes) })
	}
	for first := true; ; first = false {
		if err := s.next(ctx, w); errors.Is(context.Cause(ctx), errAnew) {
			return errAnew
		} else if err != nil {
			return err
		}
		if s.moved() {
			return errAnew
		}
		if first {
			s.wait.reset()
			if s.lost || s.watched != s.peer {
				s.f.tell(&FollowEvent{Kind: FollowConnected, Remote: s.at.Name, Peer: s.peer})
			}
			s.lost, s.watched = false, s.peer
		}
	}
}

// request asks for what is not known yet.
func (s *session) request(ctx context.Context) (*transport.SyncRequest, error) {
	chain, err := s.r.refs.Chain()
	if err != nil {
		return nil, err
	}
	local := &transport.Local{Store: s.r.store.Store, Refs: s.r.refs}
	req := &transport.SyncRequest{Dataset: chain.Dataset(), IdentityVersion: chain.Len()}
	if req.Logs, err = local.KnownLogs(ctx); err != nil {
		return nil, err
	}
	req.Haves, err = local.Haves(ctx)
	req.Resume, req.Own = s.cut, s.r.ownContact(s.at.URL.Dataset, s.key)
	return req, err
}

// sink takes what comes, and notes what of it the peer knows to be known.
func (s *session) sink() *transport.LocalSink {
	return &transport.LocalSink{
		Objects: s.r.store.Store, Refs: s.r.refs, State: s.at.URL.State, Room: s.r.room,
		Accept: func(_ context.Context, _ *refs.Identity, offer *transport.Offer) error {
			if s.moved() {
				return errAnew
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, st := range offer.Statements {
				s.note(transport.KnownLog{Log: st.Statement().Log, Seq: st.Statement().Seq, Statement: st.ID()})
			}
			return nil
		},
	}
}

// note is called with s.mu held.
func (s *session) note(k transport.KnownLog) {
	if s.told != nil && s.told[k.Log].Seq < k.Seq {
		s.told[k.Log] = k
	}
}

// question is what a peer is asked, and what takes the answer.
type question struct {
	req  *transport.SyncRequest
	sink *transport.LocalSink
	part transport.Sink // takes of it what this copy has of the dataset
}

func (s *session) question(ctx context.Context) (*question, error) {
	req, err := s.request(ctx)
	if err != nil {
		return nil, err
	}
	q := &question{req: req, sink: s.sink()}
	q.part = s.r.sinkFor(q.sink, req)
	return q, nil
}

// sync gets what is new from the peer, and from the other ones of the remote what it lacks.
func (s *session) sync(ctx context.Context, q *question) error {
	defer s.begin()()
	stats, err := s.r.syncOver(ctx, s.conn, source{s.at.URL, s.peer, s.key}, q.req, q.part, 0)
	s.cut = s.cut || err != nil && stats.Objects > 0
	if err != nil && another(err) && ctx.Err() == nil && len(s.at.URL.Peers) > 1 {
		var more transport.Stats
		q.req.Resume = s.cut
		more, err = s.r.exchange(ctx, s.at.URL, s.key, q.req, q.part)
		stats.Add(more)
	}
	if err != nil {
		return err
	}
	s.cut = false
	return s.fetched(ctx, stats, q.sink.Report)
}

// fetched tells of what came, if something did.
func (s *session) fetched(ctx context.Context, stats transport.Stats, report *refs.Report) error {
	res, err := s.r.fetched(ctx, s.at, stats, report)
	if err != nil {
		return err
	}
	if stats.Objects > 0 || len(report.New)+report.Identities+report.Drafts+len(report.Equivocations) > 0 {
		s.f.tell(&FollowEvent{Kind: FollowFetched, Remote: s.at.Name, Fetch: res})
	}
	return nil
}

// watch asks the peer to tell of what becomes new.
func (s *session) watch(ctx context.Context) (*transport.Watching, error) {
	req, err := s.request(ctx)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.told = make(map[refs.LogID]transport.KnownLog)
	for _, k := range req.Logs {
		s.told[k.Log] = k
	}
	s.mu.Unlock()
	// Of a copy of a part the rest is asked for by itself.
	req.Flat = !s.r.part.whole()
	stream, err := s.conn.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	book := s.r.contacts(s.at.URL.Dataset, s.key.PeerID())
	return transport.Watch(ctx, stream, req, &transport.SyncOptions{
		Progress: func(p transport.Progress) { s.r.o.Progress("receiving objects", p.Bytes, 0) },
		Met:      func(list []*refs.Contact) { _ = book.add(list...) }, // a help alone
	})
}

// next takes one answer of the watch.
func (s *session) next(ctx context.Context, w *transport.Watching) error {
	defer s.begin()()
	sink := s.sink()
	var taker transport.Sink = sink
	if !s.r.part.whole() {
		taker = &partSink{sink, s.r}
	}
	res, err := w.Next(ctx, taker)
	var remote *transport.RemoteError
	if errors.Is(err, transport.ErrIncomplete) && !errors.As(err, &remote) {
		s.cut = s.cut || res.Stats.Objects > 0
		q, err := s.question(ctx)
		if err != nil {
			return err
		}
		return s.sync(ctx, q)
	}
	if err != nil {
		return err
	}
	return s.fetched(ctx, res.Stats, sink.Report)
}

// tellKnown tells the peer what came to be known here otherwise than from it.
func (s *session) tellKnown(ctx context.Context, w *transport.Watching, changes <-chan struct{}) {
	local := &transport.Local{Store: s.r.store.Store, Refs: s.r.refs}
	for {
		select {
		case <-ctx.Done():
			return
		case <-changes:
		}
		logs, err := local.KnownLogs(ctx)
		if err != nil {
			continue // the peer sends what is known; that costs a little, and harms nothing
		}
		if err := w.Knows(s.untold(logs)); err != nil {
			return
		}
	}
}

// untold returns those of the logs that the peer is not known to know so, and notes them.
func (s *session) untold(logs []transport.KnownLog) []transport.KnownLog {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh []transport.KnownLog
	for _, k := range logs {
		if s.told[k.Log].Seq < k.Seq {
			fresh = append(fresh, k)
			s.told[k.Log] = k
		}
	}
	return fresh
}
