package tabular

import (
	"strings"
	"unicode"
)

// nameWords splits a field's name into lower-case words, at everything that is
// no letter or digit and where lower case turns into upper case.
func nameWords(name string) []string {
	var b strings.Builder
	var last rune
	for _, r := range name {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			b.WriteByte(' ')
		case unicode.IsUpper(r) && unicode.IsLower(last):
			b.WriteByte(' ')
			b.WriteRune(unicode.ToLower(r))
		default:
			b.WriteRune(unicode.ToLower(r))
		}
		last = r
	}
	return strings.Fields(b.String())
}

// namesYear reports whether a column of four-digit numbers with this name holds years.
func namesYear(name string) bool {
	for _, word := range nameWords(name) {
		switch word {
		case "year", "yr", "annee", "année", "jahr", "ano", "año", "anno":
			return true
		}
	}
	return false
}
