package filemerge

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// history is the versions of one real file, as lines, each with its line end.
type history struct {
	name, ext string
	versions  [][]string
}

func histories(t *testing.T) []history {
	t.Helper()
	var out []history
	for _, name := range []string{"ameta-env-samples", "co2-mm-mlo", "portal-moon-dates", "portal-plant-species"} {
		files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "versions", name, "v*.?sv"))
		if err != nil || len(files) < 5 {
			t.Fatalf("no versions of %s in testdata: %v", name, err)
		}
		h := history{name: name, ext: filepath.Ext(files[0])}
		for _, f := range files {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
			h.versions = append(h.versions, strings.SplitAfter(strings.TrimSuffix(text, "\n")+"\n", "\n"))
			last := &h.versions[len(h.versions)-1]
			*last = (*last)[:len(*last)-1]
		}
		out = append(out, h)
	}
	return out
}

// shared splits what changed between two versions into stretches, and gives every
// other one to one side, the rest to the other.
func shared(from, to []string) (ours, theirs []string, stretches int) {
	width := len(to) + 1
	best := make([]int32, (len(from)+1)*width)
	for i := len(from) - 1; i >= 0; i-- {
		for j := len(to) - 1; j >= 0; j-- {
			if from[i] == to[j] {
				best[i*width+j] = best[(i+1)*width+j+1] + 1
			} else {
				best[i*width+j] = max(best[(i+1)*width+j], best[i*width+j+1])
			}
		}
	}
	var gone, come []string
	flush := func() {
		if len(gone)+len(come) == 0 {
			return
		}
		if stretches++; stretches%2 == 1 {
			ours, theirs = append(ours, come...), append(theirs, gone...)
		} else {
			ours, theirs = append(ours, gone...), append(theirs, come...)
		}
		gone, come = nil, nil
	}
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		switch {
		case i < len(from) && j < len(to) && from[i] == to[j]:
			flush()
			ours, theirs = append(ours, from[i]), append(theirs, from[i])
			i, j = i+1, j+1
		case j == len(to) || i < len(from) && best[(i+1)*width+j] >= best[i*width+j+1]:
			gone, i = append(gone, from[i]), i+1
		default:
			come, j = append(come, to[j]), j+1
		}
	}
	flush()
	return ours, theirs, stretches
}

// form is a way in which one side writes the whole file anew.
type form struct {
	name  string
	write func(lines []string, comma rune) []byte
}

func plain(lines []string, _ rune) []byte { return []byte(strings.Join(lines, "")) }

var forms = []form{
	{"as it was", plain},
	{"CRLF", func(lines []string, _ rune) []byte {
		return []byte(strings.ReplaceAll(strings.Join(lines, ""), "\n", "\r\n"))
	}},
	{"BOM, all quoted", func(lines []string, comma rune) []byte {
		out := []byte("\ufeff")
		for _, row := range records(lines, comma) {
			for i, c := range row {
				row[i] = `"` + strings.ReplaceAll(c, `"`, `""`) + `"`
			}
			out = append(out, strings.Join(row, string(comma))+"\n"...)
		}
		return out
	}},
	{"no last line end", func(lines []string, _ rune) []byte {
		return []byte(strings.TrimSuffix(strings.Join(lines, ""), "\n"))
	}},
	{"sorted", func(lines []string, _ rune) []byte {
		return []byte(lines[0] + strings.Join(slices.Sorted(slices.Values(lines[1:])), ""))
	}},
}

func records(lines []string, comma rune) [][]string {
	return parse([]byte(strings.Join(lines, "")), comma)
}

func parse(data []byte, comma rune) [][]string {
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = comma, -1, true
	var out [][]string
	for {
		row, err := r.Read()
		if err == io.EOF {
			return out
		}
		if err != nil {
			return [][]string{{err.Error()}}
		}
		out = append(out, row)
	}
}

func sorted(rows [][]string) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = strings.Join(r, "\x1f")
	}
	slices.Sort(out)
	return out
}

