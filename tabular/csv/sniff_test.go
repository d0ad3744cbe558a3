package csv

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// look is what people would say of a file.
type look struct {
	Names    string
	Rows     int
	Dialect  string // delimiter, quote, and line end, quoted as in Go
	Preamble string
	Headless bool
}

func lookAt(t *testing.T, data []byte, name string) (look, *scanned) {
	t.Helper()
	s, err := scan(data, name, 0)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	l := s.layout
	d := string(l.Delimiter)
	if l.Quote != 0 {
		d += string(l.Quote)
	}
	return look{
		Names: strings.Join(s.names, "|"), Rows: len(s.cells), Dialect: d + l.LineEnd.String(),
		Preamble: string(l.Preamble), Headless: !l.Header,
	}, s
}

func TestSniff(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want look
	}{
		"plain":            {"a,b\n1,2\n3,4\n", look{Names: "a|b", Rows: 2, Dialect: ",\"\n"}},
		"semicolons":       {"a;b;c\n1,5;2,5;x\n1,6;2,7;y\n", look{Names: "a|b|c", Rows: 2, Dialect: ";\"\n"}},
		"pipes, CRLF":      {"a|b\r\n1|2\r\n", look{Names: "a|b", Rows: 1, Dialect: "|\"\r\n"}},
		"CR":               {"a,b\r1,2\r", look{Names: "a|b", Rows: 1, Dialect: ",\"\r"}},
		"mostly CRLF":      {"a,b\n1,2\r\n3,4\r\n", look{Names: "a|b", Rows: 2, Dialect: ",\"\r\n"}},
		"LF inside quotes": {"a,b\r\n1,\"x\ny\nz\nw\"\r\n", look{Names: "a|b", Rows: 1, Dialect: ",\"\r\n"}},
		"sep line":         {"sep=;\na;b\n1;2\n", look{Names: "a|b", Rows: 1, Dialect: ";\"\n", Preamble: "sep=;\n"}},
		"no header":        {"1,2.5,x\n2,3.5,y\n3,4.5,x\n", look{Names: "column1|column2|column3", Rows: 3, Dialect: ",\"\n", Headless: true}},
		"years above":      {"place,2001,2002,2003\nx,1,2,3\ny,4,5,6\n", look{Names: "place|2001|2002|2003", Rows: 2, Dialect: ",\"\n"}},
		"header only":      {"Date,Decimal Date,Average\n", look{Names: "Date|Decimal Date|Average", Dialect: ",\"\n"}},
		"comments": {"# made by hand\n# licence: CC0, as of 2020\nid,v,w\n1,2,3\n2,3,4\n",
			look{Names: "id|v|w", Rows: 2, Dialect: ",\"\n", Preamble: "# made by hand\n# licence: CC0, as of 2020\n"}},
		"comment as wide as the rows": {"# counts, 1990, all\nid,v,w\n1,2,3\n2,3,4\n",
			look{Names: "id|v|w", Rows: 2, Dialect: ",\"\n", Preamble: "# counts, 1990, all\n"}},
		"header with a hash": {"##version 4\n#id\tpos\n1\t2\n2\t3\n",
			look{Names: "#id|pos", Rows: 2, Dialect: "\t\"\n", Preamble: "##version 4\n"}},
		"title":          {"Counts, by year\n\nplace,year,n\nx,2001,4\ny,2002,5\n", look{Names: "place|year|n", Rows: 2, Dialect: ",\"\n", Preamble: "Counts, by year\n\n"}},
		"short header":   {"a,b,c\n1,2,3,4\n5,6,7,8\n", look{Names: "a|b|c|", Rows: 2, Dialect: ",\"\n"}},
		"long header":    {"a,b,c,d\n1,2,3\n5,6,7\n", look{Names: "a|b|c|d", Rows: 2, Dialect: ",\"\n"}},
		"one column":     {"name\nx\ny\nz\n", look{Names: "name", Rows: 3, Dialect: ",\"\n"}},
		"quotes unused":  {"a\tb\n1\t\"x\" says y\n2\t\"open\n3\tz\n", look{Names: "a|b", Rows: 3, Dialect: "\t\n"}},
		"ragged by text": {"y,m,days\n1,2,29, 30, 31\n1,3,4\n1,4,8, 9\n1,5,1, 2, 3, 4\n1,6,5, 6, 7, 8, 9\n", look{Names: "y|m|days", Rows: 5, Dialect: ",\"\n"}},
	} {
		if got, _ := lookAt(t, []byte(c.data), "x.csv"); got != c.want {
			t.Errorf("%s (-want +got):\n%s", name, cmp.Diff(c.want, got))
		}
	}
}

