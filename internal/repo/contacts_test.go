package repo

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

func contactOf(t *testing.T, dataset object.ID, key *refs.Key, at time.Time, host string) *refs.Contact {
	t.Helper()
	c, err := refs.SignContact(dataset, []refs.Address{{Peer: key.PeerID(), Host: host, Port: 7420}}, at, key)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// The newest of each peer are remembered, as long as they may be used, and no more
// than there is room for.
func TestContacts(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	dataset, self := object.Sum([]byte("d")), sessionKey(1)
	c := &contacts{path: t.TempDir() + "/contacts", dataset: dataset, self: self.PeerID(), now: func() time.Time { return now }}
	hosts := func() (list []string) {
		found, err := c.Contacts(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, contact := range found {
			list = append(list, contact.Addresses()[0].Host)
		}
		return list
	}
	add := func(list ...*refs.Contact) {
		t.Helper()
		if err := c.add(list...); err != nil {
			t.Fatal(err)
		}
	}
	add(
		contactOf(t, dataset, sessionKey(2), now.Add(-2*time.Hour), "old.example.org"),
		contactOf(t, dataset, self, now, "self.example.org"),
		contactOf(t, object.Sum([]byte("other")), sessionKey(3), now, "other.example.org"),
		contactOf(t, dataset, sessionKey(4), now.Add(-8*24*time.Hour), "expired.example.org"),
		contactOf(t, dataset, sessionKey(5), now.Add(-time.Hour), "five.example.org"),
	)
	if got := hosts(); !slices.Equal(got, []string{"five.example.org", "old.example.org"}) {
		t.Errorf("%v are remembered", got)
	}
	add(contactOf(t, dataset, sessionKey(2), now, "new.example.org"))
	add(contactOf(t, dataset, sessionKey(2), now.Add(-3*time.Hour), "older.example.org"))
	if got := hosts(); !slices.Equal(got, []string{"new.example.org", "five.example.org"}) {
		t.Errorf("%v are remembered", got)
	}
	before, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	add(contactOf(t, dataset, sessionKey(2), now.Add(time.Minute), "new.example.org"))
	if after, err := os.ReadFile(c.path); err != nil || string(after) != string(before) {
		t.Errorf("a peer that came again at once was written down again, %v", err)
	}
	for i := range byte(maxContacts) {
		add(contactOf(t, dataset, sessionKey(10+i), now.Add(2*time.Minute), "many.example.org"))
	}
	if got := hosts(); len(got) != maxContacts || slices.Contains(got, "five.example.org") {
		t.Errorf("%d are remembered", len(got))
	}
	now = now.Add(refs.ContactLife + 10*time.Minute)
	if got := hosts(); len(got) != 0 {
		t.Errorf("%v are remembered for ever", got)
	}
}

// A file that is damaged, or changed by somebody, leads nowhere.
func TestDamagedContacts(t *testing.T) {
	now := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	dataset := object.Sum([]byte("d"))
	c := &contacts{path: t.TempDir() + "/contacts", dataset: dataset, now: func() time.Time { return now }}
	if err := c.add(contactOf(t, dataset, sessionKey(2), now, "two.example.org")); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(c.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"", "{", "[1]", `["!"]`, `["AAAA"]`, strings.Replace(string(whole), "A", "B", 1), `["` + strings.Repeat("A", 9000) + `"]`} {
		if err := os.WriteFile(c.path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if found, err := c.Contacts(t.Context()); err != nil || len(found) != 0 {
			t.Errorf("%.20q: %d contacts, %v", text, len(found), err)
		}
	}
}

// Ben serves what he has cloned from Ana; Cem clones from Ana, and when she is gone he
// goes on with Ben, of whom she told him. Dora, who keeps her address to herself, is not found.
func TestPeersTellOfOthers(t *testing.T) {
	ctx := t.Context()
	ana := dataset(t, person(t))
	put(t, ana, "t.csv", "id,count\n1,2\n")
	commit(t, ana, "first")
	url, stop := serving(t, ana)
	ben := cloneOf(t, url, person(t))
	benURL, _ := serving(t, ben)
	if err := ben.NoteServing(benURL.Peers, false); err != nil {
		t.Fatal(err)
	}
	if _, err := ben.Fetch(ctx, ""); err != nil {
		t.Fatal(err)
	}
	dora := cloneOf(t, url, person(t))
	doraURL, _ := serving(t, dora)
	if err := dora.NoteServing(doraURL.Peers, true); err != nil {
		t.Fatal(err)
	}
	if _, err := dora.Fetch(ctx, ""); err != nil {
		t.Fatal(err)
	}
	cem := cloneOf(t, url, person(t))
	stop()
	if _, err := cem.Fetch(ctx, ""); err != nil {
		t.Errorf("when the one named is gone: %v", err)
	}
	_, elsewhere, err := cem.KnownPeers()
	if err != nil {
		t.Fatal(err)
	}
	has := func(peers []refs.Address) bool {
		return slices.ContainsFunc(peers, func(a refs.Address) bool { return slices.Contains(elsewhere, a) })
	}
	if !has(benURL.Peers) || has(doraURL.Peers) {
		t.Errorf("known are %v; Ben is at %v, Dora at %v", elsewhere, benURL.Peers, doraURL.Peers)
	}
}
