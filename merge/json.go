package merge

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// JSON merges three versions of a JSON document member by member. Arrays of
// objects that all have one of the members name, id, path or title, all
// different, are merged as if they were objects of those names; other arrays
// element by element. Members that both sides changed in two ways are those of
// ours, and a conflict of [KindMember] says what each has; a member that one side
// removed and the other changed stays.
//
// ok is false, and nothing merged, if one of the versions is no JSON, names a
// member twice, or is nested too deep. base is nil if both sides added the
// document. Where the merge by line comes to the same document the result has
// its bytes; else it is printed anew with an indentation of two spaces.
func JSON(base, ours, theirs []byte) (merged []byte, conflicts []Conflict, ok bool) {
	switch {
	case bytes.Equal(ours, theirs), base != nil && bytes.Equal(theirs, base):
		return ours, nil, json.Valid(ours)
	case base != nil && bytes.Equal(ours, base):
		return theirs, nil, json.Valid(theirs)
	}
	var docs [3]*value
	for i, data := range [][]byte{base, ours, theirs} {
		if i == 0 && data == nil {
			continue
		}
		if docs[i], ok = parseJSON(data); !ok {
			return nil, nil, false
		}
	}
	m := jsonMerge{}
	doc := m.value("", docs[0], docs[1], docs[2])
	if lines, clash := Texts(base, ours, theirs); len(clash) == 0 {
		if again, ok := parseJSON(lines); ok && doc.print("") == again.print("") {
			return lines, m.conflicts, true
		}
	}
	return []byte(doc.print("") + "\n"), m.conflicts, true
}

// value is a JSON value: an object or array with its parts in order, or a scalar
// with its text as it stands.
type value struct {
	kind  byte // '{', '[' or 0
	text  string
	names []string // of an object's members, decoded
	quote []string // the names as they stand
	parts []*value
	at    map[string]int // by name; made by the first look-up
}

const maxJSONDepth = 512

func parseJSON(data []byte) (*value, bool) {
	if !json.Valid(data) {
		return nil, false
	}
	p := jsonParser{rest: data}
	v := p.value(0)
	return v, !p.bad
}

// jsonParser takes apart what [json.Valid] has found well-formed.
type jsonParser struct {
	rest []byte
	bad  bool
}

func (p *jsonParser) peek() byte {
	p.rest = bytes.TrimLeft(p.rest, " \t\r\n")
	return p.rest[0]
}

func (p *jsonParser) value(depth int) *value {
	c := p.peek()
	if c != '{' && c != '[' || depth > maxJSONDepth {
		p.bad = p.bad || depth > maxJSONDepth
		return &value{text: p.scalar()}
	}
	v := &value{kind: c}
	p.rest = p.rest[1:]
	seen := make(map[string]bool)
	for {
		switch p.peek() {
		case '}', ']':
			p.rest = p.rest[1:]
			return v
		case ',':
			p.rest = p.rest[1:]
		}
		if c == '{' {
			p.peek()
			quoted := p.scalar()
			var name string
			if json.Unmarshal([]byte(quoted), &name) != nil || seen[name] {
				p.bad = true
			}
			seen[name] = true
			v.names, v.quote = append(v.names, name), append(v.quote, quoted)
			p.peek() // the colon
			p.rest = p.rest[1:]
		}
		if v.parts = append(v.parts, p.value(depth+1)); p.bad {
			return v
		}
	}
}

func (p *jsonParser) scalar() string {
	end := 0
	if p.rest[0] == '"' {
		for end = 1; p.rest[end] != '"'; end++ {
			if p.rest[end] == '\\' {
				end++
			}
		}
		end++
	} else {
		for end < len(p.rest) && !strings.ContainsRune(" \t\r\n,:]}", rune(p.rest[end])) {
			end++
		}
	}
	s := string(p.rest[:end])
	p.rest = p.rest[end:]
	return s
}

// print returns the value with an indentation of two spaces.
func (v *value) print(indent string) string {
	if v.kind == 0 {
		return v.text
	}
	open, shut := "{", "}"
	if v.kind == '[' {
		open, shut = "[", "]"
	}
	if len(v.parts) == 0 {
		return open + shut
	}
	var b strings.Builder
	b.WriteString(open)
	for i, part := range v.parts {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("\n" + indent + "  ")
		if v.kind == '{' {
			b.WriteString(v.quote[i] + ": ")
		}
		b.WriteString(part.print(indent + "  "))
	}
	b.WriteString("\n" + indent + shut)
	return b.String()
}

// index returns the place of the member of the given name, or -1.
func (v *value) index(name string) int {
	if v.at == nil {
		v.at = make(map[string]int, len(v.names))
		for i, n := range v.names {
			v.at[n] = i
		}
	}
	if i, ok := v.at[name]; ok {
		return i
	}
	return -1
}

// member returns the part of the given name, or nil.
func (v *value) member(name string) *value {
	if i := v.index(name); i >= 0 {
		return v.parts[i]
	}
	return nil
}

// namingMembers are the members by which the elements of an array may be known.
var namingMembers = []string{"name", "id", "path", "title"}

type jsonMerge struct{ conflicts []Conflict }

func (m *jsonMerge) clash(path string, base, ours, theirs *value, detail string) {
	show := func(v *value) Version {
		if v == nil {
			return Version{}
		}
		return Version{Present: true, Text: v.print("")}
	}
	m.conflicts = append(m.conflicts, Conflict{Kind: KindMember, Column: path,
		Base: show(base), Ours: show(ours), Theirs: show(theirs), Detail: detail})
}

func sameJSON(a, b *value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.print("") == b.print("")
}

