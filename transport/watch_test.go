package transport

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/refs"
)

// watch begins to watch a dataset over the stream, until the test ends.
func (r *replica) watch(stream io.ReadWriteCloser) *Watching {
	r.t.Helper()
	w, err := Watch(context.Background(), stream, r.request(), nil)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { w.Close() })
	return w
}

// next takes the next answer.
func (r *replica) next(w *Watching) (*SyncResult, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return w.Next(ctx, r.sink())
}

func (r *replica) mustNext(w *Watching) *SyncResult {
	r.t.Helper()
	result, err := r.next(w)
	if err != nil {
		r.t.Fatal(err)
	}
	return result
}

func (r *replica) holds(log refs.LogID) *refs.SignedStatement {
	r.t.Helper()
	heads, err := r.local().Heads(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, h := range heads {
		if h.Statement().Log == log {
			return h
		}
	}
	return nil
}

func TestWatchTellsOfEveryCommit(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(20, 4, 500)
	d.commit()
	r := newReplica(t, d.id, testKey(2))
	w := r.watch(dial(t, server(nil, d), r.key))
	first := r.mustNext(w)
	if all := reachable(t, d.Store, d.head); int(first.Stats.Objects) != len(all) || first.Stats.Rounds != 0 {
		t.Errorf("the first answer: %+v, want %d objects", first.Stats, len(all))
	}
	for i := range 10 {
		d.change(3, 2, 7+i)
		d.commit()
		update := r.mustNext(w)
		wantComplete(t, r.store, d.head)
		// commit, tree, table, two nodes, group, segment
		if s := update.Stats; s.Objects != 7 || s.Deltas < 3 || s.BytesIn > 2500 {
			t.Errorf("update %d took %+v", i, s)
		}
		if n := len(update.Offer.Statements); n != 1 || len(update.Offer.Identities) != 0 {
			t.Errorf("update %d has %d statements and %d identities", i, n, len(update.Offer.Identities))
		}
	}
}

// What happened while nobody took anything comes as one update, without a gap in the log.
func TestWatchPutsChangesTogether(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(20, 4, 500)
	d.commit()
	r := newReplica(t, d.id, testKey(2))
	var answers int
	var mu sync.Mutex
	s := server(&ServerOptions{Done: func(Served) {
		mu.Lock()
		defer mu.Unlock()
		answers++
	}}, d)
	tap := &tapped{ReadWriteCloser: dial(t, s, r.key), open: make(chan struct{})}
	close(tap.open)
	w := r.watch(tap)
	r.mustNext(w)
	tap.shut()
	const commits = 40
	for i := range commits {
		d.change(i%20, i%4, i)
		d.commit()
	}
	tap.release()
	for r.holds(d.log()).Statement().Refs["heads/main"] != d.head {
		r.mustNext(w)
	}
	wantComplete(t, r.store, d.head)
	mu.Lock()
	defer mu.Unlock()
	if answers > 5 {
		t.Errorf("%d answers for %d commits of which nobody took one", answers, commits)
	}
	run, err := r.refs.Statements(t.Context(), d.log(), 0)
	if err != nil || len(run) != commits+1 {
		t.Errorf("%d statements of %d are known (%v)", len(run), commits+1, err)
	}
}

// tapped is a stream that can be kept from being read.
type tapped struct {
	io.ReadWriteCloser
	mu   sync.Mutex
	open chan struct{}
}

func (t *tapped) shut() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = make(chan struct{})
}

func (t *tapped) release() {
	t.mu.Lock()
	defer t.mu.Unlock()
	close(t.open)
}

// Read implements [io.Reader].
func (t *tapped) Read(p []byte) (int, error) {
	n, err := t.ReadWriteCloser.Read(p)
	t.mu.Lock()
	open := t.open
	t.mu.Unlock()
	<-open
	return n, err
}

