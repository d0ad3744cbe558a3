package datapackage

import "slices"

// Correct puts the types of fields and the primary key in step with the table
// after two versions of the file have become one: it replaces what stands there.
// Fields that the file does not list, or a schema in another file, are left
// alone; an empty key takes away the one that stands there. That a key was inferred
// is said of the new one too, if it was of the old.
func (r *Resource) Correct(fields []Field, key []string) {
	s, indent := r.schema()
	if s == nil {
		return
	}
	for _, m := range s.get("fields").elems() {
		name := m.value.text("name")
		i := slices.IndexFunc(fields, func(f Field) bool { return f.Name == name })
		if i >= 0 && fields[i].Type != "" && m.value.text("type") != fields[i].Type {
			m.value.set(r.style, m.indentOf(indent), "type", fields[i].Type)
		}
	}
	if slices.Equal(key, r.PrimaryKey()) {
		return
	}
	inferred := r.KeyInferred()
	for _, name := range []string{"primaryKey", inferredKey} {
		at := s.index(name)
		switch {
		case at >= 0 && (len(key) == 0 || name == inferredKey && !inferred):
			s.remove(at)
		case len(key) > 0 && (name == "primaryKey" || inferred):
			s.set(r.style, indent, name, inline{textList(key)})
		}
	}
}
