package refs

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/object"
)

// makeVectors writes vectors that are not there. Those that are there are never
// rewritten: what was signed once must be read for ever.
var makeVectors = flag.Bool("make-vectors", false, "write missing files of testdata/vectors")

const vectorDir = "testdata/vectors"

// unhex reads hexadecimal digits, broken into lines.
func unhex(text string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(text), ""))
}

// checkVector asserts that data is what the file of the name holds.
func checkVector(t *testing.T, name string, data []byte) {
	t.Helper()
	file := filepath.Join(vectorDir, filepath.FromSlash(name)+".hex")
	var text strings.Builder
	for rest := data; len(rest) > 0; {
		n := min(32, len(rest))
		fmt.Fprintf(&text, "%x\n", rest[:n])
		rest = rest[n:]
	}
	makeVector(t, file, text.String())
	if !bytes.Equal(readHex(t, file), data) {
		t.Errorf("%s: the encoding has changed:\n%x", name, data)
	}
}

// checkTextVector asserts that a file holds the text, whatever its line ends.
func checkTextVector(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join(vectorDir, filepath.FromSlash(name))
	makeVector(t, file, text)
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(string(data), "\r\n", "\n"); got != text {
		t.Errorf("%s is\n%s, expected\n%s", name, got, text)
	}
}

func makeVector(t *testing.T, file, text string) {
	t.Helper()
	if _, err := os.Stat(file); !os.IsNotExist(err) || !*makeVectors {
		return
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o777), os.WriteFile(file, []byte(text), 0o666)); err != nil {
		t.Fatal(err)
	}
}

// vectors are all that FORMAT.md §8 lists, made anew. The seed of key N is 32 times the
// byte N, a target is the BLAKE3 hash of its text, Ed25519 signatures are deterministic.
type vectors struct {
	files map[string][]byte // by name
	ids   []string          // the lines of ids.txt
}

func (v *vectors) add(name string, data []byte) { v.files[name] = data }

func (v *vectors) id(name string, id fmt.Stringer) { v.ids = append(v.ids, name+" "+id.String()) }

func allVectors(t testing.TB) *vectors {
	v := &vectors{files: make(map[string][]byte)}
	ana, bo, eve := testKey(1), testKey(3), testKey(5)
	v.id("peer-1", ana.PeerID())
	v.id("peer-3", bo.PeerID())
	first := mustSign(t, firstIdentity(1, person("Ana", ana)), ana)
	c := mustChain(t, first)
	v.add("identity-1", first.Encode())
	v.id("dataset", c.Dataset())
	second := nextIdentity(t, c, func(id *Identity) {
		full := fullIdentity()
		full.Version, full.Previous, full.Nonce = id.Version, id.Previous, id.Nonce
		*id = *full
	}, ana, bo)
	v.add("identity-2-full", second.versions[1].Encode())
	v.id("identity-2-full", second.CurrentID())
	v.addStatements(t, c)

	two := mustSign(t, firstIdentity(2, person("Ana", ana), person("Bo", bo)), ana, bo)
	v.add("identity-1-two", two.Encode())
	v.id("peer-5", eve.PeerID())
	v.id("identity-1-two", two.ID())
	for name, next := range map[string]*SignedIdentity{
		"draft":  draft(t, mustChain(t, two), rename("Moths"), ana),
		"fork-a": draft(t, mustChain(t, two), rename("Moths"), ana, bo),
		"fork-b": draft(t, mustChain(t, two), rename("Butterflies"), ana, bo),
	} {
		v.add(name, next.Encode())
	}
	v.addProposal(t, c)
	contact, err := SignContact(c.Dataset(), []Address{{eve.PeerID(), "192.0.2.9", 7420}, {eve.PeerID(), "bees.example.org", 7420}}, testTime, eve)
	if err != nil {
		t.Fatal(err)
	}
	v.add("contact", contact.Encode())
	return v
}

// addStatements adds what is said under identity-1 of a copy.
func (v *vectors) addStatements(t testing.TB, c *Chain) {
	w := newWriter(t, c, testKey(1), 1)
	one := w.say(nil, "a")
	two, twoB := w.say(one, "b"), w.say(one, "c")
	v.add("statement-1", one.Encode())
	v.add("statement-2", two.Encode())
	v.id("statement-1", one.ID())
	v.id("statement-2", two.ID())
	e, err := NewEquivocation(two, twoB)
	if err != nil {
		t.Fatal(err)
	}
	v.add("equivocation", e.Encode())
	log := run{one, two}.encode()
	v.add("log", log)
	seal := object.Sum(log)
	v.add("log-sealed", append(bytes.Clone(log), seal[:]...))

	state := vectorCheckpoint(c, two)
	v.add("checkpoint", state.encode())
	u := URL{Dataset: c.Dataset(), Peers: []Address{{testKey(1).PeerID(), "192.0.2.7", 7420}}, State: state}
	v.ids = append(v.ids, "address "+u.String(), "address-compact "+u.Compact())
}

