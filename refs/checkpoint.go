package refs

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/object"
)

// How many bytes of ids a checkpoint keeps.
const (
	checkIdentity  = 8
	checkSigner    = 6
	checkCopy      = 4
	checkStatement = 4
)

const (
	checkpointLevel = 1
	maxFloors       = 16
	// ShownFloors is how many devices a new checkpoint names where there is room.
	ShownFloors = 8
)

// Checkpoint is how far a dataset had come when an address was made. Whoever uses
// the address for a new clone can tell that a peer gives an older state.
type Checkpoint struct {
	Version  int                 // of the identity
	Identity [checkIdentity]byte // the first bytes of that version's id
	Floors   []Floor             // ascending by signer and copy
}

// Floor is the statement that a log had come to.
type Floor struct {
	Signer    [checkSigner]byte
	Copy      [checkCopy]byte
	Seq       uint64
	Statement [checkStatement]byte
}

func (f *Floor) compare(other *Floor) int {
	return cmp.Or(bytes.Compare(f.Signer[:], other.Signer[:]), bytes.Compare(f.Copy[:], other.Copy[:]))
}

// Checkpoint returns how far the dataset has come: of each device whose word counts
// for a branch, the newest log that names one, and of these the most that said
// something last.
func (v *View) Checkpoint(most int) *Checkpoint {
	id := v.chain.CurrentID()
	c := &Checkpoint{Version: v.chain.Len(), Identity: [checkIdentity]byte(id[:])}
	newest := make(map[PeerID]*SignedStatement)
	for _, l := range v.logs {
		if l.Counts == nil || l.Counts != l.Head || !v.namesBranch(l.Head.statement) {
			continue
		}
		if known := newest[l.ID.Signer]; known == nil || known.statement.Time <= l.Head.statement.Time {
			newest[l.ID.Signer] = l.Head
		}
	}
	var heads []*SignedStatement
	for _, head := range newest {
		heads = append(heads, head)
	}
	slices.SortFunc(heads, func(a, b *SignedStatement) int {
		return cmp.Or(-cmp.Compare(a.statement.Time, b.statement.Time), a.id.Compare(b.id))
	})
	for _, head := range heads[:min(len(heads), most)] {
		log := head.statement.Log
		c.Floors = append(c.Floors, Floor{
			Signer: [checkSigner]byte(log.Signer[:]), Copy: [checkCopy]byte(log.Copy[:]),
			Seq: head.statement.Seq, Statement: [checkStatement]byte(head.id[:]),
		})
	}
	slices.SortFunc(c.Floors, func(a, b Floor) int { return a.compare(&b) })
	c.Floors = slices.CompactFunc(c.Floors, func(a, b Floor) bool { return a.compare(&b) == 0 })
	return c
}

func (v *View) namesBranch(st *Statement) bool {
	for name := range st.Refs {
		if strings.HasPrefix(string(name), HeadsPrefix) && v.chain.Current().MaySign(st.Log.Signer, name) {
			return true
		}
	}
	return false
}

// String returns the checkpoint as it stands in an address: letters a to z and
// digits 2 to 7.
func (c *Checkpoint) String() string { return peerText.EncodeToString(c.encode()) }

func (c *Checkpoint) encode() []byte {
	var e object.Encoder
	e.Byte(checkpointLevel)
	e.Uvarint(uint64(c.Version))
	e.Raw(c.Identity[:])
	e.Uvarint(uint64(len(c.Floors)))
	for i := range c.Floors {
		f := &c.Floors[i]
		e.Raw(f.Signer[:])
		e.Raw(f.Copy[:])
		e.Uvarint(f.Seq)
		e.Raw(f.Statement[:])
	}
	return e.Body()
}

// ParseCheckpoint reads what [Checkpoint.String] writes, and nothing else. It fails
// with an error that wraps [ErrInvalidURL], or [ErrNewerFormat].
func ParseCheckpoint(s string) (*Checkpoint, error) {
	data, err := peerText.DecodeString(s)
	if err != nil || peerText.EncodeToString(data) != s {
		return nil, fmt.Errorf("%w: the state %.80q; only a-z and 2-7 may stand in it", ErrInvalidURL, s)
	}
	return decodeCheckpoint(data)
}

