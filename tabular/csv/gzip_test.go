package csv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	stdflate "compress/flate"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv/deflate"
	"github.com/google/go-cmp/cmp"
)

// gzipped compresses a text.
func gzipped(t testing.TB, text []byte, g Gzip) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := newGzipWriter(&b, &g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCompressedTablesComeBackByteForByte(t *testing.T) {
	text := observations(1500)
	store := mem.New()
	_, plain := commit(t, store, text, &ReadOptions{Name: "x.csv"})
	headers := []Gzip{
		{OS: 3, Flags: gzipName, Name: "observations.csv", ModTime: 1_700_000_000},
		{Synced: true, OS: 255, ModTime: 1_800_000_000, ExtraFlags: 2},
		{OS: 255, ExtraFlags: 2, Flags: gzipText | gzipHeaderSum | gzipExtra | gzipComment, Extra: "ab\x02\x00xy", Comment: "by hand"},
	}
	// Some, of all programs; package deflate tests all.
	for i := 0; i < len(deflate.Methods()); i += 7 {
		m, g := deflate.Methods()[i], headers[i%len(headers)]
		g.Method = m
		data := gzipped(t, text, g)
		res, table := commit(t, store, data, &ReadOptions{Name: "x.csv.gz"})
		if diff := cmp.Diff(&g, res.Layout.Gzip); diff != "" {
			t.Errorf("%s (-want +got):\n%s", m, diff)
		}
		if res.Sum != object.Sum(data) || res.Size != int64(len(data)) {
			t.Errorf("%s: the hash or the size is not the file's", m)
		}
		if got := written(t, table); !bytes.Equal(got, data) {
			t.Errorf("%s: written back otherwise", m)
		}
		d, err := tabular.Compare(context.Background(), plain, table, nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := d.Counts(context.Background()); err != nil || n != (tabular.Counts{}) {
			t.Errorf("%s: its rows differ from the plain file's: %+v, %v", m, n, err)
		}
	}
}

// TestSmallCompressedFiles are of the kinds that plain ones are of, too short for
// one method to stand out.
func TestSmallCompressedFiles(t *testing.T) {
	store := mem.New()
	for _, seed := range seeds {
		_, err := Read(context.Background(), store, strings.NewReader(seed), &ReadOptions{Name: "x.tsv"})
		g := Gzip{Method: deflate.Method{Program: deflate.GNU, Level: 6}, OS: 3, Flags: gzipName, Name: "x.tsv"}
		data := gzipped(t, []byte(seed), g)
		res, gzErr := Read(context.Background(), store, iotest.OneByteReader(bytes.NewReader(data)), &ReadOptions{Name: "x.tsv.gz"})
		if (err == nil) != (gzErr == nil) || gzErr != nil && err.Error() != gzErr.Error() {
			t.Errorf("%q: plain: %v, compressed: %v", seed, err, gzErr)
		}
		if gzErr != nil {
			continue
		}
		if *res.Layout.Gzip != g {
			t.Errorf("%q: taken for %+v", seed, res.Layout.Gzip)
		}
		table, err := tabular.Open(context.Background(), store, res.Table)
		if err != nil {
			t.Fatal(err)
		}
		if got := written(t, table); !bytes.Equal(got, data) {
			t.Errorf("%q: written back otherwise", seed)
		}
	}
}

func TestRowsOfACompressedTableAreText(t *testing.T) {
	_, table := commit(t, mem.New(), gzipped(t, []byte("a;b\r\n1;2\r\n3;4\r\n"), Gzip{Method: deflate.Method{Level: 9}}), &ReadOptions{Name: "X.CSV.GZ"})
	var b bytes.Buffer
	if err := WriteRows(context.Background(), &b, table, &RowsOptions{From: 1}); err != nil || b.String() != "a;b\r\n3;4\r\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestCompressedFilesThatAreKeptWhole(t *testing.T) {
	text := observations(600)
	g := Gzip{Method: deflate.Method{Program: deflate.Zlib, Level: 6}, OS: 3}
	good := gzipped(t, text, g)
	changed := func(at int, b byte) []byte {
		data := bytes.Clone(good)
		data[at] ^= b
		return data
	}
	var other bytes.Buffer
	other.Write(g.header())
	w, err := stdflate.NewWriter(&other, 6)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tail := binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(text))
	other.Write(binary.LittleEndian.AppendUint32(tail, uint32(len(text))))
	long := g
	long.Flags, long.Name = gzipName, strings.Repeat("x", 70_000)
	summed := g
	summed.Flags = gzipHeaderSum
	badHeader := gzipped(t, text, summed)
	badHeader[10] ^= 1
	for _, c := range []struct {
		name   string
		data   []byte
		reason string
	}{
		{"nothing", nil, "empty"},
		{"no text", gzipped(t, nil, g), "empty"},
		{"no gzip", text, "not compressed by gzip"},
		{"two bytes", good[:2], "not compressed by gzip"},
		{"half a header", good[:9], "too early"},
		{"a header", good[:10], "too early"},
		{"half of it", good[:len(good)/2], "too early"},
		{"without the end", good[:len(good)-9], "too early"},
		{"without checksum", good[:len(good)-3], "too early"},
		{"another checksum", changed(len(good)-5, 1), "checksum"},
		{"another size", changed(len(good)-1, 1), "checksum"},
		{"damaged header", badHeader, "header is damaged"},
		{"unknown flags", changed(3, 0x40), "flags"},
		{"two in one", append(bytes.Clone(good), good...), "more stands behind"},
		{"zeros behind it", append(bytes.Clone(good), make([]byte, 9)...), "more stands behind"},
		{"another program", other.Bytes(), "no program"},
		{"a long name", gzipped(t, text, long), "name or comment"},
		{"no table", gzipped(t, []byte("Dear all,\nthis, as you see, is\na letter, not a table, with, alas, commas\nno\nyours, truly\n"), g), "delimiter"},
		{"no table far down", gzipped(t, append(observations(4000), "\"open\n1,2\n"...), g), "never closed"},
	} {
		_, err := Read(context.Background(), mem.New(), bytes.NewReader(c.data), &ReadOptions{Name: "x.csv.gz"})
		var not *NotTableError
		if !errors.As(err, &not) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: got %v, expected %q", c.name, err, c.reason)
		}
	}
	broken := errors.New("broken disk")
	for _, n := range []int{0, 5, 200, len(good) / 2, len(good)} {
		r := io.MultiReader(bytes.NewReader(good[:n]), iotest.ErrReader(broken))
		if _, err := Read(context.Background(), mem.New(), r, &ReadOptions{Name: "x.csv.gz"}); !errors.Is(err, broken) || errors.Is(err, ErrNotTable) {
			t.Errorf("a disk that breaks after %d bytes: %v", n, err)
		}
	}
}

