package objecttest_test

import (
	"errors"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/object/objecttest"
)

func TestMem(t *testing.T) {
	objecttest.Run(t, func(*testing.T) object.Store { return mem.New() })
}

func TestFaultyThatNeverFails(t *testing.T) {
	objecttest.Run(t, func(*testing.T) object.Store { return objecttest.NewFaulty(mem.New(), 0) })
}

func TestFaultyFailsOnce(t *testing.T) {
	work := func(s object.Store) error {
		b, err := s.Begin(t.Context())
		if err != nil {
			return err
		}
		defer b.Discard()
		id, err := b.Put(t.Context(), objecttest.Chunk(1, 10), object.ID{})
		if err != nil {
			return err
		}
		if err := b.Commit(t.Context()); err != nil {
			return err
		}
		_, err = s.Get(t.Context(), id)
		return err
	}
	count := objecttest.NewFaulty(mem.New(), 0)
	if err := work(count); err != nil || count.Calls() != 4 {
		t.Fatalf("%d calls, %v", count.Calls(), err)
	}
	for n := 1; n <= count.Calls(); n++ {
		s := mem.New()
		if err := work(objecttest.NewFaulty(s, n)); !errors.Is(err, objecttest.ErrInjected) {
			t.Errorf("call %d: %v", n, err)
		}
		if n < 4 && s.Len() != 0 {
			t.Errorf("call %d failed and %d objects are there", n, s.Len())
		}
	}
}
