package pack

import (
	"container/list"
	"sync"

	"github.com/constl/constl/object"
)

// Cache keeps the objects that were read last, so that a chain of deltas and the
// upper nodes of trees are decoded once. Several stores may share one; each finds
// in it what it has read itself alone. It is safe for use by several goroutines at once.
type Cache struct {
	mu    sync.Mutex
	limit int64
	size  int64
	order list.List // of *cached, latest first
	byKey map[cacheKey]*list.Element
}

type cacheKey struct {
	owner *Store
	id    object.ID
}

type cached struct {
	key cacheKey
	o   object.Object
}

// overhead is about what one object costs beside its bytes.
const overhead = 200

// NewCache returns a cache of so many bytes.
func NewCache(limit int64) *Cache {
	return &Cache{limit: limit, byKey: make(map[cacheKey]*list.Element)}
}

// SetLimit changes how many bytes the cache has.
func (c *Cache) SetLimit(limit int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limit = limit
	c.trim()
}

func (c *Cache) bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limit
}

func (c *Cache) get(owner *Store, id object.ID) (object.Object, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[cacheKey{owner, id}]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*cached).o, true
}

func (c *Cache) put(owner *Store, id object.ID, o object.Object) {
	cost := int64(cap(o)) + overhead
	key := cacheKey{owner, id}
	c.mu.Lock()
	defer c.mu.Unlock()
	if cost > c.limit/8 {
		return
	}
	if _, ok := c.byKey[key]; ok {
		return
	}
	c.byKey[key] = c.order.PushFront(&cached{key, o})
	c.size += cost
	c.trim()
}

// trim is called with c.mu held.
func (c *Cache) trim() {
	for c.size > c.limit {
		c.remove(c.order.Back())
	}
}

// remove is called with c.mu held.
func (c *Cache) remove(e *list.Element) {
	old := c.order.Remove(e).(*cached)
	delete(c.byKey, old.key)
	c.size -= int64(cap(old.o)) + overhead
}

// drop forgets what a store has read.
func (c *Cache) drop(owner *Store) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for e := c.order.Front(); e != nil; {
		next := e.Next()
		if e.Value.(*cached).key.owner == owner {
			c.remove(e)
		}
		e = next
	}
}
