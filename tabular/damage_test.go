package tabular

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"

	"github.com/constl/constl/object"
)

// recording is a store that remembers what was put and with which base.
type recording struct {
	object.ReadWriter
	mu      sync.Mutex
	objects []object.Object
	bases   map[object.ID][]object.ID
}

func (s *recording) Put(ctx context.Context, o object.Object, bases ...object.ID) (object.ID, error) {
	id, err := s.ReadWriter.Put(ctx, o, bases...)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.objects = append(s.objects, o)
	if s.bases == nil {
		s.bases = make(map[object.ID][]object.ID)
	}
	s.bases[id] = bases
	return id, err
}

// TestBases asserts that what a small edit stores anew comes with the object
// that stood in its place, so that a store can keep it as a small delta.
func TestBases(t *testing.T) {
	g := observations(60_000, 1)
	store := &recording{ReadWriter: newStore()}
	parent := g.build(t, store, 10_000, nil)
	if parent.height == 0 {
		t.Fatal("the table has no nodes")
	}
	g.rows[30_000][5] = "99.9"
	before := len(store.objects)
	known := make(map[object.ID]object.Kind)
	for _, o := range store.objects {
		known[o.ID()] = o.Kind()
	}
	child := g.build(t, store, 10_000, &BuilderOptions{Parent: parent})
	if child.ID == parent.ID {
		t.Fatal("nothing changed")
	}
	fresh := make(map[object.Kind]int)
	for _, o := range store.objects[before:] {
		id := o.ID()
		if _, old := known[id]; old {
			continue
		}
		fresh[o.Kind()]++
		if bases := store.bases[id]; len(bases) != 1 || known[bases[0]] != o.Kind() {
			t.Errorf("a %s came with the bases %v, want one of its kind", o.Kind(), bases)
		}
	}
	for kind, want := range map[object.Kind]int{object.KindTable: 1, object.KindNode: parent.height, object.KindGroup: 1, object.KindSegment: 1} {
		if fresh[kind] != want {
			t.Errorf("%d new objects of kind %s, expected %d", fresh[kind], kind, want)
		}
	}
}

// TestOlderBases takes a change of a whole column back and makes a small one: what
// is new then comes with the objects that stood there before the change too.
func TestOlderBases(t *testing.T) {
	g := observations(60_000, 1)
	store := &recording{ReadWriter: newStore()}
	first := g.build(t, store, 10_000, nil)
	old := make([]string, len(g.rows))
	for i, row := range g.rows {
		old[i], row[5] = row[5], "x"+row[5]
	}
	second := g.build(t, store, 10_000, &BuilderOptions{Parent: first})
	for i, row := range g.rows {
		row[5] = old[i]
	}
	g.rows[30_000][5] = "99.9"
	width := len(g.names)
	before := len(store.objects)
	third := g.build(t, store, 10_000, &BuilderOptions{Parent: second, Older: []Older{{second, allColumns(width)}, {first, allColumns(width)}}})
	if len(store.objects)-before > 8 {
		t.Errorf("%d objects were put, most of which are held", len(store.objects)-before)
	}
	segments := make(map[object.ID]bool)
	for ref, err := range first.Groups(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		links, err := segmentLinks(t.Context(), first, child{id: ref.ID, rows: int64(ref.Rows), tail: ref.Tail}, allColumns(width))
		if err != nil {
			t.Fatal(err)
		}
		segments[links[5]] = true
	}
	found := false
	for _, o := range store.objects[before:] {
		bases := store.bases[o.ID()]
		if o.Kind() == object.KindSegment {
			found = len(bases) == 2 && !segments[bases[0]] && segments[bases[1]]
		} else if len(bases) != 2 {
			t.Errorf("a %s came with the bases %v, want one of each table", o.Kind(), bases)
		}
	}
	if !found {
		t.Error("the new segment did not come with that of the first table")
	}
	if plain := g.build(t, newStore(), 10_000, nil); plain.ID != third.ID {
		t.Error("hints changed the id")
	}
}

