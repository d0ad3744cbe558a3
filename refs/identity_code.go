package refs

import (
	"fmt"
	"slices"

	"github.com/constl/constl/object"
)

// formatLevel is the level of identities and statements that is written, and the
// newest that is read.
const formatLevel = 1

const (
	signersMaintainers = 1
	signersListed      = 2
)

// Object returns the identity's object, whose id names this version; that of
// version 1 is the dataset's id. The order of people, devices, rules and keys
// does not matter. It fails with an error that wraps [ErrInvalidIdentity].
func (id *Identity) Object() (object.Object, error) {
	c := id.sorted()
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidIdentity, err)
	}
	o := c.encode()
	if n := len(o.Payload()); n > MaxIdentity {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrInvalidIdentity, n, MaxIdentity)
	}
	return o, nil
}

func (id *Identity) encode() object.Object {
	var e object.Encoder
	e.Uvarint(formatLevel)
	e.Uvarint(uint64(id.Version))
	if id.Version == 1 {
		e.Raw(id.Nonce[:])
	} else {
		e.Link(id.Previous)
	}
	e.Uvarint(uint64(id.Time))
	e.Text(id.Name)
	e.Uvarint(uint64(id.Threshold))
	e.Uvarint(uint64(len(id.People)))
	for _, p := range id.People {
		p.encode(&e)
	}
	e.Uvarint(uint64(len(id.Rules)))
	for _, r := range id.Rules {
		r.encode(&e, id.People)
	}
	e.Byte(byte(id.Proposers))
	e.Byte(byte(id.Audience))
	e.Uvarint(uint64(id.Recovery.Threshold))
	e.Uvarint(uint64(len(id.Recovery.Keys)))
	for _, key := range id.Recovery.Keys {
		e.Raw(key[:])
	}
	e.Uvarint(uint64(len(id.Closed)))
	for _, c := range id.Closed {
		e.Raw(c.Log.Signer[:])
		e.Raw(c.Log.Copy[:])
		e.Uvarint(c.Seq)
		e.ID(c.Statement)
	}
	return e.Object(object.KindIdentity)
}

func (p *Person) encode(e *object.Encoder) {
	e.Text(p.Name)
	e.Byte(byte(p.Role))
	e.Text(p.ORCID)
	e.Uvarint(uint64(len(p.Devices)))
	for _, d := range p.Devices {
		e.Raw(d.Key[:])
		e.Text(d.Name)
	}
}

func (r *Rule) encode(e *object.Encoder, people []Person) {
	e.Text(string(r.Pattern))
	if len(r.Listed) == 0 {
		e.Byte(signersMaintainers)
	} else {
		e.Byte(signersListed)
		e.Uvarint(uint64(len(r.Listed)))
		for _, name := range r.Listed {
			i := slices.IndexFunc(people, func(p Person) bool { return p.Name == name })
			e.Uvarint(uint64(i))
		}
	}
	e.Uvarint(uint64(r.Threshold))
}

// DecodeIdentity reads one version of an identity. It checks everything that can
// be checked without the version before, and no signature; see [VerifyChain].
// It fails with an error that wraps [ErrNewerFormat] or [object.ErrCorrupt].
func DecodeIdentity(o object.Object) (*Identity, error) {
	if n := len(o.Payload()); n > MaxIdentity {
		return nil, corruptf("an identity of %d bytes, at most %d are allowed", n, MaxIdentity)
	}
	d := object.NewDecoder(o, object.KindIdentity)
	if err := checkLevel(d); err != nil {
		return nil, fmt.Errorf("reading an identity: %w", err)
	}
	id := &Identity{Version: int(d.Size(MaxIdentityVersions))}
	if id.Version == 1 {
		copy(id.Nonce[:], d.Raw(len(id.Nonce)))
	} else {
		id.Previous = d.Link()
	}
	id.Time = d.Size(maxTime)
	id.Name = d.Text(maxTitle)
	id.Threshold = int(d.Size(MaxIdentityKeys))
	// A person takes 37 bytes at least: two lengths, a role, a count, a device.
	for range d.Count(4 + 33) {
		id.People = append(id.People, decodePerson(d))
	}
	for range d.Count(3) {
		id.Rules = append(id.Rules, decodeRule(d, id.People))
	}
	id.Proposers = Proposers(d.Byte())
	id.Audience = Audience(d.Byte())
	id.Recovery.Threshold = int(d.Size(MaxIdentityKeys))
	for range d.Count(len(PeerID{})) {
		id.Recovery.Keys = append(id.Recovery.Keys, PeerID(takeRaw(d, len(PeerID{}))))
	}
	for range d.Count(len(PeerID{}) + len(CopyID{}) + 1 + object.IDSize) {
		log := LogID{PeerID(takeRaw(d, len(PeerID{}))), CopyID(takeRaw(d, len(CopyID{})))}
		id.Closed = append(id.Closed, Closing{Log: log, Seq: d.Uvarint(), Statement: d.ID()})
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("reading an identity: %w", err)
	}
	if err := id.check(); err != nil {
		return nil, fmt.Errorf("reading an identity: %w: %w", object.ErrCorrupt, err)
	}
	return id, nil
}

func decodePerson(d *object.Decoder) Person {
	p := Person{Name: d.Text(maxTitle), Role: Role(d.Byte()), ORCID: d.Text(19)}
	for range d.Count(33) {
		p.Devices = append(p.Devices, Device{Key: PeerID(takeRaw(d, len(PeerID{}))), Name: d.Text(maxDeviceName)})
	}
	return p
}

func decodeRule(d *object.Decoder, people []Person) Rule {
	r := Rule{Pattern: Pattern(d.Text(MaxName))}
	switch who := d.Byte(); who {
	case signersMaintainers:
	case signersListed:
		n := d.Count(1)
		if n == 0 {
			d.Fail("a rule lists nobody")
		}
		for range n {
			i := d.Uvarint()
			if i >= uint64(len(people)) {
				d.Fail("a rule lists person %d of %d", i, len(people))
				break
			}
			r.Listed = append(r.Listed, people[i].Name)
		}
	default:
		d.Fail("unknown signers %d of a rule", who)
	}
	r.Threshold = int(d.Size(MaxIdentityKeys))
	return r
}

// checkLevel takes the format level, which comes first so that a newer one is
// known for what it is.
func checkLevel(d *object.Decoder) error {
	level := d.Uvarint()
	switch {
	case d.Err() != nil:
		return d.Err()
	case level > formatLevel:
		return fmt.Errorf("%w (format level %d, known up to %d)", ErrNewerFormat, level, formatLevel)
	case level < 1:
		return corruptf("format level 0")
	}
	return nil
}

// takeRaw takes n bytes, or n zero bytes where the decoder has failed, so that
// the result can be converted to an array.
func takeRaw(d *object.Decoder, n int) []byte {
	if b := d.Raw(n); b != nil {
		return b
	}
	return make([]byte, n)
}
