package refs

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/constl/constl/object"
)

// The cases are a peer's possible lies and lapses.
func TestImportStatements(t *testing.T) {
	ana, reader := testKey(1), testKey(30)
	c := soloChain(t, ana)
	w := newWriter(t, c, ana, 1)
	one := w.say(nil, "a")
	two, twoB := w.say(one, "b"), w.say(one, "B")
	three, threeB := w.say(two, "c"), w.say(twoB, "C")
	four := w.say(three, "d")
	for name, tc := range map[string]struct {
		known, came []*SignedStatement
		gaps        bool
		head        *SignedStatement
		fresh       bool
		ignored     int
		gap         uint64
		split       bool
	}{
		"first":                 {came: list(one), head: one, fresh: true},
		"clone gets the latest": {came: list(four), head: four, fresh: true},
		"next":                  {known: list(one), came: list(two), head: two, fresh: true},
		"several, any order":    {known: list(one), came: list(four, two, three), head: four, fresh: true},
		"again":                 {known: list(one, two), came: list(two, one), head: two, ignored: 2},
		"rollback":              {known: list(three), came: list(one), head: three, ignored: 1},
		"gap":                   {known: list(one), came: list(three), head: one, gap: 3},
		"gap allowed":           {known: list(one), came: list(three), gaps: true, head: three, fresh: true},
		"two under one number":  {known: list(one, two), came: list(twoB), head: two, split: true},
		"both at once":          {known: list(one), came: list(two, twoB), head: minID(two, twoB), fresh: true, split: true},
		"other predecessor":     {known: list(one, two), came: list(threeB), head: two, split: true},
		"split in the past":     {known: list(one, two, three), came: list(twoB), head: three, split: true},
		"split before the past": {known: list(three), came: list(twoB), head: three, split: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTestStore(t, c, reader)
			if len(tc.known) > 0 {
				mustImport(t, s, Incoming{Statements: tc.known})
			}
			r := mustImport(t, s, Incoming{Statements: tc.came, AllowGaps: tc.gaps})
			if (len(r.New) == 1) != tc.fresh || r.Ignored != tc.ignored || (len(r.Equivocations) == 1) != tc.split {
				t.Errorf("report %+v", r)
			}
			if (len(r.Gaps) == 1) != (tc.gap > 0) || tc.gap > 0 && r.Gaps[0] != (Gap{w.log, one.Statement().Seq, tc.gap}) {
				t.Errorf("gaps %+v", r.Gaps)
			}
			l := mustView(t, s).Logs()[0]
			if l.Head.ID() != tc.head.ID() || l.Held != tc.split || (l.Counts == nil) != tc.split {
				t.Errorf("log at %d, held %v", l.Head.Statement().Seq, l.Held)
			}
			if problems := s.Check(context.Background()); problems != nil {
				t.Error(problems)
			}
		})
	}
}

func list(s ...*SignedStatement) []*SignedStatement { return s }

func minID(a, b *SignedStatement) *SignedStatement {
	if a.ID().Compare(b.ID()) < 0 {
		return a
	}
	return b
}

