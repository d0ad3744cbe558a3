package validate

import (
	"bytes"
	"encoding/json"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/constl/constl/internal/expr"
)

// state says what became of one cell.
type state uint8

const (
	stateValue   state = iota // it has a value of its field's type
	stateMissing              // it holds one of the texts that stand for a missing value
	stateWrong                // it is not of its field's type
	stateHuge                 // it is a whole number of more than 64 bits
)

// parser reads a cell's text, which is not missing. Whole numbers, truth values
// (0 and 1) and moments (microseconds) are in the int64, and so are the bits of
// numbers (see [math.Float64bits]); texts have none.
type parser func(text []byte) (int64, state)

// cellType is what a field's type and format ask of its cells.
type cellType struct {
	kind     expr.Kind
	expected string // "a whole number"
	parse    parser // nil takes everything
	ordered  bool   // has minimum and maximum
	// length counts what minLength and maxLength are about; nil if they are not
	// allowed.
	length func(text []byte) int
}

// typeOf returns what a declared field asks of its cells. why says what of the
// declaration could not be followed, "" if nothing.
func typeOf(f *field) (t cellType, why string) {
	format := f.format()
	switch f.Type {
	case "", "any":
		return cellType{kind: expr.Text, expected: "anything", length: utf8.RuneCount}, ""
	case "string":
		return stringType(format)
	case "integer":
		return integerType(f), ""
	case "number":
		return numberType(f), ""
	case "boolean":
		return booleanType(f), ""
	case "date", "datetime", "time":
		return timeType(f.Type, format)
	case "year":
		return cellType{kind: expr.Integer, expected: "a year, as 2026", parse: parseYear, ordered: true}, ""
	case "yearmonth":
		return cellType{kind: expr.Integer, expected: "a year and month, as 2026-05", parse: parseYearMonth, ordered: true}, ""
	case "duration":
		return cellType{kind: expr.Text, expected: "a duration, as P1DT2H", parse: matches(duration)}, ""
	case "geopoint":
		return geopointType(format)
	case "list":
		return listType(f)
	case "object", "geojson":
		return cellType{kind: expr.Text, expected: "a JSON object", parse: jsonParser('{'), length: jsonLength}, ""
	case "array":
		return cellType{kind: expr.Text, expected: "a JSON array", parse: jsonParser('['), length: jsonLength}, ""
	}
	return cellType{kind: expr.Text, expected: "anything", length: utf8.RuneCount}, "there is no type " + strconv.Quote(f.Type) + " in Table Schema; its cells are not checked"
}

