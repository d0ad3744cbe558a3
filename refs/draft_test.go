package refs

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// pair is a dataset of two maintainers who must both sign, and their stores.
func pair(t *testing.T) (ana, bo *Key, c *Chain, atAna, atBo *Store) {
	t.Helper()
	ana, bo = testKey(1), testKey(3)
	c = mustChain(t, mustSign(t, firstIdentity(2, person("Ana", ana), person("Bo", bo)), ana, bo))
	return ana, bo, c, newTestStore(t, c, ana), newTestStore(t, c, bo)
}

func draft(t testing.TB, c *Chain, change func(*Identity), keys ...*Key) *SignedIdentity {
	t.Helper()
	next, err := c.Current().Next(testTime)
	if err != nil {
		t.Fatal(err)
	}
	change(next)
	return mustSign(t, next, keys...)
}

func rename(name string) func(*Identity) { return func(id *Identity) { id.Name = name } }

func mustDrafts(t *testing.T, s *Store) []Draft {
	t.Helper()
	drafts, err := s.Drafts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return drafts
}

func TestDraftBecomesAVersionWhenEnoughHaveSigned(t *testing.T) {
	ana, bo, c, atAna, atBo := pair(t)
	d := draft(t, c, rename("Moths"), ana)
	done, err := atAna.Amend(t.Context(), d)
	if err != nil || done {
		t.Fatalf("one of two signatures: %v, %v", done, err)
	}
	mine := mustDrafts(t, atAna)
	want := Consent{Signed: []string{"Ana"}, Before: 1, NeedBefore: 2, Next: 1, NeedNext: 2}
	if len(mine) != 1 || !cmp.Equal(mine[0].Consent, want) {
		t.Fatalf("drafts %+v", mine)
	}
	if chain, _ := atAna.Chain(); chain.Len() != 1 {
		t.Fatal("a draft was taken for a version")
	}

	// It travels, is signed by the other, and holds there and, once it is back, here.
	if r := mustImport(t, atBo, Incoming{Drafts: []*SignedIdentity{d}}); r.Drafts != 1 || r.Identities != 0 {
		t.Errorf("report %+v", r)
	}
	if r := mustImport(t, atBo, Incoming{Drafts: []*SignedIdentity{d}}); r.Drafts != 0 {
		t.Errorf("the same draft again: %+v", r)
	}
	alone := draft(t, c, rename("Moths"), bo)
	if done, err = atBo.Amend(t.Context(), alone); err != nil || !done {
		t.Fatalf("both signatures, brought together: %v, %v", done, err)
	}
	if left := mustDrafts(t, atBo); len(left) != 0 {
		t.Errorf("%d drafts are left", len(left))
	}
	chain, err := atBo.Chain()
	if err != nil || chain.Len() != 2 || chain.Current().Name != "Moths" {
		t.Fatalf("the chain at Bo's: %v", err)
	}
	mustImport(t, atAna, Incoming{Identities: chain.Versions()})
	if left := mustDrafts(t, atAna); len(left) != 0 {
		t.Errorf("%d drafts are left", len(left))
	}
	for _, s := range []*Store{atAna, atBo} {
		if problems := s.Check(t.Context()); problems != nil {
			t.Error(problems)
		}
		// The next process reads the same.
		again, err := Open(t.Context(), s.disk.dir, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := again.Chain(); err != nil || got.CurrentID() != d.ID() {
			t.Errorf("after opening again: %v", err)
		}
	}
}

func TestDraftsThatAreRefused(t *testing.T) {
	ana, bo, c, _, _ := pair(t)
	stranger := testKey(9)
	for _, test := range []struct {
		name  string
		draft *SignedIdentity
	}{
		{"signed by a stranger, too", draft(t, c, rename("x"), ana, stranger)},
		{"signed by one whom it makes a maintainer, alone", draft(t, c, func(id *Identity) {
			id.People = append(id.People, person("Eve", stranger))
		}, stranger)},
		{"signed by nobody", draft(t, c, rename("x"))},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newTestStore(t, c, bo)
			if _, err := s.Import(t.Context(), Incoming{Drafts: []*SignedIdentity{test.draft}}); !errors.Is(err, ErrIdentityChain) {
				t.Errorf("got %v", err)
			}
			if left := mustDrafts(t, s); len(left) != 0 {
				t.Error("it was kept")
			}
		})
	}
	t.Run("of another version", func(t *testing.T) {
		s := newTestStore(t, c, bo)
		longer := nextIdentity(t, c, rename("y"), ana, bo)
		mustImport(t, s, Incoming{Identities: longer.Versions()})
		old := draft(t, c, rename("x"), ana)
		if r := mustImport(t, s, Incoming{Drafts: []*SignedIdentity{old}}); r.Drafts != 0 {
			t.Errorf("report %+v", r)
		}
		if _, err := s.Amend(t.Context(), old); !errors.Is(err, ErrIdentityChain) {
			t.Errorf("amending: %v", err)
		}
	})
}

