package pack

import (
	"container/list"
	"sync"

	"github.com/constl/constl/object"
)

// cache keeps the objects that were read last, so that a chain of deltas and the
// upper nodes of trees are decoded once.
type cache struct {
	limit int64

	mu    sync.Mutex
	size  int64
	order list.List // of *cached, latest first
	byID  map[object.ID]*list.Element
}

type cached struct {
	id object.ID
	o  object.Object
}

// overhead is about what one object costs beside its bytes.
const overhead = 200

func newCache(limit int64) *cache {
	return &cache{limit: limit, byID: make(map[object.ID]*list.Element)}
}

func (c *cache) get(id object.ID) (object.Object, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byID[id]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).o, true
}

func (c *cache) put(id object.ID, o object.Object) {
	cost := int64(cap(o)) + overhead
	if cost > c.limit/8 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byID[id]; ok {
		return
	}
	c.byID[id] = c.order.PushFront(&cached{id, o})
	c.size += cost
	for c.size > c.limit {
		e := c.order.Back()
		old := c.order.Remove(e).(*cached)
		delete(c.byID, old.id)
		c.size -= int64(cap(old.o)) + overhead
	}
}

func (c *cache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order.Init()
	clear(c.byID)
	c.size = 0
}
