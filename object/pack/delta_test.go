package pack

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/object/objecttest"
	"github.com/constl/constl/object/pack/internal/vfs/vfstest"
)

// grow returns versions of a table-like object, each some bytes longer than the
// one before, in the order in which they were made.
func grow(seed uint64, n int) []object.Object {
	var versions []object.Object
	all := objecttest.Chunk(seed, 4000+n*100)
	for i := range n {
		versions = append(versions, all[:4000+i*100:4000+i*100])
	}
	return versions
}

// commitEach commits each object by itself, as a version of the one before.
func commitEach(t testing.TB, s *Store, versions []object.Object) {
	t.Helper()
	last := object.ID{}
	for _, o := range versions {
		b, err := s.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if last, err = b.Put(t.Context(), o, last); err != nil {
			t.Fatal(err)
		}
		if err := b.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// What an object costs beside its data is little more than its id.
func TestOverhead(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	b, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const n = 1000
	last := object.ID{}
	for i := range n {
		o := objecttest.Chunk(1, 200)
		o[5+i%50], o[60] = byte(i), byte(i>>8)
		if last, err = b.Put(t.Context(), o, last); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	st, err := s.Stats()
	if err != nil {
		t.Fatal(err)
	}
	data := 0
	ids, err := s.Prefix("")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		e, err := s.GetEntry(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		data += len(e.Data)
	}
	if over := float64(int(st.Bytes)-data) / float64(len(ids)); over > object.IDSize+10 {
		t.Errorf("an object costs %.1f bytes beside its data, want at most %d", over, object.IDSize+10)
	}
}

func TestSeveralHints(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	o := objecttest.Chunk(1, 5000)
	like, liker, unlike := bytes.Clone(o), bytes.Clone(o), objecttest.Chunk(2, 5000)
	for i := range 40 {
		like[1000+i*100]++
	}
	liker[2000]++
	objecttest.Put(t, s, like, liker, unlike)
	missing := objecttest.Chunk(3, 10).ID()
	for name, test := range map[string]struct {
		bases []object.ID
		want  object.ID
	}{
		"none":                   {nil, object.ID{}},
		"nothing that helps":     {[]object.ID{{}, missing, unlike.ID()}, object.ID{}},
		"the second":             {[]object.ID{unlike.ID(), object.Object(liker).ID()}, object.Object(liker).ID()},
		"behind what is not":     {[]object.ID{{}, missing, object.Object(liker).ID()}, object.Object(liker).ID()},
		"the first good one":     {[]object.ID{object.Object(like).ID(), object.Object(liker).ID()}, object.Object(like).ID()},
		"the same several times": {[]object.ID{unlike.ID(), unlike.ID(), object.Object(like).ID()}, object.Object(like).ID()},
	} {
		b, err := s.BeginBatch(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		e, depth := b.encode(o, o.ID(), test.bases)
		if e.Base != test.want || (depth > 0) != (e.Encoding == entry.Delta) {
			t.Errorf("%s: a %s of depth %d against %s, want %s", name, e.Encoding, depth, e.Base.Short(), test.want.Short())
		}
		if err := b.Discard(); err != nil {
			t.Error(err)
		}
	}
}

// A batch that joins others puts their entries before its own, so that its deltas
// need no whole id for their bases.
func TestJoinBringsDeltasNear(t *testing.T) {
	s := openMem(t, vfstest.New())
	versions := grow(1, 30)
	commitEach(t, s, versions)
	near := 0
	for _, p := range s.view.packs {
		for _, number := range p.live() {
			b, err := readBytes(p.f, p.loc(number))
			if err != nil {
				t.Fatal(err)
			}
			if b[0]&3 == formNear {
				near++
			}
		}
	}
	if near < len(versions)/2 {
		t.Errorf("%d of %d deltas are near their bases", near, len(versions)-1)
	}
	for i, o := range versions {
		objecttest.Want(t, s, o)
		if e, err := s.GetEntry(t.Context(), o.ID()); err != nil || e.Encoding == entry.Delta && e.Base != versions[i-1].ID() && i < chainLimit {
			t.Errorf("version %d is a %s against %s, %v", i, e.Encoding, e.Base.Short(), err)
		}
	}
}

// Repacked newest first, the newest version stands whole and every older one is a
// delta, in chains of bounded length.
func TestRepackTurnsChainsRound(t *testing.T) {
	told := func(versions []object.Object) func(object.ID) []object.ID {
		next := make(map[object.ID][]object.ID)
		for i, o := range versions[1:] {
			next[versions[i].ID()] = []object.ID{o.ID()}
		}
		return func(id object.ID) []object.ID { return next[id] }
	}
	untold := func([]object.Object) func(object.ID) []object.ID {
		return func(object.ID) []object.ID { return nil }
	}
	const n = 3 * repackLimit
	for name, test := range map[string]struct {
		bases func([]object.Object) func(object.ID) []object.ID
		whole int // versions that stand whole
	}{
		"as told": {told, 1},
		// Nothing refers to the last of a batch's chains.
		"from what there is": {untold, 1 + n/chainLimit},
	} {
		t.Run(name, func(t *testing.T) {
			s := openMem(t, vfstest.New())
			versions := grow(1, n)
			commitEach(t, s, versions)
			var newest []object.Object
			for i := range versions {
				newest = append(newest, versions[len(versions)-1-i])
			}
			done := 0
			opts := &RepackOptions{Bases: test.bases(versions), Recompress: true, Progress: func(n, total int) {
				if n <= done || total != len(versions) {
					t.Errorf("progress %d of %d after %d", n, total, done)
				}
				done = n
			}}
			if err := s.Repack(t.Context(), keep(newest...), opts); err != nil {
				t.Fatal(err)
			}
			if done != len(versions) {
				t.Errorf("progress ended with %d", done)
			}
			size, whole := 0, 0
			p := s.view.packs[0]
			for i, o := range newest {
				objecttest.Want(t, s, o)
				loc, ok := p.find(o.ID())
				if !ok || i == 0 && loc.depth > 0 || loc.depth > repackLimit {
					t.Errorf("version %d from the end has the depth %d", i, loc.depth)
				}
				if loc.depth == 0 {
					whole++
				} else {
					size += loc.length
				}
			}
			if whole > test.whole {
				t.Errorf("%d versions stand whole, want %d", whole, test.whole)
			}
			if size > n*40 {
				t.Errorf("older versions, beginnings of newer ones, take %d bytes each", size/n)
			}
			wantClean(t, s)
		})
	}
}

func TestRepackEndsWithItsContext(t *testing.T) {
	s := openMem(t, vfstest.New())
	all := commitVersions(t, s, 60)
	ctx, cancel := context.WithCancel(t.Context())
	opts := &RepackOptions{Recompress: true, Progress: func(int, int) { cancel() }}
	err := s.Repack(ctx, keep(all...), opts)
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("%v, want that it was cancelled", err)
	}
	for _, o := range all {
		objecttest.Want(t, s, o)
	}
	noLeftovers(t, s)
}

// An object that is replaced within a batch leaves a record that does not count.
func TestReplacedRecord(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	versions := grow(1, 3)
	b, err := s.BeginBatch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := object.ID{}
	for _, o := range versions {
		if last, err = b.Put(t.Context(), o, last); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Restore(t.Context(), versions[1]); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	s = open(t, dir, nil)
	for _, o := range versions {
		objecttest.Want(t, s, o)
	}
	if st, err := s.Stats(); err != nil || st.Objects != len(versions) {
		t.Errorf("%+v, %v", st, err)
	}
	if e, err := s.GetEntry(t.Context(), versions[1].ID()); err != nil || e.Encoding == entry.Delta {
		t.Errorf("the restored object is a %s, %v", e.Encoding, err)
	}
	if e, err := s.GetEntry(t.Context(), versions[2].ID()); err != nil || e.Base != versions[1].ID() {
		t.Errorf("the delta on it stands on %s, %v", e.Base.Short(), err)
	}
	wantClean(t, s)
}

// BenchmarkRepack repacks a history of 20 columns, newest first.
func BenchmarkRepack(b *testing.B) {
	const columns, versions = 20, 50
	for b.Loop() {
		b.StopTimer()
		s, dir := openBench(b, nil)
		var newest []object.Object
		next := make(map[object.ID][]object.ID)
		for c := range columns {
			grown := grow(uint64(c), versions)
			commitEach(b, s, grown)
			for i := versions - 1; i >= 0; i-- {
				newest = append(newest, grown[i])
				if i < versions-1 {
					next[grown[i].ID()] = []object.ID{grown[i+1].ID()}
				}
			}
		}
		_, before := folder(b, dir)
		b.StartTimer()
		opts := &RepackOptions{Bases: func(id object.ID) []object.ID { return next[id] }, Recompress: true}
		if err := s.Repack(b.Context(), keep(newest...), opts); err != nil {
			b.Fatal(err)
		}
		_, after := folder(b, dir)
		b.ReportMetric(float64(before), "bytes-before")
		b.ReportMetric(float64(after), "bytes-after")
		b.ReportMetric(float64(len(newest)), "objects")
	}
}
