package refs

import (
	"crypto/ed25519"
	"errors"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/object"
)

// victim is a store that an attacker writes to through one door: what a peer sends.
type victim struct {
	t     *testing.T
	store *Store
	chain *Chain
	ana   *writer
	bo    *writer
	known []*SignedStatement // Ana's log as the store knows it, three long
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	ana, bo := testKey(1), testKey(3)
	c := mustChain(t, mustSign(t, firstIdentity(2, person("Ana", ana), person("Bo", bo)), ana, bo))
	v := &victim{t: t, store: newTestStore(t, c, testKey(20)), chain: c, ana: newWriter(t, c, ana, 1), bo: newWriter(t, c, bo, 2)}
	one := v.ana.say(nil, "a")
	two := v.ana.say(one, "b")
	v.known = []*SignedStatement{one, two, v.ana.say(two, "c")}
	mustImport(t, v.store, Incoming{Statements: v.known})
	return v
}

// files returns all that the store holds.
func (v *victim) files() map[string]string {
	v.t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(v.store.disk.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(v.store.disk.dir, path)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		all[filepath.ToSlash(name)] = string(data)
		return err
	})
	if err != nil {
		v.t.Fatal(err)
	}
	return all
}

// take is the door: signed bytes come in, as a peer sends them.
func (v *victim) take(statements, identities, drafts [][]byte) (*Report, error) {
	var in Incoming
	for _, data := range statements {
		s, err := DecodeSignedStatement(data)
		if err != nil {
			return nil, err
		}
		in.Statements = append(in.Statements, s)
	}
	for _, data := range identities {
		s, err := DecodeSignedIdentity(data)
		if err != nil {
			return nil, err
		}
		in.Identities = append(in.Identities, s)
	}
	for _, data := range drafts {
		s, err := DecodeSignedIdentity(data)
		if err != nil {
			return nil, err
		}
		in.Drafts = append(in.Drafts, s)
	}
	return v.store.Import(v.t.Context(), in)
}

// forged returns a statement after the newest known one, changed before it is
// encoded, without any check, and signed by the key.
func (v *victim) forged(k *Key, change func(*Statement)) []byte {
	v.t.Helper()
	head := v.known[2]
	st := *head.statement
	st.Seq, st.Previous = 4, head.id
	st.Refs = map[Name]object.ID{"heads/main": target("evil")}
	change(&st)
	return signedRaw(v.t, k, encodeStatement(&st, formatLevel))
}

// encodeStatement writes a statement as FORMAT.md §4 says, whatever it holds.
func encodeStatement(s *Statement, level uint64) object.Object {
	var e object.Encoder
	e.Uvarint(level)
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
	names := make([]Name, 0, len(s.Refs))
	for name := range s.Refs {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		e.Text(string(name))
		e.ID(s.Refs[name])
	}
	return e.Object(object.KindStatement)
}

func signedRaw(t *testing.T, k *Key, o object.Object) []byte {
	t.Helper()
	sig, err := sign(statementDomain, o.ID(), k)
	if err != nil {
		t.Fatal(err)
	}
	var e object.Encoder
	e.Bytes(o)
	e.Raw(sig.Value[:])
	return e.Body()
}

// addGroupOrder makes another signature of a valid one: S + L, which verifiers that
// do not check S would accept.
func addGroupOrder(sig []byte) []byte {
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), l).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(slices.Clone(sig[:32]), sum...)
}