func vectorCheckpoint(c *Chain, head *SignedStatement) *Checkpoint {
	id, log := c.CurrentID(), head.statement.Log
	return &Checkpoint{Version: c.Len(), Identity: [checkIdentity]byte(id[:]), Floors: []Floor{{
		Signer: [checkSigner]byte(log.Signer[:]), Copy: [checkCopy]byte(log.Copy[:]),
		Seq: head.statement.Seq, Statement: [checkStatement]byte(head.id[:]),
	}}}
}

// addProposal adds a proposal to identity-1, its answer and its end.
func (v *vectors) addProposal(t testing.TB, c *Chain) {
	tag := func(name string, tagged object.Tag, k *Key) object.ID {
		tagged.Time = object.Moment{Unix: testTime.Unix()}
		if err := tagged.Sign(k); err != nil {
			t.Fatal(err)
		}
		o, err := tagged.Object()
		if err != nil {
			t.Fatal(err)
		}
		v.add(name, o)
		v.id(name, o.ID())
		return o.ID()
	}
	say := func(name string, k *Key, copyID byte, before *SignedStatement, refs map[Name]object.ID) *SignedStatement {
		st := &Statement{
			Dataset: c.Dataset(), IdentityVersion: 1, Identity: c.Dataset(), Log: LogID{k.PeerID(), CopyID{copyID}},
			Seq: 1, Time: testTime.Unix(), Refs: refs,
		}
		if before != nil {
			st.Seq, st.Previous = before.statement.Seq+1, before.id
		}
		signed, err := SignStatement(st, k)
		if err != nil {
			t.Fatal(err)
		}
		v.add(name, signed.Encode())
		v.id(name, signed.ID())
		return signed
	}
	ana, eve := testKey(1), testKey(5)
	proposed := tag("proposal-tag", object.Tag{Target: target("a"), Name: "proposal", Tagger: "Eve", Message: "Two more nights"}, eve)
	proposal := say("proposal", eve, 5, nil, map[Name]object.ID{"proposals/main": proposed})
	say("proposal-withdrawn", eve, 5, proposal, nil)
	answered := tag("answer-tag", object.Tag{Target: target("b"), Name: Accepted, Tagger: "Ana", Message: "Thank you"}, ana)
	say("answer", ana, 6, nil, map[Name]object.ID{Name(AnswersPrefix + proposed.String()): answered})
}

// What is written today is what was written when version 1 was frozen.
func TestVectors(t *testing.T) {
	v := allVectors(t)
	for _, name := range slices.Sorted(maps.Keys(v.files)) {
		checkVector(t, name, v.files[name])
	}
	checkTextVector(t, "ids.txt", strings.Join(v.ids, "\n")+"\n")
	checkTextVector(t, "journal.txt", entry{seq: 2, statement: mustStatement(t, "statement-2").ID()}.text(7))
	pem, err := testKey(1).MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	checkTextVector(t, "device.pem", string(pem))
	// Each file is one that is made here: none stands there that nobody checks.
	files, err := filepath.Glob(filepath.Join(vectorDir, "*.hex"))
	if err != nil || len(files) != len(v.files) {
		t.Errorf("%d files, %d vectors, %v", len(files), len(v.files), err)
	}
}

func vector(t testing.TB, name string) []byte {
	t.Helper()
	return readHex(t, filepath.Join(vectorDir, name+".hex"))
}

