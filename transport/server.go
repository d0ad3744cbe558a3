package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// Server answers requests about the datasets that find knows. It is safe for use
// by several goroutines at once.
type Server struct {
	find    func(ctx context.Context, peer refs.PeerID, id object.ID) (Dataset, error)
	options atomic.Pointer[ServerOptions]
	queue   *queue
	turns   turns
	codec   entry.Codec

	watchers   watchers
	ending     chan struct{} // closed when watches are to end
	endWatches func()
}

// NewServer returns a server. find returns the dataset that the peer asks for; an error that
// wraps [ErrNotFound] says that there is none or that the peer shall not know of
// it. A dataset whose identity lists readers is shown to those alone, whatever find says.
// A dataset that is an [io.Closer] is closed when the request has ended. o may be nil.
func NewServer(find func(ctx context.Context, peer refs.PeerID, id object.ID) (Dataset, error), o *ServerOptions) *Server {
	full := o.withDefaults()
	s := &Server{find: find, queue: newQueue(full.MaxRequests, full.MaxWaiting), turns: newTurns()}
	s.options.Store(full)
	s.ending = make(chan struct{})
	s.endWatches = sync.OnceFunc(func() { close(s.ending) })
	return s
}

// SetOptions changes the options. Requests under way go on with those that they began with.
func (s *Server) SetOptions(o *ServerOptions) {
	full := o.withDefaults()
	s.options.Store(full)
	s.queue.setLimits(full.MaxRequests, full.MaxWaiting)
}

// Stop sends away the requests that wait for their turn, and all that come; they are
// told that the server is busy. Those under way go on, but for watches, which do not end
// by themselves: they end as soon as they were answered once.
func (s *Server) Stop() {
	s.queue.close()
	s.endWatches()
}

// Load returns how many requests are served and how many wait for their turn.
func (s *Server) Load() (served, waiting int) { return s.queue.count() }

// serving is one request under way.
type serving struct {
	server  *Server
	o       *ServerOptions
	c       *conn
	memory  *account
	peer    refs.PeerID
	kind    RequestKind
	dataset object.ID
	closer  io.Closer // the dataset, if it is to be closed
	early   early     // nil if the stream cannot have come early
	asked   time.Time // when the dataset was named
	waited  time.Duration
	limit   string // a bound that was hit, though the request goes on
	free    func() // gives the place among those served back
	stats   Stats
	// reported is what of a watch Done has heard of.
	reported Stats
}

// Serve answers the one request on the stream, which it closes. peer is who asks,
// as the connection has proved it. It returns how the request ended: what the
// peer was told, or nil. It ends early, with an error, when ctx does.
func (s *Server) Serve(ctx context.Context, peer refs.PeerID, stream io.ReadWriteCloser) error {
	r := &serving{server: s, o: s.options.Load(), peer: peer}
	r.memory = newAccount(r.o.Memory, r.o.MaxWait)
	defer r.memory.close()
	began := time.Now()
	err := r.serve(ctx, stream)
	if r.reported == (Stats{}) || err != nil {
		r.done(time.Since(began), err)
	}
	return err
}

// done tells of a request that has ended, or of one more answer of a watch.
func (r *serving) done(took time.Duration, err error) {
	if r.o.Done == nil {
		return
	}
	r.o.Done(Served{
		Peer: r.peer, Kind: r.kind, Dataset: r.dataset, Stats: r.stats.less(r.reported),
		Waited: r.waited, Took: took, Limit: r.limit, Err: err,
	})
}

func (r *serving) serve(ctx context.Context, stream io.ReadWriteCloser) error {
	if !r.memory.open(streamMemory) {
		return turnAway(stream, limitError(LimitMemory, ErrBusy, "too many streams are open"))
	}
	c := startConn(stream, &guest{memory: r.memory, maxRequest: r.o.MaxRequestBytes})
	r.c = c
	r.early, _ = stream.(early)
	release := c.guard(ctx, r.o.Stall, r.o.MinProgress)
	err := r.admit(ctx)
	if r.closer != nil {
		err = errors.Join(err, r.closer.Close())
	}
	if errors.Is(err, ErrNotFound) {
		hush(ctx, r.asked)
	}
	if err != nil {
		c.fail(err)
	}
	release()
	// Close sends what is still buffered; a peer that is gone has said so by now.
	closeErr := c.close()
	if err == nil && closeErr != nil && !errors.Is(closeErr, io.ErrClosedPipe) {
		err = fmt.Errorf("closing the stream: %w", closeErr)
	}
	r.stats.BytesIn, r.stats.BytesOut = c.in.Load(), c.out.Load()
	return err
}

