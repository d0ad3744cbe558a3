package transport

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/refs"
)

// SyncRequest says what is wanted of a dataset.
type SyncRequest struct {
	Dataset object.ID
	// IdentityVersion is the newest version of the identity that is known, 0 if none.
	IdentityVersion int
	// Logs are the logs that are known, each with its newest statement. The peer
	// answers with newer ones alone. At most [MaxLogs].
	Logs []KnownLog
	// Refs are the refs whose targets are wanted, out of the statements that come.
	// Nil means all; a list that is empty but not nil means none. At most [MaxPatterns].
	Refs []refs.Pattern
	// Wants are objects that are wanted with all they link to, whatever refs say. At
	// most [MaxWants].
	Wants []object.ID
	// Haves are commits that are held with everything they link to, the newest
	// first. The first [MaxHaves] are sent.
	Haves []object.ID
	// StatementsOnly asks for no objects: the plan's roots are not looked at.
	StatementsOnly bool
	// Flat asks the first answer to hold only what the refs point to and the history
	// of commits. It is for a sink whose plan says what comes next.
	Flat bool
	// Own, if not nil, says where this device serves the dataset itself; the peer tells others.
	Own *refs.Contact
	// Resume says that an earlier exchange was cut and left objects behind. It costs
	// one more round trip, and nothing that is held comes again.
	Resume bool
}

// SyncOptions bounds an exchange. The zero value means the defaults.
type SyncOptions struct {
	// MaxBytes is the most bytes of objects, uncompressed, that are taken; 0 for no bound.
	MaxBytes int64
	// Stall is how long the peer may leave this side waiting for less than
	// MinProgress bytes. Default: 60 s, 16 KiB.
	Stall       time.Duration
	MinProgress int64
	// Progress, if not nil, is called after each object, by one goroutine at a
	// time. It should return at once.
	Progress func(Progress)
	// Met, if not nil, is told who else serves the dataset, as far as the peer knows,
	// before any object comes.
	Met func(contacts []*refs.Contact)
	// More, if not nil, opens a further stream, over a connection of its own, to the
	// same peer or to another that has the dataset. It is called, by one
	// goroutine at a time, only while so much is left to bring that it is worth the while. An error that wraps
	// [io.EOF] says that there are no more. A peer of such a stream that lies or leaves does no harm.
	More func(ctx context.Context) (io.ReadWriteCloser, error)
}

// SyncResult says what came.
type SyncResult struct {
	Offer Offer
	Stats Stats
}

// Sync asks the peer at the other end of the stream for a dataset or what is new
// in it, stores the objects in the sink's store as they come, and completes the
// sink when nothing is missing. It closes the stream. A nil sink is allowed with
// StatementsOnly.
//
// It fails with a [*RemoteError] if the peer refuses, or an error that wraps
// [ErrForged], [ErrProtocol], [ErrIncomplete], [ErrDisconnected], [ErrStalled],
// [ErrTooLarge], an error of package refs, the sink's error or that of ctx. The
// result is never nil and says what was moved even then. Objects that were verified
// stay in the store; another Sync with Resume goes on from there.
func Sync(ctx context.Context, stream io.ReadWriteCloser, req *SyncRequest, sink Sink, o *SyncOptions) (*SyncResult, error) {
	if o == nil {
		o = &SyncOptions{}
	}
	if sink == nil && !req.StatementsOnly {
		stream.Close()
		return &SyncResult{}, errors.New("transport: nowhere to put what comes")
	}
	c := newConn(stream)
	stall, minProgress := guardTimes(o.Stall, o.MinProgress)
	release := c.guard(ctx, stall, minProgress)
	s := &syncing{c: c, req: req, sink: sink, o: o, result: &SyncResult{Offer: Offer{Dataset: req.Dataset}}}
	err := s.run(ctx)
	s.crew.close(&s.result.Stats)
	release()
	if err != nil {
		c.abandon()
	} else {
		// Everything has come; how the stream ends changes nothing.
		_ = c.close()
	}
	s.result.Stats.BytesIn += c.in.Load()
	s.result.Stats.BytesOut += c.out.Load()
	if err != nil {
		return s.result, fmt.Errorf("syncing %s: %w", req.Dataset.Short(), err)
	}
	return s.result, nil
}

// Opening returns what Sync writes first for the request: what a connection may
// send along with its handshake, if that is a small part of one flight. It
// returns nil if it is too much.
func (r *SyncRequest) Opening() []byte {
	var b bytes.Buffer
	c := &conn{w: bufio.NewWriter(&b)}
	body := (&syncing{req: r}).message().encode()
	if len(body) > maxOpening || c.writeFrame(frameSync, body) != nil || c.flush() != nil {
		return nil
	}
	return b.Bytes()
}

