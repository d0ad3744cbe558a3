package refs

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/object"
)

// Limits of an identity (FORMAT.md §3).
const (
	MaxIdentity         = 64 << 10 // bytes of the payload of one version
	MaxIdentityKeys     = 256      // devices and recovery keys of one version together
	MaxIdentityVersions = 1024     // versions of one dataset
	maxRules            = 256
	maxClosed           = 512
	maxTitle            = 256 // bytes of a dataset's or person's name
	maxDeviceName       = 128 // bytes
	maxTime             = 253402300799
)

// Role says what a person is to the dataset. The numbers are part of the format.
type Role byte

// The roles.
const (
	Maintainer  Role = 1 // signs the identity and, unless a rule says otherwise, the refs
	Contributor Role = 2 // may be given rules of their own
	Reader      Role = 3 // may read a dataset that is not public
)

// String returns the role's name.
func (r Role) String() string {
	switch r {
	case Maintainer:
		return "maintainer"
	case Contributor:
		return "contributor"
	case Reader:
		return "reader"
	}
	return fmt.Sprintf("role %d", byte(r))
}

// Device is one key of a person, and what they call it.
type Device struct {
	Key  PeerID
	Name string
}

// Person is somebody who takes part in the dataset. All of a person's devices
// together have one voice. Names are unique within an identity.
type Person struct {
	Name    string
	Role    Role
	ORCID   string // as "0000-0002-1825-0097", or empty
	Devices []Device
}

// Rule says whose word about the refs that match its pattern counts, and how
// many persons must agree. Of several rules that match, the closest alone
// applies: an exact name before a star, a longer pattern before a shorter one.
type Rule struct {
	Pattern   Pattern
	Listed    []string // names of people; empty: all maintainers
	Threshold int
}

// Proposers says who may propose changes. The numbers are part of the format.
type Proposers byte

// Who may propose.
const (
	ProposeNobody Proposers = 1
	ProposePeople Proposers = 2 // the maintainers and contributors of the identity
	ProposeAnyone Proposers = 3
)

// Audience says who may read the dataset. The numbers are part of the format.
type Audience byte

// Who may read.
const (
	Public     Audience = 1
	PeopleOnly Audience = 2 // the people of the identity, readers included
)

// Recovery lists keys kept apart from every device. Threshold of them stand in
// for the maintainers of this version when the next one is signed.
type Recovery struct {
	Threshold int // 0 if there are no keys
	Keys      []PeerID
}

// Closing ends a log at one statement: what the log says later, or otherwise at
// that sequence number, is not used. It takes away a lost device's further
// voice and settles an equivocation. Seq 0, with a zero Statement, ends the log
// before its first.
type Closing struct {
	Log       LogID
	Seq       uint64
	Statement object.ID
}

// Identity is one version of the document that says who may do what in a
// dataset. The slices belong to whoever made the value.
type Identity struct {
	Version   int       // from 1
	Previous  object.ID // the version before; zero in version 1
	Nonce     [16]byte  // random in version 1, zero later: no two new datasets have one id
	Time      int64     // when it was written, seconds since 1970, by its author's clock
	Name      string    // the dataset's
	Threshold int       // how many maintainers must sign the next version, and this one
	People    []Person
	Rules     []Rule
	Proposers Proposers
	Audience  Audience
	Recovery  Recovery
	Closed    []Closing
}

// NewIdentity returns version 1 of a public dataset's identity with one
// maintainer, whom anyone may send proposals. It is to be signed with
// [SignIdentity], after further changes if need be.
func NewIdentity(name string, maintainer Person, now time.Time) *Identity {
	maintainer.Role = Maintainer
	id := &Identity{
		Version: 1, Time: now.Unix(), Name: name, Threshold: 1, People: []Person{maintainer},
		Proposers: ProposeAnyone, Audience: Public,
	}
	rand.Read(id.Nonce[:])
	return id
}

// Next returns a copy of the identity as its next version, to be changed and
// then signed. It fails as [Identity.Object] does.
func (id *Identity) Next(now time.Time) (*Identity, error) {
	o, err := id.Object()
	if err != nil {
		return nil, err
	}
	next, err := DecodeIdentity(o)
	if err != nil {
		return nil, err
	}
	next.Version++
	next.Previous = o.ID()
	next.Nonce = [16]byte{}
	next.Time = now.Unix()
	return next, nil
}

// Person returns the person who has the device.
func (id *Identity) Person(device PeerID) (Person, bool) {
	for _, p := range id.People {
		for _, d := range p.Devices {
			if d.Key == device {
				return p, true
			}
		}
	}
	return Person{}, false
}

// Rule returns the rule for a name. Where none matches, it is that the
// identity's threshold of maintainers must agree.
func (id *Identity) Rule(n Name) Rule {
	best := Rule{Pattern: "*", Threshold: id.Threshold}
	found := false
	for _, r := range id.Rules {
		if r.Pattern.Match(n) && (!found || r.Pattern.closer(best.Pattern)) {
			best, found = r, true
		}
	}
	return best
}

// MaySign reports whether the person's word counts under the rule.
func (r Rule) MaySign(p Person) bool {
	if len(r.Listed) == 0 {
		return p.Role == Maintainer
	}
	return slices.Contains(r.Listed, p.Name)
}

// MayRead reports whether the device may be given the dataset.
func (id *Identity) MayRead(device PeerID) bool {
	if id.Audience == Public {
		return true
	}
	_, ok := id.Person(device)
	return ok
}

// MayPropose reports whether the device may propose changes.
func (id *Identity) MayPropose(device PeerID) bool {
	if id.Proposers == ProposeAnyone {
		return true
	}
	p, ok := id.Person(device)
	return ok && id.Proposers == ProposePeople && p.Role != Reader
}

// closing returns where the identity ends the log.
func (id *Identity) closing(log LogID) (Closing, bool) {
	i, ok := slices.BinarySearchFunc(id.Closed, log, func(c Closing, l LogID) int { return c.Log.Compare(l) })
	if !ok {
		return Closing{}, false
	}
	return id.Closed[i], true
}

// sorted returns a copy of the identity in canonical order.
func (id *Identity) sorted() *Identity {
	c := *id
	c.People = slices.Clone(id.People)
	for i := range c.People {
		p := &c.People[i]
		p.Devices = slices.Clone(p.Devices)
		slices.SortFunc(p.Devices, func(a, b Device) int { return a.Key.Compare(b.Key) })
	}
	slices.SortFunc(c.People, func(a, b Person) int { return strings.Compare(a.Name, b.Name) })
	c.Rules = slices.Clone(id.Rules)
	for i := range c.Rules {
		r := &c.Rules[i]
		r.Listed = slices.Clone(r.Listed)
		slices.Sort(r.Listed)
	}
	slices.SortFunc(c.Rules, func(a, b Rule) int { return strings.Compare(string(a.Pattern), string(b.Pattern)) })
	c.Recovery.Keys = slices.Clone(id.Recovery.Keys)
	slices.SortFunc(c.Recovery.Keys, PeerID.Compare)
	c.Closed = slices.Clone(id.Closed)
	slices.SortFunc(c.Closed, func(a, b Closing) int { return a.Log.Compare(b.Log) })
	return &c
}
