package hostile

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sizes returns how large a graph or how long a flood is to be.
func sizes(short, usual, full int) int {
	switch {
	case os.Getenv("CONSTL_HOSTILE") == "full":
		return full
	case testing.Short():
		return short
	}
	return usual
}

var (
	testTime = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	ana      = transporttest.Key(1) // a maintainer
	vic      = transporttest.Key(2) // a reader
	mallory  = transporttest.Key(9) // nobody
)

// dataset is a dataset and whoever holds it.
type dataset struct {
	*transport.Local
	t    testing.TB
	id   object.ID
	head object.ID
	made int // commits
}

// newDataset returns a dataset of Ana's without commits.
func newDataset(t testing.TB, store object.Store, change func(*refs.Identity)) *dataset {
	t.Helper()
	person := refs.Person{Name: "Ana", Role: refs.Maintainer, Devices: []refs.Device{{Key: ana.PeerID(), Name: "laptop"}}}
	identity := refs.NewIdentity("Moths", person, testTime)
	if change != nil {
		change(identity)
	}
	first, err := refs.SignIdentity(identity, ana)
	if err != nil {
		t.Fatal(err)
	}
	chain, err := refs.VerifyChain(first.ID(), []*refs.SignedIdentity{first})
	if err != nil {
		t.Fatal(err)
	}
	return &dataset{Local: &transport.Local{Store: store, Refs: createRefs(t, chain, ana)}, t: t, id: first.ID()}
}

func createRefs(t testing.TB, chain *refs.Chain, key *refs.Key) *refs.Store {
	t.Helper()
	s, err := newRefs(t, chain, key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func newRefs(t testing.TB, chain *refs.Chain, key *refs.Key) (*refs.Store, error) {
	now := func() time.Time { return testTime }
	return refs.Create(context.Background(), filepath.Join(t.TempDir(), "refs"), chain, &refs.Options{Key: key, Now: now})
}

// linked returns an object of the kind with the links and the rest of a body.
func linked(kind object.Kind, body string, links ...object.ID) object.Object {
	var e object.Encoder
	for _, l := range links {
		e.Link(l)
	}
	e.Raw([]byte(body))
	return e.Object(kind)
}

func chunk(text string) object.Object { return object.New(object.KindChunk, []byte(text)) }

// noise returns so many bytes that do not compress.
func noise(seed uint64, n int) []byte {
	var key [32]byte
	key[0], key[1], key[2] = byte(seed), byte(seed>>8), byte(seed>>16)
	b := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// signedCommit returns a commit of Ana's.
func signedCommit(t testing.TB, tree object.ID, n int, parents ...object.ID) object.Object {
	t.Helper()
	c := &object.Commit{Tree: tree, Parents: parents, Author: "Ana", Time: object.Moment{Unix: testTime.Unix() + int64(n)}}
	if err := c.Sign(ana); err != nil {
		t.Fatal(err)
	}
	o, err := c.Object()
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// put stores objects, each with the likely base of a delta.
func (d *dataset) put(base object.ID, objects ...object.Object) {
	d.t.Helper()
	b, err := d.Store.Begin(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, o := range objects {
		if _, err := b.Put(context.Background(), o, base); err != nil {
			d.t.Fatal(err)
		}
	}
	if err := b.Commit(context.Background()); err != nil {
		d.t.Fatal(err)
	}
}

// commit commits the tree and moves heads/main.
func (d *dataset) commit(tree object.ID) object.ID {
	d.t.Helper()
	var parents []object.ID
	if !d.head.IsZero() {
		parents = append(parents, d.head)
	}
	d.made++
	c := signedCommit(d.t, tree, d.made, parents...)
	d.put(d.head, c)
	d.point(c.ID())
	return d.head
}

// point moves heads/main, wherever it leads.
func (d *dataset) point(to object.ID) {
	d.t.Helper()
	if _, err := d.Refs.Update(context.Background(), refs.Change{Name: "heads/main", Old: d.head, New: to}); err != nil {
		d.t.Fatal(err)
	}
	d.head = to
}

// small is a dataset of two commits whose exchange takes some 1,500 bytes, deltas among them.
func small(t testing.TB) *dataset {
	d := newDataset(t, transporttest.Store(t), nil)
	readme := chunk("Moths, counted at night.")
	column := object.New(object.KindSegment, noise(1, 200))
	other := object.New(object.KindSegment, []byte("abcabcabcabcabcabcabcabcabcabcabcabcabcabc"))
	for range 2 {
		group := linked(object.KindGroup, "g", column.ID(), other.ID())
		tree := linked(object.KindTree, "t", group.ID(), readme.ID())
		d.put(object.ID{}, readme, group, tree, other)
		d.commit(tree.ID())
		changed := slices.Clone(column)
		changed[20] ^= 0x55
		d.put(column.ID(), changed)
		column = changed
	}
	return d
}

// table commits a table of so many groups of so many segments of noise, none of which is like another.
func (d *dataset) table(seed, groups, columns, bytes int) {
	d.t.Helper()
	var nodes []object.ID
	for g := range groups {
		var segments []object.ID
		var objects []object.Object
		for c := range columns {
			s := object.New(object.KindSegment, noise(uint64(seed+g*columns+c), bytes))
			objects, segments = append(objects, s), append(segments, s.ID())
		}
		group := linked(object.KindGroup, "g", segments...)
		d.put(object.ID{}, append(objects, group)...)
		nodes = append(nodes, group.ID())
	}
	node := linked(object.KindNode, "n", nodes...)
	tree := linked(object.KindTree, "t", node.ID())
	d.put(object.ID{}, node, tree)
	d.commit(tree.ID())
}

// reached returns all that the roots lead to.
func (d *dataset) reached(roots ...object.ID) map[object.ID]object.Object {
	d.t.Helper()
	all := make(map[object.ID]object.Object)
	err := object.Walk(context.Background(), d.Store, roots, nil, func(id object.ID, o object.Object) error {
		all[id] = o
		return nil
	})
	if err != nil {
		d.t.Fatal(err)
	}
	return all
}

// says returns what the dataset truly says, as frames of an offer, without its end.
func (d *dataset) says() []transporttest.Frame {
	d.t.Helper()
	var frames []transporttest.Frame
	push := d.offered()
	for _, v := range push.Identities {
		frames = append(frames, transporttest.Frame{Type: transporttest.FrameIdentity, Body: v.Encode()})
	}
	for _, v := range push.Statements {
		frames = append(frames, transporttest.Frame{Type: transporttest.FrameStatement, Body: v.Encode()})
	}
	return frames
}

// offered returns what Ana pushes.
func (d *dataset) offered() *transport.PushRequest {
	d.t.Helper()
	identities, err := d.Identities(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	heads, err := d.Heads(context.Background())
	if err != nil {
		d.t.Fatal(err)
	}
	return &transport.PushRequest{Dataset: d.id, Identities: identities, Statements: heads}
}

// server serves the datasets to whoever asks.
func server(o *transport.ServerOptions, datasets ...*dataset) *transport.Server {
	return transport.NewServer(func(_ context.Context, _ refs.PeerID, id object.ID) (transport.Dataset, error) {
		for _, d := range datasets {
			if d.id == id {
				return d.Local, nil
			}
		}
		return nil, transport.ErrNotFound
	}, o)
}

// memory returns an empty store in memory.
func memory() object.Store { return mem.New() }