// log is the log of the dataset's own copy.
func (d *dataset) log() refs.LogID {
	d.t.Helper()
	view, err := d.Refs.View(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	log, _ := view.Own()
	return log
}

// Statements, versions of the identity, proofs and drafts that others bring come, each once.
func TestWatchTellsOfEverythingOnce(t *testing.T) {
	ana, ben := testKey(1), testKey(3)
	d := newDataset(t, ana, func(id *refs.Identity) {
		id.People = append(id.People, refs.Person{Name: "Ben", Role: refs.Maintainer, Devices: []refs.Device{{Key: ben.PeerID()}}})
	})
	d.fill(1, 1, 5)
	d.commit()
	r := newReplica(t, d.id, testKey(2))
	w := r.watch(dial(t, server(nil, d), r.key))
	r.mustNext(w)
	take := func(in refs.Incoming) {
		t.Helper()
		if _, err := d.Refs.Import(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	said := func(seq uint64, previous *refs.SignedStatement, at string) *refs.SignedStatement {
		st := refs.Statement{Dataset: d.id, IdentityVersion: 1, Identity: d.id, Seq: seq, Refs: map[refs.Name]object.ID{"heads/x": d.head}}
		if previous != nil {
			st.Previous = previous.ID()
		}
		if at != "" {
			st.Refs = map[refs.Name]object.ID{refs.Name("heads/" + at): d.head}
		}
		return statement(t, ben, st)
	}
	one := said(1, nil, "")
	take(refs.Incoming{Statements: []*refs.SignedStatement{one}})
	if o := r.mustNext(w).Offer; len(o.Statements) != 1 || o.Statements[0].ID() != one.ID() {
		t.Errorf("a statement of another: %+v", o)
	}
	draft := nextVersion(t, d, func(id *refs.Identity) { id.Name, id.Threshold = "Moths", 2 }, ana)
	take(refs.Incoming{Drafts: []*refs.SignedIdentity{draft}})
	if o := r.mustNext(w).Offer; len(o.Drafts) != 1 || len(o.Statements)+len(o.Identities)+len(o.Proofs) != 0 {
		t.Errorf("a draft: %+v", o)
	}
	whole, err := draft.Sign(ben)
	if err != nil {
		t.Fatal(err)
	}
	take(refs.Incoming{Drafts: []*refs.SignedIdentity{whole}})
	if o := r.mustNext(w).Offer; len(o.Identities) != 1 || len(o.Drafts)+len(o.Statements) != 0 {
		t.Errorf("a version of the identity: %+v", o)
	}
	split, err := refs.NewEquivocation(said(2, one, "a"), said(2, one, "b"))
	if err != nil {
		t.Fatal(err)
	}
	take(refs.Incoming{Equivocations: []refs.Equivocation{split}})
	if o := r.mustNext(w).Offer; len(o.Proofs) != 1 || len(o.Identities)+len(o.Drafts)+len(o.Statements) != 0 {
		t.Errorf("a proof: %+v", o)
	}
	d.commit()
	if o := r.mustNext(w).Offer; len(o.Statements) != 1 || len(o.Proofs)+len(o.Identities)+len(o.Drafts) != 0 {
		t.Errorf("after all that: %+v", o)
	}
}

// statement makes what a peer may say, without any store.
func statement(t *testing.T, k *refs.Key, s refs.Statement) *refs.SignedStatement {
	t.Helper()
	s.Log, s.Time = refs.LogID{Signer: k.PeerID(), Copy: refs.CopyID{9}}, testTime.Unix()
	signed, err := refs.SignStatement(&s, k)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// nextVersion returns a next version of the dataset's identity, signed by the keys.
func nextVersion(t *testing.T, d *dataset, change func(*refs.Identity), keys ...*refs.Key) *refs.SignedIdentity {
	t.Helper()
	chain, err := d.Refs.Chain()
	if err != nil {
		t.Fatal(err)
	}
	next, err := chain.Current().Next(testTime)
	if err != nil {
		t.Fatal(err)
	}
	change(next)
	signed, err := refs.SignIdentity(next)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if signed, err = signed.Sign(k); err != nil {
			t.Fatal(err)
		}
	}
	return signed
}

// said returns all that the replica believes, as text.
func (r *replica) said() string {
	r.t.Helper()
	view, err := r.refs.View(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	text := view.Chain().CurrentID().String()
	for _, log := range view.Logs() {
		text += "\n" + log.ID.String() + " " + log.Head.ID().String()
	}
	drafts, err := r.refs.Drafts(context.Background())
	if err != nil {
		r.t.Fatal(err)
	}
	for _, d := range drafts {
		text += "\ndraft " + d.ID().String()
	}
	return text
}

// Two that watch each other send nothing back.
func TestWatchersOfEachOther(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(20, 4, 500)
	d.commit()
	r := newReplica(t, d.id, testKey(2))
	there := r.watch(dial(t, server(nil, d), r.key))
	r.mustNext(there)
	// The origin watches its clone.
	mirror := &dataset{Local: r.local(), t: t, id: d.id}
	moved := make(chan Stats, 100)
	s := server(&ServerOptions{Done: func(s Served) { moved <- s.Stats }}, mirror)
	origin := &replica{t: t, id: d.id, key: d.key, store: d.Store, refs: d.Refs}
	back := origin.watch(dial(t, s, d.key))
	origin.mustNext(back)
	<-moved
	for i := range 5 {
		d.change(i, 1, i)
		d.commit()
		heads, err := d.KnownLogs(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := back.Knows(heads); err != nil {
			t.Fatal(err)
		}
		r.mustNext(there)
	}
	// The clone says something itself; that alone, and no object, goes to the origin.
	if _, err := r.refs.Update(t.Context(), refs.Change{Name: "heads/main", New: d.head}); err != nil {
		t.Fatal(err)
	}
	o := origin.mustNext(back)
	if len(o.Offer.Statements) != 1 || o.Offer.Statements[0].Statement().Log.Signer != r.key.PeerID() || o.Stats.Objects != 0 {
		t.Errorf("back came %+v, %+v", o.Offer, o.Stats)
	}
	if s := <-moved; s.Objects != 0 || s.BytesOut > 1000 || len(moved) > 0 {
		t.Errorf("the clone sent %+v, and %d times more", s, len(moved))
	}
}

// A server that lacks objects leaves a gap, which is filled by another; the watch goes on.
func TestWatchGoesOnAfterAGap(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 50)
	d.commit()
	r := newReplica(t, d.id, testKey(2))
	holed := &holedStore{Store: d.Store}
	thin := &dataset{Local: &Local{Store: holed, Refs: d.Refs}, t: t, id: d.id}
	w := r.watch(dial(t, server(nil, thin), r.key))
	r.mustNext(w)
	d.change(1, 1, 3)
	holed.hide(d.groups[1][1].ID())
	before := r.said()
	d.commit()
	if _, err := r.next(w); !errors.Is(err, ErrIncomplete) {
		t.Fatalf("%v, want ErrIncomplete", err)
	}
	if r.said() != before {
		t.Error("a statement is believed whose objects are missing")
	}
	req := r.request()
	req.Resume = true
	result, err := Sync(t.Context(), dial(t, server(nil, d), r.key), req, r.sink(), nil)
	if err != nil || result.Stats.Objects != 1 {
		t.Fatalf("filling the gap took %+v: %v", result.Stats, err)
	}
	wantComplete(t, r.store, d.head)
	d.change(0, 0, 3)
	d.commit()
	r.mustNext(w)
	wantComplete(t, r.store, d.head)
}

// holedStore hides an object.
type holedStore struct {
	object.Store
	mu     sync.Mutex
	hidden object.ID
}

func (s *holedStore) hide(id object.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hidden = id
}

func (s *holedStore) hides(id object.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return id == s.hidden
}

// Get implements [object.Reader].
func (s *holedStore) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if s.hides(id) {
		return nil, object.ErrNotFound
	}
	return s.Store.Get(ctx, id)
}

// Has implements [object.Reader].
func (s *holedStore) Has(ctx context.Context, id object.ID) (bool, error) {
	if s.hides(id) {
		return false, nil
	}
	return s.Store.Has(ctx, id)
}

func TestWatchEndsForWhoMayNotRead(t *testing.T) {
	ana := testKey(1)
	d := newDataset(t, ana, nil)
	d.fill(1, 1, 5)
	d.commit()
	r := newReplica(t, d.id, testKey(2))
	w := r.watch(dial(t, server(nil, d), r.key))
	r.mustNext(w)
	private := nextVersion(t, d, func(id *refs.Identity) { id.Audience = refs.PeopleOnly }, ana)
	if _, err := d.Refs.Import(t.Context(), refs.Incoming{Identities: []*refs.SignedIdentity{private}}); err != nil {
		t.Fatal(err)
	}
	result, err := r.next(w)
	if !errors.Is(err, ErrNotFound) || len(result.Offer.Identities) > 0 {
		t.Errorf("%v, and %d identities", err, len(result.Offer.Identities))
	}
	if _, again := r.next(w); again != err {
		t.Errorf("the watch that ended with %v now says %v", err, again)
	}
}

// watchedDataset tells of changes when the test says so.
type watchedDataset struct {
	Dataset
	changed chan struct{}
}

// Changes implements [Watchable].
func (d *watchedDataset) Changes(context.Context) <-chan struct{} { return d.changed }

func only(ds Dataset, o *ServerOptions) *Server {
	return NewServer(func(context.Context, refs.PeerID, object.ID) (Dataset, error) { return ds, nil }, o)
}

func TestWatchEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(s *Server, d *watchedDataset)
		want error
	}{
		{"when the dataset is served no more", func(_ *Server, d *watchedDataset) { close(d.changed) }, ErrDisconnected},
		{"when the server stops", func(s *Server, _ *watchedDataset) { s.Stop(); s.Stop() }, ErrDisconnected},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDataset(t, testKey(1), nil)
			watched := &watchedDataset{d.Local, make(chan struct{})}
			s := only(watched, nil)
			r := newReplica(t, d.id, testKey(2))
			w := r.watch(dial(t, s, r.key))
			r.mustNext(w)
			test.end(s, watched)
			if _, err := r.next(w); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	d := newDataset(t, testKey(1), nil)
	r := newReplica(t, d.id, testKey(2))
	w := r.watch(dial(t, only(struct{ Dataset }{d.Local}, nil), r.key))
	if _, err := r.next(w); !errors.Is(err, ErrUnsupported) {
		t.Errorf("of a dataset that tells nothing: %v", err)
	}
}

func TestWatchLimits(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.commit()
	s := server(&ServerOptions{MaxRequests: 1, MaxWatches: 3, MaxWatchesPerPeer: 2}, d)
	begin := func(key *refs.Key) (*replica, *Watching, error) {
		r := newReplica(t, d.id, key)
		w := r.watch(dial(t, s, key))
		_, err := r.next(w)
		return r, w, err
	}
	var open []*Watching
	for _, b := range []byte{2, 2, 3} {
		r, w, err := begin(testKey(b))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, w)
		// The one request at a time is for others.
		r.mustSync(dial(t, s, r.key))
	}
	_, _, err := begin(testKey(2))
	var told *RemoteError
	if !errors.As(err, &told) || !errors.Is(err, ErrBusy) || told.Limit() != LimitWatches {
		t.Errorf("a fourth watch: %v", err)
	}
	open[2].Close()
	for { // it takes the server a moment to see that the place is free
		_, _, err = begin(testKey(2))
		if !errors.As(err, &told) || told.Limit() != LimitWatches {
			break
		}
	}
	if !errors.Is(err, ErrBusy) || told.Limit() != LimitPeerWatches {
		t.Errorf("a third watch of one peer: %v", err)
	}
}

// quiet returns a served dataset whose changes the test tells of, in a bubble of
// synthetic time.
func quiet(t *testing.T) (*dataset, *watchedDataset, *replica) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 4000)
	d.commit()
	return d, &watchedDataset{d.Local, make(chan struct{}, 1)}, newReplica(t, d.id, testKey(2))
}

func TestWatchOutlivesSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, watched, r := quiet(t)
		near, far := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- only(watched, nil).Serve(context.Background(), r.key.PeerID(), far) }()
		w, err := Watch(t.Context(), near, r.request(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.mustSyncFirst(w)
		begun := time.Now()
		go func() {
			time.Sleep(9 * time.Hour)
			d.commit()
			watched.changed <- struct{}{}
		}()
		if _, err := w.Next(t.Context(), r.sink()); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); waited != 9*time.Hour {
			t.Errorf("the news came after %s", waited)
		}
		w.Close()
		if err := <-served; err != nil && !errors.Is(err, ErrDisconnected) {
			t.Error(err)
		}
	})
}

func (r *replica) mustSyncFirst(w *Watching) {
	r.t.Helper()
	if _, err := w.Next(context.Background(), r.sink()); err != nil {
		r.t.Fatal(err)
	}
}

// A peer that is gone without a word is noticed by either side.
func TestWatchNoticesADeadPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, watched, r := quiet(t)
		near, far := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- only(watched, nil).Serve(context.Background(), r.key.PeerID(), far) }()
		line := newHole(near)
		w, err := Watch(t.Context(), line, r.request(), nil)
		if err != nil {
			t.Fatal(err)
		}
		r.mustSyncFirst(w)
		line.cut()
		begun := time.Now()
		if _, err := w.Next(t.Context(), r.sink()); !errors.Is(err, ErrStalled) || time.Since(begun) > 2*time.Minute {
			t.Errorf("the client says after %s: %v", time.Since(begun), err)
		}
		if err := <-served; !errors.Is(err, ErrStalled) || time.Since(begun) > 4*time.Minute {
			t.Errorf("the server says after %s: %v", time.Since(begun), err)
		}
		near.Close()
	})
}