// endless gives rows without end.
type endless struct{ n int64 }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = "0,0\n"[(e.n+int64(i))%4]
	}
	e.n += int64(len(p))
	return len(p), nil
}

// TestDecompressionEndsSoon: a file that is far smaller than its text is not read
// to the end.
func TestDecompressionEndsSoon(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	go func() {
		g := Gzip{Method: deflate.Method{Program: deflate.Zlib, Level: 1}}
		z, err := newGzipWriter(w, &g)
		if err == nil {
			_, err = io.Copy(z, &endless{})
		}
		w.CloseWithError(err)
	}()
	z, err := newGzipReader(r)
	if err != nil {
		t.Fatal(err)
	}
	z.bomb = 1 << 20
	n, err := io.Copy(io.Discard, z)
	if n > z.bomb+4*proofBytes || !errors.Is(err, ErrNotTable) || !strings.Contains(err.Error(), "times as long") {
		t.Errorf("%d bytes of text, then %v", n, err)
	}
}

func TestMergedGzip(t *testing.T) {
	store := mem.New()
	text := []byte("a,b\n1,2\n3,4\n")
	base := Gzip{Method: deflate.Method{Program: deflate.GNU, Level: 6}, OS: 3, Flags: gzipName, Name: "x.csv", ModTime: 10}
	of := func(change func(*Gzip)) *tabular.Table {
		g := base
		change(&g)
		_, table := commit(t, store, gzipped(t, text, g), &ReadOptions{Name: "x.csv.gz"})
		l, err := DecodeLayout(table.Layout)
		if err != nil {
			t.Fatal(err)
		}
		// Of so small a text all levels make the same.
		l.Gzip = &g
		if table.Layout, err = l.Encode(); err != nil {
			t.Fatal(err)
		}
		return table
	}
	b := of(func(*Gzip) {})
	later := of(func(g *Gzip) { g.ModTime = 20 })
	latest := of(func(g *Gzip) { g.ModTime = 30; g.Method.Level = 9 })
	other := of(func(g *Gzip) { g.ModTime = 25; g.Name = "y.csv" })
	for _, c := range []struct {
		base, ours, theirs *tabular.Table
		want               Gzip
	}{
		{b, later, b, *mustGzip(t, later)},
		{b, b, other, *mustGzip(t, other)},
		{b, later, latest, *mustGzip(t, latest)},
		{nil, later, latest, Gzip{Method: deflate.Method{Program: deflate.GNU, Level: 6}, OS: 3, Flags: gzipName, Name: "x.csv", ModTime: 30}},
		{b, latest, other, Gzip{Method: deflate.Method{Program: deflate.GNU, Level: 6}, OS: 3, Flags: gzipName, Name: "y.csv", ModTime: 30}},
	} {
		for _, sides := range [][2]*tabular.Table{{c.ours, c.theirs}, {c.theirs, c.ours}} {
			merged, _, conflicts, err := MergeLayout(t.Context(), c.base, sides[0], sides[1], c.ours.Schema.Fields)
			if err != nil || len(conflicts) > 0 {
				t.Fatalf("conflicts %v, %v", conflicts, err)
			}
			l, err := DecodeLayout(merged)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&c.want, l.Gzip); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
	}
}

