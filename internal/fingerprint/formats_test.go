package fingerprint

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/constl/constl/tabular"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func printOf(t testing.TB, name string, o *FileOptions) string {
	t.Helper()
	f, err := OpenFile(t.Context(), name, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	p, err := tabular.FingerprintOf(t.Context(), f, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.Fingerprint.String()
}

// TestPenguins compares files that the makers of one dataset published themselves,
// as CSV and as a workbook written by another program.
func TestPenguins(t *testing.T) {
	for sheet, file := range map[string]string{
		"penguins":     "palmerpenguins__inst_extdata_penguins.csv",
		"penguins_raw": "palmerpenguins__inst_extdata_penguins_raw.csv",
	} {
		a := printOf(t, filepath.Join("..", "..", "testdata", "odd", file), nil)
		b := printOf(t, filepath.Join("..", "..", "testdata", "fingerprint", "penguins.xlsx"), &FileOptions{Sheet: sheet})
		if a != b {
			t.Errorf("%s: %s as CSV, %s as XLSX", sheet, a, b)
		}
	}
}

// sighting is a row of a table that is written in every format.
type sighting struct {
	ID    int64     `parquet:"id"`
	Mass  *float64  `parquet:"mass"`
	Seen  time.Time `parquet:"seen,timestamp(microsecond:local)"`
	Day   int32     `parquet:"day,date"`
	Note  string    `parquet:"note"`
	Adult bool      `parquet:"adult"`
}

func draw(t *rapid.T) []sighting {
	var rows []sighting
	for range rapid.IntRange(1, 12).Draw(t, "rows") {
		s := sighting{
			ID:    rapid.Int64Range(-1<<50, 1<<50).Draw(t, "id"),
			Seen:  time.Unix(rapid.Int64Range(0, 2_000_000_000).Draw(t, "seen"), 0).UTC(),
			Day:   int32(rapid.IntRange(100, 40000).Draw(t, "day")),
			Note:  rapid.SampledFrom([]string{"", "fog", "Möwe", "a \"b\", c;\td", "two\nlines", "007", "_x0041_"}).Draw(t, "note"),
			Adult: rapid.Bool().Draw(t, "adult"),
		}
		if rapid.Bool().Draw(t, "weighed") {
			v := rapid.Float64Range(-1e6, 1e6).Draw(t, "mass")
			s.Mass = &v
		}
		rows = append(rows, s)
	}
	return rows
}

// texts returns the rows as delimited text has them, columns in the given order.
func texts(rows []sighting, order []int, decimal string, spell func(float64) string) [][]string {
	pick := func(all []string) (row []string) {
		for _, c := range order {
			row = append(row, all[c])
		}
		return row
	}
	out := [][]string{pick([]string{"id", "mass", "seen", "day", "note", "adult"})}
	for _, s := range rows {
		mass := "NA"
		if s.Mass != nil {
			mass = strings.Replace(spell(*s.Mass), ".", decimal, 1)
		}
		out = append(out, pick([]string{strconv.FormatInt(s.ID, 10), mass, s.Seen.Format("2006-01-02 15:04:05"),
			time.Unix(int64(s.Day)*86400, 0).UTC().Format(time.DateOnly), s.Note, strings.ToUpper(strconv.FormatBool(s.Adult))}))
	}
	return out
}

func writeCSV(t testing.TB, name string, delimiter rune, rows [][]string) {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma = delimiter
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFingerprintIsTheSameInEveryFormat(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	describe := `{"resources": [{"name": "t", "path": "t.tsv", "schema": {"missingValues": ["", "NA"], "fields": [
		{"name": "mass", "type": "number", "decimalChar": ","}, {"name": "id", "type": "integer"}]}}]}`
	if err := os.WriteFile(at("datapackage.json"), []byte(describe), 0o644); err != nil {
		t.Fatal(err)
	}
	plain := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	rapid.Check(t, func(rt *rapid.T) {
		rows := draw(rt)
		writeCSV(t, at("t.csv"), ',', texts(rows, []int{0, 1, 2, 3, 4, 5}, ".", plain))
		want := printOf(t, at("t.csv"), nil)

		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
		writeCSV(t, at("shuffled.csv"), ',', texts(rows, r.Perm(6), ".", func(v float64) string { return strconv.FormatFloat(v, 'e', -1, 64) }))
		writeCSV(t, at("t.tsv"), '\t', texts(rows, r.Perm(6), ",", plain))
		if err := parquet.WriteFile(at("t.parquet"), rows); err != nil {
			rt.Fatal(err)
		}
		writeWorkbook(t, at("t.xlsx"), rows)
		for _, name := range []string{"shuffled.csv", "t.tsv", "t.parquet", "t.xlsx"} {
			if got := printOf(t, at(name), nil); got != want {
				rt.Fatalf("%s: %s, expected %s", name, got, want)
			}
		}
		weighed := false
		for _, s := range rows {
			weighed = weighed || s.Mass != nil && strings.Contains(plain(*s.Mass), ".")
		}
		if weighed && printOf(t, at("t.tsv"), &FileOptions{NoSchema: true}) == want {
			rt.Fatal("a decimal comma that nobody declared is taken for one")
		}
		i := r.IntN(len(rows))
		switch r.IntN(5) {
		case 0:
			rows[i].ID++
		case 1:
			v := 0.125
			if m := rows[i].Mass; m != nil && *m == v {
				v = 0.25
			}
			rows[i].Mass = &v
		case 2:
			rows[i].Seen = rows[i].Seen.Add(time.Second)
		case 3:
			rows[i].Note += "x"
		case 4:
			rows[i].Adult = !rows[i].Adult
		}
		writeCSV(t, at("changed.csv"), ',', texts(rows, r.Perm(6), ".", plain))
		if printOf(t, at("changed.csv"), nil) == want {
			rt.Fatal("a changed cell is not seen")
		}
	})
}

// writeWorkbook writes rows as spreadsheets keep them: dates as numbers with a
// format, texts in a list of their own or in place.
func writeWorkbook(t testing.TB, name string, rows []sighting) {
	t.Helper()
	esc := strings.NewReplacer("&", "&amp;", "<", "&lt;", "_x0041_", "_x005F_x0041_")
	var sheet, shared strings.Builder
	sheet.WriteString(`<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="2">`)
	for i, n := range []string{"note", "id", "mass", "seen", "day", "adult"} {
		fmt.Fprintf(&sheet, `<c r="%c2" t="inlineStr"><is><t>%s</t></is></c>`, 'B'+i, n)
	}
	sheet.WriteString("</row>")
	for i, s := range rows {
		fmt.Fprintf(&sheet, `<row r="%d"><c r="B%[1]d" t="s"><v>%[2]d</v></c><c r="C%[1]d"><v>%[3]d</v></c>`, i+3, i, s.ID)
		fmt.Fprintf(&shared, `<si><r><t xml:space="preserve">%s</t></r><rPh><t>x</t></rPh></si>`, esc.Replace(s.Note))
		if s.Mass != nil {
			fmt.Fprintf(&sheet, `<c r="D%d" s="0"><v>%s</v></c>`, i+3, strconv.FormatFloat(*s.Mass, 'G', 17, 64))
		}
		fmt.Fprintf(&sheet, `<c r="E%d" s="1"><v>%s</v></c>`, i+3, strconv.FormatFloat(25569+float64(s.Seen.Unix())/86400, 'f', -1, 64))
		fmt.Fprintf(&sheet, `<c r="F%d" s="2"><v>%d</v></c><c r="G%[1]d" t="b"><v>%[3]d</v></c><c r="J%[1]d" s="1"/></row>`, i+3, 25569+s.Day, map[bool]int{true: 1}[s.Adult])
	}
	sheet.WriteString("</sheetData></worksheet>")
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"_rels/.rels", `<Relationships><Relationship Id="r1" Type="http://x/officeDocument" Target="xl/workbook.xml"/></Relationships>`},
		{"xl/workbook.xml", `<workbook xmlns:r="http://r"><sheets><sheet name="hidden" state="hidden" r:id="r9"/><sheet name="S" sheetId="1" r:id="r2"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="r2" Type="http://x/worksheet" Target="/xl/s.xml"/>
			<Relationship Id="r3" Type="http://x/styles" Target="st.xml"/><Relationship Id="r4" Type="http://x/sharedStrings" Target="sh.xml"/></Relationships>`},
		{"xl/st.xml", `<styleSheet><numFmts><numFmt numFmtId="170" formatCode="[$-407]dd\.mm\.yyyy\ hh:mm:ss;@"/></numFmts><cellXfs><xf numFmtId="0"/><xf numFmtId="170"/><xf numFmtId="14"/></cellXfs></styleSheet>`},
		{"xl/sh.xml", "<sst>" + shared.String() + "</sst>"},
		{"xl/s.xml", sheet.String()},
	} {
		w, err := z.Create(part[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(part[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestReadings(t *testing.T) {
	for _, c := range []struct {
		r          reading
		text, want string
	}{
		{reading{Type: "number", Decimal: ",", Group: ".", Bare: true}, "1.234,5", "1234.5"},
		{reading{Type: "number", Decimal: ",", Bare: true}, "1.5", "1.5"},
		{reading{Type: "number", Decimal: ",", Bare: true}, "n,a", "n,a"},
		{reading{Type: "number", Group: " ", Bare: true}, "12 000", "12000"},
		{reading{Type: "number"}, "€ 95.5 %", "95.5"},
		{reading{Type: "integer"}, "~", "~"},
		{reading{Type: "number", Bare: true, Missing: []string{"-999"}}, "-999", ""},
		{reading{Type: "boolean", True: []string{"ja"}, False: []string{"nein"}}, "ja", "true"},
		{reading{Type: "boolean", True: []string{"ja"}, False: []string{"nein"}}, "vielleicht", "vielleicht"},
		{reading{Type: "date", Format: "%d.%m.%Y"}, "5.1.2024", "2024-01-05"},
		{reading{Type: "date", Format: "%d.%m.%Y"}, "31.02.2024", "31.02.2024"},
		{reading{Type: "date", Format: "%d.%m.%Y"}, "5.1.2024 ", "5.1.2024 "},
		{reading{Type: "date", Format: "%d %b %y"}, "05 mar 68", "2068-03-05"},
		{reading{Type: "date", Format: "%B %d, %Y"}, "March 5, 2024", "2024-03-05"},
		{reading{Type: "datetime", Format: "%m/%d/%Y %I:%M %p"}, "01/05/2024 12:30 AM", "2024-01-05T00:30:00"},
		{reading{Type: "datetime", Format: "%Y%m%dT%H%M%S%z"}, "20240105T103000+0100", "2024-01-05T10:30:00+0100"},
		{reading{Type: "time", Format: "%Hh%M"}, "9h05", "09:05:00"},
		{reading{Type: "time", Format: "%H:%M:%S.%f"}, "09:05:01.25", "09:05:01.25"},
		{reading{Type: "date", Format: "%q"}, "x", "x"},
	} {
		if got := string(c.r.append([]byte("<"), c.text)); got != "<"+c.want {
			t.Errorf("%+v: %q becomes %q, expected %q", c.r, c.text, got, "<"+c.want)
		}
	}
}

func FuzzPattern(f *testing.F) {
	f.Add("01/05/2024 12:30 AM", "%m/%d/%Y %I:%M %p")
	f.Add("5 März 2024", "%d %B %Y%")
	f.Add("+01:00", "%z%f%%")
	f.Fuzz(func(t *testing.T, text, pattern string) {
		for _, kind := range []string{"date", "time", "datetime"} {
			out, _ := appendParsed(nil, text, pattern, kind)
			if len(out) > 64 {
				t.Fatalf("%q by %q gives %q", text, pattern, out)
			}
		}
	})
}
