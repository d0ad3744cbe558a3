package repo

import (
	"context"
	"errors"
	"fmt"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// objects are the dataset's objects. In a copy of a part, those that are not here
// are fetched when they are read; the pack store itself has what is here.
type objects struct {
	*pack.Store
	r *Repo
}

// Get implements [object.Reader].
func (o *objects) Get(ctx context.Context, id object.ID) (object.Object, error) {
	found, err := o.Store.Get(ctx, id)
	if err == nil || !errors.Is(err, object.ErrNotFound) || o.r.part.whole() {
		return found, err
	}
	if err := o.r.fillOne(ctx, id); err != nil {
		return nil, err
	}
	return o.Store.Get(ctx, id)
}

// fillOne fetches one object.
func (r *Repo) fillOne(ctx context.Context, id object.ID) error {
	r.filling.Lock()
	defer r.filling.Unlock()
	_, err := r.fill(ctx, func(ctx context.Context) (asks, error) {
		held, err := r.store.Has(ctx, id)
		if err != nil || held {
			return asks{}, err
		}
		return asks{flat: []object.ID{id}}, nil
	})
	return err
}

// need fetches what the part has of some files, by their paths and ids, if it is
// missing: they may be of a version that was not here.
func (r *Repo) need(ctx context.Context, files map[string]object.ID) error {
	if r.part.whole() {
		return nil
	}
	r.filling.Lock()
	defer r.filling.Unlock()
	_, err := r.fill(ctx, func(ctx context.Context) (asks, error) {
		s := r.search(r.part)
		for name, id := range files {
			o, err := s.objects.Get(ctx, id)
			if err == nil && o.Kind() != object.KindTable || !r.part.cut(name) || !r.part.has(name) {
				err = s.all(ctx, id)
			} else {
				err = s.table(ctx, name, id)
			}
			if err != nil {
				return asks{}, err
			}
		}
		return s.asks, nil
	})
	return err
}

// fill fetches what next names, until it names nothing, from any remote that has it.
// It fails with an error that wraps [ErrPart].
func (r *Repo) fill(ctx context.Context, next func(context.Context) (asks, error)) (transport.Stats, error) {
	return r.fillInto(ctx, r.store.Store, ErrPart, next)
}

// fillInto is fill for a store that stands for the dataset's. It fails with an error
// that wraps nobody if no remote has everything.
func (r *Repo) fillInto(ctx context.Context, store object.Store, nobody error, next func(context.Context) (asks, error)) (transport.Stats, error) {
	var sum transport.Stats
	if first, err := next(ctx); err != nil || first.none() {
		return sum, err
	}
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return sum, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return sum, err
	}
	local := &transport.Local{Store: r.store.Store, Refs: r.refs}
	logs, err := local.KnownLogs(ctx)
	if err != nil {
		return sum, err
	}
	failed := []error{nobody}
	for name := range r.remotes() {
		remote, err := r.Remote(name)
		if err == nil && remote.Bundle != "" {
			continue
		}
		if err == nil {
			req := &transport.SyncRequest{
				Dataset: chain.Dataset(), IdentityVersion: chain.Len(), Logs: logs, Refs: []refs.Pattern{}, Resume: true,
			}
			var stats transport.Stats
			stats, err = r.exchange(ctx, remote.URL, key, req, &filler{store, next, r.room})
			sum.Add(stats)
		}
		if err == nil || ctx.Err() != nil {
			return sum, err
		}
		failed = append(failed, fmt.Errorf("%s: %w", name, err))
	}
	return sum, errors.Join(failed...)
}

// filler is a sink for objects alone.
type filler struct {
	store object.Store
	next  func(context.Context) (asks, error)
	room  func(bytes int64) error
}

// Store implements [transport.Sink].
func (f *filler) Store() object.Store { return f.store }

// Offered implements [transport.Sink].
func (f *filler) Offered(context.Context, *transport.Offer) (*transport.Plan, error) {
	return &transport.Plan{Next: steps(f.next), Room: f.room}, nil
}

// Complete implements [transport.Sink].
func (f *filler) Complete(context.Context) error { return nil }

func steps(next func(context.Context) (asks, error)) func(context.Context) ([]transport.Ask, error) {
	return func(ctx context.Context) ([]transport.Ask, error) {
		a, err := next(ctx)
		return a.list(), err
	}
}

// partSink takes statements, but only a part of what their refs reach.
type partSink struct {
	*transport.LocalSink
	r *Repo
}

// Offered implements [transport.Sink].
func (s *partSink) Offered(ctx context.Context, offer *transport.Offer) (*transport.Plan, error) {
	plan, err := s.LocalSink.Offered(ctx, offer)
	if err != nil {
		return nil, err
	}
	roots := plan.Roots
	plan.Next = steps(func(ctx context.Context) (asks, error) { return s.r.lacking(ctx, s.r.part, roots) })
	return plan, nil
}

// sinkFor returns the sink that takes what this copy has of the dataset, and asks for no
// more of a peer than that.
func (r *Repo) sinkFor(sink *transport.LocalSink, req *transport.SyncRequest) transport.Sink {
	if r.part.whole() {
		return sink
	}
	req.Flat = true
	return &partSink{sink, r}
}
