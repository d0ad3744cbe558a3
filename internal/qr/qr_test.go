package qr

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	code "rsc.io/qr"
)

// modules reads a drawing back: dark or light, row by row, without the margin.
func modules(t *testing.T, drawn string, inverted bool) [][]bool {
	t.Helper()
	var rows [][]bool
	for line := range strings.Lines(drawn) {
		var upper, lower []bool
		for _, r := range strings.TrimSuffix(line, "\n") {
			upper = append(upper, (r == '█' || r == '▀') == inverted)
			lower = append(lower, (r == '█' || r == '▄') == inverted)
		}
		rows = append(rows, upper, lower)
	}
	size := len(rows[0]) - 2*margin
	rows = rows[margin : margin+size]
	for i := range rows {
		rows[i] = rows[i][margin : margin+size]
	}
	return rows
}

func TestTerminalDrawsEveryModule(t *testing.T) {
	for _, text := range []string{"", "x", "constl://" + strings.Repeat("e7", 32) + "?peer=" + strings.Repeat("a", 52) + "@192.168.1.20:7420", strings.Repeat("z", MaxText)} {
		want, err := code.Encode(text, code.L)
		if err != nil {
			t.Fatal(err)
		}
		for _, inverted := range []bool{false, true} {
			drawn, err := Terminal(text, inverted)
			if err != nil {
				t.Fatalf("%d bytes: %v", len(text), err)
			}
			got := modules(t, drawn, inverted)
			if len(got) != want.Size {
				t.Fatalf("%d bytes: a code of %d modules, expected %d", len(text), len(got), want.Size)
			}
			for y := range got {
				for x := range got[y] {
					if got[y][x] != want.Black(x, y) {
						t.Fatalf("%d bytes, inverted %v: module %d,%d is wrong", len(text), inverted, x, y)
					}
				}
			}
		}
	}
}

func TestSizeIsWhatIsDrawn(t *testing.T) {
	for _, n := range []int{1, 52, 134, 135, 195, 196, 1000} {
		for _, text := range []string{strings.Repeat("A", n), strings.Repeat("a", n)} {
			drawn, err := Terminal(text, false)
			if err != nil {
				t.Fatal(err)
			}
			lines, columns, err := Size(text)
			first, _, _ := strings.Cut(drawn, "\n")
			if err != nil || lines != strings.Count(drawn, "\n") || columns != utf8.RuneCountInString(first) {
				t.Errorf("%d of %q: %d lines and %d columns were drawn, Size says %d and %d, %v",
					n, text[:1], strings.Count(drawn, "\n"), utf8.RuneCountInString(first), lines, columns, err)
			}
			most := map[bool]int{true: 195, false: 134}[text[0] == 'A']
			if Fits(text) != (n <= most) || Fits(text) && (lines >= 24 || columns > 80) {
				t.Errorf("%d of %q fit: %t, in %d lines and %d columns", n, text[:1], Fits(text), lines, columns)
			}
		}
	}
}

func TestTerminalRefusesWhatNoCodeHolds(t *testing.T) {
	if _, err := Terminal(strings.Repeat("z", MaxText+1), false); !errors.Is(err, ErrTooLong) {
		t.Errorf("got %v", err)
	}
}
