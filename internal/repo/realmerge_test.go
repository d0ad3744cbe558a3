package repo

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/merge"
)

// mergeCase is three versions of one file and the rows that the merge should have.
type mergeCase struct {
	name               string
	ext                string
	base, ours, theirs []byte
	want               []byte // a file with the rows that are expected, or that people committed
	// conflicts says that the sides contradict each other, or that the people did
	// more than to merge, so that the rows may differ.
	conflicts bool
}

// rowsOf reads a file's rows, the header among them, as one text each, with the
// means of the standard library alone.
func rowsOf(t testing.TB, data []byte, ext string) []string {
	t.Helper()
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord, r.LazyQuotes = -1, true
	if ext == ".tsv" {
		r.Comma = '\t'
	}
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]string, len(records))
	for i, rec := range records {
		rows[i] = strings.Join(rec, "\x1f")
	}
	return rows
}

func sortedRowsOf(t testing.TB, data []byte, ext string) []string {
	rows := rowsOf(t, data, ext)
	slices.Sort(rows)
	return rows
}

// peopleCases are the merges that people made by hand.
func peopleCases(t testing.TB) []mergeCase {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join("..", "..", "testdata", "merges", "m*"))
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no merges in testdata: %v", err)
	}
	var out []mergeCase
	for _, dir := range dirs {
		c := mergeCase{name: filepath.Base(dir)}
		for version, data := range map[string]*[]byte{"base": &c.base, "ours": &c.ours, "theirs": &c.theirs, "human": &c.want} {
			names, err := filepath.Glob(filepath.Join(dir, version+".?sv"))
			if err != nil || len(names) != 1 {
				t.Fatalf("%s: %v, %v", version, names, err)
			}
			c.ext = filepath.Ext(names[0])
			*data = fileBytes(t, names[0])
		}
		var about struct {
			Same      bool `json:"row_multiset_merge_equals_human"`
			Conflicts int  `json:"keyed_conflicts"`
		}
		if err := json.Unmarshal(fileBytes(t, filepath.Join(dir, "case.json")), &about); err != nil {
			t.Fatal(err)
		}
		c.conflicts = !about.Same || about.Conflicts > 0
		out = append(out, c)
	}
	return out
}