// The attacks of a peer that sends what it likes. Nothing of it may be stored, and
// each is refused for its own reason; what is merely late is left out.
func TestAttacks(t *testing.T) {
	ana, bo, eve := testKey(1), testKey(3), testKey(9)
	one := func(data []byte) [][]byte { return [][]byte{data} }
	named := func(name string) func(v *victim) (*Report, error) {
		return func(v *victim) (*Report, error) {
			return v.take(one(v.forged(ana, func(s *Statement) { s.Refs = map[Name]object.ID{Name(name): target("x")} })), nil, nil)
		}
	}
	for _, test := range []struct {
		name   string
		attack func(v *victim) (*Report, error)
		want   error // nil: it is left out, and the report says so
		says   string
	}{
		{"arbitrary data", func(v *victim) (*Report, error) { return v.take(one([]byte("junk, and more of it")), nil, nil) }, object.ErrCorrupt, ""},
		{"arbitrary identity", func(v *victim) (*Report, error) { return v.take(nil, one([]byte("junk")), nil) }, object.ErrCorrupt, ""},
		{"rollback to an older record", func(v *victim) (*Report, error) { return v.take(one(v.known[0].Encode()), nil, nil) }, nil, "ignored"},
		{"replay of the newest record", func(v *victim) (*Report, error) { return v.take(one(v.known[2].Encode()), nil, nil) }, nil, "ignored"},
		{"a record of another dataset", func(v *victim) (*Report, error) {
			return v.take(one(v.forged(ana, func(s *Statement) { s.Dataset = target("other"); s.Identity = s.Dataset })), nil, nil)
		}, ErrWrongDataset, "another dataset"},
		{"a record in another signer's name", func(v *victim) (*Report, error) {
			return v.take(one(v.forged(eve, func(*Statement) {})), nil, nil)
		}, ErrSignature, "invalid signature"},
		{"a valid signature moved to another record", func(v *victim) (*Report, error) {
			evil, real := v.forged(eve, func(*Statement) {}), v.known[2].Encode()
			return v.take(one(append(evil[:len(evil)-64], real[len(real)-64:]...)), nil, nil)
		}, ErrSignature, "invalid signature"},
		{"a signature under the identity's domain", func(v *victim) (*Report, error) {
			data := v.forged(ana, func(*Statement) {})
			o := encodeStatement(&Statement{
				Dataset: v.chain.Dataset(), IdentityVersion: 1, Identity: v.chain.Dataset(), Log: v.ana.log, Seq: 4, Previous: v.known[2].id,
				Time: testTime.Unix(), Refs: map[Name]object.ID{"heads/main": target("evil")},
			}, formatLevel)
			sig, err := sign(identityDomain, o.ID(), ana)
			if err != nil {
				return nil, err
			}
			return v.take(one(append(data[:len(data)-64], sig.Value[:]...)), nil, nil)
		}, ErrSignature, "invalid signature"},
		{"a malleable signature", func(v *victim) (*Report, error) {
			data := v.ana.say(v.known[2], "d").Encode()
			n := len(data) - ed25519.SignatureSize
			return v.take(one(append(data[:n], addGroupOrder(data[n:])...)), nil, nil)
		}, ErrSignature, "invalid signature"},
		{"a key of small order", func(v *victim) (*Report, error) {
			return v.take(one(v.forged(ana, func(s *Statement) { s.Log.Signer = PeerID{0: 1} })), nil, nil)
		}, object.ErrCorrupt, "small order"},
		{"a newer format level", func(v *victim) (*Report, error) {
			st := *v.known[2].statement
			st.Seq, st.Previous = 4, v.known[2].id
			return v.take(one(signedRaw(v.t, ana, encodeStatement(&st, formatLevel+1))), nil, nil)
		}, ErrNewerFormat, "update constl"},
		{"a downgrade to format level 0", func(v *victim) (*Report, error) {
			st := *v.known[2].statement
			st.Seq, st.Previous = 4, v.known[2].id
			return v.take(one(signedRaw(v.t, ana, encodeStatement(&st, 0))), nil, nil)
		}, object.ErrCorrupt, "level"},
		{"a record under an identity that is none of this dataset", func(v *victim) (*Report, error) {
			longer := nextIdentity(v.t, v.chain, rename("real"), ana, bo)
			if _, err := v.take(nil, one(longer.versions[1].Encode()), nil); err != nil {
				return nil, err
			}
			return v.take(one(v.forged(ana, func(s *Statement) { s.IdentityVersion, s.Identity = 2, target("fake") })), nil, nil)
		}, ErrWrongIdentity, "another identity"},
		{"a record under an identity that nobody has seen", func(v *victim) (*Report, error) {
			return v.take(one(v.forged(ana, func(s *Statement) { s.IdentityVersion, s.Identity = 9, target("fake") })), nil, nil)
		}, ErrUnknownIdentity, "fetch the identity"},
		{"an identity update short of the threshold", func(v *victim) (*Report, error) {
			return v.take(nil, one(draft(v.t, v.chain, rename("evil"), ana).Encode()), nil)
		}, ErrThreshold, "needs 2"},
		{"an identity update that lowers the threshold by itself", func(v *victim) (*Report, error) {
			return v.take(nil, one(draft(v.t, v.chain, func(id *Identity) { id.Threshold = 1 }, ana).Encode()), nil)
		}, ErrThreshold, "version 1, 1 signed"},
		{"an identity update signed by a stranger, too", func(v *victim) (*Report, error) {
			return v.take(nil, one(draft(v.t, v.chain, rename("evil"), ana, bo, eve).Encode()), nil)
		}, ErrIdentityChain, "is no maintainer"},
		{"an identity update of a stranger's own", func(v *victim) (*Report, error) {
			return v.take(nil, one(draft(v.t, v.chain, func(id *Identity) {
				id.People, id.Threshold = []Person{person("Eve", eve)}, 1
			}, eve).Encode()), nil)
		}, ErrThreshold, "version 1, 0 signed"},
		{"a draft of a stranger's own", func(v *victim) (*Report, error) {
			return v.take(nil, nil, one(draft(v.t, v.chain, func(id *Identity) {
				id.People, id.Threshold = []Person{person("Eve", eve)}, 1
			}, eve).Encode()))
		}, ErrIdentityChain, "no maintainer of version 1"},
		{"a second history of the identity", func(v *victim) (*Report, error) {
			real := draft(v.t, v.chain, rename("real"), ana, bo)
			if _, err := v.take(nil, one(real.Encode()), nil); err != nil {
				return nil, err
			}
			return v.take(nil, one(draft(v.t, v.chain, rename("other"), ana, bo).Encode()), nil)
		}, ErrIdentityFork, "two histories"},
		{"an identity of another dataset", func(v *victim) (*Report, error) {
			other := firstIdentity(1, person("Eve", eve))
			return v.take(nil, one(mustSign(v.t, other, eve).Encode()), nil)
		}, ErrWrongDataset, "another dataset"},
		{"a name with dots", named("heads/../../etc/passwd"), object.ErrCorrupt, "two dots"},
		{"a name with control characters", named("heads/main\x1b[2J"), object.ErrCorrupt, "cannot be seen"},
		{"a name with a hidden character", named("heads/ma\u200bin"), object.ErrCorrupt, "cannot be seen"},
		{"a name with text turned around", named("heads/\u202eniam"), object.ErrCorrupt, "cannot be seen"},
		{"a name in another Unicode form", named("heads/cafe\u0301"), object.ErrCorrupt, "NFC"},
		{"a name that is not UTF-8", named("heads/\xff\xfe"), object.ErrCorrupt, ""},
		{"a name of 10,000 characters", named("heads/" + strings.Repeat("a", 10_000)), object.ErrCorrupt, ""},
		{"a name without its first part", named("main"), object.ErrCorrupt, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := newVictim(t)
			before := v.files()
			report, err := test.attack(v)
			if test.want == nil {
				if err != nil || report.Ignored != 1 || len(report.New) != 0 {
					t.Errorf("expected it to be left out, found %+v, %v", report, err)
				}
			} else if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("expected %v that says %q, found: %v", test.want, test.says, err)
			}
			for path, data := range v.files() {
				if known, ok := before[path]; (!ok || known != data) && !strings.HasPrefix(path, identityDir+"/") && !strings.HasPrefix(path, forksDir+"/") {
					t.Errorf("%s was changed", path)
				}
			}
			got, err := mustView(t, v.store).Canonical("heads/main", func(a, b object.ID) (bool, error) { return false, nil })
			if err != nil || got.Target == target("evil") || len(got.Candidates) != 1 || got.Candidates[0].Target != target("c") {
				t.Errorf("heads/main is shown as %+v, %v", got, err)
			}
			if problems := v.store.Check(t.Context()); problems != nil {
				t.Error(problems)
			}
		})
	}
}

