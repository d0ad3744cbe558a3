package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// BundleCheck says what is known of a bundle after a look at all of it.
type BundleCheck struct {
	Dataset object.ID
	// Name is the dataset's name, as its maintainers say.
	Name  string
	Maker refs.PeerID
	// Refs are what the newest statement of each copy says, the last of equal names.
	Refs     map[refs.Name]object.ID
	Versions []object.ID // besides these
	Since    []object.ID // commits that the reader must have
	// Missing are those of Since that are not here. What builds on them was not looked at.
	Missing []object.ID
	Objects int64
	Bytes   int64
}

// VerifyBundle reads a bundle as a fetch would and keeps nothing of it. here is the
// dataset that holds what the bundle builds on; it may be nil. It fails as a
// fetch does if anything in the bundle is damaged, forged or not there. While it
// runs it needs as much space as the bundle, in here's store or among the
// system's temporary files.
func VerifyBundle(ctx context.Context, location string, here *Repo, report Progress) (_ *BundleCheck, err error) {
	parent := ""
	if here != nil {
		parent = here.path()
	}
	dir, err := os.MkdirTemp(parent, "verify-*")
	if err != nil {
		return nil, fmt.Errorf("verifying a bundle: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	stream, discard, err := openBundle(ctx, location, filepath.Join(dir, downloadFile))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stream.Close(), discard()) }()
	b, err := transport.OpenBundle(stream)
	if err != nil {
		return nil, err
	}
	store, err := pack.Open(ctx, filepath.Join(dir, packsDir), nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	sink := &looking{LocalSink: &transport.LocalSink{Objects: store}}
	if id, ok := here.id(); ok && id == b.Dataset {
		sink.Objects = &above{Store: store, under: here.store}
	}
	check := &BundleCheck{Dataset: b.Dataset, Maker: b.Maker, Versions: b.Wants, Since: b.Haves, Refs: make(map[refs.Name]object.ID)}
	res, err := b.Sync(ctx, sink, &transport.BundleOptions{Progress: func(p transport.Progress) {
		if report != nil {
			report("receiving objects", p.Bytes, stream.Size)
		}
	}})
	var lacking *transport.PrerequisiteError
	if errors.As(err, &lacking) {
		check.Missing, err = lacking.Commits, nil
	}
	check.Objects, check.Bytes = res.Stats.Objects, max(stream.Size, res.Stats.BytesIn)
	check.tell(&res.Offer)
	return check, err
}

// id returns the dataset's id; a nil Repo has none.
func (r *Repo) id() (object.ID, bool) {
	if r == nil {
		return object.ID{}, false
	}
	id, err := r.DatasetID()
	return id, err == nil
}

// tell takes over what the offer says.
func (c *BundleCheck) tell(offer *transport.Offer) {
	if n := len(offer.Identities); n > 0 {
		c.Name = offer.Identities[n-1].Identity().Name
	}
	for _, s := range offer.Statements {
		for name, target := range s.Statement().Refs {
			c.Refs[name] = target
		}
	}
}

// looking is a sink that keeps nothing in the end.
type looking struct{ *transport.LocalSink }

// Complete implements [transport.Sink].
func (*looking) Complete(context.Context) error { return nil }

// above is a store above another, of which it shows the objects.
type above struct {
	object.Store
	under object.Reader
}

// Get implements [object.Reader].
func (a *above) Get(ctx context.Context, id object.ID) (object.Object, error) {
	return getAbove(ctx, a.Store, a.under, id)
}

// Has implements [object.Reader].
func (a *above) Has(ctx context.Context, id object.ID) (bool, error) {
	return hasAbove(ctx, a.Store, a.under, id)
}

// Begin implements [object.Store].
func (a *above) Begin(ctx context.Context) (object.Batch, error) {
	b, err := a.Store.Begin(ctx)
	return &batchAbove{b, a.under}, err
}

type batchAbove struct {
	object.Batch
	under object.Reader
}

// Get implements [object.Reader].
func (b *batchAbove) Get(ctx context.Context, id object.ID) (object.Object, error) {
	return getAbove(ctx, b.Batch, b.under, id)
}

// Has implements [object.Reader].
func (b *batchAbove) Has(ctx context.Context, id object.ID) (bool, error) {
	return hasAbove(ctx, b.Batch, b.under, id)
}

func getAbove(ctx context.Context, r, under object.Reader, id object.ID) (object.Object, error) {
	o, err := r.Get(ctx, id)
	if errors.Is(err, object.ErrNotFound) {
		return under.Get(ctx, id)
	}
	return o, err
}

func hasAbove(ctx context.Context, r, under object.Reader, id object.ID) (bool, error) {
	if ok, err := r.Has(ctx, id); ok || err != nil {
		return ok, err
	}
	return under.Has(ctx, id)
}
