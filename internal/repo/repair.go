package repo

import (
	"context"
	"errors"
	"sync"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack"
)

// ErrUnrepaired says that what is damaged is to be had from no remote.
var ErrUnrepaired = errors.New("no remote has what is damaged or missing")

// RepairResult says what a repair did.
type RepairResult struct {
	// Repaired is how many objects are whole again that were damaged or missing.
	Repaired int `json:"repaired"`
	// SetAside is how many files of objects could not be read at all, and were put
	// aside once everything in them was here again.
	SetAside int `json:"set_aside"`
	// Left is what a check finds after it.
	Left *FsckResult `json:"left"`
	// Err says why no more could be repaired; nil if nothing is left to be fetched.
	Err error `json:"-"`
}

// Repair fetches the objects that are damaged or missing from any remote that has
// them, and puts them in their place. What else a check finds is left to people.
func (r *Repo) Repair(ctx context.Context) (*RepairResult, error) {
	res := &RepairResult{}
	for {
		var err error
		if res.Left, err = r.Fsck(ctx); err != nil || res.Err != nil {
			return res, err
		}
		m, err := r.broken(ctx, res.Left.Problems)
		if err != nil {
			return nil, err
		}
		if len(m.left) == 0 {
			return res, r.setAside(ctx, res)
		}
		before := len(m.left)
		_, res.Err = r.fillInto(ctx, m, ErrUnrepaired, func(context.Context) (asks, error) { return m.asks(), nil })
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		res.Repaired += before - len(m.left)
		if len(m.left) == before {
			return res, nil
		}
	}
}

// setAside puts packs that cannot be read aside if nothing else is wrong.
func (r *Repo) setAside(ctx context.Context, res *RepairResult) error {
	stats, err := r.store.Stats()
	if err != nil || stats.Damaged == 0 || stats.Damaged != len(res.Left.Problems) {
		return err
	}
	if res.SetAside, err = r.store.SetAside(ctx); err != nil {
		return err
	}
	res.Left, err = r.Fsck(ctx)
	return err
}

// broken sorts out the objects that are to be fetched again.
func (r *Repo) broken(ctx context.Context, problems []Problem) (*mending, error) {
	m := &mending{Store: r.store.Store, left: make(map[object.ID]bool)}
	for _, p := range problems {
		if p.Object.IsZero() {
			continue
		}
		_, err := r.store.Store.Get(ctx, p.Object)
		switch {
		case errors.Is(err, object.ErrNotFound):
			m.left[p.Object] = false
		case errors.Is(err, object.ErrCorrupt):
			m.left[p.Object] = true
		case err != nil:
			return nil, err
		}
	}
	return m, nil
}

// mending is a store in which damaged objects count as missing, and are put in
// place of what is there.
type mending struct {
	*pack.Store
	mu   sync.Mutex
	left map[object.ID]bool // what is to be fetched, and whether it is damaged
}

// asks names what is left: damaged objects alone, and missing ones with all that
// they reach, since that is not known.
func (m *mending) asks() (a asks) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, damaged := range m.left {
		if damaged {
			a.flat = append(a.flat, id)
		} else {
			a.whole = append(a.whole, id)
		}
	}
	return a
}

func (m *mending) lacks(id object.ID) (lacks, damaged bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	damaged, lacks = m.left[id]
	return lacks, damaged
}

// Get implements [object.Reader].
func (m *mending) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if lacks, _ := m.lacks(id); lacks {
		return nil, object.NotFound(id)
	}
	return m.Store.Get(ctx, id)
}

// Has implements [object.Reader].
func (m *mending) Has(ctx context.Context, id object.ID) (bool, error) {
	if lacks, _ := m.lacks(id); lacks {
		return false, nil
	}
	return m.Store.Has(ctx, id)
}

// Begin implements [object.Store].
func (m *mending) Begin(ctx context.Context) (object.Batch, error) {
	b, err := m.BeginBatch(ctx)
	if err != nil {
		return nil, err
	}
	return &mendingBatch{Batch: b, pack: b, m: m, put: make(map[object.ID]bool)}, nil
}

// mendingBatch is a batch of a mending store. What it has put is no longer lacking
// once it is committed. It takes objects alone, not entries: those may be damaged
// that stand for what it has.
type mendingBatch struct {
	object.Batch
	pack *pack.Batch // the same
	m    *mending
	mu   sync.Mutex
	put  map[object.ID]bool
}

func (b *mendingBatch) lacks(id object.ID) (lacks, damaged bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.put[id] {
		return false, false
	}
	return b.m.lacks(id)
}

// Get implements [object.Reader].
func (b *mendingBatch) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if lacks, _ := b.lacks(id); lacks {
		return nil, object.NotFound(id)
	}
	return b.Batch.Get(ctx, id)
}

// Has implements [object.Reader].
func (b *mendingBatch) Has(ctx context.Context, id object.ID) (bool, error) {
	if lacks, _ := b.lacks(id); lacks {
		return false, nil
	}
	return b.Batch.Has(ctx, id)
}

// Put implements [object.Writer].
func (b *mendingBatch) Put(ctx context.Context, o object.Object, bases ...object.ID) (object.ID, error) {
	id := o.ID()
	lacks, damaged := b.lacks(id)
	var err error
	if damaged {
		_, err = b.pack.Restore(ctx, o)
	} else {
		_, err = b.Batch.Put(ctx, o, bases...)
	}
	if err == nil && lacks {
		b.mu.Lock()
		b.put[id] = true
		b.mu.Unlock()
	}
	return id, err
}

// Commit implements [object.Batch].
func (b *mendingBatch) Commit(ctx context.Context) error {
	if err := b.Batch.Commit(ctx); err != nil {
		return err
	}
	b.m.mu.Lock()
	defer b.m.mu.Unlock()
	for id := range b.put {
		delete(b.m.left, id)
	}
	return nil
}
