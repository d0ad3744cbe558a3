package diffview

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Visible makes a text printable on one line: what a terminal would obey, and what
// cannot be seen, is written as an escape.
func Visible(text string) string { return visible(text) }

func visible(text string) string {
	if !strings.ContainsFunc(text, hidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if !hidden(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteToGraphic(string(r))
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

func hidden(r rune) bool { return !unicode.IsGraphic(r) || r == utf8.RuneError }

// Cell returns a cell on one line; an empty one, and spaces at its ends, can be seen.
func Cell(text string) string {
	switch {
	case text == "":
		return "(empty)"
	case strings.TrimSpace(text) != text:
		return `"` + visible(text) + `"`
	}
	return visible(text)
}

// columnsOf returns how many columns of a terminal a text takes.
func columnsOf(text string) int {
	n := 0
	for _, r := range text {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// clip shortens a text to n columns.
func clip(text string, n int) string {
	if columnsOf(text) <= n {
		return text
	}
	used := 0
	for i, r := range text {
		if used += runeColumns(r); used > n-1 {
			return text[:i] + "…"
		}
	}
	return text
}

// clipPair shortens two texts to n columns each, so that the place where they
// begin to differ can be seen.
func clipPair(a, b string, n int) (string, string) {
	if columnsOf(a) <= n && columnsOf(b) <= n {
		return a, b
	}
	same := 0
	for i, r := range a {
		if !strings.HasPrefix(b[i:], string(r)) {
			break
		}
		same = i + utf8.RuneLen(r)
	}
	before := 0
	for before < 8 && same > 0 {
		_, size := utf8.DecodeLastRuneInString(a[:same])
		same -= size
		before++
	}
	if columnsOf(a[:same]) > 3 {
		a, b = "…"+a[same:], "…"+b[same:]
	}
	return clip(a, n), clip(b, n)
}

// pad fills a text up to n columns.
func pad(text string, n int) string {
	return text + strings.Repeat(" ", max(0, n-columnsOf(text)))
}

// Line returns a text that a stranger may have written as one line that is safe to
// print.
func Line(text string) string { return visible(text) }
