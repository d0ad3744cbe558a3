package transport

import (
	"context"
	"io"
	"sync"

	"github.com/constl/constl/refs"
)

// newCrew returns the crew of this exchange.
func (s *syncing) newCrew(ctx context.Context, plan *Plan) *crew {
	w := &crew{open: s.o.More}
	w.ctx, w.cancel = context.WithCancel(ctx)
	w.hire = func(ctx context.Context, stream io.ReadWriteCloser) (*helper, error) {
		return s.hire(ctx, stream, plan)
	}
	return w
}

// hire asks the peer at the other end of a further stream for the dataset, so that
// wants may follow. What that peer says of refs is of no interest here.
func (s *syncing) hire(ctx context.Context, stream io.ReadWriteCloser, plan *Plan) (*helper, error) {
	c := newConn(stream)
	stall, minProgress := guardTimes(s.o.Stall, s.o.MinProgress)
	h := &helper{release: c.guard(ctx, stall, minProgress)}
	known := &SyncRequest{
		Dataset: s.req.Dataset, StatementsOnly: true, Refs: []refs.Pattern{},
		IdentityVersion: s.req.IdentityVersion + len(s.result.Offer.Identities), Logs: s.knownLogs(),
	}
	greeting := &syncing{c: c, req: known, o: s.o, result: &SyncResult{Offer: Offer{Dataset: s.req.Dataset}}}
	if err := greeting.ask(ctx); err != nil {
		h.release()
		c.abandon()
		return nil, err
	}
	stats := &Stats{}
	h.fetcher = &fetcher{c: c, recv: s.receiverOf(c, stats), reader: s.sink.Store(), plan: &Plan{Haves: plan.Haves}, stats: stats}
	return h, nil
}

// knownLogs returns what is known of logs with what the first peer has offered.
func (s *syncing) knownLogs() []KnownLog {
	at := make(map[refs.LogID]KnownLog)
	for _, l := range s.req.Logs {
		at[l.Log] = l
	}
	for _, signed := range s.result.Offer.Statements {
		st := signed.Statement()
		if known, ok := at[st.Log]; !ok || st.Seq > known.Seq {
			at[st.Log] = KnownLog{Log: st.Log, Seq: st.Seq, Statement: signed.ID()}
		}
	}
	list := make([]KnownLog, 0, len(at))
	for _, l := range at {
		if len(list) < MaxLogs {
			list = append(list, l)
		}
	}
	return list
}

// meter adds up what comes over the streams of one exchange. Its methods are safe
// for use by several goroutines at once.
type meter struct {
	report func(Progress)

	mu      sync.Mutex
	conns   []*conn
	objects int64
}

func (m *meter) add(c *conn) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conns = append(m.conns, c)
}

// tell counts one more object and reports.
func (m *meter) tell() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects++
	p := Progress{Objects: m.objects}
	for _, c := range m.conns {
		p.Bytes += c.in.Load()
	}
	m.report(p)
}