func TestNameBreaksTies(t *testing.T) {
	data := []byte("a,b\tc\n1,2\t3\n4,5\t6\n")
	for name, want := range map[string]string{"x.csv": "a|b\tc", "x.tsv": "a,b|c", "x.TAB": "a,b|c", "": "a|b\tc"} {
		if got, _ := lookAt(t, data, name); got.Names != want {
			t.Errorf("%q: names %q, expected %q", name, got.Names, want)
		}
	}
	for name, want := range map[string]bool{"a.csv": true, "A.CSV": true, "d/b.tsv": true, "b.tab": true, "b.psv": true, "a.csv.gz": true, "B.Tsv.GZ": true, "a.gz": false, "a.txt.gz": false, "b.txt": false, "csv": false} {
		if IsName(name) != want {
			t.Errorf("IsName(%q) is not %v", name, want)
		}
	}
}

func TestRealDialects(t *testing.T) {
	for file, want := range map[string]look{
		"versions/co2-mm-mlo/v017.csv":                                {Names: "Date|Decimal Date|Average|Interpolated|Trend|Number of Days|", Rows: 791, Dialect: ",\"\n"},
		"versions/co2-mm-mlo/v040.csv":                                {Names: "Date|Decimal Date|Average|Interpolated|Trend|Number of Days", Dialect: ",\"\n"},
		"odd/csvlint__cr-line-endings.csv":                            {Names: "Foo|Bar|Baz", Rows: 2, Dialect: ",\"\r"},
		"odd/datasets__Dash-Curriculum_data_02.csv":                   {Names: "country|continent|year|lifeExp|pop|iso_alpha", Rows: 1704, Dialect: "|\"\n"},
		"odd/sqlite-utils__tests_sniff_example2.csv":                  {Names: "id|species|name|age", Rows: 4, Dialect: ";\"\n"},
		"odd/ForC__database_management_records_record_of_changes.csv": {Names: "Table|Field|Description|Changes|Motivation|Date changed", Rows: 14, Dialect: ",\"\r\n"},
		"merges/m10-census-crlf/human.csv":                            {Names: "year|season|censusdone|censusmonth|censusdays", Rows: 73, Dialect: ",\"\n"},
	} {
		if got, _ := lookAt(t, read(t, "../../testdata/"+file), file); got != want {
			t.Errorf("%s (-want +got):\n%s", file, cmp.Diff(want, got))
		}
	}
}

func TestQuotingRulesOfColumns(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want []Rule
		odd  int64 // cells that depart from the rules
	}{
		"minimal":             {"a,b\nx,1\n\"y,z\",2\n", []Rule{Minimal, Minimal}, 0},
		"always":              {"\"a\",\"b\"\n\"x\",\"1\"\n\"\",\"NA\"\n", []Rule{Always, Always}, 0},
		"as R writes":         {"\"a\",\"b\"\n\"x\",1\nNA,NA\n\"y\",2.5\n", []Rule{Always &^ QuoteMissing, Minimal}, 0},
		"but for empty cells": {"a,b\n\"x\",1\n,2\n\"3\",\n", []Rule{Always &^ QuoteEmpty, Minimal}, 0},
		"texts only":          {"a,b\n\"x\",\"p\"\n4,\"q\"\n\"y\",7\n5,\"r\"\n", []Rule{QuoteText | QuoteEmpty | QuoteMissing, QuoteText | QuoteEmpty | QuoteMissing}, 0},
		"one that is odd":     {"a,b\nx,1\n\"y\",2\nz,3\n", []Rule{Minimal, Minimal}, 1},
	} {
		_, s := lookAt(t, []byte(c.data), "x.csv")
		if diff := cmp.Diff(c.want, s.layout.Rules); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		var odd Oddities
		odd.count(s.exceptions)
		if want := (Oddities{Quoting: c.odd}); odd != want {
			t.Errorf("%s: got %+v, expected %+v", name, odd, want)
		}
	}
}

