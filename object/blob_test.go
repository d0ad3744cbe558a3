package object_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/chunk"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/object/objecttest"
)

func random(seed byte, n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{seed}).Read(b)
	return b
}

func TestBlobRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, chunk.Min, chunk.Min + 1, 100_000, chunk.Max, chunk.Max + 1, 3 << 20, 20 << 20} {
		data := random(1, n)
		s := mem.New()
		b, err := object.WriteBlob(t.Context(), s, iotest.HalfReader(bytes.NewReader(data)))
		if err != nil {
			t.Fatal(err)
		}
		if b.Size != int64(n) || b.Sum != object.Sum(data) {
			t.Errorf("%d bytes: %+v", n, b)
		}
		if o, err := s.Get(t.Context(), b.ID); err != nil || o.Kind() != b.Kind {
			t.Errorf("%d bytes: a %s, %v; WriteBlob says %s", n, o.Kind(), err, b.Kind)
		}
		again, err := object.WriteBlob(t.Context(), mem.New(), bytes.NewReader(data))
		if err != nil || again != b {
			t.Errorf("%d bytes: written again: %+v, %v; want %+v", n, again, err, b)
		}
		r, err := object.OpenBlob(t.Context(), s, b.ID)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if m, err := r.WriteTo(&out); err != nil || m != int64(n) || !bytes.Equal(out.Bytes(), data) {
			t.Errorf("%d bytes: wrote %d, %v", n, m, err)
		}
		if err := seekStart(r); err != nil {
			t.Fatal(err)
		}
		if n <= chunk.Max+1 {
			if err := iotest.TestReader(struct{ io.ReadSeeker }{r}, data); err != nil {
				t.Errorf("%d bytes: %v", n, err)
			}
		}
		if _, err := r.Seek(int64(n/3), io.SeekStart); err != nil {
			t.Fatal(err)
		}
		out.Reset()
		if _, err := io.Copy(&out, r); err != nil || !bytes.Equal(out.Bytes(), data[n/3:]) {
			t.Errorf("%d bytes from a third on: %d bytes, %v", n, out.Len(), err)
		}
	}
}

func seekStart(s io.Seeker) error {
	_, err := s.Seek(0, io.SeekStart)
	return err
}

func TestSmallFilesAreOneChunk(t *testing.T) {
	s := mem.New()
	b, err := object.WriteBlob(t.Context(), s, bytes.NewReader([]byte("a small file")))
	want := object.New(object.KindChunk, []byte("a small file")).ID()
	if err != nil || b.ID != want || b.Kind != object.KindChunk || s.Len() != 1 {
		t.Errorf("%+v, %v, %d objects", b, err, s.Len())
	}
}

func TestBlobFailures(t *testing.T) {
	broken := errors.New("broken")
	data := random(1, 2<<20)
	for _, n := range []int{0, 1000, 1 << 20} {
		r := io.MultiReader(bytes.NewReader(data[:n]), iotest.ErrReader(broken))
		if _, err := object.WriteBlob(t.Context(), mem.New(), r); !errors.Is(err, broken) {
			t.Errorf("a stream that breaks after %d bytes: %v", n, err)
		}
	}
	for call := range 20 {
		b, err := objecttest.NewFaulty(mem.New(), call+2).Begin(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := object.WriteBlob(t.Context(), b, bytes.NewReader(data)); !errors.Is(err, objecttest.ErrInjected) {
			t.Errorf("a store that fails at object %d: %v", call, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := object.WriteBlob(ctx, mem.New(), bytes.NewReader(data)); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	s := mem.New()
	b, err := object.WriteBlob(t.Context(), s, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	for call := 2; call < 20; call++ {
		r, err := object.OpenBlob(t.Context(), objecttest.NewFaulty(s, call), b.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.WriteTo(io.Discard); !errors.Is(err, objecttest.ErrInjected) {
			t.Errorf("reading from a store that fails at call %d: %v", call, err)
		}
		r, err = object.OpenBlob(t.Context(), objecttest.NewFaulty(s, call), b.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{r}); !errors.Is(err, objecttest.ErrInjected) {
			t.Errorf("reading from a store that fails at call %d: %v", call, err)
		}
	}
}

func TestOpenBlobRefusesOtherKinds(t *testing.T) {
	s := mem.New()
	id, err := s.Put(t.Context(), object.New(object.KindSegment, []byte("x")), object.ID{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := object.OpenBlob(t.Context(), s, id); !errors.Is(err, object.ErrCorrupt) {
		t.Errorf("a segment as a file: %v", err)
	}
	if _, err := object.OpenBlob(t.Context(), s, object.ID{1}); !errors.Is(err, object.ErrNotFound) {
		t.Errorf("a missing file: %v", err)
	}
}

func BenchmarkWriteBlob(b *testing.B) {
	data := random(1, 16<<20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := object.WriteBlob(b.Context(), mem.New(), bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}
