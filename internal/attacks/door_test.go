package attacks

import (
	"context"
	"crypto"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/constl/constl/internal/repo"
	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/tcp"
)

const noHash = crypto.Hash(0)

// kind is a way in, whatever carries it.
type kind string

const (
	byImport  kind = "import"  // of signed bytes into the store of refs
	byPull    kind = "pull"    // of a peer who was always there, and has turned
	byWatch   kind = "watch"   // of a peer who was followed, and has turned
	byTicket  kind = "ticket"  // a clone by an address that says how far the dataset had come
	byPush    kind = "push"    // by a maintainer, so that nothing is refused for who sends it
	byPropose kind = "propose" // by a stranger
	byBundle  kind = "bundle"  // pulled from a file
	byPairing kind = "pair"    // as a second computer of a maintainer
)

var kinds = []kind{byImport, byPull, byWatch, byTicket, byPush, byPropose, byBundle, byPairing}

// carriers are what carries each kind.
func (k kind) carriers() []string {
	if k == byImport || k == byBundle {
		return []string{"file"}
	}
	return []string{"quic", "tcp"}
}

// subject is whose log an attack at that door is about.
func (k kind) subject(w *world) *speaker {
	if k == byPropose {
		return &w.contributor
	}
	return &w.maintainer
}

// try lets an attack in by a door. It returns the victim, nil if there is none in the
// end, and what the victim makes of it.
func (k kind) try(t *testing.T, w *world, carrier string, a *attack) (*victim, error) {
	t.Helper()
	o := a.make(t, w, k.subject(w))
	switch k {
	case byImport:
		v := newVictim(t, w, "ana")
		return v, importOffer(t, openRefs(t, v.dir), o)
	case byPull:
		v := newVictim(t, w, "vic")
		preferTCP(t, v.dir, carrier)
		return v, pull(t, w, v, evilServer(t, carrier, o).String(w))
	case byWatch:
		v := newVictim(t, w, "vic")
		return v, watch(t, w, v, carrier, evilServer(t, carrier, o))
	case byBundle:
		v := newVictim(t, w, "vic")
		file := filepath.Join(t.TempDir(), "evil.bundle")
		if err := os.WriteFile(file, o.bundle(w.id, mallory.PeerID()), 0o600); err != nil {
			t.Fatal(err)
		}
		return v, pull(t, w, v, file)
	case byTicket:
		return cloneByTicket(t, w, carrier, a, o)
	case byPush, byPropose:
		v := newVictim(t, w, "ana")
		return v, pushTo(t, w, v, k, carrier, o)
	case byPairing:
		v := newVictim(t, w, "ana")
		return v, pairWith(t, w, v, carrier, a)
	}
	t.Fatalf("there is no door %s", k)
	return nil, nil
}

