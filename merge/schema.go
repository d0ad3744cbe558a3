package merge

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/constl/constl/tabular"
)

// column is one field of the merged table and where the three sides have it.
type column struct {
	field              tabular.Field
	base, ours, theirs int // position among the side's fields, -1 if it has none
	// doubtful says that one side dropped the field and nothing but a change of
	// the other side's cells can keep it.
	doubtful bool
	// disputed says that the dropped field stays because the other side changed it.
	disputed bool
}

// in returns the column's position in a side's table.
func (c *column) in(s sideName) int {
	switch s {
	case sideBase:
		return c.base
	case sideOurs:
		return c.ours
	}
	return c.theirs
}

// The parts of a field that a conflict can be about.
const (
	partName = "name"
	partType = "type"
)

// definition is how a conflict shows a field, or a part of it.
func definition(s *tabular.Schema, i int, part string) Version {
	if i < 0 {
		return Version{}
	}
	f := s.Fields[i]
	switch part {
	case partName:
		return Version{Present: true, Text: f.Name}
	case partType:
		return Version{Present: true, Text: string(f.Type)}
	}
	return Version{Present: true, Text: fmt.Sprintf("%s: %s", f.Name, f.Type)}
}

func label(f tabular.Field) string { return cmp.Or(f.Name, f.ID) }

