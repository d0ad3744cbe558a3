package tabular

import (
	"github.com/constl/constl/object"
)

// Type is a field's type, with the words of Table Schema (Frictionless v2).
type Type string

// The types that constl infers. A schema may name any other of Table Schema's.
const (
	TypeString   Type = "string"
	TypeInteger  Type = "integer"
	TypeNumber   Type = "number"
	TypeBoolean  Type = "boolean"
	TypeDate     Type = "date"
	TypeDatetime Type = "datetime"
	TypeTime     Type = "time"
	TypeYear     Type = "year"
	TypeAny      Type = "any"
)

// Field is a column of a table.
type Field struct {
	// ID is the field's stable id within its table: the name under which it first
	// appeared, made unique. A rename keeps it.
	ID string
	// Name is the text in the header, exactly. It may be empty or stand twice.
	Name string
	// Type is what people may change in datapackage.json.
	Type Type
}

// Schema says what the fields of a table are.
type Schema struct {
	Fields []Field
	// Key holds the ids of the primary key's fields in order; none if the table
	// has no key and rows are compared whole.
	Key []string
	// ChunkedBy holds the ids of the fields whose cells decide where row groups
	// end. It is set when the table is first committed and outlives a change of
	// key or columns.
	ChunkedBy []string
}

// Table is a stored table, opened. It is safe for use by several goroutines.
type Table struct {
	ID     object.ID
	Schema *Schema
	Layout Layout
	Rows   int64
}

// GroupRef points at one row group of a table.
type GroupRef struct {
	ID    object.ID
	First int64  // rows of the table that stand before the group
	Rows  int    // rows in the group
	Tail  uint64 // hash of the last row's chunking cells
	Last  bool   // the group ends because the table does
}
