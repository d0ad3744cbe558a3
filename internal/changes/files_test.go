package changes_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/tabular"
)

// compare writes texts into files and compares them.
func compare(t *testing.T, path, old, now string, key []string) (*changes.Set, error) {
	t.Helper()
	dir := t.TempDir()
	a, b := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := errors.Join(os.WriteFile(a, []byte(old), 0o600), os.WriteFile(b, []byte(now), 0o600)); err != nil {
		t.Fatal(err)
	}
	return changes.CompareFiles(t.Context(), a, b, &changes.FilesOptions{Path: path, Key: key})
}

func TestCompareFilesFindsTheKeyOfEither(t *testing.T) {
	// Only in the older file is the id unique.
	s, err := compare(t, "c.csv", "id,n\n1,a\n2,b\n3,c\n", "id,n\n1,a\n1,b\n3,c\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	table := s.Tables[0]
	if len(table.Key) > 0 || table.Note != "" || table.Counts.Added != 1 || table.Counts.Deleted != 1 {
		t.Errorf("key %v, note %q, %+v", table.Key, table.Note, table.Counts)
	}
	// A key that a person named and that is none is told of.
	s, err = compare(t, "c.csv", "id,n\n1,a\n2,b\n3,c\n", "id,n\n1,a\n1,b\n3,c\n", []string{"id"})
	if err != nil {
		t.Fatal(err)
	}
	if table := s.Tables[0]; !strings.Contains(table.Note, "the key 1 stands in more than one row now (row 2)") {
		t.Errorf("note %q", table.Note)
	}
}

func TestCompareFilesOfOtherForm(t *testing.T) {
	s, err := compare(t, "c.csv", "id,n\n1,a\n2,b\n", "id;n\r\n1;a\r\n2;b\r\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Tables) != 1 || s.Tables[0].Counts.Any() || len(s.Tables[0].Schema) != 1 || s.Tables[0].Schema[0].Change != "layout" {
		t.Errorf("%+v", s.Tables)
	}
	// A new column alone is no other form.
	s, err = compare(t, "c.csv", "id,n\n1,a\n2,b\n", "id,n,m\n1,a,x\n2,b,y\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Tables) != 1 || len(s.Tables[0].Schema) != 1 || s.Tables[0].Schema[0].Change != "added" {
		t.Errorf("%+v", s.Tables[0].Schema)
	}
}

func TestCompareFilesOneOfThemCompressed(t *testing.T) {
	packed := filepath.Join("..", "..", "testdata", "compressed", "penguins.csv.gzip-6.gz")
	plain := filepath.Join("..", "..", "testdata", "odd", "palmerpenguins__inst_extdata_penguins.csv")
	data, err := os.ReadFile(packed)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(plain)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	packed, changed := filepath.Join(dir, "p.csv.gz"), filepath.Join(dir, "q.csv")
	text = append(text, "Adelie,Biscoe,1,1,1,1,male,2010\n"...)
	if err := errors.Join(os.WriteFile(packed, data, 0o600), os.WriteFile(changed, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{{plain, packed}, {packed, plain}} {
		if s, err := changes.CompareFiles(t.Context(), pair[0], pair[1], nil); err != nil || !s.Empty() {
			t.Errorf("the same rows: %+v, %v", s, err)
		}
	}
	s, err := changes.CompareFiles(t.Context(), packed, changed, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Tables) != 1 || s.Tables[0].Counts.Added != 1 || s.Tables[0].Counts.Deleted != 0 || len(s.Tables[0].Schema) > 0 {
		t.Errorf("a row more: %+v", s)
	}
}

func TestCompareFilesInTwoEncodings(t *testing.T) {
	s, err := compare(t, "c.csv", "id,v\r\n1,caf\xe9\r\n2,x\r\n", "id,v\r\n1,café\r\n2,y\r\n", []string{"id"})
	if err != nil {
		t.Fatal(err)
	}
	table := s.Tables[0]
	if want := (tabular.Counts{Modified: 1, Cells: 1, Respelled: 1}); table.Counts != want || table.Shown != want {
		t.Errorf("%+v", table.Counts)
	}
	for row, err := range table.Rows(t.Context()) {
		if err != nil || len(row.Cells) != 1 || row.Cells[0].Old != "x" {
			t.Errorf("%+v, %v", row, err)
		}
	}
}

func TestCompareFilesThatAreNoTables(t *testing.T) {
	s, err := compare(t, "c.csv", "id,n\n1,a\n", "id\x00,n\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.Tables) != 0 || len(s.Files) != 1 || s.Files[0].Status != "modified" || s.Files[0].New.Size != 6 {
		t.Fatalf("%+v", s)
	}
	data, ok, err := s.Files[0].New.Bytes(t.Context(), 6)
	if err != nil || !ok || string(data) != "id\x00,n\n" {
		t.Errorf("%q, %v, %v", data, ok, err)
	}
	if data, ok, err := s.Files[0].New.Bytes(t.Context(), 5); err != nil || ok {
		t.Errorf("more than was asked for: %q, %v, %v", data, ok, err)
	}
	if s, err := compare(t, "c.txt", "same\n", "same\n", nil); err != nil || !s.Empty() {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestCompareFilesFails(t *testing.T) {
	if _, err := compare(t, "c.csv", "id,n\n1,a\n", "id,n\n1,b\n", []string{"m"}); !errors.Is(err, changes.ErrNoColumn) {
		t.Errorf("a key that is no column: %v", err)
	}
	if _, err := changes.CompareFiles(t.Context(), filepath.Join(t.TempDir(), "none"), "", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// TestManyRowsAreFoundAgain asserts that rows come every time, however many there are.
func TestManyRowsAreFoundAgain(t *testing.T) {
	var old, now strings.Builder
	old.WriteString("id,n\n")
	now.WriteString("id,n\n")
	const rows = 10_000
	for i := range rows {
		id := string(rune('a'+i%26)) + strings.Repeat("x", i%3) + "-" + strconv.Itoa(i)
		old.WriteString(id + ",1\n")
		now.WriteString(id + ",2\n")
	}
	s, err := compare(t, "c.csv", old.String(), now.String(), []string{"id"})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		n := 0
		for row, err := range s.Tables[0].Rows(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			if row.Kind != tabular.RowModified || len(row.Cells) != 1 || row.Cells[0].Old != "1" || row.Cells[0].New != "2" {
				t.Fatalf("%+v", row)
			}
			n++
		}
		if n != rows || s.Tables[0].Counts.Modified != rows {
			t.Fatalf("%d rows, counted were %+v", n, s.Tables[0].Counts)
		}
	}
}

// TestAColumnOfRowsWithoutAKey asserts that a column that changed everywhere is one
// cell of each row, however many rows, and with rows that came between.
func TestAColumnOfRowsWithoutAKey(t *testing.T) {
	for _, rows := range []int{20, 3000} {
		var old, now strings.Builder
		old.WriteString("day,site,temp\n")
		now.WriteString("day,site,temp\n")
		for i := range rows {
			line := "D" + strconv.Itoa(i/5) + ",S" + strconv.Itoa(i/5)
			old.WriteString(line + ",1." + strconv.Itoa(i%10) + "\n")
			if i == rows/2 {
				now.WriteString("other,row,9\n")
			}
			now.WriteString(line + ",3" + strconv.Itoa(i%10) + "\n")
		}
		s, err := compare(t, "c.csv", old.String(), now.String(), []string{})
		if err != nil {
			t.Fatal(err)
		}
		want := tabular.Counts{Added: 1, Modified: int64(rows), Cells: int64(rows)}
		if got := s.Tables[0].Shown; got != want {
			t.Errorf("of %d rows: %+v", rows, got)
		}
		if got := s.Tables[0].Counts; got.Added != int64(rows)+1 || got.Deleted != int64(rows) {
			t.Errorf("of %d rows, exactly: %+v", rows, got)
		}
	}
}

func BenchmarkCompareFiles(b *testing.B) {
	dir := b.TempDir()
	var old strings.Builder
	old.WriteString("id,site,count,note\n")
	for i := range 200_000 {
		old.WriteString(strconv.Itoa(i) + ",S" + strconv.Itoa(i%97) + "," + strconv.Itoa(i*7919%1000) + ",\n")
	}
	text := old.String()
	at, to := filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.csv")
	now := strings.Replace(text, "\n100000,S", "\n100000,T", 1)
	if err := errors.Join(os.WriteFile(at, []byte(text), 0o600), os.WriteFile(to, []byte(now), 0o600)); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(2 * len(text)))
	for b.Loop() {
		if s, err := changes.CompareFiles(b.Context(), at, to, nil); err != nil || s.Tables[0].Counts.Cells != 1 {
			b.Fatal(err)
		}
	}
}
