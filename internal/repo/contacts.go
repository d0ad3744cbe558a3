package repo

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

const (
	// maxContacts is how many peers are remembered.
	maxContacts = 64
	// contactRest keeps a peer that comes often from being written down each time.
	contactRest = time.Hour
)

// contacts remember in a file where peers serve the dataset. What the file has is
// checked when it is read; it helps to find peers, and a damaged one is as good as
// none. It implements [transport.ContactBook] and is safe for use by several
// goroutines at once.
type contacts struct {
	path    string
	dataset object.ID
	self    refs.PeerID // never remembered
	now     func() time.Time
	mu      sync.Mutex
}

var _ transport.ContactBook = (*contacts)(nil)

// contacts returns the dataset's; those of this device are left out.
func (r *Repo) contacts(dataset object.ID, self refs.PeerID) *contacts {
	return &contacts{path: r.path(contactsFile), dataset: dataset, self: self, now: r.o.Now}
}

// book returns the contacts of the dataset for its server.
func (r *Repo) book(ctx context.Context) (*contacts, error) {
	dataset, err := r.DatasetID()
	if err != nil {
		return nil, err
	}
	key, err := refs.OpenKey(ctx, r.o.Home)
	if err != nil {
		return nil, err
	}
	return r.contacts(dataset, key.PeerID()), nil
}

// Contacts implements [transport.ContactBook].
func (c *contacts) Contacts(context.Context) ([]*refs.Contact, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read(), nil
}

func (c *contacts) read() []*refs.Contact {
	data, err := os.ReadFile(c.path)
	if err != nil {
		return nil
	}
	var texts []string
	if json.Unmarshal(data, &texts) != nil {
		return nil
	}
	var list []*refs.Contact
	for _, text := range texts[:min(len(texts), maxContacts)] {
		data, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		if contact, err := refs.DecodeContact(data); err == nil && contact.Dataset() == c.dataset {
			list = append(list, contact)
		}
	}
	return c.newest(list)
}

// newest returns the newest contact of each peer that may be used, the newest first.
func (c *contacts) newest(list []*refs.Contact) []*refs.Contact {
	slices.SortStableFunc(list, func(a, b *refs.Contact) int { return cmp.Compare(b.Time(), a.Time()) })
	var kept []*refs.Contact
	for _, contact := range list {
		of := func(k *refs.Contact) bool { return k.Peer() == contact.Peer() }
		if contact.Peer() != c.self && contact.Fresh(c.now()) && !slices.ContainsFunc(kept, of) {
			kept = append(kept, contact)
		}
	}
	return kept[:min(len(kept), maxContacts)]
}

// Meet implements [transport.ContactBook].
func (c *contacts) Meet(_ context.Context, own *refs.Contact) error { return c.add(own) }

// add remembers contacts that say something new.
func (c *contacts) add(list ...*refs.Contact) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.read()
	isNew := func(contact *refs.Contact) bool {
		return !slices.ContainsFunc(known, func(k *refs.Contact) bool {
			return k.Peer() == contact.Peer() && slices.Equal(k.Addresses(), contact.Addresses()) &&
				contact.Time()-k.Time() < int64(contactRest/time.Second)
		})
	}
	if !slices.ContainsFunc(list, isNew) {
		return nil
	}
	kept := c.newest(append(slices.Clone(list), known...))
	texts := make([]string, len(kept))
	for i, contact := range kept {
		texts[i] = base64.StdEncoding.EncodeToString(contact.Encode())
	}
	data, err := json.MarshalIndent(texts, "", " ")
	if err != nil {
		return fmt.Errorf("remembering peers: %w", err)
	}
	return durable.WriteFile(c.path, append(data, '\n'), 0o644)
}

// ownContact returns what this device says of where it serves the dataset; nil if it
// does not, or keeps that to itself.
func (r *Repo) ownContact(dataset object.ID, key *refs.Key) *refs.Contact {
	file, err := r.readServing()
	if err != nil || file == nil || file.Unlisted {
		return nil
	}
	addresses, err := file.addresses()
	if err != nil {
		return nil
	}
	addresses = slices.DeleteFunc(addresses, func(a refs.Address) bool { return a.Peer != key.PeerID() })
	contact, err := refs.SignContact(dataset, addresses[:min(len(addresses), refs.MaxContactPlaces)], r.o.Now(), key)
	if err != nil {
		return nil
	}
	return contact
}

// met returns the peers that others told of and that an address does not name: one
// place of each, the newest first. Places on this computer are of use only to who is
// sent to this computer.
func (r *Repo) met(url refs.URL, self refs.PeerID) []refs.Address {
	local := slices.ContainsFunc(url.Peers, refs.Address.Loopback)
	var list []refs.Address
	for _, contact := range r.contacts(url.Dataset, self).read() {
		if slices.ContainsFunc(url.Peers, func(a refs.Address) bool { return a.Peer == contact.Peer() && a.Host != "" }) {
			continue
		}
		for _, a := range contact.Addresses() {
			if local || !a.Loopback() {
				list = append(list, a)
				break
			}
		}
	}
	return list
}
