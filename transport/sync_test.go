package transport

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

func TestClone(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(20, 4, 500)
	d.commit()
	d.change(3, 2, 7)
	d.commit()
	r := newReplica(t, d.id, testKey(2))
	result := r.mustSync(dial(t, server(nil, d), r.key))
	wantComplete(t, r.store, d.head)
	all := reachable(t, d.Store, d.head)
	if got := int(result.Stats.Objects); got != len(all) {
		t.Errorf("%d objects came, %d are reachable", got, len(all))
	}
	if result.Stats.Rounds != 1 {
		t.Errorf("the clone took %d rounds, want 1", result.Stats.Rounds)
	}
	view, err := r.refs.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	peer := view.Peer(d.key.PeerID())
	if len(peer.Logs) != 1 || peer.Logs[0].Head.Statement().Refs["heads/main"] != d.head {
		t.Errorf("the clone's refs do not say what the origin's do: %+v", peer)
	}
}

func TestUpdateCostsAboutTheChange(t *testing.T) {
	for _, kind := range []string{"mem", "pack"} {
		t.Run(kind, func(t *testing.T) {
			d := newDataset(t, testKey(1), nil)
			if kind == "pack" {
				d = newDatasetIn(t, packStore(t), testKey(1), nil)
			}
			d.fill(64, 10, 2000)
			d.commit()
			r := newReplica(t, d.id, testKey(2))
			if kind == "pack" {
				r.store = packStore(t)
			}
			s := server(nil, d)
			r.mustSync(dial(t, s, r.key))
			d.change(40, 5, 1000)
			d.commit()
			result := r.mustSync(dial(t, s, r.key))
			wantComplete(t, r.store, d.head)
			// commit, tree, table, two nodes, group, segment
			if result.Stats.Objects != 7 {
				t.Errorf("%d objects came, want 7", result.Stats.Objects)
			}
			if result.Stats.Deltas < 3 {
				t.Errorf("%d deltas came, want at least 3: nodes, group and segment", result.Stats.Deltas)
			}
			if result.Stats.BytesIn > 2000 {
				t.Errorf("%d bytes came for one cell", result.Stats.BytesIn)
			}
			if result.Stats.Rounds != 1 {
				t.Errorf("the update took %d rounds, want 1", result.Stats.Rounds)
			}
			t.Logf("%+v", result.Stats)
		})
	}
}

func TestUpdateOfManyCommits(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(16, 4, 500)
	d.commit()
	s := server(nil, d)
	r := newReplica(t, d.id, testKey(2))
	r.mustSync(dial(t, s, r.key))
	for i := range 50 {
		d.change(i%16, i%4, i)
		d.commit()
	}
	result := r.mustSync(dial(t, s, r.key))
	if got := len(reachable(t, r.store, d.head)); got == 0 || result.Stats.Objects != 50*7 {
		t.Errorf("%d objects came, want %d", result.Stats.Objects, 50*7)
	}
	if result.Stats.Rounds != 1 {
		t.Errorf("%d rounds, want 1", result.Stats.Rounds)
	}
}

func TestUpToDate(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 10)
	d.commit()
	s := server(nil, d)
	r := newReplica(t, d.id, testKey(2))
	r.mustSync(dial(t, s, r.key))
	result := r.mustSync(dial(t, s, r.key))
	if st := result.Stats; st.Objects != 0 || st.BytesIn > 16 {
		t.Errorf("an up-to-date replica got %+v", st)
	}
}

func TestStatementsOnly(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 10)
	head := d.commit()
	result, err := Sync(t.Context(), dial(t, server(nil, d), testKey(2)), &SyncRequest{Dataset: d.id, StatementsOnly: true}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(result.Offer.Statements) != 1 || result.Offer.Statements[0].Statement().Refs["heads/main"] != head {
		t.Errorf("offer %+v", result.Offer)
	}
	if result.Stats.Objects != 0 {
		t.Errorf("%d objects came", result.Stats.Objects)
	}
}

func TestOnlyWantedRefs(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 10)
	first := d.commit()
	d.point("tags/v1", object.ID{}, first)
	d.change(0, 0, 3)
	second := d.commit()
	r := newReplica(t, d.id, testKey(2))
	req := r.request()
	req.Refs = []refs.Pattern{"tags/*"}
	sink := r.sink()
	sink.Patterns = req.Refs
	if _, err := Sync(t.Context(), dial(t, server(nil, d), r.key), req, sink, nil); err != nil {
		t.Fatal(err)
	}
	wantComplete(t, r.store, first)
	if held, _ := r.store.Has(t.Context(), second); held {
		t.Error("the branch came although only tags were wanted")
	}
}

