package attacks

import (
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

func rename(name string) func(*refs.Identity) { return func(id *refs.Identity) { id.Name = name } }

// usurp makes Mallory the only maintainer.
func usurp(id *refs.Identity) {
	id.People = []refs.Person{{Name: "Mallory", Role: refs.Maintainer, Devices: []refs.Device{{Key: mallory.PeerID()}}}}
	id.Threshold, id.Rules, id.Closed = 1, nil, nil
}

// identityAttacks are versions of the identity that too few, or the wrong people, signed.
func identityAttacks() []attack {
	version := func(change func(*refs.Identity), keys ...*refs.Key) func(*testing.T, *world, *speaker) *offer {
		return func(t *testing.T, w *world, _ *speaker) *offer {
			return &offer{identities: [][]byte{next(t, w.chain, change, keys...).Encode()}}
		}
	}
	// rival is a version 3 beside the one that the victim knows, with those before it.
	rival := func(keys ...*refs.Key) func(*testing.T, *world, *speaker) *offer {
		return func(t *testing.T, w *world, _ *speaker) *offer {
			known := w.chain.Versions()
			before, err := refs.VerifyChain(w.id, known[:2])
			if err != nil {
				t.Fatal(err)
			}
			return &offer{identities: [][]byte{known[0].Encode(), known[1].Encode(), next(t, before, rename("other"), keys...).Encode()}}
		}
	}
	return []attack{
		{
			name: "an identity update short of the threshold",
			make: version(rename("evil"), ana),
			in:   everywhere(refused(refs.ErrThreshold, "needs 2"), nil),
		},
		{
			name: "an identity update that lowers the threshold by itself",
			make: version(func(id *refs.Identity) { id.Threshold = 1 }, bo),
			in:   everywhere(refused(refs.ErrThreshold, "version 3, 1 signed"), nil),
		},
		{
			name: "an identity update signed twice by one person's devices",
			make: version(func(id *refs.Identity) {
				for i := range id.People {
					if id.People[i].Name == "Bo" {
						id.People[i].Devices = append(id.People[i].Devices, refs.Device{Key: mallory.PeerID()})
					}
				}
			}, bo, mallory),
			in: everywhere(refused(refs.ErrThreshold, "needs 2"), nil),
		},
		{
			name: "an identity update by a stranger for himself",
			make: version(usurp, mallory),
			in:   everywhere(refused(refs.ErrThreshold, "version 3, 0 signed"), nil),
		},
		{
			name: "an identity update by the revoked device",
			make: version(rename("evil"), bo, lost),
			in:   everywhere(refused(refs.ErrIdentityChain, "is no maintainer"), nil),
		},
		{
			name: "an identity update that leaves out a version",
			make: func(t *testing.T, w *world, _ *speaker) *offer {
				four := next(t, w.chain, rename("four"), ana, bo)
				return &offer{identities: [][]byte{next(t, extended(t, w.chain, four), rename("five"), ana, bo).Encode()}}
			},
			in: everywhere(refused(refs.ErrIdentityChain, "version 5 after version 3"), nil),
		},
		{
			name: "an identity of another dataset", wholeIdentity: true,
			make: func(t *testing.T, w *world, _ *speaker) *offer {
				other := refs.NewIdentity("other", refs.Person{Name: "Mallory", Devices: []refs.Device{{Key: mallory.PeerID()}}}, testTime)
				s, err := refs.SignIdentity(other, mallory)
				if err != nil {
					t.Fatal(err)
				}
				return &offer{identities: [][]byte{s.Encode()}}
			},
			in: everywhere(refused(refs.ErrWrongDataset, "another dataset"), nil),
		},
		{
			name: "a second history of the identity, short of the threshold", wholeIdentity: true,
			make: rival(),
			in:   everywhere(refused(refs.ErrThreshold, "needs 1"), nil),
		},
		{
			name: "a second history of the identity, signed by enough", wholeIdentity: true,
			make: rival(ana),
			in: everywhere(outcome{err: refs.ErrIdentityFork, says: "two histories", keeps: []string{forks}}, cells{
				byTicket: refused(refs.ErrFrozen, "another version 3 of the identity"),
			}),
		},
		{
			name: "a draft of a stranger's own", besides: true,
			make: func(t *testing.T, w *world, _ *speaker) *offer {
				return &offer{drafts: [][]byte{next(t, w.chain, usurp, mallory).Encode()}}
			},
			in: everywhere(refused(refs.ErrIdentityChain, "no maintainer of version 3"), nil),
		},
		{
			name: "more drafts than an offer may hold",
			make: func(t *testing.T, w *world, _ *speaker) *offer {
				var o offer
				for i := range refs.MaxDrafts + 1 {
					o.drafts = append(o.drafts, next(t, w.chain, func(id *refs.Identity) { id.Time += int64(i) }, ana).Encode())
				}
				return &o
			},
			in: everywhere(refused(transport.ErrProtocol, "more identities or statements"), cells{
				byImport: {keeps: []string{".constl/refs/drafts/"}, holds: sameIdentity},
			}),
		},
		{
			name: "a draft over its size",
			make: func(*testing.T, *world, *speaker) *offer {
				return &offer{drafts: [][]byte{make([]byte, refs.MaxDraftSize+1)}}
			},
			in: everywhere(refused(transport.ErrProtocol, "over the limit"), cells{byImport: refused(object.ErrCorrupt, "")}),
		},
	}
}

func sameIdentity(t *testing.T, w *world, v *refs.View) {
	t.Helper()
	if v.Chain().CurrentID() != w.chain.CurrentID() {
		t.Errorf("the identity is %s", v.Chain().CurrentID())
	}
}

// nameAttacks are names that lie about what they name.
func nameAttacks() []attack {
	list := []attack{lookAlikes(), fileNames()}
	none := not("pairing names no ref; what a device calls itself is shown without such characters (transport's TestPairShowsTheSameCodeOnBothSides)")
	for _, test := range []struct {
		what, name, says string
		pair             bool
	}{
		{"two dots", "x/../../../etc/passwd", "two dots", false},
		{"control characters", "main\x1b[2J", "cannot be seen", false},
		{"a hidden character", "ma\u200bin", "cannot be seen", false},
		{"text turned around", "\u202eniam", "cannot be seen", false},
		{"another Unicode form", "cafe\u0301", "NFC", false},
		{"no UTF-8", "\xff\xfe", "", true},
		{"10,000 characters", strings.Repeat("a", 10_000), "", true},
		{"an empty part", "/main", "slashes", false},
		{"a lock file's ending", "main.lock", ".lock", false},
		{"a wildcard", "*", "take out", false},
	} {
		a := attack{
			name: "a name with " + test.what,
			make: func(_ *testing.T, _ *world, s *speaker) *offer {
				first, _, _ := strings.Cut(string(s.name), "/")
				return &offer{statements: [][]byte{s.forge(s.key, level, func(st *refs.Statement) {
					st.Refs = map[refs.Name]object.ID{refs.Name(first + "/" + test.name): s.target}
				})}}
			},
			in: everywhere(refused(object.ErrCorrupt, test.says), cells{byPairing: none}),
		}
		if test.pair {
			a.pair = func(c *wire, p *pairing) error { return c.ask(p.request(1, test.name)) }
			a.in[byPairing] = refused(transport.ErrBadRequest, "")
		}
		list = append(list, a)
	}
	return list
}

// lookAlikes are names that people may take for one another. They are different names,
// and none stands in for the other.
func lookAlikes() attack {
	return attack{
		name: "case twins and letters that look alike",
		make: func(_ *testing.T, w *world, s *speaker) *offer {
			said := map[refs.Name]object.ID{"heads/main": w.commits[2], "heads/Main": w.commits[0], "heads/m\u0430in": w.commits[1]}
			if s.name != "heads/main" { // a proposal is one ref
				said = map[refs.Name]object.ID{"proposals/Main": s.target}
			}
			return &offer{statements: [][]byte{s.forge(s.key, level, func(st *refs.Statement) { st.Refs = said })}}
		},
		in: everywhere(outcome{keeps: []string{logs}, holds: func(t *testing.T, w *world, v *refs.View) {
			for name, want := range map[refs.Name]object.ID{"heads/main": w.commits[2], "heads/Main": w.commits[0], "heads/m\u0430in": w.commits[1]} {
				for _, c := range candidates(t, v, name) {
					if c.Log.Signer == bo.PeerID() && c.Target != want {
						t.Errorf("%q is at %s", name, c.Target.Short())
					}
				}
			}
		}}, cells{
			byPropose: {keeps: []string{logs}, holds: func(t *testing.T, _ *world, v *refs.View) {
				if list := v.Proposals(); len(list) != 1 || list[0].Branch != "heads/Main" {
					t.Errorf("proposals: %+v", list)
				}
			}},
		}),
	}
}

// fileNames is a commit with a file whose name leads out of the folder.
func fileNames() attack {
	return attack{
		name: "a file whose name leads out of the folder",
		make: func(t *testing.T, w *world, s *speaker) *offer {
			chunk := object.New(object.KindChunk, []byte("evil"))
			var e object.Encoder
			e.Uvarint(0)
			e.Text("..")
			e.Byte(byte(object.TypeFile))
			e.Link(chunk.ID())
			e.Uvarint(4)
			e.ID(object.Sum([]byte("evil")))
			tree := e.Object(object.KindTree)
			c := &object.Commit{Tree: tree.ID(), Parents: w.commits[2:], Author: "Bo", Message: "x", Time: object.Moment{Unix: testTime.Unix()}}
			if err := c.Sign(s.key); err != nil {
				t.Fatal(err)
			}
			o, err := c.Object()
			if err != nil {
				t.Fatal(err)
			}
			objects := []given{{o.ID(), o}, {tree.ID(), tree}, {chunk.ID(), chunk}}
			target := o.ID()
			if s.name != "heads/main" {
				tag := &object.Tag{Target: target, Name: "proposal", Tagger: "Eve", Message: "x", Time: object.Moment{Unix: testTime.Unix()}}
				if err := tag.Sign(s.key); err != nil {
					t.Fatal(err)
				}
				to, err := tag.Object()
				if err != nil {
					t.Fatal(err)
				}
				target, objects = to.ID(), append([]given{{to.ID(), to}}, objects...)
			}
			return s.pointing(target, objects...)
		},
		in: everywhere(outcome{err: object.ErrCorrupt, says: "means a folder", keeps: []string{logs}, objects: true}, cells{
			byImport:  not("an import takes no objects"),
			byWatch:   {keeps: []string{logs}, objects: true}, // whoever merges it refuses it
			byPush:    {keeps: []string{logs}, objects: true}, // whoever pulls it refuses it
			byPropose: refused(transport.ErrRefused, "means a folder"),
		}),
	}
}
