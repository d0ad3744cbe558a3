package refs

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
)

func mustForks(t *testing.T, s *Store) []Fork {
	t.Helper()
	forks, err := s.Forks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return forks
}

// Two next versions that enough have signed: the one that was known first is
// followed, the other is kept as proof, whichever way it comes, and settled by a person.
func TestIdentityFork(t *testing.T) {
	ana, bo, c, s, _ := pair(t)
	ours, theirs := draft(t, c, rename("ours"), ana, bo), draft(t, c, rename("theirs"), ana, bo)
	mustImport(t, s, Incoming{Identities: []*SignedIdentity{ours}})
	for _, rival := range []struct {
		name string
		v    *SignedIdentity
		want error
	}{
		{"too few have signed it", draft(t, c, rename("short"), ana), ErrThreshold},
		{"a stranger has signed it", draft(t, c, rename("stranger"), ana, bo, testKey(9)), ErrIdentityChain},
	} {
		_, err := s.Import(t.Context(), Incoming{Identities: []*SignedIdentity{rival.v}})
		if !errors.Is(err, rival.want) || errors.Is(err, ErrIdentityFork) {
			t.Errorf("%s: %v", rival.name, err)
		}
		mustImport(t, s, Incoming{Drafts: []*SignedIdentity{rival.v}})
	}
	if forks := mustForks(t, s); len(forks) != 0 {
		t.Fatalf("forgeries were taken for a fork: %v", forks)
	}

	_, err := s.Import(t.Context(), Incoming{Identities: []*SignedIdentity{theirs}})
	var fork *ForkError
	if !errors.As(err, &fork) || !errors.Is(err, ErrIdentityFork) || fork.Known.ID() != ours.ID() || fork.Other.ID() != theirs.ID() {
		t.Fatalf("%v", err)
	}
	if forks := mustForks(t, s); len(forks) != 1 || forks[0].ID() != theirs.ID() || forks[0].Settled {
		t.Fatalf("kept: %v", forks)
	}
	if chain, err := s.Chain(); err != nil || chain.CurrentID() != ours.ID() {
		t.Errorf("the other history is followed: %v", err)
	}
	if problems := s.Check(t.Context()); problems != nil {
		t.Error(problems)
	}

	// Who follows the one hands on the other in the place of a draft.
	other := newTestStore(t, c, testKey(31))
	r := mustImport(t, other, Incoming{Identities: []*SignedIdentity{ours}, Drafts: []*SignedIdentity{theirs}})
	if len(r.Forks) != 1 || len(mustForks(t, other)) != 1 {
		t.Errorf("report %+v", r)
	}
	if r := mustImport(t, other, Incoming{Drafts: []*SignedIdentity{theirs}}); len(r.Forks) != 0 {
		t.Errorf("it is new twice: %+v", r)
	}

	if err := s.Decline(t.Context(), theirs.ID()); err != nil {
		t.Fatal(err)
	}
	if forks := mustForks(t, s); len(forks) != 1 || !forks[0].Settled {
		t.Errorf("after it was settled: %v", forks)
	}
	for i := range maxForks {
		mustImport(t, s, Incoming{Drafts: []*SignedIdentity{draft(t, c, rename(fmt.Sprint("further ", i)), ana, bo)}})
	}
	if n := len(mustForks(t, s)); n != maxForks {
		t.Errorf("%d proofs are kept, expected %d", n, maxForks)
	}
}

// Of two drafts that are complete at once one is followed, and the other tells of the fork.
func TestTwoCompleteDraftsAreAFork(t *testing.T) {
	ana, bo, c, s, _ := pair(t)
	r := mustImport(t, s, Incoming{Drafts: []*SignedIdentity{draft(t, c, rename("one"), ana, bo), draft(t, c, rename("two"), ana, bo)}})
	if r.Identities != 1 || len(r.Forks) != 1 {
		t.Errorf("report %+v", r)
	}
}

// A folder that was put back from a backup does not lead its device to sign a second
// version of a number, unless its owner says that the first one is lost.
func TestRestoredFolderSignsNoSecondVersion(t *testing.T) {
	k, journal := testKey(1), t.TempDir()
	dir := filepath.Join(t.TempDir(), "refs")
	s, err := Create(t.Context(), dir, soloChain(t, k), options(k, journal))
	if err != nil {
		t.Fatal(err)
	}
	backup := copyFolder(t, dir)
	change := func(s *Store, name string) (*SignedIdentity, error) {
		chain, err := s.Chain()
		if err != nil {
			t.Fatal(err)
		}
		v := draft(t, chain, rename(name), k)
		_, err = s.Amend(t.Context(), v)
		return v, err
	}
	two, err := change(s, "two")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := change(s, "three"); err != nil {
		t.Fatal(err)
	}
	old, err := Open(t.Context(), backup, options(k, journal))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := change(old, "another two"); !errors.Is(err, ErrSignedOther) {
		t.Fatalf("%v", err)
	}
	mustImport(t, old, Incoming{Identities: []*SignedIdentity{two}})
	_, err = change(old, "another three")
	lost, lostErr := old.LostVersion(t.Context())
	if !errors.Is(err, ErrSignedOther) || lostErr != nil || lost.IsZero() {
		t.Fatalf("%v, %s, %v", err, lost, lostErr)
	}
	if err := old.Decline(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	if _, err := change(old, "the only three"); err != nil {
		t.Error(err)
	}
}
