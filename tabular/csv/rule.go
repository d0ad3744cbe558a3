package csv

import "bytes"

// Rule says which cells of a column stand in quotes although their text does not
// need them: a set of classes of texts (FORMAT.md §3). The zero Rule is [Minimal].
type Rule uint8

// The classes of a Rule. Every text is of exactly one class.
const (
	QuoteEmpty   Rule = 1 << iota // no text
	QuoteMissing                  // a usual word for a missing value: NA, NaN, N/A, NULL, null or \N
	QuoteNumber                   // a decimal number, perhaps with an exponent
	QuoteText                     // any other text

	Minimal Rule = 0  // no quotes but where they are needed
	Always  Rule = 15 // quotes around every cell
)

// classOf returns the class of a text, a Rule with a single bit.
func classOf(text []byte) Rule {
	switch {
	case len(text) == 0:
		return QuoteEmpty
	case isMissing(text):
		return QuoteMissing
	case isNumber(text):
		return QuoteNumber
	}
	return QuoteText
}

func isMissing(text []byte) bool {
	switch string(text) {
	case "NA", "NaN", "N/A", "NULL", "null", `\N`:
		return true
	}
	return false
}

// isNumber reports whether text matches [+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?
func isNumber(text []byte) bool {
	i := skipSign(text, 0)
	whole := skipDigits(text, i)
	digits := whole - i
	i = whole
	if i < len(text) && text[i] == '.' {
		end := skipDigits(text, i+1)
		digits += end - (i + 1)
		i = end
	}
	if digits == 0 {
		return false
	}
	if i < len(text) && (text[i] == 'e' || text[i] == 'E') {
		start := skipSign(text, i+1)
		if i = skipDigits(text, start); i == start {
			return false
		}
	}
	return i == len(text)
}

func skipSign(text []byte, i int) int {
	if i < len(text) && (text[i] == '+' || text[i] == '-') {
		i++
	}
	return i
}

func skipDigits(text []byte, i int) int {
	for i < len(text) && text[i] >= '0' && text[i] <= '9' {
		i++
	}
	return i
}

// asks reports whether the rule puts a text in quotes that does not need them.
func (r Rule) asks(text []byte) bool {
	return r == Always || r != Minimal && r&classOf(text) != 0
}

// dialect is what decides where cells and rows end and which texts need quotes.
type dialect struct {
	delim   byte
	quote   byte // '"', or 0 if quotes mean nothing
	comment byte // a line that begins with it is no row; or 0
	bare    bool // quotes inside a bare cell need no quoting
	end     LineEnd
}

func (l *Layout) dialect() dialect {
	return dialect{delim: l.Delimiter, quote: l.Quote, comment: l.Comment, bare: l.BareQuotes, end: l.LineEnd}
}

// needs reports whether a text can only stand in quotes: as the first cell of
// its row, and as the only one.
func (d *dialect) needs(text []byte, first, only bool) bool {
	if len(text) == 0 {
		return only
	}
	if first && d.comment != 0 && text[0] == d.comment {
		return true
	}
	if d.quote != 0 && (text[0] == d.quote || !d.bare && bytes.IndexByte(text, d.quote) >= 0) {
		return true
	}
	return bytes.IndexByte(text, d.delim) >= 0 || bytes.IndexByte(text, '\n') >= 0 || bytes.IndexByte(text, '\r') >= 0
}

// appendQuoted appends a text in quotes, those inside doubled. A dialect without
// quotes uses them all the same for what cannot be written otherwise.
func appendQuoted(dst, text []byte) []byte {
	dst = append(dst, '"')
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			break
		}
		dst = append(dst, text[:i+1]...)
		dst = append(dst, '"')
		text = text[i+1:]
	}
	dst = append(dst, text...)
	return append(dst, '"')
}
