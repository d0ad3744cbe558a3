package describe

import (
	"fmt"
	"slices"
	"strings"
)

// Unit checks a unit's code after UCUM (The Unified Code for Units of Measure), in
// its case-sensitive form: atoms such as m, g, Cel and [ppm], metric ones with a
// prefix (k, m, u …), exponents (m2, s-1), products (N.m), quotients (mg/L),
// parentheses, whole numbers (10*6), and annotations in braces ({count}). It knows the
// atoms that are usual in science, not all of UCUM's. It fails with [ErrMalformed],
// and says what was meant if that is clear.
func Unit(code string) error {
	p := unitParser{text: code}
	err := p.parse()
	if err == nil {
		return nil
	}
	if near := nearUnit(code); near != "" {
		return malformed("%q is no UCUM unit: %s; did you mean %q?", code, err, near)
	}
	return malformed("%q is no UCUM unit: %s", code, err)
}

func unitPrefixes() []string {
	return strings.Fields("Y Z E P T G M k h da d c m u n p f a z y Ki Mi Gi Ti")
}

// metricAtoms may have a prefix.
func metricAtoms() []string {
	return strings.Fields(`m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb T H lm lx Bq Gy Sv kat
		Cel L l t ar bar u eV pc st cal cal_th [Btu] Np B B[SPL] B[V] B[W] bit By Bd dyn erg G Gb Oe Mx sb St P Ky Lmb ph Ci R RAD REM
		eq osm U [iU] [IU] g% tex mho Torr [degRe] m[H2O] m[Hg] att [gal] [c] [e] [m_e] [m_p] [g] [G] [k] [h] [eps_0] [mu_0] [ly]`)
}

// plainAtoms have none.
func plainAtoms() []string {
	return strings.Fields(`10* 10^ % [ppth] [ppm] [ppb] [pptr] [pi] deg ' '' gon min h d wk mo mo_s mo_j mo_g a a_t a_j a_g AU atm
		[degF] [degR] [in_i] [ft_i] [yd_i] [mi_i] [fth_i] [nmi_i] [kn_i] [sin_i] [sft_i] [syd_i] [cin_i] [cft_i] [acr_us] [mi_us] [ft_us]
		[gal_us] [gal_br] [qt_us] [pt_us] [foz_us] [bu_us] [lb_av] [oz_av] [ston_av] [lton_av] [gr] [car_m] [psi] [lbf_av] [pH] [NTU] [FTU] [CFU] [PFU]
		[arb'U] [USP'U] [hnsf'U] [HP] [Cal] [cal_t] cal_[15] [nmi_br] har [acr_br] [bf_i] [cr_i] [mil_i] [lne] [pnt] [S] [todd'U] [p'diop]
		bit_s [Ch] [hp_X] [drop] [tb_us] [tbs_us] [tsp_us] [cup_us] [diop] [m/s2/Hz^0.5] [APL'U] [CCID_50] [TCID_50] [EID_50] [FFU] [LPF] [HPF]`)
}

type unitParser struct {
	text string
	at   int
}

func (p *unitParser) parse() error {
	if p.text == "" {
		return fmt.Errorf("it is empty")
	}
	for i := range len(p.text) {
		if p.text[i] <= ' ' || p.text[i] > '~' {
			return fmt.Errorf("blanks and characters beyond ASCII have no place in it")
		}
	}
	if err := p.term(0); err != nil {
		return err
	}
	if p.at < len(p.text) {
		return fmt.Errorf("%q is too much", p.text[p.at:])
	}
	return nil
}

func (p *unitParser) next() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *unitParser) term(depth int) error {
	if depth > 8 {
		return fmt.Errorf("parentheses are too deep")
	}
	if p.next() == '/' {
		p.at++
	}
	for {
		if err := p.component(depth); err != nil {
			return err
		}
		if c := p.next(); c != '.' && c != '/' {
			return nil
		}
		p.at++
	}
}

func (p *unitParser) component(depth int) error {
	switch c := p.next(); {
	case c == '(':
		p.at++
		if err := p.term(depth + 1); err != nil {
			return err
		}
		if p.next() != ')' {
			return fmt.Errorf("a parenthesis is not closed")
		}
		p.at++
	case c == '{':
		return p.annotation()
	default:
		if err := p.simple(); err != nil {
			return err
		}
	}
	if p.next() == '{' {
		return p.annotation()
	}
	return nil
}

func (p *unitParser) annotation() error {
	end := strings.IndexByte(p.text[p.at:], '}')
	if end < 0 || strings.IndexByte(p.text[p.at+1:p.at+end], '{') >= 0 {
		return fmt.Errorf("an annotation in { } is not closed")
	}
	p.at += end + 1
	return nil
}

// simple reads a number, or an atom with its prefix and exponent.
func (p *unitParser) simple() error {
	start, depth := p.at, 0
	for ; p.at < len(p.text); p.at++ {
		c := p.text[p.at]
		if c == '[' {
			depth++
		} else if c == ']' {
			depth--
		} else if depth == 0 && strings.IndexByte("./(){}", c) >= 0 {
			break
		}
	}
	word := p.text[start:p.at]
	if word == "" {
		return fmt.Errorf("a unit is missing at position %d", start+1)
	}
	if strings.Trim(word, "0123456789") == "" {
		return nil
	}
	if isAtom(word) {
		return nil
	}
	base := strings.TrimRight(word, "0123456789")
	exponent := word[len(base):]
	if exponent != "" {
		base = strings.TrimSuffix(strings.TrimSuffix(base, "-"), "+")
		if isAtom(base) {
			return nil
		}
	}
	return fmt.Errorf("%q is not known", base)
}