// Names that look alike are different names, and both are shown as they are: one
// never stands in for the other.
func TestLookAlikeNamesStayApart(t *testing.T) {
	v := newVictim(t)
	twins := map[Name]object.ID{"heads/main": target("c"), "heads/Main": target("x"), "heads/m\u0430in": target("y")}
	if _, err := v.take([][]byte{v.forged(testKey(1), func(s *Statement) { s.Refs = twins })}, nil, nil); err != nil {
		t.Fatal(err)
	}
	view := mustView(t, v.store)
	for name, want := range twins {
		got, err := view.Canonical(name, func(a, b object.ID) (bool, error) { return false, nil })
		if err != nil || len(got.Candidates) != 1 || got.Candidates[0].Target != want {
			t.Errorf("%q is %+v, %v", name, got, err)
		}
	}
}

// A device that says two things is caught, whichever of them comes first; neither
// counts, and the proof is kept.
func TestForkByOneDevice(t *testing.T) {
	v := newVictim(t)
	left, right := v.ana.say(v.known[2], "left"), v.ana.say(v.known[2], "right")
	if _, err := v.take([][]byte{left.Encode()}, nil, nil); err != nil {
		t.Fatal(err)
	}
	report, err := v.take([][]byte{right.Encode()}, nil, nil)
	if err != nil || len(report.Equivocations) != 1 {
		t.Fatalf("report %+v, %v", report, err)
	}
	view := mustView(t, v.store)
	if got, err := view.Canonical("heads/main", nil); err != nil || got.State != Absent {
		t.Errorf("heads/main is %+v, %v", got, err)
	}
	if l := view.Peer(v.ana.key.PeerID()).Logs[0]; !l.Held || l.Proof == nil {
		t.Errorf("log %+v", l)
	}
}

