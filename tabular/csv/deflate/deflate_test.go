package deflate

import (
	"bufio"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"testing"

	"pgregory.net/rapid"
)

// observations is a table.
func observations(rows int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	species := []string{"Calidris alba", "Larus argentatus", "Sterna hirundo", "Parus major"}
	b := []byte("id,site,observed_at,species,count,temp_c\n")
	for i := range rows {
		b = fmt.Appendf(b, "%d,S%d,2005-%02d-%02dT%02d:%02d:07Z,%s,%d,%.1f\n",
			i*10, 100+r.IntN(400), 1+i/28%12, 1+i%28, i%24, i%60, species[r.IntN(4)], r.IntN(20), 11+r.NormFloat64()*7)
	}
	return b
}

func noise(seed uint64, n int) []byte {
	r := rand.NewChaCha8([32]byte{byte(seed)})
	b := make([]byte, n)
	_, _ = r.Read(b) // never fails
	return b
}

// inputs are what testdata/golden.txt has the hashes for.
func inputs() map[string][]byte {
	table := observations(4000)
	in := map[string][]byte{
		"empty": nil, "one": []byte("x"), "four": []byte("abcabcabcabc"), "table": table,
		"zeros": make([]byte, 100_000), "noise": noise(1, 40_000),
		"mixed": bytes.Join([][]byte{table[:50_000], noise(2, 40_000), table[:60_000], make([]byte, 40_000), noise(3, 500), table[5000:30_000]}, nil),
	}
	// A file may end wherever the window is read anew or moved on.
	for _, n := range []int{65_274, 65_275, 65_536, 98_304} {
		in[fmt.Sprintf("table%d", n)] = table[:n]
	}
	var patches []byte
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 60 {
		from := r.IntN(5000)
		patches = append(append(patches, noise(uint64(i), r.IntN(900))...), table[from:from+r.IntN(600)]...)
	}
	in["patches"] = patches
	var sparse []byte
	for range 700 {
		sparse = fmt.Appendf(append(sparse, bytes.Repeat([]byte("0,"), r.IntN(200))...), "%d\n", r.IntN(10))
	}
	in["sparse"] = sparse
	return in
}

func compressed(t testing.TB, data []byte, m Method) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compare checks every output that a file lists against its hash and returns how
// many there are.
func compare(t *testing.T, path string, end func(*Writer) error) (lines int) {
	t.Helper()
	golden, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer golden.Close()
	in := inputs()
	for s := bufio.NewScanner(golden); s.Scan(); lines++ {
		var name, sum string
		var m Method
		if _, err := fmt.Sscan(s.Text(), &name, &m.Program, &m.Level, &sum); err != nil {
			t.Fatal(err)
		}
		data, ok := in[name]
		if !ok {
			t.Fatalf("no input %q", name)
		}
		h := sha256.New()
		w, err := NewWriter(h, m)
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Write(data)
		if err := errors.Join(err, end(w)); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprintf("%x", h.Sum(nil)); got != sum {
			t.Errorf("%s by %s: another output than the program's", name, m)
		}
	}
	return lines
}

// TestOutputIsThatOfThePrograms compares with what zlib 1.2.13 and gzip 1.12 made
// of the same inputs.
func TestOutputIsThatOfThePrograms(t *testing.T) {
	n := compare(t, "testdata/golden.txt", (*Writer).Close)
	if want := len(inputs()) * len(Methods()); n != want {
		t.Errorf("%d outputs, expected %d", n, want)
	}
}

// TestSyncedOutputIsThatOfZlib compares with what zlib 1.2.13 made with
// Z_SYNC_FLUSH before the end.
func TestSyncedOutputIsThatOfZlib(t *testing.T) {
	n := compare(t, "testdata/synced.txt", (*Writer).CloseSynced)
	if want := len(inputs()) * 4 * 2; n != want {
		t.Errorf("%d outputs, expected %d", n, want)
	}
}

// TestSameAsGzipHere compares with the gzip of this computer, if it is GNU's.
func TestSameAsGzipHere(t *testing.T) {
	version, err := exec.Command("gzip", "--version").Output()
	if err != nil || !bytes.Contains(version, []byte("Free Software Foundation")) {
		t.Skip("no GNU gzip here")
	}
	data := observations(5000)
	for _, level := range []int{1, 6, 9} {
		cmd := exec.Command("gzip", "-nc", fmt.Sprintf("-%d", level))
		cmd.Stdin = bytes.NewReader(data)
		out, err := cmd.Output()
		if err != nil || len(out) < 18 {
			t.Fatalf("gzip: %d bytes, %v", len(out), err)
		}
		if got := compressed(t, data, Method{GNU, level}); !bytes.Equal(got, out[10:len(out)-8]) {
			t.Errorf("level %d: %d bytes, gzip made others", level, len(got))
		}
	}
}

// TestAnyDataComesBack also writes in pieces of any size, which must not matter.
func TestAnyDataComesBack(t *testing.T) {
	table := observations(3000)
	methods := Methods()
	rapid.Check(t, func(t *rapid.T) {
		m := rapid.SampledFrom(methods).Draw(t, "method")
		var data []byte
		for range rapid.IntRange(0, 6).Draw(t, "parts") {
			n := rapid.IntRange(0, 40_000).Draw(t, "size")
			switch rapid.IntRange(0, 3).Draw(t, "part") {
			case 0:
				data = append(data, noise(uint64(n), n/4)...)
			case 1:
				data = append(data, make([]byte, n)...)
			case 2:
				data = append(data, table[n/2:n/2+n]...)
			default:
				data = append(data, rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "bytes")...)
			}
		}
		var whole, pieces bytes.Buffer
		w, err := NewWriter(&whole, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		back, err := io.ReadAll(flate.NewReader(bytes.NewReader(whole.Bytes())))
		if err != nil || !bytes.Equal(back, data) {
			t.Fatalf("%s: %d bytes come back as %d, %v", m, len(data), len(back), err)
		}
		if w, err = NewWriter(&pieces, m); err != nil {
			t.Fatal(err)
		}
		size := rapid.IntRange(1, 70_000).Draw(t, "piece")
		for rest := data; len(rest) > 0; rest = rest[min(size, len(rest)):] {
			if _, err := w.Write(rest[:min(size, len(rest))]); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil || !bytes.Equal(pieces.Bytes(), whole.Bytes()) {
			t.Fatalf("%s: in pieces of %d another output, %v", m, size, err)
		}
	})
}

type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrors(t *testing.T) {
	for _, m := range []Method{{Zlib, 0}, {GNU, 10}, {programs, 6}} {
		if _, err := NewWriter(io.Discard, m); !errors.Is(err, ErrMethod) {
			t.Errorf("%s: %v", m, err)
		}
	}
	w, err := NewWriter(&failing{left: 50_000}, Method{Zlib, 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(noise(9, 400_000)); !errors.Is(err, errFull) {
		t.Errorf("writing to what is full: %v", err)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Errorf("closing what is full: %v", err)
	}
	if _, err := w.Write([]byte("x")); !errors.Is(err, ErrClosed) {
		t.Errorf("writing after the end: %v", err)
	}
	if err := w.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("closing twice: %v", err)
	}
	if err := w.CloseSynced(); !errors.Is(err, ErrClosed) {
		t.Errorf("closing a third time: %v", err)
	}
}

func BenchmarkWriter(b *testing.B) {
	data := observations(50_000)
	for _, m := range []Method{{Zlib, 1}, {Zlib, 6}, {Zlib, 9}, {GNU, 6}} {
		b.Run(m.String(), func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				w, err := NewWriter(io.Discard, m)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.Write(data); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
