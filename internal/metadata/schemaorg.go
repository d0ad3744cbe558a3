package metadata

import "strconv"

// SchemaOrg returns the dataset as a schema.org Dataset in JSON-LD, as search
// engines for datasets read it.
func SchemaOrg(d *Dataset) ([]byte, error) { return d.schemaOrg().file() }

func (d *Dataset) schemaOrg() doc {
	out := doc{{"@context", "https://schema.org/"}, {"@type", "Dataset"}, {"@id", d.Exact}, {"name", d.Title}}
	out = out.with("alternateName", inLanguages(d.Titles)).with("description", d.description())
	// Search engines want one text as the description.
	out = out.with("abstract", inLanguages(d.Descriptions))
	out = append(out, property{"identifier", []any{
		doc{{"@type", "PropertyValue"}, {"propertyID", "constl"}, {"name", "This exact version"}, {"value", d.Exact}},
		doc{{"@type", "PropertyValue"}, {"propertyID", "constl"}, {"name", "Always the newest"}, {"value", d.Live}},
	}})
	out = out.with("url", d.url()).with("version", d.Version).with("keywords", d.Keywords).with("inLanguage", d.Language)
	out = out.with("license", one(d.licenseURLs())).with("creator", people(d.Authors)).with("contributor", people(d.Contributors))
	out = out.with("dateCreated", d.Created).with("dateModified", d.date()).with("datePublished", d.date()).with("creditText", d.Citation)
	out = out.with("temporalCoverage", d.Temporal.String()).with("spatialCoverage", d.Spatial.schemaOrg())
	out = out.with("measurementTechnique", d.Methods).with("funding", d.grants())
	out = append(out, property{"isAccessibleForFree", true})
	var files, vars []any
	for _, f := range d.files() {
		files = append(files, doc{
			{"@type", "DataDownload"}, {"name", f.Path}, {"contentUrl", pathIRI(f.Path)}, {"encodingFormat", f.MediaType()},
			{"contentSize", strconv.FormatInt(f.Size, 10) + " B"}, {"sha256", f.SHA256},
		})
	}
	for i := range d.Tables {
		for j := range d.Tables[i].Fields {
			vars = append(vars, d.Tables[i].Fields[j].variable())
		}
	}
	return out.with("distribution", files).with("variableMeasured", vars)
}

func people(list []Person) []any {
	var out []any
	for _, p := range list {
		given, family := p.Names()
		person := doc{{"@type", "Person"}}.with("@id", p.ID()).with("name", p.Name).with("givenName", given).with("familyName", family).with("email", p.Email)
		if p.Organization != "" {
			person = append(person, property{"affiliation", doc{{"@type", "Organization"}}.with("@id", p.ROR).with("name", p.Organization)})
		}
		out = append(out, person)
	}
	return out
}

func (p Place) schemaOrg() doc {
	if p.Name == "" && !p.HasBox {
		return nil
	}
	out := doc{{"@type", "Place"}}.with("name", p.Name)
	if p.HasBox {
		box := string(number(p.Box[1])) + " " + string(number(p.Box[0])) + " " + string(number(p.Box[3])) + " " + string(number(p.Box[2]))
		out = append(out, property{"geo", doc{{"@type", "GeoShape"}, {"box", box}}})
	}
	return out
}

func (d *Dataset) grants() []any {
	var out []any
	for _, g := range d.Funding {
		grant := doc{{"@type", "Grant"}}.with("identifier", g.Award).with("name", g.Title)
		if g.Funder != "" || g.ROR != "" {
			grant = append(grant, property{"funder", doc{{"@type", "Organization"}}.with("@id", g.ROR).with("name", g.Funder)})
		}
		out = append(out, grant)
	}
	return out
}

// label returns the title if it says more than the name.
func (f *Field) label() string {
	if f.Title == f.Name {
		return ""
	}
	return f.Title
}

// variable is the field as something that was measured.
func (f *Field) variable() doc {
	v := doc{{"@type", "PropertyValue"}, {"name", f.Name}}
	v = v.with("alternateName", inOthers(f.label(), f.Titles)).with("description", inOthers(f.Description, f.Descriptions))
	v = v.with("propertyID", f.RDFType).with("unitText", f.Unit)
	if s := f.Statistics; s != nil && s.Of == "number" && s.Histogram != nil {
		if low, high := asNumber(s.Min), asNumber(s.Max); low != "" && high != "" {
			v = append(v, property{"minValue", low}, property{"maxValue", high})
		}
	}
	return v
}
