package csv

import (
	"bytes"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/google/go-cmp/cmp"
)

// commit reads data into store and opens the table.
func commit(t testing.TB, store object.ReadWriter, data []byte, o *ReadOptions) (*Result, *tabular.Table) {
	t.Helper()
	res, err := Read(context.Background(), store, bytes.NewReader(data), o)
	if err != nil {
		t.Fatal(err)
	}
	table, err := tabular.Open(context.Background(), store, res.Table)
	if err != nil {
		t.Fatal(err)
	}
	return res, table
}

func written(t testing.TB, table *tabular.Table) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(context.Background(), &b, table, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCommittedFilesComeBackByteForByte(t *testing.T) {
	var parent *tabular.Table
	folder := ""
	store := mem.New()
	for _, path := range testdata(t) {
		if dir := filepath.Dir(path); dir != folder {
			parent, folder = nil, dir
		}
		data := read(t, path)
		res, table := commit(t, store, data, &ReadOptions{Name: path, Parent: parent})
		if got := written(t, table); !bytes.Equal(got, data) {
			t.Errorf("%s: written back otherwise (-file +written):\n%s", path, cmp.Diff(string(data), string(got)))
		}
		if res.Sum != object.Sum(data) || res.Size != int64(len(data)) || res.Rows != table.Rows {
			t.Errorf("%s: sum, size or number of rows is wrong", path)
		}
		if strings.Contains(path, "versions") {
			parent = table
		}
	}
}

func TestParentKeepsFieldsKeyAndChunking(t *testing.T) {
	store := mem.New()
	_, first := commit(t, store, []byte("id,a,b\n1,x,1.5\n2,y,2\n3,z,3\n4,u,4\n5,v,5\n6,w,6\n"), nil)
	if diff := cmp.Diff([]string{"id"}, first.Schema.Key); diff != "" {
		t.Fatalf("key of the first (-want +got):\n%s", diff)
	}
	_, second := commit(t, store, []byte("id,A,b,c\n1,x,1,q\n"), &ReadOptions{Parent: first})
	want := &tabular.Schema{
		Fields: []tabular.Field{
			{ID: "id", Name: "id", Type: tabular.TypeInteger}, {ID: "A", Name: "A", Type: tabular.TypeString},
			{ID: "b", Name: "b", Type: tabular.TypeInteger}, {ID: "c", Name: "c", Type: tabular.TypeString},
		},
		Key: []string{"id"}, ChunkedBy: []string{"id"},
	}
	if diff := cmp.Diff(want, second.Schema); diff != "" {
		t.Errorf("second schema (-want +got):\n%s", diff)
	}
	_, renamed := commit(t, store, []byte("id,A,b\n1,x,1\n"), &ReadOptions{Parent: first})
	if renamed.Schema.Fields[1].ID != "a" {
		t.Errorf("the renamed field has the id %q", renamed.Schema.Fields[1].ID)
	}
}

func TestDeclaredKeyAndTypes(t *testing.T) {
	data := []byte("a,b\n1,x\n1,y\n2,\n")
	store := mem.New()
	res, _ := commit(t, store, data, &ReadOptions{
		Key: []string{"a", "b"}, Types: map[string]tabular.Type{"a": "string"},
	})
	if !slices.Equal(res.Schema.Key, []string{"a", "b"}) || res.KeyInferred || res.Schema.Fields[0].Type != "string" {
		t.Errorf("got %+v", res)
	}
	res, _ = commit(t, store, data, &ReadOptions{Key: []string{"c"}})
	if res.Schema.Key != nil || !slices.Equal(res.KeyMissing, []string{"c"}) || len(res.Notes()) != 1 {
		t.Errorf("got key %v, missing %v, notes %v", res.Schema.Key, res.KeyMissing, res.Notes())
	}
}

func TestKeyThatIsNotUniqueIsNone(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,v\n")
	for i := range 5000 {
		b.WriteString(strings.Repeat("7", 1+i%7))
		b.WriteString("," + string(rune('a'+i%26)) + "\n")
	}
	res, table := commit(t, mem.New(), []byte(b.String()), nil)
	if table.Schema.Key != nil || res.KeyInferred {
		t.Errorf("key %v", table.Schema.Key)
	}
	if len(table.Schema.ChunkedBy) == 0 {
		t.Error("nothing is recorded that the table is chunked by")
	}
}

// TestTableDependsOnNothingElse reads the same file with other readers and
// numbers of goroutines.
func TestTableDependsOnNothingElse(t *testing.T) {
	data := read(t, "../../testdata/odd/dplace-data__datasets_SCCS_variables.csv")
	want, _ := commit(t, mem.New(), data, nil)
	for _, workers := range []int{1, 2, 7} {
		got, err := Read(context.Background(), mem.New(), &byteReader{data}, &ReadOptions{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		if got.Table != want.Table {
			t.Errorf("%d workers: another table", workers)
		}
	}
}

// byteReader gives a few bytes at a time.
type byteReader struct{ rest []byte }

func (r *byteReader) Read(p []byte) (int, error) {
	n := copy(p[:min(len(p), 977)], r.rest)
	r.rest = r.rest[n:]
	if n == 0 {
		return bytes.NewReader(nil).Read(p)
	}
	return n, nil
}

func TestWhatIsNoTable(t *testing.T) {
	long := strings.Repeat("x", tabular.MaxCell+1)
	rows := strings.Repeat("1,2\n", 100000)
	for _, c := range []struct{ name, data, reason string }{
		{"empty", "", "empty"},
		{"blank", "\n \n\n", "empty"},
		{"bom", "\xef\xbb\xbf", "empty"},
		{"binary", "a\x00b\x00,\x00", "binary"},
		{"html", "<html>\n<body>\n</html>\n", "document"},
		{"prose", "Dear all,\nthis, as you see, is\na letter, not a table, with, alas, commas\nno\nyours, truly\n", "delimiter"},
		{"open quote", "a,b\n1,\"2\"\n3,\"4\n5,6\n", "line 3"},
		{"open quote far down", "a,b\n" + rows + "3,\"4\n" + rows, "line 100002"},
		{"long cell", "a,b\n1," + long + "\n", "limit"},
		{"long line", "a,b\n" + strings.Repeat("1", tabular.MaxRow+3*slabBytes) + "\n", "line"},
		{"utf-16, half a character", "\xff\xfea\x00,\x00b\x00\n\x00\x00\xd8,\x00", "half"},
		{"utf-16, half a unit", "\xff\xfea\x00,\x00b\x00\n", "ends within"},
		{"many blank lines below", "a,b\n1,2\n" + strings.Repeat("\n", maxTrailer+1), "behind the last row"},
	} {
		_, err := Read(context.Background(), mem.New(), strings.NewReader(c.data), nil)
		var not *NotTableError
		if !errors.Is(err, ErrNotTable) || !errors.As(err, &not) || !strings.Contains(err.Error(), c.reason) {
			t.Errorf("%s: got %v, expected %q", c.name, err, c.reason)
		}
	}
}

func TestWriteRows(t *testing.T) {
	_, table := commit(t, mem.New(), []byte("# by hand\r\nid;name;\"n\"\r\n1;\"x;y\";5\r\n2;z;\"6\"\r\n\r\n3;w;7"), nil)
	for _, c := range []struct {
		o    *RowsOptions
		want string
	}{
		{nil, "id;name;n\r\n1;\"x;y\";5\r\n2;z;6\r\n3;w;7\r\n"},
		{&RowsOptions{From: 1, To: 2, Columns: []int{2, 0}}, "n;id\r\n6;2\r\n"},
		{&RowsOptions{From: 2, NoHeader: true, Columns: []int{1}}, "w\r\n"},
		{&RowsOptions{From: 9}, "id;name;n\r\n"},
	} {
		var b bytes.Buffer
		if err := WriteRows(context.Background(), &b, table, c.o); err != nil {
			t.Fatal(err)
		}
		if b.String() != c.want {
			t.Errorf("%+v: got %q, expected %q", c.o, b.String(), c.want)
		}
	}
	err := WriteRows(context.Background(), &bytes.Buffer{}, table, &RowsOptions{Columns: []int{3}})
	if !errors.Is(err, tabular.ErrOutOfRange) {
		t.Errorf("a column that is not there: %v", err)
	}
}

func TestCancelledReadEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Read(ctx, mem.New(), strings.NewReader(strings.Repeat("a,b\n", 1e6)), nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
