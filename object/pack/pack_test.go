package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/object/objecttest"
	"github.com/constl/constl/object/pack/internal/vfs/vfstest"
)

// commitVersions commits n versions of six small objects, each a small change of
// the one before, and returns them all.
func commitVersions(t testing.TB, s *Store, n int) []object.Object {
	t.Helper()
	var all, last []object.Object
	for v := range n {
		b, err := s.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			o, base := objecttest.Chunk(uint64(i), 300), object.ID{}
			if v > 0 {
				o, base = bytes.Clone(last[i]), last[i].ID()
				o[30+v*7%200] ^= byte(v + 1)
				o[30+v%199] ^= byte(v>>8 + 1)
				last[i] = o
			} else {
				last = append(last, o)
			}
			if _, err := b.Put(t.Context(), o, base); err != nil {
				t.Fatal(err)
			}
			all = append(all, o)
		}
		if err := b.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func folder(t testing.TB, dir string) (names []string, size int64) {
	t.Helper()
	infos, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range infos {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, e.Name())
		size += info.Size()
	}
	return names, size
}

func wantClean(t testing.TB, s *Store) {
	t.Helper()
	damage, err := s.Verify(t.Context(), nil)
	if err != nil || len(damage) > 0 {
		t.Errorf("Verify found %d damaged entries, first %+v, %v", len(damage), damage[:min(1, len(damage))], err)
	}
}

func TestManyCommitsStayFewFiles(t *testing.T) {
	m := vfstest.New()
	s := openMem(t, m)
	const n = 150
	all := commitVersions(t, s, n)
	infos, err := m.List()
	if err != nil || len(infos) > 25 {
		t.Errorf("%d commits left %d files, %v", n, len(infos), err)
	}
	var content, size int64
	for _, o := range all {
		content += int64(len(o))
	}
	for _, info := range infos {
		size += info.Size
	}
	if size > content*2/3 {
		t.Errorf("%d commits of %d bytes in all take %d bytes", n, content, size)
	}
	noLeftovers(t, s)
	again := openMem(t, m)
	for _, o := range all {
		objecttest.Want(t, again, o)
	}
	wantClean(t, again)
}

func TestChainsAreBounded(t *testing.T) {
	s := openMem(t, vfstest.New())
	commitVersions(t, s, 3*chainLimit)
	deltas := 0
	for _, p := range s.view.packs {
		for i := range p.n {
			depth := int(p.loc(i).depth)
			for id := p.id(i); ; depth-- {
				e, err := s.GetEntry(t.Context(), id)
				if err != nil {
					t.Fatal(err)
				}
				if e.Encoding != entry.Delta {
					break
				}
				deltas++
				id = e.Base
			}
			if depth != 0 {
				t.Errorf("an entry of depth %d stands on %d deltas", p.loc(i).depth, int(p.loc(i).depth)-depth)
			}
		}
	}
	if deltas == 0 {
		t.Error("no deltas at all")
	}
}

func TestDeltaOnlyWhereItPays(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	a, unlike := objecttest.Chunk(1, 3000), objecttest.Chunk(2, 3000)
	like := append(bytes.Clone(a), 1, 2, 3)
	b, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []object.Object{a, unlike, like} {
		if _, err := b.Put(t.Context(), o, a.ID()); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	e, err := s.GetEntry(t.Context(), object.Object(like).ID())
	if err != nil || e.Encoding != entry.Delta || e.Base != a.ID() || e.Size() > 100 {
		t.Errorf("a like object is a %s of %d bytes, %v", e.Encoding, e.Size(), err)
	}
	if e, err := s.GetEntry(t.Context(), unlike.ID()); err != nil || e.Encoding == entry.Delta {
		t.Errorf("an unlike object is a %s, %v", e.Encoding, err)
	}
	if _, err := s.GetEntry(t.Context(), object.ID{1}); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("GetEntry of an object not held: %v", err)
	}
}

func TestOtherStoresSeeCommitsAndJoins(t *testing.T) {
	dir := t.TempDir()
	a, b := open(t, dir, nil), open(t, dir, &Options{ReadOnly: true, CacheBytes: 1})
	for range 3 {
		for _, o := range commitVersions(t, a, 20) {
			objecttest.Want(t, b, o)
		}
	}
	objecttest.WantMissing(t, b, object.ID{1})
}

func TestReadOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "none")
	s := open(t, dir, &Options{ReadOnly: true})
	objecttest.WantMissing(t, s, object.ID{1})
	if _, err := s.Begin(t.Context()); !errors.Is(err, object.ErrReadOnly) {
		t.Errorf("Begin: %v", err)
	}
	if err := s.Repack(t.Context(), keep(), nil); !errors.Is(err, object.ErrReadOnly) {
		t.Errorf("Repack: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the folder was made: %v", err)
	}
}

func TestClosed(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	o := objecttest.Chunk(1, 100)
	objecttest.Put(t, s, o)
	b, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing twice: %v", err)
	}
	if _, err := s.Begin(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("Begin: %v", err)
	}
	if _, err := b.Put(t.Context(), o, object.ID{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Put: %v", err)
	}
	if _, err := s.Get(t.Context(), object.ID{1}); !errors.Is(err, ErrClosed) {
		t.Errorf("Get: %v", err)
	}
	if names, _ := folder(t, dir); len(names) != 1 {
		t.Errorf("left in the folder: %v", names)
	}
}

func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	working := open(t, dir, nil)
	b, err := working.BeginBatch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Discard()
	old := time.Now().Add(-2 * fresh)
	for name, gone := range map[string]bool{
		b.temp: false, "tmp-00": true, "join-00": true, "drop-00": true, "notes.txt": false, "tmp-young": false,
	} {
		path := filepath.Join(dir, name)
		if name != b.temp {
			if err := os.WriteFile(path, []byte("x"), 0o666); err != nil {
				t.Fatal(err)
			}
		}
		if name != "tmp-young" {
			if err := os.Chtimes(path, old, old); err != nil {
				t.Fatal(err)
			}
		}
		open(t, dir, &Options{ReadOnly: true})
		if _, err := os.Stat(path); err != nil {
			t.Errorf("a read-only store removed %s", name)
		}
		open(t, dir, nil)
		if _, err := os.Stat(path); (err != nil) != gone {
			t.Errorf("%s: removed is %v", name, err != nil)
		}
	}
}

