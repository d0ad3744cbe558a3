package refs

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// checkText refuses texts that two programs could show or compare differently
// (FORMAT.md §2.1). The two joiners stay, since several scripts need them.
func checkText(s string, least, most int) error {
	switch {
	case len(s) < least:
		return fmt.Errorf("is empty")
	case len(s) > most:
		return fmt.Errorf("has %d bytes, at most %d are allowed", len(s), most)
	case !utf8.ValidString(s):
		return fmt.Errorf("is not UTF-8")
	case !norm.NFC.IsNormalString(s):
		return fmt.Errorf("is not in Unicode form NFC")
	case s != "" && (s[0] == ' ' || s[len(s)-1] == ' '):
		return fmt.Errorf("begins or ends with a space")
	}
	for _, r := range s {
		if hidden(r) || unicode.Is(unicode.Zs, r) && r != ' ' {
			return fmt.Errorf("has the character %U in it, which cannot be seen", r)
		}
	}
	return nil
}

func hidden(r rune) bool {
	return r != '\u200c' && r != '\u200d' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
