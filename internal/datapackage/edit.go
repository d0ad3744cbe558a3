package datapackage

import "strings"

// style is how a file is laid out, found from what stands in it.
type style struct {
	newline string // "" if the whole file stands in one line
	indent  string // one step
	colon   string
}

// gap is what separates elements that stand in one line.
func (st style) gap() string {
	if strings.HasSuffix(st.colon, " ") {
		return " "
	}
	return ""
}

func styleOf(d *document, src string) style {
	st := style{newline: "\n", indent: "  ", colon: ": "}
	if strings.Contains(src, "\r\n") {
		st.newline = "\r\n"
	}
	if len(d.root.members) == 0 {
		return st
	}
	first := d.root.members[0]
	if !strings.ContainsRune(first.colon, '\n') {
		st.colon = first.colon
	}
	if indent, ok := lineIndent(first.before); ok {
		st.indent = indent
	} else if !strings.Contains(strings.TrimSpace(src), "\n") {
		st.newline = ""
	}
	return st
}

// lineIndent returns what follows the last line end of white space.
func lineIndent(ws string) (string, bool) {
	i := strings.LastIndexByte(ws, '\n')
	return ws[i+1:], i >= 0
}

// indentOf returns the indentation of the line in which the member stands, which
// is its parent's unless it begins a line.
func (m *member) indentOf(parent string) string {
	if indent, ok := lineIndent(m.before); ok {
		return indent
	}
	return parent
}

// The values that build turns into nodes, besides string, bool and *node.
type (
	property struct {
		key   string
		value any
	}
	object []property
	array  []any
	// inline is an object or array that stands in one line.
	inline struct{ value any }
)

// build makes a node of v as it looks in a line that begins with indent.
func (st style) build(v any, indent string) *node {
	switch v := v.(type) {
	case *node:
		return v
	case string:
		return &node{kind: kindString, lit: quote(v)}
	case bool:
		if v {
			return &node{kind: kindBool, lit: "true"}
		}
		return &node{kind: kindBool, lit: "false"}
	case inline:
		flat := st
		flat.newline = ""
		return flat.build(v.value, indent)
	case object:
		n := &node{kind: kindObject}
		for _, p := range v {
			n.insert(len(n.members), st, indent, p.key, p.value)
		}
		return n
	case array:
		n := &node{kind: kindArray}
		for _, e := range v {
			n.insert(len(n.members), st, indent, "", e)
		}
		return n
	}
	panic("datapackage: build: value of an unknown type")
}

// insert puts a member before the i-th of n, which stands in a line that begins
// with indent. It is laid out as its neighbours are.
func (n *node) insert(i int, st style, indent, key string, v any) {
	m := member{key: key}
	if n.kind == kindObject {
		m.keyLit, m.colon = quote(key), st.colon
	}
	first, rest := n.spacing(st, indent)
	if len(n.members) == 0 {
		n.tail = ""
		if st.newline != "" {
			n.tail = st.newline + indent
		}
	}
	m.before = rest
	if i == 0 {
		m.before = first
		if len(n.members) > 0 {
			n.members[0].before = rest
		}
	}
	inner, ok := lineIndent(m.before)
	if !ok {
		st.newline = ""
		inner = indent
	}
	m.value = st.build(v, inner)
	n.members = append(n.members, member{})
	copy(n.members[i+1:], n.members[i:])
	n.members[i] = m
}

// spacing returns the white space before the first and before any later member.
func (n *node) spacing(st style, indent string) (first, rest string) {
	switch len(n.members) {
	case 0:
		if st.newline == "" {
			return "", st.gap()
		}
		return st.newline + indent + st.indent, st.newline + indent + st.indent
	case 1:
		first = n.members[0].before
		if strings.Contains(first, "\n") {
			return first, first
		}
		return first, st.gap()
	}
	return n.members[0].before, n.members[len(n.members)-1].before
}

// remove takes the i-th member away.
func (n *node) remove(i int) {
	if i == 0 && len(n.members) > 1 {
		n.members[1].before = n.members[0].before
	}
	n.members = append(n.members[:i], n.members[i+1:]...)
	if len(n.members) == 0 {
		n.tail = ""
	}
}

// set replaces the value of an existing property, or appends the property.
func (n *node) set(st style, indent, key string, v any) {
	if i := n.index(key); i >= 0 {
		m := &n.members[i]
		m.value = st.build(v, m.indentOf(indent))
		return
	}
	n.insert(len(n.members), st, indent, key, v)
}
