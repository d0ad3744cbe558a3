package datapackage

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// written is a file as a person might have written it.
const written = `{
    "name": "birds", "title": "Bird counts \u2014 delta",
    "custom": {"n": 1.50, "big": 12345678901234567890, "e": 1E+2},

    "contributors": [
        {"title": "Data Lab", "role": "publisher"},
        {"givenName": "Jane", "familyName": "Doe", "path": "https://orcid.org/0000-0002-1825-0097", "roles": ["contact", "creator"]}
    ],
    "licenses": [{"name": "CC-BY-4.0", "path": "https://creativecommons.org/licenses/by/4.0/"}],
    "resources": [
        {
            "path": "./counts.csv",
            "name": "counts",
            "schema": {
                "fields": [
                    {"name": "id"},
                    {"name": "mass", "type": "number", "unit": "g"},
                    {"name": "old", "type": "string"}
                ],
                "primaryKey": "id"
            }
        }
    ]
}
`

func parse(t *testing.T, src string) *Package {
	t.Helper()
	p, err := Parse([]byte(src))
	if err != nil {
		t.Fatalf("Parse(%s): %v", src, err)
	}
	return p
}

func wantBytes(t *testing.T, p *Package, want string) {
	t.Helper()
	if diff := cmp.Diff(want, string(p.Bytes())); diff != "" {
		t.Errorf("file differs from what is wanted (-want +got):\n%s", diff)
	}
}

func TestUnchangedFileIsByteIdentical(t *testing.T) {
	for _, src := range []string{
		written, "{}", " {\t} \n", `{"a":[ ],"b" : [1 ,2]}`, "{\r\n\t\"a\": \"\\u00e4\\/\"\r\n}\r\n",
	} {
		wantBytes(t, parse(t, src), src)
	}
}

