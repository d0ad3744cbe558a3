package attacks

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/big"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func testKey(b byte) *refs.Key {
	var seed [32]byte
	for i := range seed {
		seed[i] = b
	}
	return refs.KeyFromSeed(seed)
}

// The people. Bo has lost a laptop, whose log the identity has closed; Eve proposes, Vic
// reads, and Mallory is nobody, but has an address.
var ana, bo, lost, eve, vic, mallory = testKey(1), testKey(3), testKey(4), testKey(5), testKey(6), testKey(9)

// speaker is a log that an attack is about.
type speaker struct {
	key    *refs.Key
	log    refs.LogID
	name   refs.Name               // of the ref that it speaks of
	known  []*refs.SignedStatement // three, of which the victim knows the last at least
	target object.ID               // something older that the ref may point to
}

// world is an honest dataset, as its maintainer and a reader have it.
type world struct {
	id      object.ID
	chain   *refs.Chain // three versions; two maintainers must sign the next
	commits []object.ID
	folders map[string]string // of ana and vic, the homes as NAME-home

	maintainer, contributor speaker
	lost                    []*refs.SignedStatement // of the lost laptop: up to the end of its log
	honest                  []*refs.SignedStatement // the newest of each log of a maintainer
	ticket                  *refs.Checkpoint
	objects                 map[object.ID]object.Object // all that the commits reach
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{folders: make(map[string]string)}
	dir := t.TempDir()
	for name, key := range map[string]*refs.Key{"ana": ana, "eve": eve, "vic": vic} {
		w.folders[name] = filepath.Join(dir, name)
		w.folders[name+"-home"] = filepath.Join(dir, name+"-home")
		if err := refs.ReplaceKey(t.Context(), w.folders[name+"-home"], key); err != nil {
			t.Fatal(err)
		}
	}
	r, err := repo.Init(t.Context(), w.folders["ana"], repo.InitOptions{Name: "counts"}, w.options("ana"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"id,n\n1,10\n", "id,n\n1,11\n", "id,n\n1,12\n"} {
		w.commits = append(w.commits, commit(t, r, text))
	}
	if w.id, err = r.DatasetID(); err != nil {
		t.Fatal(err)
	}
	w.objects = reached(t, r.Objects(), w.commits)
	w.govern(t)
	w.speak(t)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	w.propose(t)
	return w
}

// reached returns all objects that the roots lead to.
func reached(t *testing.T, r object.Reader, roots []object.ID) map[object.ID]object.Object {
	t.Helper()
	all := make(map[object.ID]object.Object)
	for queue := slices.Clone(roots); len(queue) > 0; queue = queue[1:] {
		o, err := r.Get(t.Context(), queue[0])
		if err != nil {
			t.Fatal(err)
		}
		links, err := object.Links(o)
		if err != nil {
			t.Fatal(err)
		}
		all[queue[0]] = o
		queue = append(queue, links...)
	}
	return all
}

func (w *world) options(name string) *repo.Options {
	return &repo.Options{Home: w.folders[name+"-home"], Patience: time.Minute}
}

func commit(t *testing.T, r *repo.Repo, table string) object.ID {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.Dir, "t.csv"), []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	res, err := r.Commit(t.Context(), repo.CommitOptions{Message: "counted"})
	if err != nil {
		t.Fatal(err)
	}
	return res.ID
}