// mergeColumns merges the fields of three schemas. Fields are the same if their
// ids are. base has no fields if the table was added by both sides. Types that
// were only inferred contradict nothing.
func mergeColumns(base, ours, theirs *tabular.Schema, inferred bool) (cols []column, conflicts []Conflict) {
	at := fieldPositions(base, ours, theirs)
	ids := make([]string, 0, len(at))
	for id := range at {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	number := make(map[string]int32, len(ids))
	merged := make([]column, len(ids))
	alive := make([]bool, len(ids))
	for i, id := range ids {
		number[id] = int32(i)
		p := at[id]
		c := column{base: p[0], ours: p[1], theirs: p[2]}
		alive[i] = c.define(base, ours, theirs, inferred, &conflicts)
		merged[i] = c
	}
	o := ordering{n: int32(len(ids)), alive: alive, compare: func(a, b int32) int { return cmp.Compare(a, b) }}
	o.base, o.ours, o.theirs = fieldSequence(base, number), fieldSequence(ours, number), fieldSequence(theirs, number)
	order, _ := o.run()
	for _, i := range order {
		cols = append(cols, merged[i])
	}
	return cols, append(conflicts, sameNames(cols, base, ours, theirs)...)
}

func fieldPositions(schemas ...*tabular.Schema) map[string][3]int {
	at := make(map[string][3]int)
	for side, s := range schemas {
		for i, f := range s.Fields {
			p, ok := at[f.ID]
			if !ok {
				p = [3]int{-1, -1, -1}
			}
			p[side] = i
			at[f.ID] = p
		}
	}
	return at
}

func fieldSequence(s *tabular.Schema, number map[string]int32) []int32 {
	seq := make([]int32, len(s.Fields))
	for i, f := range s.Fields {
		seq[i] = number[f.ID]
	}
	return seq
}

// define settles the column's name and type and reports whether it may be in the
// result. A field that one side dropped is in doubt until the cells are compared.
func (c *column) define(base, ours, theirs *tabular.Schema, inferred bool, conflicts *[]Conflict) bool {
	clash := func(part, detail string) {
		*conflicts = append(*conflicts, Conflict{Kind: KindColumn, Column: label(c.field), Part: part,
			Base: definition(base, c.base, part), Ours: definition(ours, c.ours, part), Theirs: definition(theirs, c.theirs, part), Detail: detail})
	}
	switch {
	case c.ours < 0 && c.theirs < 0:
		return false
	case c.ours < 0 || c.theirs < 0:
		kept := ours.Fields
		at := c.ours
		if at < 0 {
			kept, at = theirs.Fields, c.theirs
		}
		c.field = kept[at]
		if c.base < 0 {
			return true
		}
		if was := base.Fields[c.base]; c.field.Name != was.Name || c.field.Type != was.Type && !inferred {
			c.disputed = true
			clash("", "one side dropped the column, the other changed its definition; the column stays")
		} else {
			c.doubtful = true
		}
		return true
	}
	o, t := ours.Fields[c.ours], theirs.Fields[c.theirs]
	c.field = o
	b, hasBase := tabular.Field{}, c.base >= 0
	if hasBase {
		b = base.Fields[c.base]
	}
	name, ok := mergeDefinition(hasBase, b.Name, o.Name, t.Name)
	c.field.Name = name
	if !ok {
		clash(partName, "the column was renamed in two ways")
	}
	typ, ok := mergeDefinition(hasBase, b.Type, o.Type, t.Type)
	switch {
	case ok:
	case isNumeric(o.Type) && isNumeric(t.Type):
		typ, ok = tabular.TypeNumber, true
	case !hasBase, inferred:
		typ, ok = tabular.TypeString, true // any cell is a text
	}
	c.field.Type = typ
	if !ok {
		clash(partType, "the column was given two types")
	}
	return true
}

func isNumeric(t tabular.Type) bool { return t == tabular.TypeInteger || t == tabular.TypeNumber }

func mergeDefinition[T comparable](hasBase bool, base, ours, theirs T) (T, bool) {
	switch {
	case ours == theirs, hasBase && theirs == base:
		return ours, true
	case hasBase && ours == base:
		return theirs, true
	}
	return ours, false
}

// sameNames reports fields that share a name only since the merge.
func sameNames(cols []column, base, ours, theirs *tabular.Schema) (conflicts []Conflict) {
	known := make(map[string]int)
	for _, s := range []*tabular.Schema{base, ours, theirs} {
		times := make(map[string]int)
		for _, f := range s.Fields {
			times[f.Name]++
			known[f.Name] = max(known[f.Name], times[f.Name])
		}
	}
	times := make(map[string]int)
	for i := range cols {
		c := &cols[i]
		if times[c.field.Name]++; times[c.field.Name] > known[c.field.Name] {
			conflicts = append(conflicts, Conflict{Kind: KindName, Column: label(c.field),
				Base: definition(base, c.base, partName), Ours: definition(ours, c.ours, partName), Theirs: definition(theirs, c.theirs, partName),
				Detail: "two columns have this name since the merge; rename one"})
		}
	}
	return conflicts
}

// mergeKey returns the key of the result: that of the side that changed it. If
// both did, in two ways, it is that of ours and there is a conflict.
func mergeKey(base, ours, theirs *tabular.Schema) (key []string, conflict *Conflict) {
	switch {
	case slices.Equal(ours.Key, theirs.Key), slices.Equal(theirs.Key, base.Key):
		return ours.Key, nil
	case slices.Equal(ours.Key, base.Key):
		return theirs.Key, nil
	}
	show := func(s *tabular.Schema) Version {
		v := Version{Present: len(s.Key) > 0}
		for _, id := range s.Key {
			if i := s.Column(id); i >= 0 {
				id = label(s.Fields[i])
			}
			v.Cells = append(v.Cells, id)
		}
		return v
	}
	return ours.Key, &Conflict{Kind: KindKey, Base: show(base), Ours: show(ours), Theirs: show(theirs),
		Detail: "both sides changed the primary key; it is that of ours"}
}

// smallerKey returns one of two inferred keys, whoever merges; a key before none.
func smallerKey(a, b []string) []string {
	if len(a) == 0 || len(b) > 0 && slices.Compare(b, a) < 0 {
		return b
	}
	return a
}

// mergeChunkedBy returns what decides the row groups' ends in the result.
func mergeChunkedBy(base, ours, theirs *tabular.Schema) []string {
	switch {
	case slices.Equal(ours.ChunkedBy, theirs.ChunkedBy), slices.Equal(theirs.ChunkedBy, base.ChunkedBy):
		return ours.ChunkedBy
	case slices.Equal(ours.ChunkedBy, base.ChunkedBy), slices.Compare(theirs.ChunkedBy, ours.ChunkedBy) < 0:
		return theirs.ChunkedBy
	}
	return ours.ChunkedBy
}
