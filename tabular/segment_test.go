package tabular

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func cellsOf(texts ...string) Cells {
	var c Cells
	for _, t := range texts {
		c.Append([]byte(t))
	}
	return c
}

func sameCells(a, b Cells) bool {
	if a.Len() != b.Len() {
		return false
	}
	for i := range a.Len() {
		if !bytes.Equal(a.At(i), b.At(i)) {
			return false
		}
	}
	return true
}

// encodingOf returns the encoding that a payload of at least one cell names.
func encodingOf(payload []byte) byte {
	for payload[0] >= 0x80 {
		payload = payload[1:]
	}
	return payload[1]
}

// roundTrip encodes cells, checks that they come back, and returns the payload.
func roundTrip(t interface {
	Helper()
	Fatalf(string, ...any)
}, c Cells) []byte {
	t.Helper()
	payload := EncodeSegment(c)
	got, err := DecodeSegment(payload)
	if err != nil {
		t.Fatalf("decode of what was encoded: %v\npayload %x", err, payload)
	}
	if got.Len() != c.Len() {
		t.Fatalf("%d cells became %d", c.Len(), got.Len())
	}
	for i := range c.Len() {
		if !bytes.Equal(got.At(i), c.At(i)) {
			t.Fatalf("cell %d: %q became %q (encoding %d)", i, c.At(i), got.At(i), encodingOf(payload))
		}
	}
	if err := CheckSegment(payload); err != nil {
		t.Fatalf("check: %v", err)
	}
	return payload
}

// kinds are columns as people have them, and the encoding each should get.
var kinds = []struct {
	name     string
	encoding byte
	class    Type
	cell     func(r *rand.Rand, i int) string
}{
	{"constant", encodingConstant, TypeString, func(*rand.Rand, int) string { return "ENA" }},
	{"empty", encodingConstant, TypeAny, func(*rand.Rand, int) string { return "" }},
	{"id", encodingNumber, TypeInteger, func(_ *rand.Rand, i int) string { return strconv.Itoa(i * 10) }},
	{"count", encodingNumber, TypeInteger, func(r *rand.Rand, _ int) string { return strconv.Itoa(int(r.ExpFloat64() * 8)) }},
	{"count with gaps", encodingNumber, TypeInteger, func(r *rand.Rand, _ int) string {
		if r.IntN(3) == 0 {
			return ""
		}
		return strconv.Itoa(r.IntN(50000))
	}},
	{"temperature", encodingNumber, TypeNumber, func(r *rand.Rand, _ int) string {
		return strconv.FormatFloat(11+r.NormFloat64()*7, 'f', 1, 64)
	}},
	{"latitude", encodingNumber, TypeNumber, func(r *rand.Rand, _ int) string {
		return strconv.FormatFloat(47+r.Float64()*5, 'f', 5, 64)
	}},
	{"longitude", encodingNumber, TypeNumber, func(r *rand.Rand, _ int) string {
		return strconv.FormatFloat(-122+r.Float64()*8, 'f', 6, 64)
	}},
	{"float", encodingNumber, TypeNumber, func(r *rand.Rand, _ int) string {
		return strconv.FormatFloat(float64(r.IntN(1e6))/1000, 'f', -1, 64)
	}},
	{"datetime", encodingTime, TypeDatetime, func(_ *rand.Rand, i int) string {
		return time.Unix(1104559200+int64(i)*37, 0).UTC().Format("2006-01-02T15:04:05Z")
	}},
	{"random datetime", encodingTime, TypeDatetime, func(r *rand.Rand, _ int) string {
		return time.Unix(r.Int64N(2e9), 0).UTC().Format("2006-01-02 15:04:05.000")
	}},
	{"date", encodingTime, TypeDate, func(r *rand.Rand, _ int) string {
		return time.Unix(r.Int64N(2e9), 0).UTC().Format("2006-01-02")
	}},
	{"european date", encodingTime, TypeString, func(r *rand.Rand, _ int) string {
		return time.Unix(r.Int64N(2e9), 0).UTC().Format("02/01/2006")
	}},
	{"time", encodingTime, TypeTime, func(r *rand.Rand, _ int) string {
		return time.Unix(r.Int64N(2e9), 0).UTC().Format("15:04:05")
	}},
	{"site", encodingLabel, TypeString, func(r *rand.Rand, _ int) string { return "S" + strconv.Itoa(100+r.IntN(400)) }},
	{"padded", encodingLabel, TypeString, func(_ *rand.Rand, i int) string { return fmt.Sprintf("%06d", i*7) }},
	{"species", encodingDictionary, TypeString, func(r *rand.Rand, _ int) string {
		return []string{"Calidris alba", "Larus argentatus", "Haematopus ostralegus", "Sterna hirundo", "Turdus merula", "Parus major"}[r.IntN(6)]
	}},
	{"flag", encodingDictionary, TypeBoolean, func(r *rand.Rand, _ int) string { return strconv.FormatBool(r.IntN(2) == 0) }},
	{"note", encodingDictionary, TypeString, func(r *rand.Rand, _ int) string {
		return []string{"", "", "", "", "fog", "strong wind", "rain, light", "nest site"}[r.IntN(8)]
	}},
	{"site latitude", encodingDictionary, TypeNumber, func(r *rand.Rand, _ int) string {
		return strconv.FormatFloat(47.12345+float64(r.IntN(20))*0.17171, 'f', 5, 64)
	}},
	{"hash", encodingPlain, TypeString, func(r *rand.Rand, _ int) string { return fmt.Sprintf("%016x", r.Uint64()) }},
}

