package tabular

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// textGrid is a table as tests write it.
type textGrid struct {
	names []string
	rows  [][]string
	batch int
}

func (g *textGrid) Names() []string { return g.names }

func (g *textGrid) Batches(context.Context) iter.Seq2[Batch, error] {
	return func(yield func(Batch, error) bool) {
		for rows := range slices.Chunk(g.rows, max(g.batch, 1)) {
			load := func(context.Context) ([]Cells, error) {
				cells := make([]Cells, len(g.names))
				for _, row := range rows {
					for c := range cells {
						cells[c].Append([]byte(row[c]))
					}
				}
				return cells, nil
			}
			if !yield(load, nil) {
				return
			}
		}
	}
}

func printOf(t testing.TB, x Texts, o *FingerprintOptions) string {
	t.Helper()
	p, err := FingerprintOf(t.Context(), x, o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Fingerprint.String()
}

func TestCanonicalValues(t *testing.T) {
	for _, c := range []struct {
		text string
		kind Kind
		want string
	}{
		{"0", KindNumber, "0"}, {"-0.00", KindNumber, "0"}, {"+7", KindNumber, "7"}, {"100", KindNumber, "1e2"},
		{"1.0", KindNumber, "1"}, {"1.50", KindNumber, "15e-1"}, {"-12.5e1", KindNumber, "-125"}, {".5", KindNumber, "5e-1"}, {"5.", KindNumber, "5"},
		{"1e3", KindNumber, "1e3"}, {"0.1", KindNumber, "1e-1"}, {"0.10000000000000001", KindNumber, "1e-1"},
		{"0.1000000000000000055511151231257827", KindNumber, "1e-1"}, {"3.14159265358979323846", KindNumber, "3141592653589793e-15"},
		{"9007199254740993", KindNumber, "9007199254740993"}, {"12345678901234567890123", KindNumber, "12345678901234567890123"},
		{"1.2345678901234567e19", KindNumber, "12345678901234567e3"}, {"1e-400", KindNumber, "1e-400"},
		{"1.234567890123456789e-400", KindNumber, "1234567890123456789e-418"}, {"5e-324", KindNumber, "5e-324"},
		{"0.30000000000000004", KindNumber, "30000000000000004e-17"}, {"INF", KindNumber, "inf"}, {"-Infinity", KindNumber, "-inf"},
		{"1.5e400", KindNumber, "15e399"}, {"1234567890123456.5", KindNumber, "12345678901234565e-1"},
		{"0.1234567890123456789e30", KindNumber, "1234567890123456789e11"},
		{"007", KindText, "007"}, {"1,5", KindText, "1,5"}, {"1e", KindText, "1e"}, {"+", KindText, "+"}, {"1e1234567890", KindText, "1e1234567890"},
		{" 1", KindText, " 1"}, {"..", KindText, ".."}, {".inf", KindText, ".inf"},
		{"TRUE", KindBoolean, "true"}, {"False", KindBoolean, "false"}, {"tRUE", KindText, "tRUE"},
		{"2024-02-29", KindDate, "2024-02-29"}, {"2023-02-29", KindText, "2023-02-29"}, {"2024-02-29 00:00:00.000", KindDate, "2024-02-29"},
		{"2024-02-29T10:05", KindDate, "2024-02-29T10:05:00"}, {"2024-02-29 10:05:01.500", KindDate, "2024-02-29T10:05:01.5"},
		{"2024-01-01T00:30:00+01:00", KindDate, "2023-12-31T23:30:00Z"}, {"2024-01-01T00:00Z", KindDate, "2024-01-01T00:00:00Z"},
		{"2024-01-01T00:00-0530", KindDate, "2024-01-01T05:30:00Z"}, {"0000-01-01T00:00+01", KindDate, "0000-01-01T00:00:00+01"},
		{"9999-12-31T23:59:59.9-01", KindDate, "9999-12-31T23:59:59.9-01"}, {"2024-01-01T24:00", KindText, "2024-01-01T24:00"},
		{"2024-01-01T10:00 Z", KindText, "2024-01-01T10:00 Z"}, {"2024-01-01T10", KindText, "2024-01-01T10"},
		{"09:05", KindTime, "09:05:00"}, {"23:59:59.120", KindTime, "23:59:59.12"}, {"9:05", KindText, "9:05"}, {"09:05Z", KindText, "09:05Z"},
		{"09:05:01.1234567891", KindText, "09:05:01.1234567891"},
		{"e\u0301", KindText, "\u00e9"}, {"a\r\nb\rc", KindText, "a\nb\nc"}, {"\xff", KindText, "\xff"},
	} {
		if got := kindOf([]byte(c.text)); got != c.kind {
			t.Errorf("%q is a %s, expected %s", c.text, got, c.kind)
			continue
		}
		if got := string(appendValue([]byte("x"), []byte(c.text), c.kind)); got != "x"+c.want {
			t.Errorf("%q: %q, expected %q", c.text, got, "x"+c.want)
		}
	}
}

// TestCanonicalNumbersAreTheirValues checks that all spellings of a double that is
// not whole have one form, which is that double.
func TestCanonicalNumbersAreTheirValues(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64().Draw(t, "v")
		short := string(appendNumber(nil, strconv.AppendFloat(nil, v, 'e', -1, 64)))
		if back, err := strconv.ParseFloat(short, 64); err != nil || back != v {
			t.Fatalf("%v became %s", v, short)
		}
		if !strings.Contains(short, "e-") {
			return // more digits of a whole number are another one
		}
		for _, text := range []string{strconv.FormatFloat(v, 'e', 16, 64), strconv.FormatFloat(v, 'e', 25, 64), strconv.FormatFloat(v, 'G', -1, 64)} {
			if got := string(appendNumber(nil, []byte(text))); got != short {
				t.Fatalf("%q: %s, expected %s", text, got, short)
			}
		}
	})
}

