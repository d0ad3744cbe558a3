package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// PushRequest says what is offered to a peer.
type PushRequest struct {
	Dataset object.ID
	// Identities are the versions that the peer may lack, in order. At most [MaxIdentities].
	Identities []*refs.SignedIdentity
	// Statements are offered with all objects that their refs reach. At most [MaxLogs].
	Statements []*refs.SignedStatement
	// Drafts are what [Dataset.Drafts] returns, at most [refs.MaxDrafts].
	Drafts []*refs.SignedIdentity
}

// PushOptions bounds a push. The zero value means the defaults.
type PushOptions struct {
	// Stall and MinProgress: as in [SyncOptions].
	Stall       time.Duration
	MinProgress int64
}

// PushResult says what the peer took.
type PushResult struct {
	Statements int // statements and drafts that were new to the peer
	// Remark is what the peer says to people about what it took, without control
	// characters; it may be empty.
	Remark string
	Stats  Stats
}

// Push offers statements to the peer at the other end of the stream and sends the
// objects that the peer asks for, out of those that objects holds; the peer may
// ask for any of these by id. It closes the stream.
//
// It fails with a [*RemoteError] that gives the peer's reason and wraps
// [ErrNotAllowed] if its policy refuses the statements, [ErrRefused] if it does
// not trust them, or [ErrStale] if it has newer ones; or with an error that wraps
// [ErrProtocol], [ErrDisconnected], [ErrStalled] or that of ctx. The result is
// never nil and says what was moved even then.
func Push(ctx context.Context, stream io.ReadWriteCloser, req *PushRequest, objects object.Reader, o *PushOptions) (*PushResult, error) {
	if o == nil {
		o = &PushOptions{}
	}
	c := newConn(stream)
	stall, minProgress := guardTimes(o.Stall, o.MinProgress)
	release := c.guard(ctx, stall, minProgress)
	p := &pushing{c: c, req: req, objects: objects, result: &PushResult{}}
	err := p.run(ctx)
	release()
	if err != nil {
		c.abandon()
	} else {
		// The peer has said that it took everything.
		_ = c.close()
	}
	p.result.Stats.BytesIn, p.result.Stats.BytesOut = c.in.Load(), c.out.Load()
	if err != nil {
		return p.result, fmt.Errorf("pushing %s: %w", req.Dataset.Short(), err)
	}
	return p.result, nil
}

// pushing is one Push under way.
type pushing struct {
	c       *conn
	req     *PushRequest
	objects object.Reader
	codec   entry.Codec
	result  *PushResult
	resent  resent
}

func (p *pushing) run(ctx context.Context) error {
	if err := p.offer(); err != nil {
		return p.c.peerError(ctx, "offering statements", err)
	}
	p.result.Stats.Rounds = 1
	for {
		t, body, err := p.c.next()
		if err != nil {
			return streamError(ctx, "waiting for the peer's answer", err)
		}
		switch t {
		case frameWant:
			m, err := decodeWant(body)
			if err != nil {
				return badRequest(err)
			}
			p.result.Stats.Rounds++
			if err := p.give(ctx, m); err != nil {
				return err
			}
		case frameResult:
			m, err := decodeResult(body)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrProtocol, err)
			}
			p.result.Statements, p.result.Remark = int(m.statements), m.remark()
			return nil
		default:
			return unexpected(t, body)
		}
	}
}

// give answers a want.
func (p *pushing) give(ctx context.Context, m *wantMessage) error {
	query := sendQuery{wants: m.wants, haves: m.haves, flags: m.flags, budget: m.budget, resent: &p.resent}
	before := p.result.Stats.Objects
	_, err := send(ctx, p.c, p.objects, &p.codec, query, &p.result.Stats)
	if errors.Is(err, ErrDisconnected) {
		return p.c.peerError(ctx, "sending objects", err)
	}
	if err != nil {
		return err
	}
	return p.resent.check(p.result.Stats.Objects - before)
}

