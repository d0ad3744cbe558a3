package chunk

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/zeebo/blake3"
)

func random(n int) []byte {
	r := rand.NewChaCha8([32]byte{1})
	b := make([]byte, n)
	r.Read(b)
	return b
}

func all(t *testing.T, r io.Reader) (chunks [][]byte) {
	t.Helper()
	c := New(r)
	for {
		b, err := c.Next()
		if errors.Is(err, io.EOF) {
			return chunks
		}
		if err != nil {
			t.Fatal(err)
		}
		chunks = append(chunks, bytes.Clone(b))
	}
}

func TestSizes(t *testing.T) {
	data := random(32 << 20)
	chunks := all(t, bytes.NewReader(data))
	if !bytes.Equal(bytes.Join(chunks, nil), data) {
		t.Fatal("the chunks are not the stream")
	}
	for i, c := range chunks {
		if len(c) > Max || len(c) < Min && i < len(chunks)-1 {
			t.Errorf("chunk %d has %d bytes", i, len(c))
		}
	}
	if mean := len(data) / len(chunks); mean < Average*3/4 || mean > Average*5/4 {
		t.Errorf("chunks have %d bytes on average", mean)
	}
}

func TestShortStreams(t *testing.T) {
	if got := all(t, bytes.NewReader(nil)); len(got) != 0 {
		t.Errorf("nothing is cut into %d chunks", len(got))
	}
	for _, n := range []int{1, Min - 1, Min} {
		if got := all(t, bytes.NewReader(random(n))); len(got) != 1 || len(got[0]) != n {
			t.Errorf("%d bytes are cut into %d chunks", n, len(got))
		}
	}
	zeros := all(t, bytes.NewReader(make([]byte, 3*Max)))
	for _, c := range zeros {
		if !bytes.Equal(c, zeros[0]) && len(c) > len(zeros[0]) {
			t.Errorf("equal bytes are cut into %d and %d", len(zeros[0]), len(c))
		}
	}
}

func TestHowItIsReadDoesNotMatter(t *testing.T) {
	data := random(2 << 20)
	want := all(t, bytes.NewReader(data))
	got := all(t, iotest.HalfReader(iotest.DataErrReader(bytes.NewReader(data))))
	if len(got) != len(want) {
		t.Fatalf("%d chunks, want %d", len(got), len(want))
	}
	for i := range got {
		if !bytes.Equal(got[i], want[i]) {
			t.Fatalf("chunk %d differs", i)
		}
	}
}

func TestChangesAreLocal(t *testing.T) {
	data := random(8 << 20)
	before := make(map[[32]byte]bool)
	for _, c := range all(t, bytes.NewReader(data)) {
		before[blake3.Sum256(c)] = true
	}
	changed := append(append(bytes.Clone(data[:4<<20]), "an insertion"...), data[4<<20:]...)
	fresh := 0
	for _, c := range all(t, bytes.NewReader(changed)) {
		if !before[blake3.Sum256(c)] {
			fresh++
		}
	}
	if fresh == 0 || fresh > 6 {
		t.Errorf("an insertion made %d new chunks", fresh)
	}
}

func TestReadError(t *testing.T) {
	broken := errors.New("broken")
	c := New(io.MultiReader(bytes.NewReader(random(3*Max)), iotest.ErrReader(broken)))
	for {
		_, err := c.Next()
		if err == nil {
			continue
		}
		if !errors.Is(err, broken) {
			t.Errorf("%v, want one that wraps the reader's", err)
		}
		return
	}
}

// These are golden: the cuts of a stream never change.
func TestVector(t *testing.T) {
	b := make([]byte, 1<<20)
	for i, h := 0, blake3.Sum256(nil); i < len(b); i += len(h) {
		h = blake3.Sum256(h[:])
		copy(b[i:], h[:])
	}
	want := []int{76768, 66841, 77167, 30223, 68643, 68464, 65876, 92526, 67760, 51617, 116083, 31739, 69587, 58240, 73300, 33742}
	var got []int
	for _, c := range all(t, bytes.NewReader(b)) {
		got = append(got, len(c))
	}
	if len(got) != len(want) {
		t.Fatalf("cut into %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("cut into %v, want %v", got, want)
		}
	}
}

func FuzzChunker(f *testing.F) {
	f.Add([]byte("abc"), 1)
	f.Add(random(1000), 300)
	f.Add([]byte{0}, 300000)
	f.Fuzz(func(t *testing.T, b []byte, times int) {
		if len(b) == 0 || times < 0 || len(b)*times > 4<<20 || len(b) > 4<<20 {
			return
		}
		data := bytes.Repeat(b, times)
		if got := bytes.Join(all(t, bytes.NewReader(data)), nil); !bytes.Equal(got, data) {
			t.Fatal("the chunks are not the stream")
		}
	})
}

func BenchmarkChunker(b *testing.B) {
	data := random(16 << 20)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		c := New(bytes.NewReader(data))
		for {
			if _, err := c.Next(); err != nil {
				break
			}
		}
	}
}
