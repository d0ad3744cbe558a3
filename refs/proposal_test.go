package refs

import (
	"context"
	"errors"
	"testing"

	"github.com/constl/constl/object"
)

// mustSay signs all that a log beside the copy's own says.
func mustSay(t *testing.T, s *Store, log LogID, refs map[Name]object.ID) *SignedStatement {
	t.Helper()
	st, err := s.Say(context.Background(), log, refs)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestProposalOf(t *testing.T) {
	tag := target("tag")
	for _, test := range []struct {
		refs   map[Name]object.ID
		branch Name
	}{
		{map[Name]object.ID{"proposals/main": tag}, "heads/main"},
		{map[Name]object.ID{"proposals/survey/2026": tag}, "heads/survey/2026"},
		{map[Name]object.ID{"proposals/main": tag, "proposals/other": tag}, ""},
		{map[Name]object.ID{"proposals/main": tag, "heads/main": tag}, ""},
		{map[Name]object.ID{"heads/proposals/main": tag}, ""},
		{map[Name]object.ID{"answers/main": tag}, ""},
		{nil, ""},
	} {
		p, ok := ProposalOf(&Statement{Seq: 7, Refs: test.refs})
		if ok != (test.branch != "") || p.Branch != test.branch || ok && (p.Tag != tag || p.Seq != 7) {
			t.Errorf("%v: %v, %v", test.refs, p, ok)
		}
	}
}

// What is said aside changes nothing of where the copy stands, and goes on in a log
// of its own for as long as the device may.
func TestSay(t *testing.T) {
	key, journal := testKey(1), t.TempDir()
	chain := soloChain(t, key)
	s, err := Create(t.Context(), t.TempDir()+"/refs", chain, options(key, journal))
	if err != nil {
		t.Fatal(err)
	}
	mustUpdate(t, s, move("", "a"))
	first := mustSay(t, s, LogID{}, map[Name]object.ID{"proposals/main": target("1")})
	second := mustSay(t, s, first.statement.Log, map[Name]object.ID{"proposals/main": target("2")})
	if second.statement.Log != first.statement.Log || second.statement.Seq != 2 || second.statement.Previous != first.id {
		t.Errorf("the second is %+v", second.statement)
	}
	own, err := s.Own(t.Context())
	if err != nil || len(own) != 1 || own["heads/main"] != target("a") {
		t.Errorf("the copy's own refs are %v, %v", own, err)
	}
	view, err := s.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if log, _ := view.Own(); log == first.statement.Log {
		t.Error("the copy's own log is the one aside")
	} else if st := mustSay(t, s, log, nil); st.statement.Log == log {
		t.Error("something aside was said in the copy's own log")
	}
	// A folder that was put back from a backup has not heard of the second.
	if err := s.writeRun(first.statement.Log, run{first}); err != nil {
		t.Fatal(err)
	}
	if st := mustSay(t, s, first.statement.Log, map[Name]object.ID{"proposals/main": target("3")}); st.statement.Log == first.statement.Log {
		t.Error("one number was signed twice")
	}
	unsigned, err := Open(t.Context(), s.disk.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := unsigned.Say(t.Context(), LogID{}, nil); !errors.Is(err, ErrNoKey) {
		t.Errorf("without a key: %v", err)
	}
	if err := s.Forget(t.Context(), first.statement.Log, second.statement.Log); err != nil {
		t.Error(err)
	}
	if _, err := s.Statements(t.Context(), first.statement.Log, 0); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("a forgotten log: %v", err)
	}
	if problems := s.Check(t.Context()); len(problems) > 0 {
		t.Error(problems)
	}
}

// A proposal is shown to who made it and who decides, until it is answered by
// somebody whose word counts; the copy's own log cannot be forgotten.
func TestWhoIsShownAProposal(t *testing.T) {
	ana, ben, eve := testKey(1), testKey(2), testKey(3)
	first := firstIdentity(1, person("Ana", ana), Person{Name: "Ben", Role: Contributor, Devices: []Device{{Key: ben.PeerID()}}})
	chain := mustChain(t, mustSign(t, first, ana))
	strangers := newTestStore(t, chain, eve)
	proposed := mustSay(t, strangers, LogID{}, map[Name]object.ID{"proposals/main": target("tag")})
	p, _ := ProposalOf(proposed.statement)
	answers := map[Name]object.ID{p.Answer(): target("answer")}
	bens := mustSay(t, newTestStore(t, chain, ben), LogID{}, answers)

	s := newTestStore(t, chain, ana)
	own := mustUpdate(t, s, move("", "a"))
	if _, err := s.Import(t.Context(), Incoming{Statements: []*SignedStatement{proposed, bens}}); err != nil {
		t.Fatal(err)
	}
	check := func(want map[PeerID]bool) {
		t.Helper()
		view, err := s.View(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if list := view.Proposals(); len(list) != 1 || list[0] != p {
			t.Errorf("proposals: %v", list)
		}
		for peer, shown := range want {
			if view.Shows(proposed, peer) != shown {
				t.Errorf("%s is shown it: %v", peer.Short(), !shown)
			}
			if !view.Shows(own, peer) {
				t.Errorf("%s is not shown a branch", peer.Short())
			}
		}
	}
	check(map[PeerID]bool{ana.PeerID(): true, ben.PeerID(): false, eve.PeerID(): true, testKey(9).PeerID(): false})
	mustSay(t, s, LogID{}, answers)
	check(map[PeerID]bool{ana.PeerID(): false, ben.PeerID(): false, eve.PeerID(): true})
	if err := s.Forget(t.Context(), own.statement.Log); err != nil {
		t.Error(err)
	}
	if refs, err := s.Own(t.Context()); err != nil || len(refs) != 1 {
		t.Errorf("the copy forgot its own refs: %v, %v", refs, err)
	}
}