// What a device signed up to where its log was closed is taken, and nothing after
// that, in that log or, from a device that is no longer listed, in any other.
func TestRevokedDevice(t *testing.T) {
	ana, bo := testKey(1), testKey(3)
	v := newVictim(t)
	revoked := nextIdentity(t, v.chain, func(id *Identity) {
		id.People, id.Threshold = []Person{person("Bo", bo)}, 1
		id.Closed = []Closing{{v.ana.log, 2, v.known[1].id}}
	}, ana, bo)
	fresh := newTestStore(t, v.chain, testKey(21))
	mustImport(t, fresh, Incoming{Identities: revoked.Versions()})

	before := mustImport(t, fresh, Incoming{Statements: []*SignedStatement{v.known[1]}})
	if len(before.New) != 1 || len(before.Ended) != 0 {
		t.Errorf("what was signed before: %+v", before)
	}
	after := mustImport(t, fresh, Incoming{Statements: []*SignedStatement{v.known[2]}})
	if len(after.New) != 0 || len(after.Ended) != 1 || after.Ended[0] != v.ana.log {
		t.Errorf("what was signed after: %+v", after)
	}
	other := newWriter(t, v.chain, ana, 7)
	mustImport(t, fresh, Incoming{Statements: []*SignedStatement{other.say(nil, "evil")}})
	got, err := mustView(t, fresh).Canonical("heads/main", nil)
	if err != nil || got.State != Absent {
		t.Errorf("heads/main is %+v, %v", got, err)
	}
}
