package metadata

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// DCAT returns the dataset after DCAT 3, as JSON-LD with its context inside.
func DCAT(d *Dataset) ([]byte, error) {
	out := doc{{"@context", doc{
		{"dcat", "http://www.w3.org/ns/dcat#"}, {"dct", "http://purl.org/dc/terms/"}, {"foaf", "http://xmlns.com/foaf/0.1/"},
		{"spdx", "http://spdx.org/rdf/terms#"}, {"xsd", "http://www.w3.org/2001/XMLSchema#"}, {"adms", "http://www.w3.org/ns/adms#"},
		{"locn", "http://www.w3.org/ns/locn#"}, {"geo", "http://www.opengis.net/ont/geosparql#"}, {"rdfs", "http://www.w3.org/2000/01/rdf-schema#"}, {"prov", "http://www.w3.org/ns/prov#"}, {"org", "http://www.w3.org/ns/org#"},
	}}, {"@id", d.Exact}, {"@type", "dcat:Dataset"}}
	out = append(out, property{"dct:identifier", d.Exact}, property{"dct:title", d.tagged(d.Title, d.Titles)})
	out = out.with("dct:description", d.tagged(d.description(), d.Descriptions)).with("dcat:version", d.Version)
	if d.Live != d.Exact {
		out = append(out, property{"dcat:isVersionOf", id(d.Live)})
	}
	if d.Homepage != "" {
		out = append(out, property{"dcat:landingPage", id(d.Homepage)})
	}
	var keywords []any
	for _, k := range d.Keywords {
		keywords = append(keywords, d.tagged(k, nil))
	}
	out = out.with("dcat:keyword", keywords).with("dct:language", languageIRI(d.Language)).with("dct:creator", agents(d.Authors)).with("dct:contributor", agents(d.Contributors))
	if !d.Modified.IsZero() {
		out = append(out, property{"dct:issued", typed(d.date(), "xsd:date")}, property{"dct:modified", typed(d.Modified.Format(time.RFC3339), "xsd:dateTime")})
	}
	if d.Temporal != (Period{}) {
		period := doc{{"@type", "dct:PeriodOfTime"}}
		if d.Temporal.Start != "" {
			period = append(period, property{"dcat:startDate", typedDate(d.Temporal.Start)})
		}
		if d.Temporal.End != "" {
			period = append(period, property{"dcat:endDate", typedDate(d.Temporal.End)})
		}
		out = append(out, property{"dct:temporal", period})
	}
	out = out.with("dct:spatial", d.Spatial.dcat()).with("dct:license", d.licenseIRI()).with("dct:bibliographicCitation", d.Citation)
	out = out.with("dct:provenance", d.provenance()).with("prov:qualifiedAttribution", d.attributions())
	var list []any
	for _, f := range d.files() {
		list = append(list, d.distribution(f))
	}
	return out.with("dcat:distribution", list).file()
}

// languageIRI is how DCAT names a language: by its code of ISO 639-1 at the Library
// of Congress, or of ISO 639-2 if that has three letters.
func languageIRI(tag string) any {
	base, _, _ := strings.Cut(tag, "-")
	switch len(base) {
	case 2:
		return id("http://id.loc.gov/vocabulary/iso639-1/" + strings.ToLower(base))
	case 3:
		return id("http://id.loc.gov/vocabulary/iso639-2/" + strings.ToLower(base))
	}
	return nil
}

// provenance says how the data were obtained.
func (d *Dataset) provenance() []any {
	var out []any
	for _, m := range d.Methods {
		out = append(out, doc{{"@type", "dct:ProvenanceStatement"}, {"rdfs:label", d.tagged(m, nil)}})
	}
	return out
}

// attributions name who has paid, with the role that ISO 19115-1 has for them.
func (d *Dataset) attributions() []any {
	var out []any
	for _, g := range d.Funding {
		agent := doc{}
		if g.ROR != "" {
			agent = id(g.ROR)
		}
		agent = append(agent, property{"@type", "foaf:Agent"}).with("foaf:name", g.Funder)
		grant := doc{{"@type", "prov:Attribution"}, {"prov:agent", agent}, {"dcat:hadRole", id("http://def.isotc211.org/iso19115/-1/2014/CitationAndResponsiblePartyInformation/code/CI_RoleCode/funder")}}
		out = append(out, grant.with("dct:identifier", g.Award).with("dct:title", g.Title))
	}
	return out
}

func typed(text, datatype string) doc { return doc{{"@value", text}, {"@type", datatype}} }

// typedDate is a year, a month, a day or a moment.
func typedDate(text string) doc {
	switch len(text) {
	case 4:
		return typed(text, "xsd:gYear")
	case 7:
		return typed(text, "xsd:gYearMonth")
	case 10:
		return typed(text, "xsd:date")
	}
	return typed(text, "xsd:dateTime")
}

func agents(list []Person) []any {
	var out []any
	for _, p := range list {
		agent := doc{}
		if p.ID() != "" {
			agent = id(p.ID())
		}
		agent = append(agent, property{"@type", "foaf:Agent"}).with("foaf:name", p.Name)
		if p.Email != "" {
			agent = append(agent, property{"foaf:mbox", id("mailto:" + p.Email)})
		}
		if p.Organization != "" {
			member := doc{}
			if p.ROR != "" {
				member = id(p.ROR)
			}
			agent = append(agent, property{"org:memberOf", append(member, property{"@type", "org:Organization"}, property{"foaf:name", p.Organization})})
		}
		out = append(out, agent)
	}
	return out
}

func (d *Dataset) licenseIRI() any {
	var out []any
	for _, l := range d.Licenses {
		if l.URL != "" {
			out = append(out, id(l.URL))
		} else if l.ID != "" {
			out = append(out, doc{{"@type", "dct:LicenseDocument"}, {"rdfs:label", l.ID}})
		}
	}
	return one(out)
}

func (p Place) dcat() doc {
	if p.Name == "" && !p.HasBox {
		return nil
	}
	out := doc{{"@type", "dct:Location"}}.with("rdfs:label", p.Name)
	if p.HasBox {
		w, s, e, n := number(p.Box[0]), number(p.Box[1]), number(p.Box[2]), number(p.Box[3])
		wkt := fmt.Sprintf("POLYGON((%s %s,%s %s,%s %s,%s %s,%s %s))", w, s, e, s, e, n, w, n, w, s)
		out = append(out, property{"dcat:bbox", typed(wkt, "geo:wktLiteral")})
	}
	return out
}

func (d *Dataset) distribution(f File) doc {
	out := doc{{"@id", d.Exact + "#" + pathIRI(f.Path)}, {"@type", "dcat:Distribution"}, {"dct:title", f.Path}, {"dcat:accessURL", id(d.url())}}
	out = append(out, property{"dcat:mediaType", id("https://www.iana.org/assignments/media-types/" + f.MediaType())})
	out = append(out, property{"dcat:byteSize", typed(strconv.FormatInt(f.Size, 10), "xsd:nonNegativeInteger")})
	out = out.with("dct:license", d.licenseIRI())
	return append(out, property{"spdx:checksum", doc{
		{"@type", "spdx:Checksum"}, {"spdx:algorithm", id("spdx:checksumAlgorithm_sha256")}, {"spdx:checksumValue", typed(f.SHA256, "xsd:hexBinary")},
	}})
}
