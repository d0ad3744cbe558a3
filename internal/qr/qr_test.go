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

func TestTerminalFitsATerminal(t *testing.T) {
	address := "constl://" + strings.Repeat("e7", 32) + "?peer=" + strings.Repeat("a", 52) + "@192.168.1.20:7420"
	drawn, err := Terminal(address, false)
	if err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(drawn, "\n")
	if n := utf8.RuneCountInString(line); n > 80 {
		t.Errorf("an address takes %d columns", n)
	}
}

func TestTerminalRefusesWhatNoCodeHolds(t *testing.T) {
	if _, err := Terminal(strings.Repeat("z", MaxText+1), false); !errors.Is(err, ErrTooLong) {
		t.Errorf("got %v", err)
	}
}