func mustGzip(t *testing.T, table *tabular.Table) *Gzip {
	t.Helper()
	l, err := DecodeLayout(table.Layout)
	if err != nil {
		t.Fatal(err)
	}
	return l.Gzip
}

// FuzzGzip reads any bytes as a compressed file: what is a table is written back
// as it was.
func FuzzGzip(f *testing.F) {
	for i, seed := range seeds {
		g := Gzip{Method: deflate.Methods()[i%len(deflate.Methods())], Synced: i%2 == 0}
		f.Add(gzipped(f, []byte(seed), g))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		store := mem.New()
		res, err := Read(context.Background(), store, bytes.NewReader(data), &ReadOptions{Name: "x.csv.gz", Workers: 1})
		if err != nil {
			if !errors.Is(err, ErrNotTable) {
				t.Fatal(err)
			}
			return
		}
		table, err := tabular.Open(context.Background(), store, res.Table)
		if err != nil {
			t.Fatal(err)
		}
		if got := written(t, table); !bytes.Equal(got, data) {
			t.Fatalf("written back as %x", got)
		}
	})
}

func BenchmarkGzip(b *testing.B) {
	text := observations(benchRows)
	for _, m := range []deflate.Method{{Program: deflate.Zlib, Level: 9}, {Program: deflate.GNU, Level: 6}, {Program: deflate.Zlib, Level: 1}} {
		data := gzipped(b, text, Gzip{Method: m})
		b.Run(fmt.Sprint("read ", m), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Read(context.Background(), dropWriter{mem.New()}, bytes.NewReader(data), &ReadOptions{Name: "x.csv.gz"}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
