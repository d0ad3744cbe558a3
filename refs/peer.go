package refs

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/constl/constl/object"
)

// PeerID names a device: its Ed25519 public key. The zero PeerID names nobody.
type PeerID [ed25519.PublicKeySize]byte

// peerText is the alphabet of RFC 4648 in lower case, without padding: 52
// characters that need no escaping in a URL or a file name and cannot be taken
// for an object id.
var peerText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// ParsePeerID reads what [PeerID.String] writes, and nothing else. It fails with
// an error that wraps [ErrInvalidPeer].
func ParsePeerID(s string) (PeerID, error) {
	var id PeerID
	if want := peerText.EncodedLen(len(id)); len(s) != want {
		return PeerID{}, fmt.Errorf("%w: expected %d characters a-z and 2-7, found %d", ErrInvalidPeer, want, len(s))
	}
	if strings.ContainsAny(s, "\r\n") {
		return PeerID{}, fmt.Errorf("%w: a line break in it", ErrInvalidPeer)
	}
	if _, err := peerText.Decode(id[:], []byte(s)); err != nil {
		return PeerID{}, fmt.Errorf("%w: only a-z and 2-7 may stand in it", ErrInvalidPeer)
	}
	if id.String() != s {
		return PeerID{}, fmt.Errorf("%w: its last character has bits that belong to no key", ErrInvalidPeer)
	}
	if err := id.Check(); err != nil {
		return PeerID{}, err
	}
	return id, nil
}

// PeerIDFromKey returns the id of a public key. It fails as [PeerID.Check] does.
func PeerIDFromKey(key ed25519.PublicKey) (PeerID, error) {
	var id PeerID
	if len(key) != len(id) {
		return id, fmt.Errorf("%w: a key of %d bytes, expected %d", ErrInvalidPeer, len(key), len(id))
	}
	copy(id[:], key)
	if err := id.Check(); err != nil {
		return PeerID{}, err
	}
	return id, nil
}

// String returns the 52 lower-case base32 characters of the id.
func (p PeerID) String() string { return peerText.EncodeToString(p[:]) }

// Short returns the first 10 characters, for people to read.
func (p PeerID) Short() string { return p.String()[:10] }

// IsZero reports whether the id names nobody.
func (p PeerID) IsZero() bool { return p == PeerID{} }

// Compare orders ids by their bytes: -1, 0 or +1.
func (p PeerID) Compare(other PeerID) int { return bytes.Compare(p[:], other[:]) }

// Key returns the public key. The slice is the caller's.
func (p PeerID) Key() ed25519.PublicKey { return bytes.Clone(p[:]) }

// MarshalText writes the id as [PeerID.String] does, or nothing if it is zero.
func (p PeerID) MarshalText() ([]byte, error) {
	if p.IsZero() {
		return nil, nil
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads what [PeerID.MarshalText] writes. It fails as [ParsePeerID] does.
func (p *PeerID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*p = PeerID{}
		return nil
	}
	parsed, err := ParsePeerID(string(text))
	if err != nil {
		return err
	}
	*p = parsed
	return nil
}

// Check fails with an error that wraps [ErrInvalidPeer] if the id is one of the
// few keys under which signatures prove nothing: a point of small order, for
// which anyone can make signatures, or a second spelling of a point.
func (p PeerID) Check() error {
	if why := object.PublicKey(p).Weakness(); why != "" {
		return fmt.Errorf("%w: %s", ErrInvalidPeer, why)
	}
	return nil
}

// CopyID names one copy of a dataset on one device: 16 random bytes.
type CopyID [16]byte

// NewCopyID returns a new random id.
func NewCopyID() CopyID {
	var c CopyID
	rand.Read(c[:])
	return c
}

// ParseCopyID reads the 32 lower-case hexadecimal digits that [CopyID.String]
// writes. Anything else is an error.
func ParseCopyID(s string) (CopyID, error) {
	var c CopyID
	if len(s) != 2*len(c) || strings.ToLower(s) != s {
		return c, fmt.Errorf("refs: a copy id has %d lower-case hexadecimal digits, found %q", 2*len(c), s)
	}
	if _, err := hex.Decode(c[:], []byte(s)); err != nil {
		return CopyID{}, fmt.Errorf("refs: copy id %q: %w", s, err)
	}
	return c, nil
}

// String returns the 32 lower-case hexadecimal digits of the id.
func (c CopyID) String() string { return hex.EncodeToString(c[:]) }

// LogID names a log: the statements of one device for one copy of a dataset.
type LogID struct {
	Signer PeerID
	Copy   CopyID
}

// ParseLogID reads what [LogID.String] writes. Anything else is an error.
func ParseLogID(s string) (LogID, error) {
	peer, copyText, ok := strings.Cut(s, "-")
	if !ok {
		return LogID{}, fmt.Errorf("refs: %q is no log: expected a peer id, a hyphen and a copy id", s)
	}
	signer, err := ParsePeerID(peer)
	if err != nil {
		return LogID{}, fmt.Errorf("log %q: %w", s, err)
	}
	c, err := ParseCopyID(copyText)
	if err != nil {
		return LogID{}, err
	}
	return LogID{Signer: signer, Copy: c}, nil
}

// String returns the peer id, a hyphen and the copy id.
func (l LogID) String() string { return l.Signer.String() + "-" + l.Copy.String() }

// Compare orders logs by signer, then copy: -1, 0 or +1.
func (l LogID) Compare(other LogID) int {
	if c := l.Signer.Compare(other.Signer); c != 0 {
		return c
	}
	return bytes.Compare(l.Copy[:], other.Copy[:])
}
