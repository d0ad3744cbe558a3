package describe

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"golang.org/x/text/language"
)

// Errors that callers can test for with [errors.Is].
var (
	// ErrUnknown says that a word is not one of those that a list has.
	ErrUnknown = errors.New("describe: unknown")
	// ErrMalformed says that an identifier, a date or a unit is not written as it
	// must be, or that its check digits are wrong.
	ErrMalformed = errors.New("describe: malformed")
)

// mistake is an error that says to a person what is wrong, and only that.
type mistake struct {
	text  string
	class error
}

func (m *mistake) Error() string { return m.text }
func (m *mistake) Unwrap() error { return m.class }

func malformed(format string, args ...any) error {
	return &mistake{fmt.Sprintf(format, args...), ErrMalformed}
}

func unknown(format string, args ...any) error {
	return &mistake{fmt.Sprintf(format, args...), ErrUnknown}
}

// ORCID returns the 16 digits of a person's identifier, bare or as a URL. It fails
// with [ErrMalformed] if there are others, or the check digit is wrong.
func ORCID(text string) (string, error) {
	if id, ok := datapackage.ORCID(text); ok {
		return id, nil
	}
	return "", malformed("%q is no ORCID iD: expected 16 digits as 0000-0002-1825-0097, the last of which checks the others", text)
}

// ROR returns an organisation's identifier as a URL, given bare or as one. It fails
// with [ErrMalformed] if it is none, or its check digits are wrong.
func ROR(text string) (string, error) {
	id := strings.ToLower(strings.Trim(text, "/ "))
	id = id[strings.LastIndexByte(id, '/')+1:]
	const alphabet = "0123456789abcdefghjkmnpqrstvwxyz" // of Crockford's base 32
	ok := len(id) == 9 && id[0] == '0'
	number, check := 0, 0
	for i := 1; ok && i < 9; i++ {
		v := strings.IndexByte(alphabet, id[i])
		switch {
		case v < 0 || i > 6 && v > 9:
			ok = false
		case i <= 6:
			number = number*32 + v
		default:
			check = check*10 + v
		}
	}
	if !ok || 98-number*100%97 != check {
		return "", malformed("%q is no ROR identifier: expected one as https://ror.org/02mhbdp94, the last two digits of which check the others", text)
	}
	return "https://ror.org/" + id, nil
}

// Homepage checks the URL of a page. It fails with [ErrMalformed].
func Homepage(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.String() != text {
		return malformed("%q is no URL of a page: expected one as https://example.org/birds", text)
	}
	return nil
}

// Language returns a language's tag (BCP 47) as it is best written, as "pt-BR" for
// "PT-br". It fails with [ErrMalformed] or [ErrUnknown].
func Language(tag string) (string, error) {
	t, err := language.Parse(tag)
	var value language.ValueError
	switch {
	case errors.As(err, &value):
		return "", unknown("there is no language %q; expected a tag as en, de or pt-BR", tag)
	case err != nil || tag == "":
		return "", malformed("%q is no language's tag; expected one as en, de or pt-BR", tag)
	}
	return t.String(), nil
}