// syncing is one Sync under way.
type syncing struct {
	c      *conn
	req    *SyncRequest
	sink   Sink
	o      *SyncOptions
	result *SyncResult
	total  atomic.Int64 // bytes of objects, uncompressed
	room   func(bytes int64) error
	crew   *crew
	meter  *meter
}

func (s *syncing) message() *syncMessage {
	m := &syncMessage{
		version:    Version,
		dataset:    s.req.Dataset,
		identities: uint64(s.req.IdentityVersion),
		logs:       s.req.Logs,
		patterns:   s.patterns(),
		wants:      s.req.Wants,
		haves:      s.req.Haves[:min(len(s.req.Haves), MaxHaves)],
	}
	if s.req.Own != nil {
		m.extensions = []extension{{tagContact, s.req.Own.Encode()}}
	}
	if s.withoutObjects() {
		m.flags |= flagNoObjects
	}
	if s.req.Flat {
		m.flags |= flagFlat
	}
	return m
}

func (s *syncing) patterns() []refs.Pattern {
	if s.req.Refs == nil {
		return everything()
	}
	return s.req.Refs
}

// withoutObjects reports whether the first answer is to hold statements alone.
func (s *syncing) withoutObjects() bool { return s.req.StatementsOnly || s.req.Resume }

// ask sends the request and reads what the peer says about the dataset.
func (s *syncing) ask(ctx context.Context) error {
	err := s.c.writeFrame(frameSync, s.message().encode())
	if err == nil {
		err = s.c.flush()
	}
	if err != nil {
		return s.c.peerError(ctx, "sending the request", err)
	}
	return s.offer(ctx)
}

func (s *syncing) run(ctx context.Context) error {
	s.result.Stats.Rounds = 1
	if err := s.ask(ctx); err != nil {
		return err
	}
	if s.sink == nil {
		return nil // statements were all that was asked for
	}
	plan, err := s.sink.Offered(ctx, &s.result.Offer)
	if err != nil {
		return err
	}
	if s.req.StatementsOnly {
		return s.sink.Complete(ctx)
	}
	release, err := hold(ctx, s.sink.Store())
	if err != nil {
		return err
	}
	defer release()
	if err := s.objects(ctx, plan); err != nil {
		return err
	}
	return s.sink.Complete(ctx)
}

// offer reads what the peer says about the dataset, up to the end frame.
func (s *syncing) offer(ctx context.Context) error {
	r := offerReader{offer: s.result.Offer}
	for {
		t, body, err := s.c.next()
		if err != nil {
			return streamError(ctx, "receiving statements", err)
		}
		taken, err := r.add(t, body)
		if err != nil {
			return err
		}
		if taken {
			continue
		}
		if t != frameEnd {
			return unexpected(t, body)
		}
		end, err := decodeEnd(body)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		if end.status != endComplete || end.objects != 0 || end.missing != 0 {
			return protocolError("an offer that ends with a count of objects")
		}
		s.result.Offer = r.offer
		if s.o.Met != nil && len(r.offer.Contacts) > 0 {
			s.o.Met(r.offer.Contacts)
		}
		return nil
	}
}

func (s *syncing) objects(ctx context.Context, plan *Plan) error {
	if s.o.Progress != nil {
		s.meter = &meter{report: s.o.Progress}
	}
	if s.o.More != nil {
		s.crew = s.newCrew(ctx, plan)
	}
	s.room = plan.Room
	recv := s.receiver()
	if !s.withoutObjects() {
		if _, err := s.firstRun(ctx, recv); err != nil {
			return err
		}
	}
	return s.fetcher(recv, plan).complete(ctx)
}

func (s *syncing) receiver() *receiver {
	return s.receiverOf(s.c, &s.result.Stats)
}

func (s *syncing) receiverOf(c *conn, stats *Stats) *receiver {
	r := &receiver{
		c: c, store: s.sink.Store(), codec: &entry.Codec{}, stats: stats,
		total: &s.total, maxBytes: s.o.MaxBytes, limit: "max-bytes", room: s.room,
	}
	if s.meter != nil {
		s.meter.add(c)
		r.progress = s.meter.tell
	}
	return r
}

// firstRun receives the objects that follow the offer: what the peer's statements
// point to, whatever this side believes, and what was wanted besides.
func (s *syncing) firstRun(ctx context.Context, recv *receiver) (*endMessage, error) {
	recv.solicit(append(Targets(s.result.Offer.Statements, s.patterns()), s.req.Wants...), false)
	return recv.receive(ctx, s.crew)
}

func (s *syncing) fetcher(recv *receiver, plan *Plan) *fetcher {
	whole := &Plan{Roots: append(slices.Clone(plan.Roots), s.req.Wants...), Haves: plan.Haves, Next: plan.Next}
	if len(whole.Haves) == 0 {
		whole.Haves = s.req.Haves
	}
	return &fetcher{c: s.c, recv: recv, reader: recv.store, plan: whole, stats: &s.result.Stats, crew: s.crew}
}