func decodeCheckpoint(data []byte) (*Checkpoint, error) {
	d := object.NewBodyDecoder(data)
	if level := d.Byte(); d.Err() == nil && level != checkpointLevel {
		return nil, fmt.Errorf("%w: the state in an address has level %d", ErrNewerFormat, level)
	}
	c := &Checkpoint{Version: int(d.Size(MaxIdentityVersions)), Identity: [checkIdentity]byte(takeRaw(d, checkIdentity))}
	if c.Version < 1 {
		d.Fail("version %d of the identity", c.Version)
	}
	n := d.Count(checkSigner + checkCopy + 1 + checkStatement)
	if n > maxFloors {
		d.Fail("%d logs, at most %d are allowed", n, maxFloors)
		n = 0
	}
	for range n {
		f := Floor{Signer: [checkSigner]byte(takeRaw(d, checkSigner)), Copy: [checkCopy]byte(takeRaw(d, checkCopy))}
		f.Seq, f.Statement = d.Uvarint(), [checkStatement]byte(takeRaw(d, checkStatement))
		if f.Seq < 1 || f.Seq > maxSeq {
			d.Fail("sequence number %d", f.Seq)
		}
		if len(c.Floors) > 0 && c.Floors[len(c.Floors)-1].compare(&f) >= 0 {
			d.Fail("logs are not in order")
		}
		c.Floors = append(c.Floors, f)
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("%w: its state is cut, or a letter of it is wrong (%v)", ErrInvalidURL, err)
	}
	return c, nil
}

// Check fails with an error that wraps [ErrFrozen] if an identity and the newest
// statements that are known are older than the checkpoint, or another history. Of
// strangers' statements it believes nothing. A nil checkpoint asks for nothing.
func (c *Checkpoint) Check(chain *Chain, statements []*SignedStatement) error {
	if c == nil {
		return nil
	}
	if chain.Len() < c.Version {
		return fmt.Errorf("%w: version %d of the identity, the address was made under version %d", ErrFrozen, chain.Len(), c.Version)
	}
	if id := chain.versions[c.Version-1].id; [checkIdentity]byte(id[:]) != c.Identity {
		return fmt.Errorf("%w: another version %d of the identity than that of the address", ErrFrozen, c.Version)
	}
	for i := range c.Floors {
		if err := c.Floors[i].check(chain, c.Version, statements); err != nil {
			return err
		}
	}
	return nil
}

func (f *Floor) check(chain *Chain, version int, statements []*SignedStatement) error {
	signer, listed := f.device(chain.Current())
	if !listed {
		if chain.Len() > version {
			return nil // the maintainers have taken the device out since
		}
		return fmt.Errorf("%w: the address names a device that the identity does not list", ErrFrozen)
	}
	is := func(log LogID) bool {
		return log.Signer == signer && [checkCopy]byte(log.Copy[:]) == f.Copy
	}
	if slices.ContainsFunc(chain.Current().Closed, func(closed Closing) bool { return is(closed.Log) }) {
		return nil
	}
	var newest *SignedStatement
	for _, st := range statements {
		seq := st.statement.Seq
		switch {
		case !is(st.statement.Log):
		case seq > f.Seq || seq == f.Seq && [checkStatement]byte(st.id[:]) == f.Statement:
			return nil // whatever contradicts it is found when it is taken
		case newest == nil || seq > newest.statement.Seq:
			newest = st
		}
	}
	switch {
	case newest == nil:
		return fmt.Errorf("%w: nothing of what %s has signed, the address was made after statement %d", ErrFrozen, signer.Short(), f.Seq)
	case newest.statement.Seq < f.Seq:
		return fmt.Errorf("%w: statement %d of %s, the address was made after statement %d", ErrFrozen, newest.statement.Seq, signer.Short(), f.Seq)
	}
	return fmt.Errorf("%w: another statement %d of %s than that of the address", ErrFrozen, f.Seq, signer.Short())
}

// device finds the listed device that the floor names.
func (f *Floor) device(id *Identity) (PeerID, bool) {
	for _, p := range id.People {
		for _, d := range p.Devices {
			if [checkSigner]byte(d.Key[:]) == f.Signer {
				return d.Key, true
			}
		}
	}
	return PeerID{}, false
}