func openRefs(t *testing.T, dir string) *refs.Store {
	t.Helper()
	s, err := refs.Open(t.Context(), filepath.Join(dir, ".constl", "refs"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// next returns a next version of the identity, signed by the keys.
func next(t *testing.T, c *refs.Chain, change func(*refs.Identity), keys ...*refs.Key) *refs.SignedIdentity {
	t.Helper()
	id, err := c.Current().Next(testTime)
	if err != nil {
		t.Fatal(err)
	}
	change(id)
	s, err := refs.SignIdentity(id)
	for _, k := range keys {
		if err == nil {
			s, err = s.Sign(k)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func extended(t *testing.T, c *refs.Chain, v *refs.SignedIdentity) *refs.Chain {
	t.Helper()
	longer, err := c.Extend(v)
	if err != nil {
		t.Fatal(err)
	}
	return longer
}

// govern makes Bo a second maintainer, and then takes his lost laptop away.
func (w *world) govern(t *testing.T) {
	store := openRefs(t, w.folders["ana"])
	c, err := store.Chain()
	if err != nil {
		t.Fatal(err)
	}
	c = extended(t, c, next(t, c, func(id *refs.Identity) {
		id.People = append(id.People, refs.Person{Name: "Bo", Role: refs.Maintainer, Devices: []refs.Device{
			{Key: bo.PeerID(), Name: "desk"}, {Key: lost.PeerID(), Name: "laptop"},
		}})
	}, ana))
	log := refs.LogID{Signer: lost.PeerID(), Copy: refs.CopyID{2}}
	var before *refs.SignedStatement
	for _, at := range w.commits[:2] {
		before = signed(t, lost, statement(c, log, before, map[refs.Name]object.ID{"heads/main": at}))
		w.lost = append(w.lost, before)
	}
	w.chain = extended(t, c, next(t, c, func(id *refs.Identity) {
		for i := range id.People {
			if id.People[i].Name == "Bo" {
				id.People[i].Devices = []refs.Device{{Key: bo.PeerID(), Name: "desk"}}
			}
		}
		id.Threshold = 2
		id.Rules = []refs.Rule{{Pattern: "heads/*", Threshold: 1}}
		id.Closed = []refs.Closing{{Log: log, Seq: 2, Statement: before.ID()}}
	}, ana, bo))
	if _, err := store.Import(t.Context(), refs.Incoming{Identities: w.chain.Versions()}); err != nil {
		t.Fatal(err)
	}
}

// speak lets Bo say where he stands, three times.
func (w *world) speak(t *testing.T) {
	s := &w.maintainer
	s.key, s.log, s.name, s.target = bo, refs.LogID{Signer: bo.PeerID(), Copy: refs.CopyID{1}}, "heads/main", w.commits[0]
	var before *refs.SignedStatement
	for _, at := range w.commits {
		before = signed(t, bo, statement(w.chain, s.log, before, map[refs.Name]object.ID{s.name: at}))
		s.known = append(s.known, before)
	}
	// He has another copy, in which he said something before.
	elsewhere := statement(w.chain, refs.LogID{Signer: bo.PeerID(), Copy: refs.CopyID{3}}, nil, map[refs.Name]object.ID{s.name: w.commits[2]})
	elsewhere.Time -= 3600
	store := openRefs(t, w.folders["ana"])
	if _, err := store.Import(t.Context(), refs.Incoming{Statements: append(slices.Clone(s.known), signed(t, bo, elsewhere))}); err != nil {
		t.Fatal(err)
	}
	view, err := store.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, log := range view.Logs() {
		w.honest = append(w.honest, log.Head)
	}
	w.ticket = view.Checkpoint(refs.ShownFloors)
}

// propose lets Eve propose and revise twice, and Vic get a clone, from Ana's server.
func (w *world) propose(t *testing.T) {
	server := serve(t, w, w.folders["ana"])
	clone, _, err := repo.Clone(t.Context(), server.url(w), w.folders["eve"], w.options("eve"))
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"id,n\n1,12\n2,20\n", "id,n\n1,12\n2,21\n", "id,n\n1,12\n2,22\n"} {
		commit(t, clone, text)
		p, err := clone.Propose(t.Context(), repo.ProposeOptions{Message: "counted, too"})
		if err != nil {
			t.Fatal(err)
		}
		w.contributor.log = p.Log
	}
	reader, _, err := repo.Clone(t.Context(), server.url(w), w.folders["vic"], w.options("vic"))
	if err = errors.Join(err, clone.Close(), server.close()); err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	s := &w.contributor
	s.key, s.name = eve, "proposals/main"
	if s.known, err = openRefs(t, w.folders["ana"]).Statements(t.Context(), s.log, 0); err != nil || len(s.known) != 3 {
		t.Fatalf("%d revisions of the proposal, %v", len(s.known), err)
	}
	s.target = s.known[0].Statement().Refs[s.name]
}

// statement returns what a log may say after before (nil: at first).
func statement(c *refs.Chain, log refs.LogID, before *refs.SignedStatement, said map[refs.Name]object.ID) *refs.Statement {
	s := &refs.Statement{
		Dataset: c.Dataset(), IdentityVersion: c.Len(), Identity: c.CurrentID(), Log: log, Seq: 1, Time: testTime.Unix(), Refs: said,
	}
	if before != nil {
		s.Seq, s.Previous = before.Statement().Seq+1, before.ID()
	}
	return s
}

func signed(t *testing.T, k *refs.Key, s *refs.Statement) *refs.SignedStatement {
	t.Helper()
	st, err := refs.SignStatement(s, k)
	if err != nil {
		t.Fatal(err)
	}
	return st
}

// forge returns the next statement of the log, changed, without any check, and signed by
// the key at that format level (refs/FORMAT.md §4).
func (s *speaker) forge(k *refs.Key, level uint64, change func(*refs.Statement)) []byte {
	last := s.known[2]
	st := *last.Statement()
	st.Seq, st.Previous = 4, last.ID()
	st.Refs = map[refs.Name]object.ID{s.name: s.target}
	if change != nil {
		change(&st)
	}
	o := encodeStatement(&st, level)
	return enclose(o, sign(k, "constl refs v1\x00", o))
}

func encodeStatement(s *refs.Statement, level uint64) object.Object {
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
	names := make([]refs.Name, 0, len(s.Refs))
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

func sign(k *refs.Key, domain string, o object.Object) []byte {
	id := o.ID()
	sig, err := k.Sign(nil, append([]byte(domain), id[:]...), noHash)
	if err != nil {
		panic(err) // a key in memory always signs
	}
	return sig
}

func enclose(o object.Object, sig []byte) []byte {
	var e object.Encoder
	e.Bytes(o)
	e.Raw(sig)
	return e.Body()
}

// resigned gives an encoded statement another signature.
func resigned(data, sig []byte) []byte {
	return append(slices.Clone(data[:len(data)-ed25519.SignatureSize]), sig...)
}

func signatureOf(data []byte) []byte { return data[len(data)-ed25519.SignatureSize:] }

// plusOrder makes another signature of a valid one: S + L, which verifiers that do not
// check S would accept.
func plusOrder(sig []byte) []byte {
	l, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	s := slices.Clone(sig[32:])
	slices.Reverse(s)
	sum := new(big.Int).Add(new(big.Int).SetBytes(s), l).FillBytes(make([]byte, 32))
	slices.Reverse(sum)
	return append(slices.Clone(sig[:32]), sum...)
}

// served is a dataset that the victim serves.
type served struct {
	r      *repo.Repo
	server *repo.Server
	ended  chan error // of every request, what the victim makes of it
}

// serve serves the folder as Ana does, taking proposals.
func serve(t *testing.T, w *world, dir string) *served {
	t.Helper()
	r, err := repo.Open(t.Context(), dir, w.options("ana"))
	if err != nil {
		t.Fatal(err)
	}
	shared, err := r.Shared(t.Context(), &repo.ShareOptions{Proposals: repo.ProposalsAsk})
	if err != nil {
		t.Fatal(err)
	}
	s := &served{r: r, ended: make(chan error, 16)}
	s.server, err = repo.Serve(context.WithoutCancel(t.Context()), "127.0.0.1:0", ana,
		repo.Among(map[object.ID]transport.Dataset{w.id: shared}),
		&repo.ServeOptions{Requests: transport.ServerOptions{Done: func(done transport.Served) { s.ended <- done.Err }}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *served) url(w *world) refs.URL {
	return refs.URL{Dataset: w.id, Peers: s.server.Addresses([]string{"127.0.0.1"}), State: w.ticket}
}

func (s *served) address() netip.AddrPort { return s.server.Addr() }

func (s *served) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return errors.Join(s.server.Close(ctx), s.r.Close())
}
