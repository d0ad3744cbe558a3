package datapackage

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The patterns of the profiles of Data Package v2 (datapackage.json and
// tableschema.json of profiles/2.0). RE2 has no lookahead: that of paths is said in
// another way, and without URLs.
var (
	profilePath    = regexp.MustCompile(`^[^./~\\][^\\]*$`)
	profileMedia   = regexp.MustCompile(`^(.+)/(.+)$`)
	profileLicence = regexp.MustCompile(`^([-a-zA-Z0-9._])+$`)
	profileTypes   = []string{"string", "number", "integer", "date", "time", "datetime", "year", "yearmonth", "boolean", "object", "geopoint", "geojson", "array", "duration", "any"}
)

// checkProfile reports where a description breaks the profiles.
func checkProfile(t *testing.T, p *Package) {
	t.Helper()
	var doc struct {
		Schema       string          `json:"$schema"`
		Keywords     *[]string       `json:"keywords"`
		Contributors *[]contributor  `json:"contributors"`
		Licenses     *[]licence      `json:"licenses"`
		Resources    []profiledTable `json:"resources"`
	}
	if err := json.Unmarshal(p.Bytes(), &doc); err != nil {
		t.Fatalf("%v\n%s", err, p.Bytes())
	}
	if doc.Schema != profilePackage || len(doc.Resources) == 0 || doc.Keywords != nil && len(*doc.Keywords) == 0 {
		t.Errorf("expected a profile, a resource, and a keyword if there are any:\n%s", p.Bytes())
	}
	if doc.Contributors != nil && (len(*doc.Contributors) == 0 || slices.ContainsFunc(*doc.Contributors, contributor.wrong)) {
		t.Errorf("contributors: %+v", *doc.Contributors)
	}
	if doc.Licenses != nil && (len(*doc.Licenses) == 0 || slices.ContainsFunc(*doc.Licenses, licence.wrong)) {
		t.Errorf("licenses: %+v", *doc.Licenses)
	}
	names := make(map[string]bool)
	for _, r := range doc.Resources {
		if names[r.Name] || r.Name == "" || !profilePath.MatchString(r.Path) || strings.HasPrefix(r.Path, "file:") {
			t.Errorf("resource %q at %q", r.Name, r.Path)
		}
		names[r.Name] = true
		r.check(t)
	}
}

type contributor struct {
	Title string    `json:"title"`
	Path  string    `json:"path"`
	Roles *[]string `json:"roles"`
}

func (c contributor) wrong() bool {
	return c.Title == "" && c.Path == "" || c.Roles != nil && len(*c.Roles) == 0 || c.Path != "" && !regexp.MustCompile(`^https?://`).MatchString(c.Path)
}

type licence struct{ Name, Path string }

func (l licence) wrong() bool {
	return l.Name == "" && l.Path == "" || l.Name != "" && !profileLicence.MatchString(l.Name)
}

type profiledTable struct {
	Name, Path, Mediatype string
	Type                  *string
	Schema                *struct {
		Schema     string `json:"$schema"`
		Fields     []profiledField
		PrimaryKey *[]string
	}
}

func (r *profiledTable) check(t *testing.T) {
	t.Helper()
	if r.Type != nil && *r.Type != "table" || r.Mediatype != "" && !profileMedia.MatchString(r.Mediatype) {
		t.Errorf("%s: type or mediatype: %+v", r.Path, r)
	}
	s := r.Schema
	if s == nil {
		return
	}
	if s.Schema != profileSchema || len(s.Fields) == 0 || s.PrimaryKey != nil && (len(*s.PrimaryKey) == 0 || twice(*s.PrimaryKey)) {
		t.Errorf("%s: profile, fields or key: %+v", r.Path, s)
	}
	for _, f := range s.Fields {
		f.check(t, r.Path)
	}
}

type profiledField struct {
	Name        *string
	Type        string
	Format      *string
	Constraints *struct {
		Enum                 *[]any
		Minimum, Maximum     any
		MinLength, MaxLength *int
		Required, Unique     *bool
		Pattern              *string
	}
}

func (f *profiledField) check(t *testing.T, table string) {
	t.Helper()
	if f.Name == nil || !slices.Contains(profileTypes, f.Type) || f.Format != nil && !FormatFits(f.Type, *f.Format) {
		t.Errorf("%s: name, type or format: %+v", table, f)
	}
	if f.Constraints == nil || f.Constraints.Enum == nil {
		return
	}
	var texts []string
	for _, v := range *f.Constraints.Enum {
		text, err := json.Marshal(v)
		_, isBool := v.(bool)
		if texts = append(texts, string(text)); err != nil || isBool != (f.Type == "boolean") {
			t.Errorf("%s: enum of a field of the type %s: %s", table, f.Type, text)
		}
	}
	if len(texts) == 0 || twice(texts) {
		t.Errorf("%s: enum: %q", table, texts)
	}
}

func twice(list []string) bool {
	return len(slices.Compact(slices.Sorted(slices.Values(list)))) < len(list)
}

// What constl enters by itself and what people have it enter keeps to the profiles.
func TestWhatIsWrittenKeepsToTheProfiles(t *testing.T) {
	p := New("birds", "Birds")
	fields := []Field{{"id", "integer"}, {"day", "date"}, {"alive", "boolean"}, {"", "any"}}
	for _, file := range []string{"a/x.csv", "b/x.csv", "x.csv.gz", "Zählung 1.TSV", "...", "~x.csv", ".x.csv", "file:x.csv", "a:b.csv", "read.me", "none.csv"} {
		table := Table{Fields: fields, PrimaryKey: []string{"id"}, KeyInferred: true, Encoding: "windows-1252", Dialect: Dialect{Delimiter: ";", QuoteChar: "'", NoHeader: true, CommentChar: "#"}}
		switch file {
		case "read.me":
			table = Table{}
		case "none.csv":
			table = Table{Fields: []Field{}}
		}
		_, _ = p.AddResource(file, table) // what the profile bars is refused
	}
	checkProfile(t, p)
	p.AddContributor(Contributor{Name: "Jane Doe", ORCID: "0000-0002-1825-0097", Organization: "Delta Lab", Roles: []string{"creator"}})
	p.AddContributor(Contributor{Name: "Okri, Ben"})
	p.AddLicense(License{Name: "CC0-1.0"})
	p.Set("keywords", []string{"birds"})
	r, _ := p.Resource("a/x.csv")
	r.SetConstraint("alive", "enum", []bool{true, false})
	r.SetConstraint("day", "minimum", "2026-01-01")
	r.SetField("day", "format", "%d.%m.%Y")
	r.SetType("day", "string")
	r.SetSchema("missingValues", []string{"", "NA"})
	checkProfile(t, p)
	r.SetKey(nil, false)
	p.Set("keywords", nil)
	r.SetConstraint("alive", "enum", nil)
	checkProfile(t, p)
}

func TestFormatsGoWithTypes(t *testing.T) {
	for _, c := range []struct {
		kind, format string
		fits         bool
	}{
		{"string", "email", true}, {"", "uuid", true}, {"string", "%Y", false}, {"integer", "default", true}, {"integer", "email", false}, {"number", "any", false},
		{"date", "%d.%m.%Y", true}, {"date", "any", true}, {"time", "email", false}, {"datetime", "default", true}, {"geopoint", "array", true}, {"geojson", "array", false}, {"any", "email", true},
	} {
		if FormatFits(c.kind, c.format) != c.fits {
			t.Errorf("%s of a %s: expected %v", c.format, c.kind, c.fits)
		}
	}
}
