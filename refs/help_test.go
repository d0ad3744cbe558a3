package refs

import (
	"context"
	"crypto"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/constl/constl/object"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testKey returns the key whose seed is 32 times the byte.
func testKey(b byte) *Key {
	var seed [32]byte
	for i := range seed {
		seed[i] = b
	}
	return KeyFromSeed(seed)
}

func target(s string) object.ID { return object.Sum([]byte(s)) }

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func person(name string, keys ...*Key) Person {
	p := Person{Name: name, Role: Maintainer}
	for _, k := range keys {
		p.Devices = append(p.Devices, Device{Key: k.PeerID(), Name: "laptop"})
	}
	return p
}

// firstIdentity returns version 1 with a fixed nonce.
func firstIdentity(threshold int, people ...Person) *Identity {
	id := NewIdentity("Moths of Tenerife", people[0], testTime)
	id.Nonce = [16]byte{1, 2, 3}
	id.People = people
	id.Threshold = threshold
	return id
}

func mustSign(t testing.TB, id *Identity, keys ...*Key) *SignedIdentity {
	t.Helper()
	s, err := SignIdentity(id, signers(keys)...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func signers(keys []*Key) []crypto.Signer {
	var all []crypto.Signer
	for _, k := range keys {
		all = append(all, k)
	}
	return all
}

func mustChain(t testing.TB, versions ...*SignedIdentity) *Chain {
	t.Helper()
	c, err := VerifyChain(versions[0].ID(), versions)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// nextIdentity returns the chain with a next version, changed and signed.
func nextIdentity(t testing.TB, c *Chain, change func(*Identity), keys ...*Key) *Chain {
	t.Helper()
	next, err := c.Current().Next(testTime)
	if err != nil {
		t.Fatal(err)
	}
	change(next)
	longer, err := c.Extend(mustSign(t, next, keys...))
	if err != nil {
		t.Fatal(err)
	}
	return longer
}

// soloChain is a dataset of one maintainer with one key.
func soloChain(t testing.TB, k *Key) *Chain {
	t.Helper()
	return mustChain(t, mustSign(t, firstIdentity(1, person("Ana", k)), k))
}

func options(k *Key, journal string) *Options {
	o := &Options{Journal: journal, Now: func() time.Time { return testTime }}
	if k != nil {
		o.Key = k
	}
	return o
}

func newTestStore(t testing.TB, c *Chain, k *Key) *Store {
	t.Helper()
	s, err := Create(context.Background(), filepath.Join(t.TempDir(), "refs"), c, options(k, ""))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustUpdate(t testing.TB, s *Store, changes ...Change) *SignedStatement {
	t.Helper()
	st, err := s.Update(context.Background(), changes...)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// move points heads/main from one target to another; "" is no target.
func move(from, to string) Change {
	c := Change{Name: "heads/main"}
	if from != "" {
		c.Old = target(from)
	}
	if to != "" {
		c.New = target(to)
	}
	return c
}

func mustImport(t testing.TB, s *Store, in Incoming) *Report {
	t.Helper()
	r, err := s.Import(context.Background(), in)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustView(t testing.TB, s *Store) *View {
	t.Helper()
	v, err := s.View(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// writer makes statements of one log without a store, as a peer would send them.
type writer struct {
	t     testing.TB
	chain *Chain
	key   *Key
	log   LogID
}

func newWriter(t testing.TB, c *Chain, k *Key, copyID byte) *writer {
	return &writer{t, c, k, LogID{k.PeerID(), CopyID{0: copyID}}}
}

// say returns the statement after before (nil: the first), with heads/main at the target.
func (w *writer) say(before *SignedStatement, main string) *SignedStatement {
	w.t.Helper()
	s := &Statement{
		Dataset: w.chain.Dataset(), IdentityVersion: w.chain.Len(), Identity: w.chain.CurrentID(),
		Log: w.log, Seq: 1, Time: testTime.Unix(), Refs: map[Name]object.ID{"heads/main": target(main)},
	}
	if before != nil {
		s.Seq, s.Previous = before.Statement().Seq+1, before.ID()
	}
	signed, err := SignStatement(s, w.key)
	if err != nil {
		w.t.Fatal(err)
	}
	return signed
}

func copyFolder(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
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
