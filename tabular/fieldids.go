package tabular

import "strconv"

// AssignFieldIDs returns the ids of the fields of a table whose header reads
// names, given the schema of the table that it follows, or nil. Two people who
// commit the same file on the same parent get the same ids.
//
// A field keeps its id if its name is there again, equal names in order. Fields
// that are left over on both sides are renamed fields, if there are as many
// columns as before, each left-over field stands where one was, and they are one
// or the smaller part of all. Every other field is new: its id is its name, or
// "column" and its position if that is empty, with a number behind it as long as
// another field has that id.
func AssignFieldIDs(parent *Schema, names []string) []string {
	ids := make([]string, len(names))
	taken := make(map[string]bool, len(names))
	if parent != nil {
		keepIDs(parent, names, ids)
		for _, id := range ids {
			taken[id] = true
		}
	}
	// Names that stand first come first, so that a made-up id never takes the
	// place of a real name.
	for i, name := range names {
		if ids[i] == "" && name != "" && !taken[name] {
			taken[name] = true
			ids[i] = name
		}
	}
	for i, name := range names {
		if ids[i] != "" {
			continue
		}
		if name == "" {
			name = "column" + strconv.Itoa(i+1)
		}
		ids[i] = freeID(taken, name)
		taken[ids[i]] = true
	}
	return ids
}

// freeID returns the name, with a number if it is taken.
func freeID(taken map[string]bool, name string) string {
	id := name
	for n := 2; taken[id]; n++ {
		suffix := "_" + strconv.Itoa(n)
		id = name[:min(len(name), MaxName-len(suffix))] + suffix
	}
	return id
}

// keepIDs fills in the ids of the fields that the parent has too.
func keepIDs(parent *Schema, names, ids []string) {
	byName := make(map[string][]int, len(parent.Fields))
	for i, f := range parent.Fields {
		byName[f.Name] = append(byName[f.Name], i)
	}
	kept := make([]bool, len(parent.Fields))
	left := len(names)
	for i, name := range names {
		if list := byName[name]; len(list) > 0 {
			ids[i] = parent.Fields[list[0]].ID
			kept[list[0]] = true
			byName[name] = list[1:]
			left--
		}
	}
	if len(names) != len(parent.Fields) || left > 1 && left*2 >= len(names) {
		return
	}
	for i := range names {
		if ids[i] == "" && kept[i] {
			return
		}
	}
	for i := range names {
		if ids[i] == "" {
			ids[i] = parent.Fields[i].ID
		}
	}
}
