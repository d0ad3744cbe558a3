package csv

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/google/go-cmp/cmp"
)

// scanned is all that a scan of a file gives.
type scanned struct {
	layout     *Layout
	names      []string
	cells      [][]string
	exceptions []tabular.Exception
	printed    []byte
}

// scan takes data apart in slabs of the given size and prints it again.
func scan(data []byte, name string, slab int) (*scanned, error) {
	s, err := NewScanner(bytes.NewReader(data), name)
	if err != nil {
		return nil, err
	}
	if slab > 0 {
		s.slab = slab
	}
	out := &scanned{names: s.Names()}
	var batches []tabular.Rows
	err = s.Scan(context.Background(), 2, func(rows tabular.Rows) error {
		base := len(out.cells)
		for r := range rows.Len() {
			row := make([]string, rows.Width)
			for c := range row {
				row[c] = string(rows.Cell(r, c))
			}
			out.cells = append(out.cells, row)
		}
		for _, x := range rows.Exceptions {
			x.Row += base
			x.Text = bytes.Clone(x.Text)
			out.exceptions = append(out.exceptions, x)
		}
		batches = append(batches, rows)
		return nil
	})
	if err != nil {
		return nil, err
	}
	out.layout = s.Layout()
	if sum, size := s.Sum(); sum != object.Sum(data) || size != int64(len(data)) {
		return nil, errors.New("the hash or the size is not the file's")
	}
	p, err := NewPrinter(out.layout)
	if err != nil {
		return nil, err
	}
	text := p.AppendHead(nil, out.names, len(batches) == 0)
	for i := range batches {
		if text, err = p.AppendRows(text, &batches[i], i == len(batches)-1); err != nil {
			return nil, err
		}
	}
	text = p.AppendTail(text)
	var b bytes.Buffer
	w, err := out.layout.newWriter(&b)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	out.printed = b.Bytes()
	return out, w.Close()
}

