package diffview_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/tabular"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var header = []string{"id", "x", "y", "z"}

// drawRows returns rows with the given keys.
func drawRows(t *rapid.T, name string, ids []int) [][]string {
	cell := rapid.SampledFrom([]string{"", "a", "b", "->", "-->", "a->b", "-", ">", "NULL", "_NULL", "...", "1.0", "1.00", "two\nlines", `"q"`, "é"})
	var rows [][]string
	for _, id := range ids {
		rows = append(rows, []string{fmt.Sprint(id), cell.Draw(t, name+"x"), cell.Draw(t, name+"y"), cell.Draw(t, name+"z")})
	}
	return rows
}

func asCSV(rows [][]string) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	_ = w.Write(header)
	_ = w.WriteAll(rows)
	return b.Bytes()
}

// drawTables returns two tables with unique ids in their first column, of which
// the second is mostly an edition of the first, and their difference.
func drawTables(t *rapid.T, dir string, key []string) (a, b [][]string, s *changes.Set) {
	id := rapid.IntRange(1, 60)
	a = drawRows(t, "a", rapid.SliceOfNDistinct(id, 2, 40, rapid.ID).Draw(t, "ids"))
	kept := rapid.Permutation(a).Draw(t, "order")
	if rapid.Bool().Draw(t, "in order") {
		kept = a
	}
	for _, row := range kept {
		switch rapid.IntRange(0, 5).Draw(t, "what") {
		case 0:
		case 1:
			row = slices.Clone(row)
			row[rapid.IntRange(1, 3).Draw(t, "column")] = rapid.SampledFrom([]string{"", "new", "->x", "NULL"}).Draw(t, "value")
			b = append(b, row)
		default:
			b = append(b, row)
		}
	}
	for i, row := range drawRows(t, "n", rapid.SliceOfNDistinct(rapid.IntRange(61, 80), 0, 5, rapid.ID).Draw(t, "new ids")) {
		b = slices.Insert(b, min(i*7, len(b)), row)
	}
	if len(b) == 0 {
		b = a[:1]
	}
	files := []string{filepath.Join(dir, "a.csv"), filepath.Join(dir, "b.csv")}
	for i, rows := range [][][]string{a, b} {
		if err := os.WriteFile(files[i], asCSV(rows), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, err := changes.CompareFiles(t.Context(), files[0], files[1], &changes.FilesOptions{Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return a, b, s
}

func byID(rows [][]string) map[string][]string {
	m := make(map[string][]string)
	for _, row := range rows {
		m[row[0]] = row
	}
	return m
}

// TestJSONGivesTheNewRows asserts that the rows of the JSON form, applied to the old
// table, give the new one.
func TestJSONGivesTheNewRows(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		a, b, s := drawTables(t, dir, []string{"id"})
		doc, err := diffview.JSON(t.Context(), s, true)
		if err != nil {
			t.Fatal(err)
		}
		got := byID(a)
		var n [3]int64
		for _, table := range doc.Tables {
			for _, row := range table.Rows {
				switch row.Change {
				case "added":
					n[0]++
					got[row.Key[0]] = row.Values
				case "deleted":
					n[1]++
					if d := cmp.Diff(a[row.RowOld-1], row.Values); d != "" {
						t.Fatalf("a deleted row is not the old one: %s", d)
					}
					delete(got, row.Key[0])
				case "modified":
					n[2]++
					edited := slices.Clone(a[row.RowOld-1])
					for _, c := range row.Cells {
						at := slices.Index(header, c.Column)
						if edited[at] != c.Old {
							t.Fatalf("row %d, %s: the old cell is %q, said was %q", row.RowOld, c.Column, edited[at], c.Old)
						}
						edited[at] = c.New
					}
					got[row.Key[0]] = edited
				}
			}
			if n != [3]int64{table.Added, table.Deleted, table.Modified} {
				t.Fatalf("%v rows, counted were %d, %d, %d", n, table.Added, table.Deleted, table.Modified)
			}
		}
		if d := cmp.Diff(byID(b), got); d != "" {
			t.Fatalf("(-new +applied):\n%s", d)
		}
	})
}

// TestHighlightGivesTheNewRows asserts the same of the CSV form, read as its
// specification says.
func TestHighlightGivesTheNewRows(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		a, b, s := drawTables(t, dir, []string{"id"})
		got := byID(a)
		for _, table := range s.Tables {
			var out bytes.Buffer
			if err := diffview.Highlight(t.Context(), &out, table); err != nil {
				t.Fatal(err)
			}
			records, err := csv.NewReader(&out).ReadAll()
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(append([]string{"@@"}, header...), records[0]); d != "" {
				t.Fatal(d)
			}
			for _, record := range records[1:] {
				switch tag, row := record[0], record[1:]; {
				case tag == "...":
				case tag == "+++":
					got[row[0]] = row
				case tag == "---":
					delete(got, row[0])
				case strings.HasSuffix(tag, "->"):
					got[row[0]] = readModified(row, tag)
				default:
					t.Fatalf("a row with the tag %q", tag)
				}
			}
		}
		if d := cmp.Diff(byID(b), got); d != "" {
			t.Fatalf("(-new +applied):\n%s", d)
		}
	})
}

func readModified(row []string, arrow string) []string {
	row = slices.Clone(row)
	for i, cell := range row {
		if _, now, ok := strings.Cut(cell, arrow); ok {
			if strings.TrimLeft(now, "_") == "NULL" {
				now = now[1:]
			}
			row[i] = now
		}
	}
	return row
}

// TestPairsLoseNothing asserts that rows without a key, paired for people, still
// say what came and what went.
func TestPairsLoseNothing(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		a, b, s := drawTables(t, dir, []string{})
		got := make(map[string]int)
		for _, row := range a {
			got[strings.Join(row, "\x00")]++
		}
		for _, table := range s.Tables {
			var n tabular.Counts
			for line, err := range table.Lines(t.Context(), false) {
				if err != nil {
					t.Fatal(err)
				}
				if line.Kind != tabular.RowAdded {
					got[strings.Join(line.Before, "\x00")]--
				}
				if line.Kind != tabular.RowDeleted {
					got[strings.Join(line.Now, "\x00")]++
				}
				switch line.Kind {
				case tabular.RowAdded:
					n.Added++
				case tabular.RowDeleted:
					n.Deleted++
				case tabular.RowModified:
					n.Modified++
					n.Cells += int64(len(line.Cells))
					if len(line.Cells)*2 > len(header) {
						t.Fatalf("rows with %d other cells are paired", len(line.Cells))
					}
				}
			}
			shown := table.Shown
			shown.Moved, shown.Respelled = 0, 0
			if n != shown {
				t.Fatalf("counted %+v, said was %+v", n, shown)
			}
		}
		for _, row := range b {
			got[strings.Join(row, "\x00")]--
		}
		maps.DeleteFunc(got, func(_ string, n int) bool { return n == 0 })
		if len(got) > 0 {
			t.Fatalf("rows that are not the new table's: %v", got)
		}
	})
}
