package transport

import (
	"context"
	"errors"
	"testing"

	"github.com/constl/constl/object"
)

// planned is a sink whose plan says step by step what is wanted.
type planned struct {
	*LocalSink
	next func() []Ask
}

// Offered implements Sink.
func (p *planned) Offered(ctx context.Context, offer *Offer) (*Plan, error) {
	plan, err := p.LocalSink.Offered(ctx, offer)
	if err == nil {
		plan.Next = func(context.Context) ([]Ask, error) { return p.next(), nil }
	}
	return plan, err
}

func TestExtents(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(3, 2, 50)
	first := d.commit()
	d.change(1, 1, 3)
	d.commit()
	c, err := object.ReadCommit(t.Context(), d.Store, d.head)
	if err != nil {
		t.Fatal(err)
	}
	count := func(r *replica, kind object.Kind) (n int) {
		for id, o := range reachable(t, d.Store, d.head) {
			if held, _ := r.store.Has(t.Context(), id); held && o.Kind() == kind {
				n++
			}
		}
		return n
	}
	for name, test := range map[string]struct {
		asks                    []Ask
		trees, groups, segments int
	}{
		"history": {nil, 0, 0, 0},
		"flat":    {[]Ask{{[]object.ID{c.Tree}, Flat}}, 1, 0, 0},
		"inner":   {[]Ask{{[]object.ID{c.Tree}, Inner}}, 1, 3, 0},
		"whole":   {[]Ask{{[]object.ID{c.Tree}, Whole}}, 1, 3, 6},
	} {
		r := newReplica(t, d.id, testKey(2))
		req := r.request()
		req.Flat = true
		asks := test.asks
		sink := &planned{r.sink(), func() []Ask {
			now := asks
			asks = nil
			return now
		}}
		res, err := Sync(t.Context(), dial(t, server(nil, d), r.key), req, sink, nil)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, id := range []object.ID{first, d.head} {
			if held, _ := r.store.Has(t.Context(), id); !held {
				t.Errorf("%s: the commit %s is missing", name, id.Short())
			}
		}
		if trees, groups, segments := count(r, object.KindTree), count(r, object.KindGroup), count(r, object.KindSegment); trees != test.trees ||
			groups != test.groups || segments != test.segments {
			t.Errorf("%s: %d trees, %d groups, %d segments came", name, trees, groups, segments)
		}
		if want := 1 + len(test.asks); res.Stats.Rounds != want {
			t.Errorf("%s: %d rounds, want %d", name, res.Stats.Rounds, want)
		}
	}
}

// A peer that has a part sends what it has and is not taken for whole.
func TestPeerWithAPart(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(3, 2, 50)
	d.commit()
	part := newReplica(t, d.id, testKey(2))
	req := part.request()
	req.Flat = true
	sink := &planned{part.sink(), func() []Ask { return nil }}
	if _, err := Sync(t.Context(), dial(t, server(nil, d), part.key), req, sink, nil); err != nil {
		t.Fatal(err)
	}
	r := newReplica(t, d.id, testKey(3))
	if _, err := r.sync(dial(t, part.server(), r.key)); !errors.Is(err, ErrIncomplete) {
		t.Errorf("%v, want ErrIncomplete", err)
	}
	if r.refs != nil {
		t.Error("refs were believed whose objects are missing")
	}
	req = r.request()
	req.Resume = true
	if _, err := Sync(t.Context(), dial(t, server(nil, d), r.key), req, r.sink(), nil); err != nil {
		t.Fatal(err)
	}
	wantComplete(t, r.store, d.head)
}
