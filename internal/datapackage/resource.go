package datapackage

import (
	"path"
	"slices"
	"strings"
)

// Field is a column of a table: its name, exactly as in the header, and its
// type, one of the words of Table Schema ("" if nothing is known).
type Field struct {
	Name string
	Type string
}

// Dialect is how a delimited text file is written. The zero value is that of
// the standard: commas, double quotes, one header row.
type Dialect struct {
	Delimiter string // "" means a comma
	QuoteChar string // "" means a double quote
	NoHeader  bool   // the first row is data already
	// CommentChar begins lines that are no rows; "" says that nothing does.
	CommentChar string
}

// Table is what constl knows about a file that it describes. The zero value is
// a file that is no table.
type Table struct {
	Name       string   // wish for the resource's name; "" makes one of the file's
	Fields     []Field  // in the order of the columns; nil if the file is no table
	PrimaryKey []string // names of the key's fields; nil if there is none
	// KeyInferred says that the key was guessed from the rows, see [Resource.KeyInferred].
	KeyInferred bool
	Dialect     Dialect
	Encoding    string // "" means UTF-8
}

// inferredKey is the property of a schema that repeats a primary key which constl has
// guessed. A person confirms the key by taking it away, or by writing another key.
const inferredKey = "constl:inferredKey"

// The properties that constl itself writes.
var (
	ownOfResource = []string{"name", "type", "path", "format", "mediatype", "compression", "encoding", "dialect", "schema"}
	ownOfSchema   = []string{"$schema", "fields", "primaryKey", inferredKey}
	ownOfField    = []string{"name", "type"}
	ownOfDialect  = []string{"delimiter", "quoteChar", "header", "commentChar"}
)

func (t Table) resource(name, file string) object {
	out := object{{"name", name}}
	if t.Fields != nil {
		out = append(out, property{"type", "table"})
	}
	out = append(out, property{"path", file})
	lower := strings.ToLower(file)
	text := strings.TrimSuffix(lower, ".gz")
	switch path.Ext(text) {
	case ".csv":
		out = append(out, property{"format", "csv"}, property{"mediatype", "text/csv"})
	case ".tsv", ".tab":
		out = append(out, property{"format", "tsv"}, property{"mediatype", "text/tab-separated-values"})
	}
	if text != lower && t.Fields != nil {
		out = append(out, property{"compression", "gz"})
	}
	if t.Encoding != "" {
		out = append(out, property{"encoding", t.Encoding})
	}
	if t.Fields == nil {
		return out
	}
	if d := t.Dialect.properties(); len(d) > 0 {
		out = append(out, property{"dialect", inline{d}})
	}
	if len(t.Fields) == 0 {
		return out // a schema must have a field
	}
	schema := object{{"$schema", profileSchema}, {"fields", fieldList(t.Fields)}}
	if len(t.PrimaryKey) > 0 {
		schema = append(schema, property{"primaryKey", inline{textList(t.PrimaryKey)}})
		if t.KeyInferred {
			schema = append(schema, property{inferredKey, inline{textList(t.PrimaryKey)}})
		}
	}
	return append(out, property{"schema", schema})
}

func (d Dialect) properties() object {
	var out object
	if d.Delimiter != "" && d.Delimiter != "," {
		out = append(out, property{"delimiter", d.Delimiter})
	}
	if d.QuoteChar != "" && d.QuoteChar != `"` {
		out = append(out, property{"quoteChar", d.QuoteChar})
	}
	if d.NoHeader {
		out = append(out, property{"header", false})
	}
	if d.CommentChar != "" {
		out = append(out, property{"commentChar", d.CommentChar})
	}
	return out
}

func (f Field) properties() object {
	if f.Type == "" {
		return object{{"name", f.Name}}
	}
	return object{{"name", f.Name}, {"type", f.Type}}
}

func fieldList(fields []Field) any {
	if len(fields) == 0 {
		return inline{array{}}
	}
	list := make(array, len(fields))
	for i, f := range fields {
		list[i] = inline{f.properties()}
	}
	return list
}

