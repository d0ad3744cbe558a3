package csv

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/constl/constl/tabular"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestOddFilesComeBack makes files of the oddest pieces there are.
func TestOddFilesComeBack(t *testing.T) {
	pieces := []string{
		"", "a", "b c", "12", "-1.5e3", "NA", `""`, `"x"`, `"7"`, `x"y`, `"q"z`, `"q" `, ` "s"`, `"two` + "\n" + `lines"`,
		`"cr` + "\r" + `lf"`, `"say ""so"""`, `""""`, "#c", "x\ry", "é", "\xff", "\x00", "\ufeff", `"NA"`, `"a,b"`, "a;b",
	}
	tables := 0
	rapid.Check(t, func(t *rapid.T) {
		delim := rapid.SampledFrom([]string{",", "\t", ";", "|"}).Draw(t, "delimiter")
		ends := rapid.SampledFrom([][]string{{"\n"}, {"\r\n"}, {"\r"}, {"\n", "\n", "\n", "\r\n", "\n\n"}, {"\r\n", "\r\n", "\n"}, {"\r", "\r", "\n"}}).Draw(t, "line ends")
		width := rapid.IntRange(1, 4).Draw(t, "width")
		usual := rapid.SampledFrom(pieces).Draw(t, "usual piece")
		cell := rapid.OneOf(rapid.Just(usual), rapid.SampledFrom(pieces))
		var b strings.Builder
		if rapid.IntRange(0, 5).Draw(t, "preamble") == 0 {
			b.WriteString("# a title" + ends[0])
		}
		b.WriteString(strings.Join([]string{"name", "x", "y", "z"}[:width], delim) + ends[0])
		for range rapid.IntRange(0, 30).Draw(t, "rows") {
			n := width
			if rapid.IntRange(0, 9).Draw(t, "ragged") == 0 {
				n = rapid.IntRange(1, 6).Draw(t, "cells")
			}
			for c := range n {
				if c > 0 {
					b.WriteString(delim)
				}
				b.WriteString(cell.Draw(t, "cell"))
			}
			b.WriteString(rapid.SampledFrom(ends).Draw(t, "end"))
		}
		data := []byte(b.String())
		if rapid.Bool().Draw(t, "no final end") {
			data = bytes.TrimRight(data, "\r\n")
		}
		whole, err := scan(data, "x.csv", 0)
		small, errSmall := scan(data, "x.csv", rapid.IntRange(1, 40).Draw(t, "slab"))
		if (err == nil) != (errSmall == nil) || err != nil && !errors.Is(err, ErrNotTable) {
			t.Fatalf("%q: whole: %v, in slabs: %v", data, err, errSmall)
		}
		if err != nil {
			return
		}
		tables++
		if !bytes.Equal(whole.printed, data) {
			t.Fatalf("%q: written back as %q", data, whole.printed)
		}
		if !reflect.DeepEqual(whole, small) {
			t.Fatalf("%q: in small slabs otherwise:\n%s", data, cmp.Diff(whole, small, cmp.AllowUnexported(scanned{})))
		}
	})
	if tables == 0 {
		t.Error("none of the files was a table")
	}
}

// drawLayout makes any layout for so many fields.
func drawLayout(t *rapid.T, width int) *Layout {
	l := &Layout{
		Delimiter: rapid.SampledFrom([]byte(delimiters)).Draw(t, "delimiter"),
		Quote:     '"',
		LineEnd:   LineEnd(rapid.IntRange(0, int(lineEnds)-1).Draw(t, "line end")),
		Header:    true,
	}
	l.HeaderEnd = l.LineEnd
	l.BareQuotes = rapid.Bool().Draw(t, "bare quotes")
	if rapid.Bool().Draw(t, "comments") {
		l.Comment = '#'
	}
	for range width {
		l.Rules = append(l.Rules, Rule(rapid.IntRange(0, int(Always)).Draw(t, "rule")))
	}
	return l
}

