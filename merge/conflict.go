package merge

import (
	"fmt"
	"strings"

	"github.com/constl/constl/object"
)

// Kind says what two sides disagree about (RULES.md §2).
type Kind string

// The kinds of conflict. Their texts are part of the JSON form and never change.
const (
	KindCell       Kind = "cell"        // one cell was changed to two values
	KindRowDeleted Kind = "row-deleted" // one side deleted the row that the other changed
	KindRowEdited  Kind = "row-edited"  // both sides changed the row, in a strict merge
	KindRowAdded   Kind = "row-added"   // both added the same key, and this cell differs
	KindRowForm    Kind = "row-form"    // a row is written in two ways beyond its cells
	KindColumn     Kind = "column"      // a column was dropped and edited, or defined in two ways
	KindKey        Kind = "key"         // the primary key was changed in two ways
	KindOrder      Kind = "order"       // both sides put the members of a JSON array in another order
	KindLayout     Kind = "layout"      // the file's form was changed in two ways
	KindLines      Kind = "lines"       // the same lines of a text were changed in two ways
	KindMember     Kind = "member"      // one member of a JSON document was changed in two ways
	KindFile       Kind = "file"        // a file that can only be taken whole was changed in two ways
	KindDeleted    Kind = "deleted"     // one side deleted the file that the other changed
	// KindViolation is a rule of datapackage.json that both sides keep and their
	// merge does not. Merges of this package report none: who calls them looks.
	KindViolation Kind = "violation"
	KindName      Kind = "name" // two fields, or two files, claim one name
)

// Version is what one side has where a conflict is. Present is false if the side
// has nothing there: no such row, column or file.
type Version struct {
	Present bool `json:"present"`
	// Text is the cell's text, the lines, the JSON value, or the column's
	// definition, by the kind of the conflict.
	Text string `json:"text,omitempty"`
	// Cells are the texts of a whole row, one for each of the Conflict's Columns.
	Cells []string `json:"cells,omitempty"`
	// ID is the object of a file, folder or table.
	ID object.ID `json:"id,omitzero"`
}

// Conflict is one thing that two sides changed in two ways. It is data: nothing
// of it is ever written into a file. RULES.md says for every kind what stands in
// the result meanwhile.
type Conflict struct {
	// Path is the file's path in the tree, with slashes; empty in a merge of one table.
	Path string `json:"path,omitempty"`
	Kind Kind   `json:"kind"`
	// Key holds the texts of the row's primary key; none if the table has no key.
	Key []string `json:"key,omitempty"`
	// Row is the row's number in the result, or in the base if the result does not
	// have it, counted from 1; 0 if the conflict is about no row.
	Row int64 `json:"row,omitempty"`
	// Column is the field's name, or its id if the name is empty; for a JSON
	// document the pointer (RFC 6901) to the member.
	Column string `json:"column,omitempty"`
	// Columns are the names of the fields that Cells of the versions follow.
	Columns []string `json:"columns,omitempty"`
	Base    Version  `json:"base"`
	Ours    Version  `json:"ours"`
	Theirs  Version  `json:"theirs"`
	// Detail says in a sentence what happened and, where the result cannot simply
	// be edited, what to do.
	Detail string `json:"detail,omitempty"`
}

// String describes the conflict in one line for people.
func (c Conflict) String() string {
	var b strings.Builder
	if c.Path != "" {
		b.WriteString(c.Path + ": ")
	}
	switch {
	case len(c.Key) > 0:
		fmt.Fprintf(&b, "row %s: ", strings.Join(c.Key, " · "))
	case c.Row > 0:
		fmt.Fprintf(&b, "row %d: ", c.Row)
	}
	if c.Column != "" {
		fmt.Fprintf(&b, "%s: ", c.Column)
	}
	switch c.Kind {
	case KindCell, KindRowAdded, KindRowEdited, KindMember, KindColumn, KindLines, KindRowForm:
		fmt.Fprintf(&b, "base %s, ours %s, theirs %s", c.Base, c.Ours, c.Theirs)
	case KindRowDeleted:
		if c.Ours.Present {
			b.WriteString("changed by ours, deleted by theirs")
		} else {
			b.WriteString("deleted by ours, changed by theirs")
		}
	case KindFile, KindDeleted:
		fmt.Fprintf(&b, "ours %s, theirs %s", c.Ours, c.Theirs)
	case KindViolation:
		fmt.Fprintf(&b, "%s", c.Ours)
	default:
		b.WriteString(string(c.Kind))
	}
	if c.Detail != "" {
		b.WriteString(" (" + c.Detail + ")")
	}
	return b.String()
}

// String returns the text in quotes, the cells, the short id, or "nothing".
func (v Version) String() string {
	switch {
	case !v.Present:
		return "nothing"
	case !v.ID.IsZero():
		return v.ID.Short()
	case v.Cells != nil:
		return fmt.Sprintf("%q", v.Cells)
	}
	return fmt.Sprintf("%q", v.Text)
}
