package repo

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv/deflate"
)

// gzipFile compresses as the program does, under a header without name.
func gzipFile(t testing.TB, text []byte, m deflate.Method) []byte {
	t.Helper()
	b := bytes.NewBufferString("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03")
	w, err := deflate.NewWriter(b, m)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(text)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	b.Write(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(text)))
	b.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(text))))
	return b.Bytes()
}

func gunzip(t testing.TB, data string) string {
	t.Helper()
	r, err := gzip.NewReader(strings.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// compressed are files that programs made, read from testdata.
func compressed(t testing.TB) []oddFile {
	t.Helper()
	none := "no program known here"
	reasons := map[string]string{"pigz-6": none, "go-6": none}
	found, err := filepath.Glob(filepath.Join(testdata, "compressed", "*.gz"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no compressed files: %v", err)
	}
	var files []oddFile
	for _, p := range found {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		parts := strings.Split(filepath.Base(p), ".")
		f := oddFile{name: parts[2] + ".csv.gz", data: data, blob: reasons[parts[2]]}
		files = append(files, f)
		// The same, damaged in some way.
		if parts[2] == "python-9" {
			files = append(files,
				oddFile{name: "cut.csv.gz", data: data[:len(data)/2], blob: "ends too early"},
				oddFile{name: "twice.csv.gz", data: append(bytes.Clone(data), data...), blob: "more stands behind"},
				oddFile{name: "spoilt.csv.gz", data: append(bytes.Clone(data[:len(data)-1]), 0xff), blob: "checksum"},
			)
		}
	}
	return append(files, oddFile{name: "nothing.csv.gz", blob: "empty"}, oddFile{name: "text.csv.gz", data: []byte("a,b\n1,2\n"), blob: "not compressed by gzip"})
}

func TestCompressedFilesComeBackExactly(t *testing.T) {
	for _, f := range compressed(t) {
		// By zstd a compressed file takes what it takes.
		f.more = 2 << 10
		checkOdd(t, &f)
	}
}

// TestCompressedTableIsOne goes with a compressed table through all that a plain
// one goes through.
func TestCompressedTableIsOne(t *testing.T) {
	text := string(plain(2000, ",", "\n"))
	method := deflate.Method{Program: deflate.GNU, Level: 9}
	r := dataset(t, person(t))
	write := func(text string) string {
		data := string(gzipFile(t, []byte(text), method))
		put(t, r, "counts.csv.gz", data)
		return data
	}
	first := write(text)
	base := commit(t, r, "first")
	grown := size(t, r.path(packsDir))

	put(t, r, "counts.csv.gz", string(gzipFile(t, []byte(text), deflate.Method{Program: deflate.Zlib, Level: 1})))
	d, err := r.Diff(t.Context(), "", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Tables) != 1 || d.Tables[0].Counts != (tabular.Counts{}) || len(d.Tables[0].Schema) > 0 {
		t.Errorf("a file compressed anew shows as %+v", d)
	}
	second := write(strings.Replace(text, "\n300,", "\n300,new ", 1))
	if d, err = r.Diff(t.Context(), "", "", nil); err != nil {
		t.Fatal(err)
	}
	if len(d.Tables) != 1 || d.Tables[0].Counts.Cells != 1 || d.Tables[0].Counts.Modified != 1 {
		t.Errorf("one changed cell shows as %+v", d)
	}
	ours := commit(t, r, "ours")
	if grown = size(t, r.path(packsDir)) - grown; grown > 2<<10 {
		t.Errorf("one changed cell takes %d bytes", grown)
	}
	for id, want := range map[string]string{base.String(): first, ours.String(): second} {
		var out bytes.Buffer
		if err := r.Cat(t.Context(), &out, id+":counts.csv.gz", CatOptions{}); err != nil || out.String() != want {
			t.Errorf("%s is not as it was committed: %v", id, err)
		}
	}
	var out bytes.Buffer
	if err := r.Cat(t.Context(), &out, "HEAD:counts.csv.gz", CatOptions{From: 2, To: 3, Columns: []string{"count", "id"}}); err != nil || strings.Count(out.String(), "\n") != 3 {
		t.Errorf("two rows are %q, %v", out.String(), err)
	}

	if _, err := r.Switch(t.Context(), "other", true, base.String()); err != nil {
		t.Fatal(err)
	}
	if got := read(t, r, "counts.csv.gz"); got != first {
		t.Error("checked out otherwise than committed")
	}
	write(text + "99999,S1,Parus major,1,fog\n")
	commit(t, r, "theirs")
	if _, err := r.Switch(t.Context(), DefaultBranch, false, ""); err != nil {
		t.Fatal(err)
	}
	res, err := r.Merge(t.Context(), "other", MergeOptions{})
	if err != nil || len(res.Conflicts) > 0 {
		t.Fatalf("merge: %+v, %v", res, err)
	}
	want := strings.Replace(text, "\n300,", "\n300,new ", 1) + "99999,S1,Parus major,1,fog\n"
	merged := read(t, r, "counts.csv.gz")
	if gunzip(t, merged) != want {
		t.Error("the merged table is not what it should be")
	}
	if merged != string(gzipFile(t, []byte(want), method)) {
		t.Error("the merged file is compressed otherwise than both sides")
	}
	if st, err := r.Status(t.Context()); err != nil || !st.Clean() {
		t.Errorf("the folder is not clean after the merge: %v", err)
	}
	sound(t, r)
}