// hole is a stream that takes everything and gives nothing once it is cut, as a line
// that goes nowhere does.
type hole struct {
	net.Conn
	dead   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func newHole(c net.Conn) *hole {
	return &hole{Conn: c, dead: make(chan struct{}), closed: make(chan struct{})}
}

// cut goes on taking what the far side sends, so that it notices nothing.
func (h *hole) cut() { close(h.dead) }

// Read implements [io.Reader].
func (h *hole) Read(p []byte) (int, error) {
	for {
		n, err := h.Conn.Read(p)
		select {
		case <-h.dead:
			if err == nil {
				continue
			}
			<-h.closed
			return 0, net.ErrClosed
		default:
			return n, err
		}
	}
}

// Write implements [io.Writer].
func (h *hole) Write(p []byte) (int, error) {
	select {
	case <-h.dead:
		return len(p), nil
	default:
		return h.Conn.Write(p)
	}
}

// Close implements [io.Closer]. The far side does not hear of it.
func (h *hole) Close() error {
	select {
	case <-h.dead:
		h.once.Do(func() { close(h.closed) })
		return h.Conn.SetReadDeadline(time.Now())
	default:
		return h.Conn.Close()
	}
}

// A watcher that takes nothing is given up as soon as there is something to send, and
// not before; others are told meanwhile.
func TestWatcherThatTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, watched, _ := quiet(t)
		s := only(watched, nil)
		near, far := net.Pipe()
		served := make(chan error, 1)
		go func() { served <- s.Serve(context.Background(), testKey(7).PeerID(), far) }()
		c := newConn(near)
		// It answers stills, as its reader does, but takes no frame of an update.
		c.pulse.Store(newPulse(func() error { return errors.Join(c.writeFrame(frameStill), c.flush()) }))
		lazy := newReplica(t, d.id, testKey(7))
		m := (&syncing{c: c, req: lazy.request(), o: &SyncOptions{}}).message()
		if err := errors.Join(c.writeFrame(frameWatch, m.encode()), c.flush()); err != nil {
			t.Fatal(err)
		}
		for ends := 0; ends < 2; {
			ft, _, err := c.next()
			if err != nil {
				t.Fatal(err)
			}
			if ft == frameEnd {
				ends++
			}
		}
		time.Sleep(time.Hour)
		select {
		case err := <-served:
			t.Fatalf("given up while nothing was new: %v", err)
		default:
		}
		for i := range 4 { // more than what is read ahead
			d.groups[0][i%2] = object.New(object.KindSegment, []byte(noise(1<<21, byte(i))))
			d.commit()
			select {
			case watched.changed <- struct{}{}:
			default: // the server is at the last one
			}
			synctest.Wait()
		}
		begun := time.Now()
		if err := <-served; !errors.Is(err, ErrStalled) || time.Since(begun) > 3*time.Minute {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
		c.abandon()
	})
}