// One maintainer cannot fill the room that the others need.
func TestDraftsAreBounded(t *testing.T) {
	ana, bo, c, _, s := pair(t)
	var many []*SignedIdentity
	for _, name := range []string{"a", "b", "c", "d"} {
		many = append(many, draft(t, c, rename(name), ana))
	}
	mustImport(t, s, Incoming{Drafts: many})
	if kept := mustDrafts(t, s); len(kept) != maxSolo {
		t.Errorf("%d drafts of one person are kept", len(kept))
	}
	if _, err := s.Amend(t.Context(), draft(t, c, rename("e"), ana)); !errors.Is(err, ErrDrafts) {
		t.Errorf("one more: %v", err)
	}
	if done, err := s.Amend(t.Context(), draft(t, c, rename("mine"), bo)); err != nil || done {
		t.Errorf("the other's: %v, %v", done, err)
	}
	// What has enough signatures needs no room.
	if done, err := s.Amend(t.Context(), draft(t, c, rename("f"), ana, bo)); err != nil || !done {
		t.Errorf("one that is complete: %v, %v", done, err)
	}
}

func TestDeclinedDraftStaysAway(t *testing.T) {
	ana, bo, c, _, s := pair(t)
	d := draft(t, c, rename("x"), ana)
	mustImport(t, s, Incoming{Drafts: []*SignedIdentity{d}})
	if err := s.Decline(t.Context(), d.ID()); err != nil {
		t.Fatal(err)
	}
	mustImport(t, s, Incoming{Drafts: []*SignedIdentity{d}})
	if left := mustDrafts(t, s); len(left) != 0 {
		t.Error("it came back")
	}
	if err := s.Decline(t.Context(), d.ID()); err == nil {
		t.Error("it was declined twice")
	}
	both, err := d.Sign(bo)
	if err != nil {
		t.Fatal(err)
	}
	if done, err := s.Amend(t.Context(), both); err != nil || !done {
		t.Errorf("enough have signed it nevertheless: %v, %v", done, err)
	}
}

// A device that gets a new key goes on in a new log that says the same.
func TestNewKeyGoesOnInANewLog(t *testing.T) {
	old, renewed := testKey(1), testKey(2)
	c := soloChain(t, old)
	dir := newTestStore(t, c, old).disk.dir
	s, err := Open(t.Context(), dir, options(old, ""))
	if err != nil {
		t.Fatal(err)
	}
	said := mustUpdate(t, s, move("", "a"))
	next := draft(t, c, func(id *Identity) {
		id.People[0].Devices[0].Key = renewed.PeerID()
		id.Closed = []Closing{{said.Statement().Log, said.Statement().Seq, said.ID()}}
	}, old, renewed)
	if s, err = Open(t.Context(), dir, options(renewed, "")); err != nil {
		t.Fatal(err)
	}
	if done, err := s.Amend(t.Context(), next); err != nil || !done {
		t.Fatalf("%v, %v", done, err)
	}
	v := mustView(t, s)
	log, head := v.Own()
	if log.Signer != renewed.PeerID() || head == nil || head.Statement().Refs["heads/main"] != target("a") {
		t.Errorf("the new key's log: %v %v", log, head)
	}
	got, err := v.Canonical("heads/main", nil)
	if err != nil || got.State != Agreed || got.Target != target("a") {
		t.Errorf("heads/main is %v (%v)", got, err)
	}
}

// A journal that never heard of a log that has statements was lost, or is
// another computer's: the device does not go on in that log.
func TestLostJournalStartsANewLog(t *testing.T) {
	k := testKey(1)
	dir := newTestStore(t, soloChain(t, k), k).disk.dir
	s, err := Open(t.Context(), dir, options(k, t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	first := mustUpdate(t, s, move("", "a"))
	if s, err = Open(t.Context(), dir, options(k, t.TempDir())); err != nil {
		t.Fatal(err)
	}
	second := mustUpdate(t, s, move("a", "b"))
	if first.Statement().Log == second.Statement().Log {
		t.Error("it went on in the old log")
	}
}
