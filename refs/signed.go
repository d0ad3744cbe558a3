package refs

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
)

// The domains of signatures: what is signed is one of these and then an object id.
const (
	identityDomain  = "constl identity v1\x00"
	statementDomain = "constl refs v1\x00"
)

// Limits of encodings that carry signatures, in bytes.
const (
	maxSignatures        = 2 * MaxIdentityKeys
	MaxSignedIdentity    = 1 + MaxIdentity + 8 + maxSignatures*(32+64)
	maxIdentityEnclosure = 1 + MaxIdentity
)

// Signature is an Ed25519 signature and the key it is by.
type Signature struct {
	Key   PeerID
	Value [ed25519.SignatureSize]byte
}

func sign(domain string, id object.ID, signer crypto.Signer) (Signature, error) {
	public, ok := signer.Public().(ed25519.PublicKey)
	if !ok {
		return Signature{}, fmt.Errorf("%w: a %T, expected an Ed25519 key", ErrInvalidPeer, signer.Public())
	}
	key, err := PeerIDFromKey(public)
	if err != nil {
		return Signature{}, err
	}
	value, err := signer.Sign(nil, append([]byte(domain), id[:]...), crypto.Hash(0))
	if err != nil {
		return Signature{}, fmt.Errorf("refs: signing: %w", err)
	}
	s := Signature{Key: key}
	if copy(s.Value[:], value) != len(value) || !s.valid(domain, id) {
		return Signature{}, fmt.Errorf("%w: the signer returned none of the key %s", ErrSignature, key.Short())
	}
	return s, nil
}

func (s *Signature) valid(domain string, id object.ID) bool {
	return ed25519.Verify(s.Key[:], append([]byte(domain), id[:]...), s.Value[:])
}

// SignedIdentity is a version of an identity with valid signatures over it.
// Whether they are those that the chain demands, [VerifyChain] says. It is made
// by [SignIdentity] and [DecodeSignedIdentity] alone and never changes.
type SignedIdentity struct {
	identity   *Identity
	object     object.Object
	id         object.ID
	signatures []Signature // sorted by key
}

// SignIdentity signs a version of an identity, of which it keeps a copy, with
// each of the keys. It fails with an error that wraps [ErrInvalidIdentity] or
// [ErrInvalidPeer], or with the signer's.
func SignIdentity(id *Identity, signers ...crypto.Signer) (*SignedIdentity, error) {
	o, err := id.Object()
	if err != nil {
		return nil, err
	}
	own, err := DecodeIdentity(o)
	if err != nil {
		return nil, err
	}
	s := &SignedIdentity{identity: own, object: o, id: o.ID()}
	return s.Sign(signers...)
}

// Sign returns the same version with further signatures: each maintainer in turn
// adds theirs. It fails as [SignIdentity] does.
func (s *SignedIdentity) Sign(signers ...crypto.Signer) (*SignedIdentity, error) {
	c := *s
	c.signatures = slices.Clone(s.signatures)
	for _, signer := range signers {
		sig, err := sign(identityDomain, s.id, signer)
		if err != nil {
			return nil, err
		}
		if i, found := c.signatureOf(sig.Key); !found {
			c.signatures = slices.Insert(c.signatures, i, sig)
		}
	}
	if len(c.signatures) > maxSignatures {
		return nil, fmt.Errorf("%w: more than %d signatures", ErrInvalidIdentity, maxSignatures)
	}
	return &c, nil
}

// Identity returns the document. The caller must not change it.
func (s *SignedIdentity) Identity() *Identity { return s.identity }

// ID returns the id of the document's object, into which no signature enters.
func (s *SignedIdentity) ID() object.ID { return s.id }

// Signers returns the keys that signed, in order. The slice is the caller's.
func (s *SignedIdentity) Signers() []PeerID {
	keys := make([]PeerID, len(s.signatures))
	for i := range s.signatures {
		keys[i] = s.signatures[i].Key
	}
	return keys
}

// Encode returns the canonical encoding (FORMAT.md §3.4), at most
// [MaxSignedIdentity] bytes. The slice is the caller's.
func (s *SignedIdentity) Encode() []byte {
	var e object.Encoder
	e.Bytes(s.object)
	e.Uvarint(uint64(len(s.signatures)))
	for i := range s.signatures {
		e.Raw(s.signatures[i].Key[:])
		e.Raw(s.signatures[i].Value[:])
	}
	return e.Body()
}

// DecodeSignedIdentity reads what [SignedIdentity.Encode] writes and checks every
// signature. It fails as [DecodeIdentity] does, or with an error that wraps
// [ErrSignature].
func DecodeSignedIdentity(data []byte) (*SignedIdentity, error) {
	d := object.NewBodyDecoder(data)
	o := object.Object(slices.Clone(d.Bytes(maxIdentityEnclosure)))
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("reading a signed identity: %w", err)
	}
	// The document comes first, so that a newer format is not taken for damage.
	identity, err := DecodeIdentity(o)
	if err != nil {
		return nil, err
	}
	n := d.Count(32 + ed25519.SignatureSize)
	if n > maxSignatures {
		d.Fail("%d signatures, at most %d are allowed", n, maxSignatures)
		n = 0
	}
	signatures := make([]Signature, n)
	for i := range signatures {
		signatures[i] = Signature{PeerID(takeRaw(d, 32)), [64]byte(takeRaw(d, ed25519.SignatureSize))}
		if i > 0 && signatures[i].Key.Compare(signatures[i-1].Key) <= 0 {
			d.Fail("signatures are not in order")
		}
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("reading a signed identity: %w", err)
	}
	s := &SignedIdentity{identity: identity, object: o, id: o.ID(), signatures: signatures}
	for i := range signatures {
		if err := signatures[i].Key.Check(); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSignature, err)
		}
		if !signatures[i].valid(identityDomain, s.id) {
			return nil, fmt.Errorf("%w of %s under version %d of the identity", ErrSignature, signatures[i].Key.Short(), identity.Version)
		}
	}
	return s, nil
}