func TestImportRefusesWhatIsNotOfThisDataset(t *testing.T) {
	ctx, ana := context.Background(), testKey(1)
	c := soloChain(t, ana)
	elsewhere := mustChain(t, mustSign(t, NewIdentity("Other", person("Ana", ana), testTime), ana))
	longer := nextIdentity(t, c, func(id *Identity) { id.Name = "New" }, ana)
	fork := nextIdentity(t, c, func(id *Identity) { id.Name = "Fork" }, ana)
	s := newTestStore(t, c, ana)
	good := newWriter(t, c, testKey(5), 1).say(nil, "a")
	stray := newWriter(t, elsewhere, ana, 1)
	strayOne := stray.say(nil, "a")
	proof, err := NewEquivocation(strayOne, stray.say(nil, "b"))
	if err != nil {
		t.Fatal(err)
	}
	underNew := newWriter(t, longer, ana, 2).say(nil, "a")
	for name, tc := range map[string]struct {
		in   Incoming
		want error
	}{
		"statement of another dataset": {Incoming{Statements: list(good, strayOne)}, ErrWrongDataset},
		"identity of another dataset":  {Incoming{Identities: elsewhere.Versions()}, ErrWrongDataset},
		"proof of another dataset":     {Incoming{Equivocations: []Equivocation{proof}}, ErrWrongDataset},
		"unknown version":              {Incoming{Statements: list(underNew)}, ErrUnknownIdentity},
		"version of a fork":            {Incoming{Identities: fork.Versions(), Statements: list(underNew)}, ErrWrongIdentity},
		"unsigned version":             {Incoming{Identities: []*SignedIdentity{mustSign(t, longer.Current())}, Statements: list(good)}, ErrThreshold},
	} {
		if _, err := s.Import(ctx, tc.in); !errors.Is(err, tc.want) {
			t.Errorf("%s: %v", name, err)
		}
		if v := mustView(t, s); len(v.Logs()) != 0 || v.Chain().Len() != 1 {
			t.Errorf("%s: something was stored", name)
		}
	}
	// Versions may come in any order, and with those that are known.
	newest := nextIdentity(t, longer, func(*Identity) {}, ana)
	versions := newest.Versions()
	slices.Reverse(versions)
	if r := mustImport(t, s, Incoming{Identities: versions, Statements: list(underNew)}); r.Identities != 2 || len(r.New) != 1 {
		t.Errorf("report %+v", r)
	}
	if _, err := s.Import(ctx, Incoming{Identities: fork.Versions()}); !errors.Is(err, ErrIdentityFork) {
		t.Errorf("fork of the identity: %v", err)
	}
	reopened, err := Open(ctx, s.disk.dir, nil)
	if err != nil || mustView(t, reopened).Chain().CurrentID() != newest.CurrentID() {
		t.Errorf("reopened: %v", err)
	}
}

func TestOpenStoresSeeEachOthersIdentities(t *testing.T) {
	ana := testKey(1)
	c := soloChain(t, ana)
	s := newTestStore(t, c, ana)
	other, err := Open(context.Background(), s.disk.dir, options(ana, ""))
	if err != nil {
		t.Fatal(err)
	}
	longer := nextIdentity(t, c, func(id *Identity) { id.Name = "New" }, ana)
	mustImport(t, s, Incoming{Identities: longer.Versions()})
	if st := mustUpdate(t, other, move("", "a")); st.Statement().IdentityVersion != 2 || st.Statement().Identity != longer.CurrentID() {
		t.Error("signed under an old identity")
	}
}

func TestEquivocationTravelsAndIsSettled(t *testing.T) {
	ana, bo, reader := testKey(1), testKey(2), testKey(30)
	c := mustChain(t, mustSign(t, firstIdentity(1, person("Ana", ana), person("Bo", bo)), ana))
	w := newWriter(t, c, bo, 1)
	one := w.say(nil, "a")
	two, twoB := w.say(one, "b"), w.say(one, "c")
	proof, err := NewEquivocation(two, twoB)
	if err != nil {
		t.Fatal(err)
	}
	for _, chosen := range []*SignedStatement{two, twoB} {
		s := newTestStore(t, c, reader)
		mustImport(t, s, Incoming{Statements: list(one, two)})
		if r := mustImport(t, s, Incoming{Equivocations: []Equivocation{proof}}); len(r.Equivocations) != 1 {
			t.Fatalf("report %+v", r)
		}
		if r := mustImport(t, s, Incoming{Equivocations: []Equivocation{proof}}); len(r.Equivocations) != 0 {
			t.Errorf("the second time: %+v", r)
		}
		v := mustView(t, s)
		if got := v.Equivocations(); len(got) != 1 || got[0].Log() != w.log {
			t.Errorf("proofs to pass on: %v", got)
		}
		if can := canonical(t, v, "heads/main", nil); can.State != Absent {
			t.Errorf("a split log has a voice: %+v", can)
		}
		settled := nextIdentity(t, c, func(id *Identity) {
			id.Closed = []Closing{{Log: w.log, Seq: 2, Statement: chosen.ID()}}
		}, ana)
		mustImport(t, s, Incoming{Identities: settled.Versions()})
		want := chosen.Statement().Refs["heads/main"]
		for range 2 {
			v = mustView(t, s)
			if can := canonical(t, v, "heads/main", nil); v.Logs()[0].Held || can.State != Agreed || can.Target != want {
				t.Errorf("after it was settled: %+v", can)
			}
			later := newWriter(t, settled, bo, 1).say(chosen, "later")
			mustImport(t, s, Incoming{Statements: list(chosen, later)})
		}
	}
}

