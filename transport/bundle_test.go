package transport

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

func seedBundle() *bundleMessage {
	return &bundleMessage{
		version: Version, dataset: object.Sum([]byte("d")), maker: testKey(1).PeerID(),
		wants: []object.ID{object.Sum([]byte("w"))}, haves: []object.ID{object.Sum([]byte("h"))},
		extensions: []extension{{1, []byte("x")}},
	}
}

func FuzzBundleHeader(f *testing.F) {
	fuzzMessage(f, decodeBundle, seedBundle().encode(), (&bundleMessage{version: Version}).encode())
}

// bundle writes a bundle of what is new since the haves.
func (d *dataset) bundle(haves ...object.ID) []byte {
	d.t.Helper()
	req := d.pushed()
	var b bytes.Buffer
	header := &BundleHeader{Dataset: d.id, Maker: d.key.PeerID(), Haves: haves}
	offer := &Offer{Dataset: d.id, Identities: req.Identities, Statements: req.Statements}
	stats, err := WriteBundle(d.t.Context(), &b, header, offer, d.Store, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	if stats.BytesOut != int64(b.Len()) {
		d.t.Errorf("%d bytes were counted, %d written", stats.BytesOut, b.Len())
	}
	return b.Bytes()
}

func (r *replica) unbundle(file io.Reader) (*SyncResult, error) {
	b, err := OpenBundle(file)
	if err != nil {
		return nil, err
	}
	return b.Sync(r.t.Context(), r.sink(), nil)
}

func TestBundle(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(12, 3, 300)
	first := d.commit()
	whole := d.bundle()
	d.change(5, 1, 7)
	d.commit()
	update := d.bundle(first)
	if len(update) > len(whole)/10 {
		t.Errorf("a bundle of one changed cell has %d bytes, one of everything %d", len(update), len(whole))
	}

	r := newReplica(t, d.id, testKey(2))
	if _, err := r.unbundle(bytes.NewReader(update)); !errors.Is(err, ErrIncomplete) {
		t.Errorf("an update without what it builds on: %v", err)
	}
	if _, err := r.unbundle(bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	wantComplete(t, r.store, first)
	if _, err := r.unbundle(bytes.NewReader(update)); err != nil {
		t.Fatal(err)
	}
	wantComplete(t, r.store, d.head)
	view, err := r.refs.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if at := view.Peer(d.key.PeerID()).Logs[0].Head.Statement().Refs["heads/main"]; at != d.head {
		t.Errorf("heads/main is at %s, want %s", at.Short(), d.head.Short())
	}
	// What is old takes nothing back.
	if _, err := r.unbundle(bytes.NewReader(whole)); err != nil {
		t.Fatal(err)
	}
	if view, err = r.refs.View(t.Context()); err != nil {
		t.Fatal(err)
	}
	if at := view.Peer(d.key.PeerID()).Logs[0].Head.Statement().Refs["heads/main"]; at != d.head {
		t.Errorf("an old bundle set heads/main back to %s", at.Short())
	}
}

func TestBundleOfOneVersion(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(4, 3, 100)
	first := d.commit()
	d.change(1, 1, 7)
	d.commit()
	req := d.pushed()
	var b bytes.Buffer
	header := &BundleHeader{Dataset: d.id, Wants: []object.ID{first}}
	if _, err := WriteBundle(t.Context(), &b, header, &Offer{Identities: req.Identities}, d.Store, nil); err != nil {
		t.Fatal(err)
	}
	r := newReplica(t, d.id, testKey(2))
	if _, err := r.unbundle(&b); err != nil {
		t.Fatal(err)
	}
	wantComplete(t, r.store, first)
	if held, _ := r.store.Has(t.Context(), d.head); held {
		t.Error("a later version came along")
	}
}

// A file that lost or gained bytes, or has a wrong one, brings nothing false and
// moves no ref.
func TestDamagedBundle(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 40)
	d.commit()
	whole := d.bundle()
	all := reachable(t, d.Store, d.head)
	check := func(what string, at int, file []byte) {
		t.Helper()
		r := newReplica(t, d.id, testKey(2))
		if _, err := r.unbundle(bytes.NewReader(file)); err == nil {
			t.Errorf("%s at %d: nobody noticed", what, at)
		}
		if r.refs != nil {
			t.Errorf("%s at %d: refs were taken", what, at)
		}
		n := 0
		for id := range all {
			if held, _ := r.store.Has(t.Context(), id); held {
				n++
			}
		}
		if size := r.store.(interface{ Len() int }).Len(); size != n {
			t.Errorf("%s at %d: %d objects are held, %d of them true", what, at, size, n)
		}
	}
	makerAt := len(BundleMagic) + 2 + 2 + object.IDSize
	for i := range whole {
		check("cut", i, whole[:i])
		if i >= makerAt && i < makerAt+len(refs.PeerID{}) {
			continue // whoever says that they wrote it changes nothing of what it holds
		}
		wrong := bytes.Clone(whole)
		wrong[i] ^= 0x11
		check("a wrong byte", i, wrong)
	}
	check("more bytes", len(whole), append(bytes.Clone(whole), 0x1e, 4, 0, 0, 0, 0))
}

func FuzzBundle(f *testing.F) {
	d := newDataset(f, testKey(1), nil)
	d.fill(2, 2, 20)
	first := d.commit()
	f.Add(d.bundle())
	d.change(1, 1, 1)
	d.commit()
	f.Add(d.bundle(first))
	f.Fuzz(func(t *testing.T, file []byte) {
		r := newReplica(t, d.id, testKey(2))
		result, err := r.unbundle(bytes.NewReader(file))
		if err != nil || result.Offer.Dataset != d.id {
			return
		}
		for _, s := range result.Offer.Statements {
			for _, target := range s.Statement().Refs {
				wantComplete(t, r.store, target)
			}
		}
	})
}
