package pack

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
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
	packs := joinable(v.packs)
	replaced = slices.Clone(v.dead)
	for _, p := range packs {
		replaced = append(replaced, p.name)
	}
	j := &joiner{b: b, src: source{v, b}, packs: packs, done: make(map[*packFile][]bool)}
	own, err := b.takeBack()
	if err == nil {
		err = j.copyAll(ctx)
	}
	for i := 0; i < len(own) && err == nil; i++ {
		err = j.add(own[i].id, own[i].e, own[i].depth)
	}
	if err != nil {
		done()
		if err := b.putBack(own); err != nil {
			return nil, func() {}, err
		}
		// A pack that cannot be read stays where it is. Whatever else is wrong
		// stops the commit.
		return nil, func() {}, ctx.Err()
	}
	return replaced, done, nil
}

// heldEntry is an entry of a batch, taken out of it.
type heldEntry struct {
	id    object.ID
	e     entry.Entry
	depth uint8
}

// takeBack empties a batch that has written nothing yet, so that what its entries
// stand on can be put before them. The entries keep the old buffer.
func (b *Batch) takeBack() ([]heldEntry, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.flushed > 0 {
		return nil, nil
	}
	old := b.records
	id := func(number int) object.ID { return old.ids[number] }
	var own []heldEntry
	for number := range old.ids {
		loc := old.loc(number)
		if old.live[old.ids[number]] != number {
			continue
		}
		e, err := parseRecord(b.buf[loc.offset:loc.offset+int64(loc.length)], number, id)
		if err != nil {
			return nil, fmt.Errorf("object/pack: a batch's own record: %w", err)
		}
		own = append(own, heldEntry{old.ids[number], e, loc.depth})
	}
	b.records, b.buf = newRecords(), []byte(packMagic)
	return own, nil
}

// putBack adds those of the entries that the batch does not have.
func (b *Batch) putBack(own []heldEntry) error {
	for _, h := range own {
		if err := b.append(h.id, h.e, h.depth, false); err != nil {
			return err
		}
	}
	return nil
}

// joiner copies packs into a batch.
type joiner struct {
	b     *Batch
	src   source
	packs []*packFile
	done  map[*packFile][]bool // by the record's number
}

func (j *joiner) copyAll(ctx context.Context) error {
	for _, p := range j.packs {
		j.done[p] = make([]bool, len(p.depths))
	}
	for _, p := range j.packs {
		for _, number := range p.live() {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := j.copy(p, p.loc(number)); err != nil {
				return err
			}
		}
	}
	return nil
}

// copy copies a record, damaged or not, after its base if that is among what is
// joined.
func (j *joiner) copy(p *packFile, loc location) error {
	if j.done[p][loc.number] {
		return nil
	}
	j.done[p][loc.number] = true
	record, err := readBytes(p.f, loc)
	if err != nil {
		return err
	}
	id := p.id(loc.number)
	e, err := parseRecord(record, loc.number, p.id)
	if err != nil {
		if _, twice := j.b.locate(id); twice {
			return nil
		}
		return j.b.appendBytes(id, record, loc.depth)
	}
	for i := 0; i < len(j.packs) && e.Encoding == entry.Delta; i++ {
		under, ok := j.packs[i].find(e.Base)
		if !ok || under.depth >= loc.depth {
			continue
		}
		if err := j.copy(j.packs[i], under); err != nil {
			return err
		}
	}
	return j.add(id, e, loc.depth)
}

// add adds an entry as it is. If the batch has the object already, the copy with
// fewer deltas below it stays, for others may rely on that.
func (j *joiner) add(id object.ID, e entry.Entry, depth uint8) error {
	b := j.b
	have, twice := b.locate(id)
	if !twice {
		return b.append(id, e, depth, false)
	}
	if _, err := b.s.decode(j.src, id, hit{batch: b, loc: have}); err == nil {
		if depth >= have.depth {
			return nil
		}
		if _, err := b.s.decodeEntry(j.src, id, e, depth); err != nil {
			return nil
		}
		return b.append(id, e, depth, true)
	}
	// The copy at hand is damaged. Stored whole, any other heals it.
	o, err := b.s.load(j.src, id, maxDepth)
	if err != nil {
		return nil
	}
	return b.append(id, b.s.codec.Encode(o), 0, true)
}
