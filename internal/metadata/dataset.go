package metadata

import (
	"path"
	"strings"
	"time"
)

// Dataset is one version of a dataset, described. What is not known is empty.
type Dataset struct {
	ID     string // of the dataset
	Commit string
	Exact  string // the identifier of this version
	Live   string // what leads to the newest version

	Name         string // short, of a-z, 0-9, "-", "_" and "."
	Title        string
	Description  string
	Titles       map[string]string // by language (BCP 47)
	Descriptions map[string]string
	Language     string // of Title and Description; "" if nobody said
	Version      string // a tag, or what people call it
	Homepage     string
	Keywords     []string
	Licenses     []License
	Authors      []Person
	Contributors []Person // others than the authors
	Modified     time.Time
	Created      string // ISO 8601
	Temporal     Period
	Spatial      Place
	Methods      []string
	Funding      []Grant
	Citation     string // one line
	BibTeX       string

	Tables []Table
	Files  []File // that are no tables
}

// Person is a person or organisation.
type Person struct {
	Name         string
	ORCID        string // 16 digits in four groups
	Email        string
	URL          string
	Organization string
	ROR          string // of the organisation, as https://ror.org/…
	Roles        []string
}

// ID returns the IRI of a person who has one, or "".
func (p Person) ID() string {
	if p.ORCID != "" {
		return "https://orcid.org/" + p.ORCID
	}
	return p.URL
}

// Names returns the given names and the family name: the parts around the comma, or
// else around the last space.
func (p Person) Names() (given, family string) {
	if family, given, ok := strings.Cut(p.Name, ","); ok {
		return strings.TrimSpace(given), strings.TrimSpace(family)
	}
	if i := strings.LastIndexByte(p.Name, ' '); i > 0 {
		return p.Name[:i], p.Name[i+1:]
	}
	return "", p.Name
}

// License is a licence.
type License struct {
	ID   string // SPDX
	Name string
	URL  string
}

// Period is a time from one date to another (ISO 8601).
type Period struct{ Start, End string }

// Place is an area: west, south, east, north in degrees if HasBox is set.
type Place struct {
	Name   string
	Box    [4]float64
	HasBox bool
}

// Grant is a source of money.
type Grant struct{ Funder, ROR, Award, Title string }

// File is a file of the dataset.
type File struct {
	Path   string
	Size   int64  // bytes
	SHA256 string // lower-case hex
	BLAKE3 string // lower-case hex
}

// MediaType returns the type by the file's name.
func (f File) MediaType() string {
	name := strings.ToLower(f.Path)
	if strings.HasSuffix(name, ".gz") {
		return "application/gzip"
	}
	switch path.Ext(name) {
	case ".csv":
		return "text/csv"
	case ".tsv", ".tab":
		return "text/tab-separated-values"
	case ".json":
		return "application/json"
	case ".md":
		return "text/markdown"
	case ".txt":
		return "text/plain"
	case ".html", ".htm":
		return "text/html"
	case ".pdf":
		return "application/pdf"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case ".parquet":
		return "application/vnd.apache.parquet"
	}
	return "application/octet-stream"
}

// Table is a table of the dataset.
type Table struct {
	File
	Name        string // of its resource
	Title       string
	Description string
	Rows        int64
	Fields      []Field
	Dialect     Dialect
}

// Dialect is how a table's file is written.
type Dialect struct {
	Delimiter string
	Quote     string
	Header    bool
	Encoding  string // IANA's name
	LineEnd   string
}

// Key returns the names of the fields of the primary key.
func (t *Table) Key() []string {
	var names []string
	for _, f := range t.Fields {
		if f.Key {
			names = append(names, f.Name)
		}
	}
	return names
}

// Field is a field of a table.
type Field struct {
	Name         string
	Type         string // of Table Schema
	Format       string
	Title        string
	Titles       map[string]string
	Description  string
	Descriptions map[string]string
	Unit         string // UCUM
	RDFType      string
	Key          bool
	Missing      []string // texts that stand for no value; nil if nobody said
	Constraints  []Constraint
	Statistics   *Statistics // nil if they were not asked for
}

// Constraint is the name of a constraint and its value as JSON.
type Constraint struct{ Name, Value string }

// Label returns the title, or else the name.
func (f *Field) Label() string {
	if f.Title != "" {
		return f.Title
	}
	return f.Name
}

// Constraint returns the value of the field's constraint of that name as JSON, or "".
func (f *Field) Constraint(name string) string {
	for _, c := range f.Constraints {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

// Required reports whether no cell may be missing.
func (f *Field) Required() bool { return f.Key || f.Constraint("required") == "true" }
