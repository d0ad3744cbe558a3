package xlsx

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

func rowsOf(t testing.TB, s *Sheet) (rows [][]string) {
	t.Helper()
	for b, err := range s.Batches(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		cells, err := b(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for r := range cells[0].Len() {
			var row []string
			for _, c := range cells {
				row = append(row, string(c.At(r)))
			}
			rows = append(rows, row)
		}
	}
	return rows
}

func TestPenguins(t *testing.T) {
	s, err := Open(t.Context(), "../../testdata/fingerprint/penguins.xlsx", "penguins_raw")
	if err != nil {
		t.Fatal(err)
	}
	rows := rowsOf(t, s)
	if len(rows) != 344 || len(s.Names()) != 17 {
		t.Fatalf("%d rows, %d columns", len(rows), len(s.Names()))
	}
	if diff := cmp.Diff([]string{"PAL0708", "1", "Adelie Penguin (Pygoscelis adeliae)", "Anvers", "Torgersen"}, rows[0][:5]); diff != "" {
		t.Error(diff)
	}
	if i := strings.Index(strings.Join(s.Names(), "|"), "Date Egg"); i < 0 || rows[0][8] != "2007-11-11" {
		t.Errorf("%q: %q", s.Names(), rows[0])
	}
	if _, err := Open(t.Context(), "../../testdata/fingerprint/penguins.xlsx", "nosuch"); !errors.Is(err, ErrNoSheet) || !strings.Contains(err.Error(), "penguins_raw") {
		t.Errorf("%v", err)
	}
}

func TestFormats(t *testing.T) {
	for code, want := range map[string]dateForm{
		"General": noDate, "0.00": noDate, "#,##0\\ \"days\"": noDate, "@": noDate, "[Red]0.0;[Blue]-0.0": noDate, "0.00E+00": noDate,
		"yyyy-mm-dd": dateOf, "m/d/yy h:mm": dateOf, "[$-409]d\\-mmm\\-yy;@": dateOf, "mmm": dateOf, "dddd": dateOf,
		"hh:mm:ss": clockOf, "h:mm AM/PM": clockOf, "mm:ss.0": clockOf, "[h]:mm": noDate, "[mm]:ss": noDate, "\"day\" 0": noDate, "0_d": noDate, "[": noDate,
	} {
		if got := formOf(code); got != want {
			t.Errorf("%q: %d, expected %d", code, got, want)
		}
	}
	for _, c := range []struct {
		form     dateForm
		v        float64
		date1904 bool
		want     string
	}{
		{dateOf, 1, false, "1900-01-01"}, {dateOf, 59, false, "1900-02-28"}, {dateOf, 60, false, ""}, {dateOf, 61, false, "1900-03-01"},
		{dateOf, 45000, false, "2023-03-15"}, {dateOf, 45000.75, false, "2023-03-15T18:00:00"}, {dateOf, 43538, true, "2023-03-15"}, {dateOf, 0, true, "1904-01-01"},
		{dateOf, 45000.0000000001, false, "2023-03-15"}, {dateOf, 44999.999999999, false, "2023-03-15"}, {dateOf, 45000.5 + 1.0/86400/4, false, "2023-03-15T12:00:00.25"},
		{clockOf, 0.5, false, "12:00:00"}, {clockOf, 0, false, "00:00:00"}, {clockOf, 45000.25, false, "2023-03-15T06:00:00"}, {dateOf, 0.25, false, "06:00:00"}, {dateOf, 0, false, ""},
		{dateOf, -1, false, ""}, {dateOf, 2958465, false, "9999-12-31"}, {dateOf, 2958466, false, ""}, {dateOf, math.NaN(), false, ""},
	} {
		got, ok := c.form.format(c.v, c.date1904)
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%v of %v (1904: %v): %q, expected %q", c.form, c.v, c.date1904, got, c.want)
		}
	}
}

func TestUnescape(t *testing.T) {
	for in, want := range map[string]string{"a_x000D_b": "a\rb", "_x005F_x0041_": "_x0041_", "_x00": "_x00", "_xzzzz_": "_xzzzz_", "_x_x0041_": "_xA"} {
		if got := unescape(in); got != want {
			t.Errorf("%q: %q, expected %q", in, got, want)
		}
	}
}

