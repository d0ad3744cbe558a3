package object

import (
	"bytes"
	"encoding/hex"
	"fmt"

	"github.com/zeebo/blake3"
)

// IDSize is the length of an ID in bytes.
const IDSize = 32

// ID names an object: the BLAKE3-256 hash of its kind byte and payload.
// The zero ID names nothing.
type ID [IDSize]byte

// Sum returns the BLAKE3-256 hash of data. It is also the plain hash of a
// file's bytes that a tree records, equal to what b3sum prints.
func Sum(data []byte) ID { return blake3.Sum256(data) }

// ParseID reads an ID from its 64 lower-case hexadecimal digits. Anything else,
// upper case included, fails with an error that wraps [ErrInvalidID].
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 2*IDSize {
		return id, fmt.Errorf("%w: expected %d hexadecimal digits, found %d characters", ErrInvalidID, 2*IDSize, len(s))
	}
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return id, fmt.Errorf("%w: %q is no lower-case hexadecimal digit", ErrInvalidID, c)
		}
	}
	if _, err := hex.Decode(id[:], []byte(s)); err != nil {
		return ID{}, fmt.Errorf("%w: %w", ErrInvalidID, err)
	}
	return id, nil
}

// String returns the 64 lower-case hexadecimal digits of the ID.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the first 10 hexadecimal digits, for people to read.
func (id ID) Short() string { return hex.EncodeToString(id[:5]) }

// IsZero reports whether the ID names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// Compare orders IDs by their bytes: -1, 0 or +1.
func (id ID) Compare(other ID) int { return bytes.Compare(id[:], other[:]) }

// MarshalText writes the ID as [ID.String] does, or nothing if it is zero.
func (id ID) MarshalText() ([]byte, error) {
	if id.IsZero() {
		return nil, nil
	}
	return []byte(id.String()), nil
}

// UnmarshalText reads what [ID.MarshalText] writes. It fails as [ParseID] does.
func (id *ID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*id = ID{}
		return nil
	}
	parsed, err := ParseID(string(text))
	if err != nil {
		return err
	}
	*id = parsed
	return nil
}