func noise(n int, seed byte) string {
	b := make([]byte, n)
	x := uint32(seed) + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		b[i] = byte(x)
	}
	return string(b)
}

// hostile plays the server of a watch: it answers the request truly, and then does what
// the script says. It returns what the client says in the end.
func hostile(t *testing.T, d *dataset, victim *replica, script func(c *conn)) error {
	t.Helper()
	stream := liar(t, func(c *conn) {
		d.offer(c)
		c.writeFrame(frameEnd, (&endMessage{}).encode())
		c.flush()
		script(c)
	})
	w, err := Watch(context.Background(), stream, victim.request(), &SyncOptions{Stall: 5 * time.Second, MaxBytes: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for {
		if _, err := w.Next(context.Background(), victim.sink()); err != nil {
			return err
		}
	}
}

func TestHostileServersOfWatches(t *testing.T) {
	end := func(c *conn, objects uint64) error {
		return errors.Join(c.writeFrame(frameEnd, (&endMessage{objects: objects}).encode()), c.flush())
	}
	empty := func(c *conn) error { return errors.Join(end(c, 0), end(c, 0)) } // an offer and a run
	eve := testKey(9)
	stray := object.New(object.KindChunk, []byte("junk"))
	for _, test := range []struct {
		name   string
		script func(t *testing.T, d *dataset, c *conn)
		want   error
	}{
		{"objects that nobody asked for", func(_ *testing.T, d *dataset, c *conn) {
			d.offer(c)
			writeObject(c, stray.ID(), raw(stray))
		}, ErrForged},
		{"objects of the first answer again", func(_ *testing.T, d *dataset, c *conn) {
			end(c, 0)
			writeObject(c, d.head, raw(stray))
		}, ErrForged},
		{"objects without an offer", func(_ *testing.T, _ *dataset, c *conn) { writeObject(c, stray.ID(), raw(stray)) }, ErrProtocol},
		{"offers without an end of what is known", func(_ *testing.T, d *dataset, c *conn) {
			s := d.pushed().Statements[0].Encode()
			for c.writeFrame(frameStatement, s) == nil {
			}
		}, ErrProtocol},
		{"updates without an end of what is known", func(_ *testing.T, d *dataset, c *conn) {
			s := d.pushed().Statements[0].Encode()
			for range 200 { // many statements, so that the test is short
				for range 1000 {
					if c.writeFrame(frameStatement, s) != nil {
						return
					}
				}
				if empty(c) != nil {
					return
				}
			}
		}, ErrProtocol},
		{"empty updates without an end", func(_ *testing.T, _ *dataset, c *conn) {
			for empty(c) == nil {
			}
		}, ErrProtocol},
		{"a flood of stills", func(_ *testing.T, _ *dataset, c *conn) {
			for c.writeFrame(frameStill) == nil && c.flush() == nil {
			}
		}, ErrProtocol},
		{"a still that says something", func(_ *testing.T, _ *dataset, c *conn) {
			c.writeFrame(frameStill, []byte("x"))
			c.flush()
		}, ErrProtocol},
		{"endless frames of unknown types", func(_ *testing.T, _ *dataset, c *conn) {
			for c.writeFrame(0x90, make([]byte, maxControlFrame)) == nil {
			}
		}, ErrProtocol},
		{"too many bytes", func(t *testing.T, d *dataset, c *conn) {
			d.groups[0][0] = object.New(object.KindSegment, []byte(noise(2<<20, 1)))
			d.commit()
			d.offer(c)
			for _, o := range ordered(t, d) {
				writeObject(c, o.ID(), raw(o))
			}
		}, ErrTooLarge},
		{"a want", func(_ *testing.T, _ *dataset, c *conn) {
			c.writeFrame(frameWant, (&wantMessage{}).encode())
			c.flush()
		}, ErrProtocol},
		{"an update that stops in the middle", func(_ *testing.T, d *dataset, c *conn) {
			d.offer(c)
			c.stream.Close()
		}, ErrDisconnected},
		{"an update of which half is held back", func(t *testing.T, d *dataset, c *conn) {
			d.change(0, 0, 1)
			d.commit()
			d.offer(c)
			head, err := d.Store.Get(t.Context(), d.head)
			if err != nil {
				t.Error(err)
			}
			writeObject(c, d.head, raw(head))
			end(c, 1)
		}, ErrIncomplete},
		{"a stranger's word", func(t *testing.T, d *dataset, c *conn) {
			s := statement(t, eve, refs.Statement{Dataset: d.id, IdentityVersion: 9, Identity: object.Sum(nil), Seq: 1})
			c.writeFrame(frameStatement, s.Encode())
			empty(c)
		}, refs.ErrUnknownIdentity},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDataset(t, testKey(1), nil)
			d.fill(1, 1, 5)
			d.commit()
			victim := newReplica(t, d.id, testKey(2))
			victim.mustSync(dial(t, server(nil, d), victim.key))
			before := victim.said()
			if err := hostile(t, d, victim, func(c *conn) { test.script(t, d, c) }); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if after := victim.said(); after != before {
				t.Errorf("what is believed has changed:\n%s\n%s", before, after)
			}
		})
	}
}

