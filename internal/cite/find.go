package cite

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/constl/constl/object"
)

// Errors of [Find].
var (
	// ErrNone says that a text names no exact version.
	ErrNone = errors.New("cite: no exact version found")
	// ErrSeveral says that a text names exact versions that differ.
	ErrSeveral = errors.New("cite: several different versions found")
)

// Find returns the exact version that a text names: a citation in any of the
// forms of this package, the identifier alone, or a page that holds it. White
// space and soft hyphens within the identifier, as they come with copying from
// a printed page, do no harm. It fails with [ErrNone], or with [ErrSeveral] if the
// text names two that differ.
func Find(text string) (dataset, commit object.ID, err error) {
	found, live := false, false
	for i := 0; ; {
		j := strings.Index(text[i:], Scheme)
		if j < 0 {
			break
		}
		start := i + j
		i = start + len(Scheme)
		if start > 0 && isWord(text[start-1]) {
			continue
		}
		d, rest, ok := cutID(text[i:])
		if !ok {
			continue
		}
		at := skipBreaks(rest)
		if !strings.HasPrefix(at, "@") {
			live = true
			continue
		}
		c, rest, ok := cutID(at[1:])
		if !ok || rest != "" && isWord(rest[0]) {
			continue
		}
		if found && (d != dataset || c != commit) {
			return object.ID{}, object.ID{}, fmt.Errorf("%w: %s and %s", ErrSeveral, Exact(dataset, commit), Exact(d, c))
		}
		dataset, commit, found = d, c, true
	}
	switch {
	case found:
		return dataset, commit, nil
	case live:
		return object.ID{}, object.ID{}, fmt.Errorf("%w: the text names a dataset, but none of its versions (expected %sDATASET@COMMIT)", ErrNone, Scheme)
	}
	return object.ID{}, object.ID{}, fmt.Errorf("%w: expected %sDATASET@COMMIT", ErrNone, Scheme)
}

// queryMark stands before the id of a stored query, behind the version.
const queryMark = "?query="

// queryDigits is how many digits such an id has.
const queryDigits = 32

// FindQuery returns the id of the stored query that a text names, if it cites a
// subset; "" if it names none. It fails with [ErrSeveral] if it names two.
func FindQuery(text string) (id string, err error) {
	for {
		_, rest, ok := strings.Cut(text, queryMark)
		if !ok {
			return id, nil
		}
		text = rest
		var digits []byte
		for len(digits) < queryDigits {
			if rest = skipBreaks(rest); rest == "" || !strings.Contains("0123456789abcdef", rest[:1]) {
				break
			}
			digits, rest = append(digits, rest[0]), rest[1:]
		}
		if len(digits) < queryDigits || rest != "" && isWord(rest[0]) {
			continue
		}
		if id != "" && id != string(digits) {
			return "", fmt.Errorf("%w: the queries %s and %s", ErrSeveral, id, digits)
		}
		id = string(digits)
	}
}

func isWord(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// cutID reads the digits of an id from the start of a text.
func cutID(text string) (id object.ID, rest string, ok bool) {
	var digits [2 * object.IDSize]byte
	for i := range digits {
		text = skipBreaks(text)
		if text == "" {
			return id, "", false
		}
		digits[i], text = text[0], text[1:]
	}
	id, err := object.ParseID(string(digits[:]))
	return id, text, err == nil
}

// skipBreaks drops what copying puts into a long word: white space, soft
// hyphens, spaces of no width.
func skipBreaks(text string) string {
	for text != "" {
		r, n := utf8.DecodeRuneInString(text)
		switch r {
		case ' ', '\t', '\r', '\n', '\u00a0', '\u00ad', '\u200b', '\u2060':
			text = text[n:]
		default:
			return text
		}
	}
	return text
}
