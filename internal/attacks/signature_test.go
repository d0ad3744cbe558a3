package attacks

import (
	"crypto/ed25519"
	"slices"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

const level = 1 // of identities and statements

// signatureAttacks are records whose signature is another's, of something else, or
// spelled in another way, and records of other format levels.
func signatureAttacks() []attack {
	record := func(data func(t *testing.T, s *speaker) []byte) func(*testing.T, *world, *speaker) *offer {
		return func(t *testing.T, _ *world, s *speaker) *offer { return &offer{statements: [][]byte{data(t, s)}} }
	}
	ofKey := func(key refs.PeerID) func(*testing.T, *speaker) []byte {
		return func(_ *testing.T, s *speaker) []byte {
			// R neutral and S 0 hold over everything under a key that is neutral.
			neutral := make([]byte, ed25519.SignatureSize)
			neutral[0] = 1
			return resigned(s.forge(s.key, level, func(st *refs.Statement) { st.Log.Signer = key }), neutral)
		}
	}
	wrong := everywhere(refused(refs.ErrSignature, "invalid signature"), nil)
	damaged := everywhere(refused(object.ErrCorrupt, "damaged"), nil)
	version := func(n uint64) func(*wire, *pairing) error {
		return func(c *wire, p *pairing) error { return c.ask(p.request(n, "desk")) }
	}
	return []attack{
		{
			name: "a record in another signer's name",
			make: record(func(_ *testing.T, s *speaker) []byte { return s.forge(mallory, level, nil) }),
			pair: func(c *wire, p *pairing) error {
				p.guest = bo.PeerID() // what Bo's new computer has sent, say
				return c.ask(p.request(1, "desk"))
			},
			in: everywhere(refused(refs.ErrSignature, "invalid signature"), cells{
				byPairing: refused(transport.ErrRefused, "does not know the secret"),
			}),
		},
		{
			name: "the signature of another record",
			make: record(func(_ *testing.T, s *speaker) []byte {
				return resigned(s.forge(s.key, level, nil), signatureOf(s.known[2].Encode()))
			}),
			in: wrong,
		},
		{
			name: "a signature that was made for an identity",
			make: record(func(_ *testing.T, s *speaker) []byte {
				st := *s.known[2].Statement()
				st.Seq, st.Previous = 4, s.known[2].ID()
				o := encodeStatement(&st, level)
				return enclose(o, sign(s.key, "constl identity v1\x00", o))
			}),
			in: wrong,
		},
		{
			name: "a malleable signature: S plus the order of the group",
			make: record(func(_ *testing.T, s *speaker) []byte {
				data := s.forge(s.key, level, nil)
				return resigned(data, plusOrder(signatureOf(data)))
			}),
			in: wrong,
		},
		{
			name: "a malleable signature: one bit of S's highest byte",
			make: record(func(_ *testing.T, s *speaker) []byte {
				data := s.forge(s.key, level, nil)
				data[len(data)-1] ^= 0x80
				return data
			}),
			in: wrong,
		},
		{
			name: "a signature with one byte more",
			make: record(func(_ *testing.T, s *speaker) []byte { return append(s.forge(s.key, level, nil), 0) }),
			in:   damaged,
		},
		{
			name: "a length in more bytes than it needs",
			make: record(func(_ *testing.T, s *speaker) []byte {
				data := s.forge(s.key, level, nil)
				return slices.Concat([]byte{data[0], data[1] | 0x80, 0}, data[2:])
			}),
			in: damaged,
		},
		{name: "a key of small order: the neutral point", make: record(ofKey(refs.PeerID{0: 1})), in: damaged},
		{name: "a key of small order: the point of order 4", make: record(ofKey(refs.PeerID{})), in: damaged},
		{
			// y = p + 1, which is 1 once more.
			name: "another spelling of a key", make: record(ofKey(highKey(0xee))), in: damaged,
		},
		{
			name: "a record of a newer format level",
			make: record(func(_ *testing.T, s *speaker) []byte { return s.forge(s.key, level+1, nil) }),
			pair: version(2),
			in: everywhere(refused(refs.ErrNewerFormat, "update constl"), cells{
				byPairing: refused(transport.ErrUnsupported, "version 2"),
			}),
		},
		{
			name: "a downgrade to format level 0",
			make: record(func(_ *testing.T, s *speaker) []byte { return s.forge(s.key, 0, nil) }),
			pair: version(0),
			in: everywhere(refused(object.ErrCorrupt, "level 0"), cells{
				byPairing: refused(transport.ErrUnsupported, "version 0"),
			}),
		},
	}
}

// highKey is a key whose y coordinate is the given byte and then 2^255 - 1.
func highKey(first byte) refs.PeerID {
	var key refs.PeerID
	for i := range key {
		key[i] = 0xff
	}
	key[0], key[31] = first, 0x7f
	return key
}
