package merge_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

var csvOptions = &merge.Options{Codecs: map[string]merge.Codec{csv.Codec: csv.Merger{}}}

func readCSV(t testing.TB, st object.ReadWriter, data []byte, name string, parent *tabular.Table, key []string) *tabular.Table {
	t.Helper()
	r, err := csv.Read(t.Context(), st, bytes.NewReader(data), &csv.ReadOptions{Name: name, Parent: parent, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return open(t, st, r.Table)
}

// realCase is a merge that people made, and what is expected of ours.
type realCase struct {
	conflicts int
	// differs says why the rows are not those that the people committed.
	differs string
	// bytes says that the file is, to the byte, what the people committed.
	bytes bool
}

var realCases = map[string]realCase{
	"m01-both-append":             {bytes: true},
	"m02-both-append-nokey":       {bytes: true},
	"m03-header-vs-append":        {differs: "the people filled the new columns of the other side's rows"},
	"m04-delete-vs-modify-key":    {conflicts: 3},
	"m05-crlf-vs-lf":              {},
	"m06-lists-append-edit":       {bytes: true},
	"m07-lists-human-differs":     {differs: "the people corrected a row that one side had added"},
	"m08-moon-add-add":            {differs: "the people dropped a row that one side had added"},
	"m09-moon-delete-modify":      {conflicts: 1, bytes: true},
	"m10-census-crlf":             {},
	"m11-societies-cell-conflict": {conflicts: 1, bytes: true},
	"m12-taxa-header":             {},
	"m13-societies-inplace-clean": {bytes: true},
}

// TestRealMerges merges what people have merged by hand.
func TestRealMerges(t *testing.T) {
	for name, want := range realCases {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("..", "testdata", "merges", name)
			var c struct{ Key []string }
			if err := json.Unmarshal(readFile(t, filepath.Join(dir, "case.json")), &c); err != nil {
				t.Fatal(err)
			}
			if c.Key == nil {
				c.Key = []string{}
			}
			st := mem.New()
			base, _ := readVersion(t, st, dir, "base", nil, c.Key)
			ours, _ := readVersion(t, st, dir, "ours", base, c.Key)
			theirs, _ := readVersion(t, st, dir, "theirs", base, c.Key)
			human, humanBytes := readVersion(t, st, dir, "human", base, c.Key)
			r, err := merge.Tables(t.Context(), st, base, ours, theirs, csvOptions)
			if err != nil {
				t.Fatal(err)
			}
			merged := open(t, st, r.Table)
			if len(r.Conflicts) != want.conflicts {
				t.Errorf("%d conflicts: %v", len(r.Conflicts), r.Conflicts)
			}
			if same := slices.Equal(sortedRows(t, merged), sortedRows(t, human)); same != (want.differs == "") {
				t.Errorf("the rows of the people: %v", same)
			}
			var out bytes.Buffer
			if err := csv.Write(t.Context(), &out, merged, nil); err != nil {
				t.Fatal(err)
			}
			if want.bytes && !bytes.Equal(out.Bytes(), humanBytes) {
				t.Error("the file is not that of the people")
			}
			again := readCSV(t, st, out.Bytes(), "again"+filepath.Ext(name), merged, c.Key)
			if !slices.Equal(sortedRows(t, again), sortedRows(t, merged)) {
				t.Error("the file does not say what the table does")
			}
			checkNothingMissing(t, base, ours, theirs, merged, r.Conflicts)
			checkSymmetry(t, st, base, ours, theirs, r, csvOptions)
		})
	}
}

// TestRealMergesInferred merges the same files with the keys that are inferred:
// whatever comes of it, it must be named.
func TestRealMergesInferred(t *testing.T) {
	for name := range realCases {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("..", "testdata", "merges", name)
			st := mem.New()
			base, _ := readVersion(t, st, dir, "base", nil, nil)
			ours, _ := readVersion(t, st, dir, "ours", base, nil)
			theirs, _ := readVersion(t, st, dir, "theirs", base, nil)
			r, err := merge.Tables(t.Context(), st, base, ours, theirs, csvOptions)
			if err != nil {
				t.Fatal(err)
			}
			checkNothingMissing(t, base, ours, theirs, open(t, st, r.Table), r.Conflicts)
			checkSymmetry(t, st, base, ours, theirs, r, csvOptions)
		})
	}
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readVersion(t testing.TB, st object.ReadWriter, dir, version string, parent *tabular.Table, key []string) (*tabular.Table, []byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, version+".?sv"))
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %v, %v", version, names, err)
	}
	data := readFile(t, names[0])
	return readCSV(t, st, data, names[0], parent, key), data
}

func sortedRows(t testing.TB, table *tabular.Table) []string {
	t.Helper()
	var out []string
	for _, r := range readRows(t, table) {
		out = append(out, strings.Join(r, "\x00"))
	}
	slices.Sort(out)
	return out
}

// checkNothingMissing fails if a text that one side alone has is neither in the
// result nor in a conflict.
func checkNothingMissing(t testing.TB, base, ours, theirs, merged *tabular.Table, conflicts []merge.Conflict) {
	t.Helper()
	named := texts(t, merged)
	for text := range texts(t, base) {
		named[text] = true
	}
	for _, c := range conflicts {
		for _, v := range []merge.Version{c.Base, c.Ours, c.Theirs} {
			named[v.Text] = true
			for _, cell := range v.Cells {
				named[cell] = true
			}
		}
	}
	for _, side := range []*tabular.Table{ours, theirs} {
		for text := range texts(t, side) {
			if !named[text] {
				t.Errorf("%q is missing and not named", text)
			}
		}
	}
}

func texts(t testing.TB, table *tabular.Table) map[string]bool {
	t.Helper()
	out := make(map[string]bool)
	for _, row := range readRows(t, table) {
		for _, cell := range row {
			out[cell] = true
		}
	}
	return out
}