func textList(texts []string) array {
	list := make(array, len(texts))
	for i, s := range texts {
		list[i] = s
	}
	return list
}

// Resource is the description of one file within a [Package]: a change to it
// changes the package.
type Resource struct {
	node   *node
	indent string
	style  style
}

// Name returns the resource's name, or "".
func (r *Resource) Name() string { return r.node.text("name") }

// Title returns the resource's title, or "".
func (r *Resource) Title() string { return r.node.text("title") }

// Description returns the description, in Markdown, or "".
func (r *Resource) Description() string { return r.node.text("description") }

// Paths returns the files that the resource describes: paths, or URLs, as they
// are written. The caller owns the slice.
func (r *Resource) Paths() []string { return r.node.get("path").strs() }

func (r *Resource) describes(file string) bool {
	return slices.ContainsFunc(r.Paths(), func(p string) bool {
		return p == file || !strings.Contains(p, "://") && path.Clean(p) == file
	})
}

// JSON returns the resource exactly as it stands in the file. The caller owns
// the slice.
func (r *Resource) JSON() []byte { return r.node.json() }

// SchemaJSON returns the table's schema exactly as it stands in the file, and
// whether there is one here; a schema that stands in another file is none. The
// caller owns the slice.
func (r *Resource) SchemaJSON() ([]byte, bool) {
	s := r.node.get("schema")
	if s == nil || s.kind != kindObject {
		return nil, false
	}
	return s.json(), true
}

// SchemaPath returns the path or URL of the table's schema if the resource only
// points at it, or "".
func (r *Resource) SchemaPath() string { return r.node.text("schema") }

// PrimaryKey returns the names of the primary key's fields in order, none if
// there is no key. The caller owns the slice.
func (r *Resource) PrimaryKey() []string { return r.node.get("schema").get("primaryKey").strs() }

// KeyInferred reports whether constl has guessed the primary key and nobody has
// confirmed it: the property "constl:inferredKey" of the schema names the same fields.
func (r *Resource) KeyInferred() bool {
	key := r.PrimaryKey()
	return len(key) > 0 && slices.Equal(key, r.node.get("schema").get(inferredKey).strs())
}

// SetPrimaryKey names the primary key's fields unless the file says already what
// the key is, and reports whether it did. A schema in another file is left alone.
func (r *Resource) SetPrimaryKey(names []string) (added bool) {
	s, indent := r.schema()
	if s == nil || s.get("primaryKey") != nil || len(names) == 0 {
		return false
	}
	s.insert(len(s.members), r.style, indent, "primaryKey", inline{textList(names)})
	return true
}

// schema returns the schema, which it adds if it is missing, and its line's
// indentation; nil if it stands in another file.
func (r *Resource) schema() (*node, string) {
	i := r.node.index("schema")
	if i < 0 {
		i = len(r.node.members)
		r.node.insert(i, r.style, r.indent, "schema", object{{"$schema", profileSchema}})
	}
	m := &r.node.members[i]
	if m.value.kind != kindObject {
		return nil, ""
	}
	return m.value, m.indentOf(r.indent)
}

// plain reports whether the resource says nothing but what constl writes.
func (r *Resource) plain() bool {
	if !r.node.only(ownOfResource) || len(r.Paths()) > 1 || r.SchemaPath() != "" {
		return false
	}
	schema, dialect := r.node.get("schema"), r.node.get("dialect")
	if schema != nil && !schema.only(ownOfSchema) || dialect != nil && !dialect.only(ownOfDialect) {
		return false
	}
	for _, f := range schema.get("fields").elems() {
		if !f.value.only(ownOfField) {
			return false
		}
	}
	return true
}

// only reports whether n is an object all of whose properties are among keys.
func (n *node) only(keys []string) bool {
	if n.kind != kindObject {
		return false
	}
	for i := range n.members {
		if !slices.Contains(keys, n.members[i].key) {
			return false
		}
	}
	return true
}