// drawTexts makes a table of cells that differ in value whenever their texts do.
func drawTexts(t *rapid.T) *textGrid {
	column := map[string]*rapid.Generator[string]{
		"number":  rapid.Map(rapid.IntRange(-999, 999), strconv.Itoa),
		"decimal": rapid.Map(rapid.IntRange(1, 9999), func(n int) string { return fmt.Sprintf("%d.%d", n/10, n%5*2+1) }),
		"date":    rapid.Map(rapid.IntRange(1, 28), func(n int) string { return fmt.Sprintf("2024-02-%02d", n) }),
		"text":    rapid.StringMatching(`[a-z]{1,3}`),
		"boolean": rapid.SampledFrom([]string{"true", "false"}),
		"mixed":   rapid.SampledFrom([]string{"1", "2.5", "x", "true", "2024-02-01"}),
	}
	g := &textGrid{batch: rapid.IntRange(1, 4).Draw(t, "batch")}
	var cells []*rapid.Generator[string]
	for i := range rapid.IntRange(1, 5).Draw(t, "columns") {
		kind := rapid.SampledFrom([]string{"number", "decimal", "date", "text", "boolean", "mixed"}).Draw(t, "kind")
		g.names = append(g.names, fmt.Sprint("c", i, kind))
		cells = append(cells, rapid.OneOf(column[kind], column[kind], column[kind], rapid.Just("")))
	}
	for range rapid.IntRange(1, 9).Draw(t, "rows") {
		var row []string
		for _, cell := range cells {
			row = append(row, cell.Draw(t, "cell"))
		}
		g.rows = append(g.rows, row)
	}
	return g
}

func (g *textGrid) clone() *textGrid {
	n := &textGrid{names: slices.Clone(g.names), batch: g.batch}
	for _, row := range g.rows {
		n.rows = append(n.rows, slices.Clone(row))
	}
	return n
}

func TestFingerprintKnowsNoOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := drawTexts(rt)
		want := printOf(t, g, nil)
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		s := g.clone()
		s.batch = rapid.IntRange(1, 20).Draw(rt, "other batch")
		r.Shuffle(len(s.rows), func(i, j int) { s.rows[i], s.rows[j] = s.rows[j], s.rows[i] })
		r.Shuffle(len(s.names), func(i, j int) {
			s.names[i], s.names[j] = s.names[j], s.names[i]
			for _, row := range s.rows {
				row[i], row[j] = row[j], row[i]
			}
		})
		if got := printOf(t, s, &FingerprintOptions{Workers: 1}); got != want {
			rt.Fatalf("shuffled: %s, expected %s", got, want)
		}
	})
}

