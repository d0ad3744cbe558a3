package datapackage

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxSize is the largest file that is read, in bytes.
const MaxSize = 64 << 20

// maxDepth bounds the nesting; a data package needs about ten levels.
const maxDepth = 200

// document is a JSON text: a value with the white space around it.
type document struct {
	before string
	root   *node
	after  string
}

type scanner struct {
	src string
	pos int
}

func scan(src string) (*document, error) {
	s := &scanner{src: src}
	if len(src) > MaxSize {
		return nil, s.errorAt(0, "the file has %d bytes, more than the %d that are read", len(src), MaxSize)
	}
	if strings.HasPrefix(src, "\ufeff") {
		return nil, s.errorAt(0, "the file begins with a byte order mark; save it as UTF-8 without one")
	}
	if !utf8.ValidString(src) {
		return nil, s.errorAt(invalidAt(src), "this is no UTF-8; save the file as UTF-8")
	}
	var d document
	d.before = s.space()
	root, err := s.value(0)
	if err != nil {
		return nil, err
	}
	d.root = root
	d.after = s.space()
	if s.pos < len(src) {
		return nil, s.errorAt(s.pos, "expected the end of the file, found %s", s.found())
	}
	return &d, nil
}

func invalidAt(src string) int {
	for i, r := range src {
		if r == utf8.RuneError && !strings.HasPrefix(src[i:], "\ufffd") {
			return i
		}
	}
	return len(src)
}

func (s *scanner) errorAt(at int, format string, args ...any) error {
	return place(s.src, at, ErrSyntax, fmt.Sprintf(format, args...))
}

func place(src string, at int, class error, msg string) error {
	head := src[:at]
	return &Error{
		Line:   1 + strings.Count(head, "\n"),
		Column: 1 + utf8.RuneCountInString(head[strings.LastIndexByte(head, '\n')+1:]),
		Msg:    msg,
		Class:  class,
	}
}

// found describes what stands at the scanner's position.
func (s *scanner) found() string {
	if s.pos >= len(s.src) {
		return "the end of the file"
	}
	r, _ := utf8.DecodeRuneInString(s.src[s.pos:])
	switch r {
	case '“', '”', '„', '«', '»', '‘', '’', '\'':
		return fmt.Sprintf("%c (names and texts stand in straight double quotes)", r)
	case '/', '#':
		return fmt.Sprintf("%c (JSON has no comments)", r)
	}
	return strconv.QuoteRune(r)
}

func (s *scanner) peek() byte {
	if s.pos < len(s.src) {
		return s.src[s.pos]
	}
	return 0
}

func (s *scanner) space() string {
	start := s.pos
	for s.pos < len(s.src) && strings.IndexByte(" \t\r\n", s.src[s.pos]) >= 0 {
		s.pos++
	}
	return s.src[start:s.pos]
}

func (s *scanner) value(depth int) (*node, error) {
	if depth > maxDepth {
		return nil, s.errorAt(s.pos, "nested more than %d levels deep", maxDepth)
	}
	at := s.pos
	switch c := s.peek(); {
	case c == '{' || c == '[':
		return s.container(depth)
	case c == '"':
		lit, err := s.string()
		return &node{kind: kindString, at: at, lit: lit}, err
	case c == '-' || '0' <= c && c <= '9':
		lit, err := s.number()
		return &node{kind: kindNumber, at: at, lit: lit}, err
	}
	for _, word := range []string{"true", "false", "null"} {
		if strings.HasPrefix(s.src[s.pos:], word) {
			s.pos += len(word)
			k := kindBool
			if word == "null" {
				k = kindNull
			}
			return &node{kind: k, at: at, lit: word}, nil
		}
	}
	return nil, s.errorAt(at, "expected a value, found %s", s.found())
}

