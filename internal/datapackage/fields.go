package datapackage

import "strings"

// Fields returns the table's fields in the file's order. A field without a type
// has none here; the standard then takes it for "any". The caller owns the slice.
func (r *Resource) Fields() []Field {
	elems := r.node.get("schema").get("fields").elems()
	if len(elems) == 0 {
		return nil
	}
	out := make([]Field, len(elems))
	for i, m := range elems {
		out[i] = Field{Name: m.value.text("name"), Type: m.value.text("type")}
	}
	return out
}

// FieldChanges says what [Resource.SetFields] did, by the fields' names.
type FieldChanges struct {
	Added   []string // new columns
	Removed []string // gone columns of which the file said no more than name and type
	Kept    []string // gone columns whose entries stay, because a person wrote more there
}

// SetFields brings the list of fields in step with the table's columns, given in
// their order. New columns are entered behind the column that they follow in
// the table. Entries that are there already keep their place and everything they
// say; a missing type is filled in. An entry whose column is gone is removed if
// it holds nothing but a name and a type, and otherwise kept and reported. Of
// columns with the same name, the first goes with the first entry of that name,
// the second with the second. A schema in another file is left alone.
func (r *Resource) SetFields(fields []Field) FieldChanges {
	var ch FieldChanges
	s, indent := r.schema()
	if s == nil {
		return ch
	}
	i := s.index("fields")
	if i < 0 {
		for _, f := range fields {
			ch.Added = append(ch.Added, f.Name)
		}
		s.insert(len(s.members), r.style, indent, "fields", fieldList(fields))
		return ch
	}
	list := s.members[i].value
	indent = s.members[i].indentOf(indent)
	ch.Removed, ch.Kept = dropGone(list, fields)
	ch.Added = r.addNew(list, indent, fields)
	return ch
}

func dropGone(list *node, fields []Field) (removed, kept []string) {
	wanted := make(map[string]int, len(fields))
	for _, f := range fields {
		wanted[f.Name]++
	}
	var gone []int
	for i, m := range list.members {
		name := m.value.text("name")
		wanted[name]--
		switch {
		case wanted[name] >= 0:
		case m.value.only(ownOfField):
			gone = append(gone, i)
			removed = append(removed, name)
		default:
			kept = append(kept, name)
		}
	}
	for i := len(gone) - 1; i >= 0; i-- {
		list.remove(gone[i])
	}
	return removed, kept
}

func (r *Resource) addNew(list *node, indent string, fields []Field) (added []string) {
	entries := make(map[string][]*node, len(list.members))
	for _, m := range list.members {
		name := m.value.text("name")
		entries[name] = append(entries[name], m.value)
	}
	placed := make(map[string]*node, len(fields)) // the last entry of each name so far
	at := 0                                       // behind the entry of the column before
	for _, f := range fields {
		if e := entries[f.Name]; len(e) > 0 {
			entries[f.Name] = e[1:]
			i := list.find(e[0], at)
			r.fillType(&list.members[i], indent, f)
			placed[f.Name] = e[0]
			at = i + 1
			continue
		}
		if twin := placed[f.Name]; twin != nil {
			at = max(at, list.find(twin, 0)+1)
		}
		list.insert(at, r.style, indent, "", r.newEntry(list, f))
		placed[f.Name] = list.members[at].value
		added = append(added, f.Name)
		at++
	}
	return added
}

// find returns the index of an element that is there. It begins to search at from,
// since columns mostly stand in the entries' order.
func (n *node) find(elem *node, from int) int {
	i := from % len(n.members)
	for n.members[i].value != elem {
		i = (i + 1) % len(n.members)
	}
	return i
}

func (r *Resource) fillType(m *member, indent string, f Field) {
	if f.Type != "" && m.value.get("type") == nil {
		m.value.insert(m.value.index("name")+1, r.style, m.indentOf(indent), "type", f.Type)
	}
}

// newEntry is laid out as the first entry is: in one line or in several.
func (r *Resource) newEntry(list *node, f Field) any {
	if len(list.members) > 0 && strings.Contains(list.members[0].value.tail, "\n") {
		return f.properties()
	}
	return inline{f.properties()}
}

// RenameField gives the first field of the name from the name to, also where the
// primary key names it, and leaves all else that is said about it. It reports
// whether there was such a field.
func (r *Resource) RenameField(from, to string) bool {
	schema := r.node.get("schema")
	for _, m := range schema.get("fields").elems() {
		name := m.value.get("name")
		if name.str() != from {
			continue
		}
		name.lit = quote(to)
		for _, list := range []string{"primaryKey", inferredKey} {
			key := schema.get(list)
			if key != nil && key.kind == kindString && key.str() == from {
				key.lit = quote(to)
			}
			for _, k := range key.elems() {
				if k.value.str() == from {
					k.value.lit = quote(to)
				}
			}
		}
		return true
	}
	return false
}
