package pack

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/objecttest"
	"github.com/constl/constl/object/pack/internal/vfs/vfstest"
)

func openMem(t *testing.T, m *vfstest.Mem) *Store {
	t.Helper()
	s, err := openFS(t.Context(), m, &Options{CacheBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSuiteOnMemory(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) object.Store { return openMem(t, vfstest.New()) })
}

// history is a store's life up to where the test begins: enough packs that the
// next commit joins them.
func history(t *testing.T) (*vfstest.Mem, []object.Object) {
	t.Helper()
	m := vfstest.New()
	s := openMem(t, m)
	all := commitVersions(t, s, 10)
	// A large pack stays out of joins, so that packs stand on each other both ways.
	objecttest.Put(t, s, objecttest.Chunk(5, 64<<10))
	for i := uint64(0); len(joinable(s.view.packs)) == 0; i++ {
		o := append(append(object.Object(nil), all[len(all)-1]...), byte(i))
		b, err := s.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), o, all[len(all)-1].ID()); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		all = append(all, o)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return m, all
}

// noise is more bytes than a batch collects, which do not compress.
var noise = sync.OnceValue(func() []byte {
	b := make([]byte, flushAt)
	rand.NewChaCha8([32]byte{}).Read(b)
	return b
})

// next commits some objects and returns them.
func next(ctx context.Context, s *Store, base object.Object) ([]object.Object, error) {
	b, err := s.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer b.Discard()
	var fresh []object.Object
	for i := range 3 {
		o := append(append(object.Object(nil), base...), byte(i))
		if _, err := b.Put(ctx, o, base.ID()); err != nil {
			return fresh, err
		}
		fresh = append(fresh, o)
	}
	big := object.New(object.KindChunk, noise()) // so that there is a write before Commit
	if _, err := b.Put(ctx, big, object.ID{}); err != nil {
		return fresh, err
	}
	return append(fresh, big), b.Commit(ctx)
}

// held reports whether all or none of the objects are held.
func held(t *testing.T, s *Store, objects []object.Object) (all bool) {
	t.Helper()
	n := 0
	for _, o := range objects {
		switch _, err := s.Get(t.Context(), o.ID()); {
		case err == nil:
			n++
		case !errors.Is(err, object.ErrNotFound):
			t.Error(err)
		}
	}
	if n != 0 && n != len(objects) {
		t.Errorf("%d of %d objects are held", n, len(objects))
	}
	return n > 0
}

func TestPowerCutWhileCommitting(t *testing.T) {
	past, before := history(t)
	m := past.Reboot(vfstest.Loss{})
	start := m.Steps()
	if _, err := next(t.Context(), openMem(t, m), before[0]); err != nil {
		t.Fatal(err)
	}
	total := m.Steps() - start
	if total < 8 {
		t.Fatalf("the commit has %d steps; it joins nothing", total)
	}
	for at := 1; at <= total; at++ {
		for _, loss := range vfstest.Losses() {
			t.Run(fmt.Sprintf("step %d %+v", at, loss), func(t *testing.T) {
				m := past.Reboot(vfstest.Loss{})
				start := m.Steps()
				m.FailWith(func(step int) error {
					if step == start+at {
						return vfstest.ErrPower
					}
					return nil
				})
				fresh, err := next(t.Context(), openMem(t, m), before[0])
				after := openMem(t, m.Reboot(loss))
				for _, o := range before {
					objecttest.Want(t, after, o)
				}
				if !held(t, after, fresh) && err == nil {
					t.Error("Commit succeeded and its objects are gone")
				}
				wantClean(t, after)
				if _, err := next(t.Context(), after, before[1]); err != nil {
					t.Errorf("the next commit: %v", err)
				}
				noLeftovers(t, after)
			})
		}
	}
}

func TestPowerCutWhileRepacking(t *testing.T) {
	past, before := history(t)
	m := past.Reboot(vfstest.Loss{})
	kept := before[12:18]
	start := m.Steps()
	if err := openMem(t, m).Repack(t.Context(), keep(kept...), nil); err != nil {
		t.Fatal(err)
	}
	total := m.Steps() - start
	for at := 1; at <= total; at++ {
		for _, loss := range vfstest.Losses() {
			m := past.Reboot(vfstest.Loss{})
			start := m.Steps()
			m.FailWith(func(step int) error {
				if step == start+at {
					return vfstest.ErrPower
				}
				return nil
			})
			err := openMem(t, m).Repack(t.Context(), keep(kept...), nil)
			after := openMem(t, m.Reboot(loss))
			for _, o := range kept {
				objecttest.Want(t, after, o)
			}
			if err != nil && !errors.Is(err, vfstest.ErrPower) {
				t.Errorf("step %d: %v", at, err)
			}
			held(t, after, before[:6])
			wantClean(t, after)
			if err := after.Repack(t.Context(), keep(kept...), nil); err != nil {
				t.Errorf("step %d %+v: repacking again: %v", at, loss, err)
			}
			noLeftovers(t, after)
		}
	}
}

func noLeftovers(t *testing.T, s *Store) {
	t.Helper()
	infos, err := s.fs.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		if !isPackName(info.Name) {
			t.Errorf("%s is left over", info.Name)
		}
	}
}

func TestFullDisk(t *testing.T) {
	past, before := history(t)
	m := past.Reboot(vfstest.Loss{})
	start := m.Steps()
	if _, err := next(t.Context(), openMem(t, m), before[0]); err != nil {
		t.Fatal(err)
	}
	total := m.Steps() - start
	for at := 1; at <= total; at++ {
		for name, until := range map[string]int{"once": at, "for long": total + 100} {
			t.Run(fmt.Sprintf("step %d %s", at, name), func(t *testing.T) {
				m := past.Reboot(vfstest.Loss{})
				start := m.Steps()
				m.FailWith(func(step int) error {
					if step >= start+at && step <= start+until {
						return syscall.ENOSPC
					}
					return nil
				})
				s := openMem(t, m)
				fresh, err := next(t.Context(), s, before[0])
				if err != nil && !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("%v, want one that wraps the disk's", err)
				}
				m.FailWith(nil)
				for _, s := range []*Store{s, openMem(t, m)} {
					for _, o := range before {
						objecttest.Want(t, s, o)
					}
					if !held(t, s, fresh) && err == nil {
						t.Error("Commit succeeded and its objects are gone")
					}
					wantClean(t, s)
				}
				if _, err := next(t.Context(), s, before[1]); err != nil {
					t.Errorf("the next commit: %v", err)
				}
			})
		}
	}
}
