package metadata

import (
	"strconv"
	"strings"
)

// ROCrateName is the name that the file of [ROCrate] must have.
const ROCrateName = "ro-crate-metadata.json"

// ROCrate returns the dataset after RO-Crate 1.2: what [ROCrateName] says beside
// the dataset's files.
func ROCrate(d *Dataset) ([]byte, error) {
	c := crate{seen: make(map[string]bool)}
	root := doc{{"@id", "./"}, {"@type", "Dataset"}, {"name", d.Title}, {"description", d.description()}, {"datePublished", d.date()}}
	root = root.with("alternateName", inLanguages(d.Titles)).with("abstract", inLanguages(d.Descriptions)).with("version", d.Version).with("keywords", d.Keywords).with("inLanguage", d.Language)
	root = root.with("url", d.Homepage).with("creditText", d.Citation).with("dateCreated", d.Created).with("dateModified", d.date())
	root = root.with("temporalCoverage", d.Temporal.String()).with("measurementTechnique", d.Methods)
	ids := []any{}
	for _, i := range [][2]string{{"This exact version", d.Exact}, {"Always the newest", d.Live}} {
		ids = append(ids, c.refs(doc{{"@id", i[1]}, {"@type", "PropertyValue"}, {"propertyID", "constl"}, {"name", i[0]}, {"value", i[1]}}))
	}
	root = append(root, property{"identifier", ids})
	var licenses []any
	for _, l := range d.Licenses {
		iri := l.URL
		if iri == "" {
			iri = "#license-" + pathIRI(l.ID)
		}
		licenses = append(licenses, c.refs(doc{{"@id", iri}, {"@type", "CreativeWork"}}.with("name", first(l.Name, l.ID)).with("identifier", l.ID)))
	}
	if len(licenses) == 0 {
		// The standard demands one, and that there is none is what readers must know.
		licenses = append(licenses, c.refs(doc{
			{"@id", "#no-license"}, {"@type", "CreativeWork"}, {"name", "No licence is stated"}, {"description", "Ask the authors before you use the data."},
		}))
	}
	root = root.with("license", one(licenses)).with("author", one(c.people(d.Authors))).with("contributor", one(c.people(d.Contributors)))
	if place := d.Spatial.schemaOrg(); place != nil {
		root = append(root, property{"spatialCoverage", c.place(place)})
	}
	root = root.with("funding", one(c.grants(d.Funding)))
	var parts []any
	for i := range d.Tables {
		parts = append(parts, c.table(&d.Tables[i]))
	}
	for _, f := range d.Files {
		if f.Path != ROCrateName {
			parts = append(parts, c.refs(f.crate()))
		}
	}
	root = root.with("hasPart", parts)
	descriptor := doc{
		{"@id", ROCrateName}, {"@type", "CreativeWork"}, {"about", id("./")}, {"conformsTo", id("https://w3id.org/ro/crate/1.2")},
	}
	graph := append([]any{descriptor, root}, c.graph...)
	return doc{{"@context", "https://w3id.org/ro/crate/1.2/context"}, {"@graph", graph}}.file()
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// crate collects the entities, of which each stands on its own.
type crate struct {
	graph []any
	seen  map[string]bool
}

// refs adds an entity, whose first property is its id, and returns what points at it.
func (c *crate) refs(e doc) doc {
	iri := e[0].value.(string)
	if !c.seen[iri] {
		c.seen[iri] = true
		c.graph = append(c.graph, e)
	}
	return id(iri)
}

func (c *crate) people(list []Person) []any {
	var out []any
	for _, p := range list {
		iri := p.ID()
		if iri == "" {
			iri = "#person-" + pathIRI(strings.ReplaceAll(p.Name, " ", "-"))
		}
		given, family := p.Names()
		e := doc{{"@id", iri}, {"@type", "Person"}}.with("name", p.Name).with("givenName", given).with("familyName", family).with("email", p.Email)
		if p.Organization != "" {
			organization := first(p.ROR, "#organization-"+pathIRI(strings.ReplaceAll(p.Organization, " ", "-")))
			e = append(e, property{"affiliation", c.refs(doc{{"@id", organization}, {"@type", "Organization"}, {"name", p.Organization}})})
		}
		out = append(out, c.refs(e))
	}
	return out
}

func (c *crate) place(p doc) doc {
	e := doc{{"@id", "#place"}}
	for _, property := range p {
		if geo, ok := property.value.(doc); ok {
			property.value = c.refs(append(doc{{"@id", "#place-box"}}, geo...))
		}
		e = append(e, property)
	}
	return c.refs(e)
}

func (c *crate) grants(list []Grant) []any {
	var out []any
	for i, g := range list {
		e := doc{{"@id", "#grant-" + strconv.Itoa(i+1)}, {"@type", "Grant"}}.with("identifier", g.Award).with("name", g.Title)
		if g.Funder != "" || g.ROR != "" {
			funder := first(g.ROR, "#organization-"+pathIRI(strings.ReplaceAll(g.Funder, " ", "-")))
			e = append(e, property{"funder", c.refs(doc{{"@id", funder}, {"@type", "Organization"}}.with("name", g.Funder))})
		}
		out = append(out, c.refs(e))
	}
	return out
}

func (c *crate) table(t *Table) doc {
	e := t.File.crate()
	e = e.with("alternateName", t.Title).with("description", t.Description)
	var vars []any
	for i := range t.Fields {
		f := &t.Fields[i]
		iri := "#" + pathIRI(t.Name) + "-" + pathIRI(strings.ReplaceAll(f.Name, " ", "-"))
		for n := 2; c.seen[iri]; n++ {
			iri = "#" + pathIRI(t.Name) + "-" + strconv.Itoa(i+1)
		}
		vars = append(vars, c.refs(append(doc{{"@id", iri}}, f.variable()...)))
	}
	return c.refs(e.with("variableMeasured", vars))
}

func (f File) crate() doc {
	return doc{
		{"@id", pathIRI(f.Path)}, {"@type", "File"}, {"name", f.Path}, {"encodingFormat", f.MediaType()},
		{"contentSize", strconv.FormatInt(f.Size, 10)}, {"sha256", f.SHA256},
	}
}
