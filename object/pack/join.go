package pack

import (
	"cmp"
	"context"
	"slices"

	"github.com/constl/constl/object"
)

const (
	// joinAbove is how many packs out of proportion are left alone.
	joinAbove = 8
	// joinLimit is the size in bytes above which a pack is left to Repack, so that
	// no commit takes long.
	joinLimit = 512 << 20
)

// joinable returns the packs to write into the next one: the small ones, once
// more than joinAbove of them are such that some are smaller than all before
// them together. What is joined at least doubles, so each entry is copied a
// logarithmic number of times in the store's life.
func joinable(packs []*packFile) []*packFile {
	small := slices.DeleteFunc(slices.Clone(packs), func(p *packFile) bool { return p.size > joinLimit })
	slices.SortFunc(small, func(a, b *packFile) int { return cmp.Compare(a.size, b.size) })
	n, sum := 0, int64(0)
	for i, p := range small {
		if p.size < sum {
			n = i + 1
		}
		sum += p.size
	}
	if n <= joinAbove {
		return nil
	}
	return small[:n]
}

// join copies the entries of small packs into the batch, which is to replace
// them. The caller calls done when it does, or is not to after all.
func (b *Batch) join(ctx context.Context) (replaced []string, done func(), err error) {
	done = func() {}
	v, err := b.s.acquire()
	if err != nil {
		return nil, done, err
	}
	due := len(joinable(v.packs)) > 0
	v.release()
	if !due {
		return nil, done, nil
	}
	release, claimed, err := b.s.claim(joinClaim)
	if err != nil || !claimed {
		return nil, done, nil // joining can wait; what stops the commit will show itself
	}
	// Another process may have joined the same packs just before.
	if err = b.s.refresh(true); err == nil {
		v, err = b.s.acquire()
	}
	if err != nil {
		release()
		return nil, done, err
	}
	done = func() {
		v.release()
		release()
	}
	replaced = slices.Clone(v.dead)
	for _, p := range joinable(v.packs) {
		replaced = append(replaced, p.name)
		if err := b.copyPack(ctx, source{v, b}, p); err != nil {
			done()
			// A pack that cannot be read stays where it is. Whatever else is wrong
			// stops the commit.
			return nil, func() {}, ctx.Err()
		}
	}
	return replaced, done, nil
}

func (b *Batch) copyPack(ctx context.Context, src source, p *packFile) error {
	for _, i := range p.byOffset() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := b.copyEntry(src, p, p.id(i), p.loc(i)); err != nil {
			return err
		}
	}
	return nil
}

// byOffset returns the numbers of the entries in the order in which they stand.
func (p *packFile) byOffset() []int {
	order := make([]int, p.n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(p.loc(a).offset, p.loc(b).offset) })
	return order
}

// copyEntry copies an entry as it is, damaged or not. If the batch has the object
// already, the copy with fewer deltas below it stays, for others may rely on that.
func (b *Batch) copyEntry(src source, p *packFile, id object.ID, loc location) error {
	data, err := readBytes(p.f, loc)
	if err != nil {
		return err
	}
	have, twice := b.locate(id)
	if !twice {
		return b.append(id, data, loc.depth, false)
	}
	if _, err := b.s.decode(src, id, hit{batch: b, loc: have}); err == nil {
		if loc.depth >= have.depth {
			return nil
		}
		if _, err := b.s.decode(src, id, hit{pack: p, loc: loc}); err != nil {
			return nil
		}
		return b.append(id, data, loc.depth, true)
	}
	// The copy at hand is damaged. Stored whole, any other heals it.
	o, err := b.s.load(src, id, maxDepth)
	if err != nil {
		return nil
	}
	return b.append(id, b.s.codec.Encode(o).Append(nil), 0, true)
}