func TestAccessors(t *testing.T) {
	p := parse(t, written)
	if p.Name() != "birds" || p.Title() != "Bird counts — delta" || p.Description() != "" || p.Version() != "" {
		t.Errorf("name %q, title %q, description %q, version %q", p.Name(), p.Title(), p.Description(), p.Version())
	}
	people := []Contributor{
		{Name: "Jane Doe", ORCID: "0000-0002-1825-0097", Path: "https://orcid.org/0000-0002-1825-0097", Roles: []string{"contact", "creator"}},
		{Name: "Data Lab", Roles: []string{"publisher"}},
	}
	if diff := cmp.Diff(people, p.Contributors()); diff != "" {
		t.Errorf("contributors (-want +got):\n%s", diff)
	}
	licenses := []License{{Name: "CC-BY-4.0", Path: "https://creativecommons.org/licenses/by/4.0/"}}
	if diff := cmp.Diff(licenses, p.Licenses()); diff != "" {
		t.Errorf("licences (-want +got):\n%s", diff)
	}
	r, ok := p.Resource("counts.csv")
	if !ok {
		t.Fatal("no resource for counts.csv")
	}
	if diff := cmp.Diff([]string{"id"}, r.PrimaryKey()); diff != "" {
		t.Errorf("primary key (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Field{{"id", ""}, {"mass", "number"}, {"old", "string"}}, r.Fields()); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if _, ok := p.Resource("other.csv"); ok {
		t.Error("a resource for other.csv, which nobody described")
	}
	if s, ok := r.SchemaJSON(); !ok || !json.Valid(s) || !bytes.Contains(s, []byte(`"unit": "g"`)) {
		t.Errorf("schema %s, %v", s, ok)
	}
}

func TestNewDescribesTables(t *testing.T) {
	p := New("Vögel im Delta!", "Vögel im Delta")
	for _, path := range []string{"data/Zählung 2024.csv", "Zahlung-2024.tsv", "README.md"} {
		table := Table{}
		switch {
		case strings.HasSuffix(path, ".csv"):
			table = Table{Fields: []Field{{"id", "integer"}, {"n <&> m", "number"}}, PrimaryKey: []string{"id"}}
		case strings.HasSuffix(path, ".tsv"):
			table = Table{Fields: []Field{}, Dialect: Dialect{Delimiter: "\t", NoHeader: true}, Encoding: "latin1"}
		}
		if added, err := p.AddResource(path, table); err != nil || !added {
			t.Fatalf("AddResource(%q): %v, %v", path, added, err)
		}
		if added, err := p.AddResource(path, table); err != nil || added {
			t.Fatalf("AddResource(%q) again: %v, %v", path, added, err)
		}
	}
	wantBytes(t, p, `{
  "$schema": "https://datapackage.org/profiles/2.0/datapackage.json",
  "name": "vogel-im-delta",
  "title": "Vögel im Delta",
  "resources": [
    {
      "name": "zahlung-2024",
      "type": "table",
      "path": "data/Zählung 2024.csv",
      "format": "csv",
      "mediatype": "text/csv",
      "schema": {
        "$schema": "https://datapackage.org/profiles/2.0/tableschema.json",
        "fields": [
          {"name": "id", "type": "integer"},
          {"name": "n <&> m", "type": "number"}
        ],
        "primaryKey": ["id"]
      }
    },
    {
      "name": "zahlung-2024-2",
      "type": "table",
      "path": "Zahlung-2024.tsv",
      "format": "tsv",
      "mediatype": "text/tab-separated-values",
      "encoding": "latin1",
      "dialect": {"delimiter": "\t", "header": false}
    },
    {
      "name": "readme",
      "path": "README.md"
    }
  ]
}
`)
}

func TestCompressedTableSaysSo(t *testing.T) {
	p := New("counts", "Counts")
	for path, table := range map[string]Table{"Counts.CSV.gz": {Fields: []Field{{"id", "integer"}}}, "photos.tar.gz": {}} {
		if added, err := p.AddResource(path, table); err != nil || !added {
			t.Fatalf("AddResource(%q): %v, %v", path, added, err)
		}
	}
	for path, want := range map[string]string{"Counts.CSV.gz": "gz", "photos.tar.gz": ""} {
		r, ok := p.Resource(path)
		if !ok {
			t.Fatalf("no resource for %s", path)
		}
		if got := r.node.text("compression"); got != want {
			t.Errorf("%s: compression %q, expected %q", path, got, want)
		}
		if want != "" && (r.node.text("format") != "csv" || r.node.text("mediatype") != "text/csv") {
			t.Errorf("%s is not described as its text", path)
		}
	}
}

func TestSetFieldsKeepsWhatPeopleWrote(t *testing.T) {
	p := parse(t, written)
	r, _ := p.Resource("counts.csv")
	ch := r.SetFields([]Field{{"new", "date"}, {"id", "integer"}, {"mid", "string"}, {"end", ""}})
	want := FieldChanges{Added: []string{"new", "mid", "end"}, Removed: []string{"old"}, Kept: []string{"mass"}}
	if diff := cmp.Diff(want, ch); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if r.SetPrimaryKey([]string{"new"}) {
		t.Error("SetPrimaryKey replaced a person's key")
	}
	wantBytes(t, p, strings.Replace(written, `                    {"name": "id"},
                    {"name": "mass", "type": "number", "unit": "g"},
                    {"name": "old", "type": "string"}
`, `                    {"name": "new", "type": "date"},
                    {"name": "id", "type": "integer"},
                    {"name": "mid", "type": "string"},
                    {"name": "end"},
                    {"name": "mass", "type": "number", "unit": "g"}
`, 1))
	if !r.RenameField("id", "key") {
		t.Error("RenameField found no id")
	}
	if diff := cmp.Diff([]string{"key"}, r.PrimaryKey()); diff != "" {
		t.Errorf("primary key after a rename (-want +got):\n%s", diff)
	}
}

func TestSetFieldsWithNamesThatStandTwice(t *testing.T) {
	p := parse(t, `{"resources":[{"path":"a.csv","schema":{"fields":[{"name":"x","title":"first"},{"name":"x"},{"name":""}]}}]}`)
	r, _ := p.Resource("a.csv")
	ch := r.SetFields([]Field{{"x", "string"}, {"", "string"}, {"", "integer"}})
	want := FieldChanges{Added: []string{""}, Removed: []string{"x"}}
	if diff := cmp.Diff(want, ch); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	wantBytes(t, p, `{"resources":[{"path":"a.csv","schema":{"fields":[{"name":"x","type":"string","title":"first"},{"name":"","type":"string"},{"name":"","type":"integer"}]}}]}`)
}

func TestSchemaElsewhereIsLeftAlone(t *testing.T) {
	src := `{"resources": [{"name": "a", "path": ["a.csv", "b.csv"], "schema": "schema.json"}]}`
	p := parse(t, src)
	r, ok := p.Resource("b.csv")
	if !ok {
		t.Fatal("no resource for the second part")
	}
	if ch := r.SetFields([]Field{{"x", "string"}}); !reflect.DeepEqual(ch, FieldChanges{}) {
		t.Errorf("SetFields changed %v", ch)
	}
	if r.SetPrimaryKey([]string{"x"}) || r.SchemaPath() != "schema.json" {
		t.Errorf("schema path %q", r.SchemaPath())
	}
	wantBytes(t, p, src)
}

func TestAdditionsFollowTheFilesLayout(t *testing.T) {
	table := Table{Fields: []Field{{"x", "integer"}}}
	cases := []struct{ name, src, want string }{
		{"one line", `{"name": "n", "resources": [{"path": "a"}]}`,
			`{"name": "n", "resources": [{"path": "a"}, {"name": "b", "type": "table", "path": "b", "schema": {"$schema": "` + profileSchema + `", "fields": [{"name": "x", "type": "integer"}]}}]}`},
		{"compact", `{"name":"n"}`,
			`{"name":"n","resources":[{"name":"b","type":"table","path":"b","schema":{"$schema":"` + profileSchema + `","fields":[{"name":"x","type":"integer"}]}}]}`},
		{"tabs and CRLF", "{\r\n\t\"resources\": []\r\n}",
			"{\r\n\t\"resources\": [\r\n\t\t{\r\n\t\t\t\"name\": \"b\",\r\n\t\t\t\"type\": \"table\",\r\n\t\t\t\"path\": \"b\",\r\n\t\t\t\"schema\": {\r\n" +
				"\t\t\t\t\"$schema\": \"" + profileSchema + "\",\r\n\t\t\t\t\"fields\": [\r\n\t\t\t\t\t{\"name\": \"x\", \"type\": \"integer\"}\r\n\t\t\t\t]\r\n\t\t\t}\r\n\t\t}\r\n\t]\r\n}"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := parse(t, c.src)
			if added, err := p.AddResource("b", table); err != nil || !added {
				t.Fatalf("AddResource: %v, %v", added, err)
			}
			wantBytes(t, p, c.want)
			if !p.DropResource("b") {
				t.Error("DropResource left what constl wrote")
			}
		})
	}
}