// turnAwayTime is how long somebody may take to hear that there is nothing for them.
const turnAwayTime = 5 * time.Second

// turnAway says no more on a stream than why nothing is served on it, and returns that.
func turnAway(stream io.ReadWriteCloser, err error) error {
	timer := time.AfterFunc(turnAwayTime, func() { abort(stream) })
	defer timer.Stop()
	Refuse(stream, err)
	stream.Close()
	return err
}

// hushTime is after how long a peer is told that there is no such dataset, from its
// request on: whoever asks for one that it may not see must not learn from the
// clock that it was looked at.
const hushTime = 50 * time.Millisecond

func hush(ctx context.Context, asked time.Time) {
	timer := time.NewTimer(time.Until(asked.Add(hushTime)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// admit reads the request and answers it when it is its turn.
func (r *serving) admit(ctx context.Context) error {
	t, body, err := r.c.next()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return streamError(ctx, "receiving a request", err)
	}
	var answer func(ctx context.Context, body []byte) error
	switch t {
	case frameSync:
		r.kind, answer = RequestSync, r.sync
	case framePush:
		r.kind, answer = RequestPush, r.push
	case frameWatch:
		r.kind, answer = RequestWatch, r.watch
	default:
		return fmt.Errorf("%w: a frame of type %s in place of a request", ErrBadRequest, t)
	}
	if t != frameSync {
		// Whatever changes something, or takes long, is for nobody to send again.
		if err := r.prove(ctx); err != nil {
			return err
		}
	}
	came := time.Now()
	leave, err := r.server.queue.enter(ctx, r.peer, r.o.MaxWait)
	r.waited = time.Since(came)
	if err != nil {
		return err
	}
	r.free = sync.OnceFunc(leave)
	defer r.free()
	if err := r.memory.take(ctx, requestMemory, walkMemory); err != nil {
		return err
	}
	return answer(ctx, body)
}

// early is what a stream implements that may have come with the handshake of its
// connection (package link).
type early interface {
	Proved(ctx context.Context) error
}

// prove waits until the peer has proved that it is there and sends this now.
func (r *serving) prove(ctx context.Context) error {
	if r.early == nil {
		return nil
	}
	return streamError(ctx, "waiting for the handshake", r.early.Proved(ctx))
}

// open finds the dataset and checks that the peer may read it.
func (r *serving) open(ctx context.Context, id object.ID) (Dataset, []*refs.SignedIdentity, error) {
	r.dataset, r.asked = id, time.Now()
	ds, err := r.server.find(ctx, r.peer, id)
	if err != nil {
		return nil, nil, err
	}
	r.closer, _ = ds.(io.Closer)
	identities, err := ds.Identities(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the identity: %w", err)
	}
	if len(identities) == 0 || !identities[len(identities)-1].Identity().MayRead(r.peer) {
		return nil, nil, ErrNotFound
	}
	if identities[len(identities)-1].Identity().Audience != refs.Public {
		if err := r.prove(ctx); err != nil {
			return nil, nil, err
		}
	}
	if p, ok := ds.(PeerDataset); ok {
		ds = p.For(r.peer)
	}
	return ds, identities, nil
}

func (r *serving) sync(ctx context.Context, body []byte) error {
	m, err := decodeSync(body)
	if err != nil {
		return badRequest(err)
	}
	ds, _, err := r.open(ctx, m.dataset)
	if err != nil {
		return err
	}
	if err := r.meet(ctx, ds, m); err != nil {
		return err
	}
	r.stats.Rounds++
	peer := tellAfter(m)
	offer, _, err := peer.offer(ctx, ds)
	if err != nil {
		return err
	}
	if offer.Contacts, err = r.contacts(ctx, ds); err != nil {
		return err
	}
	if err := r.c.writeOffer(offer); err != nil {
		return streamError(ctx, "sending statements", err)
	}
	if m.flags&flagNoObjects == 0 {
		query := sendQuery{
			wants:  append(Targets(offer.Statements, m.patterns), m.wants...),
			haves:  m.haves,
			flags:  m.flags,
			budget: m.budget,
		}
		if _, err := r.send(ctx, ds.Objects(), query); err != nil {
			return err
		}
	}
	return r.answerWants(ctx, ds)
}

// meet takes what the client says of where it serves the dataset itself.
func (r *serving) meet(ctx context.Context, ds Dataset, m *syncMessage) error {
	own, err := m.contact(r.peer)
	if err != nil {
		return badRequest(err)
	}
	book, ok := ds.(ContactBook)
	if own == nil || !ok {
		return nil
	}
	if err := book.Meet(ctx, own); err != nil {
		return fmt.Errorf("noting where a peer serves: %w", err)
	}
	return nil
}

// contacts returns who else serves the dataset, but for the peer itself.
func (r *serving) contacts(ctx context.Context, ds Dataset) ([]*refs.Contact, error) {
	book, ok := ds.(ContactBook)
	if !ok {
		return nil, nil
	}
	list, err := book.Contacts(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading contacts: %w", err)
	}
	list = slices.DeleteFunc(list, func(c *refs.Contact) bool { return c.Peer() == r.peer })
	return list[:min(len(list), MaxContacts)], nil
}

// writeOffer sends an offer with its end frame.
func (c *conn) writeOffer(o *Offer) error {
	for _, v := range o.Identities {
		if err := c.writeFrame(frameIdentity, v.Encode()); err != nil {
			return err
		}
	}
	for _, v := range o.Statements {
		if err := c.writeFrame(frameStatement, v.Encode()); err != nil {
			return err
		}
	}
	for _, v := range o.Proofs {
		if err := c.writeFrame(frameProof, v.Encode()); err != nil {
			return err
		}
	}
	if err := c.writeDrafts(o.Drafts); err != nil {
		return err
	}
	for _, v := range o.Contacts {
		if err := c.writeFrame(frameContact, v.Encode()); err != nil {
			return err
		}
	}
	if err := c.writeFrame(frameEnd, (&endMessage{}).encode()); err != nil {
		return err
	}
	return c.flush()
}

// writeDrafts sends as many drafts as a peer takes.
func (c *conn) writeDrafts(drafts []*refs.SignedIdentity) error {
	for _, v := range drafts[:min(len(drafts), refs.MaxDrafts)] {
		if err := c.writeFrame(frameDraft, v.Encode()); err != nil {
			return err
		}
	}
	return nil
}

// answerWants serves the wants that follow on the same stream until the peer ends it.
func (r *serving) answerWants(ctx context.Context, ds Dataset) error {
	for {
		t, body, err := r.c.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err := streamError(ctx, "waiting for wants", err); errors.Is(err, ErrDisconnected) {
			return nil // whoever has what it wanted may leave without a word
		} else if err != nil {
			return err
		}
		if t != frameWant {
			return badRequest(unexpected(t, body))
		}
		m, err := decodeWant(body)
		if err != nil {
			return badRequest(err)
		}
		r.stats.Rounds++
		query := sendQuery{wants: m.wants, haves: m.haves, flags: m.flags, budget: m.budget}
		if _, err := r.send(ctx, ds.Objects(), query); err != nil {
			return err
		}
	}
}

// send answers one query within the bounds of the request.
func (r *serving) send(ctx context.Context, objects object.Reader, query sendQuery) (*endMessage, error) {
	query.effort = &effort{ctx: ctx, most: r.o.MaxTraversal, memory: r.memory}
	defer query.effort.close()
	end, err := send(ctx, r.c, r.server.turns.reader(objects), &r.server.codec, query, &r.stats)
	if query.effort.limit != "" {
		r.limit = query.effort.limit
	}
	return end, err
}

// badRequest classes an error of the peer's message.
func badRequest(err error) error {
	var remote *RemoteError
	if errors.Is(err, ErrUnsupported) || errors.As(err, &remote) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBadRequest, err)
}
