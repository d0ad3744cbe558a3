package transport

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
)

// collector is a visitor that notes what a walk visits, and checks its order.
type collector struct {
	t       interface{ Errorf(string, ...any) }
	r       object.Reader
	allowed map[object.ID]bool
	visited map[object.ID]bool
	absents []object.ID
}

func collect(t interface{ Errorf(string, ...any) }, r object.Reader, wants []object.ID) *collector {
	c := &collector{t: t, r: r, allowed: make(map[object.ID]bool), visited: make(map[object.ID]bool)}
	for _, id := range wants {
		c.allowed[id] = true
	}
	return c
}

func (c *collector) inner(_ context.Context, s step, o object.Object) error {
	if !c.allowed[s.id] {
		c.t.Errorf("%s was visited before anything that links to it", s.id.Short())
	}
	if c.visited[s.id] {
		c.t.Errorf("%s was visited twice", s.id.Short())
	}
	c.visited[s.id] = true
	links, err := object.Links(o)
	for _, id := range links {
		c.allowed[id] = true
	}
	return err
}

func (c *collector) leaf(ctx context.Context, s step) error {
	o, err := c.r.Get(ctx, s.id)
	if err != nil {
		return err
	}
	return c.inner(ctx, s, o)
}

func (c *collector) absent(id object.ID, _ int) error {
	c.absents = append(c.absents, id)
	return nil
}

// graph makes a history with merges, whose trees share much.
func graph(t *rapid.T, store *mem.Store) []object.ID {
	ctx := context.Background()
	seed := rapid.Uint64().Draw(t, "seed")
	r := rand.New(rand.NewPCG(seed, 1))
	put := func(o object.Object) object.ID {
		id, err := store.Put(ctx, o, object.ID{})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	var commits []object.ID
	groups := make([]uint64, 6)
	for n := range rapid.IntRange(1, 12).Draw(t, "commits") {
		groups[r.IntN(len(groups))] = r.Uint64N(8)
		var tree object.Encoder
		for i := 0; i < len(groups); i += 1 + r.IntN(2) {
			var group object.Encoder
			for j := range 1 + groups[i]%3 {
				group.Link(put(segment(groups[i]+j, 3)))
			}
			id := put(group.Object(object.KindGroup))
			if r.IntN(2) == 0 {
				var node object.Encoder
				node.Link(id)
				id = put(node.Object(object.KindNode))
			}
			tree.Link(id)
		}
		c := object.Commit{Tree: put(tree.Object(object.KindTree)), Author: "Ana", Time: object.Moment{Unix: int64(n)}}
		if r.IntN(4) == 0 {
			c.Time.Unix = int64(r.IntN(20)) // a clock that is wrong
		}
		for range min(len(commits), 1+r.IntN(2)) {
			if p := commits[len(commits)-1-r.IntN(min(3, len(commits)))]; !slices.Contains(c.Parents, p) {
				c.Parents = append(c.Parents, p)
			}
		}
		o, err := c.Object()
		if err != nil {
			t.Fatal(err)
		}
		commits = append(commits, put(o))
	}
	return commits
}

// Whatever the graph: nothing that the haves lack is left out, and nothing is
// visited twice or before something that links to it.
func TestWalkFindsTheDifference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		store := mem.New()
		commits := graph(rt, store)
		pick := func(label string, least int) (ids []object.ID) {
			for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(commits)-1), least, 3).Draw(rt, label) {
				ids = append(ids, commits[i])
			}
			return ids
		}
		wants, haves := pick("wants", 1), pick("haves", 0)
		c := collect(rt, store, wants)
		d := &difference{r: store, v: c}
		if err := d.run(context.Background(), wants, haves); err != nil {
			rt.Fatal(err)
		}
		held := reachable(t, store, haves...)
		all := reachable(t, store, wants...)
		for id, o := range all {
			if held[id] == nil && !c.visited[id] {
				rt.Fatalf("the %s %s was left out", o.Kind(), id.Short())
			}
		}
		for id := range c.visited {
			if all[id] == nil {
				rt.Fatalf("%s was visited and is not reachable", id.Short())
			}
		}
		if len(c.absents) > 0 {
			rt.Fatalf("absent: %v", c.absents)
		}
	})
}

// counting counts what is read.
type counting struct {
	object.Reader
	gets int
}

func (c *counting) Get(ctx context.Context, id object.ID) (object.Object, error) {
	c.gets++
	return c.Reader.Get(ctx, id)
}

func TestWalkReadsAboutTheDifference(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(400, 3, 5)
	for range 20 {
		d.commit()
		d.change(7, 1, 1)
	}
	have := d.head
	d.change(200, 2, 3)
	want := d.commit()
	r := &counting{Reader: d.Store}
	c := collect(t, d.Store, []object.ID{want})
	if err := (&difference{r: r, v: c}).run(t.Context(), []object.ID{want}, []object.ID{have}); err != nil {
		t.Fatal(err)
	}
	if len(c.visited) > 10 {
		t.Errorf("%d objects were visited", len(c.visited))
	}
	if r.gets > 40 {
		t.Errorf("%d objects were read for a difference of %d", r.gets, len(c.visited))
	}
}

func BenchmarkWalkUpdate(b *testing.B) {
	d := newDataset(b, testKey(1), nil)
	d.fill(500, 10, 20)
	have := d.commit()
	d.change(200, 2, 3)
	want := d.commit()
	for b.Loop() {
		c := collect(b, d.Store, []object.ID{want})
		if err := (&difference{r: d.Store, v: c}).run(context.Background(), []object.ID{want}, []object.ID{have}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkIDSet(b *testing.B) {
	ids := make([]object.ID, 1<<16)
	for i := range ids {
		ids[i] = object.Sum([]byte{byte(i), byte(i >> 8)})
	}
	b.ReportAllocs()
	for b.Loop() {
		var s idSet
		for _, id := range ids {
			s.add(id)
		}
	}
}

// What is wanted exactly comes alone, whatever it links to and however often it is named.
func TestExact(t *testing.T) {
	d := newDataset(t, testKey(1), nil)
	d.fill(2, 2, 20)
	d.commit()
	d.change(0, 0, 1)
	d.commit()
	missing := object.Sum([]byte("missing"))
	leaf := d.groups[1][1].ID()
	c := newConn(dial(t, server(nil, d), testKey(2)))
	defer c.abandon()
	s := &syncing{c: c, req: &SyncRequest{Dataset: d.id, StatementsOnly: true}, o: &SyncOptions{}, result: &SyncResult{Offer: Offer{Dataset: d.id}}}
	if err := s.ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := wantMessage{flags: flagExact | flagGuess, wants: []object.ID{d.head, leaf, missing, d.head}}
	if err := errors.Join(c.writeFrame(frameWant, want.encode()), c.flush()); err != nil {
		t.Fatal(err)
	}
	var got []object.ID
	for {
		ft, body, err := c.next()
		if err != nil {
			t.Fatal(err)
		}
		if ft == frameEnd {
			end, err := decodeEnd(body)
			if err != nil || end.status != endMissing || end.missing != 1 || end.objects != 2 {
				t.Errorf("%+v, %v", end, err)
			}
			break
		}
		id, _, err := decodeObject(body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, id)
	}
	if !slices.Equal(got, []object.ID{d.head, leaf}) {
		t.Errorf("%d objects came, want the commit and the segment", len(got))
	}
}
