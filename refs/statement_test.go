package refs

import (
	"errors"
	"fmt"
	"testing"

	"github.com/constl/constl/object"
	"github.com/google/go-cmp/cmp"
)

func TestStatementRoundTrip(t *testing.T) {
	k := testKey(1)
	w := newWriter(t, soloChain(t, k), k, 1)
	second := w.say(w.say(nil, "a"), "b")
	back, err := DecodeSignedStatement(second.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(second.Statement(), back.Statement()); d != "" || back.ID() != second.ID() {
		t.Error(d)
	}
	if len(second.Encode()) > MaxSignedStatement {
		t.Error("too long")
	}
}

func TestStatementRefusals(t *testing.T) {
	k := testKey(1)
	w := newWriter(t, soloChain(t, k), k, 1)
	for name, spoil := range map[string]func(*Statement){
		"no dataset":         func(s *Statement) { s.Dataset = object.ID{} },
		"no identity":        func(s *Statement) { s.Identity = object.ID{} },
		"identity version 0": func(s *Statement) { s.IdentityVersion = 0 },
		"other first":        func(s *Statement) { s.Identity = target("x") },
		"seq 0":              func(s *Statement) { s.Seq, s.Previous = 0, object.ID{} },
		"seq too high":       func(s *Statement) { s.Seq = maxSeq + 1 },
		"no previous":        func(s *Statement) { s.Previous = object.ID{} },
		"time":               func(s *Statement) { s.Time = maxTime + 1 },
		"name":               func(s *Statement) { s.Refs["heads/../x"] = target("x") },
		"no target":          func(s *Statement) { s.Refs["heads/x"] = object.ID{} },
		"weak key":           func(s *Statement) { s.Log.Signer = PeerID{1} },
		"too many refs": func(s *Statement) {
			for i := range MaxRefs {
				s.Refs[Name(fmt.Sprintf("tags/%d", i))] = target("x")
			}
		},
	} {
		s := *w.say(w.say(nil, "a"), "b").Statement()
		s.Refs = map[Name]object.ID{"heads/main": target("b")}
		spoil(&s)
		if _, err := SignStatement(&s, k); !errors.Is(err, ErrInvalidStatement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := SignStatement(w.say(nil, "a").Statement(), testKey(2)); !errors.Is(err, ErrSignature) {
		t.Errorf("another key: %v", err)
	}
}

// Whatever is changed in a statement on its way, it is refused: dataset,
// identity, signer, copy, sequence, predecessor, time, names and targets are all
// under the signature.
func TestStatementBindsEveryByte(t *testing.T) {
	k := testKey(1)
	w := newWriter(t, soloChain(t, k), k, 1)
	data := w.say(w.say(nil, "a"), "b").Encode()
	for i := range data {
		for bit := range 8 {
			bad := append([]byte(nil), data...)
			bad[i] ^= 1 << bit
			if _, err := DecodeSignedStatement(bad); err == nil {
				t.Fatalf("bit %d of byte %d changed: accepted", bit, i)
			}
		}
		if _, err := DecodeSignedStatement(data[:i]); err == nil {
			t.Fatalf("cut at %d: accepted", i)
		}
	}
	if _, err := DecodeSignedStatement(append(data, 0)); !errors.Is(err, object.ErrCorrupt) {
		t.Errorf("a byte more: %v", err)
	}
}

func TestStatementOfAnotherPurposeIsRefused(t *testing.T) {
	k := testKey(1)
	s := *newWriter(t, soloChain(t, k), k, 1).say(nil, "a")
	sig, err := sign(identityDomain, s.id, k)
	if err != nil {
		t.Fatal(err)
	}
	s.signature = sig
	if _, err := DecodeSignedStatement(s.Encode()); !errors.Is(err, ErrSignature) {
		t.Error(err)
	}
}

func TestEquivocation(t *testing.T) {
	k := testKey(1)
	c := soloChain(t, k)
	w := newWriter(t, c, k, 1)
	one := w.say(nil, "a")
	two, twoB := w.say(one, "b"), w.say(one, "c")
	three := w.say(twoB, "d")
	elsewhere := newWriter(t, c, k, 2).say(nil, "z")
	for name, pair := range map[string][2]*SignedStatement{"same number": {two, twoB}, "other predecessor": {three, two}} {
		e, err := NewEquivocation(pair[0], pair[1])
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		swapped, err := NewEquivocation(pair[1], pair[0])
		if err != nil || swapped != e {
			t.Errorf("%s: the order of the two matters", name)
		}
		back, err := DecodeEquivocation(e.Encode())
		if err != nil || back.A.ID() != e.A.ID() || back.B.ID() != e.B.ID() {
			t.Errorf("%s: %v", name, err)
		}
		backwards := Equivocation{A: e.B, B: e.A}
		if _, err := DecodeEquivocation(backwards.Encode()); !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%s, out of order: %v", name, err)
		}
	}
	for name, pair := range map[string][2]*SignedStatement{
		"equal": {two, two}, "in line": {one, two}, "far apart": {one, three}, "two logs": {one, elsewhere},
	} {
		if _, err := NewEquivocation(pair[0], pair[1]); err == nil {
			t.Errorf("%s: taken for a proof", name)
		}
	}
}

func TestRunKeepsAWindow(t *testing.T) {
	k := testKey(1)
	w := newWriter(t, soloChain(t, k), k, 1)
	var r run
	var last *SignedStatement
	for i := range 600 {
		last = w.say(last, fmt.Sprint(i))
		r = r.add(last)
	}
	if r.head() != last || len(r) < 100 || len(r.encode()) > maxLogFile || len(r.encode()) > 2*windowBytes {
		t.Errorf("%d statements in %d bytes", len(r), len(r.encode()))
	}
	back, err := decodeRun(r.encode(), w.log)
	if err != nil || len(back) != len(r) {
		t.Fatal(err)
	}
}
