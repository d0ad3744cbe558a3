package validate

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/internal/datapackage"
)

// schema is what datapackage.json says of a table, as far as it could be read.
type schema struct {
	fields      []field
	missing     []missingValue // nil if nothing is said
	match       string         // fieldsMatch
	primaryKey  []string
	uniqueKeys  [][]string
	foreignKeys []foreignKey
	rules       []ruleDecl
}

// field is the declaration of one field.
type field struct {
	Name        string          `json:"name"`
	Type        string          `json:"type"`
	Format      json.RawMessage `json:"format"`
	Missing     []missingValue  `json:"missingValues"`
	Constraints constraints     `json:"constraints"`
	DecimalChar string          `json:"decimalChar"`
	GroupChar   string          `json:"groupChar"`
	BareNumber  *bool           `json:"bareNumber"`
	TrueValues  []string        `json:"trueValues"`
	FalseValues []string        `json:"falseValues"`
	Delimiter   string          `json:"delimiter"`
	ItemType    string          `json:"itemType"`
	Categories  []labelled      `json:"categories"`
	Constl      struct {
		Allow []string `json:"allow"`
	} `json:"constl"`

	index int // in the list of fields
}

// constraints are those of Table Schema. The values of those that are about
// values are in the field's own type, as texts or numbers.
type constraints struct {
	Required         bool            `json:"required"`
	Unique           bool            `json:"unique"`
	Minimum          *scalar         `json:"minimum"`
	Maximum          *scalar         `json:"maximum"`
	ExclusiveMinimum *scalar         `json:"exclusiveMinimum"`
	ExclusiveMaximum *scalar         `json:"exclusiveMaximum"`
	MinLength        *int            `json:"minLength"`
	MaxLength        *int            `json:"maxLength"`
	Pattern          *string         `json:"pattern"`
	Enum             []scalar        `json:"enum"`
	JSONSchema       json.RawMessage `json:"jsonSchema"`
}

// scalar is a text, a number or a boolean, as its text.
type scalar string

// UnmarshalJSON implements [json.Unmarshaler].
func (s *scalar) UnmarshalJSON(data []byte) error {
	var text string
	switch {
	case json.Unmarshal(data, &text) == nil:
		*s = scalar(text)
	case len(data) > 0 && (data[0] == '{' || data[0] == '[' || string(data) == "null"):
		return fmt.Errorf("expected a text, a number, true or false, found %s", data)
	default:
		*s = scalar(data)
	}
	return nil
}

// labelled is a value, alone or as {"value", "label"}.
type labelled struct{ Value scalar }

// UnmarshalJSON implements [json.Unmarshaler].
func (l *labelled) UnmarshalJSON(data []byte) error {
	var object struct {
		Value *scalar `json:"value"`
	}
	if json.Unmarshal(data, &object) == nil && object.Value != nil {
		l.Value = *object.Value
		return nil
	}
	return json.Unmarshal(data, &l.Value)
}

type missingValue = labelled

// foreignKey says that the cells of fields stand in the fields of another
// resource too; of the same one if its name is empty.
type foreignKey struct {
	Fields    names `json:"fields"`
	Reference struct {
		Resource string `json:"resource"`
		Fields   names  `json:"fields"`
	} `json:"reference"`

	index int // in the list of keys
}

// names is one name or several.
type names []string

// UnmarshalJSON implements [json.Unmarshaler].
func (n *names) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil {
		*n = names{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(n))
}

// ruleDecl is a rule of people's own; exactly one of Row, Table and Change is set.
type ruleDecl struct {
	Name     string   `json:"name"`
	Row      string   `json:"row"`
	Table    string   `json:"table"`
	Change   string   `json:"change"`
	Per      names    `json:"per"`
	Message  string   `json:"message"`
	Severity Severity `json:"severity"`

	index int // in the list of rules
}

// mistake is something in datapackage.json that cannot be followed. path leads to
// it from the resource.
type mistake struct {
	path []any
	text string
}

