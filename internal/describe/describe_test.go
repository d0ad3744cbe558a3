package describe

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestUnit(t *testing.T) {
	for _, good := range []string{
		"m", "mm", "Cel", "mg/L", "m2", "m/s2", "kg.m-3", "umol.m-2.s-1", "/h", "10*6/L", "[ppm]", "%", "deg", "{count}", "{individuals}/m2", "1",
		"g{dry}", "(mol/L).s", "W/(m2.sr)", "dB[SPL]", "har", "hPa", "a", "d", "[pH]", "m[H2O]", "{count}/100.m2", "eq/L", "kBq", "10*-3",
	} {
		if err := Unit(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, near := range map[string]string{
		"°C": `"Cel"`, "celsius": `"Cel"`, "mg/l ": `"mg/l"`, "µg/L": `"ug/L"`, "m²": `"m2"`, "kg/m³": `"kg/m3"`, "ppm": `"[ppm]"`, "days": `"d"`, "KG": `"kg"`,
		"m^2": `"m2"`, "HPA": `"hPa"`, "count": `"{count}"`, "in": `"[in_i]"`, "": "", "m//s": "", "(m": "", "{x": "", "furlongs": "", "m.": "", "kfoo": "", "k": "", "mdeg": "",
	} {
		err := Unit(bad)
		if !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
			continue
		}
		if near != "" && !strings.Contains(err.Error(), "did you mean "+near) {
			t.Errorf("%q: %v; expected %s", bad, err, near)
		}
	}
}

// Whatever is proposed is itself a unit.
func FuzzUnit(f *testing.F) {
	for _, s := range []string{"mg/L", "°C", "m²/s", "(m", "{", "10*6", "µmol·m⁻²·s⁻¹", "[ppm]"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, code string) {
		if Unit(code) == nil {
			return
		}
		if near := nearUnit(code); near != "" && Unit(near) != nil {
			t.Fatalf("for %q: %q is no unit", code, near)
		}
	})
}

func TestIdentifiers(t *testing.T) {
	if id, err := ORCID("https://orcid.org/0000-0002-1694-233X"); err != nil || id != "0000-0002-1694-233X" {
		t.Error(id, err)
	}
	if _, err := ORCID("0000-0002-1694-2330"); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	// Of ROR's own documentation, and well-known organisations.
	for _, good := range []string{"https://ror.org/02mhbdp94", "https://ror.org/05dxps055", "00pjdza24", "https://ror.org/04wxnsj81", "021nxhr62"} {
		if _, err := ROR(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"https://ror.org/02mhbdp95", "02mhbdp9", "12mhbdp94", "", "https://ror.org/", "0lmhbdp94"} {
		if _, err := ROR(bad); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for tag, want := range map[string]string{"en": "en", "PT-br": "pt-BR", "zh-Hant": "zh-Hant", "gsw": "gsw"} {
		if got, err := Language(tag); err != nil || got != want {
			t.Errorf("%s: %s, %v", tag, got, err)
		}
	}
	for _, bad := range []string{"", "english language", "xx-yy-zz-1", "qq"} {
		if got, err := Language(bad); err == nil {
			t.Errorf("%q: taken for %s", bad, got)
		}
	}
}

func TestHomepage(t *testing.T) {
	for text, good := range map[string]bool{"https://example.org": true, "http://example.org/a%20b?x=1#y": true, "": false, "example.org": false, "https://example.org/a b": false, "https:///a": false, "ftp://example.org": false, "constl:12": false} {
		if err := Homepage(text); (err == nil) != good || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLicense(t *testing.T) {
	l, err := FindLicense("cc-by-4.0")
	if err != nil || l.ID != "CC-BY-4.0" || l.URL != "https://creativecommons.org/licenses/by/4.0/" {
		t.Errorf("%+v, %v", l, err)
	}
	for bad, want := range map[string]string{"CC BY 4.0": "did you mean CC-BY-4.0?", "CC0": "did you mean CC0-1.0?", "take it": "CC-BY-4.0", "": "CC0-1.0", "Apache": "did you mean Apache-2.0"} {
		if _, err := FindLicense(bad); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	n := 0
	for line := range strings.Lines(licenseList) {
		id, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		// The pattern of a licence's name in the profile of Data Package v2.
		if l, err := FindLicense(id); err != nil || !regexp.MustCompile(`^([-a-zA-Z0-9._])+$`).MatchString(l.ID) {
			t.Errorf("%s: found as %q: %v", id, l.ID, err)
		}
		if n++; !ok || id == "" || name == "" {
			t.Errorf("line %d: %q", n, line)
		}
	}
	if n < 500 {
		t.Errorf("%d licences", n)
	}
}

// How a column spells dates and numbers is found where the texts prove it, said to be
// unclear where they do not, and never guessed.
func TestSpelling(t *testing.T) {
	for _, c := range []struct {
		texts string
		want  Spelled
		ok    bool
	}{
		{"13.02.2026 01.03.2026", Spelled{Type: "date", Format: "%d.%m.%Y"}, true},
		{"02/13/2026 03/01/2026", Spelled{Type: "date", Format: "%m/%d/%Y"}, true},
		{"02/03/2026 04/05/2026", Spelled{Type: "date", Format: "%d/%m/%Y", Other: "%m/%d/%Y"}, true},
		{"2026/02/13 2026/12/01", Spelled{Type: "date", Format: "%Y/%m/%d"}, true},
		{"13.02.2026_10:05 01.03.2026_23:59", Spelled{Type: "datetime", Format: "%d.%m.%Y %H:%M"}, true},
		{"13.02.2026_10:05:07", Spelled{Type: "datetime", Format: "%d.%m.%Y %H:%M:%S"}, true},
		{"2,5 -3,25 7", Spelled{Type: "number", DecimalChar: ","}, true},
		{"1,234 17", Spelled{Type: "number", DecimalChar: ",", Other: "1,234"}, true},
		{"2026-02-13", Spelled{}, false},
		{"13.02.2026 02.13.2026", Spelled{}, false},
		{"13.02.2026 x", Spelled{}, false},
		{"1 2 3", Spelled{}, false},
		{"2,5 2.5", Spelled{}, false},
		{"2,5 007", Spelled{}, false},
		{"1,2,3", Spelled{}, false},
		{"2026/13/01", Spelled{}, false},
		{"13.02.2026_10:65", Spelled{}, false},
		{"13.02.2026_1", Spelled{}, false},
		{"10.1000/182", Spelled{}, false},
		{"", Spelled{}, false},
	} {
		var s Spelling
		for text := range strings.FieldsSeq(c.texts) {
			if !s.See(strings.ReplaceAll(text, "_", " ")) {
				break
			}
		}
		if got, ok := s.Result(); ok != c.ok || ok && got != c.want {
			t.Errorf("%s: %+v, %v", c.texts, got, ok)
		}
	}
}
