package refs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/google/go-cmp/cmp"
)

func TestCreateAndOpen(t *testing.T) {
	ctx, k := context.Background(), testKey(1)
	c := soloChain(t, k)
	dir := filepath.Join(t.TempDir(), "refs")
	if _, err := Open(ctx, dir, nil); !errors.Is(err, ErrNotStore) {
		t.Errorf("before Create: %v", err)
	}
	s, err := Create(ctx, dir, c, options(k, ""))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Create(ctx, dir, c, options(k, "")); !errors.Is(err, ErrExists) {
		t.Errorf("Create twice: %v", err)
	}
	own, err := s.Own(ctx)
	if err != nil || len(own) != 0 {
		t.Errorf("own refs of a new store: %v, %v", own, err)
	}
	st := mustUpdate(t, s, move("", "a"))
	reader, err := Open(ctx, dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if own, err = reader.Own(ctx); err != nil || own["heads/main"] != target("a") {
		t.Errorf("own refs: %v, %v", own, err)
	}
	if _, err := reader.Update(ctx, move("a", "b")); !errors.Is(err, ErrNoKey) {
		t.Errorf("Update without a key: %v", err)
	}
	log, head := mustView(t, reader).Own()
	if head.ID() != st.ID() || log != st.Statement().Log {
		t.Error("another head than the one that was signed")
	}
	if problems := reader.Check(ctx); problems != nil {
		t.Error(problems)
	}
}

func TestOpenRefusesANewerStore(t *testing.T) {
	s := newTestStore(t, soloChain(t, testKey(1)), testKey(1))
	for text, want := range map[string]error{"constl refs 2\n": ErrNewerFormat, "x": object.ErrCorrupt} {
		if err := os.WriteFile(s.disk.path(formatFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(context.Background(), s.disk.dir, nil); !errors.Is(err, want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestUpdate(t *testing.T) {
	ctx, k := context.Background(), testKey(1)
	s := newTestStore(t, soloChain(t, k), k)
	one := mustUpdate(t, s, move("", "a"), Change{Name: "tags/v1", New: target("t")})
	two := mustUpdate(t, s, move("a", "b"), Change{Name: "tags/v1", Old: target("t")})
	if two.Statement().Seq != 2 || two.Statement().Previous != one.ID() || two.Statement().Time != testTime.Unix() {
		t.Errorf("second statement: %+v", two.Statement())
	}
	want := map[Name]object.ID{"heads/main": target("b")}
	if own, err := s.Own(ctx); err != nil || !cmp.Equal(own, want) {
		t.Errorf("own refs: %v, %v", own, err)
	}
	if same := mustUpdate(t, s, move("b", "b")); same.ID() != two.ID() {
		t.Error("a change of nothing made a statement")
	}
	_, err := s.Update(ctx, Change{Name: "heads/x", New: target("x")}, move("a", "c"))
	var conflict *ConflictError
	if !errors.Is(err, ErrConflict) || !errors.As(err, &conflict) || conflict.Found != target("b") || conflict.Expected != target("a") {
		t.Errorf("old value: %v", err)
	}
	for _, c := range []Change{move("", "c"), {Name: "heads/x", Old: target("x"), New: target("y")}} {
		if _, err := s.Update(ctx, c); !errors.Is(err, ErrConflict) {
			t.Errorf("%v: %v", c, err)
		}
	}
	if _, err := s.Update(ctx, Change{Name: "main", New: target("x")}); !errors.Is(err, ErrInvalidName) {
		t.Errorf("bad name: %v", err)
	}
	if own, _ := s.Own(ctx); !cmp.Equal(own, want) {
		t.Errorf("refused updates changed the refs: %v", own)
	}
	logs, err := s.Statements(ctx, two.Statement().Log, 0)
	if err != nil || len(logs) != 2 || logs[0].ID() != one.ID() {
		t.Errorf("statements: %v, %v", logs, err)
	}
	if logs, _ = s.Statements(ctx, two.Statement().Log, 1); len(logs) != 1 {
		t.Errorf("statements after 1: %v", logs)
	}
	if _, err := s.Statements(ctx, LogID{Signer: k.PeerID()}, 0); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("no such log: %v", err)
	}
}

// Of many who move one ref from the same value, one wins, whether they share a
// Store or a folder only.
func TestUpdateIsCompareAndSwap(t *testing.T) {
	ctx, k := context.Background(), testKey(1)
	first := newTestStore(t, soloChain(t, k), k)
	mustUpdate(t, first, move("", "0"))
	for round := range 5 {
		var mu sync.Mutex
		var wg sync.WaitGroup
		won := 0
		for i := range 4 {
			s := first
			if i%2 == 1 {
				var err error
				if s, err = Open(ctx, first.disk.dir, options(k, "")); err != nil {
					t.Fatal(err)
				}
			}
			wg.Go(func() {
				own, err := s.Own(ctx)
				if err != nil {
					t.Error(err)
				}
				_, err = s.Update(ctx, Change{"heads/main", target(fmt.Sprint(round)), target(fmt.Sprint(round + 1))})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won++
				} else if !errors.Is(err, ErrConflict) {
					t.Error(err, own)
				}
			})
		}
		wg.Wait()
		if won != 1 {
			t.Fatalf("%d updates won", won)
		}
	}
	if _, head := mustView(t, first).Own(); head.Statement().Seq != 6 {
		t.Errorf("the log is at %d", head.Statement().Seq)
	}
}

func TestUpdateWaitsForTheLock(t *testing.T) {
	k := testKey(1)
	s := newTestStore(t, soloChain(t, k), k)
	unlock, err := s.disk.lock(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	if _, err := s.Update(ctx, move("", "a")); !errors.Is(err, ErrLocked) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("while locked: %v", err)
	}
	unlock()
	mustUpdate(t, s, move("", "a"))
}

// A folder that was copied and a folder that was restored must not sign a second
// story under numbers that are used up.
func TestCopiedAndRestoredFoldersStartANewLog(t *testing.T) {
	ctx, k, journal := context.Background(), testKey(1), t.TempDir()
	dir := filepath.Join(t.TempDir(), "refs")
	s, err := Create(ctx, dir, soloChain(t, k), options(k, journal))
	if err != nil {
		t.Fatal(err)
	}
	one := mustUpdate(t, s, move("", "a"), Change{Name: "tags/v1", New: target("t")})
	copied, err := Open(ctx, copyFolder(t, dir), options(k, journal))
	if err != nil {
		t.Fatal(err)
	}
	two := mustUpdate(t, s, move("a", "b"))
	if two.Statement().Log != one.Statement().Log || two.Statement().Seq != 2 {
		t.Errorf("the first to go on should go on in its log: %+v", two.Statement())
	}
	other := mustUpdate(t, copied, move("a", "c"))
	if other.Statement().Log == one.Statement().Log {
		t.Fatal("the copy went on in the same log")
	}
	if other.Statement().Refs["tags/v1"] != target("t") {
		t.Error("the copy lost its refs")
	}
	again := mustUpdate(t, copied, move("c", "d"))
	if again.Statement().Log != other.Statement().Log || again.Statement().Previous != other.ID() {
		t.Error("the copy does not go on in its new log")
	}
	if r := mustImport(t, s, Incoming{Statements: headsOf(t, copied)}); len(r.Equivocations) > 0 {
		t.Error("the two copies contradict each other")
	}
}

// A backup that has the folder and the device's memory of what it signed agrees with
// itself. The memory knows that it is a copy.
func TestRestoredFolderAndJournalStartANewLog(t *testing.T) {
	ctx, k, journal := context.Background(), testKey(1), t.TempDir()
	dir := filepath.Join(t.TempDir(), "refs")
	s, err := Create(ctx, dir, soloChain(t, k), options(k, journal))
	if err != nil {
		t.Fatal(err)
	}
	restored := func(s *Store) bool {
		t.Helper()
		doubt, err := s.Restored(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return doubt
	}
	if restored(s) {
		t.Error("a new copy takes itself for an old one")
	}
	one := mustUpdate(t, s, move("", "a"))
	backup, memory, asking := copyFolder(t, dir), copyFolder(t, journal), copyFolder(t, dir)
	two := mustUpdate(t, s, move("a", "b"))
	if restored(s) {
		t.Error("the copy that was saved takes itself for the backup")
	}
	old, err := Open(ctx, backup, options(k, memory))
	if err != nil {
		t.Fatal(err)
	}
	if !restored(old) {
		t.Error("the backup does not know itself")
	}
	next := mustUpdate(t, old, move("a", "c"))
	if next.Statement().Log == one.Statement().Log {
		t.Fatal("the backup signed on in the log that went on without it")
	}
	if restored(old) {
		t.Error("the new log is in doubt, too")
	}
	if r := mustImport(t, s, Incoming{Statements: headsOf(t, old)}); len(r.Equivocations) > 0 {
		t.Error("the backup contradicts what was said after it was made")
	}
	// One that asks a peer first learns what it had said.
	asked, err := Open(ctx, asking, options(k, copyFolder(t, memory)))
	if err != nil {
		t.Fatal(err)
	}
	if r := mustImport(t, asked, Incoming{Statements: []*SignedStatement{two}}); !r.Restarted || restored(asked) {
		t.Errorf("report %+v", r)
	}
}

func headsOf(t testing.TB, s *Store) []*SignedStatement {
	var heads []*SignedStatement
	for _, l := range mustView(t, s).Logs() {
		heads = append(heads, l.Head)
	}
	return heads
}

// Without a journal, it is a peer who tells that the folder was restored.
func TestRestoredFolderLearnsFromAPeer(t *testing.T) {
	ctx, k := context.Background(), testKey(1)
	s := newTestStore(t, soloChain(t, k), k)
	mustUpdate(t, s, move("", "a"))
	backup := copyFolder(t, s.disk.dir)
	two := mustUpdate(t, s, move("a", "b"))
	restored, err := Open(ctx, backup, options(k, ""))
	if err != nil {
		t.Fatal(err)
	}
	report := mustImport(t, restored, Incoming{Statements: []*SignedStatement{two}})
	if !report.Restarted || len(report.New) != 1 {
		t.Errorf("report: %+v", report)
	}
	if own, _ := restored.Own(ctx); own["heads/main"] != target("a") {
		t.Error("a peer moved this copy's own refs")
	}
	next := mustUpdate(t, restored, move("a", "c"))
	if next.Statement().Log == two.Statement().Log {
		t.Error("went on in the old log")
	}
	if r := mustImport(t, s, Incoming{Statements: []*SignedStatement{next}}); len(r.Equivocations) != 0 || len(r.New) != 1 {
		t.Errorf("at the peer: %+v", r)
	}
	if r := mustImport(t, restored, Incoming{Statements: []*SignedStatement{two}}); r.Restarted || r.Ignored != 1 {
		t.Errorf("the second time: %+v", r)
	}
}

func TestDatasetMovedToAnotherDevice(t *testing.T) {
	ctx, ana, bo := context.Background(), testKey(1), testKey(2)
	s := newTestStore(t, soloChain(t, ana), ana)
	one := mustUpdate(t, s, move("", "a"))
	moved, err := Open(ctx, copyFolder(t, s.disk.dir), options(bo, ""))
	if err != nil {
		t.Fatal(err)
	}
	if own, err := moved.Own(ctx); err != nil || own["heads/main"] != target("a") {
		t.Fatalf("own refs: %v, %v", own, err)
	}
	st := mustUpdate(t, moved, move("a", "b"))
	if st.Statement().Log.Signer != bo.PeerID() || one.Statement().Log == st.Statement().Log {
		t.Error("signed in another device's log")
	}
}

func TestDamageIsFoundAndRepaired(t *testing.T) {
	ctx, ana, bo := context.Background(), testKey(1), testKey(2)
	c := soloChain(t, ana)
	s := newTestStore(t, c, bo)
	w := newWriter(t, c, ana, 1)
	one := w.say(nil, "a")
	two := w.say(one, "b")
	mustImport(t, s, Incoming{Statements: []*SignedStatement{one, two}})
	mustUpdate(t, s, move("", "mine"))
	path := s.disk.path(logsDir + "/" + w.log.String())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(whole); i += 7 {
		bad := append([]byte(nil), whole...)
		bad[i] ^= 0x10
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if problems := s.Check(ctx); len(problems) != 1 || !errors.Is(problems[0], object.ErrCorrupt) {
			t.Fatalf("byte %d: %v", i, problems)
		}
	}
	v := mustView(t, s)
	if p := v.Peer(ana.PeerID()); len(p.Logs) != 1 || p.Logs[0].Damaged == nil || p.Logs[0].Counts != nil {
		t.Errorf("view of the damaged log: %+v", p)
	}
	if _, head := v.Own(); head.Statement().Refs["heads/main"] != target("mine") {
		t.Error("damage to one log spoils another")
	}
	mustImport(t, s, Incoming{Statements: []*SignedStatement{two}})
	if problems := s.Check(ctx); problems != nil {
		t.Error(problems)
	}
}

// A file that is well formed but forged, as on a disk that came from elsewhere,
// is refused when it is read.
func TestForgedFilesAreRefused(t *testing.T) {
	ctx, ana, eve := context.Background(), testKey(1), testKey(6)
	c := soloChain(t, ana)
	s := newTestStore(t, c, eve)
	w := newWriter(t, c, ana, 1)
	forged := *w.say(nil, "a")
	forged.signature.Value[3] ^= 1
	if err := s.writeRun(w.log, run{&forged}); err != nil {
		t.Fatal(err)
	}
	l := mustView(t, s).Logs()[0]
	if !errors.Is(l.Damaged, ErrSignature) || l.Head != nil || l.Counts != nil {
		t.Errorf("forged log: %+v", l)
	}
	elsewhere := mustChain(t, mustSign(t, NewIdentity("Other", person("Ana", ana), testTime), ana))
	stray := newWriter(t, elsewhere, ana, 1)
	if err := s.writeRun(stray.log, run{stray.say(nil, "a")}); err != nil {
		t.Fatal(err)
	}
	if l := mustView(t, s).Logs()[0]; !errors.Is(l.Damaged, ErrWrongDataset) {
		t.Errorf("log of another dataset: %+v", l)
	}
	two := mustSign(t, fullIdentity(), ana)
	if err := s.disk.replaceSealed(identityFile(1), two.Encode()); err != nil {
		t.Fatal(err)
	}
	if err := s.disk.replaceSealed(identityFile(2), two.Encode()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, s.disk.dir, nil); !errors.Is(err, ErrIdentityChain) {
		t.Errorf("forged identity: %v", err)
	}
}

// Every write can be cut short at every step: the store then holds the old state
// or the new one, and work goes on.
func TestCrash(t *testing.T) {
	ctx, ana, bo := context.Background(), testKey(1), testKey(2)
	errCut := errors.New("cut")
	c := soloChain(t, ana)
	longer := nextIdentity(t, c, func(id *Identity) { id.People = append(id.People, person("Bo", bo)) }, ana, bo)
	w := newWriter(t, c, bo, 1)
	one := w.say(nil, "x")
	two, twoB := w.say(one, "y"), w.say(one, "z")
	for name, work := range map[string]func(*Store) error{
		"update": func(s *Store) error { _, err := s.Update(ctx, move("a", "b")); return err },
		"import": func(s *Store) error {
			_, err := s.Import(ctx, Incoming{Identities: longer.Versions(), Statements: []*SignedStatement{one, two, twoB}})
			return err
		},
		"restart": func(s *Store) error {
			if err := s.writeOwn(LogID{bo.PeerID(), CopyID{5}}); err != nil {
				return err
			}
			_, err := s.Update(ctx, move("", "b"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for cut := 0; ; cut++ {
				s := newTestStore(t, c, ana)
				mustUpdate(t, s, move("", "a"))
				n := 0
				s.disk.step = func(string) error {
					if n++; n > cut {
						return errCut
					}
					return nil
				}
				err := work(s)
				if err != nil && !errors.Is(err, errCut) {
					t.Fatalf("cut at %d: %v", cut, err)
				}
				after, oerr := Open(ctx, s.disk.dir, options(ana, ""))
				if oerr != nil {
					t.Fatalf("cut at %d: %v", cut, oerr)
				}
				if problems := after.Check(ctx); problems != nil {
					t.Fatalf("cut at %d: %v", cut, problems)
				}
				own, oerr := after.Own(ctx)
				if main := own["heads/main"]; oerr != nil || name != "restart" && main != target("a") && main != target("b") {
					t.Fatalf("cut at %d: own refs %v, %v", cut, own, oerr)
				}
				if _, uerr := after.Update(ctx, Change{"heads/main", own["heads/main"], target("after")}); uerr != nil {
					t.Fatalf("cut at %d: %v", cut, uerr)
				}
				if left, _ := after.disk.names(tempDir); len(left) > 0 {
					t.Fatalf("cut at %d: %v left over", cut, left)
				}
				if err == nil {
					if cut < 5 {
						t.Fatalf("%d steps only: the test cuts nothing", cut)
					}
					return
				}
			}
		})
	}
}

func TestCreateCutShortCanBeRepeated(t *testing.T) {
	ctx, k, errCut := context.Background(), testKey(1), errors.New("cut")
	dir := filepath.Join(t.TempDir(), "refs")
	other := mustChain(t, mustSign(t, NewIdentity("Other", person("Ana", k), testTime), k))
	other = nextIdentity(t, other, func(*Identity) {}, k)
	s, err := newStore(dir, options(k, ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	s.disk.step = func(step string) error {
		if strings.HasPrefix(step, "create own") {
			return errCut
		}
		return nil
	}
	if err := s.writeIdentities(other, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(ctx, dir, nil); !errors.Is(err, ErrNotStore) {
		t.Errorf("half a store: %v", err)
	}
	if _, err := Create(ctx, dir, soloChain(t, k), options(k, "")); err != nil {
		t.Fatal(err)
	}
	if s, err = Open(ctx, dir, nil); err != nil || mustView(t, s).Chain().Len() != 1 {
		t.Errorf("after the second Create: %v", err)
	}
}

// What is renamed into place was synced before, and its folder after.
func TestWritesAreDurable(t *testing.T) {
	k := testKey(1)
	s := newTestStore(t, soloChain(t, k), k)
	var steps []string
	s.disk.step = func(step string) error {
		steps = append(steps, strings.Fields(step)[0])
		return nil
	}
	mustUpdate(t, s, move("", "a"))
	if d := cmp.Diff([]string{"create", "write", "sync", "rename", "syncdir"}, steps); d != "" {
		t.Error(d)
	}
}

func BenchmarkUpdate(b *testing.B) {
	k := testKey(1)
	s, err := Create(context.Background(), b.TempDir(), soloChain(b, k), options(k, b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	last := object.ID{}
	for i := range b.N {
		next := target(fmt.Sprint(i))
		mustUpdate(b, s, Change{"heads/main", last, next})
		last = next
	}
}

func BenchmarkView(b *testing.B) {
	k := testKey(1)
	c := soloChain(b, k)
	s := newTestStore(b, c, k)
	var in Incoming
	for i := range 100 {
		w := newWriter(b, c, testKey(byte(10+i)), 1)
		var last *SignedStatement
		for j := range 50 {
			last = w.say(last, fmt.Sprint(j))
			in.Statements = append(in.Statements, last)
		}
	}
	mustImport(b, s, in)
	for b.Loop() {
		mustView(b, s)
	}
}
