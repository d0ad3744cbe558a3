package pack

import (
	"bytes"
	"errors"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/objecttest"
)

func TestSuiteWithASharedCache(t *testing.T) {
	c := NewCache(1 << 20)
	objecttest.Run(t, func(t *testing.T) object.Store { return open(t, t.TempDir(), &Options{Cache: c}) })
}

// What one store has read is not to be had from another, and goes with it.
func TestStoresShareACache(t *testing.T) {
	c := NewCache(100_000)
	a, b := open(t, t.TempDir(), &Options{Cache: c}), open(t, t.TempDir(), &Options{Cache: c})
	var ids []object.ID
	for i := range 20 {
		o := object.New(object.KindSegment, bytes.Repeat([]byte{byte(i)}, 5000))
		for _, s := range []*Store{a, b} {
			if s == b && i == 0 {
				continue
			}
			batch, err := s.Begin(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := batch.Put(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			if err := batch.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		ids = append(ids, o.ID())
	}
	if _, err := a.Get(t.Context(), ids[0]); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Get(t.Context(), ids[0]); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("what the other store has read: %v, want ErrNotFound", err)
	}
	for _, id := range ids[1:] {
		for _, s := range []*Store{a, b} {
			if _, err := s.Get(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}
	}
	if c.size > c.limit || c.size == 0 || len(c.byKey) != c.order.Len() {
		t.Errorf("the cache holds %d of %d bytes, %d and %d objects", c.size, c.limit, len(c.byKey), c.order.Len())
	}
	c.SetLimit(10_000)
	if c.size > 10_000 {
		t.Errorf("the cache holds %d bytes of 10000", c.size)
	}
	a.Close()
	b.Close()
	if c.size != 0 || len(c.byKey) != 0 {
		t.Errorf("%d bytes of %d objects are left of stores that are closed", c.size, len(c.byKey))
	}
}
