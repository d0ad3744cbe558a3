package refs

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/object"
)

// Limits of a contact (FORMAT.md §7.2).
const (
	MaxContact        = 4 << 10 // bytes
	MaxContactPlaces  = 8
	ContactLife       = 7 * 24 * time.Hour
	contactLevel      = 1
	contactDomain     = "constl contact v1\x00"
	contactClockError = 24 * time.Hour
)

// Contact says under which addresses a peer serves a dataset, signed by that peer. It
// says nothing of what the peer has: whoever goes there believes signatures and
// hashes alone. It is made by [SignContact] and [DecodeContact] alone and never changes.
type Contact struct {
	dataset   object.ID
	time      int64 // seconds since 1970, by the peer's clock
	addresses []Address
	body      []byte // all but the signature
	signature Signature
}

// SignContact makes a contact of the key's peer, which must be that of every address.
// The addresses stand in order of preference, at most [MaxContactPlaces], each with its
// host and port. It fails with an error that wraps [ErrInvalidContact].
func SignContact(dataset object.ID, addresses []Address, now time.Time, key crypto.Signer) (*Contact, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fmt.Errorf("%w: a %T, expected an Ed25519 key", ErrInvalidPeer, key.Public())
	}
	peer, err := PeerIDFromKey(public)
	if err != nil {
		return nil, err
	}
	c := &Contact{dataset: dataset, time: now.Unix(), addresses: slices.Clone(addresses)}
	if err := c.check(peer); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidContact, err)
	}
	c.body = c.encodeBody(peer)
	if c.signature, err = sign(contactDomain, object.Sum(c.body), key); err != nil {
		return nil, err
	}
	return c, nil
}

// Dataset returns what the peer serves.
func (c *Contact) Dataset() object.ID { return c.dataset }

// Peer returns whose contact it is.
func (c *Contact) Peer() PeerID { return c.signature.Key }

// Addresses returns where the peer listens, the best first. The caller must not change them.
func (c *Contact) Addresses() []Address { return c.addresses }

// Time returns when it was made, in seconds since 1970, by the peer's clock.
func (c *Contact) Time() int64 { return c.time }

// Fresh reports whether the contact is of the last days: neither older than
// [ContactLife], nor from further ahead than clocks go wrong.
func (c *Contact) Fresh(now time.Time) bool {
	age := now.Sub(time.Unix(c.time, 0))
	return age <= ContactLife && age >= -contactClockError
}

func (c *Contact) check(peer PeerID) error {
	switch {
	case c.dataset.IsZero():
		return fmt.Errorf("it names no dataset")
	case c.time < 0 || c.time > maxTime:
		return fmt.Errorf("time %d is not within the years 1970 and 9999", c.time)
	case len(c.addresses) < 1 || len(c.addresses) > MaxContactPlaces:
		return fmt.Errorf("it has %d addresses, expected 1 to %d", len(c.addresses), MaxContactPlaces)
	}
	for i, a := range c.addresses {
		if a.Peer != peer {
			return fmt.Errorf("an address of %s in a contact of %s", a.Peer.Short(), peer.Short())
		}
		if parsed, err := ParseAddress(a.String()); a.Host == "" || err != nil || parsed != a {
			return fmt.Errorf("%q and port %d are no address", a.Host, a.Port)
		}
		if slices.Contains(c.addresses[:i], a) {
			return fmt.Errorf("%s stands twice", a)
		}
	}
	return nil
}

func (c *Contact) encodeBody(peer PeerID) []byte {
	var e object.Encoder
	e.Uvarint(contactLevel)
	e.ID(c.dataset)
	e.Raw(peer[:])
	e.Uvarint(uint64(c.time))
	e.Uvarint(uint64(len(c.addresses)))
	for _, a := range c.addresses {
		e.Text(a.Host)
		e.Uvarint(uint64(a.Port))
	}
	return e.Body()
}

// Encode returns the contact with its signature (FORMAT.md §7.2).
func (c *Contact) Encode() []byte {
	return append(slices.Clone(c.body), c.signature.Value[:]...)
}

// DecodeContact reads a contact and checks its signature. It fails with an error that
// wraps [object.ErrCorrupt], [ErrNewerFormat], [ErrInvalidContact] or [ErrSignature].
func DecodeContact(data []byte) (*Contact, error) {
	if len(data) > MaxContact {
		return nil, corruptf("a contact of %d bytes, at most %d are allowed", len(data), MaxContact)
	}
	d := object.NewBodyDecoder(data)
	if level := d.Uvarint(); d.Err() == nil && level > contactLevel {
		return nil, fmt.Errorf("reading a contact: %w (level %d, known up to %d)", ErrNewerFormat, level, contactLevel)
	} else if d.Err() == nil && level < contactLevel {
		d.Fail("a contact of level %d", level)
	}
	c := &Contact{dataset: d.ID()}
	c.signature.Key = PeerID(takeRaw(d, len(PeerID{})))
	c.time = d.Size(maxTime)
	n := d.Count(2)
	for range min(n, MaxContactPlaces+1) {
		c.addresses = append(c.addresses, Address{c.signature.Key, strings.Clone(d.Text(maxContactHost)), uint16(d.Size(65535))})
	}
	body := len(data) - d.Remaining()
	copy(c.signature.Value[:], takeRaw(d, len(c.signature.Value)))
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("reading a contact: %w", err)
	}
	c.body = slices.Clone(data[:body])
	if err := c.signature.Key.Check(); err != nil {
		return nil, fmt.Errorf("reading a contact: %w", err)
	}
	if err := c.check(c.signature.Key); err != nil {
		return nil, fmt.Errorf("reading a contact: %w: %w", ErrInvalidContact, err)
	}
	if !c.signature.valid(contactDomain, object.Sum(c.body)) {
		return nil, fmt.Errorf("reading a contact of %s: %w", c.signature.Key.Short(), ErrSignature)
	}
	return c, nil
}

// maxContactHost leaves room for an IPv6 address with the zone of its interface.
const maxContactHost = maxHost + 64

// Loopback reports whether the address leads to the computer that uses it.
func (a Address) Loopback() bool {
	ip, err := netip.ParseAddr(a.Host)
	return err == nil && ip.IsLoopback() || a.Host == "localhost"
}
