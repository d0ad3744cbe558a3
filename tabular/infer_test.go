package tabular

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// readRows reads a table of testdata in a simple way.
func readRows(t *testing.T, path string) (names []string, rows Rows) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	r := csv.NewReader(bytes.NewReader(data))
	r.LazyQuotes, r.FieldsPerRecord = true, -1
	if filepath.Ext(path) == ".tsv" {
		r.Comma = '\t'
	}
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(records) == 0 {
		return nil, rows
	}
	return records[0], rowsOf(len(records[0]), records[1:])
}

func rowsOf(width int, records [][]string) Rows {
	rows := Rows{Width: width}
	for _, record := range records {
		for i := range width {
			text := ""
			if i < len(record) {
				text = record[i]
			}
			rows.Cells = append(rows.Cells, Ref{uint32(len(rows.Buf)), uint32(len(text))})
			rows.Buf = append(rows.Buf, text...)
		}
	}
	return rows
}

func inferredKey(t *testing.T, path string) string {
	t.Helper()
	names, rows := readRows(t, path)
	var key []string
	for _, col := range InferKey(rows, names) {
		key = append(key, names[col])
	}
	return strings.Join(key, "+")
}

// The keys that testdata/README.md names for tables that people keep under
// version control, wherever they are unique.
func TestInferKeyOfVersions(t *testing.T) {
	paths, err := filepath.Glob("../testdata/versions/*/INDEX.tsv")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no versions to test with: %v", err)
	}
	for _, path := range paths {
		_, index := readRows(t, path)
		for row := range index.Len() {
			version, rows := string(index.Cell(row, 0)), string(index.Cell(row, 6))
			key, duplicates := string(index.Cell(row, 8)), string(index.Cell(row, 9))
			file, err := filepath.Glob(filepath.Join(filepath.Dir(path), version+".?sv"))
			if err != nil || len(file) != 1 {
				t.Fatalf("%s: no file of %s", path, version)
			}
			got := inferredKey(t, file[0])
			switch {
			case key == "?":
			case rows == "0" || duplicates != "0":
				if got != "" {
					t.Errorf("%s: key %q where none is unique", file[0], got)
				}
			case got != key:
				t.Errorf("%s: key %q, expected %q", file[0], got, key)
			}
		}
	}
}

func TestInferKeyOfMerges(t *testing.T) {
	const samples = "project_name+sample_name+archive_accession"
	for dir, want := range map[string]string{
		"m01-both-append": samples, "m04-delete-vs-modify-key": samples, "m05-crlf-vs-lf": "",
		"m06-lists-append-edit": "ID", "m07-lists-human-differs": "ID", "m08-moon-add-add": "newmoonnumber",
		"m09-moon-delete-modify": "newmoonnumber", "m10-census-crlf": "year+season",
		"m11-societies-cell-conflict": "id", "m13-societies-inplace-clean": "id",
	} {
		paths, err := filepath.Glob("../testdata/merges/" + dir + "/*.?sv")
		if err != nil || len(paths) < 4 {
			t.Fatalf("%s: %d files, %v", dir, len(paths), err)
		}
		for _, path := range paths {
			if got := inferredKey(t, path); got != want {
				t.Errorf("%s: key %q, expected %q", path, got, want)
			}
		}
	}
	if got := inferredKey(t, "../testdata/merges/m02-both-append-nokey/human.tsv"); got != "" {
		t.Errorf("m02: key %q where none is unique", got)
	}
}