var (
	duration = regexp.MustCompile(`^-?P(?:\d+Y)?(?:\d+M)?(?:\d+W)?(?:\d+D)?(?:T(?:\d+H)?(?:\d+M)?(?:\d+(?:\.\d+)?S)?)?$`)
	email    = regexp.MustCompile(`^[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)*$`)
	uuid     = regexp.MustCompile(`^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)
	base64   = regexp.MustCompile(`^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$`)
)

func matches(re *regexp.Regexp) parser {
	return func(text []byte) (int64, state) {
		if !re.Match(text) || len(text) > 1 && text[len(text)-1] == 'T' || string(text) == "P" {
			return 0, stateWrong
		}
		return 0, stateValue
	}
}

func stringType(format string) (t cellType, why string) {
	t = cellType{kind: expr.Text, expected: "a text", length: utf8.RuneCount}
	like := func(re *regexp.Regexp) parser {
		return func(text []byte) (int64, state) {
			if !re.Match(text) {
				return 0, stateWrong
			}
			return 0, stateValue
		}
	}
	switch format {
	case "default":
	case "email":
		t.expected, t.parse = "an e-mail address", like(email)
	case "uuid":
		t.expected, t.parse = "a UUID", like(uuid)
	case "binary":
		t.expected, t.parse = "base64", like(base64)
	case "uri":
		t.expected, t.parse = "a URI, as https://example.org", func(text []byte) (int64, state) {
			if u, err := url.Parse(string(text)); err != nil || u.Scheme == "" {
				return 0, stateWrong
			}
			return 0, stateValue
		}
	default:
		why = "there is no format " + strconv.Quote(format) + " for texts; it is not checked"
	}
	return t, why
}

func integerType(f *field) cellType {
	t := cellType{kind: expr.Integer, expected: "a whole number", parse: parseInteger, ordered: true}
	if clean := numberCleaner(f); clean != nil {
		t.parse = func(text []byte) (int64, state) { return parseInteger(clean(text)) }
	}
	return t
}

func parseInteger(text []byte) (int64, state) {
	digits := text
	if len(text) > 1 && (text[0] == '-' || text[0] == '+') {
		digits = text[1:]
	}
	if len(digits) == 0 {
		return 0, stateWrong
	}
	v := int64(0)
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, stateWrong
		}
		v = v*10 + int64(c) // wraps where it is read again below
	}
	if len(digits) > 18 {
		v, err := strconv.ParseInt(string(text), 10, 64)
		if err != nil {
			return 0, stateHuge
		}
		return v, stateValue
	}
	if text[0] == '-' {
		v = -v
	}
	return v, stateValue
}

func numberType(f *field) cellType {
	t := cellType{kind: expr.Number, expected: "a number", parse: parseNumber, ordered: true}
	if clean := numberCleaner(f); clean != nil {
		t.parse = func(text []byte) (int64, state) { return parseNumber(clean(text)) }
		if f.DecimalChar != "" {
			t.expected = "a number with " + strconv.Quote(f.DecimalChar) + " before its decimals"
		}
	}
	return t
}

// numberCleaner returns what brings a number to the usual form, or nil if it is
// written so already.
func numberCleaner(f *field) func([]byte) []byte {
	bare := f.BareNumber == nil || *f.BareNumber
	if bare && f.GroupChar == "" && (f.DecimalChar == "" || f.DecimalChar == ".") {
		return nil
	}
	return func(text []byte) []byte {
		s := string(text)
		if !bare {
			s = strings.TrimFunc(s, func(r rune) bool { return (r < '0' || r > '9') && !strings.ContainsRune("+-.,", r) })
		}
		if f.GroupChar != "" {
			s = strings.ReplaceAll(s, f.GroupChar, "")
		}
		if f.DecimalChar != "" && f.DecimalChar != "." {
			if strings.Contains(s, ".") {
				return []byte("x") // a point is not how this field writes decimals
			}
			s = strings.Replace(s, f.DecimalChar, ".", 1)
		}
		return []byte(s)
	}
}

// powers are the powers of ten that a float64 holds exactly.
var powers = [...]float64{1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// parseNumber reads a number. Short decimal fractions, nearly all there are, are
// the quotient of two numbers that are exact, so that it is correctly rounded.
func parseNumber(text []byte) (int64, state) {
	i, negative := 0, false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative, i = text[0] == '-', 1
	}
	m, digits, point := int64(0), 0, -1
	for ; i < len(text); i++ {
		c := text[i]
		if c == '.' && point < 0 {
			point = digits
			continue
		}
		if c -= '0'; c > 9 {
			break
		}
		m = m*10 + int64(c)
		digits++
		if digits > 15 {
			break
		}
	}
	if i < len(text) || digits == 0 {
		return parseOddNumber(text)
	}
	v := float64(m)
	if point >= 0 {
		v /= powers[digits-point]
	}
	if negative {
		v = -v
	}
	return int64(math.Float64bits(v)), stateValue
}

func parseOddNumber(text []byte) (int64, state) {
	s := string(text)
	switch s {
	case "NaN", "INF", "-INF":
	default:
		if len(s) == 0 || strings.Trim(s, "0123456789+-.eE") != "" || !strings.ContainsAny(s, "0123456789") {
			return 0, stateWrong
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil && !math.IsInf(v, 0) {
		return 0, stateWrong
	}
	return int64(math.Float64bits(v)), stateValue
}

func booleanType(f *field) cellType {
	yes, no := f.TrueValues, f.FalseValues
	if yes == nil {
		yes = []string{"true", "True", "TRUE", "1"}
	}
	if no == nil {
		no = []string{"false", "False", "FALSE", "0"}
	}
	return cellType{
		kind: expr.Boolean, expected: "one of " + quoted(slices.Concat(yes, no), 8),
		parse: func(text []byte) (int64, state) {
			for _, t := range yes {
				if string(text) == t {
					return 1, stateValue
				}
			}
			for _, t := range no {
				if string(text) == t {
					return 0, stateValue
				}
			}
			return 0, stateWrong
		},
	}
}

func parseYear(text []byte) (int64, state) {
	v, st := parseInteger(text)
	if digits := bytes.TrimLeft(text, "-"); len(digits) < 4 || text[0] == '+' {
		st = stateWrong
	}
	return v, st
}

func parseYearMonth(text []byte) (int64, state) {
	if len(text) != 7 || text[4] != '-' {
		return 0, stateWrong
	}
	year, a := parseInteger(text[:4])
	month, b := parseInteger(text[5:])
	if a != stateValue || b != stateValue || month < 1 || month > 12 || text[0] < '0' || text[5] < '0' {
		return 0, stateWrong
	}
	return year*12 + month - 1, stateValue
}

func geopointType(format string) (t cellType, why string) {
	t = cellType{kind: expr.Text, expected: `a point as "longitude, latitude"`}
	var pair func(text []byte) (lon, lat json.Number, ok bool)
	switch format {
	case "default":
		pair = func(text []byte) (lon, lat json.Number, ok bool) {
			a, b, ok := strings.Cut(string(text), ",")
			return json.Number(strings.TrimSpace(a)), json.Number(strings.TrimSpace(b)), ok
		}
	case "array":
		t.expected = "a point as [longitude, latitude]"
		pair = func(text []byte) (lon, lat json.Number, ok bool) {
			var list []json.Number
			ok = json.Unmarshal(text, &list) == nil && len(list) == 2
			if ok {
				lon, lat = list[0], list[1]
			}
			return lon, lat, ok
		}
	case "object":
		t.expected = `a point as {"lon": longitude, "lat": latitude}`
		pair = func(text []byte) (lon, lat json.Number, ok bool) {
			var at struct{ Lon, Lat *json.Number }
			ok = json.Unmarshal(text, &at) == nil && at.Lon != nil && at.Lat != nil
			if ok {
				lon, lat = *at.Lon, *at.Lat
			}
			return lon, lat, ok
		}
	default:
		return t, "there is no format " + strconv.Quote(format) + " for points; they are not checked"
	}
	t.parse = func(text []byte) (int64, state) {
		lon, lat, ok := pair(text)
		x, errX := lon.Float64()
		y, errY := lat.Float64()
		if !ok || errX != nil || errY != nil || !(math.Abs(x) <= 180) || !(math.Abs(y) <= 90) {
			return 0, stateWrong
		}
		return 0, stateValue
	}
	return t, ""
}

func listType(f *field) (t cellType, why string) {
	delimiter := f.Delimiter
	if delimiter == "" {
		delimiter = ","
	}
	t = cellType{
		kind: expr.Text, expected: "a list with " + strconv.Quote(delimiter) + " between its items",
		length: func(text []byte) int { return bytes.Count(text, []byte(delimiter)) + 1 },
	}
	if f.ItemType == "" {
		return t, ""
	}
	item, why := typeOf(&field{Type: f.ItemType})
	if item.parse != nil {
		t.expected += ", each " + item.expected
		t.parse = func(text []byte) (int64, state) {
			for part := range bytes.SplitSeq(text, []byte(delimiter)) {
				if _, st := item.parse(bytes.TrimSpace(part)); st == stateWrong {
					return 0, stateWrong
				}
			}
			return 0, stateValue
		}
	}
	return t, why
}

func jsonParser(first byte) parser {
	return func(text []byte) (int64, state) {
		trimmed := bytes.TrimSpace(text)
		if len(trimmed) == 0 || trimmed[0] != first || !json.Valid(text) {
			return 0, stateWrong
		}
		return 0, stateValue
	}
}

// jsonLength counts the elements of an array or the members of an object.
func jsonLength(text []byte) int {
	var list []json.RawMessage
	if json.Unmarshal(text, &list) == nil {
		return len(list)
	}
	var object map[string]json.RawMessage
	_ = json.Unmarshal(text, &object) // what is neither has no members
	return len(object)
}

// micros returns a moment in microseconds since 1970.
func micros(t time.Time) int64 { return t.UnixMicro() }
