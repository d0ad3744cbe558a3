package refs

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"

	"github.com/constl/constl/object"
)

// Limits of a statement (FORMAT.md §4).
const (
	MaxStatement       = 256 << 10                                // bytes of the payload
	MaxRefs            = 4096                                     // refs in one statement
	MaxSignedStatement = 4 + MaxStatement + ed25519.SignatureSize // bytes of one with its signature
	maxSeq             = 1 << 48
)

// Statement is one record of a log: all refs of one copy of a dataset, as the
// device that signed it says. The map belongs to whoever made the value.
type Statement struct {
	Dataset         object.ID
	IdentityVersion int       // the newest version that the signer knew
	Identity        object.ID // that version's id
	Log             LogID
	Seq             uint64    // from 1
	Previous        object.ID // the statement with the sequence number before; zero in the first
	Time            int64     // seconds since 1970, by the signer's clock
	Refs            map[Name]object.ID
}

// Object returns the statement's object, whose id names it. It fails with an
// error that wraps [ErrInvalidStatement].
func (s *Statement) Object() (object.Object, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalidStatement, err)
	}
	var e object.Encoder
	e.Uvarint(formatLevel)
	e.ID(s.Dataset)
	e.Uvarint(uint64(s.IdentityVersion))
	e.ID(s.Identity)
	e.Raw(s.Log.Signer[:])
	e.Raw(s.Log.Copy[:])
	e.Uvarint(s.Seq)
	if s.Seq > 1 {
		e.ID(s.Previous)
	}
	e.Uvarint(uint64(s.Time))
	e.Uvarint(uint64(len(s.Refs)))
	for _, name := range slices.Sorted(maps.Keys(s.Refs)) {
		e.Text(string(name))
		e.ID(s.Refs[name])
	}
	o := e.Object(object.KindStatement)
	if n := len(o.Payload()); n > MaxStatement {
		return nil, fmt.Errorf("%w: it has %d bytes, at most %d are allowed; remove refs that nobody needs", ErrInvalidStatement, n, MaxStatement)
	}
	return o, nil
}

// check reports the first rule of FORMAT.md §4 that the statement breaks.
func (s *Statement) check() error {
	switch {
	case s.Dataset.IsZero() || s.Identity.IsZero():
		return fmt.Errorf("it names no dataset or no identity")
	case s.IdentityVersion < 1 || s.IdentityVersion > MaxIdentityVersions:
		return fmt.Errorf("identity version %d is not within 1 and %d", s.IdentityVersion, MaxIdentityVersions)
	case (s.IdentityVersion == 1) != (s.Identity == s.Dataset):
		return fmt.Errorf("version %d of the identity cannot be %s", s.IdentityVersion, s.Identity.Short())
	case s.Seq < 1 || s.Seq > maxSeq:
		return fmt.Errorf("sequence number %d is not within 1 and %d", s.Seq, uint64(maxSeq))
	case (s.Seq == 1) != s.Previous.IsZero():
		return fmt.Errorf("sequence number %d with the previous statement %s", s.Seq, orNothing(s.Previous))
	case s.Time < 0 || s.Time > maxTime:
		return fmt.Errorf("time %d is not within the years 1970 and 9999", s.Time)
	case len(s.Refs) > MaxRefs:
		return fmt.Errorf("%d refs, at most %d are allowed; remove some that nobody needs", len(s.Refs), MaxRefs)
	}
	for name, target := range s.Refs {
		if err := name.Check(); err != nil {
			return err
		}
		if target.IsZero() {
			return fmt.Errorf("%s points to nothing", name)
		}
	}
	return s.Log.Signer.Check()
}

// DecodeStatement reads a statement, and checks no signature. It fails with an
// error that wraps [ErrNewerFormat] or [object.ErrCorrupt].
func DecodeStatement(o object.Object) (*Statement, error) {
	if n := len(o.Payload()); n > MaxStatement {
		return nil, corruptf("a statement of %d bytes, at most %d are allowed", n, MaxStatement)
	}
	d := object.NewDecoder(o, object.KindStatement)
	if err := checkLevel(d); err != nil {
		return nil, fmt.Errorf("reading a statement: %w", err)
	}
	s := &Statement{Dataset: d.ID(), IdentityVersion: int(d.Size(MaxIdentityVersions)), Identity: d.ID()}
	s.Log = LogID{PeerID(takeRaw(d, len(PeerID{}))), CopyID(takeRaw(d, len(CopyID{})))}
	s.Seq = d.Uvarint()
	if s.Seq > 1 {
		s.Previous = d.ID()
	}
	s.Time = d.Size(maxTime)
	n := d.Count(1 + object.IDSize)
	if n > MaxRefs {
		d.Fail("%d refs, at most %d are allowed", n, MaxRefs)
		n = 0
	}
	s.Refs = make(map[Name]object.ID, n)
	var before Name
	for range n {
		name := Name(d.Text(MaxName))
		if name <= before {
			d.Fail("refs are not in order")
		}
		before = name
		s.Refs[name] = d.ID()
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("reading a statement: %w", err)
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("reading a statement: %w: %w", object.ErrCorrupt, err)
	}
	return s, nil
}

// SignedStatement is a statement with its signer's valid signature. It is made
// by [SignStatement] and [DecodeSignedStatement] alone and never changes.
type SignedStatement struct {
	statement *Statement
	object    object.Object
	id        object.ID
	signature Signature
}