// A server that goes back to an older state is not believed, and keeps nobody from hearing the news.
func TestWatchIgnoresWhatIsOlder(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(1, 1, 5)
	d.commit()
	old := d.pushed().Statements[0]
	d.change(0, 0, 1)
	d.commit()
	victim := newReplica(t, d.id, testKey(2))
	victim.mustSync(dial(t, server(nil, d), victim.key))
	err := hostile(t, d, victim, func(c *conn) {
		c.writeFrame(frameStatement, old.Encode())
		for range 2 {
			c.writeFrame(frameEnd, (&endMessage{}).encode())
		}
		c.flush()
		d.change(0, 0, 2)
		d.commit()
		d.offer(c)
		n := uint64(0)
		for _, o := range ordered(t, d) {
			if held, err := victim.store.Has(t.Context(), o.ID()); err == nil && !held {
				writeObject(c, o.ID(), raw(o))
				n++
			}
		}
		c.writeFrame(frameEnd, (&endMessage{objects: n}).encode())
		c.flush()
	})
	if !errors.Is(err, ErrDisconnected) {
		t.Error(err)
	}
	if head := victim.holds(d.log()); head.Statement().Seq != 3 {
		t.Errorf("statement %d is known, want the third", head.Statement().Seq)
	}
}

// ordered returns what the dataset's head reaches, each object after one that links to it.
func ordered(t *testing.T, d *dataset) []object.Object {
	t.Helper()
	var list []object.Object
	seen := make(map[object.ID]bool)
	for queue := []object.ID{d.head}; len(queue) > 0; queue = queue[1:] {
		id := queue[0]
		if seen[id] {
			continue
		}
		seen[id] = true
		o, err := d.Store.Get(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, o)
		links, err := object.Links(o)
		if err != nil {
			t.Fatal(err)
		}
		queue = append(queue, links...)
	}
	return list
}