func TestInferKeyIsWary(t *testing.T) {
	repeat := func(n int, row func(i int) []string) (records [][]string) {
		for i := range n {
			records = append(records, row(i))
		}
		return records
	}
	for _, test := range []struct {
		name    string
		names   []string
		records [][]string
		want    []int
	}{
		{"measurements that happen to differ", []string{"species", "weight", "height"},
			repeat(100, func(i int) []string {
				return []string{"abc"[i%3 : i%3+1], strconv.Itoa(900 + i*7), strconv.Itoa(i * 13 % 101)}
			}), nil},
		{"decimals", []string{"x"}, repeat(100, func(i int) []string { return []string{fmt.Sprintf("%d.5", i)} }), nil},
		{"row numbers without a name", []string{"", "value"}, repeat(100, func(i int) []string { return []string{strconv.Itoa(i), "a"} }), nil},
		{"an id with gaps", []string{"id", "v"}, repeat(50, func(i int) []string { return []string{[]string{"", strconv.Itoa(i)}[min(i, 1)], "a"} }), nil},
		{"an id with a duplicate", []string{"site_id", "name"}, repeat(50, func(i int) []string { return []string{strconv.Itoa(max(1, i)), strconv.Itoa(i)} }), nil},
		{"first and last names", []string{"first_name", "last_name"}, repeat(60, func(i int) []string { return []string{"n" + strconv.Itoa(i%20), "m" + strconv.Itoa(i)} }), nil},
		{"an id on the right", []string{"site", "date", "sample_id"}, repeat(50, func(i int) []string { return []string{"a", "2020-01-01", strconv.Itoa(i)} }), []int{2}},
		{"a panel", []string{"country", "value", "year"}, repeat(200, func(i int) []string {
			return []string{"C" + strconv.Itoa(i%10), strconv.Itoa(i % 7), strconv.Itoa(2000 + i/10)}
		}), []int{0, 2}},
		{"three dimensions", []string{"site", "plot", "year"}, repeat(240, func(i int) []string {
			return []string{strconv.Itoa(i % 4), strconv.Itoa(i / 4 % 6), strconv.Itoa(2000 + i/24)}
		}), []int{0, 1, 2}},
		{"three rows without an id", []string{"taxon", "n"}, repeat(3, func(i int) []string { return []string{"t" + strconv.Itoa(i), "1"} }), nil},
		{"three rows with an id", []string{"code", "n"}, repeat(3, func(i int) []string { return []string{"t" + strconv.Itoa(i), "1"} }), []int{0}},
		{"no rows", []string{"id"}, nil, nil},
		{"one row", []string{"id", "name"}, [][]string{{"7", "x"}}, []int{0}},
	} {
		if got := InferKey(rowsOf(len(test.names), test.records), test.names); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, expected %v", test.name, got, test.want)
		}
	}
}

func TestCellStats(t *testing.T) {
	for _, test := range []struct {
		cells string
		want  Type
	}{
		{"", TypeAny}, {"|NA||null", TypeAny}, {"1|2|3", TypeInteger}, {"1|2|2.5", TypeNumber}, {"1|1e5|3", TypeNumber}, {"-1|+2|0", TypeInteger},
		{"1|NA|3|", TypeInteger}, {"007|008|009", TypeString}, {"1|007", TypeString}, {"1,5|2,5", TypeString}, {".5|.75", TypeNumber}, {"INF|1|2", TypeNumber},
		{"true|false|", TypeBoolean}, {"TRUE|FALSE|TRUE", TypeBoolean}, {"true|1", TypeString}, {"2020-01-01|2020-02-29", TypeDate}, {"2020-01-01|2021-02-29", TypeString},
		{"2020-01-01T10:00:00Z|2020-01-02T10:00:00Z", TypeDatetime}, {"2020-01-01|2020-01-02T10:00:00Z", TypeString}, {"10:00:00|11:30:59", TypeTime},
		{"1990|1991|2020", TypeYear}, {"1990|1991|12", TypeInteger}, {"1990|1991.5", TypeNumber}, {"S1|S2", TypeString}, {"+1|+2|+3", TypeInteger}, {"+01|+02", TypeString},
		{"12345678901234567890|1|2", TypeInteger}, {"1.|2.", TypeNumber}, {"1e|2e", TypeString}, {"-|.|1", TypeInteger}, {"5.0|6.0|7.0", TypeNumber}, {"5|6.5|a", TypeString},
	} {
		texts := strings.Split(test.cells, "|")
		var once, twice SegmentEncoder
		once.Append(nil, cellsOf(texts...))
		if got := once.Stats().Type("Year"); got != test.want {
			t.Errorf("%q: type %s, expected %s", test.cells, got, test.want)
		}
		var repeated []string
		for range 40 {
			repeated = append(repeated, texts...)
		}
		twice.Append(nil, cellsOf(repeated...))
		if got := twice.Stats().Type("Year"); got != test.want {
			t.Errorf("%q, many times: type %s, expected %s", test.cells, got, test.want)
		}
		if a, b := once.Stats(), twice.Stats(); a.Empty*40 != b.Empty || a.Tokens*40 != b.Tokens || a.MaxLen != b.MaxLen {
			t.Errorf("%q: %+v, many times %+v", test.cells, a, b)
		}
	}
}

// However a column is cut into segments and encoded, its cells look the same.
func TestCellStatsAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := anyCells().Draw(t, "column")
		cut := rapid.IntRange(0, c.Len()).Draw(t, "cut")
		var want CellStats
		parts := [2]Cells{}
		want = NoCells()
		for i := range c.Len() {
			text := c.At(i)
			want = want.Join(CellStats{Class: anyClass, Cells: 1, MaxLen: len(text)})
			want.addText(text, 1)
			parts[min(1, (i+c.Len()-cut)/max(1, c.Len()))].Append(text)
		}
		var e SegmentEncoder
		got := NoCells()
		for _, part := range parts {
			e.Append(nil, part)
			got = got.Join(e.Stats())
		}
		if got != want {
			t.Fatalf("stats %+v, expected %+v", got, want)
		}
	})
}