func isAtom(word string) bool {
	if slices.Contains(plainAtoms(), word) || slices.Contains(metricAtoms(), word) {
		return true
	}
	for _, prefix := range unitPrefixes() {
		if rest, ok := strings.CutPrefix(word, prefix); ok && slices.Contains(metricAtoms(), rest) {
			return true
		}
	}
	return false
}

// nearUnit returns the unit that a usual spelling stands for, or "".
func nearUnit(code string) string {
	words := map[string]string{
		"°c": "Cel", "degc": "Cel", "celsius": "Cel", "degreecelsius": "Cel", "degreescelsius": "Cel", "°f": "[degF]", "degf": "[degF]", "fahrenheit": "[degF]",
		"kelvin": "K", "°": "deg", "degree": "deg", "degrees": "deg", "percent": "%", "pct": "%", "‰": "[ppth]", "ppm": "[ppm]", "ppb": "[ppb]", "ppt": "[pptr]",
		"metre": "m", "meter": "m", "metres": "m", "meters": "m", "kilometer": "km", "kilometre": "km", "kilometers": "km", "centimeter": "cm", "centimeters": "cm",
		"millimeter": "mm", "millimeters": "mm", "micron": "um", "microns": "um", "gram": "g", "grams": "g", "kilogram": "kg", "kilograms": "kg", "kgs": "kg",
		"milligram": "mg", "milligrams": "mg", "tonne": "t", "tonnes": "t", "tons": "t", "litre": "L", "liter": "L", "litres": "L", "liters": "L", "ml": "mL",
		"sec": "s", "secs": "s", "second": "s", "seconds": "s", "minute": "min", "minutes": "min", "mins": "min", "hour": "h", "hours": "h", "hr": "h", "hrs": "h",
		"day": "d", "days": "d", "week": "wk", "weeks": "wk", "month": "mo", "months": "mo", "year": "a", "years": "a", "yr": "a", "yrs": "a",
		"count": "{count}", "counts": "{count}", "individuals": "{individuals}", "individual": "{individuals}", "n": "{count}", "psu": "{psu}", "ph": "[pH]", "ntu": "[NTU]",
		"hectare": "har", "hectares": "har", "ha": "har", "acre": "[acr_us]", "acres": "[acr_us]", "inch": "[in_i]", "inches": "[in_i]", "in": "[in_i]", "foot": "[ft_i]",
		"feet": "[ft_i]", "ft": "[ft_i]", "mile": "[mi_i]", "miles": "[mi_i]", "mph": "[mi_i]/h", "kmh": "km/h", "knots": "[kn_i]", "kn": "[kn_i]", "pound": "[lb_av]", "pounds": "[lb_av]", "lb": "[lb_av]", "lbs": "[lb_av]", "oz": "[oz_av]",
		"dbar": "dbar", "mbar": "mbar", "hpa": "hPa", "pascal": "Pa", "joule": "J", "watt": "W", "volt": "V", "ohm": "Ohm", "µs": "us", "micromol": "umol", "molar": "mol/L", "no.": "{count}", "-": "1", "dimensionless": "1", "unitless": "1", "none": "1", "cfu": "[CFU]",
	}
	plain := strings.ToLower(strings.Join(strings.Fields(code), ""))
	if near, ok := words[plain]; ok {
		return near
	}
	fixed := strings.NewReplacer("²", "2", "³", "3", "⁻¹", "-1", "⁻²", "-2", "µ", "u", "μ", "u", "·", ".", "*", ".", "^", "", " per ", "/", " ", ".").Replace(strings.TrimSpace(code))
	var parts []string
	for i, part := range strings.Split(fixed, "/") {
		near := nearPart(part)
		if near == "" && !(part == "" && i == 0) {
			return ""
		}
		parts = append(parts, near)
	}
	near := strings.Join(parts, "/")
	if p := (unitParser{text: near}); near == code || p.parse() != nil {
		return ""
	}
	return near
}

// nearPart mends one side of a quotient: by its name, or by its case.
func nearPart(part string) string {
	if p := (unitParser{text: part}); p.parse() == nil {
		return part
	}
	base := strings.TrimRight(part, "-0123456789")
	if strings.HasPrefix(base, "°") {
		base = strings.ToLower(base)
	}
	for _, word := range append(metricAtoms(), plainAtoms()...) {
		if strings.EqualFold(strings.Trim(word, "[]"), base) {
			return word + part[len(base):]
		}
		for _, prefix := range unitPrefixes() {
			if strings.EqualFold(prefix+word, base) && slices.Contains(metricAtoms(), word) && len(base) > 1 {
				return prefix + word + part[len(base):]
			}
		}
	}
	switch strings.ToLower(base) {
	case "°c", "degc":
		return "Cel"
	case "day", "days":
		return "d"
	case "year", "years", "yr":
		return "a"
	case "hr", "hour", "hours":
		return "h"
	case "sec", "second":
		return "s"
	case "ha":
		return "har"
	}
	return ""
}