// TestOlderUnreadable gives a builder older tables that cannot be read.
func TestOlderUnreadable(t *testing.T) {
	g := observations(5000, 1)
	store := newStore()
	parent := g.build(t, store, 1000, nil)
	lost := *parent
	lost.r = newStore()
	g.rows[4000][5] = "99.9"
	older := []Older{{&lost, allColumns(len(g.names))}}
	g.build(t, store, 1000, &BuilderOptions{Parent: parent, Older: older})
	older[0].Columns = nil
	b := NewBuilder(t.Context(), store, len(g.names), nil, &BuilderOptions{Older: older})
	defer b.Close()
	if _, err := b.Rows(); !errors.Is(err, ErrMisused) {
		t.Errorf("columns that do not fit: %v", err)
	}
}

func TestSchemaValidate(t *testing.T) {
	f := func(ids ...string) *Schema {
		s := &Schema{}
		for _, id := range ids {
			s.Fields = append(s.Fields, Field{ID: id, Name: id, Type: TypeAny})
		}
		return s
	}
	with := func(s *Schema, key, chunkedBy []string) *Schema {
		s.Key, s.ChunkedBy = key, chunkedBy
		return s
	}
	for name, c := range map[string]struct {
		s  *Schema
		ok bool
	}{
		"plain":                       {f("a", "b"), true},
		"keyed":                       {with(f("a", "b"), []string{"b"}, []string{"b"}), true},
		"chunked by a dropped field":  {with(f("a"), nil, []string{"gone"}), true},
		"no field":                    {f(), false},
		"an id twice":                 {f("a", "a"), false},
		"no id":                       {f("a", ""), false},
		"no type":                     {&Schema{Fields: []Field{{ID: "a"}}}, false},
		"a key that is no field":      {with(f("a"), []string{"b"}, nil), false},
		"a key field twice":           {with(f("a"), []string{"a", "a"}, nil), false},
		"a chunking field twice":      {with(f("a"), nil, []string{"a", "a"}), false},
		"a chunking field without id": {with(f("a"), nil, []string{""}), false},
		"an id too long":              {f(string(make([]byte, MaxName+1))), false},
		"too many fields":             {&Schema{Fields: make([]Field, MaxFields+1)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := c.s.Object(); c.ok != (err == nil) || err != nil && !errors.Is(err, ErrInvalidSchema) {
				t.Error(err)
			}
		})
	}
}

// TestLies reads tables whose objects are well-formed each, but do not fit.
func TestLies(t *testing.T) {
	store := newStore()
	g := observations(3000, 1)
	table := g.build(t, store, 3000, nil)
	put := func(o object.Object) object.ID {
		id, err := store.Put(t.Context(), o, object.ID{})
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	rows := func(b *tableBody) error {
		lie, err := Open(t.Context(), store, put(encodeTable(b)))
		if err != nil {
			return err
		}
		return lie.ForEach(t.Context(), 1, func(*Group) error { return nil })
	}
	whole := func() *tableBody {
		return &tableBody{schema: table.SchemaID, layout: testLayout, root: table.root, height: table.height}
	}
	if err := rows(whole()); err != nil {
		t.Fatal(err)
	}
	segment := put(object.New(object.KindSegment, EncodeSegment(Cells{Ends: make([]uint32, 5)})))
	long := Cells{}
	for range 1000 {
		long.Append(make([]byte, 4000))
	}
	bomb := put(object.New(object.KindSegment, EncodeSegment(long)))
	links := func(n int, id object.ID) object.ID {
		segments := make([]segmentRef, 9)
		for i := range 8 {
			segments[i].link = id
		}
		return put(encodeGroup(n, segments))
	}
	for name, edit := range map[string]func(*tableBody){
		"a schema that is none":     func(b *tableBody) { b.schema = b.root.id },
		"a group that is none":      func(b *tableBody) { b.root.id = b.schema },
		"a node that is a group":    func(b *tableBody) { b.height = 1 },
		"more rows than the group":  func(b *tableBody) { b.root.rows++ },
		"segments of other lengths": func(b *tableBody) { b.root = child{id: links(6, segment), rows: 6} },
		"no segments":               func(b *tableBody) { b.root = child{id: links(6, b.schema), rows: 6} },
		"text without end":          func(b *tableBody) { b.root = child{id: links(1000, bomb), rows: 1000} },
		"a node with another sum": func(b *tableBody) {
			b.root, b.height = child{id: put(encodeNode(1, []child{b.root})), rows: 2 * b.root.rows, tail: b.root.tail}, 1
		},
		"a node with another tail": func(b *tableBody) {
			b.root, b.height = child{id: put(encodeNode(1, []child{b.root})), rows: b.root.rows, tail: 1}, 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := whole()
			edit(b)
			if err := rows(b); !errors.Is(err, object.ErrCorrupt) {
				t.Errorf("%v", err)
			}
		})
	}
	if _, err := Open(t.Context(), store, object.Sum(nil)); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("a table that is missing: %v", err)
	}
}

