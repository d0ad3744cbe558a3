package attacks

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// dataAttacks give bytes that nobody has signed, or that are not what their id says.
func dataAttacks() []attack {
	objectsTravel := not("an import takes no objects")
	return []attack{
		{
			name: "arbitrary data as a record",
			make: func(*testing.T, *world, *speaker) *offer {
				return &offer{statements: [][]byte{[]byte("junk, and more of it")}}
			},
			pair: func(c *wire, _ *pairing) error { return c.ask(frame{framePair, []byte("\x01junk, and more of it")}) },
			in: everywhere(refused(object.ErrCorrupt, "damaged"), cells{
				byPairing: refused(transport.ErrBadRequest, ""),
			}),
		},
		{
			name: "arbitrary data as an identity",
			make: func(*testing.T, *world, *speaker) *offer { return &offer{identities: [][]byte{[]byte("junk")}} },
			in:   everywhere(refused(object.ErrCorrupt, "damaged"), nil),
		},
		{
			name: "bytes that are no frames",
			make: func(*testing.T, *world, *speaker) *offer { return &offer{raw: []byte("HTTP/1.1 200 OK\r\n\r\n")} },
			pair: func(c *wire, _ *pairing) error {
				_, _ = c.w.Write([]byte("GET / HTTP/1.1\r\n\r\n"))
				return c.ask()
			},
			in: everywhere(refused(transport.ErrProtocol, "broke the protocol"), cells{
				byImport:  not("an import is given what was decoded from frames"),
				byPush:    refused(transport.ErrProtocol, "type 0x48"),
				byPropose: refused(transport.ErrProtocol, "type 0x48"),
				byPairing: refused(transport.ErrBadRequest, ""),
			}),
		},
		{
			name: "a record with a length of 16 exabytes",
			make: func(*testing.T, *world, *speaker) *offer {
				return &offer{raw: binary.AppendUvarint([]byte{frameStatement}, 1<<63)}
			},
			pair: func(c *wire, _ *pairing) error {
				_, _ = c.w.Write(binary.AppendUvarint([]byte{framePair}, 1<<63))
				return c.ask()
			},
			in: everywhere(refused(transport.ErrProtocol, "over the limit"), cells{
				byImport:  not("an import is given what was decoded from frames"),
				byPairing: refused(transport.ErrBadRequest, ""),
			}),
		},
		{
			name: "other bytes under the id of a commit",
			make: func(t *testing.T, w *world, s *speaker) *offer {
				id := object.Sum([]byte("a commit"))
				return s.pointing(id, given{id, object.New(object.KindChunk, []byte("other bytes"))})
			},
			in: everywhere(refused(transport.ErrForged, "expected "), cells{byImport: objectsTravel}),
		},
		{
			name: "an object that nobody asked for",
			make: func(t *testing.T, w *world, s *speaker) *offer {
				o := object.New(object.KindChunk, []byte("unasked"))
				return s.pointing(object.Sum([]byte("a commit")), given{o.ID(), o})
			},
			in: everywhere(refused(transport.ErrForged, "asked for"), cells{byImport: objectsTravel}),
		},
		{
			name: "a commit in another's name",
			make: func(t *testing.T, w *world, s *speaker) *offer {
				c := &object.Commit{Tree: object.Sum([]byte("tree")), Author: "Ana", Message: "never said", Time: object.Moment{Unix: testTime.Unix()}}
				key := ana.PeerID()
				if err := c.Sign(mallory); err != nil {
					t.Fatal(err)
				}
				c.Key = object.PublicKey(key)
				o, err := c.Object()
				if err != nil {
					t.Fatal(err)
				}
				return s.pointing(o.ID(), given{o.ID(), o})
			},
			in: everywhere(refused(transport.ErrForged, "signature"), cells{byImport: objectsTravel}),
		},
		{
			name: "a tag in another's name",
			make: func(t *testing.T, w *world, s *speaker) *offer {
				tag := &object.Tag{Target: w.commits[2], Name: "proposal", Tagger: "Ana", Time: object.Moment{Unix: testTime.Unix()}}
				if err := tag.Sign(mallory); err != nil {
					t.Fatal(err)
				}
				tag.Key = object.PublicKey(ana.PeerID())
				o, err := tag.Object()
				if err != nil {
					t.Fatal(err)
				}
				return s.pointing(o.ID(), given{o.ID(), o})
			},
			in: everywhere(refused(transport.ErrForged, "signature"), cells{byImport: objectsTravel}),
		},
		{
			name: "a record without what it points to",
			make: func(t *testing.T, w *world, s *speaker) *offer { return s.pointing(object.Sum([]byte("nothing"))) },
			in: everywhere(refused(transport.ErrIncomplete, "missing"), cells{
				byImport: not("an import is done when the objects are there"),
			}),
		},
		{
			name: "another peer at the address",
			make: func(*testing.T, *world, *speaker) *offer { return &offer{impostor: true} },
			in: everywhere(not("whom the client expects, the client checks"), cells{
				byPull:   refused(link.ErrWrongPeer, "expected"),
				byTicket: refused(link.ErrWrongPeer, "expected"),
				byBundle: not("whoever made a bundle, its signatures count alone"),
			}),
		},
	}
}

// pointing is a true record of the log, the next one, that points to the id.
func (s *speaker) pointing(id object.ID, objects ...given) *offer {
	next := s.forge(s.key, 1, func(st *refs.Statement) { st.Refs = map[refs.Name]object.ID{s.name: id} })
	return &offer{statements: [][]byte{next}, objects: objects}
}

// pairing is what a guest knows of a pairing who knows its secret.
type pairing struct {
	dataset     object.ID
	host, guest refs.PeerID
	secret      []byte
}

// request is a pair frame (transport/PROTOCOL.md §10).
func (p *pairing) request(version uint64, name string) frame {
	proof := slices.Concat([]byte("constl pair proof v1\x00"), p.secret, p.dataset[:], p.host[:], p.guest[:])
	commitment := slices.Concat([]byte("constl pair nonce v1\x00"), make([]byte, 32))
	var e object.Encoder
	e.Uvarint(version)
	e.ID(p.dataset)
	e.Bytes([]byte(name))
	e.ID(object.Sum(proof))
	e.ID(object.Sum(commitment))
	e.Uvarint(0)
	return frame{framePair, e.Body()}
}

// ask sends frames and returns the error that the peer answers with in the end, nil if it
// ends otherwise.
func (w *wire) ask(frames ...frame) error {
	w.send(frames...)
	for {
		f, err := w.next()
		if err != nil {
			return nil
		}
		if f.kind != frameError {
			continue
		}
		d := object.NewBodyDecoder(f.body)
		e := &transport.RemoteError{Code: transport.Code(d.Uvarint()), Text: d.Text(1 << 10)}
		if d.Close() != nil {
			return nil
		}
		return e
	}
}