// workbookOf makes a workbook of one sheet and its strings and styles.
func workbookOf(t testing.TB, sheet, shared, styles string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"_rels/.rels", `<Relationships><Relationship Id="a" Type="x/officeDocument" Target="xl/w.xml"/></Relationships>`},
		{"xl/w.xml", `<workbook xmlns:r="r"><sheets><sheet name="S" r:id="b"/></sheets></workbook>`},
		{"xl/_rels/w.xml.rels", `<Relationships><Relationship Id="b" Type="x/worksheet" Target="s.xml"/><Relationship Id="c" Type="x/styles" Target="st.xml"/><Relationship Id="d" Type="x/sharedStrings" Target="sh.xml"/></Relationships>`},
		{"xl/s.xml", sheet}, {"xl/sh.xml", shared}, {"xl/st.xml", styles},
	} {
		w, err := z.Create(part[0])
		if err == nil {
			_, err = w.Write([]byte(part[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	oddSheet = `<worksheet><sheetData><row r="1"/><row r="3"><c r="B3" t="s"><v>0</v></c><c t="inlineStr"><is><r><t>in</t></r><r><t>line</t></r></is></c></row>
		<row><c r="B4" t="e"><v>#N/A</v></c><c r="C4" t="str"><f>A1</f><v>x</v></c><c r="E4"><v>1e-7</v></c></row>
		<row><c r="B5" t="b"><v>1</v></c><c r="C5" t="d"><v>2024-01-05</v></c><c r="E5" s="1"><v>45000</v></c></row></sheetData></worksheet>`
	oddStrings = `<sst><si><t>a</t></si></sst>`
	oddStyles  = `<styleSheet><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>`
)

func TestOddSheet(t *testing.T) {
	data := workbookOf(t, oddSheet, oddStrings, oddStyles)
	s, err := read(t.Context(), bytes.NewReader(data), int64(len(data)), "")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "a", "inline", "", ""}, s.Names()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]string{{"", "", "x", "", "1e-07"}, {"", "true", "2024-01-05", "", "2023-03-15"}}, rowsOf(t, s)); diff != "" {
		t.Error(diff)
	}
	for name, sheet := range map[string]string{
		"a text that is not there": `<w><row><c r="A1" t="s"><v>7</v></c></row></w>`,
		"a cell without column":    `<w><row><c r="7" ><v>7</v></c></row></w>`,
		"a number that is none":    `<w><row><c r="A1"><v>x</v></c></row></w>`,
		"an open element":          `<w><row><c r="A1">`,
	} {
		data := workbookOf(t, sheet, oddStrings, oddStyles)
		if _, err := read(t.Context(), bytes.NewReader(data), int64(len(data)), ""); !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzSheet(f *testing.F) {
	f.Add(oddSheet, oddStrings, oddStyles)
	f.Add(`<w><row><c r="XFE1"><v>1</v></c></row></w>`, "<sst/>", `<s><numFmts><numFmt numFmtId="14" formatCode="[h]"/></numFmts></s>`)
	f.Fuzz(func(t *testing.T, sheet, shared, styles string) {
		data := workbookOf(t, sheet, shared, styles)
		s, err := read(context.Background(), bytes.NewReader(data), int64(len(data)), "")
		if err != nil {
			if !errors.Is(err, object.ErrCorrupt) && !errors.Is(err, tabular.ErrTooLarge) {
				t.Fatal(err)
			}
			return
		}
		for _, row := range rowsOf(t, s) {
			if len(row) != len(s.Names()) {
				t.Fatalf("%d cells for %d columns", len(row), len(s.Names()))
			}
		}
	})
}

func FuzzWorkbook(f *testing.F) {
	whole, err := os.ReadFile("../../testdata/fingerprint/penguins.xlsx")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(workbookOf(f, oddSheet, oddStrings, oddStyles))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := read(context.Background(), bytes.NewReader(data), int64(len(data)), ""); err != nil &&
			!errors.Is(err, object.ErrCorrupt) && !errors.Is(err, tabular.ErrTooLarge) && !errors.Is(err, ErrNoSheet) {
			t.Fatal(err)
		}
	})
}