// flip changes a byte of a file.
func flip(t *testing.T, path string, offset int64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if offset < 0 {
		offset += int64(len(b))
	}
	b[offset] ^= 0x10
	if err := os.WriteFile(path, b, 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedEntry(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	whole, other := objecttest.Chunk(1, 3000), objecttest.Chunk(2, 3000)
	first := append(bytes.Clone(whole), 1)
	second := append(bytes.Clone(first), 2)
	b, err := s.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	last := object.ID{}
	for _, o := range []object.Object{whole, first, second} {
		if last, err = b.Put(t.Context(), o, last); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := b.Put(t.Context(), other, object.ID{}); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	p := s.view.packs[0]
	loc, _ := p.find(whole.ID())
	flip(t, filepath.Join(dir, p.name), loc.offset+int64(loc.length)/2)

	s = open(t, dir, nil)
	for _, o := range []object.Object{whole, first, second} {
		_, err := s.Get(t.Context(), o.ID())
		var c *object.CorruptError
		if !errors.As(err, &c) || c.ID != o.ID() || innermost(err) != whole.ID() {
			t.Errorf("reading %s: %v, want damage of %s", o.ID().Short(), err, whole.ID().Short())
		}
	}
	objecttest.Want(t, s, other)
	damage, err := s.Verify(t.Context(), nil)
	if err != nil || len(damage) != 3 {
		t.Fatalf("Verify found %d damaged entries, %v; want 3", len(damage), err)
	}
	for _, d := range damage {
		if (d.ID == whole.ID()) != d.Base.IsZero() || !d.Base.IsZero() && d.Base != whole.ID() || d.Held || d.Pack != p.name || d.Offset == 0 {
			t.Errorf("%+v", d)
		}
	}
	restore(t, s, whole)
	s = open(t, dir, nil)
	for _, o := range []object.Object{whole, first, second, other} {
		objecttest.Want(t, s, o)
	}
	if damage, err := s.Verify(t.Context(), nil); err != nil || len(damage) != 1 || !damage[0].Held {
		t.Errorf("after Restore: %+v, %v", damage, err)
	}
	if err := s.Repack(t.Context(), keep(whole, first, second, other), nil); err != nil {
		t.Fatal(err)
	}
	wantClean(t, s)
}

func restore(t *testing.T, s *Store, o object.Object) {
	t.Helper()
	b, err := s.BeginBatch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Restore(t.Context(), o); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// Damage must survive a join as damage, and be healed by it where it can.
func TestDamageAndJoin(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	lost, healed := objecttest.Chunk(1, 500), objecttest.Chunk(2, 500)
	objecttest.Put(t, s, lost, healed)
	p := s.view.packs[0]
	for _, o := range []object.Object{lost, healed} {
		loc, _ := p.find(o.ID())
		flip(t, filepath.Join(dir, p.name), loc.offset+int64(loc.length)/2)
	}
	s = open(t, dir, nil)
	restore(t, s, healed)
	all := commitVersions(t, s, 40)
	if st, err := s.Stats(); err != nil || st.Packs > 2*joinAbove {
		t.Errorf("%+v, %v: not joined", st, err)
	}
	s = open(t, dir, nil)
	for _, o := range append(all, healed) {
		objecttest.Want(t, s, o)
	}
	if _, err := s.Get(t.Context(), lost.ID()); !errors.Is(err, object.ErrCorrupt) {
		t.Errorf("reading what is damaged: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, p.name)); err == nil {
		t.Error("the damaged pack was not joined")
	}
	damage, err := s.Verify(t.Context(), nil)
	if err != nil || len(damage) != 1 || damage[0].ID != lost.ID() {
		t.Errorf("%+v, %v", damage, err)
	}
}

func TestDamagedPack(t *testing.T) {
	for name, offset := range map[string]int64{"magic": 0, "index": -footerSize - 5, "footer": -20, "end": -1, "size": -footerSize + 5} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, nil)
			lost, kept := objecttest.Chunk(1, 500), objecttest.Chunk(2, 500)
			objecttest.Put(t, s, lost)
			flip(t, filepath.Join(dir, s.view.packs[0].name), offset)
			s = open(t, dir, nil)
			objecttest.Put(t, s, kept)
			objecttest.Want(t, s, kept)
			if _, err := s.Get(t.Context(), lost.ID()); !errors.Is(err, object.ErrCorrupt) {
				t.Errorf("reading from a damaged pack: %v", err)
			}
			damage, err := s.Verify(t.Context(), nil)
			if err != nil || len(damage) != 1 || !damage[0].ID.IsZero() || damage[0].Pack == "" {
				t.Errorf("%+v, %v", damage, err)
			}
			if err := s.Repack(t.Context(), keep(kept), nil); !errors.Is(err, object.ErrCorrupt) {
				t.Errorf("repacking over a damaged pack: %v", err)
			}
			objecttest.Put(t, s, lost)
			objecttest.Want(t, s, lost)
		})
	}
}

func keep(objects ...object.Object) func(context.Context) ([]object.ID, error) {
	return func(context.Context) (ids []object.ID, err error) {
		for _, o := range objects {
			ids = append(ids, o.ID())
		}
		return ids, nil
	}
}

func TestRepack(t *testing.T) {
	for name, opts := range map[string]*RepackOptions{
		"verbatim":   nil,
		"recompress": {Recompress: true},
	} {
		t.Run(name, func(t *testing.T) {
			m := vfstest.New()
			s, reader := openMem(t, m), openMem(t, m)
			all := commitVersions(t, s, 60)
			var kept, gone []object.Object
			for i, o := range all {
				if i/6%3 == 1 {
					kept = append(kept, o)
				} else {
					gone = append(gone, o)
				}
			}
			if err := s.Repack(t.Context(), keep(kept...), opts); err != nil {
				t.Fatal(err)
			}
			if infos, err := m.List(); err != nil || len(infos) != 1 {
				t.Errorf("left in the folder: %v, %v", infos, err)
			}
			for _, o := range kept {
				objecttest.Want(t, s, o)
				objecttest.Want(t, reader, o)
			}
			for _, o := range gone {
				objecttest.WantMissing(t, s, o.ID())
			}
			wantClean(t, s)
		})
	}
}

func TestRepackFindsBetterDeltas(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	var all []object.Object
	for i := range 30 { // without hints, so all are whole
		o := objecttest.Chunk(1, 2000)
		o[100+i*50]++
		all = append(all, o)
	}
	objecttest.Put(t, s, all...)
	_, before := folder(t, dir)
	at := make(map[object.ID]int)
	for i, o := range all {
		at[o.ID()] = i
	}
	err := s.Repack(t.Context(), keep(all...), &RepackOptions{Bases: func(id object.ID) []object.ID {
		i := at[id]
		return []object.ID{all[max(i-1, 0)].ID(), all[0].ID(), {9}}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, after := folder(t, dir); after > before/6 {
		t.Errorf("%d bytes became %d", before, after)
	}
	wantClean(t, s)
	for _, o := range all {
		objecttest.Want(t, s, o)
	}
}

func TestRepackRefusals(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir, nil), open(t, dir, nil)
	o := objecttest.Chunk(1, 100)
	objecttest.Put(t, s, o)
	if err := s.Repack(t.Context(), keep(o, objecttest.Chunk(2, 2)), nil); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("keeping what is not held: %v", err)
	}
	b, err := other.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Repack(t.Context(), keep(), nil); !errors.Is(err, ErrBusy) {
		t.Errorf("while a batch is open: %v", err)
	}
	if err := b.Discard(); err != nil {
		t.Fatal(err)
	}
	objecttest.Want(t, s, o)
	err = s.Repack(t.Context(), func(ctx context.Context) ([]object.ID, error) {
		if _, err := other.Begin(ctx); !errors.Is(err, ErrBusy) {
			t.Errorf("a batch while repacking: %v", err)
		}
		if err := other.Repack(ctx, keep(), nil); !errors.Is(err, ErrBusy) {
			t.Errorf("repacking twice at a time: %v", err)
		}
		return nil, nil
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	objecttest.WantMissing(t, s, o.ID())
	if st, err := s.Stats(); err != nil || st.Objects != 0 || st.Packs != 1 {
		t.Errorf("%+v, %v", st, err)
	}
}

// Two processes may each store one of two like objects as a delta against the
// other. No join may let the deltas refer to each other alone.
func TestMutualDeltas(t *testing.T) {
	dir := t.TempDir()
	s, other := open(t, dir, nil), open(t, dir, nil)
	a := objecttest.Chunk(1, 2000)
	z := append(bytes.Clone(a), 7)
	for _, pair := range [][2]object.Object{{a, z}, {z, a}} {
		b, err := s.Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer b.Discard()
		if _, err := b.Put(t.Context(), pair[0], object.ID{}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Put(t.Context(), pair[1], pair[0].ID()); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := b.Commit(t.Context()); err != nil {
				t.Error(err)
			}
			all := commitVersions(t, other, 12)
			reader := open(t, dir, &Options{CacheBytes: 1})
			for _, o := range append(all, a, z) {
				objecttest.Want(t, reader, o)
			}
			wantClean(t, reader)
		}()
	}
}

func TestStats(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, nil)
	objecttest.Put(t, s, objecttest.Chunk(1, 100), objecttest.Chunk(2, 100))
	_, size := folder(t, dir)
	if st, err := s.Stats(); err != nil || st != (Stats{Packs: 1, Objects: 2, Bytes: size}) {
		t.Errorf("%+v, %v", st, err)
	}
}

func TestVerifyReportsProgress(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	var objects []object.Object
	for i := range 1000 {
		objects = append(objects, objecttest.Chunk(uint64(i), 30))
	}
	objecttest.Put(t, s, objects...)
	var seen []string
	if _, err := s.Verify(t.Context(), func(done, total int) { seen = append(seen, fmt.Sprintf("%d/%d", done, total)) }); err != nil {
		t.Fatal(err)
	}
	if len(seen) < 2 || seen[len(seen)-1] != "1000/1000" {
		t.Errorf("progress %v", seen)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Verify(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
