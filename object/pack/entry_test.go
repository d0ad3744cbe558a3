package pack

import (
	"bytes"
	"errors"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/entry"
	"github.com/constl/constl/object/objecttest"
)

// An entry is stored in the form in which it came.
func TestPutEntry(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	var codec entry.Codec
	base := objecttest.Chunk(1, 4000)
	changed := append(object.Object(nil), base...)
	changed[2000] ^= 1
	missing := objecttest.Chunk(3, 4000)
	delta := codec.EncodeDelta(changed, base.ID(), base)
	onMissing := codec.EncodeDelta(changed, missing.ID(), missing)
	onMissing.Encoding, onMissing.Base = entry.Delta, missing.ID()
	for _, test := range []struct {
		name string
		o    object.Object
		e    entry.Entry
	}{
		{"compressed", base, codec.Encode(base)},
		{"delta", changed, delta},
		{"raw", missing, entry.Entry{Encoding: entry.Raw, Length: len(missing), Data: missing}},
	} {
		b := beginBatch(t, s)
		id := test.o.ID()
		data := bytes.Clone(test.e.Data)
		given := test.e
		given.Data = data
		if err := b.PutEntry(t.Context(), id, test.o, given); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		clear(data) // the store has kept nothing of it
		commitBatch(t, b)
		objecttest.Want(t, s, test.o)
		e, err := s.GetEntry(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if e.Encoding != test.e.Encoding || !bytes.Equal(e.Data, test.e.Data) {
			t.Errorf("%s: stored as %s of %d bytes, came as %s of %d", test.name, e.Encoding, len(e.Data), test.e.Encoding, len(test.e.Data))
		}
		if e.Encoding == entry.Delta && e.Base != test.e.Base {
			t.Errorf("%s: on another base", test.name)
		}
	}
	if err := beginBatch(t, s).PutEntry(t.Context(), missing.ID(), missing, onMissing); err != nil {
		t.Errorf("an entry that is held already: %v", err)
	}
}

// Deltas on deltas end where reading them would become slow.
func TestPutEntryBoundsChains(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	var codec entry.Codec
	b := beginBatch(t, s)
	before := objecttest.Chunk(1, 4000)
	if err := b.PutEntry(t.Context(), before.ID(), before, codec.Encode(before)); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * chainLimit {
		next := append(object.Object(nil), before...)
		next[100+i] ^= 0x55
		if err := b.PutEntry(t.Context(), next.ID(), next, codec.EncodeDelta(next, before.ID(), before)); err != nil {
			t.Fatal(err)
		}
		before = next
	}
	commitBatch(t, b)
	objecttest.Want(t, s, before)
	for _, p := range s.view.packs {
		for i := range p.n {
			if depth := p.loc(i).depth; depth > chainLimit {
				t.Errorf("a chain of %d deltas, at most %d are to be", depth, chainLimit)
			}
		}
	}
}

func TestPutEntryAfterTheEnd(t *testing.T) {
	s := open(t, t.TempDir(), nil)
	b := beginBatch(t, s)
	commitBatch(t, b)
	o := objecttest.Chunk(1, 100)
	if err := b.PutEntry(t.Context(), o.ID(), o, entry.Entry{Encoding: entry.Raw, Length: len(o), Data: o}); !errors.Is(err, ErrClosed) {
		t.Errorf("%v, want ErrClosed", err)
	}
}

func beginBatch(t *testing.T, s *Store) *Batch {
	t.Helper()
	b, err := s.BeginBatch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func commitBatch(t *testing.T, b *Batch) {
	t.Helper()
	if err := b.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}
