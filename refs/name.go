package refs

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxName is the greatest length of a [Name] or [Pattern], in bytes.
const MaxName = 255

// The first parts of the names that constl itself gives.
const (
	HeadsPrefix = "heads/" // branches: their targets are commits
	TagsPrefix  = "tags/"  // tags: their targets are tags or commits
)

// Name is the full name of a ref, as "heads/main" or "tags/v1.0". Upper and lower
// case differ. Use [ParseName] to make one from what a person wrote.
type Name string

// ParseName checks a name. It fails with an error that wraps [ErrInvalidName]
// and says what to change. Every valid name is a valid ref name for Git, too.
func ParseName(s string) (Name, error) {
	if err := checkName(s); err != nil {
		return "", fmt.Errorf("%w %q: %w", ErrInvalidName, s, err)
	}
	return Name(s), nil
}

// Head returns the name of the branch. It fails as [ParseName] does.
func Head(branch string) (Name, error) { return ParseName(HeadsPrefix + branch) }

// Tag returns the name of the tag. It fails as [ParseName] does.
func Tag(tag string) (Name, error) { return ParseName(TagsPrefix + tag) }

// Check fails as [ParseName] does.
func (n Name) Check() error {
	_, err := ParseName(string(n))
	return err
}

// Short returns the name without its first part: "main" for "heads/main".
func (n Name) Short() string {
	_, rest, ok := strings.Cut(string(n), "/")
	if !ok {
		return string(n)
	}
	return rest
}

func checkName(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("it is empty")
	case len(s) > MaxName:
		return fmt.Errorf("it has %d bytes, at most %d are allowed", len(s), MaxName)
	case !utf8.ValidString(s):
		return fmt.Errorf("it is not UTF-8")
	case !norm.NFC.IsNormalString(s):
		return fmt.Errorf("it is not in Unicode form NFC; type it anew")
	case !strings.Contains(s, "/"):
		return fmt.Errorf("say what it is a name of, as in %q or %q", HeadsPrefix+s, TagsPrefix+s)
	case strings.Contains(s, ".."):
		return fmt.Errorf("take out the two dots in a row")
	case strings.Contains(s, "@{"):
		return fmt.Errorf("take out %q", "@{")
	}
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			return fmt.Errorf("put a hyphen in place of the space")
		case hidden(r):
			return fmt.Errorf("take out the character %U, which cannot be seen", r)
		case strings.ContainsRune(`\~^:?*[`, r):
			return fmt.Errorf("take out the %q", r)
		}
	}
	for part := range strings.SplitSeq(s, "/") {
		if err := checkNamePart(part); err != nil {
			return err
		}
	}
	return nil
}

func checkNamePart(part string) error {
	switch {
	case part == "":
		return fmt.Errorf("nothing stands before or after one of its slashes")
	case part[0] == '.' || part[0] == '-':
		return fmt.Errorf("%q begins with %q", part, part[0])
	case part[len(part)-1] == '.':
		return fmt.Errorf("%q ends with a dot", part)
	case strings.HasSuffix(part, ".lock"):
		return fmt.Errorf("%q ends with .lock", part)
	}
	return nil
}

// Pattern says which names a [Rule] is for: one name, or all names that begin
// with what stands before a final "*", as "heads/*", "heads/survey/*" or "*".
// The star stands alone after a slash, or alone.
type Pattern string

// Check fails with an error that wraps [ErrInvalidName].
func (p Pattern) Check() error {
	if p == "*" {
		return nil
	}
	s := string(p)
	if before, ok := strings.CutSuffix(s, "/*"); ok && len(s) <= MaxName {
		// A prefix may have one part only, which a name may not.
		s = before + "/x"
	}
	if err := checkName(s); err != nil {
		return fmt.Errorf("%w: pattern %q: %w", ErrInvalidName, string(p), err)
	}
	return nil
}

// Match reports whether the pattern is for the name.
func (p Pattern) Match(n Name) bool {
	if before, ok := strings.CutSuffix(string(p), "*"); ok {
		return strings.HasPrefix(string(n), before)
	}
	return string(p) == string(n)
}

// closer reports whether p says more than q about a name that both match.
func (p Pattern) closer(q Pattern) bool {
	if exact := !strings.HasSuffix(string(p), "*"); exact != !strings.HasSuffix(string(q), "*") {
		return exact
	}
	return len(p) > len(q)
}
