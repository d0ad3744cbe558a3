package datapackage

import (
	"encoding/json"
	"strings"
)

type kind byte

const (
	kindObject kind = '{'
	kindArray  kind = '['
	kindString kind = '"'
	kindNumber kind = '0'
	kindBool   kind = 't'
	kindNull   kind = 'n'
)

// node is a JSON value with every byte it was written with.
type node struct {
	kind kind
	at   int    // offset in the source, for messages
	lit  string // a scalar, exactly as written
	// members are those of an object in their order, or the elements of an array.
	members []member
	tail    string // white space before the closing bracket
}

// member is one property of an object, or one element of an array (which has
// neither key nor colon).
type member struct {
	before string // white space before it
	keyLit string // its name, exactly as written
	key    string // its name
	colon  string // the colon with the white space around it
	value  *node
	after  string // white space between the value and the comma
}

func (n *node) appendTo(b *strings.Builder) {
	if n.kind != kindObject && n.kind != kindArray {
		b.WriteString(n.lit)
		return
	}
	b.WriteByte(byte(n.kind))
	for i := range n.members {
		m := &n.members[i]
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m.before)
		b.WriteString(m.keyLit)
		b.WriteString(m.colon)
		m.value.appendTo(b)
		b.WriteString(m.after)
	}
	b.WriteString(n.tail)
	if n.kind == kindObject {
		b.WriteByte('}')
	} else {
		b.WriteByte(']')
	}
}

func (n *node) json() []byte {
	var b strings.Builder
	n.appendTo(&b)
	return []byte(b.String())
}

// get returns the value of a property, or nil if n is no object or has none.
func (n *node) get(key string) *node {
	if i := n.index(key); i >= 0 {
		return n.members[i].value
	}
	return nil
}

func (n *node) index(key string) int {
	if n == nil || n.kind != kindObject {
		return -1
	}
	for i := range n.members {
		if n.members[i].key == key {
			return i
		}
	}
	return -1
}

// str returns the text of a string, or "" for any other value.
func (n *node) str() string {
	if n == nil || n.kind != kindString {
		return ""
	}
	return unquote(n.lit)
}

// text returns the text of the string under key, or "".
func (n *node) text(key string) string { return n.get(key).str() }

// elems returns the elements of an array, or none for any other value.
func (n *node) elems() []member {
	if n == nil || n.kind != kindArray {
		return nil
	}
	return n.members
}

// strs returns the strings of an array, or the one string, or none.
func (n *node) strs() []string {
	if n == nil {
		return nil
	}
	if n.kind == kindString {
		return []string{n.str()}
	}
	var out []string
	for _, m := range n.elems() {
		if m.value.kind == kindString {
			out = append(out, m.value.str())
		}
	}
	return out
}

// unquote reads a string literal that the scanner has accepted.
func unquote(lit string) string {
	if !strings.ContainsRune(lit, '\\') {
		return lit[1 : len(lit)-1]
	}
	var s string
	if err := json.Unmarshal([]byte(lit), &s); err != nil {
		return lit
	}
	return s
}

// quote writes a string literal; other than [json.Marshal] it leaves <, > and &
// as they are.
func quote(s string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	// A string always encodes; bytes that are no UTF-8 become U+FFFD.
	_ = enc.Encode(s)
	return strings.TrimSuffix(b.String(), "\n")
}
