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

// rank says how much a field's name speaks for its being a part of the key.
type rank int

const (
	rankNone      rank = iota
	rankDimension      // says where, when or for whom a row holds, as year or site
	rankName           // a name or a date
	rankCode           // an id, number or code of something
	rankRow            // an id of the row itself
)

// nameRank returns the rank of a field's name.
func nameRank(name string) rank {
	words := nameWords(name)
	if len(words) == 0 {
		return rankNone
	}
	last := words[len(words)-1]
	if len(words) <= 2 && namesRow(words[0], last, len(words)) {
		return rankRow
	}
	switch last {
	case "id", "key", "code", "number", "no", "nr", "num", "accession", "identifier", "uuid", "guid", "barcode":
		return rankCode
	case "name", "date", "datetime", "timestamp", "time", "label", "title":
		return rankName
	}
	for _, word := range words {
		switch word {
		case "year", "month", "day", "week", "quarter", "season", "hour", "period", "survey", "visit", "round", "wave",
			"site", "station", "plot", "quadrat", "transect", "trap", "block", "treatment", "replicate", "rep", "depth",
			"country", "region", "state", "province", "county", "district", "city", "location", "island", "stake",
			"species", "taxon", "sex", "age", "subject", "participant", "patient", "variable", "parameter", "indicator", "series":
			return rankDimension
		}
	}
	for _, end := range []string{"code", "number", "accession", "barcode", "identifier"} {
		if strings.HasSuffix(last, end) {
			return rankCode
		}
	}
	for _, end := range []string{"name", "date"} {
		if strings.HasSuffix(last, end) {
			return rankName
		}
	}
	return rankNone
}

// namesRow reports whether a name of one or two words is that of a row's own id.
func namesRow(first, last string, words int) bool {
	if words == 1 {
		stem, isID := strings.CutSuffix(first, "id")
		switch first {
		case "id", "key", "uuid", "guid", "identifier", "pk", "rowid":
			return true
		}
		return isID && namesEntity(stem)
	}
	return last == "id" && namesEntity(first)
}

func namesEntity(word string) bool {
	switch word {
	case "record", "row", "sample", "observation", "obs", "occurrence", "specimen", "event", "entry", "measurement", "unique", "global", "object", "gbif", "catalog":
		return true
	}
	return false
}
