package tabular

import "bytes"

// Class is the set of types that the cells of a column could all have, missing
// cells left out. The class of two runs of cells together is the intersection
// of theirs.
type Class uint8

// The members of a [Class]. Every class holds ClassString.
const (
	ClassString   Class = 1 << iota
	ClassInteger        // whole numbers without leading zeros
	ClassNumber         // numbers with a decimal point or exponent, and integers
	ClassBoolean        // true and false, in lower case, in capitals or capitalised
	ClassDate           // YYYY-MM-DD
	ClassDatetime       // a date, 'T' or a space, and a time of day
	ClassTime           // hh:mm:ss
	ClassYear           // four digits, from 1000 to 2999
)

// anyClass is the class of no cells at all.
const anyClass Class = 1<<8 - 1

// Type returns the narrowest type that all cells have: [TypeAny] if there was
// none, otherwise [TypeString] if they share no other. A year counts as integer:
// only a column's name tells them apart, see [CellStats.Type].
func (c Class) Type() Type {
	switch {
	case c == anyClass:
		return TypeAny
	case c&ClassInteger != 0:
		return TypeInteger
	case c&ClassNumber != 0:
		return TypeNumber
	case c&ClassBoolean != 0:
		return TypeBoolean
	case c&ClassDate != 0:
		return TypeDate
	case c&ClassDatetime != 0:
		return TypeDatetime
	case c&ClassTime != 0:
		return TypeTime
	}
	return TypeString
}

// CellStats is what the cells of a column look like.
type CellStats struct {
	Class  Class
	Cells  int64 // all of them
	Empty  int64 // cells without text
	Tokens int64 // cells that hold a usual word for a missing value, such as NA
	MaxLen int   // bytes of the longest
}

// NoCells returns the stats of a column without cells, the start of a [CellStats.Join].
func NoCells() CellStats { return CellStats{Class: anyClass} }

// Join returns the stats of both runs of cells together.
func (s CellStats) Join(o CellStats) CellStats {
	return CellStats{
		Class:  s.Class & o.Class,
		Cells:  s.Cells + o.Cells,
		Empty:  s.Empty + o.Empty,
		Tokens: s.Tokens + o.Tokens,
		MaxLen: max(s.MaxLen, o.MaxLen),
	}
}

// Missing returns the number of cells that hold no value.
func (s CellStats) Missing() int64 { return s.Empty + s.Tokens }

// Type returns the type to infer for a column of the given name.
func (s CellStats) Type(name string) Type {
	if s.Class != anyClass && s.Class&ClassYear != 0 && namesYear(name) {
		return TypeYear
	}
	return s.Class.Type()
}

// IsMissing reports whether a cell holds no value: it is empty, or one of the
// usual words for that, which are NA, N/A, NaN, null and NULL, "-" and ".".
func IsMissing(text []byte) bool { return isMissing(text) }

func isMissing(text []byte) bool {
	switch len(text) {
	case 0:
		return true
	case 1:
		return text[0] == '-' || text[0] == '.'
	case 2:
		return string(text) == "NA"
	case 3:
		return text[0] == 'N' && (string(text) == "N/A" || string(text) == "NaN")
	case 4:
		return string(text) == "null" || string(text) == "NULL"
	}
	return false
}

// addText counts n cells of the same text.
func (s *CellStats) addText(text []byte, n int) {
	switch {
	case len(text) == 0:
		s.Empty += int64(n)
	case isMissing(text):
		s.Tokens += int64(n)
	case s.Class != ClassString:
		s.Class &= classOf(text)
	}
}

// addTexts counts cells.
func (s *CellStats) addTexts(c Cells) {
	start := uint32(0)
	for _, end := range c.Ends {
		if end-start <= 4 || s.Class != ClassString {
			s.addText(c.Data[start:end], 1)
		}
		start = end
	}
}

// addDictionary counts cells of which a dictionary was built.
func (s *CellStats) addDictionary(c Cells, first []uint32, codes []uint16) {
	for code, at := range first {
		text := c.At(int(at))
		n := 1
		if isMissing(text) {
			n = 0
			for _, other := range codes {
				if int(other) == code {
					n++
				}
			}
		}
		s.addText(text, n)
	}
}