// TestLayoutIsOfTheWindow: what stands far down does not change the layout.
func TestLayoutIsOfTheWindow(t *testing.T) {
	top := "a,b\n" + strings.Repeat("x,1\n", windowBytes/4)
	_, plain := lookAt(t, []byte(top), "x.csv")
	_, odd := lookAt(t, []byte(top+"\"y\",\"\xff\"\r\n# z\n1;2;3\n"+strings.Repeat("\"q\",\"2\"\r\n", 100000)), "x.csv")
	if diff := cmp.Diff(plain.layout, odd.layout); diff != "" {
		t.Errorf("(-without +with):\n%s", diff)
	}
}

func TestWideTables(t *testing.T) {
	row := func(cell string) string { return strings.Repeat(cell+",", 59999) + cell + "\n" }
	data := []byte(row("a name") + row("1") + row("") + row("\"q\""))
	_, s := lookAt(t, data, "x.csv")
	if len(s.names) != 60000 || len(s.cells) != 3 || !bytes.Equal(s.printed, data) {
		t.Errorf("%d names, %d rows", len(s.names), len(s.cells))
	}
}

func TestEncodings(t *testing.T) {
	for name, c := range map[string]struct {
		data string
		want Encoding
		bom  bool
		text string // of the first cell
	}{
		"utf-8":          {"a,b\n\xc3\xa9,1\n", UTF8, false, "é"},
		"utf-8 with bom": {"\xef\xbb\xbfa,b\n\xc3\xa9,1\n", UTF8, true, "é"},
		"windows-1252":   {"a,b\n\x80\xe9,1\n", Windows1252, false, "€é"},
		"damaged utf-8":  {"a,b\n\xc3\xa9\xe9,1\n\xc3\xa9,1\n", UTF8, false, "éé"},
		"utf-16le":       {"\xff\xfea\x00,\x00b\x00\n\x00=\xd8\x00\xde,\x001\x00\n\x00", UTF16LE, true, "😀"},
		"utf-16be":       {"\xfe\xff\x00a\x00,\x00b\x00\n\xd8=\xde\x00\x00,\x001\x00\n", UTF16BE, true, "😀"},
	} {
		_, s := lookAt(t, []byte(c.data), "x.csv")
		if s.layout.Encoding != c.want || s.layout.BOM != c.bom || string(s.printed) != c.data {
			t.Errorf("%s: %s, bom %v, printed %q", name, s.layout.Encoding, s.layout.BOM, s.printed)
		}
		if got := s.layout.Encoding.Text([]byte(s.cells[0][0])); got != c.text {
			t.Errorf("%s: the first cell reads %q, expected %q", name, got, c.text)
		}
	}
}

func TestUTF16WriterTakesAnyPieces(t *testing.T) {
	text, want := "aé😀\n", "a\x00\xe9\x00=\xd8\x00\xde\n\x00"
	l := &Layout{Encoding: UTF16LE}
	for size := 1; size <= len(text); size++ {
		var b bytes.Buffer
		w, err := l.newWriter(&b)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(text); i += size {
			if _, err := w.Write([]byte(text[i:min(i+size, len(text))])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil || b.String() != want {
			t.Errorf("pieces of %d: %q, %v", size, b.String(), err)
		}
	}
	w, err := l.newWriter(&bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("a\xff")); err == nil {
		t.Error("what is not UTF-8 was written as UTF-16")
	}
	if w, err = l.newWriter(&bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("a\xc3")); err != nil || w.Close() == nil {
		t.Error("half a character was written as UTF-16")
	}
}