func TestFingerprintChangesWithAnyCell(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := drawTexts(rt)
		before := printOf(t, g, nil)
		s := g.clone()
		row := rapid.IntRange(0, len(s.rows)-1).Draw(rt, "row")
		col := rapid.IntRange(0, len(s.names)-1).Draw(rt, "col")
		next := rapid.SampledFrom([]string{"", "1.5", "-3", "2024-03-01", "true", "false", "zz", "09:00", "é"}).Draw(rt, "next")
		if next == s.rows[row][col] {
			rt.Skip("no change")
		}
		s.rows[row][col] = next
		if printOf(t, s, nil) == before {
			rt.Fatal("a changed cell is not seen")
		}
		s = g.clone()
		s.names[col] += "x"
		if printOf(t, s, nil) == before {
			rt.Fatal("a changed name is not seen")
		}
		s = g.clone()
		s.rows = append(s.rows, append([]string{"1"}, s.rows[0][1:]...))
		if printOf(t, s, nil) == before {
			rt.Fatal("another row is not seen")
		}
	})
}

func TestFingerprintOfPadding(t *testing.T) {
	g := &textGrid{names: []string{"a", "b"}, rows: [][]string{{"1", "x"}, {"2", "NA"}}}
	want := printOf(t, g, nil)
	padded := &textGrid{names: []string{"", "b", "a", ""}, rows: [][]string{{"", "", "2.0", "-"}, {"", "", "", ""}, {"", "x", "1", ""}, {"NA", "null", ".", ""}}}
	if got := printOf(t, padded, nil); got != want {
		t.Errorf("%s, expected %s", got, want)
	}
	for name, other := range map[string]*textGrid{
		"a cell moved to the other column": {names: []string{"a", "b"}, rows: [][]string{{"x", "1"}, {"2", ""}}},
		"values swapped between rows":      {names: []string{"a", "b"}, rows: [][]string{{"2", "x"}, {"1", ""}}},
		"a column without cells":           {names: []string{"a", "b", "c"}, rows: [][]string{{"1", "x", ""}, {"2", "", ""}}},
		"no rows":                          {names: []string{"a", "b"}},
	} {
		if printOf(t, other, nil) == want {
			t.Errorf("%s is not seen", name)
		}
	}
	twins := func(x, y string) string {
		return printOf(t, &textGrid{names: []string{"a", "a"}, rows: [][]string{{x, y}, {"9", "8"}}}, nil)
	}
	if twins("1", "2") == twins("2", "1") {
		t.Error("columns of the same name are taken for each other")
	}
}

func TestFingerprintInLittleMemory(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	g := &textGrid{names: []string{"a", "b"}, batch: 70}
	for i := range 10_000 {
		g.rows = append(g.rows, []string{strconv.Itoa(i % 3000), "x"})
	}
	if a, b := printOf(t, g, nil), printOf(t, g, &FingerprintOptions{Memory: 32 * 999}); a != b {
		t.Errorf("%s in memory, %s on the disk", a, b)
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func FuzzCanonicalValue(f *testing.F) {
	for _, seed := range []string{"1.50", "-0", "1e9", "2024-02-29T10:05:01.5+01:00", "23:59:59", "TRUE", "e\u0301", "inf"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if isMissing(text) {
			t.Skip()
		}
		kind := kindOf(text)
		value := appendValue(nil, text, kind)
		// A canonical value is its own.
		if again := kindOf(value); again != kind && kind != KindText {
			t.Fatalf("%q, a %s, became %q, a %s", text, kind, value, again)
		}
		if again := appendValue(nil, value, kind); string(again) != string(value) {
			t.Fatalf("%q became %q and then %q", text, value, again)
		}
	})
}

func TestParseFingerprint(t *testing.T) {
	var f Fingerprint
	f[3] = 0xab
	if got, err := ParseFingerprint(f.String()); err != nil || got != f {
		t.Errorf("%v, %v", got, err)
	}
	for _, bad := range []string{"", "fp1:", f.String() + "0", strings.ToUpper(f.String()), "fp2:" + f.String()[4:], f.String()[:67] + "g"} {
		if _, err := ParseFingerprint(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	g := observations(200_000, 1)
	t := g.build(b, newStore(), 12_000, nil)
	for b.Loop() {
		if _, err := FingerprintOf(b.Context(), t.Texts(nil, nil, nil), nil); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*200_000), "ns/row")
}
