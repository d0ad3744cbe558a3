package validate

import (
	"fmt"
	"regexp"
	"strings"
)

// compilePattern compiles a pattern of Table Schema: a regular expression of XML
// Schema, which always means the whole text. "^" in front and "$" at the end are
// taken as most people mean them.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	inner := strings.TrimPrefix(pattern, "^")
	if trimmed, ok := strings.CutSuffix(inner, "$"); ok && !strings.HasSuffix(trimmed, `\`) {
		inner = trimmed
	}
	var b strings.Builder
	inClass := false
	for i := 0; i < len(inner); i++ {
		c := inner[i]
		switch {
		case c == '\\' && i+1 < len(inner):
			i++
			part, err := escape(inner[i], inClass)
			if err != nil {
				return nil, err
			}
			b.WriteString(part)
		case c == '[' && inClass:
			if inner[i-1] == '-' {
				return nil, fmt.Errorf("sets that are subtracted from others, as [a-z-[aeiou]], are not understood")
			}
			b.WriteString(`\[`)
		default:
			if c == '[' {
				inClass = true
			} else if c == ']' {
				inClass = false
			}
			b.WriteByte(c)
		}
	}
	re, err := regexp.Compile(`\A(?:` + b.String() + `)\z`)
	if err != nil {
		return nil, fmt.Errorf("it is not a regular expression: %w", err)
	}
	return re, nil
}

// escape translates what follows a backslash.
func escape(c byte, inClass bool) (string, error) {
	sets := map[byte]string{
		'i': `\p{L}_:`, 'c': `\p{L}\p{Nd}._:-`, 'd': `\p{Nd}`, 'w': `\p{L}\p{M}\p{N}\p{S}`, 's': ` \t\n\r`,
		'I': `\p{L}_:`, 'C': `\p{L}\p{Nd}._:-`, 'D': `\p{Nd}`, 'W': `\p{L}\p{M}\p{N}\p{S}`, 'S': ` \t\n\r`,
	}
	set, ok := sets[c]
	switch {
	case !ok:
		return `\` + string(c), nil
	case c >= 'a' && inClass:
		return set, nil
	case c >= 'a':
		return "[" + set + "]", nil
	case inClass:
		return "", fmt.Errorf(`\%c inside [ ] is not understood`, c)
	}
	return "[^" + set + "]", nil
}