func TestHostileWatchers(t *testing.T) {
	known := (&knownMessage{logs: make([]KnownLog, maxKnown)}).encode()
	for _, test := range []struct {
		name   string
		script func(c *conn)
		want   error
	}{
		{"a flood of what is known", func(c *conn) {
			for c.writeFrame(frameKnown, known) == nil && c.flush() == nil {
			}
		}, ErrBadRequest},
		{"a flood of stills", func(c *conn) {
			for c.writeFrame(frameStill) == nil && c.flush() == nil {
			}
		}, ErrProtocol},
		{"a want", func(c *conn) {
			c.writeFrame(frameWant, (&wantMessage{}).encode())
			c.flush()
		}, ErrBadRequest},
		{"junk", func(c *conn) {
			c.writeFrame(frameKnown, []byte{1, 2, 3})
			c.flush()
		}, ErrBadRequest},
		{"it leaves in the middle of a frame", func(c *conn) {
			c.w.Write([]byte{byte(frameKnown), 5, 1})
			c.flush()
			c.stream.Close()
		}, ErrDisconnected},
		{"it leaves", func(c *conn) { c.stream.Close() }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDataset(t, testKey(1), nil)
			d.commit()
			near, far := net.Pipe()
			served := make(chan error, 1)
			go func() { served <- server(nil, d).Serve(context.Background(), testKey(9).PeerID(), far) }()
			c := newConn(near)
			defer c.abandon()
			req := newReplica(t, d.id, testKey(9)).request()
			m := (&syncing{c: c, req: req, o: &SyncOptions{}}).message()
			c.writeFrame(frameWatch, m.encode())
			c.flush()
			for ends := 0; ends < 2; { // the offer's, and the run's
				ft, _, err := c.next()
				if err != nil {
					t.Fatal(err)
				}
				if ft == frameEnd {
					ends++
				}
			}
			test.script(c)
			if err := <-served; !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
	d := newDataset(t, testKey(1), nil)
	near, far := net.Pipe()
	served := make(chan error, 1)
	go func() { served <- server(nil, d).Serve(context.Background(), testKey(9).PeerID(), far) }()
	c := newConn(near)
	defer c.abandon()
	m := (&syncing{c: c, req: newReplica(t, d.id, testKey(9)).request(), o: &SyncOptions{}}).message()
	m.budget = 1
	c.writeFrame(frameWatch, m.encode())
	c.flush()
	if err := <-served; !errors.Is(err, ErrUnsupported) {
		t.Errorf("with a budget: %v", err)
	}
}

func TestHeldCommitsAreBounded(t *testing.T) {
	id := func(n int) object.ID { return object.Sum([]byte{byte(n), byte(n >> 8)}) }
	var named []object.ID
	for n := range MaxHaves {
		named = append(named, id(n))
	}
	var h heldCommits
	h.add(refs.LogID{}, named)
	a, b := refs.LogID{Copy: refs.CopyID{1}}, refs.LogID{Copy: refs.CopyID{2}}
	h.add(a, []object.ID{id(1000)})
	h.add(b, []object.ID{id(2000), id(3)})
	for n := range 1000 {
		h.add(a, []object.ID{id(1000 + n)})
	}
	list := h.list()
	if len(list) != MaxHaves || list[0] != id(1999) || list[1] != id(2000) || list[2] != id(3) || list[3] != id(0) {
		t.Errorf("%d commits", len(list))
	}
	if slices.Contains(list, id(1998)) {
		t.Error("what a log pointed to before takes a place")
	}
}

func TestAllowance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAllowance(10, time.Second)
		for _, step := range []struct {
			after time.Duration
			n     int
			want  bool
		}{
			{0, 10, true}, {0, 1, false}, {1500 * time.Millisecond, 1, true}, {500 * time.Millisecond, 1, true},
			{0, 1, false}, {time.Hour, 11, false}, {2 * time.Second, 2, true}, {time.Hour, 10, true}, {0, 1, false},
		} {
			time.Sleep(step.after)
			if got := a.take(step.n); got != step.want {
				t.Errorf("%d after %s: %t", step.n, step.after, got)
			}
		}
	})
}

// BenchmarkWatch takes one changed cell by a watch; compare BenchmarkUpdate.
func BenchmarkWatch(b *testing.B) {
	d := newDataset(b, testKey(1), nil)
	d.fill(100, 10, 2000)
	d.commit()
	r := newReplica(b, d.id, testKey(2))
	r.store = mem.New()
	w := r.watch(dial(b, server(nil, d), r.key))
	r.mustNext(w)
	bytes := int64(0)
	for n := 0; b.Loop(); n++ {
		b.StopTimer()
		d.change(n%100, n%10, n%2000)
		b.StartTimer()
		d.commit()
		bytes = r.mustNext(w).Stats.BytesIn
	}
	b.ReportMetric(float64(bytes), "wire-bytes")
}