// readSchema reads what a resource says of its table. What cannot be understood
// is left out and reported.
func readSchema(res *datapackage.Resource) (s *schema, wrong []mistake) {
	s = &schema{}
	data, ok := res.SchemaJSON()
	if !ok {
		if path := res.SchemaPath(); path != "" {
			wrong = append(wrong, mistake{[]any{"schema"}, fmt.Sprintf("the schema stands in another file (%s), which is not read: put it here", path)})
		}
		return s, wrong
	}
	var parts struct {
		Fields      []json.RawMessage `json:"fields"`
		Missing     json.RawMessage   `json:"missingValues"`
		Match       json.RawMessage   `json:"fieldsMatch"`
		PrimaryKey  json.RawMessage   `json:"primaryKey"`
		UniqueKeys  json.RawMessage   `json:"uniqueKeys"`
		ForeignKeys []json.RawMessage `json:"foreignKeys"`
		Constl      struct {
			Rules []json.RawMessage `json:"rules"`
		} `json:"constl"`
	}
	take := func(data []byte, to any, path ...any) bool {
		if len(data) == 0 {
			return false
		}
		err := json.Unmarshal(data, to)
		if err != nil {
			wrong = append(wrong, mistake{append([]any{"schema"}, path...), shapeText(err)})
		}
		return err == nil
	}
	if !take(data, &parts) {
		return s, wrong
	}
	for i, raw := range parts.Fields {
		f := field{index: i}
		take(raw, &f, "fields", i)
		s.fields = append(s.fields, f)
	}
	take(parts.Missing, &s.missing, "missingValues")
	s.match = matchOf(parts.Match)
	var key names
	if take(parts.PrimaryKey, &key, "primaryKey") {
		s.primaryKey = key
	}
	take(parts.UniqueKeys, &s.uniqueKeys, "uniqueKeys")
	for i, raw := range parts.ForeignKeys {
		k := foreignKey{index: i}
		if take(raw, &k, "foreignKeys", i) {
			s.foreignKeys = append(s.foreignKeys, k)
		}
	}
	for i, raw := range parts.Constl.Rules {
		r := ruleDecl{index: i}
		if take(raw, &r, "constl", "rules", i) {
			s.rules = append(s.rules, r)
		}
	}
	return s, wrong
}

// matchOf reads fieldsMatch, which early drafts of the standard had as a list.
func matchOf(data []byte) string {
	var words names
	if len(data) == 0 || json.Unmarshal(data, &words) != nil || len(words) != 1 {
		return ""
	}
	return words[0]
}

// shapeText says in words what json found to be of another kind than expected.
func shapeText(err error) string {
	var shape *json.UnmarshalTypeError
	if !errors.As(err, &shape) {
		return err.Error()
	}
	expected := map[string]string{"bool": "true or false", "string": "a text", "int": "a whole number", "slice": "a list", "struct": "an object"}
	kind := shape.Type.Kind().String()
	if word, ok := expected[kind]; ok {
		kind = word
	}
	if shape.Field == "" {
		return fmt.Sprintf("expected %s, found a %s", kind, shape.Value)
	}
	return fmt.Sprintf("%s should be %s, found a %s", shape.Field, kind, shape.Value)
}

// format returns the field's format, "default" if it has none.
func (f *field) format() string {
	var text string
	if json.Unmarshal(f.Format, &text) != nil || text == "" {
		return "default"
	}
	return text
}

// usualMissing are the words that stand for a missing value where datapackage.json
// does not say which do, other than in texts: those with which constl infers types.
var usualMissing = []string{"", "NA", "N/A", "NaN", "null", "NULL", "-", "."}

// missingTexts returns the texts that stand for a missing value in a field.
func (s *schema) missingTexts(f *field) []string {
	list := f.Missing
	if list == nil {
		list = s.missing
	}
	if list != nil {
		texts := make([]string, len(list))
		for i, m := range list {
			texts[i] = string(m.Value)
		}
		return texts
	}
	switch f.Type {
	case "", "string", "any":
		return usualMissing[:1]
	case "number":
		return slices.DeleteFunc(slices.Clone(usualMissing), func(t string) bool { return t == "NaN" })
	}
	return usualMissing
}

// quoted lists texts for people to read.
func quoted(texts []string, most int) string {
	var b strings.Builder
	for i, t := range texts {
		if i == most {
			fmt.Fprintf(&b, " and %d more", len(texts)-most)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%q", t)
	}
	return b.String()
}
