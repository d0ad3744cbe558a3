package tabular

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCalendar(t *testing.T) {
	day := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	for n := daysOf(0, 1, 1); day.Year() < 10000; n++ {
		y, m, d := dateOf(n)
		if y != day.Year() || m != int(day.Month()) || d != day.Day() {
			t.Fatalf("day %d is %v, not %d-%d-%d", n, day, y, m, d)
		}
		if got := daysOf(y, m, d); got != n {
			t.Fatalf("%v is day %d, not %d", day, n, got)
		}
		next := day.AddDate(0, 0, 1)
		if (next.Day() == 1) != (d == daysIn(y, m)) {
			t.Fatalf("%d-%d has not %d days", y, m, daysIn(y, m))
		}
		day = next
	}
	if n := daysOf(1970, 1, 1); n != 0 {
		t.Errorf("1970-01-01 is day %d", n)
	}
}

// naiveNumber says what parseNumber should, the slow way.
func naiveNumber(text string) (m int64, scale int, ok bool) {
	digits, neg := strings.CutPrefix(text, "-")
	whole, fraction, point := strings.Cut(digits, ".")
	if whole == "" || point && fraction == "" || len(whole)+len(fraction) > 18 || len(whole) > 1 && whole[0] == '0' ||
		strings.Trim(whole+fraction, "0123456789") != "" {
		return 0, 0, false
	}
	m, err := strconv.ParseInt(whole+fraction, 10, 64)
	if err != nil || neg && m == 0 {
		return 0, 0, false
	}
	if neg {
		m = -m
	}
	return m, len(fraction), true
}

func TestParseNumber(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, before, text string) {
		data := []byte(before + text)
		m, scale, ok := parseNumber(data, len(before), len(data))
		wantM, wantScale, wantOK := naiveNumber(text)
		if ok != wantOK || ok && (m != wantM || scale != wantScale) {
			t.Fatalf("%q after %q: %d, %d, %v; expected %d, %d, %v", text, before, m, scale, ok, wantM, wantScale, wantOK)
		}
	}
	digits := "98765432109876543210"
	for n := range len(digits) {
		for _, sign := range []string{"", "-", "+", "."} {
			for dot := range n + 1 {
				text := digits[:dot] + "." + digits[dot:n]
				check(t, "", sign+text)
				check(t, "1234567890.1234567890", sign+text)
			}
			check(t, "", sign+digits[:n])
			check(t, "00000000000000000000", sign+digits[:n])
		}
		for at := range n {
			for _, c := range []string{"/", ":", " ", "-", ".", "\x00", "\xff", "a", "0"} {
				check(t, "7777777777777777777", digits[:at]+c+digits[at+1:n])
			}
		}
	}
	text := rapid.StringMatching(`-?[0-9.]{0,20}`)
	rapid.Check(t, func(t *rapid.T) { check(t, text.Draw(t, "before"), text.Draw(t, "text")) })
}

// What a form prints it also reads, as the same value.
func TestNumberFormsReverse(t *testing.T) {
	values := []int64{0, 1, 9, 10, 99999999, 100000000, 100000001, 9999999999999999, 10000000000000000, tenTo18 - 1, 123456789012345678}
	for v := int64(1); v < tenTo18/10; v *= 7 {
		values = append(values, v)
	}
	for most := range maxScale + 1 {
		for least := range most + 1 {
			if least > 1 && least < most {
				continue
			}
			f := numberForm{least, most}
			for _, v := range values {
				for _, v := range []int64{v, -v} {
					var ends [1]uint32
					buf := make([]byte, f.room())
					end, ok := f.format(buf, 0, ends[:], []int64{v})
					if !ok || end != int(ends[0]) {
						t.Fatalf("%v does not print %d", f, v)
					}
					exact := new(big.Rat).SetFrac(big.NewInt(v), big.NewInt(tenTo[most])).FloatString(most)
					if text := string(buf[:end]); least == most && text != exact || least < most && !sameNumber(text, exact) {
						t.Fatalf("%v prints %d as %q, expected %q", f, v, text, exact)
					}
					if got, ok := f.parse(buf, 0, end); !ok || got != v {
						t.Fatalf("%v reads %q as %d, %v", f, buf[:end], got, ok)
					}
				}
			}
			for _, v := range []int64{tenTo18, -tenTo18, math.MaxInt64, math.MinInt64} {
				if _, ok := f.format(make([]byte, f.room()), 0, make([]uint32, 1), []int64{v}); ok {
					t.Errorf("%v prints %d", f, v)
				}
			}
		}
	}
}

func sameNumber(a, b string) bool {
	x, ok := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	return ok && ok2 && x.Cmp(y) == 0
}
