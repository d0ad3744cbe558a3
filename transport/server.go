package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// ServerOptions bounds what a server does. The zero value means the defaults.
type ServerOptions struct {
	// MaxRequests is how many requests are served at once; further ones are told
	// that the server is busy. Default: 64.
	MaxRequests int
	// MaxPushBytes is the most bytes of objects, uncompressed, that one push may bring;
	// 0 for no bound.
	MaxPushBytes int64
	// Stall and MinProgress: as in [SyncOptions]. They bound the time that an idle
	// peer holds a request open, too.
	Stall       time.Duration
	MinProgress int64
	// Done, if not nil, is called after each request that got as far as naming a
	// dataset, with what was moved and how it ended.
	Done func(peer refs.PeerID, dataset object.ID, stats Stats, err error)
}

// Server answers requests about the datasets that find knows. It is safe for use
// by several goroutines at once.
type Server struct {
	find  func(ctx context.Context, peer refs.PeerID, id object.ID) (Dataset, error)
	o     ServerOptions
	slots chan struct{}
	codec entry.Codec
}

// NewServer returns a server. find returns the dataset that the peer asks for; an error that
// wraps [ErrNotFound] says that there is none or that the peer shall not know of
// it. A dataset whose identity lists readers is shown to those alone, whatever find says.
func NewServer(find func(ctx context.Context, peer refs.PeerID, id object.ID) (Dataset, error), o *ServerOptions) *Server {
	s := &Server{find: find}
	if o != nil {
		s.o = *o
	}
	if s.o.MaxRequests <= 0 {
		s.o.MaxRequests = 64
	}
	s.o.Stall, s.o.MinProgress = guardTimes(s.o.Stall, s.o.MinProgress)
	s.slots = make(chan struct{}, s.o.MaxRequests)
	return s
}

// serving is one request under way.
type serving struct {
	server  *Server
	c       *conn
	peer    refs.PeerID
	dataset object.ID
	asked   time.Time // when the dataset was named
	stats   Stats
}

// Serve answers the one request on the stream, which it closes. peer is who asks,
// as the connection has proved it. It returns how the request ended: what the
// peer was told, or nil. It ends early, with an error, when ctx does.
func (s *Server) Serve(ctx context.Context, peer refs.PeerID, stream io.ReadWriteCloser) error {
	c := newConn(stream)
	release := c.guard(ctx, s.o.Stall, s.o.MinProgress)
	r := &serving{server: s, c: c, peer: peer}
	err := r.admit(ctx)
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
	if s.o.Done != nil && !r.dataset.IsZero() {
		s.o.Done(peer, r.dataset, r.stats, err)
	}
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

func (r *serving) admit(ctx context.Context) error {
	select {
	case r.server.slots <- struct{}{}:
		defer func() { <-r.server.slots }()
	default:
		return ErrBusy
	}
	t, body, err := r.c.next()
	if errors.Is(err, io.EOF) {
		return nil
	}
	if err != nil {
		return streamError(ctx, "receiving a request", err)
	}
	switch t {
	case frameSync:
		return r.sync(ctx, body)
	case framePush:
		return r.push(ctx, body)
	}
	return fmt.Errorf("%w: a frame of type %s in place of a request", ErrBadRequest, t)
}

// open finds the dataset and checks that the peer may read it.
func (r *serving) open(ctx context.Context, id object.ID) (Dataset, []*refs.SignedIdentity, error) {
	r.dataset, r.asked = id, time.Now()
	ds, err := r.server.find(ctx, r.peer, id)
	if err != nil {
		return nil, nil, err
	}
	identities, err := ds.Identities(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the identity: %w", err)
	}
	if len(identities) == 0 || !identities[len(identities)-1].Identity().MayRead(r.peer) {
		return nil, nil, ErrNotFound
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
	ds, identities, err := r.open(ctx, m.dataset)
	if err != nil {
		return err
	}
	r.stats.Rounds++
	statements, err := r.sendOffer(ctx, ds, identities, m)
	if err != nil {
		return err
	}
	if m.flags&flagNoObjects == 0 {
		query := sendQuery{
			wants:  append(Targets(statements, m.patterns), m.wants...),
			haves:  m.haves,
			flags:  m.flags,
			budget: m.budget,
		}
		if _, err := send(ctx, r.c, ds.Objects(), &r.server.codec, query, &r.stats); err != nil {
			return err
		}
	}
	return r.answerWants(ctx, ds)
}

// sendOffer sends what the peer lacks of identities, statements and proofs, and
// returns the statements that it sent.
func (r *serving) sendOffer(
	ctx context.Context, ds Dataset, identities []*refs.SignedIdentity, m *syncMessage,
) ([]*refs.SignedStatement, error) {
	statements, err := newer(ctx, ds, m.logs)
	if err != nil {
		return nil, fmt.Errorf("reading statements: %w", err)
	}
	proofs, err := ds.Proofs(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading equivocations: %w", err)
	}
	drafts, err := ds.Drafts(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading drafts of the identity: %w", err)
	}
	known := min(m.identities, uint64(len(identities)))
	err = r.c.writeOffer(&Offer{
		Identities: identities[known:], Statements: statements, Proofs: proofs[:min(len(proofs), MaxProofs)], Drafts: drafts,
	})
	return statements, streamError(ctx, "sending statements", err)
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

// newer returns the statements that are not the known ones, oldest first within a
// log. One with the same sequence number and another id is among them: it proves
// that the log has split. What lies between the known one and the newest is left
// out if it would be too much.
func newer(ctx context.Context, ds Dataset, known []KnownLog) ([]*refs.SignedStatement, error) {
	heads, err := ds.Heads(ctx)
	if err != nil {
		return nil, err
	}
	byLog := make(map[refs.LogID]KnownLog, len(known))
	for _, k := range known {
		byLog[k.Log] = k
	}
	heads = heads[:min(len(heads), MaxLogs)]
	room := MaxLogs - len(heads)
	var list []*refs.SignedStatement
	for _, head := range heads {
		k, isKnown := byLog[head.Statement().Log]
		seq := head.Statement().Seq
		switch {
		case isKnown && (seq < k.Seq || seq == k.Seq && head.ID() == k.Statement):
			continue
		case isKnown && seq > k.Seq+1:
			run, err := ds.Since(ctx, k.Log, k.Seq)
			if err != nil {
				return nil, err
			}
			if len(run) > 1 && len(run)-1 <= room && run[len(run)-1].ID() == head.ID() {
				room -= len(run) - 1
				list = append(list, run[:len(run)-1]...)
			}
		}
		list = append(list, head)
	}
	return list, nil
}

// answerWants serves the wants that follow on the same stream until the peer ends it.
func (r *serving) answerWants(ctx context.Context, ds Dataset) error {
	for {
		t, body, err := r.c.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return streamError(ctx, "waiting for wants", err)
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
		if _, err := send(ctx, r.c, ds.Objects(), &r.server.codec, query, &r.stats); err != nil {
			return err
		}
	}
}

// badRequest classes an error of the peer's message.
func badRequest(err error) error {
	var remote *RemoteError
	if errors.Is(err, ErrUnsupported) || errors.As(err, &remote) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrBadRequest, err)
}
