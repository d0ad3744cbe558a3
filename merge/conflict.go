package merge

import (
	"fmt"
	"strconv"
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
	// Text is the cell's text, the lines, the JSON value, or what the column or the
	// file's form has in the conflict's Part, by the kind of the conflict.
	Text string `json:"text,omitempty"`
	// Cells are the texts of a whole row, one for each of the Conflict's Columns, or
	// the names of the primary key's fields.
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
	// have it, counted from 1; of a text the first line's. 0 if it is about none.
	Row int64 `json:"row,omitempty"`
	// Column is the field's name, or its id if the name is empty; for a JSON
	// document the pointer (RFC 6901) to the member. If Row is not 0 it points to an
	// array, and the conflict is about its elements from the one of that number on.
	Column string `json:"column,omitempty"`
	// Part is what of it the sides contradict each other about: of a column its
	// "name" or "type", or empty if one side dropped it; of a file's form one of the
	// words that its codec has for it.
	Part string `json:"part,omitempty"`
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
	text := c.Place()
	if c.Path != "" {
		text = c.Path + ": " + text
	}
	switch {
	case c.Kind == KindViolation:
		text += c.Show(c.Ours)
	case c.Kind == KindOrder:
		text += "order of the members"
	case (c.Kind == KindRowDeleted || c.Kind == KindDeleted) && c.Ours.Present:
		text += "changed by ours, deleted by theirs"
	case c.Kind == KindRowDeleted || c.Kind == KindDeleted:
		text += "deleted by ours, changed by theirs"
	default:
		if c.Part != "" {
			text += c.Part + ": "
		}
		text += "base " + c.Show(c.Base) + ", ours " + c.Show(c.Ours) + ", theirs " + c.Show(c.Theirs)
	}
	if c.Detail != "" {
		text += " (" + c.Detail + ")"
	}
	return text
}

// Place says where in the file the conflict is, followed by a colon and a space;
// empty if it is about the whole file.
func (c *Conflict) Place() string {
	var b strings.Builder
	switch {
	case len(c.Key) > 0:
		fmt.Fprintf(&b, "row with key %s: ", strings.Join(c.Key, " · "))
	case c.Row > 0 && c.Kind == KindLines:
		fmt.Fprintf(&b, "line %d: ", c.Row)
	case c.Row > 0 && c.Kind != KindMember:
		fmt.Fprintf(&b, "row %d: ", c.Row)
	}
	switch c.Kind {
	case KindColumn, KindName:
		fmt.Fprintf(&b, "column %s: ", c.Column)
	case KindKey:
		b.WriteString("primary key: ")
	default:
		if c.Column != "" {
			fmt.Fprintf(&b, "%s: ", c.Column)
		}
		if c.Kind == KindMember && c.Row > 0 {
			fmt.Fprintf(&b, "elements from number %d on: ", c.Row)
		}
	}
	return b.String()
}

// Show says what a version of the conflict has: a text in quotes, cells, a short
// id, or in brackets why there is nothing.
func (c *Conflict) Show(v Version) string {
	switch {
	case !v.Present:
		return "(" + c.absence() + ")"
	case !v.ID.IsZero():
		return "file " + v.ID.Short()
	case v.Cells != nil:
		quoted := make([]string, len(v.Cells))
		for i, text := range v.Cells {
			quoted[i] = strconv.Quote(text)
		}
		return strings.Join(quoted, ", ")
	}
	return strconv.Quote(v.Text)
}

// Text returns what a version of the conflict has as a list of conflicts shows it: a
// cell's text as it is, and else as [Conflict.Show] does.
func (c *Conflict) Text(v Version) string {
	switch {
	case v.Present && v.Cells != nil:
		return strings.Join(v.Cells, listSeparator)
	case v.Present && v.ID.IsZero():
		return v.Text
	}
	return c.Show(v)
}

// listSeparator is what stands between the texts of a list in one cell.
const listSeparator = " | "

// Cell names the row and the column as a list of conflicts does: the row by its key,
// else by its number or that of its line; instead of a column the part of the file's
// form. Either is empty if the conflict is about none.
func (c *Conflict) Cell() (row, column string) {
	switch {
	case len(c.Key) > 0:
		row = strings.Join(c.Key, listSeparator)
	case c.Row > 0 && c.Kind == KindLines:
		row = "line " + strconv.FormatInt(c.Row, 10)
	case c.Row > 0 && c.Kind == KindMember:
		row = "element " + strconv.FormatInt(c.Row, 10)
	case c.Row > 0:
		row = "row " + strconv.FormatInt(c.Row, 10)
	}
	if column = c.Column; column == "" {
		column = c.Part
	}
	return row, column
}

// absence says what it means that a version has nothing.
func (c *Conflict) absence() string {
	side := c.Base.Present // and so it is no base that has nothing
	switch c.Kind {
	case KindColumn, KindName:
		if side {
			return "dropped"
		}
		return "no such column"
	case KindCell:
		return "no such column"
	case KindRowAdded, KindRowDeleted, KindRowEdited, KindRowForm:
		if side {
			return "deleted"
		}
		return "no such row"
	case KindFile, KindDeleted:
		if side {
			return "deleted"
		}
		return "no such file"
	case KindKey:
		return "no key"
	case KindLines:
		return "no lines"
	}
	if side {
		return "removed"
	}
	return "not there"
}
