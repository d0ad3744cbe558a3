package transport

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/object/pack"
	"github.com/constl/constl/refs"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func testKey(b byte) *refs.Key {
	var seed [32]byte
	for i := range seed {
		seed[i] = b
	}
	return refs.KeyFromSeed(seed)
}

// dataset is a dataset with one table, whose cells the test changes.
type dataset struct {
	*Local
	t       testing.TB
	key     *refs.Key
	id      object.ID
	groups  [][]object.Object // segments
	head    object.ID
	commits int
	old     map[string]object.ID // the last id of each inner object, by its place
}

// newDataset returns a dataset without commits, in memory.
func newDataset(t testing.TB, key *refs.Key, change func(*refs.Identity)) *dataset {
	return newDatasetIn(t, mem.New(), key, change)
}

func newDatasetIn(t testing.TB, store object.Store, key *refs.Key, change func(*refs.Identity)) *dataset {
	t.Helper()
	person := refs.Person{Name: "Ana", Role: refs.Maintainer, Devices: []refs.Device{{Key: key.PeerID(), Name: "laptop"}}}
	identity := refs.NewIdentity("Moths of Tenerife", person, testTime)
	if change != nil {
		change(identity)
	}
	first, err := refs.SignIdentity(identity, key)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := refs.VerifyChain(first.ID(), []*refs.SignedIdentity{first})
	if err != nil {
		t.Fatal(err)
	}
	r, err := refs.Create(t.Context(), filepath.Join(t.TempDir(), "refs"), chain, &refs.Options{Key: key, Now: func() time.Time { return testTime }})
	if err != nil {
		t.Fatal(err)
	}
	return &dataset{
		Local: &Local{Store: store, Refs: r}, t: t, key: key, id: first.ID(), old: make(map[string]object.ID),
	}
}

// segment returns a column of numbers that compress about as measured values do.
func segment(seed uint64, rows int) object.Object {
	r := rand.New(rand.NewPCG(7, seed))
	buf := make([]byte, 0, 2*rows)
	for range rows {
		buf = binary.LittleEndian.AppendUint16(buf, uint16(r.NormFloat64()*300+2000))
	}
	return object.New(object.KindSegment, buf)
}

// fill gives the table so many groups and columns.
func (d *dataset) fill(groups, columns, rows int) {
	for g := range groups {
		var segments []object.Object
		for c := range columns {
			segments = append(segments, segment(uint64(g*1000+c), rows))
		}
		d.groups = append(d.groups, segments)
	}
}

// change writes a cell.
func (d *dataset) change(group, column, row int) {
	old := d.groups[group][column]
	changed := append(object.Object(nil), old...)
	changed[1+2*row] ^= 0x55
	d.groups[group][column] = changed
}

// commit stores the table and a small file, and moves heads/main.
func (d *dataset) commit() object.ID {
	d.t.Helper()
	ctx := context.Background()
	b, err := d.Store.Begin(ctx)
	if err != nil {
		d.t.Fatal(err)
	}
	put := func(place string, o object.Object) object.ID {
		id, err := b.Put(ctx, o, d.old[place])
		if err != nil {
			d.t.Fatal(err)
		}
		d.old[place] = id
		return id
	}
	const fanout = 8
	var nodes, table, tree object.Encoder
	var node object.Encoder
	for g, segments := range d.groups {
		var group object.Encoder
		for c, s := range segments {
			group.Link(put(fmt.Sprint("segment ", g, c), s))
		}
		group.Uvarint(uint64(len(segments)))
		node.Link(put(fmt.Sprint("group ", g), group.Object(object.KindGroup)))
		if (g+1)%fanout == 0 || g == len(d.groups)-1 {
			nodes.Link(put(fmt.Sprint("node ", g/fanout), node.Object(object.KindNode)))
			node = object.Encoder{}
		}
	}
	table.Link(put("schema", object.New(object.KindSchema, []byte("id,name,length"))))
	table.Link(put("nodes", nodes.Object(object.KindNode)))
	tree.Link(put("table", table.Object(object.KindTable)))
	tree.Link(put("readme", object.New(object.KindChunk, []byte("Moths, counted at night."))))
	d.commits++
	c := object.Commit{
		Tree: put("tree", tree.Object(object.KindTree)), Author: "Ana", Message: fmt.Sprint("count ", d.commits),
		Time: object.Moment{Unix: testTime.Unix() + int64(d.commits)},
	}
	if !d.head.IsZero() {
		c.Parents = []object.ID{d.head}
	}
	if err := c.Sign(d.key); err != nil {
		d.t.Fatal(err)
	}
	o, err := c.Object()
	if err != nil {
		d.t.Fatal(err)
	}
	id := put("commit", o)
	if err := b.Commit(ctx); err != nil {
		d.t.Fatal(err)
	}
	d.point("heads/main", d.head, id)
	d.head = id
	return id
}

func (d *dataset) point(name refs.Name, from, to object.ID) {
	d.t.Helper()
	if _, err := d.Refs.Update(context.Background(), refs.Change{Name: name, Old: from, New: to}); err != nil {
		d.t.Fatal(err)
	}
}

