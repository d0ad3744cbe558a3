package transport

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/constl/constl/refs"
)

// queue lets so many requests be served at once and others wait for their turn. Whoever
// has the fewest under way is next, and of these who came first; one peer alone gets
// half of the places, served and waiting, as long as there are several. It is safe for
// use by several goroutines at once.
type queue struct {
	mu       sync.Mutex
	most     int
	waitMost int
	running  int
	waiting  int
	closed   bool
	arrived  uint64
	peers    map[refs.PeerID]*queuePeer
}

// queuePeer is a peer of which a request is served or waits.
type queuePeer struct {
	running int
	line    []*queueTicket
}

// queueTicket is one request that has come. served says, once turn is closed, whether
// it has a place or was sent away.
type queueTicket struct {
	number uint64
	turn   chan struct{}
	served bool
}

func newQueue(most, waiting int) *queue {
	return &queue{most: most, waitMost: waiting, peers: make(map[refs.PeerID]*queuePeer)}
}

// setLimits changes how many are served and how many wait.
func (q *queue) setLimits(most, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.most, q.waitMost = most, waiting
	q.advance()
}

// close sends away all who wait and all who come.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for id, p := range q.peers {
		for _, t := range p.line {
			close(t.turn)
		}
		q.waiting -= len(p.line)
		p.line = nil
		q.forget(id, p)
	}
}

// count returns how many requests are served and how many wait.
func (q *queue) count() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running, q.waiting
}

// half is what one peer may have of so many.
func half(n int) int { return (n + 1) / 2 }

// enter waits for a place, for no longer than the given time. The caller calls leave
// when the request is done. It fails with an error that wraps [ErrBusy], or with that
// of ctx.
func (q *queue) enter(ctx context.Context, peer refs.PeerID, patience time.Duration) (leave func(), err error) {
	t, err := q.join(peer)
	if err != nil {
		return nil, err
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-t.turn:
		err = errStopping
	case <-timer.C:
		err = limitError(LimitRequests, ErrBusy, "%d requests are served at once, and in %s none of them ended", q.most, patience)
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.served {
		return func() { q.leave(peer) }, nil
	}
	if p := q.peers[peer]; p != nil {
		before := len(p.line)
		p.line = slices.DeleteFunc(p.line, func(other *queueTicket) bool { return other == t })
		q.waiting -= before - len(p.line)
		q.forget(peer, p)
	}
	return nil, err
}

// join takes a place among those who wait, and goes on to be served if there is one.
func (q *queue) join(peer refs.PeerID) (*queueTicket, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, errStopping
	}
	p := q.peers[peer]
	if p == nil {
		p = &queuePeer{}
		q.peers[peer] = p
	}
	q.arrived++
	t := &queueTicket{number: q.arrived, turn: make(chan struct{})}
	p.line = append(p.line, t)
	q.waiting++
	q.advance()
	if t.served || q.waiting <= q.waitMost && len(p.line) <= half(q.waitMost) {
		return t, nil
	}
	p.line = p.line[:len(p.line)-1]
	q.waiting--
	q.forget(peer, p)
	return nil, limitError(LimitWaiting, ErrBusy, "%d requests wait for their turn", q.waiting)
}

// leave gives a place back.
func (q *queue) leave(peer refs.PeerID) {
	q.mu.Lock()
	defer q.mu.Unlock()
	p := q.peers[peer]
	p.running--
	q.running--
	q.forget(peer, p)
	q.advance()
}

// forget drops a peer of which nothing is here. It is called with q.mu held.
func (q *queue) forget(id refs.PeerID, p *queuePeer) {
	if p.running == 0 && len(p.line) == 0 {
		delete(q.peers, id)
	}
}

// advance serves those whose turn it is. It is called with q.mu held.
func (q *queue) advance() {
	for q.running < q.most && q.waiting > 0 {
		var next *queuePeer
		for _, p := range q.peers {
			if len(p.line) == 0 || p.running >= half(q.most) {
				continue
			}
			if next == nil || p.running < next.running || p.running == next.running && p.line[0].number < next.line[0].number {
				next = p
			}
		}
		if next == nil {
			return
		}
		t := next.line[0]
		next.line = next.line[1:]
		next.running++
		q.running++
		q.waiting--
		t.served = true
		close(t.turn)
	}
}