func TestClosedLogs(t *testing.T) {
	ana, bo, reader := testKey(1), testKey(2), testKey(30)
	c := mustChain(t, mustSign(t, firstIdentity(1, person("Ana", ana), person("Bo", bo)), ana))
	w := newWriter(t, c, bo, 1)
	one := w.say(nil, "a")
	two := w.say(one, "b")
	three := w.say(two, "c")
	for name, tc := range map[string]struct {
		end  Closing
		want *SignedStatement
	}{
		"before its end":     {Closing{w.log, 2, two.ID()}, two},
		"at its end":         {Closing{w.log, 3, three.ID()}, three},
		"altogether":         {Closing{Log: w.log}, nil},
		"at something other": {Closing{w.log, 2, target("x")}, nil},
		"later than known":   {Closing{w.log, 9, target("x")}, three},
	} {
		s := newTestStore(t, c, reader)
		mustImport(t, s, Incoming{Statements: list(one, two, three)})
		closed := nextIdentity(t, c, func(id *Identity) { id.Closed = []Closing{tc.end} }, ana)
		mustImport(t, s, Incoming{Identities: closed.Versions()})
		if l := mustView(t, s).Logs()[0]; l.Counts != tc.want && (l.Counts == nil || tc.want == nil || l.Counts.ID() != tc.want.ID()) {
			t.Errorf("%s: %+v", name, l)
		}
	}
	// The device itself goes on in a new log, with its refs.
	s := newTestStore(t, c, bo)
	own := mustUpdate(t, s, move("", "mine"))
	closed := nextIdentity(t, c, func(id *Identity) {
		id.Closed = []Closing{{own.Statement().Log, 1, own.ID()}}
	}, ana)
	mustImport(t, s, Incoming{Identities: closed.Versions()})
	if next := mustUpdate(t, s, move("mine", "next")); next.Statement().Log == own.Statement().Log {
		t.Error("went on in a closed log")
	}
}

func TestOwnSplitLogIsLeft(t *testing.T) {
	k := testKey(1)
	s := newTestStore(t, soloChain(t, k), k)
	one := mustUpdate(t, s, move("", "a"))
	twin := *one.Statement()
	twin.Refs = map[Name]object.ID{"heads/main": target("twin")}
	other, err := SignStatement(&twin, k)
	if err != nil {
		t.Fatal(err)
	}
	if r := mustImport(t, s, Incoming{Statements: list(other)}); len(r.Equivocations) != 1 {
		t.Fatalf("report %+v", r)
	}
	next := mustUpdate(t, s, move("a", "b"))
	if next.Statement().Log == one.Statement().Log {
		t.Error("went on in a split log")
	}
	// Whoever has the key signed in two places: the device has no voice until the
	// maintainers settle that, and then all that it says counts.
	if can := canonical(t, mustView(t, s), "heads/main", nil); can.State != Absent {
		t.Errorf("after it was left: %+v", can)
	}
	chain, err := s.Chain()
	if err != nil {
		t.Fatal(err)
	}
	settled := nextIdentity(t, chain, func(id *Identity) { id.Closed = []Closing{{Log: one.Statement().Log}} }, k)
	mustImport(t, s, Incoming{Identities: settled.Versions()})
	if can := canonical(t, mustView(t, s), "heads/main", nil); can.State != Agreed || can.Target != target("b") {
		t.Errorf("after it was settled: %+v", can)
	}
}