// three merges three files both ways, and returns what was merged.
func three(t *testing.T, ext string, base, ours, theirs []byte) (*Merged, []byte) {
	t.Helper()
	dir := t.TempDir()
	put := func(name string, data []byte) string {
		name = filepath.Join(dir, name+ext)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	f := Files{Base: put("base", base), Ours: put("ours", ours), Theirs: put("theirs", theirs), Name: "t" + ext}
	var files [2]bytes.Buffer
	var merged [2]*Merged
	for i := range merged {
		var err error
		if merged[i], err = Any(t.Context(), f); err != nil {
			t.Fatal(err)
		}
		if err := merged[i].Write(t.Context(), &files[i]); err != nil {
			t.Fatal(err)
		}
		f.Ours, f.Theirs = f.Theirs, f.Ours
	}
	if len(merged[0].Conflicts) != len(merged[1].Conflicts) || len(merged[0].Conflicts) == 0 && !bytes.Equal(files[0].Bytes(), files[1].Bytes()) {
		t.Error("merged the other way round the file is another")
	}
	return merged[0], files[0].Bytes()
}

// TestSharedChanges gives one half of a real change to one side, and the other to
// the other, who may write the whole file in another form: together they are the
// change, without a conflict.
func TestSharedChanges(t *testing.T) {
	for _, h := range histories(t) {
		comma := map[string]rune{".csv": ',', ".tsv": '\t'}[h.ext]
		for i := 0; i+3 < len(h.versions); i += 5 {
			base, next := h.versions[i], h.versions[i+3]
			ours, theirs, stretches := shared(base, next)
			if stretches < 2 || base[0] != next[0] || !valid(base, next) {
				continue
			}
			for _, f := range forms {
				t.Run(fmt.Sprintf("%s %d %s", h.name, i, f.name), func(t *testing.T) {
					m, file := three(t, h.ext, plain(base, comma), f.write(ours, comma), plain(theirs, comma))
					if m.Plain != "" || len(m.Conflicts) > 0 {
						t.Fatalf("expected a clean merge of tables, found %q, %v", m.Plain, m.Conflicts)
					}
					if !slices.Equal(sorted(parse(file, comma)), sorted(records(next, comma))) {
						t.Error("the rows are not those of the next version")
					}
				})
			}
		}
	}
}

// valid reports whether all lines are in one encoding and whole records.
func valid(versions ...[]string) bool {
	for _, lines := range versions {
		for _, l := range lines {
			if strings.ToValidUTF8(l, "") != l || strings.Count(l, `"`)%2 != 0 {
				return false
			}
		}
	}
	return true
}

// TestNewRowsOfTwoPeople lets two people append their own rows to a real table,
// with the next free number as key, with no key, and with one that stands twice.
func TestNewRowsOfTwoPeople(t *testing.T) {
	for _, h := range histories(t) {
		comma := map[string]rune{".csv": ',', ".tsv": '\t'}[h.ext]
		base := h.versions[0]
		rows := records(h.versions[len(h.versions)-1], comma)
		width := len(records(base[:1], comma)[0])
		old := make(map[string]bool)
		for _, l := range base {
			old[l] = true
		}
		line := func(row []string) string { return strings.Join(row, string(comma)) + "\n" }
		var fresh [][]string
		for _, r := range rows[1:] {
			if len(r) == width && !old[line(r)] && !strings.ContainsAny(strings.Join(r, ""), "\"\n") {
				fresh = append(fresh, r)
			}
		}
		if len(fresh) < 8 {
			continue
		}
		numbered := []string{line(append([]string{"id"}, records(base[:1], comma)[0]...))}
		for i, l := range base[1:] {
			numbered = append(numbered, fmt.Sprint(i+1, string(comma), l))
		}
		number := func(n int, row []string) string { return fmt.Sprint(len(base)+n, string(comma), line(row)) }
		// The last rows of two places, so that they have little in common.
		a, b := fresh[:2], fresh[len(fresh)-2:]
		for _, c := range []struct {
			name               string
			base, ours, theirs []string
		}{
			{"as they are", base, []string{line(a[0]), line(a[1])}, []string{line(b[0]), line(b[1])}},
			{"numbered", numbered, []string{number(0, a[0]), number(1, a[1])}, []string{number(0, b[0]), number(1, b[1])}},
			{"one key twice", numbered, []string{number(0, a[0]), number(0, a[1])}, []string{number(0, b[0])}},
		} {
			t.Run(h.name+" "+c.name, func(t *testing.T) {
				m, file := three(t, h.ext, plain(c.base, comma), plain(slices.Concat(c.base, c.ours), comma), plain(slices.Concat(c.base, c.theirs), comma))
				if m.Plain != "" || len(m.Conflicts) > 0 {
					t.Fatalf("expected a clean merge of tables, found %q, %v", m.Plain, m.Conflicts)
				}
				if !slices.Equal(sorted(parse(file, comma)), sorted(records(slices.Concat(c.base, c.ours, c.theirs), comma))) {
					t.Errorf("the rows are not those of both")
				}
			})
		}
	}
}
