package datapackage

import (
	"strconv"
	"strings"
)

// Keywords returns the keywords. The caller owns the slice.
func (p *Package) Keywords() []string { return p.doc.root.get("keywords").strs() }

// Homepage returns the URL of a page about the dataset, or "".
func (p *Package) Homepage() string { return p.doc.root.text("homepage") }

// Created returns when the dataset was first made, as it stands there, or "".
func (p *Package) Created() string { return p.doc.root.text("created") }

// Languages returns the languages (BCP 47) of titles and descriptions: that of
// those without a mark first. None are known if the file says nothing.
func (p *Package) Languages() []string { return p.doc.root.get("languages").strs() }

// Translations returns, by language, the texts that stand beside a property of the
// package under its name, an @ and a language, as "title@de".
func (p *Package) Translations(key string) map[string]string { return p.doc.root.translations(key) }

// Translations is as that of [Package], for a resource.
func (r *Resource) Translations(key string) map[string]string { return r.node.translations(key) }

func (n *node) translations(key string) map[string]string {
	out := make(map[string]string)
	for i := range n.members {
		m := &n.members[i]
		if lang, ok := strings.CutPrefix(m.key, key+"@"); ok && m.value.kind == kindString {
			out[lang] = m.value.str()
		}
	}
	return out
}

// Temporal is the time that a dataset covers, as texts after ISO 8601; any may be
// empty.
type Temporal struct {
	Start string
	End   string
}

// Temporal returns what the property temporal says, in its form {"start", "end"}.
func (p *Package) Temporal() Temporal {
	n := p.doc.root.get("temporal")
	return Temporal{n.text("start"), n.text("end")}
}

// Spatial is the area that a dataset covers.
type Spatial struct {
	Place string
	// Box is west, south, east, north in degrees (WGS 84), if HasBox is set.
	Box    [4]float64
	HasBox bool
}

// Spatial returns what the property spatial says: "name", and "bbox" in GeoJSON's
// order.
func (p *Package) Spatial() Spatial {
	n := p.doc.root.get("spatial")
	s := Spatial{Place: n.text("name")}
	box := n.get("bbox").elems()
	if len(box) != 4 {
		return s
	}
	for i, m := range box {
		v, err := strconv.ParseFloat(m.value.lit, 64)
		if m.value.kind != kindNumber || err != nil {
			return s
		}
		s.Box[i] = v
	}
	s.HasBox = true
	return s
}

// Methods returns how the data were obtained, one text for each paragraph or step.
func (p *Package) Methods() []string { return p.doc.root.get("methods").strs() }

// Funding is a grant; any part may be empty.
type Funding struct {
	Funder string
	ROR    string // the funder's identifier, as it stands there
	Award  string // the grant's number
	Title  string
}

// Funding returns the grants in the file's order.
func (p *Package) Funding() []Funding {
	var out []Funding
	for _, m := range p.doc.root.get("funding").elems() {
		if v := m.value; v.kind == kindObject {
			out = append(out, Funding{Funder: v.text("funder"), ROR: v.text("ror"), Award: v.text("award"), Title: v.text("title")})
		}
	}
	return out
}

// Has reports whether the package says anything under key.
func (p *Package) Has(key string) bool {
	n := p.doc.root.get(key)
	return n != nil && n.kind != kindNull && (n.kind != kindString || n.str() != "") && (n.kind != kindArray || len(n.members) > 0)
}

// FieldDetails is all that is said of a field. What is not said is empty.
type FieldDetails struct {
	Field
	Format       string
	Title        string
	Titles       map[string]string // by language, from "title@de" and the like
	Description  string
	Descriptions map[string]string // by language
	Unit         string            // a UCUM code
	RDFType      string            // the IRI of what the field means
	DecimalChar  string
	GroupChar    string
	// MissingValues are the texts that stand for no value: the field's own, or else
	// the schema's; nil if neither says.
	MissingValues []string
	// Constraints holds the constraints in their order; values are JSON texts.
	Constraints []Constraint
}

// Constraint is the name of a constraint and its value as JSON.
type Constraint struct{ Name, Value string }

// Constraint returns a constraint's value (a string's text, else its JSON) or "".
func (f *FieldDetails) Constraint(name string) string {
	for _, c := range f.Constraints {
		if c.Name == name {
			if strings.HasPrefix(c.Value, `"`) {
				return unquote(c.Value)
			}
			return c.Value
		}
	}
	return ""
}

// FieldDetails returns all that is said of the table's fields, in the file's order.
func (r *Resource) FieldDetails() []FieldDetails {
	schema := r.node.get("schema")
	all := missingValues(schema)
	var out []FieldDetails
	for _, m := range schema.get("fields").elems() {
		v := m.value
		d := FieldDetails{
			Field:  Field{Name: v.text("name"), Type: v.text("type")},
			Format: v.text("format"), Title: v.text("title"), Titles: v.translations("title"),
			Description: v.text("description"), Descriptions: v.translations("description"),
			Unit: v.text("unit"), RDFType: v.text("rdfType"),
			DecimalChar: v.text("decimalChar"), GroupChar: v.text("groupChar"),
		}
		if d.MissingValues = missingValues(v); d.MissingValues == nil {
			d.MissingValues = all
		}
		if c := v.get("constraints"); c != nil && c.kind == kindObject {
			for i := range c.members {
				d.Constraints = append(d.Constraints, Constraint{c.members[i].key, string(c.members[i].value.json())})
			}
		}
		out = append(out, d)
	}
	return out
}

// missingValues reads the property of that name: texts, or objects with a value.
func missingValues(n *node) []string {
	list := n.get("missingValues")
	if list == nil || list.kind != kindArray {
		return nil
	}
	out := []string{}
	for _, m := range list.elems() {
		switch m.value.kind {
		case kindString:
			out = append(out, m.value.str())
		case kindObject:
			out = append(out, m.value.text("value"))
		}
	}
	return out
}

// ORCID returns the identifier in a text, bare or as a URL, and whether there is
// one whose check digit is right.
func ORCID(text string) (id string, ok bool) {
	id = findORCID(text)
	return id, id != ""
}