func TestFieldsInSeveralLinesStaySo(t *testing.T) {
	src := "{\n \"resources\": [{\"path\": \"a\", \"schema\": {\"fields\": [\n  {\n   \"name\": \"x\"\n  }\n ]}}]\n}"
	p := parse(t, src)
	r, _ := p.Resource("a")
	r.SetFields([]Field{{"x", ""}, {"y", "date"}})
	wantBytes(t, p, strings.Replace(src, "x\"\n  }", "x\"\n  },\n  {\n   \"name\": \"y\",\n   \"type\": \"date\"\n  }", 1))
}

func TestDropResourceKeepsWhatPeopleWrote(t *testing.T) {
	p := parse(t, written)
	if p.DropResource("counts.csv") {
		t.Error("DropResource removed an entry with a unit")
	}
	wantBytes(t, p, written)
}

func TestPeopleAndLicencesThatWereAskedFor(t *testing.T) {
	p := parse(t, "{\n  \"title\": \"old\",\n  \"x\": 1\n}\n")
	p.SetTitle("new")
	p.SetVersion("1.0.0")
	if !p.AddContributor(Contributor{Name: "Jane Doe", ORCID: "0000-0002-1825-0097", Roles: []string{"creator"}}) {
		t.Error("AddContributor did nothing")
	}
	if !p.AddLicense(License{Name: "CC0-1.0"}) || p.AddLicense(License{Name: "CC0-1.0"}) {
		t.Error("AddLicense must add once")
	}
	wantBytes(t, p, `{
  "title": "new",
  "x": 1,
  "version": "1.0.0",
  "contributors": [
    {
      "title": "Jane Doe",
      "path": "https://orcid.org/0000-0002-1825-0097",
      "roles": ["creator"]
    }
  ],
  "licenses": [
    {
      "name": "CC0-1.0"
    }
  ]
}
`)
}

