package csv

import (
	"errors"
	"testing"

	"github.com/constl/constl/tabular"
)

// printRow prints one row by a layout of so many fields.
func printRow(t *testing.T, l *Layout, cells []string, exceptions ...tabular.Exception) string {
	t.Helper()
	if l.Rules == nil {
		l.Rules = make([]Rule, len(cells))
	}
	p, err := NewPrinter(l)
	if err != nil {
		t.Fatal(err)
	}
	columns := make([]tabular.Cells, len(cells))
	for i, c := range cells {
		columns[i].Append([]byte(c))
	}
	out, err := p.AppendColumns(nil, columns, exceptions, 0, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestExceptionsOfEditedRows: an exception that is not true of a row any more, or
// that would make the row read otherwise, gives way to the rules.
func TestExceptionsOfEditedRows(t *testing.T) {
	row := func(code uint8, text string) tabular.Exception {
		return tabular.Exception{Col: tabular.WholeRow, Code: code, Text: []byte(text)}
	}
	first := func(code uint8, text string) tabular.Exception {
		return tabular.Exception{Col: 0, Code: code, Text: []byte(text)}
	}
	for _, c := range []struct {
		name  string
		cells []string
		x     tabular.Exception
		want  string
	}{
		{"short", []string{"a", "", ""}, row(CodeShort, "\x01"), "a\n"},
		{"short, filled in", []string{"a", "", "c"}, row(CodeShort, "\x01"), "a,,c\n"},
		{"short, emptied", []string{"", "", ""}, row(CodeShort, "\x01"), "\"\"\n"},
		{"short beyond the fields", []string{"a", "", ""}, row(CodeShort, "\x09"), "a,,\n"},
		{"short without a number", []string{"a", "", ""}, row(CodeShort, ""), "a,,\n"},
		{"opposite", []string{"a", "b"}, first(CodeOpposite, ""), "\"a\",b\n"},
		{"opposite, needs quotes", []string{"a,", "b"}, first(CodeOpposite, ""), "\"a,\",b\n"},
		{"literal", []string{`a"b`, "c"}, first(CodeLiteral, `a"b`), "a\"b,c\n"},
		{"literal of another text", []string{`a"c`, "c"}, first(CodeLiteral, `a"b`), "\"a\"\"c\",c\n"},
		{"literal that is two cells", []string{"a,b", "c"}, first(CodeLiteral, "a,b"), "\"a,b\",c\n"},
		{"literal that is not closed", []string{"a", "c"}, first(CodeLiteral, `"a`), "a,c\n"},
		{"extra", []string{"a", "b"}, row(CodeExtra, ",x"), "a,b,x\n"},
		{"before", []string{"a", "b"}, row(CodeBefore, "\n"), "\na,b\n"},
		{"line end", []string{"a", "b"}, row(CodeLineEnd, "\r\n"), "a,b\r\n"},
		{"unknown code", []string{"a", "b"}, first(99, "x"), "a,b\n"},
	} {
		l := &Layout{Delimiter: ',', Quote: '"'}
		if got := printRow(t, l, c.cells, c.x); got != c.want {
			t.Errorf("%s: got %q, expected %q", c.name, got, c.want)
		}
	}
}

func TestQuotesWhereTheyAreNeeded(t *testing.T) {
	for _, c := range []struct {
		name   string
		layout Layout
		cells  []string
		want   string
	}{
		{"comment", Layout{Delimiter: ',', Quote: '"', Comment: '#'}, []string{"#a", "#b"}, "\"#a\",#b\n"},
		{"only cell", Layout{Delimiter: ',', Quote: '"'}, []string{""}, "\"\"\n"},
		{"bare quotes", Layout{Delimiter: ',', Quote: '"', BareQuotes: true}, []string{`5" pipe`, `"x"`}, "5\" pipe,\"\"\"x\"\"\"\n"},
		{"no quotes", Layout{Delimiter: '\t'}, []string{`"x"`, "a"}, "\"x\"\ta\n"},
		{"no quotes, but a delimiter", Layout{Delimiter: '\t'}, []string{"a\tb", "a"}, "\"a\tb\"\ta\n"},
		{"rules", Layout{Delimiter: ',', Quote: '"', Rules: []Rule{QuoteEmpty, QuoteMissing, QuoteNumber, QuoteText, Always}},
			[]string{"", "NA", "1", "x", ""}, "\"\",\"NA\",\"1\",\"x\",\"\"\n"},
		{"rules that do not apply", Layout{Delimiter: ',', Quote: '"', Rules: []Rule{QuoteText, QuoteText, QuoteText, QuoteNumber}},
			[]string{"", "NA", "1", "x"}, ",NA,1,x\n"},
	} {
		if got := printRow(t, &c.layout, c.cells); got != c.want {
			t.Errorf("%s: got %q, expected %q", c.name, got, c.want)
		}
	}
}

func TestLayoutMustFitTheRows(t *testing.T) {
	p, err := NewPrinter(&Layout{Delimiter: ',', Quote: '"', Rules: make([]Rule, 2)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.AppendColumns(nil, make([]tabular.Cells, 3), nil, 0, 0, false); !errors.Is(err, ErrInvalidLayout) {
		t.Errorf("columns: %v", err)
	}
	if _, err := p.AppendRows(nil, &tabular.Rows{Width: 1}, false); !errors.Is(err, ErrInvalidLayout) {
		t.Errorf("rows: %v", err)
	}
	if _, err := NewPrinter(&Layout{Delimiter: '"', Rules: make([]Rule, 2)}); !errors.Is(err, ErrInvalidLayout) {
		t.Errorf("layout: %v", err)
	}
}

func TestIsNumber(t *testing.T) {
	for _, s := range []string{"0", "-1", "+1.5", "1.", ".5", "1e5", "1.5E-10", "007"} {
		if !isNumber([]byte(s)) {
			t.Errorf("%q is a number", s)
		}
	}
	for _, s := range []string{"", "-", ".", "e5", "1e", "1,5", "0x1", "1 ", "--1", "1.2.3", "NaN", "Inf"} {
		if isNumber([]byte(s)) {
			t.Errorf("%q is no number", s)
		}
	}
}