// SignStatement signs a statement, of which it keeps a copy. The key must be that
// of the statement's log, else the error wraps [ErrSignature]. It fails
// otherwise as [Statement.Object] does, or with the signer's error.
func SignStatement(s *Statement, signer crypto.Signer) (*SignedStatement, error) {
	o, err := s.Object()
	if err != nil {
		return nil, err
	}
	own, err := DecodeStatement(o)
	if err != nil {
		return nil, err
	}
	sig, err := sign(statementDomain, o.ID(), signer)
	if err != nil {
		return nil, err
	}
	if sig.Key != s.Log.Signer {
		return nil, fmt.Errorf("%w: the log of %s cannot be signed by %s", ErrSignature, s.Log.Signer.Short(), sig.Key.Short())
	}
	return &SignedStatement{statement: own, object: o, id: o.ID(), signature: sig}, nil
}

// Statement returns what was signed. The caller must not change it.
func (s *SignedStatement) Statement() *Statement { return s.statement }

// ID returns the id of the statement's object, into which the signature does not enter.
func (s *SignedStatement) ID() object.ID { return s.id }

// Encode returns the canonical encoding (FORMAT.md §4.2), at most
// [MaxSignedStatement] bytes. The slice is the caller's.
func (s *SignedStatement) Encode() []byte {
	var e object.Encoder
	e.Bytes(s.object)
	e.Raw(s.signature.Value[:])
	return e.Body()
}

// DecodeSignedStatement reads what [SignedStatement.Encode] writes and checks the
// signature. It fails as [DecodeStatement] does, or with an error that wraps
// [ErrSignature].
func DecodeSignedStatement(data []byte) (*SignedStatement, error) {
	s, err := decodeUnverified(data)
	if err != nil {
		return nil, err
	}
	if err := s.verify(); err != nil {
		return nil, err
	}
	return s, nil
}

func decodeUnverified(data []byte) (*SignedStatement, error) {
	d := object.NewBodyDecoder(data)
	o := object.Object(slices.Clone(d.Bytes(1 + MaxStatement)))
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("reading a signed statement: %w", err)
	}
	statement, err := DecodeStatement(o)
	if err != nil {
		return nil, err
	}
	sig := Signature{statement.Log.Signer, [64]byte(takeRaw(d, ed25519.SignatureSize))}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("reading a signed statement: %w", err)
	}
	return &SignedStatement{statement: statement, object: o, id: o.ID(), signature: sig}, nil
}

func (s *SignedStatement) verify() error {
	if !s.signature.valid(statementDomain, s.id) {
		return fmt.Errorf("%w of %s under statement %d of its log", ErrSignature, s.signature.Key.Short(), s.statement.Seq)
	}
	return nil
}

// check says whether the statement is one of the chain's dataset, signed under a
// version of its identity. It fails with an error that wraps [ErrWrongDataset],
// [ErrUnknownIdentity] or [ErrWrongIdentity].
func (s *SignedStatement) check(c *Chain) error {
	if s.statement.Dataset != c.Dataset() {
		return fmt.Errorf("%w: a statement about %s, expected %s", ErrWrongDataset, s.statement.Dataset.Short(), c.Dataset().Short())
	}
	return c.names(s.statement.IdentityVersion, s.statement.Identity)
}

// Equivocation is the proof that a device said two things that cannot both
// belong to one log: two statements with one sequence number, or one that does
// not name the statement before it as the one before.
type Equivocation struct {
	A, B *SignedStatement // in the order of their sequence numbers, then of their ids
}

// NewEquivocation orders the two statements and checks that they prove something.
// It fails with an error that wraps [ErrInvalidStatement] if they do not.
func NewEquivocation(a, b *SignedStatement) (Equivocation, error) {
	x, y := a.statement, b.statement
	if x.Seq > y.Seq || x.Seq == y.Seq && a.id.Compare(b.id) > 0 {
		a, b, x, y = b, a, y, x
	}
	same := x.Dataset == y.Dataset && x.Log == y.Log
	split := x.Seq == y.Seq && a.id != b.id
	broken := y.Seq == x.Seq+1 && y.Previous != a.id
	if !same || !split && !broken {
		return Equivocation{}, fmt.Errorf("%w: the two statements can both be true", ErrInvalidStatement)
	}
	return Equivocation{A: a, B: b}, nil
}

// Log returns the log that split.
func (e Equivocation) Log() LogID { return e.A.statement.Log }

// Encode returns the canonical encoding (FORMAT.md §4.4). The slice is the caller's.
func (e Equivocation) Encode() []byte { return append(e.A.Encode(), e.B.Encode()...) }

// DecodeEquivocation reads what [Equivocation.Encode] writes and checks both
// signatures. It fails as [DecodeSignedStatement] does.
func DecodeEquivocation(data []byte) (Equivocation, error) {
	d := object.NewBodyDecoder(data)
	var both [2]*SignedStatement
	for i := range both {
		o := d.Bytes(1 + MaxStatement)
		sig := d.Raw(ed25519.SignatureSize)
		if d.Err() != nil {
			break
		}
		var e object.Encoder
		e.Bytes(o)
		e.Raw(sig)
		s, err := DecodeSignedStatement(e.Body())
		if err != nil {
			return Equivocation{}, err
		}
		both[i] = s
	}
	if err := d.Close(); err != nil {
		return Equivocation{}, fmt.Errorf("reading an equivocation: %w", err)
	}
	e, err := NewEquivocation(both[0], both[1])
	if err != nil {
		return Equivocation{}, fmt.Errorf("reading an equivocation: %w: %w", object.ErrCorrupt, err)
	}
	if e.A != both[0] {
		return Equivocation{}, corruptf("an equivocation is not in order")
	}
	return e, nil
}
