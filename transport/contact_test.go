package transport

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/refs"
)

// book is a [ContactBook] in memory.
type book struct {
	mu   sync.Mutex
	list []*refs.Contact
}

// Contacts implements [ContactBook].
func (b *book) Contacts(context.Context) ([]*refs.Contact, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.list), nil
}

// Meet implements [ContactBook].
func (b *book) Meet(_ context.Context, own *refs.Contact) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.list = append([]*refs.Contact{own}, b.list...)
	return nil
}

func contactOf(t *testing.T, dataset object.ID, key *refs.Key) *refs.Contact {
	t.Helper()
	c, err := refs.SignContact(dataset, []refs.Address{{Peer: key.PeerID(), Host: "192.0.2.1", Port: 7420}}, testTime, key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Who serves a dataset tells the peer, and others hear of it from that peer.
func TestContactsTravel(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(1, 2, 20)
	d.commit()
	d.Book = &book{}
	s := server(nil, d)
	tell := func(r *replica, own *refs.Contact) (heard []*refs.Contact, err error) {
		req := r.request()
		req.Own = own
		_, err = Sync(t.Context(), dial(t, s, r.key), req, r.sink(), &SyncOptions{Met: func(list []*refs.Contact) { heard = list }})
		return heard, err
	}
	ben, cem := newReplica(t, d.id, testKey(2)), newReplica(t, d.id, testKey(3))
	if heard, err := tell(ben, contactOf(t, d.id, ben.key)); err != nil || len(heard) != 0 {
		t.Errorf("Ben hears of %d others, %v", len(heard), err)
	}
	heard, err := tell(cem, nil)
	if err != nil || len(heard) != 1 || heard[0].Peer() != ben.key.PeerID() {
		t.Errorf("Cem hears of %d others, %v", len(heard), err)
	}
	for i := range byte(2 * MaxContacts) {
		if err := d.Meet(t.Context(), contactOf(t, d.id, testKey(10+i))); err != nil {
			t.Fatal(err)
		}
	}
	if heard, err := tell(newReplica(t, d.id, testKey(4)), nil); err != nil || len(heard) != MaxContacts {
		t.Errorf("a newcomer hears of %d, %v, want %d", len(heard), err, MaxContacts)
	}
}

// Who watches tells where they serve, and hears of others with what is new, of each once.
func TestContactsTravelByWatches(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(1, 2, 20)
	d.commit()
	d.Book = &book{}
	if err := d.Meet(t.Context(), contactOf(t, d.id, testKey(3))); err != nil {
		t.Fatal(err)
	}
	ben := newReplica(t, d.id, testKey(2))
	req := ben.request()
	req.Own = contactOf(t, d.id, ben.key)
	var heard []refs.PeerID
	w, err := Watch(t.Context(), dial(t, server(nil, d), ben.key), req, &SyncOptions{Met: func(list []*refs.Contact) {
		for _, c := range list {
			heard = append(heard, c.Peer())
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ben.mustNext(w)
	if err := d.Meet(t.Context(), contactOf(t, d.id, testKey(4))); err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		d.change(0, 0, 7+i)
		d.commit()
		ben.mustNext(w)
	}
	if want := []refs.PeerID{testKey(3).PeerID(), testKey(4).PeerID()}; !slices.Equal(heard, want) {
		t.Errorf("heard of %v, want %v", heard, want)
	}
	if list, err := d.Contacts(t.Context()); err != nil || len(list) != 3 {
		t.Errorf("the server knows %d, %v, Ben among them", len(list), err)
	}
}

// Nobody tells where somebody else is to be found, nor of another dataset.
func TestFalseContacts(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(1, 2, 20)
	d.commit()
	known := &book{}
	d.Book = known
	other := object.Sum([]byte("other"))
	for name, own := range map[string]*refs.Contact{
		"of somebody else":   contactOf(t, d.id, testKey(3)),
		"of another dataset": contactOf(t, other, testKey(2)),
	} {
		r := newReplica(t, d.id, testKey(2))
		req := r.request()
		req.Own = own
		if _, err := Sync(t.Context(), dial(t, server(nil, d), r.key), req, r.sink(), nil); !errors.Is(err, ErrBadRequest) {
			t.Errorf("a contact %s: %v, want ErrBadRequest", name, err)
		}
	}
	if len(known.list) != 0 {
		t.Errorf("%d false contacts are remembered", len(known.list))
	}
	forged := contactOf(t, d.id, testKey(3)).Encode()
	forged[len(forged)-1] ^= 1
	newer := append([]byte{2}, contactOf(t, d.id, testKey(3)).Encode()[1:]...)
	whole := contactOf(t, d.id, testKey(3)).Encode()
	for _, test := range []struct {
		name string
		data []byte
		n    int
		want error
	}{
		{"forged", forged, 1, refs.ErrSignature},
		{"of another dataset", contactOf(t, other, testKey(3)).Encode(), 1, refs.ErrWrongDataset},
		{"too many", whole, MaxContacts + 1, ErrProtocol},
		{"newer", newer, 1, ErrDisconnected}, // skipped: the script ends without an offer
	} {
		stream := liar(t, func(c *conn) {
			for range test.n {
				c.writeFrame(frameContact, test.data)
			}
			c.flush()
		})
		var heard []*refs.Contact
		sink := &LocalSink{Objects: mem.New()}
		_, err := Sync(t.Context(), stream, &SyncRequest{Dataset: d.id}, sink, &SyncOptions{Met: func(list []*refs.Contact) { heard = list }})
		if !errors.Is(err, test.want) || len(heard) > 0 {
			t.Errorf("%s: %v, want %v; %d were heard of", test.name, err, test.want, len(heard))
		}
	}
}