// importOffer decodes what came and imports it, as whoever receives it does.
func importOffer(t *testing.T, s *refs.Store, o *offer) error {
	var in refs.Incoming
	var errs []error
	for _, data := range o.identities {
		v, err := refs.DecodeSignedIdentity(data)
		in.Identities, errs = append(in.Identities, v), append(errs, err)
	}
	for _, data := range o.statements {
		v, err := refs.DecodeSignedStatement(data)
		in.Statements, errs = append(in.Statements, v), append(errs, err)
	}
	for _, data := range o.proofs {
		v, err := refs.DecodeEquivocation(data)
		in.Equivocations, errs = append(in.Equivocations, v), append(errs, err)
	}
	for _, data := range o.drafts {
		v, err := refs.DecodeSignedIdentity(data)
		in.Drafts, errs = append(in.Drafts, v), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	_, err := s.Import(t.Context(), in)
	return err
}

// evil is a peer who has the key that the address names, and lies.
type evil struct{ address net.Addr }

// String returns the address by which the victim knows the peer.
func (e evil) String(w *world) string { return e.url(w).String() }

func (e evil) url(w *world) refs.URL {
	host, portText, _ := net.SplitHostPort(e.address.String())
	port, _ := strconv.ParseUint(portText, 10, 16)
	return refs.URL{Dataset: w.id, Peers: []refs.Address{{Peer: mallory.PeerID(), Host: host, Port: uint16(port)}}, State: w.ticket}
}

func evilServer(t *testing.T, carrier string, o *offer) evil {
	t.Helper()
	handler := func(_ context.Context, _ refs.PeerID, stream link.Stream) {
		o.answer(stream)
		_ = stream.Close() // the victim may be gone
	}
	key := mallory
	if o.impostor {
		key = eve
	}
	if carrier == "tcp" {
		listener, err := tcp.Listen(t.Context(), "127.0.0.1:0", key, handler, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		return evil{listener.Addr()}
	}
	// Nothing comes of TCP at the same port: whoever dials waits for QUIC.
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := quic.Listen(t.Context(), deaf.Addr().String(), key, handler, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(listener.Close(), deaf.Close()) })
	return evil{listener.Addr()}
}

// pull makes the place the victim's origin, and pulls. The victim's copy is its own
// afterwards: what it has taken is merged.
func pull(t *testing.T, w *world, v *victim, origin string) error {
	t.Helper()
	r, err := repo.Open(t.Context(), v.dir, w.options(v.who))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Settings().SetLocal(settings.Remote(repo.DefaultRemote), origin); err != nil {
		t.Fatal(err)
	}
	_, err = r.Pull(t.Context(), "", repo.PullOptions{})
	return err
}

// watch asks the peer for what it has and for what is new from then on, and takes its
// answer.
func watch(t *testing.T, w *world, v *victim, carrier string, from evil) error {
	t.Helper()
	ctx := t.Context()
	key, err := refs.OpenKey(ctx, w.options(v.who).Home)
	if err != nil {
		t.Fatal(err)
	}
	store, err := pack.Open(ctx, filepath.Join(v.dir, ".constl", "packs"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	local := &transport.Local{Store: store, Refs: openRefs(t, v.dir)}
	req := &transport.SyncRequest{Dataset: w.id, IdentityVersion: w.chain.Len()}
	if req.Logs, err = local.KnownLogs(ctx); err != nil {
		t.Fatal(err)
	}
	if req.Haves, err = local.Haves(ctx); err != nil {
		t.Fatal(err)
	}
	stream, err := streamTo(t, carrier, from, key)
	if err != nil {
		return err
	}
	watching, err := transport.Watch(ctx, stream, req, nil)
	if err != nil {
		return err
	}
	defer watching.Close()
	_, err = watching.Next(ctx, &transport.LocalSink{Objects: store, Refs: local.Refs, State: w.ticket})
	return err
}

func streamTo(t *testing.T, carrier string, to evil, key *refs.Key) (link.Stream, error) {
	t.Helper()
	at := to.address.String()
	var conn link.Conn
	var err error
	if carrier == "tcp" {
		conn, err = tcp.Dial(t.Context(), at, mallory.PeerID(), key, nil)
	} else {
		conn, err = quic.Dial(t.Context(), []string{at}, mallory.PeerID(), key, nil)
	}
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn.OpenStream(t.Context())
}

// cloneByTicket clones with an address from before from a peer who gives what is
// offered, and else what is true.
func cloneByTicket(t *testing.T, w *world, carrier string, a *attack, o *offer) (*victim, error) {
	t.Helper()
	if !a.wholeIdentity {
		var all [][]byte
		for _, v := range w.chain.Versions() {
			all = append(all, v.Encode())
		}
		o.identities = append(all, o.identities...)
	}
	for _, st := range w.honest {
		if a.besides || st.Statement().Log != w.maintainer.log {
			o.statements = append(o.statements, st.Encode())
		}
	}
	o.honest = w.objects
	dir := filepath.Join(t.TempDir(), "clone")
	preferTCP(t, dir, carrier)
	r, _, err := repo.Clone(t.Context(), evilServer(t, carrier, o).url(w), dir, w.options("vic"))
	if err != nil {
		return nil, errors.Join(err, absent(dir))
	}
	return &victim{dir: dir, who: "vic"}, r.Close()
}

// preferTCP notes in a folder that Mallory was reached over TCP, if that is the carrier,
// so that nobody waits for an answer over UDP.
func preferTCP(t *testing.T, dir, carrier string) {
	t.Helper()
	if carrier != "tcp" {
		return
	}
	note := []byte(`{"` + mallory.PeerID().String() + `": "tcp"}`)
	store := filepath.Join(dir, ".constl")
	if err := errors.Join(os.MkdirAll(store, 0o700), os.WriteFile(filepath.Join(store, "carriers.json"), note, 0o600)); err != nil {
		t.Fatal(err)
	}
}

// absent fails if a clone that was refused is a dataset.
func absent(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, ".constl", "format")); err == nil {
		return errors.New("what was refused was cloned")
	}
	return nil
}

// dial connects to a victim's server. hangUp is to be called in the end.
func dial(t *testing.T, carrier, address string, expected refs.PeerID, key *refs.Key) (stream link.Stream, hangUp func()) {
	t.Helper()
	var conn link.Conn
	var err error
	if carrier == "quic" {
		conn, err = quic.Dial(t.Context(), []string{address}, expected, key, nil)
	} else {
		conn, err = tcp.Dial(t.Context(), address, expected, key, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if stream, err = conn.OpenStream(t.Context()); err != nil {
		t.Fatal(err)
	}
	return stream, func() { _ = errors.Join(stream.Close(), conn.Close()) } // the other side may have hung up before
}

// pushTo pushes to the victim, which serves, and returns what the victim makes of it. The
// peer must be told of a failure, too.
func pushTo(t *testing.T, w *world, v *victim, k kind, carrier string, o *offer) error {
	t.Helper()
	if len(o.identities)+len(o.statements) == 0 && o.raw == nil {
		o.identities = [][]byte{w.chain.Versions()[0].Encode()} // drafts stand before something that is counted
	}
	s := serve(t, w, v.dir)
	stream, hangUp := dial(t, carrier, s.address().String(), ana.PeerID(), k.subject(w).key)
	answer, err := o.push(stream, w.id)
	hangUp()
	if err != nil {
		t.Errorf("the server hung up: %v", err)
	}
	told := ended(t, s.ended)
	if (answer.kind == frameError) != (told != nil) {
		t.Errorf("the peer gets a frame of type %#x for: %v", answer.kind, told)
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
	return told
}

func ended(t *testing.T, errs chan error) error {
	t.Helper()
	select {
	case err := <-errs:
		return err
	case <-time.After(20 * time.Second):
		t.Fatal("the victim did not end the request")
	}
	return nil
}

// pairWith asks the victim, which waits for a second computer, to be taken in.
func pairWith(t *testing.T, w *world, v *victim, carrier string, a *attack) error {
	t.Helper()
	r, err := repo.Open(t.Context(), v.dir, w.options("ana"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	asked := make(chan string, 1)
	p, err := r.Pair(t.Context(), "127.0.0.1:0", func(name, _ string) (bool, error) {
		asked <- name
		return false, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close(context.WithoutCancel(t.Context())) }()
	url := p.URL([]string{"127.0.0.1"})
	secret, err := transport.ParsePairSecret(url.Other.Get("pair"))
	if err != nil {
		t.Fatal(err)
	}
	stream, hangUp := dial(t, carrier, p.Addr().String(), ana.PeerID(), mallory)
	answer := a.pair(newWire(stream), &pairing{dataset: w.id, host: ana.PeerID(), guest: mallory.PeerID(), secret: secret[:]})
	hangUp()
	select {
	case name := <-asked:
		t.Errorf("a person was asked about %q", name)
	default:
	}
	return answer
}
