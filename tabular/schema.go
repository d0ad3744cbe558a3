package tabular

import (
	"fmt"

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

// maxType is the largest length of a type's name, in bytes.
const maxType = 64

// Field is a column of a table.
type Field struct {
	// ID is the field's stable id within its table: the name under which it first
	// appeared, made unique. A rename keeps it. It is not empty.
	ID string
	// Name is the text in the header, exactly. It may be empty or stand twice, and
	// like any cell it need not be UTF-8.
	Name string
	// Type is what people may change in datapackage.json. It is not empty.
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
	// key or columns, so it may name fields that the table no longer has.
	ChunkedBy []string
}

// Column returns the position of the field with the given id, or -1.
func (s *Schema) Column(id string) int {
	for i := range s.Fields {
		if s.Fields[i].ID == id {
			return i
		}
	}
	return -1
}

// Columns returns the positions of the fields with the given ids, in their
// order. Ids that the schema does not have are left out.
func (s *Schema) Columns(ids []string) []int {
	if len(ids) == 0 {
		return nil
	}
	at := s.positions()
	var cols []int
	for _, id := range ids {
		if c, ok := at[id]; ok {
			cols = append(cols, c)
		}
	}
	return cols
}

// KeyColumns returns the positions of the primary key's fields, in the key's
// order; none if the table has no key.
func (s *Schema) KeyColumns() []int { return s.Columns(s.Key) }

// ChunkColumns returns the positions of the fields that decide where row groups
// end: those of ChunkedBy that the schema has, in that order, or all fields if
// it has none of them.
func (s *Schema) ChunkColumns() []int {
	if cols := s.Columns(s.ChunkedBy); len(cols) > 0 {
		return cols
	}
	return allColumns(len(s.Fields))
}

func allColumns(width int) []int {
	cols := make([]int, width)
	for i := range cols {
		cols[i] = i
	}
	return cols
}

func (s *Schema) positions() map[string]int {
	at := make(map[string]int, len(s.Fields))
	for i := range s.Fields {
		at[s.Fields[i].ID] = i
	}
	return at
}

// Validate checks the rules of FORMAT.md §2: one to [MaxFields] fields with
// different ids, key fields that exist, no id named twice in a list, and
// lengths within limits. Failures wrap [ErrInvalidSchema], those of size
// [ErrTooLarge] too.
func (s *Schema) Validate() error {
	if n := len(s.Fields); n == 0 || n > MaxFields {
		return fmt.Errorf("%w: %w: %d fields, expected 1 to %d", ErrInvalidSchema, ErrTooLarge, n, MaxFields)
	}
	seen := make(map[string]bool, len(s.Fields))
	for i, f := range s.Fields {
		if len(f.ID) > MaxName || len(f.Name) > MaxName || len(f.Type) > maxType {
			return fmt.Errorf("%w: %w: the id, name or type of field %d is too long", ErrInvalidSchema, ErrTooLarge, i+1)
		}
		if f.ID == "" || f.Type == "" {
			return fmt.Errorf("%w: field %d (%q) has no id or no type", ErrInvalidSchema, i+1, f.Name)
		}
		if seen[f.ID] {
			return fmt.Errorf("%w: two fields have the id %q", ErrInvalidSchema, f.ID)
		}
		seen[f.ID] = true
	}
	if err := validateIDs("key", s.Key); err != nil {
		return err
	}
	for _, id := range s.Key {
		if !seen[id] {
			return fmt.Errorf("%w: the key names %q, which is no field", ErrInvalidSchema, id)
		}
	}
	return validateIDs("list of chunking fields", s.ChunkedBy)
}

func validateIDs(what string, ids []string) error {
	if len(ids) > MaxFields {
		return fmt.Errorf("%w: %w: %d fields in the %s", ErrInvalidSchema, ErrTooLarge, len(ids), what)
	}
	seen := make(map[string]bool, len(ids))
	for _, id := range ids {
		switch {
		case id == "" || len(id) > MaxName:
			return fmt.Errorf("%w: the %s has an id that is empty or too long", ErrInvalidSchema, what)
		case seen[id]:
			return fmt.Errorf("%w: the %s names %q twice", ErrInvalidSchema, what, id)
		}
		seen[id] = true
	}
	return nil
}

// Object returns the schema's object. It fails as [Schema.Validate] does, and
// with [ErrTooLarge] if all names together do not fit into an object.
func (s *Schema) Object() (object.Object, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	var e object.Encoder
	e.Uvarint(uint64(len(s.Fields)))
	for _, f := range s.Fields {
		e.Text(f.ID)
		e.Text(f.Name)
		e.Text(string(f.Type))
	}
	for _, ids := range [][]string{s.Key, s.ChunkedBy} {
		e.Uvarint(uint64(len(ids)))
		for _, id := range ids {
			e.Text(id)
		}
	}
	if e.Len() > object.MaxPayload {
		return nil, fmt.Errorf("%w: the names of %d fields take %d bytes", ErrTooLarge, len(s.Fields), e.Len())
	}
	return e.Object(object.KindSchema), nil
}

// DecodeSchema reads a schema's object. Failures wrap [object.ErrCorrupt].
func DecodeSchema(o object.Object) (*Schema, error) {
	d := object.NewDecoder(o, object.KindSchema)
	s := &Schema{}
	s.Fields = make([]Field, d.Count(3))
	for i := range s.Fields {
		s.Fields[i] = Field{
			ID:   string(d.Bytes(MaxName)),
			Name: string(d.Bytes(MaxName)),
			Type: Type(d.Bytes(maxType)),
		}
	}
	s.Key = decodeIDs(d)
	s.ChunkedBy = decodeIDs(d)
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("decode schema: %w", err)
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("decode schema: %w: %w", object.ErrCorrupt, err)
	}
	return s, nil
}

func decodeIDs(d *object.Decoder) []string {
	n := d.Count(1)
	if n == 0 {
		return nil
	}
	ids := make([]string, n)
	for i := range ids {
		ids[i] = string(d.Bytes(MaxName))
	}
	return ids
}
