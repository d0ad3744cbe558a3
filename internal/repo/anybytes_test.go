package repo

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"testing"

	"github.com/constl/constl/tabular/csv/deflate"
	"pgregory.net/rapid"
)

// allocated is how many bytes were ever allocated.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// allocationLimit bounds what reading and printing a file of that size may
// allocate, all in all: windows, slabs, encoders and compressors of the readers,
// and some times the file. So nothing in a file can claim more memory than its
// size explains.
func allocationLimit(size int) uint64 { return 100<<20 + 400*uint64(size) }

// FuzzAnyBytesComeBack records any bytes as a table's file, as a new one and as
// the next version of another: they come back as they were.
func FuzzAnyBytesComeBack(f *testing.F) {
	odd, err := filepath.Glob(filepath.Join(testdata, "odd", "*"))
	if err != nil || len(odd) == 0 {
		f.Fatalf("no odd files: %v", err)
	}
	for i, p := range odd {
		data, err := os.ReadFile(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data[:min(len(data), 2000)], uint8(i))
	}
	for i, file := range append(dialects(), extremes()[:10]...) {
		f.Add(file.data[:min(len(file.data), 600)], uint8(i))
	}
	for _, file := range compressed(f) {
		f.Add(file.data[:min(len(file.data), 3000)], uint8(2))
	}
	before := plain(20, ",", "\n")
	r := dataset(f, person(f))
	put(f, r, "x.csv", string(before))
	put(f, r, "x.tsv", string(before))
	put(f, r, "x.csv.gz", string(gzipFile(f, before, deflate.Method{Program: deflate.Zlib, Level: 9})))
	commit(f, r, "before")
	names := []string{"x.csv", "x.tsv", "x.csv.gz", "new.csv", "new.tsv", "new.tsv.gz"}
	f.Fuzz(func(t *testing.T, data []byte, name uint8) {
		path := names[int(name)%len(names)]
		put(t, r, path, string(data))
		had := allocated()
		objects := &overlay{under: r.store}
		set, err := r.folderState(t.Context(), objects, []string{path})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := writeEntry(t.Context(), objects, &out, set.files[path]); err != nil || !bytes.Equal(out.Bytes(), data) {
			t.Fatalf("comes back as %q, %v", out.Bytes(), err)
		}
		if n := allocated() - had; n > allocationLimit(len(data)) {
			t.Errorf("%d bytes allocated for a file of %d", n, len(data))
		}
	})
}

// TestOddTablesComeBack commits tables of odd pieces, each as the next version of
// the one before.
func TestOddTablesComeBack(t *testing.T) {
	pieces := []string{
		"", "a", "b c", "12", "-1.5e3", "007", "2024-02-30", "NA", `""`, `"x"`, `"7"`, `x"y`, `"q"z`, ` "s"`, `"two` + "\n" + `lines"`,
		`"cr` + "\r" + `lf"`, `"say ""so"""`, `""""`, "#c", "é", "\xff", "\x00", "\ufeff", `"a,b"`, "a;b", strings.Repeat("long ", 99),
	}
	r := dataset(t, person(t))
	tables, files := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		delimiter := rapid.SampledFrom([]string{",", "\t", ";", "|"}).Draw(t, "delimiter")
		ends := rapid.SampledFrom([][]string{{"\n"}, {"\r\n"}, {"\r"}, {"\n", "\n", "\r\n", "\n\n"}, {"\r\n", "\n"}, {"\r\r\n"}}).Draw(t, "line ends")
		width := rapid.IntRange(1, 6).Draw(t, "width")
		usual := rapid.SliceOfN(rapid.SampledFrom(pieces), width, width).Draw(t, "usual pieces")
		b := rapid.SampledFrom([]string{"", "\ufeff", "# a title\n", "Counts\n\n"}).Draw(t, "preamble")
		b += strings.Join([]string{"name", "x", "", "x", "name", "z"}[:width], delimiter) + ends[0]
		for range rapid.IntRange(0, 60).Draw(t, "rows") {
			cells := append([]string{}, usual...)
			if rapid.IntRange(0, 3).Draw(t, "odd row") == 0 {
				cells = rapid.SliceOfN(rapid.SampledFrom(pieces), 1, 8).Draw(t, "cells")
			}
			b += strings.Join(cells, delimiter) + rapid.SampledFrom(ends).Draw(t, "end")
		}
		if rapid.Bool().Draw(t, "no final end") {
			b = strings.TrimRight(b, "\r\n")
		}
		name := rapid.SampledFrom([]string{"x.csv", "y.tsv", "z.psv"}).Draw(t, "name")
		if err := os.WriteFile(filepath.Join(r.Dir, name), []byte(b), 0o644); err != nil {
			t.Fatal(err)
		}
		res, err := r.Commit(t.Context(), CommitOptions{Message: "odd", AllowEmpty: true})
		if err != nil {
			t.Fatalf("%q: %v", b, err)
		}
		for _, rec := range res.Recorded {
			if rec.Path == name {
				files++
				if rec.Table != nil {
					tables++
				}
			}
		}
		var out bytes.Buffer
		if err := r.Cat(t.Context(), &out, "HEAD:"+name, CatOptions{}); err != nil || out.String() != b {
			t.Fatalf("%q comes back as %q, %v", b, out.Bytes(), err)
		}
	})
	if tables < files/3 {
		t.Errorf("%d of %d files were tables", tables, files)
	}
	sound(t, r)
}