// The line is cut at many points, each time at another; what has come never
// comes again.
func TestResume(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(10, 3, 100)
	d.commit()
	d.change(1, 1, 1)
	d.commit()
	s := server(nil, d)
	all := reachable(t, d.Store, d.head)
	whole := newReplica(t, d.id, testKey(2)).mustSync(dial(t, s, testKey(2))).Stats.BytesIn
	for at := int64(0); at < whole; at += 97 {
		r := newReplica(t, d.id, testKey(2))
		cut, err := r.sync(cutAfter(dial(t, s, r.key), at))
		if !errors.Is(err, ErrDisconnected) {
			t.Fatalf("cut at %d: %v, want ErrDisconnected", at, err)
		}
		if r.refs != nil {
			t.Fatalf("cut at %d: refs were believed before the objects were complete", at)
		}
		req := r.request()
		req.Resume = true
		result, err := Sync(context.Background(), dial(t, s, r.key), req, r.sink(), nil)
		if err != nil {
			t.Fatalf("cut at %d, resuming: %v", at, err)
		}
		wantComplete(t, r.store, d.head)
		if got := int(cut.Stats.Objects + result.Stats.Objects); got != len(all) {
			t.Errorf("cut at %d: %d objects came before and %d after, of %d", at, cut.Stats.Objects, result.Stats.Objects, len(all))
		}
	}
}

// An update that is cut must not fetch what lies under equal parts of the table.
func TestResumeUpdate(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(20, 3, 300)
	d.commit()
	s := server(nil, d)
	base := newReplica(t, d.id, testKey(2))
	base.mustSync(dial(t, s, base.key))
	d.change(1, 1, 1)
	d.change(15, 2, 1)
	d.commit()
	want := len(reachable(t, d.Store, d.head)) - len(reachable(t, base.store, base.request().Haves[0]))
	for at := int64(200); at < 1400; at += 61 {
		r := newReplica(t, d.id, testKey(2))
		r.mustSync(dial(t, s, r.key)) // a complete clone, of which the update is undone
		r.undo(base)
		cut, err := r.sync(cutAfter(dial(t, s, r.key), at))
		if err == nil {
			break
		}
		req := r.request()
		req.Resume = true
		result, err := Sync(context.Background(), dial(t, s, r.key), req, r.sink(), nil)
		if err != nil {
			t.Fatalf("cut at %d, resuming: %v", at, err)
		}
		wantComplete(t, r.store, d.head)
		if got := int(cut.Stats.Objects + result.Stats.Objects); got != want {
			t.Errorf("cut at %d: %d and %d objects came, want %d in all", at, cut.Stats.Objects, result.Stats.Objects, want)
		}
	}
}

// undo makes the replica what the other one is.
func (r *replica) undo(to *replica) {
	r.t.Helper()
	fresh := newReplica(r.t, r.id, r.key)
	b, err := fresh.store.Begin(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, o := range reachable(r.t, to.store, to.request().Haves...) {
		if _, err := b.Put(context.Background(), o, object.ID{}); err != nil {
			r.t.Fatal(err)
		}
	}
	if err := b.Commit(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	r.store, r.refs = fresh.store, to.refs
}

func TestMissingAtThePeer(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 10)
	d.commit()
	d.point("tags/lost", object.ID{}, object.Sum([]byte("nowhere")))
	r := newReplica(t, d.id, testKey(2))
	if _, err := r.sync(dial(t, server(nil, d), r.key)); !errors.Is(err, ErrIncomplete) {
		t.Fatalf("%v, want ErrIncomplete", err)
	}
	if r.refs != nil {
		t.Error("refs were believed although objects are missing")
	}
}

func TestPrivateDataset(t *testing.T) {
	friend := testKey(3)
	d := newDataset(t, testKey(1), func(id *refs.Identity) {
		id.Audience = refs.PeopleOnly
		id.People = append(id.People, refs.Person{Name: "Ben", Role: refs.Reader, Devices: []refs.Device{{Key: friend.PeerID(), Name: "phone"}}})
	})
	d.fill(2, 2, 10)
	d.commit()
	s := server(nil, d)
	stranger := newReplica(t, d.id, testKey(2))
	if _, err := stranger.sync(dial(t, s, stranger.key)); !errors.Is(err, ErrNotFound) {
		t.Errorf("a stranger got %v, want ErrNotFound", err)
	}
	unknown := newReplica(t, object.Sum([]byte("x")), testKey(2))
	_, err := unknown.sync(dial(t, s, unknown.key))
	if _, err2 := stranger.sync(dial(t, s, stranger.key)); err == nil || !sameAnswer(err, err2) {
		t.Errorf("a private dataset (%v) can be told from one that is not there (%v)", err2, err)
	}
	reader := newReplica(t, d.id, friend)
	reader.mustSync(dial(t, s, friend))
}

func sameAnswer(a, b error) bool {
	var x, y *RemoteError
	return errors.As(a, &x) && errors.As(b, &y) && *x == *y
}

func TestConcurrentClients(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(10, 4, 300)
	d.commit()
	s := server(nil, d)
	var wg sync.WaitGroup
	for i := range 16 {
		r := newReplica(t, d.id, testKey(byte(10+i)))
		stream := dial(t, s, r.key)
		wg.Go(func() {
			if _, err := r.sync(stream); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

func TestCancel(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(10, 4, 300)
	d.commit()
	ctx, cancel := context.WithCancel(t.Context())
	r := newReplica(t, d.id, testKey(2))
	o := &SyncOptions{Progress: func(p Progress) {
		if p.Objects == 10 {
			cancel()
		}
	}}
	_, err := Sync(ctx, dial(t, server(nil, d), r.key), r.request(), r.sink(), o)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want context.Canceled", err)
	}
	if n := r.store.(interface{ Len() int }).Len(); n < 10 {
		t.Errorf("%d objects were kept, want at least the 10 that had come", n)
	}
}