func (p *pushing) offer() error {
	m := pushMessage{
		version:    Version,
		dataset:    p.req.Dataset,
		identities: uint64(len(p.req.Identities)),
		statements: uint64(len(p.req.Statements)),
	}
	if err := p.c.writeFrame(framePush, m.encode()); err != nil {
		return err
	}
	// The peer reads no further than the last identity and statement.
	if err := p.c.writeDrafts(p.req.Drafts); err != nil {
		return err
	}
	for _, v := range p.req.Identities {
		if err := p.c.writeFrame(frameIdentity, v.Encode()); err != nil {
			return err
		}
	}
	for _, v := range p.req.Statements {
		if err := p.c.writeFrame(frameStatement, v.Encode()); err != nil {
			return err
		}
	}
	return p.c.flush()
}

// push serves a push: it reads the offer, lets the dataset decide, fetches what
// is missing and takes the statements.
func (r *serving) push(ctx context.Context, body []byte) (err error) {
	m, err := decodePush(body)
	if err != nil {
		return badRequest(err)
	}
	ds, _, err := r.open(ctx, m.dataset)
	if err != nil {
		return err
	}
	sink, err := ds.Receive(ctx, r.peer)
	if err != nil {
		return err
	}
	offer, err := r.readPush(ctx, m)
	if err != nil {
		return err
	}
	plan, err := sink.Offered(ctx, offer)
	if err != nil {
		return err
	}
	if err := r.memory.take(ctx, pushMemory, 0); err != nil {
		return err
	}
	if c, ok := sink.(io.Closer); ok {
		defer func() { err = errors.Join(err, c.Close()) }()
	}
	store := sink.Store()
	release, err := hold(ctx, store)
	if err != nil {
		return err
	}
	defer release()
	r.c.guest.objects.Store(true)
	recv := &receiver{
		c: r.c, store: store, codec: &r.server.codec, stats: &r.stats, total: new(atomic.Int64),
		maxBytes: r.o.MaxPushBytes, limit: LimitPushBytes, maxObject: r.o.MaxObjectBytes, room: plan.Room,
		memory: r.memory,
	}
	if plan.MaxBytes > 0 && (recv.maxBytes == 0 || plan.MaxBytes < recv.maxBytes) {
		recv.maxBytes, recv.limit = plan.MaxBytes, plan.Limit
	}
	f := &fetcher{
		c:      r.c,
		recv:   recv,
		reader: store,
		plan:   plan,
		stats:  &r.stats,
		memory: r.memory,
	}
	if err := f.complete(ctx); err != nil {
		return err
	}
	if err := sink.Complete(ctx); err != nil {
		return err
	}
	result := resultMessage{statements: uint64(len(offer.Statements))}
	if local, ok := sink.(interface{ Taken() int }); ok {
		result.statements = uint64(local.Taken())
	}
	if p, ok := sink.(*pushSink); ok && p.remark != "" {
		result.extensions = []extension{{tag: tagRemark, data: []byte(wireText(p.remark))}}
	}
	if err := r.c.writeFrame(frameResult, result.encode()); err != nil {
		return streamError(ctx, "sending the result", err)
	}
	return streamError(ctx, "sending the result", r.c.flush())
}

func (r *serving) readPush(ctx context.Context, m *pushMessage) (*Offer, error) {
	o := offerReader{offer: Offer{Dataset: m.dataset}}
	for i := uint64(0); i < m.identities+m.statements; {
		t, body, err := r.c.next()
		if err != nil {
			return nil, streamError(ctx, "receiving statements", err)
		}
		expected := frameIdentity
		if i >= m.identities {
			expected = frameStatement
		}
		if t != frameDraft {
			if t != expected {
				return nil, badRequest(unexpected(t, body))
			}
			i++
		}
		if _, err := o.add(t, body); err != nil {
			return nil, err
		}
		if !r.memory.tryGrow(2 * int64(len(body))) { // as it came, and decoded
			return nil, limitError(LimitMemory, ErrBusy, "no memory is free for what is offered")
		}
	}
	return &o.offer, nil
}
