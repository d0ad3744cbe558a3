package datapackage

import (
	"encoding/json"
	"fmt"
)

// Property is a name and a value within an [Object].
type Property struct {
	Key   string
	Value any
}

// Object is a JSON object whose properties are written in that order.
type Object []Property

// Set writes a property of the package because a person asked for it: it replaces
// what stands there, and nil takes it away. A value is a string, a bool, a
// [json.Number], an [Object], a []string, a []bool or a []Object; any other panics.
func (p *Package) Set(key string, v any) {
	root := p.doc.root
	at := root.index("resources")
	if v == nil || at < 0 || root.index(key) >= 0 {
		setIn(root, p.style, "", key, v)
		return
	}
	// Before the resources, which are long.
	root.insert(at, p.style, "", key, built(v))
}

// SetField writes a property of the first field of that name, as [Package.Set]
// does, and reports whether there is such a field here.
func (r *Resource) SetField(field, key string, v any) bool {
	f, indent := r.field(field)
	if f == nil {
		return false
	}
	setIn(f, r.style, indent, key, v)
	return true
}

// SetType writes the type of the first field of that name, and takes away a format
// that there is not for it; it reports whether there is such a field here.
func (r *Resource) SetType(field, kind string) bool {
	f, indent := r.field(field)
	if f == nil {
		return false
	}
	setIn(f, r.style, indent, "type", kind)
	if i := f.index("format"); i >= 0 && !FormatFits(kind, f.text("format")) {
		f.remove(i)
	}
	return true
}

// SetConstraint writes one of a field's constraints, as [Resource.SetField] does.
// When the last of them is taken away, so is their list.
func (r *Resource) SetConstraint(field, key string, v any) bool {
	f, indent := r.field(field)
	if f == nil {
		return false
	}
	i := f.index("constraints")
	if i < 0 {
		if v != nil {
			f.set(r.style, indent, "constraints", inline{object{{key, built(v)}}})
		}
		return true
	}
	m := &f.members[i]
	setIn(m.value, r.style, m.indentOf(indent), key, v)
	if len(m.value.members) == 0 {
		f.remove(i)
	}
	return true
}

// SetSchema writes a property of the table's schema, as [Package.Set] does. A
// schema in another file is left alone, and false returned.
func (r *Resource) SetSchema(key string, v any) bool {
	s, indent := r.schema()
	if s == nil {
		return false
	}
	setIn(s, r.style, indent, key, v)
	return true
}

// SetKey writes the primary key, or takes it away if there are no names, and whether
// it was only inferred. A schema in another file is left alone, and false returned.
func (r *Resource) SetKey(names []string, inferred bool) bool {
	var key, guess any
	if len(names) > 0 {
		key = names
		if inferred {
			guess = names
		}
	}
	return r.SetSchema("primaryKey", key) && r.SetSchema(inferredKey, guess)
}

// SetText writes a property of the resource itself, as [Package.Set] does, or takes it
// away if the text is empty.
func (r *Resource) SetText(key, text string) {
	var v any
	if text != "" {
		v = text
	}
	setIn(r.node, r.style, r.indent, key, v)
}

// field returns the first field of a name and the indentation of its line, or nil.
func (r *Resource) field(name string) (*node, string) {
	schema := r.node.get("schema")
	at := r.node.index("schema")
	if schema.index("fields") < 0 {
		return nil, ""
	}
	list := &schema.members[schema.index("fields")]
	indent := list.indentOf(r.node.members[at].indentOf(r.indent))
	for i := range list.value.elems() {
		m := &list.value.members[i]
		if m.value.text("name") == name {
			return m.value, m.indentOf(indent)
		}
	}
	return nil, ""
}

func setIn(n *node, st style, indent, key string, v any) {
	if v != nil {
		n.set(st, indent, key, built(v))
	} else if i := n.index(key); i >= 0 {
		n.remove(i)
	}
}

// built turns a value into what build takes. Lists and small objects stand in one
// line.
func built(v any) any {
	switch v := v.(type) {
	case string, bool:
		return v
	case json.Number:
		return &node{kind: kindNumber, lit: v.String()}
	case []string:
		return inline{textList(v)}
	case []bool:
		list := make(array, len(v))
		for i, b := range v {
			list[i] = b
		}
		return inline{list}
	case Object:
		return inline{members(v)}
	case []Object:
		list := make(array, len(v))
		for i, o := range v {
			list[i] = inline{members(o)}
		}
		return list
	case []json.Number:
		list := make(array, len(v))
		for i, n := range v {
			list[i] = built(n)
		}
		return inline{list}
	}
	panic(fmt.Sprintf("datapackage: a value of type %T", v))
}

func members(o Object) object {
	out := make(object, len(o))
	for i, p := range o {
		out[i] = property{p.Key, built(p.Value)}
	}
	return out
}