func fileBytes(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// sheet is a file as lines of cells, to make variants of.
type sheet struct {
	ext  string
	rows [][]string
}

func sheetOf(t testing.TB, data []byte, ext string) sheet {
	s := sheet{ext: ext}
	for _, row := range rowsOf(t, data, ext) {
		s.rows = append(s.rows, strings.Split(row, "\x1f"))
	}
	return s
}

func (s sheet) clone() sheet {
	out := sheet{ext: s.ext}
	for _, row := range s.rows {
		out.rows = append(out.rows, slices.Clone(row))
	}
	return out
}

func (s sheet) bytes() []byte { return s.print("\n", false, "") }

func (s sheet) print(end string, quoteAll bool, before string) []byte {
	b := bytes.NewBufferString(before)
	sep := ","
	if s.ext == ".tsv" {
		sep = "\t"
	}
	for _, row := range s.rows {
		for i, cell := range row {
			if i > 0 {
				b.WriteString(sep)
			}
			if quoteAll || strings.ContainsAny(cell, sep+"\"\r\n") {
				cell = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
			}
			b.WriteString(cell)
		}
		b.WriteString(end)
	}
	return b.Bytes()
}

// variant is one way to change a whole file, as people's programs do.
type variant struct {
	name   string
	change func(sheet) sheet
	print  func(sheet) []byte
}

func plainPrint(s sheet) []byte { return s.bytes() }

func eachRow(change func(i int, row []string) []string) func(sheet) sheet {
	return func(s sheet) sheet {
		for i := range s.rows {
			s.rows[i] = change(i, s.rows[i])
		}
		return s
	}
}

var variants = []variant{
	{"crlf", nil, func(s sheet) []byte { return s.print("\r\n", false, "") }},
	{"bom", nil, func(s sheet) []byte { return s.print("\n", false, "\ufeff") }},
	{"quotes", nil, func(s sheet) []byte { return s.print("\n", true, "") }},
	{"crlf+quotes+bom", nil, func(s sheet) []byte { return s.print("\r\n", true, "\ufeff") }},
	{"sorted", func(s sheet) sheet {
		last := len(s.rows[0]) - 1
		slices.SortStableFunc(s.rows[1:], func(a, b []string) int {
			if last < len(a) && last < len(b) {
				return strings.Compare(a[last]+a[0], b[last]+b[0])
			}
			return 0
		})
		return s
	}, plainPrint},
	{"reversed", func(s sheet) sheet { slices.Reverse(s.rows[1:]); return s }, plainPrint},
	{"column added", eachRow(func(i int, row []string) []string {
		if i == 0 {
			return append(row, "added")
		}
		return append(row, "")
	}), plainPrint},
	{"column inserted", eachRow(func(i int, row []string) []string {
		text := ""
		if i == 0 {
			text = "inserted"
		}
		return slices.Insert(row, 1, text)
	}), plainPrint},
	{"header renamed", eachRow(func(i int, row []string) []string {
		if i == 0 {
			row[1] = "Renamed " + row[1]
		}
		return row
	}), plainPrint},
	{"header upper case", eachRow(func(i int, row []string) []string {
		if i == 0 {
			for c := range row {
				row[c] = strings.ToUpper(row[c]) + "_x"
			}
		}
		return row
	}), plainPrint},
	{"columns reordered", eachRow(func(i int, row []string) []string {
		last := row[len(row)-1]
		return append([]string{row[0], last}, row[1:len(row)-1]...)
	}), plainPrint},
	{"first column last", eachRow(func(i int, row []string) []string { return append(slices.Clone(row[1:]), row[0]) }), plainPrint},
}

// versionCases are merges of real versions of a file with variants of them, and
// with each other's changes.
func versionCases(t testing.TB) []mergeCase {
	t.Helper()
	var out []mergeCase
	for _, dir := range []string{"ameta-env-samples", "co2-mm-mlo", "portal-moon-dates", "portal-plant-species"} {
		names, err := filepath.Glob(filepath.Join("..", "..", "testdata", "versions", dir, "v*.?sv"))
		if err != nil || len(names) < 5 {
			t.Fatalf("no versions of %s in testdata: %v", dir, err)
		}
		ext := filepath.Ext(names[0])
		var sheets []sheet
		for _, name := range names {
			s := sheetOf(t, fileBytes(t, name), ext)
			sheets = append(sheets, s)
		}
		even := func(s sheet) bool {
			return !slices.ContainsFunc(s.rows, func(r []string) bool { return len(r) != len(s.rows[0]) || len(r) < 3 })
		}
		for i := 2; i+5 < len(sheets); i += 20 {
			base, next := sheets[i], sheets[i+1]
			if !even(base) || !even(next) || !slices.Equal(base.rows[0], next.rows[0]) {
				continue
			}
			for _, v := range variants {
				apply := func(s sheet) []byte {
					s = s.clone()
					if v.change != nil {
						s = v.change(s)
					}
					return v.print(s)
				}
				out = append(out, mergeCase{name: fmt.Sprintf("%s %d %s", dir, i, v.name), ext: ext,
					base: base.bytes(), ours: apply(base), theirs: next.bytes(), want: apply(next)})
			}
			out = append(out, replayed(dir, i, sheets)...)
			out = append(out, edited(dir, i, base, next)...)
		}
	}
	return out
}

// replayed lets one side do what changed between two other versions, row by row.
func replayed(dir string, i int, sheets []sheet) (out []mergeCase) {
	for _, k := range []int{i + 2, i + 4} {
		base, ours, from, to := sheets[i], sheets[i+1], sheets[k], sheets[k+1]
		if len(from.rows[0]) != len(base.rows[0]) || len(to.rows[0]) != len(base.rows[0]) {
			continue
		}
		theirs := replay(base, from, to)
		out = append(out, mergeCase{name: fmt.Sprintf("%s %d replayed %d", dir, i, k), ext: base.ext, conflicts: true,
			base: base.bytes(), ours: ours.bytes(), theirs: theirs.bytes(), want: multisetMerge(base, ours, theirs).bytes()})
	}
	return out
}

func replay(base, from, to sheet) sheet {
	counts := make(map[string]int)
	for _, r := range to.rows[1:] {
		counts[strings.Join(r, "\x1f")]++
	}
	for _, r := range from.rows[1:] {
		counts[strings.Join(r, "\x1f")]--
	}
	out := sheet{ext: base.ext}
	for _, r := range base.rows {
		if key := strings.Join(r, "\x1f"); counts[key] < 0 {
			counts[key]++
			continue
		}
		out.rows = append(out.rows, r)
	}
	for _, r := range to.rows[1:] {
		if key := strings.Join(r, "\x1f"); counts[key] > 0 {
			counts[key]--
			out.rows = append(out.rows, r)
		}
	}
	return out
}

// multisetMerge is ours + theirs − base.
func multisetMerge(base, ours, theirs sheet) sheet { return replay(ours, base, theirs) }

// edited has both sides edit by hand, in ways that a person would merge without
// a second thought.
func edited(dir string, i int, base, next sheet) (out []mergeCase) {
	add := func(name string, base, ours, theirs, want sheet) {
		out = append(out, mergeCase{name: fmt.Sprintf("%s %d %s", dir, i, name), ext: base.ext,
			base: base.bytes(), ours: ours.bytes(), theirs: theirs.bytes(), want: want.bytes()})
	}
	rnd := rand.New(rand.NewPCG(1, uint64(i)))
	mid, width := len(base.rows)/2, len(base.rows[0])
	pick := func() (row, col int) { return 1 + rnd.IntN(len(base.rows)-1), 1 + rnd.IntN(width-1) }

	ours, theirs, want := base.clone(), base.clone(), base.clone()
	for n := range 12 {
		r, c := pick()
		text := fmt.Sprintf("edit %d", n)
		if want.rows[r][c] != base.rows[r][c] {
			continue
		}
		want.rows[r][c] = text
		if n%2 == 0 {
			ours.rows[r][c] = text
		} else {
			theirs.rows[r][c] = text
		}
	}
	add("cells edited by both", base, ours, theirs, want)

	ours, theirs, want = base.clone(), base.clone(), base.clone()
	ours.rows[mid][0] += "x"
	theirs.rows[mid][width-1] = "edited"
	want.rows[mid][0], want.rows[mid][width-1] = ours.rows[mid][0], "edited"
	add("key cell against another", base, ours, theirs, want)

	twice := base.clone()
	twice.rows = append(twice.rows, twice.rows[1], twice.rows[2])
	ours, theirs, want = twice.clone(), twice.clone(), twice.clone()
	one, two := slices.Clone(base.rows[3]), slices.Clone(base.rows[4])
	one[width-1], two[width-1] = "one", "two"
	ours.rows = append(ours.rows, one)
	theirs.rows = append(theirs.rows, two)
	want.rows = append(want.rows, one, two)
	add("no key, both append", twice, ours, theirs, want)

	ours, theirs, want = base.clone(), base.clone(), base.clone()
	one[0], two[0] = base.rows[3][0]+"1", base.rows[3][0]+"2"
	dup := slices.Clone(one)
	dup[width-1] = "again"
	ours.rows = append(ours.rows, one, dup)
	theirs.rows = append(theirs.rows, two)
	want.rows = append(want.rows, one, dup, two)
	add("duplicate key on one side, both append", base, ours, theirs, want)

	column := func(s sheet, fill string) sheet {
		s = s.clone()
		for r := range s.rows {
			text := ""
			switch {
			case r == 0:
				text = "remarks"
			case fill == "ours" && r < 4, fill == "theirs" && r > 4 && r < 8:
				text = fill
			case fill == "both" && r < 4:
				text = "ours"
			case fill == "both" && r > 4 && r < 8:
				text = "theirs"
			}
			s.rows[r] = append(s.rows[r], text)
		}
		return s
	}
	add("column added by both", base, column(base, "ours"), column(base, "theirs"), column(base, "both"))

	empty := column(base, "")
	for r := range empty.rows {
		empty.rows[r][width] = ""
	}
	add("trailing column dropped", empty, base, func() sheet {
		s := column(next, "")
		for r := range s.rows {
			s.rows[r][width] = ""
		}
		return s
	}(), next)

	headless := base.clone()
	headless.rows = headless.rows[1:]
	more := next.clone()
	more.rows = more.rows[1:]
	add("header given", headless, base, more, next)
	return out
}

// outcome is what became of a case.
type outcome struct {
	conflicts []merge.Conflict
	equal     bool
	lost      []string // texts that one side alone has, neither in the result nor in a conflict
	swapped   bool     // the merge the other way round had another result
}

// runCases commits the bases of all cases as files of one dataset, ours on one
// branch and theirs on another, and merges both ways.
func runCases(t *testing.T, cases []mergeCase) []outcome {
	t.Helper()
	r := dataset(t, person(t))
	name := func(i int) string { return fmt.Sprintf("t%03d%s", i, cases[i].ext) }
	write := func(message string, data func(*mergeCase) []byte) {
		for i := range cases {
			put(t, r, name(i), string(data(&cases[i])))
		}
		commit(t, r, message)
	}
	write("base", func(c *mergeCase) []byte { return c.base })
	for _, branch := range []string{"theirs", "swapped"} {
		if _, err := r.CreateBranch(t.Context(), branch, ""); err != nil {
			t.Fatal(err)
		}
	}
	write("ours", func(c *mergeCase) []byte { return c.ours })
	if _, err := r.CreateBranch(t.Context(), "ours", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Switch(t.Context(), "theirs", false, ""); err != nil {
		t.Fatal(err)
	}
	write("theirs", func(c *mergeCase) []byte { return c.theirs })

	out := make([]outcome, len(cases))
	merged := func(into, from string) (files [][]byte, conflicts map[string][]merge.Conflict) {
		if _, err := r.Switch(t.Context(), into, false, ""); err != nil {
			t.Fatal(err)
		}
		res, err := r.Merge(t.Context(), from, MergeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		conflicts = make(map[string][]merge.Conflict)
		for _, x := range res.Conflicts {
			conflicts[x.Path] = append(conflicts[x.Path], x)
		}
		for i := range cases {
			files = append(files, []byte(read(t, r, name(i))))
		}
		if len(res.Conflicts) > 0 {
			if err := r.AbortMerge(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return files, conflicts
	}
	files, conflicts := merged("main", "theirs")
	for _, x := range conflicts[datapackage.FileName] {
		t.Errorf("what constl itself wrote is in conflict: %s", x)
	}
	other, more := merged("theirs", "ours")
	for i := range cases {
		c, list := &cases[i], conflicts[name(i)]
		out[i].conflicts = list
		out[i].equal = slices.Equal(sortedRowsOf(t, files[i], c.ext), sortedRowsOf(t, c.want, c.ext))
		out[i].lost = lostTexts(t, c, files[i], list)
		out[i].swapped = len(list) != len(more[name(i)]) || len(list) == 0 && !bytes.Equal(files[i], other[i])
	}
	sound(t, r)
	return out
}

// lostTexts returns the cells that are new on one side and gone since the merge.
func lostTexts(t testing.TB, c *mergeCase, merged []byte, conflicts []merge.Conflict) (lost []string) {
	t.Helper()
	known := make(map[string]bool)
	note := func(data []byte) {
		for _, row := range rowsOf(t, data, c.ext) {
			for _, cell := range strings.Split(row, "\x1f") {
				known[cell] = true
			}
		}
	}
	note(c.base)
	note(merged)
	for _, x := range conflicts {
		for _, v := range []merge.Version{x.Base, x.Ours, x.Theirs} {
			known[v.Text] = true
			for _, cell := range v.Cells {
				known[cell] = true
			}
		}
	}
	for _, side := range [][]byte{c.ours, c.theirs} {
		for _, row := range rowsOf(t, side, c.ext) {
			for _, cell := range strings.Split(row, "\x1f") {
				if !known[cell] {
					lost = append(lost, cell)
				}
			}
		}
	}
	return lost
}

// gitVerdict says what a merge by line makes of the case, or "" without git.
func gitVerdict(t testing.TB, c *mergeCase) string {
	t.Helper()
	git, err := exec.LookPath("git")
	if err != nil {
		return ""
	}
	dir := t.TempDir()
	var names []string
	for i, data := range [][]byte{c.ours, c.base, c.theirs} {
		name := filepath.Join(dir, fmt.Sprint(i))
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		names = append(names, name)
	}
	if err := exec.CommandContext(t.Context(), git, append([]string{"merge-file", "-p", "-q"}, names...)...).Run(); err != nil {
		return "conflict"
	}
	return "clean"
}

// TestMergesThroughTheDataset runs merges of real files the way people do, with
// the keys and types that are inferred. With -v it prints the table of them.
func TestMergesThroughTheDataset(t *testing.T) {
	cases := append(peopleCases(t), versionCases(t)...)
	clean, equal := 0, 0
	for i, got := range runCases(t, cases) {
		c := &cases[i]
		verdict := "clean"
		if len(got.conflicts) > 0 {
			verdict = fmt.Sprintf("%d conflicts", len(got.conflicts))
		} else {
			clean++
		}
		if got.equal {
			equal++
		}
		if testing.Verbose() {
			t.Logf("%-60s git %-9s constl %-14s equal %v", c.name, gitVerdict(t, c), verdict, got.equal)
			for i, x := range got.conflicts {
				if i < 4 {
					t.Logf("      %s", x)
				}
			}
		}
		if len(got.lost) > 0 {
			t.Errorf("%s: %q are gone and not named", c.name, got.lost[:min(5, len(got.lost))])
		}
		if got.swapped {
			t.Errorf("%s: merged the other way round the file is another", c.name)
		}
		if !c.conflicts && (len(got.conflicts) > 0 || !got.equal) {
			t.Errorf("%s: expected a clean merge with the rows of both, got %s, equal %v", c.name, verdict, got.equal)
		}
	}
	t.Logf("%d cases: %d clean, %d with the expected rows", len(cases), clean, equal)
}