func (s *scanner) container(depth int) (*node, error) {
	n := &node{kind: kind(s.peek()), at: s.pos}
	closing := byte(']')
	if n.kind == kindObject {
		closing = '}'
	}
	s.pos++
	ws := s.space()
	if s.peek() == closing {
		s.pos++
		n.tail = ws
		return n, nil
	}
	seen := make(map[string]bool)
	for {
		if len(n.members) > 0 && s.peek() == closing {
			return nil, s.errorAt(s.pos, "a comma stands before this %c: take it away", closing)
		}
		m := member{before: ws}
		if n.kind == kindObject {
			if err := s.name(&m, seen); err != nil {
				return nil, err
			}
		}
		v, err := s.value(depth + 1)
		if err != nil {
			return nil, err
		}
		m.value, m.after = v, s.space()
		n.members = append(n.members, m)
		switch s.peek() {
		case ',':
			s.pos++
			ws = s.space()
		case closing:
			s.pos++
			last := &n.members[len(n.members)-1]
			n.tail, last.after = last.after, ""
			return n, nil
		default:
			return nil, s.errorAt(s.pos, "expected a comma or %c, found %s", closing, s.found())
		}
	}
}

// name reads a property's name and the colon behind it.
func (s *scanner) name(m *member, seen map[string]bool) error {
	at := s.pos
	if s.peek() != '"' {
		return s.errorAt(at, "expected a property's name in double quotes, found %s", s.found())
	}
	lit, err := s.string()
	if err != nil {
		return err
	}
	m.keyLit, m.key = lit, unquote(lit)
	if seen[m.key] {
		return s.errorAt(at, "the property %q stands here a second time", m.key)
	}
	seen[m.key] = true
	start := s.pos
	s.space()
	if s.peek() != ':' {
		return s.errorAt(s.pos, "expected a colon after %s, found %s", lit, s.found())
	}
	s.pos++
	s.space()
	m.colon = s.src[start:s.pos]
	return nil
}

func (s *scanner) string() (string, error) {
	start := s.pos
	for s.pos++; s.pos < len(s.src); s.pos++ {
		switch c := s.src[s.pos]; {
		case c == '"':
			s.pos++
			return s.src[start:s.pos], nil
		case c == '\n' || c == '\r':
			return "", s.errorAt(start, "this text has no closing quote in its line")
		case c < ' ':
			return "", s.errorAt(s.pos, "the control character U+%04X must be written as \\u%04x", c, c)
		case c == '\\':
			if err := s.escape(); err != nil {
				return "", err
			}
		}
	}
	return "", s.errorAt(start, "this text has no closing quote")
}

// escape reads an escape sequence and stops at its last byte.
func (s *scanner) escape() error {
	at := s.pos
	s.pos++
	c := s.peek()
	if c != 0 && strings.IndexByte(`"\/bfnrt`, c) >= 0 {
		return nil
	}
	if c != 'u' {
		return s.errorAt(at, `\ must be followed by one of " \ / b f n r t u; write \\ for a backslash`)
	}
	r, ok := s.hex4()
	if !ok {
		return s.errorAt(at, `\u must be followed by four hexadecimal digits`)
	}
	switch {
	case 0xD800 <= r && r < 0xDC00:
		s.pos++
		if strings.HasPrefix(s.src[s.pos:], `\u`) {
			s.pos++
			if low, ok := s.hex4(); ok && 0xDC00 <= low && low < 0xE000 {
				return nil
			}
		}
		return s.errorAt(at, `\u%04x is half a character; its other half is missing`, r)
	case 0xDC00 <= r && r < 0xE000:
		return s.errorAt(at, `\u%04x is half a character; its other half is missing`, r)
	}
	return nil
}

// hex4 reads the four digits after the u at the scanner's position and stops at
// the last of them.
func (s *scanner) hex4() (rune, bool) {
	if s.pos+5 > len(s.src) {
		return 0, false
	}
	r, err := strconv.ParseUint(s.src[s.pos+1:s.pos+5], 16, 16)
	if err != nil {
		return 0, false
	}
	s.pos += 4
	return rune(r), true
}

func (s *scanner) number() (string, error) {
	start := s.pos
	if s.peek() == '-' {
		s.pos++
	}
	digits := func() int {
		from := s.pos
		for c := s.peek(); '0' <= c && c <= '9'; c = s.peek() {
			s.pos++
		}
		return s.pos - from
	}
	zero := s.peek() == '0'
	n := digits()
	ok := n == 1 || n > 1 && !zero
	if s.peek() == '.' {
		s.pos++
		ok = digits() > 0 && ok
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		ok = digits() > 0 && ok
	}
	if !ok {
		return "", s.errorAt(start, "%s is not how JSON writes a number", s.src[start:s.pos])
	}
	return s.src[start:s.pos], nil
}
