package diffview_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/internal/diffview"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// goldenCase is two versions of a file.
type goldenCase struct {
	name, path string
	old, now   string
}

func goldenCases() []goldenCase {
	const counts = "id,site,species,count\n1,S1,Parus major,3\n2,S1,Turdus merula,7\n3,S2,Pica pica,9\n4,S2,Parus major,1\n"
	wide := "id," + strings.Repeat("a long name,", 12) + "z\n"
	row := func(id int, text string) string {
		return fmt.Sprint(id) + "," + strings.Repeat(text+",", 12) + text + "\n"
	}
	return []goldenCase{
		{"keyed", "counts.csv", counts,
			"id,site,species,count\n1,S1,Parus major,3\n2,S1,Turdus merula,9\n4,S2,Parus caeruleus,\n5,S3,鷹 Accipiter,2\n"},
		{"columns", "counts.csv", counts,
			"id,place,count,note\n1,S1,3,\n2,S1,7,seen twice\n3,S2,9,\n4,S2,1,\n5,S3,2,new\n"},
		{"keyless", "log.csv", "day,site,who\nMon,S1,ana\nMon,S1,ana\nTue,S2,ben\nWed,S3,ana\n",
			"day,site,who\nMon,S1,ana\nMon,S1,carl\nTue,S2,ben\nThu,S9,dora\nWed,S3,ana\n"},
		{"sorted", "log.csv", "day,site\nMon,S1\nMon,S1\nTue,S2\nWed,S3\n", "day,site\nWed,S3\nTue,S2\nMon,S1\nMon,S1\n"},
		{"hostile", "h.csv", "id,text\n1,a->b\n2,plain\n3,\"two\nlines\"\n4,NULL\n5,x\n",
			"id,text\n1,a-->b\n2,\"<script>alert(1)</script> | @you #1 *b* \x1b[31m https://x.org\"\n3,\"two\nmore lines\"\n4,y\n5, x\n"},
		{"wide", "wide.csv", wide + row(1, "an old text that goes on"),
			wide + row(1, "an old text that goes on, and on, and ends in another way") + row(2, "a new text that goes on")},
		{"new", "counts.csv", "", counts},
		{"gone", "counts.csv", counts, ""},
		{"text", "notes.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\neleven\ntwelve\n",
			"one\nTWO\nthree\nfour\nfive\nsix\nseven\neight\nnine\nten\n\televen \x1b[2J\ntwelve"},
		{"binary", "photo.jpg", "\xff\xd8\x00\x01", "\xff\xd8\x00\x01\x02"},
	}
}

// compareTexts compares two texts as files; "" is no file.
func compareTexts(t testing.TB, path, old, now string, key []string) *changes.Set {
	t.Helper()
	dir := t.TempDir()
	file := func(name, text string) string {
		if text == "" {
			return ""
		}
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	s, err := changes.CompareFiles(t.Context(), file("old", old), file("now", now), &changes.FilesOptions{Path: path, Key: key})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// form is one of the ways to show a difference.
type form struct {
	ext   string
	write func(context.Context, io.Writer, *changes.Set) error
}

func forms() []form {
	return []form{
		{"txt", func(ctx context.Context, w io.Writer, s *changes.Set) error {
			return diffview.Terminal(ctx, w, s, nil)
		}},
		{"term", func(ctx context.Context, w io.Writer, s *changes.Set) error {
			return diffview.Terminal(ctx, w, s, &diffview.Options{Colour: true, Width: 60, Most: 3})
		}},
		{"stat", func(ctx context.Context, w io.Writer, s *changes.Set) error {
			return diffview.Stat(ctx, w, s, nil)
		}},
		{"html", func(ctx context.Context, w io.Writer, s *changes.Set) error {
			return diffview.HTML(ctx, w, s, &diffview.Options{Title: "Two <versions>", Most: 3})
		}},
		{"md", func(ctx context.Context, w io.Writer, s *changes.Set) error {
			return diffview.Markdown(ctx, w, s, &diffview.Options{Most: 3})
		}},
		{"json", func(ctx context.Context, w io.Writer, s *changes.Set) error {
			doc, err := diffview.JSON(ctx, s, true)
			if err != nil {
				return err
			}
			e := json.NewEncoder(w)
			e.SetIndent("", " ")
			return e.Encode(doc)
		}},
		{"csv", func(ctx context.Context, w io.Writer, s *changes.Set) error {
			for _, t := range s.Tables {
				if err := diffview.Highlight(ctx, w, t); err != nil {
					return err
				}
			}
			return nil
		}},
	}
}

func TestGolden(t *testing.T) {
	for _, c := range goldenCases() {
		s := compareTexts(t, c.path, c.old, c.now, nil)
		for _, f := range forms() {
			t.Run(c.name+"."+f.ext, func(t *testing.T) {
				var got bytes.Buffer
				if err := f.write(t.Context(), &got, s); err != nil {
					t.Fatal(err)
				}
				checkHarmless(t, f.ext, got.String())
				name := filepath.Join("testdata", c.name+"."+f.ext)
				if *update {
					if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				if d := cmp.Diff(string(want), got.String()); d != "" {
					t.Errorf("%s (-want +got), written anew by -update:\n%s", name, d)
				}
			})
		}
	}
}

// checkHarmless fails if a text of a table takes effect where it is shown.
func checkHarmless(t *testing.T, ext, got string) {
	t.Helper()
	if ext == "html" && strings.Contains(got, "<script") {
		t.Error("a table brought a script into the page")
	}
	if ext != "csv" && ext != "json" && (strings.Contains(got, "\x1b[2J") || strings.Contains(got, "\x1b[31m https")) {
		t.Error("a file brought a control sequence into the output")
	}
	if ext != "term" {
		return
	}
	for line := range strings.Lines(got) {
		// Hashes are whole, and what sums a table up may take two lines.
		if n := visibleColumns(line); n > 60 && line[0] == ' ' && !strings.Contains(line, "BLAKE3") {
			t.Errorf("a line of %d columns: %q", n, line)
		}
	}
}

// visibleColumns counts the runes of a line that are no colours.
func visibleColumns(line string) int {
	n := 0
	for len(line) > 0 {
		if strings.HasPrefix(line, "\x1b[") {
			line = line[strings.IndexByte(line, 'm')+1:]
			continue
		}
		_, size := utf8.DecodeRuneInString(line)
		line = line[size:]
		n++
	}
	return n - 1
}

func TestSeveralFilesAndNone(t *testing.T) {
	s := compareTexts(t, "a.csv", "id,n\n1,2\n", "id,n\n1,3\n", nil)
	s.Files = compareTexts(t, "much longer.txt", "a\n", "b\n", nil).Files
	var stat, page, none bytes.Buffer
	err := diffview.Stat(t.Context(), &stat, s, nil)
	if err == nil {
		err = diffview.HTML(t.Context(), &page, s, nil)
	}
	if err == nil {
		err = diffview.HTML(t.Context(), &none, &changes.Set{}, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	if want := "a.csv            1 row modified (1 cell)\nmuch longer.txt  modified, 1 line added, 1 line deleted\n"; stat.String() != want {
		t.Errorf("stat:\n%s", &stat)
	}
	for _, part := range []string{`<a href="#d1">a.csv`, `<a href="#d2">much longer.txt`, `<h2 id="d2">`} {
		if !strings.Contains(page.String(), part) {
			t.Errorf("the page has no %s", part)
		}
	}
	if !strings.Contains(none.String(), "Nothing differs") {
		t.Errorf("the page of no difference:\n%s", &none)
	}
}