func column(name string, n int) Cells {
	for _, k := range kinds {
		if k.name == name {
			r := rand.New(rand.NewPCG(1, 2))
			var c Cells
			for i := range n {
				c.Append([]byte(k.cell(r, i)))
			}
			return c
		}
	}
	panic("no column " + name)
}

func TestSegmentOfColumns(t *testing.T) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) {
			for _, n := range []int{300, 5000} {
				c := column(k.name, n)
				payload := roundTrip(t, c)
				if got := encodingOf(payload); got != k.encoding {
					t.Errorf("%d cells: encoding %d, expected %d", n, got, k.encoding)
				}
				var e SegmentEncoder
				e.Append(nil, c)
				if got := e.Stats().Class.Type(); got != k.class {
					t.Errorf("%d cells: type %s, expected %s", n, got, k.class)
				}
			}
		})
	}
}

// One encoder used for many columns must not remember anything.
func TestSegmentEncoderReuse(t *testing.T) {
	var e SegmentEncoder
	for _, n := range []int{5000, 3, 700} {
		for _, k := range kinds {
			c := column(k.name, n)
			if got, want := e.Append([]byte("x"), c)[1:], EncodeSegment(c); !bytes.Equal(got, want) {
				t.Errorf("%s: a used encoder and a new one differ", k.name)
			}
		}
	}
}

// Texts that lie close to what the forms can express.
func TestSegmentOddTexts(t *testing.T) {
	odd := []string{
		"", "0", "-0", "00", "-", "--1", "-1", "+1", "1.", ".5", "-.5", "0.0", "-0.0", "-0.00", "0.10", "00.1", "1e5", "1E-05", "NA", "NaN", "null",
		"999999999999999999", "1000000000000000000", "-999999999999999999", "9223372036854775807", "-9223372036854775808", "0.99999999999999999",
		"12345678", "123456789", "1234567.8", "12345678.9", "1234567.", "1.2.3", "12 345", "1,5", "12345678.", ".12345678", "123456789.12345678",
		"2020-02-29", "2019-02-29", "0000-01-01", "9999-12-31", "2020-13-01", "2020-1-1", "2020-02-30", "2020-01", "2020/01/01", "2020-01/01",
		"2020-01-01T24:00:00Z", "2020-01-01T23:59:60Z", "2020-01-01T00:00", "2020-01-01 00:00:00.123456", "2020-01-01T00:00:00+01:00", "12:30", "12:30:00",
		"S1", "S01", "S", "S-1", "é1", "\x00", "\xff\xfe", "a,b\n\"c\"", "01", "1900-01-01T00:00:00Z",
	}
	for _, base := range odd {
		for _, other := range odd {
			c := cellsOf(base, base, other, base, base, base, base)
			roundTrip(t, c)
			roundTrip(t, cellsOf(base, other))
		}
		roundTrip(t, cellsOf(base))
	}
	roundTrip(t, cellsOf(odd...))
	roundTrip(t, Cells{})
	long := make([]byte, MaxCell)
	roundTrip(t, cellsOf(string(long), "x", string(long[:200]), "y"))
}

