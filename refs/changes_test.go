package refs

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// hears fails unless something is told on the channel.
func hears(t *testing.T, ch <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(20 * time.Second):
		t.Fatalf("nobody was told of %s", what)
	}
}

// newStatement returns one of a device that the store does not know yet.
func newStatement(t *testing.T, c *Chain, seed byte) *SignedStatement {
	t.Helper()
	k := testKey(seed)
	s, err := SignStatement(&Statement{
		Dataset: c.Dataset(), IdentityVersion: c.Len(), Identity: c.CurrentID(), Log: LogID{k.PeerID(), CopyID{seed}}, Seq: 1, Time: testTime.Unix(),
	}, k)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Whoever listens is told of what another Store of the same folder, as another
// process would have, writes of each kind: by the system's events, and without them.
func TestChangesAreToldOf(t *testing.T) {
	ana, ben := testKey(1), testKey(2)
	for _, events := range []bool{true, false} {
		chain := mustChain(t, mustSign(t, firstIdentity(1, person("Ana", ana)), ana))
		dir := t.TempDir()
		writer, err := Create(t.Context(), dir, chain, &Options{Key: ana})
		if err != nil {
			t.Fatal(err)
		}
		for _, write := range []struct {
			what string
			in   func() Incoming
		}{
			{"a statement", func() Incoming { return Incoming{Statements: []*SignedStatement{newStatement(t, chain, 8)}} }},
			{"another statement", func() Incoming { return Incoming{Statements: []*SignedStatement{newStatement(t, chain, 9)}} }},
			{"a version of the identity", func() Incoming {
				chain = nextIdentity(t, chain, func(id *Identity) { id.Name = "Moths" }, ana)
				return Incoming{Identities: chain.Versions()}
			}},
			{"a draft, the first of its folder", func() Incoming {
				draft, err := chain.Current().Next(testTime)
				if err != nil {
					t.Fatal(err)
				}
				draft.People = append(draft.People, person("Ben", ben))
				draft.Threshold = 2
				return Incoming{Drafts: []*SignedIdentity{mustSign(t, draft, ana)}}
			}},
		} {
			ctx, cancel := context.WithCancel(t.Context())
			told, done := listen(ctx, t, writer.disk, events)
			if _, err := writer.Import(ctx, write.in()); err != nil {
				t.Fatal(err)
			}
			hears(t, told, write.what)
			cancel()
			<-done
		}
	}
}

// listen is told of what changes in a folder from now on, which has rested so far.
func listen(ctx context.Context, t *testing.T, d disk, events bool) (told, done chan struct{}) {
	t.Helper()
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{".", identityDir, logsDir, proofsDir, draftsDir} {
		if err := os.Chtimes(d.path(name), old, old); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	l := newLookout(d)
	if l.events == nil && events {
		t.Skip("this system gives no events")
	}
	if !events && l.events != nil {
		l.events.Close()
		l.events = nil
	}
	told, done = make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(done)
		l.run(ctx, func() {
			select {
			case told <- struct{}{}:
			default:
			}
		})
	}()
	return told, done
}

// All who listen are told, and nobody looks when nobody listens.
func TestChangesForSeveral(t *testing.T) {
	ana := testKey(1)
	chain := mustChain(t, mustSign(t, firstIdentity(1, person("Ana", ana)), ana))
	s, err := Create(t.Context(), t.TempDir(), chain, &Options{Key: ana})
	if err != nil {
		t.Fatal(err)
	}
	for round := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		first, second := s.Changes(ctx), s.Changes(ctx)
		own, err := s.Own(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Update(ctx, Change{"heads/main", own["heads/main"], target(string(rune('a' + round)))}); err != nil {
			t.Fatal(err)
		}
		hears(t, first, "it")
		hears(t, second, "it, too")
		cancel()
		for deadline := time.Now().Add(20 * time.Second); ; {
			s.changes.mu.Lock()
			n := len(s.changes.listeners)
			s.changes.mu.Unlock()
			if n == 0 {
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("somebody still listens")
			}
		}
	}
}

// A folder whose times are coarse is looked at once more, and one that rests is left.
func TestLookingAtCoarseTimes(t *testing.T) {
	dir := t.TempDir()
	l := &lookout{folders: []string{dir, filepath.Join(dir, "missing")}}
	at := time.Unix(1_700_000_000, 0)
	set := func() {
		t.Helper()
		if err := os.Chtimes(dir, at, at); err != nil {
			t.Fatal(err)
		}
	}
	set()
	l.look(at.Add(time.Second))
	set() // written to again, in the same second
	for i, want := range []bool{true, false, false} {
		if got := l.look(at.Add(time.Duration(3*(i+1)) * time.Second)); got != want {
			t.Errorf("look %d: %t", i, got)
		}
	}
	at = at.Add(500 * time.Millisecond)
	set()
	if !l.look(at.Add(time.Hour)) || l.look(at.Add(2*time.Hour)) {
		t.Error("a change was missed, or seen twice")
	}
}