func testdata(t testing.TB) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("../../testdata", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && IsName(path) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 200 {
		t.Fatalf("found %d tables in testdata, expected over 200", len(files))
	}
	return files
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRealFilesComeBackByteForByte(t *testing.T) {
	for _, path := range testdata(t) {
		data := read(t, path)
		whole, err := scan(data, path, 0)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if !bytes.Equal(whole.printed, data) {
			t.Errorf("%s: written back otherwise (-file +written):\n%s", path, cmp.Diff(string(data), string(whole.printed)))
		}
		small, err := scan(data, path, 300)
		if err != nil {
			t.Errorf("%s: in small slabs: %v", path, err)
			continue
		}
		if !reflect.DeepEqual(whole, small) {
			t.Errorf("%s: in small slabs otherwise:\n%s", path, cmp.Diff(whole, small, cmp.AllowUnexported(scanned{})))
		}
	}
}

// seeds are small files, each odd in its own way.
var seeds = []string{
	"a,b,c\n1,2,3\n4,5,6\n",
	"a,b,c\n1,2,3\n4,5,6",
	"a,b,c\r\n1,2,3\r\n4,5,6\r\n",
	"a,b,c\r1,2,3\r4,5,6\r",
	"a,b,c\r1,2,3\n4,5,6\r\n7,8,9\r",
	"a,b,c\r\n1,2,3\n4,5,6\r\n",
	"a,b\n1,\"x, y\"\n2,\"say \"\"so\"\"\"\n",
	"a,b\n1,\"two\nlines\"\n2,z\n",
	"\"a\",\"b\"\n\"1\",\"\"\n\"2\",\"x\"\n",
	"\"a\",\"b\"\n1,\"x\"\n2,NA\n3,\"NA\"\n",
	"a,b\n1,x\"y\n2,\"q\"z\n3,\"w\" \n4,5\n",
	"a,b\n1,x\"y\n2,5\" pipe\n3,z\n",
	"a,b,c\n1,2\n1,2,3\n1,2,3,4,\"5\"\n1,2,3\n",
	"a,b\n\n1,2\n\n\n3,4\n\n",
	"# about\n# more, of it\na,b\n1,2\n# note\n3,4\n# end",
	"#id\tname\n1\tx\n2\ty\n",
	"A title of the table\n\na,b,c\n1,2,3\n4,5,6\n",
	"a,b,c\n1,2,3,4\n5,6,7,8\n",
	"sep=;\na;b\n1,5;2\n2,5;3\n",
	"1,2\n3,4\n5,6\n",
	"a,b\n",
	"a,b",
	"name\nx\n\"\"\ny\n\nz\n",
	"a\tb\n\"x\ty\t1\n2\t\"z\"q\n",
	"\xef\xbb\xbfa,b\r\n1,\xc3\xa9\r\n",
	"a,b\n1,\xe9t\xe9\n2,\xe8\n",
	"\xff\xfea\x00,\x00b\x00\n\x001\x00,\x00=\xd8\x00\xde\n\x00",
	"\xfe\xff\x00a\x00,\x00b\x00\r\x00\n\x001\x00,\x002\x00\r\x00\n",
	"a,b\n1,2\r\r\n3,4\r\r\n",
	"a,b\n1,x\ry\n2,z\n",
	"a|b|c\n1|2,5|x\n2|3,5|y\n",
	"a,b\n1,\"unclosed\n2,3\n",
	"a,b\n1,\x00\n2,b\n",
	"x,2001,2002,2003\na,1,2,3\nb,2,3,4\n",
	"\"a\"\"\",b\n1,2\n",
	",,\n,,\n1,2,3\n",
	" a, b\n1, \"x, y\"\n2, z\n",
	"a,b\r\n1,\"x\ny\"\r\n\"\"\r\n2,3\r\n",
	"name\nx\ny\nz\nu\nv\nw\np\nq\nr\n,s\nt\n",
	"\"a\",\"b\"\n\"x\",\"y\n\",\"\n\"\nz\",\"w\"\n",
}

func FuzzRoundTrip(f *testing.F) {
	for _, seed := range seeds {
		for _, slab := range []uint16{0, 1, 7, 20} {
			f.Add([]byte(seed), slab)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, slab uint16) {
		whole, err := scan(data, "x.csv", 0)
		small, errSmall := scan(data, "x.csv", int(slab)+1)
		if (err == nil) != (errSmall == nil) {
			t.Fatalf("whole: %v, in slabs: %v", err, errSmall)
		}
		if err != nil {
			if !errors.Is(err, ErrNotTable) || !errors.Is(errSmall, ErrNotTable) {
				t.Fatalf("failed with %v and %v", err, errSmall)
			}
			return
		}
		if !bytes.Equal(whole.printed, data) {
			t.Fatalf("written back as %q", whole.printed)
		}
		if diff := cmp.Diff(whole, small, cmp.AllowUnexported(scanned{})); diff != "" {
			t.Fatalf("in small slabs otherwise:\n%s", diff)
		}
		encoded, err := whole.layout.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := DecodeLayout(encoded); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReaderErrorIsPassedOn(t *testing.T) {
	broken := errors.New("broken")
	r := io.MultiReader(strings.NewReader("a,b\n1,2\n"), errReader{broken})
	if _, err := NewScanner(r, "x.csv"); !errors.Is(err, broken) || errors.Is(err, ErrNotTable) {
		t.Fatalf("got %v", err)
	}
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }

// TestExceptions holds what is kept of files that depart from their layout. It is
// a part of the format and never changes.
func TestExceptions(t *testing.T) {
	whole := func(row int, code uint8, text string) tabular.Exception {
		return tabular.Exception{Row: row, Col: tabular.WholeRow, Code: code, Text: []byte(text)}
	}
	for _, c := range []struct {
		data    string
		want    []tabular.Exception
		trailer string
		noEnd   bool
	}{
		{data: "a,b\n1,2\n", want: nil},
		{data: "a,b\n1,2\n3,4", noEnd: true},
		{data: "a,b\n1,2\n3,4\n\n", trailer: "\n"},
		{data: "a,b\n\n1,2\n\n\n3,4\n", want: []tabular.Exception{whole(0, CodeBefore, "\n"), whole(1, CodeBefore, "\n\n")}},
		{data: "# x\na,b\n1,2\n# y\n3,4\n# z", want: []tabular.Exception{whole(1, CodeBefore, "# y\n")}, trailer: "# z"},
		{data: "a,b,c\n1,2,3\n4\n5,6\n7,8,9\n1,1,1\n", want: []tabular.Exception{whole(1, CodeShort, "\x01"), whole(2, CodeShort, "\x02")}},
		{data: "a,b\n1,2\n3,4,5,\"6\"\n7,8\n", want: []tabular.Exception{whole(1, CodeExtra, ",5,\"6\"")}},
		{data: "a,b\n1,2\r\n3,4\n5,6\n", want: []tabular.Exception{whole(0, CodeLineEnd, "\r\n")}},
		{data: "a,b\nx,2\n\"y\",4\nz,6\n", want: []tabular.Exception{{Row: 1, Col: 0, Code: CodeOpposite}}},
		{data: "a,b\n\"p\",\"q\"\nx,1\ny,2\n\"s\"t,4\n", want: []tabular.Exception{
			{Row: 0, Col: 0, Code: CodeOpposite}, {Row: 3, Col: 0, Code: CodeLiteral, Text: []byte("\"s\"t")},
		}},
		{data: "a,b\nx,1\ry\nz,2\n", want: []tabular.Exception{{Row: 0, Col: 1, Code: CodeLiteral, Text: []byte("1\ry")}}},
	} {
		s, err := scan([]byte(c.data), "x.csv", 0)
		if err != nil {
			t.Errorf("%q: %v", c.data, err)
			continue
		}
		if diff := cmp.Diff(c.want, s.exceptions); diff != "" {
			t.Errorf("%q: exceptions (-want +got):\n%s", c.data, diff)
		}
		if string(s.layout.Trailer) != c.trailer || s.layout.NoFinalEnd != c.noEnd {
			t.Errorf("%q: trailer %q, no final end %v", c.data, s.layout.Trailer, s.layout.NoFinalEnd)
		}
	}
}