// TestPrintedRowsReadTheSame prints any cells by any rules, as a merge does, and
// reads them with the same layout.
func TestPrintedRowsReadTheSame(t *testing.T) {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", "a", "1", "NA", "#", `"`, `""`, `a"b`, "\n", "\r", "\r\n", ",", "\t", ";", "|", " "}),
		rapid.StringOfN(rapid.SampledFrom([]rune("ab,\"\n\r#; 1")), 0, 12, -1))
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 4).Draw(t, "width")
		l := drawLayout(t, width)
		columns := make([]tabular.Cells, width)
		rows := tabular.Rows{Width: width}
		n := rapid.IntRange(1, 8).Draw(t, "rows")
		for range n {
			for c := range width {
				cell := text.Draw(t, "cell")
				columns[c].Append([]byte(cell))
				rows.Cells = append(rows.Cells, tabular.Ref{Off: uint32(len(rows.Buf)), Len: uint32(len(cell))})
				rows.Buf = append(rows.Buf, cell...)
			}
		}
		p, err := NewPrinter(l)
		if err != nil {
			t.Fatal(err)
		}
		printed, err := p.AppendColumns(nil, columns, nil, 0, n, true)
		if err != nil {
			t.Fatal(err)
		}
		if byRow, _ := p.AppendRows(nil, &rows, true); !bytes.Equal(byRow, printed) {
			t.Fatalf("by columns %q, by rows %q", printed, byRow)
		}
		parser, err := newParser(l)
		if err != nil {
			t.Fatal(err)
		}
		back := parser.parse(printed, true, tabular.Rows{})
		if back.err != nil || back.rows.Len() != n || len(back.rows.Exceptions) > 0 {
			t.Fatalf("%q reads as %d rows of %d, exceptions %v, %v", printed, back.rows.Len(), n, back.rows.Exceptions, back.err)
		}
		for r := range n {
			for c := range width {
				if got, want := back.rows.Cell(r, c), rows.Cell(r, c); !bytes.Equal(got, want) {
					t.Fatalf("%q: row %d, column %d reads as %q, was %q", printed, r, c, got, want)
				}
			}
		}
	})
}

// TestPrinterTakesAnyExceptions: a table from elsewhere may hold any, and is
// printed somehow, the same by columns and by rows.
func TestPrinterTakesAnyExceptions(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", `"a`, `"a"`, ",", "\n", "\x01", "\x02", "\x7f", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"})
	rapid.Check(t, func(t *rapid.T) {
		width, n := rapid.IntRange(1, 3).Draw(t, "width"), rapid.IntRange(1, 4).Draw(t, "rows")
		columns, rows := make([]tabular.Cells, width), tabular.Rows{Width: width}
		for r := range n {
			for c := range width {
				cell := text.Draw(t, "cell")
				columns[c].Append([]byte(cell))
				rows.Cells = append(rows.Cells, tabular.Ref{Off: uint32(len(rows.Buf)), Len: uint32(len(cell))})
				rows.Buf = append(rows.Buf, cell...)
			}
			for col := tabular.WholeRow; col < width; col++ {
				for code := range uint8(8) {
					if rapid.IntRange(0, 5).Draw(t, "there") == 0 {
						rows.Exceptions = append(rows.Exceptions, tabular.Exception{Row: r, Col: col, Code: code, Text: []byte(text.Draw(t, "text"))})
					}
				}
			}
		}
		p, err := NewPrinter(drawLayout(t, width))
		if err != nil {
			t.Fatal(err)
		}
		byColumns, err := p.AppendColumns(nil, columns, rows.Exceptions, 0, n, false)
		if err != nil {
			t.Fatal(err)
		}
		byRows, err := p.AppendRows(nil, &rows, false)
		if err != nil || !bytes.Equal(byRows, byColumns) {
			t.Fatalf("by columns %q, by rows %q, %v", byColumns, byRows, err)
		}
		from := rapid.IntRange(0, n).Draw(t, "from")
		head, _ := p.AppendColumns(nil, columns, rows.Exceptions, 0, from, false)
		both, err := p.AppendColumns(head, columns, rows.Exceptions, from, n, false)
		if err != nil || !bytes.Equal(both, byColumns) {
			t.Fatalf("in two parts %q, in one %q, %v", both, byColumns, err)
		}
	})
}