// value merges one value, of which any version may be nil: not there. It returns
// nil if the result does not have it.
func (m *jsonMerge) value(path string, base, ours, theirs *value) *value {
	switch {
	case sameJSON(ours, theirs), sameJSON(theirs, base):
		return ours
	case sameJSON(ours, base):
		return theirs
	case ours == nil || theirs == nil:
		m.clash(path, base, ours, theirs, "one side removed it, the other changed it; it stays")
		return cmp.Or(ours, theirs)
	case ours.kind != theirs.kind || ours.kind == 0 || base != nil && base.kind != ours.kind:
		m.clash(path, base, ours, theirs, "")
		return ours
	}
	if base == nil {
		base = &value{kind: ours.kind}
	}
	if ours.kind == '{' {
		return m.object(path, base, ours, theirs)
	}
	for _, by := range namingMembers {
		b, inBase := base.named(by)
		o, inOurs := ours.named(by)
		t, inTheirs := theirs.named(by)
		if inBase && inOurs && inTheirs {
			merged := m.object(path, b, o, t)
			return &value{kind: '[', parts: merged.parts}
		}
	}
	return m.array(path, base, ours, theirs)
}

// named returns an array as the object whose members its elements are, by the
// text of one of their own members.
func (v *value) named(by string) (*value, bool) {
	out := &value{kind: '{', parts: v.parts}
	seen := make(map[string]bool, len(v.parts))
	for _, part := range v.parts {
		name := part.member(by)
		if name == nil || name.kind != 0 || seen[name.text] {
			return nil, false
		}
		seen[name.text] = true
		out.names, out.quote = append(out.names, name.text), append(out.quote, name.text)
	}
	return out, true
}

func (m *jsonMerge) object(path string, base, ours, theirs *value) *value {
	var names []string
	for _, v := range []*value{base, ours, theirs} {
		names = append(names, v.names...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	merged := make([]*value, len(names))
	o := ordering{n: int32(len(names)), alive: make([]bool, len(names)), compare: func(a, b int32) int { return cmp.Compare(a, b) }}
	for i, name := range names {
		merged[i] = m.value(path+"/"+pointerToken(name), base.member(name), ours.member(name), theirs.member(name))
		o.alive[i] = merged[i] != nil
	}
	sequence := func(v *value) []int32 {
		out := make([]int32, len(v.names))
		for i, name := range v.names {
			at, _ := slices.BinarySearch(names, name)
			out[i] = int32(at)
		}
		return out
	}
	o.base, o.ours, o.theirs = sequence(base), sequence(ours), sequence(theirs)
	order, clash := o.run()
	if clash {
		show := func(v *value) Version {
			return Version{Present: true, Text: "[" + strings.Join(v.quote, ", ") + "]"}
		}
		m.conflicts = append(m.conflicts, Conflict{Kind: KindOrder, Column: path, Base: show(base), Ours: show(ours), Theirs: show(theirs),
			Detail: "both sides put the members in another order; the order is that of ours"})
	}
	out := &value{kind: '{'}
	for _, i := range order {
		out.names, out.parts = append(out.names, names[i]), append(out.parts, merged[i])
		out.quote = append(out.quote, spelling(names[i], ours, theirs))
	}
	if clash {
		var wanted []int
		for _, name := range ours.names {
			if i := out.index(name); i >= 0 {
				wanted = append(wanted, i)
			}
		}
		out.arrange(wanted)
	}
	return out
}

// spelling returns how a member's name stands in the objects that have it.
func spelling(name string, ours, theirs *value) string {
	o, t := ours.index(name), theirs.index(name)
	switch {
	case o < 0:
		return theirs.quote[t]
	case t < 0:
		return ours.quote[o]
	}
	return min(ours.quote[o], theirs.quote[t])
}

// pointerToken escapes a name for a JSON pointer.
func pointerToken(name string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}

// array merges element by element. What both inserted at one place is kept, each
// value once, in the order of the texts of the two blocks.
func (m *jsonMerge) array(path string, base, ours, theirs *value) *value {
	out := &value{kind: '['}
	text := func(v *value) string { return v.print("") }
	same := func(a, b []*value) bool { return slices.EqualFunc(a, b, sameJSON) }
	chunks(base.parts, ours.parts, theirs.parts, text, func(c chunk) {
		b, o, t := base.parts[c.base.from:c.base.to], ours.parts[c.ours.from:c.ours.to], theirs.parts[c.theirs.from:c.theirs.to]
		switch {
		case c.stable, same(b, t), same(o, t):
			out.parts = append(out.parts, o...)
		case same(b, o):
			out.parts = append(out.parts, t...)
		case len(b) > 0 && len(b) == len(o) && len(o) == len(t):
			for i := range b {
				out.parts = append(out.parts, m.value(path+"/"+strconv.Itoa(len(out.parts)), b[i], o[i], t[i]))
			}
		case len(b) > 0:
			list := func(parts []*value) *value { return &value{kind: '[', parts: parts} }
			m.clash(path, list(b), list(o), list(t), "")
			m.conflicts[len(m.conflicts)-1].Row = int64(len(out.parts)) + 1
			out.parts = append(out.parts, o...)
		default:
			if slices.CompareFunc(o, t, func(a, b *value) int { return cmp.Compare(text(a), text(b)) }) > 0 {
				o, t = t, o
			}
			out.parts = append(out.parts, o...)
			for _, v := range t {
				if !slices.ContainsFunc(o, func(w *value) bool { return sameJSON(v, w) }) {
					out.parts = append(out.parts, v)
				}
			}
		}
	})
	return out
}