// addForm counts cells of which some fit a form and the others do not.
func (s *CellStats) addForm(f form, vals []int64, misfits Cells) {
	s.addTexts(misfits)
	switch f := f.(type) {
	case numberForm:
		s.Class &= classOfNumbers(f, vals)
	case timeForm:
		s.Class &= f.class()
	case labelForm:
		if len(bytes.Trim(f.prefix, "+-.eE0123456789")) > 0 || f.digits > 0 && len(f.prefix) == 0 {
			s.Class &= ClassString
			return
		}
		// Such as "+1" or ".5": numbers, spelled in an unusual way.
		text := make([]byte, f.room())
		var end [1]uint32
		for i := range vals {
			f.format(text, 0, end[:], vals[i:i+1])
			s.addText(text[:end[0]], 1)
		}
	}
}

func classOfNumbers(f numberForm, vals []int64) Class {
	if f.max == 0 {
		for _, v := range vals {
			if v < 1000 || v > 2999 {
				return ClassString | ClassNumber | ClassInteger
			}
		}
		return ClassString | ClassNumber | ClassInteger | ClassYear
	}
	if f.min > 0 {
		return ClassString | ClassNumber
	}
	for _, v := range vals {
		if v%tenTo[f.max] != 0 {
			return ClassString | ClassNumber
		}
	}
	return ClassString | ClassNumber | ClassInteger
}

func (f timeForm) class() Class {
	switch {
	case f.order == dateNone && f.exact >= timeSeconds && len(f.zone) == 0:
		return ClassString | ClassTime
	case f.order == dateYMD && f.sep == '-' && f.exact == timeNone:
		return ClassString | ClassDate
	case f.order == dateYMD && f.sep == '-':
		return ClassString | ClassDatetime
	}
	return ClassString
}

// classOf returns the class of one cell that is not missing.
func classOf(text []byte) Class {
	switch c := text[0]; {
	case isDigit(c) || c == '-' || c == '+' || c == '.' || c == 'I':
		return classOfNumber(text)
	case c == 't' || c == 'T' || c == 'f' || c == 'F':
		switch string(text) {
		case "true", "false", "TRUE", "FALSE", "True", "False":
			return ClassString | ClassBoolean
		}
	}
	return ClassString
}

// classOfNumber returns the class of a cell that begins as numbers and dates do.
func classOfNumber(text []byte) Class {
	if v, scale, ok := parseNumber(text, 0, len(text)); ok {
		return classOfNumbers(numberForm{scale, scale}, []int64{v})
	}
	if f, ok := guessTimeForm(text); ok {
		p := timeParser{timeForm: f}
		if _, ok := p.parse(text, 0, len(text)); ok {
			return f.class()
		}
		return ClassString
	}
	return classOfLiteral(text)
}

// classOfLiteral returns the class of a number in any spelling: a sign, digits
// with a point or without, an exponent. Whole numbers with leading zeros are
// names of things more often than numbers, and so no numbers.
func classOfLiteral(text []byte) Class {
	rest := text
	if rest[0] == '-' || rest[0] == '+' {
		rest = rest[1:]
	}
	if string(rest) == "INF" {
		return ClassString | ClassNumber
	}
	whole := leadingDigits(rest)
	digits, integer := whole, true
	if whole > 1 && rest[0] == '0' {
		return ClassString
	}
	rest = rest[whole:]
	if len(rest) > 0 && rest[0] == '.' {
		n := leadingDigits(rest[1:])
		digits, integer, rest = digits+n, false, rest[1+n:]
	}
	if digits == 0 {
		return ClassString
	}
	if len(rest) > 1 && (rest[0] == 'e' || rest[0] == 'E') {
		integer, rest = false, rest[1:]
		if len(rest) > 1 && (rest[0] == '-' || rest[0] == '+') {
			rest = rest[1:]
		}
		n := leadingDigits(rest)
		if n == 0 {
			return ClassString
		}
		rest = rest[n:]
	}
	switch {
	case len(rest) > 0:
		return ClassString
	case integer:
		return ClassString | ClassNumber | ClassInteger
	}
	return ClassString | ClassNumber
}

func leadingDigits(text []byte) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	return n
}