// server serves the datasets to whoever asks.
func server(o *ServerOptions, datasets ...*dataset) *Server {
	return NewServer(func(_ context.Context, _ refs.PeerID, id object.ID) (Dataset, error) {
		for _, d := range datasets {
			if d.id == id {
				return d.Local, nil
			}
		}
		return nil, ErrNotFound
	}, o)
}

// dial returns the client's end of a stream that the server serves, to a peer
// that has the key.
func dial(t testing.TB, s *Server, key *refs.Key) io.ReadWriteCloser {
	near, end := net.Pipe()
	client := &testStream{Conn: near}
	client.served.Go(func() {
		// What the server makes of a broken stream is seen at the other end.
		_ = s.Serve(context.Background(), key.PeerID(), end)
	})
	t.Cleanup(func() {
		client.Close()
		client.served.Wait()
	})
	return client
}

// replica is what a client has of a dataset.
type replica struct {
	t     testing.TB
	id    object.ID
	key   *refs.Key
	store object.Store
	refs  *refs.Store
}

func newReplica(t testing.TB, id object.ID, key *refs.Key) *replica {
	return &replica{t: t, id: id, key: key, store: mem.New()}
}

func (r *replica) sink() *LocalSink {
	return &LocalSink{Objects: r.store, Refs: r.refs, Create: func(ctx context.Context, chain *refs.Chain) (*refs.Store, error) {
		s, err := refs.Create(ctx, filepath.Join(r.t.TempDir(), "refs"), chain, &refs.Options{Key: r.key, Now: func() time.Time { return testTime }})
		r.refs = s
		return s, err
	}}
}

func (r *replica) local() *Local { return &Local{Store: r.store, Refs: r.refs} }

// request asks for what is new to the replica.
func (r *replica) request() *SyncRequest {
	r.t.Helper()
	req := &SyncRequest{Dataset: r.id}
	if r.refs == nil {
		return req
	}
	chain, err := r.refs.Chain()
	if err != nil {
		r.t.Fatal(err)
	}
	req.IdentityVersion = chain.Len()
	if req.Logs, err = r.local().KnownLogs(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	if req.Haves, err = r.local().Haves(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	return req
}

func (r *replica) sync(stream io.ReadWriteCloser) (*SyncResult, error) {
	return Sync(context.Background(), stream, r.request(), r.sink(), nil)
}

func (r *replica) mustSync(stream io.ReadWriteCloser) *SyncResult {
	r.t.Helper()
	result, err := r.sync(stream)
	if err != nil {
		r.t.Fatal(err)
	}
	return result
}

// wantComplete fails unless the store holds the commit and all that it reaches.
func wantComplete(t testing.TB, r object.Reader, id object.ID) {
	t.Helper()
	ids := reachable(t, r, id)
	if len(ids) < 5 {
		t.Fatalf("only %d objects are reachable", len(ids))
	}
}

// reachable returns all ids that the object reaches, itself included.
func reachable(t testing.TB, r object.Reader, roots ...object.ID) map[object.ID]object.Object {
	t.Helper()
	found := make(map[object.ID]object.Object)
	queue := roots
	for len(queue) > 0 {
		id := queue[0]
		queue = queue[1:]
		if found[id] != nil {
			continue
		}
		o, err := r.Get(context.Background(), id)
		if err != nil {
			t.Fatalf("walking: %v", err)
		}
		found[id] = o
		links, err := object.Links(o)
		if err != nil {
			t.Fatal(err)
		}
		queue = append(queue, links...)
	}
	return found
}

// packStore returns an empty store on disk.
func packStore(t testing.TB) object.Store {
	t.Helper()
	s, err := pack.Open(context.Background(), t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// cutStream ends after so many bytes were read from it.
type cutStream struct {
	io.ReadWriteCloser
	left atomic.Int64
}

var errCut = errors.New("the line is cut")

func cutAfter(stream io.ReadWriteCloser, n int64) *cutStream {
	c := &cutStream{ReadWriteCloser: stream}
	c.left.Store(n)
	return c
}

func (c *cutStream) Read(p []byte) (int, error) {
	left := c.left.Load()
	if left <= 0 {
		c.Close()
		return 0, errCut
	}
	n, err := c.ReadWriteCloser.Read(p[:min(int64(len(p)), left)])
	c.left.Add(-int64(n))
	return n, err
}

// cutWriter is a stream that ends after so many bytes were written to it.
type cutWriter struct {
	stream io.ReadWriteCloser
	left   int
}

func (c *cutWriter) Read(p []byte) (int, error) { return c.stream.Read(p) }

func (c *cutWriter) Write(p []byte) (int, error) {
	n, err := c.stream.Write(p[:min(len(p), c.left)])
	c.left -= n
	if err == nil && n < len(p) {
		c.stream.Close()
		err = errCut
	}
	return n, err
}

func (c *cutWriter) Close() error { return c.stream.Close() }

// wait returns when the other end has dealt with the cut.
func (c *cutWriter) wait() { c.stream.(*testStream).served.Wait() }

// testStream is a stream whose server can be waited for.
type testStream struct {
	net.Conn
	served sync.WaitGroup
}
