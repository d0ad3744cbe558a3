package validate

import (
	"encoding/json"
	"math"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestTypes(t *testing.T) {
	tests := []struct {
		field       string
		good, wrong []string
	}{
		{`{"type":"integer"}`, []string{"0", "-7", "+7", "007", "123456789012345678901234567890"}, []string{"1.0", "", "-", "1e3", "x", "1 "}},
		{`{"type":"integer","bareNumber":false,"groupChar":","}`, []string{"95%", "€1,000"}, []string{"many"}},
		{`{"type":"number"}`, []string{"1", "-1.5", ".5", "1e-3", "NaN", "INF", "-INF", "0.1234567890123456789"}, []string{"1,5", "0x10", "1_000", "inf", "e", "."}},
		{`{"type":"number","decimalChar":",","groupChar":"."}`, []string{"1.000,5", "1,5"}, []string{"1,5,5"}},
		{`{"type":"boolean"}`, []string{"true", "0", "FALSE"}, []string{"yes", "tRue"}},
		{`{"type":"boolean","trueValues":["ja"],"falseValues":["nein"]}`, []string{"ja", "nein"}, []string{"true"}},
		{`{"type":"date"}`, []string{"2024-02-29", "1600-01-01"}, []string{"2023-02-29", "2024-2-9", "01.02.2024", "2024-13-01"}},
		{`{"type":"date","format":"%d.%m.%Y"}`, []string{"31.12.2024"}, []string{"2024-12-31", "31.02.2024"}},
		{`{"type":"date","format":"any"}`, []string{"31.12.2024", "2024-12-31"}, []string{"soon"}},
		{`{"type":"datetime"}`, []string{"2024-02-29T12:00:00Z", "2024-02-29 12:00", "2024-02-29T12:00:00.25+01:00"}, []string{"2024-02-29", "2024-02-29T25:00:00", "2024-02-29T12:00:00+1"}},
		{`{"type":"time"}`, []string{"12:30:00", "23:59:60"}, []string{"12:30", "24:00:00"}},
		{`{"type":"year"}`, []string{"2024", "-0044"}, []string{"24", "20x4"}},
		{`{"type":"yearmonth"}`, []string{"2024-05"}, []string{"2024-13", "2024-5"}},
		{`{"type":"duration"}`, []string{"P1DT2H", "PT0.5S"}, []string{"P", "P1DT", "2 hours"}},
		{`{"type":"geopoint"}`, []string{"7.5, 47.1"}, []string{"190,0", "7.5", "a,b"}},
		{`{"type":"geopoint","format":"object"}`, []string{`{"lon":1,"lat":2}`}, []string{`{"lon":1}`, "1,2"}},
		{`{"type":"geopoint","format":"array"}`, []string{`[1,2]`}, []string{`[1]`, "1,2"}},
		{`{"type":"list","itemType":"integer","delimiter":";"}`, []string{"1;2", "1"}, []string{"1;x"}},
		{`{"type":"object"}`, []string{`{"a":1}`}, []string{`[1]`, `{a:1}`}},
		{`{"type":"array"}`, []string{`[1]`}, []string{`{"a":1}`}},
		{`{"type":"string","format":"email"}`, []string{"a@b.org"}, []string{"a@", "a b@c"}},
		{`{"type":"string","format":"uri"}`, []string{"https://a.org/x"}, []string{"a.org"}},
		{`{"type":"string","format":"uuid"}`, []string{"123e4567-e89b-12d3-a456-426614174000"}, []string{"123"}},
		{`{"type":"string","format":"binary"}`, []string{"YQ=="}, []string{"Y"}},
	}
	for _, tt := range tests {
		var f field
		if err := json.Unmarshal([]byte(tt.field), &f); err != nil {
			t.Fatal(err)
		}
		typ, why := typeOf(&f)
		if why != "" {
			t.Errorf("%s: %s", tt.field, why)
		}
		for _, text := range tt.good {
			if _, st := typ.parse([]byte(text)); st == stateWrong {
				t.Errorf("%s refuses %q", tt.field, text)
			}
		}
		for _, text := range tt.wrong {
			if _, st := typ.parse([]byte(text)); st != stateWrong {
				t.Errorf("%s takes %q", tt.field, text)
			}
		}
	}
}

// What is read by hand is what the standard library reads.
func TestParsersAgree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(-60e15, 250e15).Draw(t, "moment")).UTC()
		got, st := parseDatetime([]byte(at.Format("2006-01-02T15:04:05.999999Z07:00")))
		if st != stateValue || got != at.UnixMicro() {
			t.Fatalf("%v: %d, expected %d", at, got, at.UnixMicro())
		}
		text := rapid.StringMatching(`[-+]?[0-9]{1,20}(\.[0-9]{0,20})?`).Draw(t, "number")
		want, err := strconv.ParseFloat(text, 64)
		bits, st := parseNumber([]byte(text))
		if err != nil || st != stateValue || math.Float64frombits(uint64(bits)) != want {
			t.Fatalf("%s: %v, expected %v", text, math.Float64frombits(uint64(bits)), want)
		}
		whole := rapid.Int64().Draw(t, "whole")
		if v, st := parseInteger([]byte(strconv.FormatInt(whole, 10))); st != stateValue || v != whole {
			t.Fatalf("%d: %d", whole, v)
		}
	})
}

func TestPatterns(t *testing.T) {
	tests := []struct {
		pattern     string
		match, none []string
	}{
		{`s[1-5]`, []string{"s1"}, []string{"s12", "xs1", "s6"}},
		{`^s\d+$`, []string{"s12"}, []string{"s", "s1\n"}},
		{`a|bc`, []string{"a", "bc"}, []string{"ac", "ab"}},
		{`\i\c*`, []string{"a-1", "_x", "Ä.1"}, []string{"1a", "-"}},
		{`[^\s]+`, []string{"ab"}, []string{"a b"}},
		{`\p{L}+\$`, []string{"é$"}, []string{"é"}},
		{`\D\W?`, []string{"a", "a."}, []string{"1", "ab"}},
	}
	for _, tt := range tests {
		re, err := compilePattern(tt.pattern)
		if err != nil {
			t.Errorf("%s: %v", tt.pattern, err)
			continue
		}
		for _, text := range tt.match {
			if !re.MatchString(text) {
				t.Errorf("%s does not match %q", tt.pattern, text)
			}
		}
		for _, text := range tt.none {
			if re.MatchString(text) {
				t.Errorf("%s matches %q", tt.pattern, text)
			}
		}
	}
	for _, pattern := range []string{`[a-z-[aeiou]]`, `(`, `[\D]`} {
		if _, err := compilePattern(pattern); err == nil {
			t.Errorf("%s is taken", pattern)
		}
	}
}