func TestStrangersAreBounded(t *testing.T) {
	ana := testKey(1)
	c := soloChain(t, ana)
	opts := options(testKey(30), "")
	opts.MaxStrangers = 3
	s, err := Create(context.Background(), t.TempDir(), c, opts)
	if err != nil {
		t.Fatal(err)
	}
	var in Incoming
	for i := range 5 {
		in.Statements = append(in.Statements, newWriter(t, c, testKey(byte(40+i)), 1).say(nil, "a"))
	}
	in.Statements = append(in.Statements, newWriter(t, c, ana, 1).say(nil, "a"))
	r := mustImport(t, s, in)
	if len(r.Refused) != 2 || len(r.New) != 4 {
		t.Errorf("report %+v", r)
	}
	if v := mustView(t, s); len(v.Peer(ana.PeerID()).Logs) != 1 {
		t.Error("strangers crowd out a maintainer")
	}
	// Those who are in may go on.
	known := r.New[slices.IndexFunc(r.New, func(l LogID) bool { return l.Signer != ana.PeerID() })]
	for i := range 5 {
		if k := testKey(byte(40 + i)); k.PeerID() == known.Signer {
			w := newWriter(t, c, k, 1)
			if r := mustImport(t, s, Incoming{Statements: list(w.say(w.say(nil, "a"), "b"))}); len(r.New) != 1 {
				t.Errorf("report %+v", r)
			}
		}
	}
	var many Incoming
	for i := range maxLogsPerSigner + 1 {
		w := newWriter(t, c, ana, 0)
		w.log.Copy = CopyID{1: byte(i), 2: byte(i >> 8), 3: 1}
		many.Statements = append(many.Statements, w.say(nil, "a"))
	}
	if r := mustImport(t, s, many); len(r.Refused) != 2 {
		t.Errorf("%d logs of one device left out", len(r.Refused))
	}
}

// Whoever knows the wrong branch of a split log only, takes the one that the
// maintainers chose, and nothing further from either.
func TestClosedLogTakesTheChosenBranch(t *testing.T) {
	ana, bo := testKey(1), testKey(2)
	c := mustChain(t, mustSign(t, firstIdentity(1, person("Ana", ana), person("Bo", bo)), ana))
	w := newWriter(t, c, bo, 1)
	one := w.say(nil, "a")
	two, twoB := w.say(one, "b"), w.say(one, "B")
	threeB := w.say(twoB, "C")
	s := newTestStore(t, c, testKey(30))
	mustImport(t, s, Incoming{Statements: list(one, twoB, threeB)})
	closed := nextIdentity(t, c, func(id *Identity) { id.Closed = []Closing{{w.log, 2, two.ID()}} }, ana)
	r := mustImport(t, s, Incoming{Identities: closed.Versions(), Statements: list(two, twoB, w.say(two, "c"), w.say(threeB, "D"))})
	if len(r.New) != 1 || r.Ignored != 3 || len(r.Equivocations) != 0 {
		t.Errorf("report %+v", r)
	}
	l := mustView(t, s).Logs()[0]
	if l.Counts == nil || l.Counts.ID() != two.ID() || l.Head.ID() != two.ID() || l.Held {
		t.Errorf("log %+v", l)
	}
	if problems := s.Check(t.Context()); problems != nil {
		t.Error(problems)
	}
}

// victim is a store that knows what two maintainers say.
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

// A device that says two things is caught, whichever of them comes first; neither
// counts, and the proof is kept.
func TestForkByOneDevice(t *testing.T) {
	v := newVictim(t)
	left, right := v.ana.say(v.known[2], "left"), v.ana.say(v.known[2], "right")
	mustImport(t, v.store, Incoming{Statements: []*SignedStatement{left}})
	if report := mustImport(t, v.store, Incoming{Statements: []*SignedStatement{right}}); len(report.Equivocations) != 1 {
		t.Fatalf("report %+v", report)
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