// TestCheck refuses tables that read well but are not what the rules make.
func TestCheck(t *testing.T) {
	store := newStore()
	g := observations(2000, 1)
	table := g.build(t, store, 2000, nil)
	if err := table.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, second := g.clone(), g.clone()
	first.rows, second.rows = g.rows[:1000], g.rows[1000:]
	a, b := first.build(t, store, 2000, nil), second.build(t, store, 2000, nil)
	node, err := store.Put(t.Context(), encodeNode(1, []child{a.root, b.root}), object.ID{})
	if err != nil {
		t.Fatal(err)
	}
	body := &tableBody{schema: table.SchemaID, layout: testLayout, height: 1, root: child{id: node, rows: 2000, tail: b.root.tail}}
	id, err := store.Put(t.Context(), encodeTable(body), object.ID{})
	if err != nil {
		t.Fatal(err)
	}
	odd, err := Open(t.Context(), store, id)
	if err != nil {
		t.Fatal(err)
	}
	if got := read(t, odd); len(got.rows) != 2000 {
		t.Fatalf("%d rows", len(got.rows))
	}
	if err := odd.Check(t.Context()); !errors.Is(err, object.ErrCorrupt) {
		t.Errorf("Check = %v", err)
	}
}

func TestNodeRules(t *testing.T) {
	ends := uint64(0)
	for !endsNode(1, ends, 1) {
		ends++
	}
	kids := []child{{id: object.Sum(nil), rows: 1, tail: ends}, {id: object.Sum(nil), rows: 1, tail: 1}}
	if _, _, err := decodeNode(encodeNode(1, kids)); !errors.Is(err, object.ErrCorrupt) {
		t.Errorf("a node that goes on: %v", err)
	}
	kids[0], kids[1] = kids[1], kids[0]
	if _, _, err := decodeNode(encodeNode(1, kids)); err != nil {
		t.Error(err)
	}
}

// TestMatchHashes pairs rows of equal hashes in order.
func TestMatchHashes(t *testing.T) {
	m := matchHashes([]uint64{7, 0, 7, 9}, []uint64{9, 7, 7, 7, 0, 1})
	want := []int32{3, 0, 2, -1, 1, -1}
	for i, p := range m.partner {
		if p != want[i] {
			t.Fatalf("partners %v, expected %v", m.partner, want)
		}
	}
	if len(m.twiceA) != 1 || m.twiceA[0] != 2 || len(m.twiceB) != 2 {
		t.Errorf("twice %v, %v", m.twiceA, m.twiceB)
	}
}

// tailBytes keeps the byte order of tails in view: it is part of the format.
func TestTailOrder(t *testing.T) {
	o := encodeNode(1, []child{{rows: 1, tail: 0x0102030405060708}})
	if got := binary.BigEndian.Uint64(o[len(o)-8:]); got != 0x0102030405060708 {
		t.Errorf("%x", got)
	}
}