// anyCells draws columns of all sorts, mixed up.
func anyCells() *rapid.Generator[Cells] {
	digits := rapid.StringMatching(`-?[0-9]{1,19}`)
	decimal := rapid.StringMatching(`-?[0-9]{1,9}\.[0-9]{1,9}`)
	stamp := rapid.StringMatching(`[0-2][0-9]{3}-[01][0-9]-[0-3][0-9]([ T][0-2][0-9]:[0-5][0-9](:[0-5][0-9](\.[0-9]{3})?)?Z?)?`)
	label := rapid.StringMatching(`[AB]?0{0,2}[0-9]{1,4}`)
	text := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 12), func(b []byte) string { return string(b) })
	small := rapid.SampledFrom([]string{"", "a", "b", "NA", "1", "1.5", "2020-01-01"})
	sorts := []*rapid.Generator[string]{digits, decimal, stamp, label, text, small}
	return rapid.Custom(func(t *rapid.T) Cells {
		main := rapid.SampledFrom(sorts).Draw(t, "sort")
		other := rapid.SampledFrom(sorts).Draw(t, "other")
		share := rapid.IntRange(0, 20).Draw(t, "share")
		n := rapid.IntRange(0, 120).Draw(t, "cells")
		var c Cells
		for range n {
			g := main
			if rapid.IntRange(0, 19).Draw(t, "which") < share {
				g = other
			}
			text := g.Draw(t, "cell")
			for range 1 + rapid.IntRange(0, 12).Draw(t, "repeat")/10 {
				c.Append([]byte(text))
			}
		}
		return c
	})
}

func TestSegmentRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { roundTrip(t, anyCells().Draw(t, "column")) })
}

// A group of the largest size allowed, and one cell more.
func TestSegmentLimits(t *testing.T) {
	c := column("id", MaxSegmentRows)
	roundTrip(t, c)
	c.Append([]byte("1"))
	defer func() {
		if recover() == nil {
			t.Error("a segment of too many cells was encoded")
		}
	}()
	EncodeSegment(c)
}

// What a small edit changes of the payload must be small: all else stands in
// the payload before, in long runs.
func TestSegmentEditsStaySmall(t *testing.T) {
	for _, k := range kinds {
		if k.name == "constant" || k.name == "empty" {
			continue
		}
		c := column(k.name, 4000)
		before := EncodeSegment(c)
		r := rand.New(rand.NewPCG(7, 7))
		fresh := k.cell(r, 123456)
		var changed, inserted Cells
		for i := range c.Len() {
			if i == 2000 {
				inserted.Append([]byte(fresh))
				changed.Append([]byte(fresh))
			} else {
				changed.Append(c.At(i))
			}
			inserted.Append(c.At(i))
		}
		for _, edit := range []struct {
			what  string
			cells Cells
			limit int
		}{{"changed", changed, 100}, {"inserted", inserted, 600}} {
			after := EncodeSegment(edit.cells)
			if delta := deltaSize(t, before, after); delta > edit.limit {
				t.Errorf("%s: one %s cell costs %d bytes of %d", k.name, edit.what, delta, len(after))
			}
		}
	}
}

func FuzzDecodeSegment(f *testing.F) {
	for _, k := range kinds {
		f.Add(EncodeSegment(column(k.name, 40)))
	}
	f.Add(EncodeSegment(cellsOf("1", "", "x", "2.50", "NA", "17", "18", "19", "20")))
	f.Fuzz(func(t *testing.T, payload []byte) {
		c, err := DecodeSegment(payload)
		if err != nil {
			return
		}
		if n := c.Len(); n > MaxSegmentRows || len(c.Data) > GroupBytes {
			t.Fatalf("%d cells of %d bytes", n, len(c.Data))
		}
		roundTrip(t, c)
	})
}

func FuzzEncodeSegment(f *testing.F) {
	for _, k := range kinds {
		c := column(k.name, 20)
		var lines []byte
		for i := range c.Len() {
			lines = append(append(lines, c.At(i)...), '\n')
		}
		f.Add(lines)
	}
	f.Fuzz(func(t *testing.T, lines []byte) {
		var c Cells
		for line := range bytes.SplitSeq(lines, []byte("\n")) {
			if c.Len() == MaxSegmentRows {
				break
			}
			c.Append(line)
		}
		if len(c.Data) <= MaxCell {
			roundTrip(t, c)
		}
	})
}
