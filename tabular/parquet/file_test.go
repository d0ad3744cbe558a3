package parquet

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"go.uber.org/goleak"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rowsOf returns the texts of a file, row by row.
func rowsOf(f *File) (rows [][]string, err error) {
	for b, err := range f.Batches(context.Background()) {
		if err != nil {
			return nil, err
		}
		cells, err := b(context.Background())
		if err != nil {
			return nil, err
		}
		for r := range cells[0].Len() {
			var row []string
			for _, c := range cells {
				row = append(row, string(c.At(r)))
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func TestAllTypes(t *testing.T) {
	f, err := Open("testdata/alltypes_plain.parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := rowsOf(f)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"id", "bool_col", "tinyint_col", "smallint_col", "int_col", "bigint_col", "float_col", "double_col", "date_string_col", "string_col", "timestamp_col"}, f.Names()); diff != "" {
		t.Error(diff)
	}
	want := []string{"5", "false", "1", "1", "1", "10", "1.1", "10.1", "03/01/09", "1", "2009-03-01T00:01:00"}
	if diff := cmp.Diff(want, rows[1]); diff != "" || len(rows) != 8 {
		t.Errorf("%d rows; %s", len(rows), diff)
	}
}

func TestDecimals(t *testing.T) {
	f, err := Open("testdata/byte_array_decimal.parquet")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err := rowsOf(f)
	if err != nil || len(rows) != 24 || rows[0][0] != "100e-2" || rows[23][0] != "2400e-2" {
		t.Fatalf("%v, %v", rows, err)
	}
	type money struct {
		A int64 `parquet:"a,decimal(2:10)"`
	}
	name := filepath.Join(t.TempDir(), "m.parquet")
	if err := parquet.WriteFile(name, []money{{-1}, {12345}}); err != nil {
		t.Fatal(err)
	}
	if f, err = Open(name); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rows, err = rowsOf(f)
	if diff := cmp.Diff([][]string{{"-1e-2"}, {"12345e-2"}}, rows); err != nil || diff != "" {
		t.Error(diff, err)
	}
}

func TestManyRows(t *testing.T) {
	type row struct {
		A int32   `parquet:"a"`
		B *string `parquet:"b,dict"`
	}
	rows := make([]row, 3*batchRows/2)
	text := "x"
	for i := range rows {
		rows[i].A = int32(i)
		if i%3 == 0 {
			rows[i].B = &text
		}
	}
	name := filepath.Join(t.TempDir(), "m.parquet")
	if err := parquet.WriteFile(name, rows, parquet.MaxRowsPerRowGroup(batchRows+5), parquet.PageBufferSize(1000)); err != nil {
		t.Fatal(err)
	}
	f, err := Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	got, err := rowsOf(f)
	if err != nil || len(got) != len(rows) {
		t.Fatalf("%d rows, %v", len(got), err)
	}
	for i, r := range got {
		if want := (map[bool]string{true: "x"})[i%3 == 0]; r[1] != want || r[0] != string(appendUnsigned(nil, parquet.ValueOf(uint32(i)))) {
			t.Fatalf("row %d is %q", i, r)
		}
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	type nested struct {
		List []int32 `parquet:"list"`
	}
	dir := t.TempDir()
	name := filepath.Join(dir, "n.parquet")
	if err := parquet.WriteFile(name, []nested{{[]int32{1}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(name); !errors.Is(err, ErrNested) {
		t.Errorf("a list: %v", err)
	}
	whole, err := os.ReadFile("testdata/alltypes_plain.parquet")
	if err != nil {
		t.Fatal(err)
	}
	read := func(data []byte) error {
		if err := os.WriteFile(name, data, 0o644); err != nil {
			t.Fatal(err)
		}
		f, err := Open(name)
		if err == nil {
			_, err = rowsOf(f)
			_ = f.Close()
		}
		return err
	}
	for _, n := range []int{0, 3, 100, len(whole) - 1} {
		if err := read(whole[:n]); !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("the first %d bytes: %v", n, err)
		}
	}
	for at := 4; at < len(whole); at += 41 {
		data := bytes.Clone(whole)
		data[at] ^= 0x15
		if err := read(data); err != nil && !errors.Is(err, object.ErrCorrupt) && !errors.Is(err, ErrNested) && !errors.Is(err, tabular.ErrTooLarge) {
			t.Errorf("byte %d: %v", at, err)
		}
	}
}