func mustStatement(t testing.TB, name string) *SignedStatement {
	t.Helper()
	s, err := DecodeSignedStatement(vector(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

func mustIdentity(t testing.TB, name string) *SignedIdentity {
	t.Helper()
	s, err := DecodeSignedIdentity(vector(t, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return s
}

// The files are read as any other implementation has to, and mean what FORMAT.md says.
func TestVectorsAreRead(t *testing.T) {
	ids := make(map[string]string)
	text, err := os.ReadFile(filepath.Join(vectorDir, "ids.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		name, id, _ := strings.Cut(strings.TrimSpace(line), " ")
		ids[name] = id
	}
	check := func(what string, got fmt.Stringer) {
		t.Helper()
		if got.String() != ids[what] {
			t.Errorf("%s is %s, expected %s", what, got, ids[what])
		}
	}
	first := mustIdentity(t, "identity-1")
	check("dataset", first.ID())
	chain := mustChain(t, first, mustIdentity(t, "identity-2-full"))
	check("identity-2-full", chain.CurrentID())

	s := newTestStore(t, mustChain(t, first), testKey(9))
	one, two := mustStatement(t, "statement-1"), mustStatement(t, "statement-2")
	check("statement-1", one.ID())
	check("statement-2", two.ID())
	if r := mustImport(t, s, Incoming{Statements: []*SignedStatement{one, two}}); len(r.New) != 1 {
		t.Errorf("statements: %+v", r)
	}
	e, err := DecodeEquivocation(vector(t, "equivocation"))
	if err != nil || e.A.ID() != two.ID() && e.B.ID() != two.ID() {
		t.Errorf("equivocation: %v", err)
	}
	log, err := decodeRun(vector(t, "log"), one.statement.Log)
	if err != nil || len(log) != 2 || log.head().ID() != two.ID() {
		t.Errorf("log: %v", err)
	}
	sealed := vector(t, "log-sealed")
	if n := len(sealed) - object.IDSize; object.Sum(sealed[:n]) != object.ID(sealed[n:]) || !bytes.Equal(sealed[:n], vector(t, "log")) {
		t.Error("the seal of the log")
	}
	state, err := decodeCheckpoint(vector(t, "checkpoint"))
	if err != nil || state.Check(mustChain(t, first), []*SignedStatement{two}) != nil || state.Check(mustChain(t, first), []*SignedStatement{one}) == nil {
		t.Errorf("checkpoint: %v", err)
	}
	for _, name := range []string{"address", "address-compact"} {
		if u, err := ParseURL(ids[name]); err != nil || u.String() != ids["address"] || u.State.String() != state.String() {
			t.Errorf("%s: %v, %v", name, u, err)
		}
	}
	pem, err := os.ReadFile(filepath.Join(vectorDir, "device.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if key, err := ParseKeyPEM(pem); err != nil || key.PeerID().String() != ids["peer-1"] {
		t.Errorf("device.pem: %v, %v", key, err)
	}
	journal, err := os.ReadFile(filepath.Join(vectorDir, "journal.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if last, number, err := parseEntry(strings.ReplaceAll(string(journal), "\r\n", "\n")); err != nil || last.seq != 2 || last.statement != two.ID() || number != 7 {
		t.Errorf("journal.txt: %+v, %d, %v", last, number, err)
	}
	checkProposalVectors(t, s)
	checkForkVectors(t)
}

func checkProposalVectors(t *testing.T, s *Store) {
	t.Helper()
	proposal, answer := mustStatement(t, "proposal"), mustStatement(t, "answer")
	p, ok := ProposalOf(proposal.statement)
	tagged, err := object.DecodeTag(vector(t, "proposal-tag"))
	if !ok || err != nil || tagged.Verify() != nil || p.Tag != object.Object(vector(t, "proposal-tag")).ID() || p.Branch != "heads/main" ||
		PeerID(tagged.Key) != p.Log.Signer || tagged.Target != target("a") {
		t.Errorf("proposal: %+v, %+v, %v", p, tagged, err)
	}
	mustImport(t, s, Incoming{Statements: []*SignedStatement{proposal}})
	if got := mustView(t, s).Proposals(); len(got) != 1 || len(mustView(t, s).Answers(p)) != 0 {
		t.Errorf("proposals: %+v", got)
	}
	mustImport(t, s, Incoming{Statements: []*SignedStatement{answer}})
	given := mustView(t, s).Answers(p)
	said, err := object.DecodeTag(vector(t, "answer-tag"))
	if err != nil || said.Verify() != nil || len(given) != 1 || given[0].Target != object.Object(vector(t, "answer-tag")).ID() || said.Name != Accepted {
		t.Errorf("answers: %+v, %v", given, err)
	}
	mustImport(t, s, Incoming{Statements: []*SignedStatement{mustStatement(t, "proposal-withdrawn")}})
	if got := mustView(t, s).Proposals(); len(got) != 0 {
		t.Errorf("after it was withdrawn: %+v", got)
	}
}

func checkForkVectors(t *testing.T) {
	t.Helper()
	c := mustChain(t, mustIdentity(t, "identity-1-two"))
	s := newTestStore(t, c, testKey(9))
	mustImport(t, s, Incoming{Drafts: []*SignedIdentity{mustIdentity(t, "draft")}})
	drafts := mustDrafts(t, s)
	if len(drafts) != 1 || drafts[0].Consent.Enough() || drafts[0].Consent.Before != 1 {
		t.Errorf("drafts: %+v", drafts)
	}
	a, b := mustIdentity(t, "fork-a"), mustIdentity(t, "fork-b")
	if a.ID() != drafts[0].ID() {
		t.Error("fork-a and draft are not one version")
	}
	mustImport(t, s, Incoming{Identities: []*SignedIdentity{a}})
	if _, err := s.Import(t.Context(), Incoming{Identities: []*SignedIdentity{b}}); !errors.Is(err, ErrIdentityFork) {
		t.Errorf("fork-b: %v", err)
	}
}
