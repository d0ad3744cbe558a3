package pack

import (
	"context"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
)

// RepackOptions are the choices of [Store.Repack].
type RepackOptions struct {
	// Bases returns objects that the given one is likely to resemble, best first, as
	// the same segment in the commits that followed. Only those that come before it
	// in the list of what is kept are tried, so that with the newest first, what is
	// read most stands whole. It is called from several goroutines. nil keeps the
	// deltas that there are.
	Bases func(object.ID) []object.ID
	// Recompress makes entries that are no deltas again, searching longer.
	Recompress bool
	// Progress, if not nil, is called now and then with the objects done and in all.
	Progress func(done, total int)
}

// Repack writes the objects that keep returns into one new pack, in that order
// as far as deltas allow, and removes all packs that there were. All other objects
// are gone for good. An object to keep that is not held, or is damaged, is an
// error, and nothing changes. Readers are not disturbed. opts may be nil.
//
// keep is called when no batch is open and none can begin until Repack returns;
// while one is open, here or in another process, Repack fails with an error that
// wraps [ErrBusy]. The objects of a batch just committed are in keep only if what
// refers to them is: so whoever commits a batch and then moves a ref does both
// under a lock that the caller of Repack holds too.
func (s *Store) Repack(ctx context.Context, keep func(context.Context) ([]object.ID, error), opts *RepackOptions) error {
	if opts == nil {
		opts = &RepackOptions{}
	}
	if s.readOnly {
		return fmt.Errorf("object/pack: repacking: %w", object.ErrReadOnly)
	}
	done, claimed, err := s.claim(dropClaim)
	if err != nil {
		return err
	}
	if !claimed {
		return fmt.Errorf("%w: another process is dropping objects", ErrBusy)
	}
	defer done()
	batches, err := s.claims(batchClaim, "")
	if err != nil {
		return err
	}
	if len(batches) > 0 {
		return fmt.Errorf("%w: %d batches are open", ErrBusy, len(batches))
	}
	if err := s.refresh(true); err != nil {
		return err
	}
	v, err := s.acquire()
	if err != nil {
		return err
	}
	defer v.release()
	if len(v.bad) > 0 {
		return fmt.Errorf("object/pack: repacking: %s cannot be opened: %w", v.bad[0].name, v.bad[0].err)
	}
	kept, err := keep(ctx)
	if err != nil {
		return fmt.Errorf("object/pack: repacking: listing what to keep: %w", err)
	}
	b, err := s.begin(ctx)
	if err != nil {
		return err
	}
	r := newRepacker(s, b, v, opts, kept)
	if err := r.run(ctx); err != nil {
		_ = b.Discard() // the first error says more
		return err
	}
	replaced := slices.Clone(v.dead)
	for _, p := range v.packs {
		replaced = append(replaced, p.name)
	}
	s.cache.drop(s)
	return b.finish(replaced)
}
