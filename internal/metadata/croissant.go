package metadata

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Croissant returns the dataset after Croissant 1.1 (JSON-LD). Tables in encodings
// that its readers do not know are files without records.
func Croissant(d *Dataset) ([]byte, error) {
	out := doc{
		{"@context", d.croissantContext()}, {"@type", "sc:Dataset"}, {"conformsTo", "http://mlcommons.org/croissant/1.1"},
		{"name", d.Title}, {"description", d.description()},
	}
	out = out.with("alternateName", inLanguages(d.Titles)).with("license", one(d.licenseURLs())).with("url", d.url()).with("identifier", d.Exact)
	out = out.with("abstract", inLanguages(d.Descriptions)).with("creator", one(people(d.Authors))).with("contributor", one(people(d.Contributors))).with("datePublished", d.date()).with("dateCreated", d.Created).with("dateModified", d.date())
	out = out.with("keywords", d.Keywords).with("inLanguage", d.Language).with("version", d.Version).with("citeAs", strings.TrimSpace(d.BibTeX))
	out = out.with("temporalCoverage", d.Temporal.String()).with("spatialCoverage", d.Spatial.schemaOrg())
	out = out.with("measurementTechnique", d.Methods).with("funding", d.grants())
	out = append(out, property{"isLiveDataset", false}) // these are the files of one version
	ids := make(map[string]bool)
	var files, sets []any
	for _, f := range d.files() {
		files = append(files, doc{
			{"@type", "cr:FileObject"}, {"@id", unused(ids, pathIRI(f.Path))}, {"name", f.Path}, {"contentUrl", pathIRI(f.Path)},
			{"contentSize", strconv.FormatInt(f.Size, 10) + " B"}, {"encodingFormat", f.MediaType()}, {"sha256", f.SHA256},
		})
	}
	for i := range d.Tables {
		if t := &d.Tables[i]; t.Dialect.Encoding == "utf-8" && t.Dialect.Header {
			sets = append(sets, t.recordSet(ids))
		}
	}
	return out.with("distribution", files).with("recordSet", sets).file()
}

// unused returns the id, or one made of it that nothing has yet.
func unused(ids map[string]bool, id string) string {
	free := id
	for n := 2; ids[free]; n++ {
		free = id + "-" + strconv.Itoa(n)
	}
	ids[free] = true
	return free
}

func (t *Table) recordSet(ids map[string]bool) doc {
	setID := unused(ids, pathIRI(t.Name))
	var fields, key []any
	for i := range t.Fields {
		f := &t.Fields[i]
		fieldID := unused(ids, setID+"/"+pathIRI(strings.ReplaceAll(f.Name, "/", "_")))
		if f.Key {
			key = append(key, id(fieldID))
		}
		field := doc{{"@type", "cr:Field"}, {"@id", fieldID}, {"name", f.Name}}.with("alternateName", inOthers(f.label(), f.Titles)).with("description", inOthers(f.Description, f.Descriptions))
		field = append(field, property{"dataType", croissantType(f.Type)}).with("equivalentProperty", f.RDFType).with("unitText", f.Unit)
		fields = append(fields, append(field, property{"source", doc{
			{"fileObject", id(pathIRI(t.Path))}, {"extract", doc{{"column", f.Name}}},
		}}))
	}
	set := doc{{"@type", "cr:RecordSet"}, {"@id", setID}, {"name", t.Name}}.with("alternateName", t.Title).with("description", t.Description)
	return set.with("key", one(key)).with("field", fields)
}

func croissantType(t string) string {
	switch t {
	case "integer", "year":
		return "sc:Integer"
	case "number":
		return "sc:Float"
	case "boolean":
		return "sc:Boolean"
	case "date":
		return "sc:Date"
	case "datetime":
		return "sc:DateTime"
	case "time":
		return "sc:Time"
	}
	return "sc:Text"
}

// croissantContext is that of the specification's first appendix.
func (d *Dataset) croissantContext() doc {
	lang := d.Language
	if lang == "" {
		lang = "en"
	}
	out := doc{{"@language", lang}, {"@vocab", "https://schema.org/"}}
	for _, term := range strings.Fields("annotation arrayShape citeAs column") {
		out = append(out, property{term, "cr:" + term})
	}
	out = append(out, property{"conformsTo", "dct:conformsTo"}, property{"containedIn", "cr:containedIn"}, property{"cr", "http://mlcommons.org/croissant/"},
		property{"data", doc{{"@id", "cr:data"}, {"@type", "@json"}}}, property{"dataType", doc{{"@id", "cr:dataType"}, {"@type", "@vocab"}}},
		property{"dct", "http://purl.org/dc/terms/"}, property{"equivalentProperty", "cr:equivalentProperty"},
		property{"examples", doc{{"@id", "cr:examples"}, {"@type", "@json"}}})
	for _, term := range strings.Fields("excludes extract field fileProperty fileObject fileSet format includes isArray isLiveDataset jsonPath key md5 parentField path") {
		out = append(out, property{term, "cr:" + term})
	}
	out = append(out, property{"prov", "http://www.w3.org/ns/prov#"}, property{"rai", "http://mlcommons.org/croissant/RAI/"})
	for _, term := range strings.Fields("readLines recordSet references regex repeated replace") {
		out = append(out, property{term, "cr:" + term})
	}
	out = append(out, property{"sc", "https://schema.org/"})
	for _, term := range strings.Fields("samplingRate sdVersion separator source subField transform unArchive value") {
		out = append(out, property{term, "cr:" + term})
	}
	return append(out, property{"wd", "https://www.wikidata.org/wiki/"})
}

// asNumber returns a text that is a JSON number as one, or "".
func asNumber(text string) json.Number {
	if text == "" || !json.Valid([]byte(text)) || strings.IndexByte("-0123456789", text[0]) < 0 {
		return ""
	}
	return json.Number(text)
}
