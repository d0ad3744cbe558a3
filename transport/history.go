package transport

import (
	"container/heap"
	"context"
	"errors"
	"fmt"

	"github.com/constl/constl/object"
)

// commitNode is a commit that a walk through the history has met.
type commitNode struct {
	id      object.ID
	tree    object.ID
	parents []object.ID
	time    int64
	order   int
	want    bool // an ancestor of a wanted commit, or one itself
	have    bool // the receiver holds it and everything it reaches
	popped  bool
	queued  bool
}

// history finds the commits that are reachable from the wanted ones and not from
// the held ones. It goes from the newest to older ones on both sides at once
// and ends when all that is left is held, so that its cost is about that of the
// difference. Clocks that are wrong make it send more, never less.
type history struct {
	r       object.Reader
	e       *effort
	nodes   map[object.ID]*commitNode
	queue   commitQueue
	open    int // queued commits that are wanted and not known to be held
	found   []*commitNode
	missing []object.ID
}

// node returns the commit, reading it if need be, or nil if it is not held here.
func (h *history) node(ctx context.Context, id object.ID) (*commitNode, error) {
	if n, ok := h.nodes[id]; ok {
		return n, nil
	}
	if err := h.e.read(); err != nil {
		return nil, err
	}
	if err := h.e.keep(commitBytes); err != nil {
		return nil, err
	}
	o, err := h.r.Get(ctx, id)
	if errors.Is(err, object.ErrNotFound) {
		h.nodes[id] = nil
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading a commit: %w", err)
	}
	n, err := readCommit(id, o)
	if err != nil {
		return nil, err
	}
	n.order = len(h.nodes)
	h.nodes[id] = n
	return n, nil
}

// paint notes what is now known of a commit and queues it if that is new.
func (h *history) paint(n *commitNode, want, have bool) {
	if (!want || n.want) && (!have || n.have) {
		return
	}
	wasOpen := n.queued && n.want && !n.have
	n.want = n.want || want
	n.have = n.have || have
	if !n.queued {
		n.queued = true
		heap.Push(&h.queue, n)
	}
	isOpen := n.want && !n.have
	switch {
	case isOpen && !wasOpen:
		h.open++
	case wasOpen && !isOpen:
		h.open--
	}
}

// run walks until nothing is open and returns the commits to send, each after
// one that links to it or is wanted itself.
func (h *history) run(ctx context.Context) ([]*commitNode, error) {
	for h.open > 0 {
		n := heap.Pop(&h.queue).(*commitNode)
		n.queued = false
		if n.want && !n.have {
			h.open--
		}
		if !n.popped && n.want {
			h.found = append(h.found, n)
		}
		n.popped = n.popped || n.want
		for _, id := range n.parents {
			p, err := h.node(ctx, id)
			if err != nil {
				return nil, err
			}
			if p != nil {
				h.paint(p, n.want, n.have)
			} else if n.want && !n.have {
				h.missing = append(h.missing, id)
			}
		}
	}
	h.settle()
	list := h.found[:0]
	for _, n := range h.found {
		if !n.have {
			list = append(list, n)
		}
	}
	return list, nil
}

// settle marks as held what lies below those commits that turned out to be held
// after what is below them had been found: nothing that is sent would link to it.
func (h *history) settle() {
	var held []*commitNode
	for _, n := range h.found {
		if n.have {
			held = append(held, n)
		}
	}
	for len(held) > 0 {
		n := held[len(held)-1]
		held = held[:len(held)-1]
		for _, id := range n.parents {
			if p := h.nodes[id]; p != nil && !p.have {
				p.have = true
				held = append(held, p)
			}
		}
	}
}

// commitQueue gives the newest commit first, and those of one time in the order
// in which they were met.
type commitQueue []*commitNode

func (q commitQueue) Len() int { return len(q) }
func (q commitQueue) Less(i, j int) bool {
	if q[i].time != q[j].time {
		return q[i].time > q[j].time
	}
	return q[i].order < q[j].order
}
func (q commitQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements [heap.Interface].
func (q *commitQueue) Push(x any) { *q = append(*q, x.(*commitNode)) }

// Pop implements [heap.Interface].
func (q *commitQueue) Pop() any {
	old := *q
	n := old[len(old)-1]
	*q = old[:len(old)-1]
	return n
}