func TestORCIDWithWrongCheckDigit(t *testing.T) {
	for s, want := range map[string]string{
		"https://orcid.org/0000-0002-1825-0097":   "0000-0002-1825-0097",
		"http://orcid.org/0000-0002-1694-233X/":   "0000-0002-1694-233X",
		"0000-0002-1825-0097":                     "0000-0002-1825-0097",
		"https://orcid.org/0000-0002-1825-0098":   "",
		"https://example.org/0000-0002-1825-0097": "",
		"0000-0002-1825":                          "",
	} {
		if got := findORCID(s); got != want {
			t.Errorf("findORCID(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestParseSaysWhatIsWrongAndWhere(t *testing.T) {
	cases := []struct {
		src, want string
		class     error
	}{
		{"\ufeff{}", "line 1, column 1: the file begins with a byte order mark", ErrSyntax},
		{"", "line 1, column 1: expected a value, found the end of the file", ErrSyntax},
		{"{\n \"ä\": 1,\n}", "line 3, column 1: a comma stands before this }", ErrSyntax},
		{"{\"a\": [1, ]}", "column 11: a comma stands before this ]", ErrSyntax},
		{"{\"ä\": 1, \"\\u00e4\": 2}", "line 1, column 10: the property \"ä\" stands here a second time", ErrSyntax},
		{"{\"a\" 1}", "column 6: expected a colon after \"a\", found '1'", ErrSyntax},
		{"{“a”: 1}", "column 2: expected a property's name in double quotes, found “", ErrSyntax},
		{"{\"a\": 1 // x\n}", "column 9: expected a comma or }, found /", ErrSyntax},
		{"{\"a\": 01}", "column 7: 01 is not how JSON writes a number", ErrSyntax},
		{"{\"a\": 1.}", "1. is not how JSON writes a number", ErrSyntax},
		{"{\"a\": \"x\ny\"}", "column 7: this text has no closing quote in its line", ErrSyntax},
		{"{\"a\": \"\\ud800\"}", "is half a character", ErrSyntax},
		{"{\"a\": \"\\x\"}", "must be followed by one of", ErrSyntax},
		{"{\"a\": \"\xff\"}", "column 8: this is no UTF-8", ErrSyntax},
		{"{} {}", "expected the end of the file", ErrSyntax},
		{strings.Repeat("[", 1000), "nested more than 200 levels deep", ErrSyntax},
		{"[]", "expected an object", ErrShape},
		{"{\"resources\": {}}", "column 15: resources must be a list", ErrShape},
		{"{\"resources\": [1]}", "a resource must be an object", ErrShape},
		{"{\"resources\": [{\"schema\": []}]}", "a schema must be an object", ErrShape},
		{"{\"resources\": [{\"schema\": {\"fields\": {}}}]}", "fields must be a list", ErrShape},
		{"{\"resources\": [{\"schema\": {\"fields\": [{}]}}]}", "a field must have a name", ErrShape},
		{"{\"resources\": [{\"schema\": {\"primaryKey\": 1}}]}", "primaryKey must be", ErrShape},
	}
	for _, c := range cases {
		_, err := Parse([]byte(c.src))
		var at *Error
		if !errors.Is(err, c.class) || !errors.As(err, &at) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("Parse(%.40q): %v; want %v with %q", c.src, err, c.class, c.want)
		}
	}
}

func TestPathsThatTheStandardBars(t *testing.T) {
	p := New("n", "")
	before := p.Bytes()
	for _, path := range []string{"", ".", "/a", "../a", "a/../b", ".hidden/a", "a/.b", `a\b`, "~a", "file:a"} {
		if added, err := p.AddResource(path, Table{}); added || !errors.Is(err, ErrPath) {
			t.Errorf("AddResource(%q): %v, %v", path, added, err)
		}
	}
	wantBytes(t, p, string(before))
}

// contains reports whether all that a holds is in b: every property of an
// object, and every element of a list in its order.
func contains(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		for k, v := range a {
			w, have := b[k]
			ok = ok && have && contains(v, w)
		}
		return ok
	case []any:
		b, ok := b.([]any)
		for _, w := range b {
			if len(a) > 0 && contains(a[0], w) {
				a = a[1:]
			}
		}
		return ok && len(a) == 0
	}
	return reflect.DeepEqual(a, b)
}

func decode(t interface{ Fatalf(string, ...any) }, data []byte) any {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("%s: %v", data, err)
	}
	return v
}

func TestFillingInLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, err := Parse([]byte(written))
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		before := decode(t, bytes.Replace(p.Bytes(), []byte("\"old\", \"type\": \"string\""), []byte(`"old", "unit": "m"`), 1))
		p, err = Parse(bytes.Replace(p.Bytes(), []byte("\"old\", \"type\": \"string\""), []byte(`"old", "unit": "m"`), 1))
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		field := rapid.Custom(func(t *rapid.T) Field {
			return Field{rapid.SampledFrom([]string{"id", "mass", "old", "a", "b", ""}).Draw(t, "name"), rapid.SampledFrom([]string{"", "date"}).Draw(t, "type")}
		})
		fields := rapid.SliceOfN(field, 0, 8).Draw(t, "fields")
		fields = append(fields, Field{"id", "integer"})
		r, _ := p.Resource("counts.csv")
		r.SetFields(fields)
		if _, err := p.AddResource(rapid.StringMatching(`[a-z]{1,2}\.csv`).Draw(t, "path"), Table{Fields: fields}); err != nil {
			t.Fatalf("AddResource: %v", err)
		}
		once := p.Bytes()
		if !contains(before, decode(t, once)) {
			t.Fatalf("a person's words are lost:\n%s", once)
		}
		if again := r.SetFields(fields); len(again.Added)+len(again.Removed) > 0 || !bytes.Equal(once, p.Bytes()) {
			t.Fatalf("a second time changed %v:\n%s", again, p.Bytes())
		}
		if _, err := Parse(once); err != nil {
			t.Fatalf("%s: %v", once, err)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(written))
	f.Add(New("n", "t").Bytes())
	f.Add([]byte("{\r\n\t\"resources\": [ ]}"))
	f.Add([]byte(`{"resources":[{"path":["b.csv"],"schema":{"fields":[{"name":"x"}]}}],"\ud83d\ude00":-1.5e-3}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := Parse(data)
		if err != nil {
			return
		}
		if !bytes.Equal(data, p.Bytes()) {
			t.Fatalf("came back as %q", p.Bytes())
		}
		if !json.Valid(data) {
			t.Fatal("accepted what is no JSON")
		}
		p.Contributors()
		p.Licenses()
		for _, r := range p.Resources() {
			r.Fields()
		}
		if list := p.doc.root.get("resources"); list != nil && list.kind != kindArray {
			t.Fatal("accepted resources that are no list")
		}
		if _, err := p.AddResource("b.csv", Table{Fields: []Field{{"x", "integer"}}}); err != nil {
			t.Fatal(err)
		}
		r, ok := p.Resource("b.csv")
		if !ok {
			t.Fatal("no resource after AddResource")
		}
		r.SetFields([]Field{{"y", "date"}, {"x", "integer"}})
		q, err := Parse(p.Bytes())
		if err != nil {
			t.Fatalf("what was filled in does not parse: %v\n%s", err, p.Bytes())
		}
		if !bytes.Equal(p.Bytes(), q.Bytes()) {
			t.Fatal("what was filled in does not come back")
		}
	})
}

func BenchmarkSetFieldsWide(b *testing.B) {
	fields := make([]Field, 10_000)
	for i := range fields {
		fields[i] = Field{fmt.Sprintf("column_%d", i), "number"}
	}
	p := New("wide", "")
	if _, err := p.AddResource("wide.csv", Table{Fields: fields}); err != nil {
		b.Fatal(err)
	}
	data := p.Bytes()
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		p, err := Parse(data)
		if err != nil {
			b.Fatal(err)
		}
		r, _ := p.Resource("wide.csv")
		r.SetFields(fields)
		p.Bytes()
	}
}
