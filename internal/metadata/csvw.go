package metadata

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// CSVW returns the dataset's tables after the W3C's metadata vocabulary for tabular
// data ("CSV on the Web").
func CSVW(d *Dataset) ([]byte, error) {
	context := any("http://www.w3.org/ns/csvw")
	if d.Language != "" {
		context = []any{context, doc{{"@language", d.Language}}}
	}
	out := doc{{"@context", context}, {"@type", "TableGroup"}, {"dc:title", inOthers(d.Title, d.Titles)}}
	out = out.with("dc:description", inOthers(d.Description, d.Descriptions)).with("dc:identifier", d.Exact).with("dc:language", d.Language)
	var license any
	for _, l := range d.Licenses {
		if l.URL != "" && license == nil {
			license = id(l.URL)
		}
	}
	out = out.with("dc:license", license).with("dc:creator", names(d.Authors)).with("dc:modified", d.date()).with("dc:subject", d.Keywords)
	out = out.with("dc:contributor", names(d.Contributors)).with("dc:temporal", d.Temporal.String()).with("dc:spatial", d.Spatial.text()).with("dc:provenance", d.Methods)
	var funders []string
	for _, g := range d.Funding {
		funders = append(funders, strings.Join(strings.Fields(g.Funder+" "+g.ROR+" "+g.Award+" "+g.Title), " "))
	}
	out = out.with("schema:funding", funders).with("dc:isVersionOf", d.Live)
	var tables []any
	for i := range d.Tables {
		tables = append(tables, d.Tables[i].csvw())
	}
	return out.with("tables", tables).file()
}

// text is the area in one line: its name, and west, south, east, north after DCMI Box.
func (p Place) text() string {
	text := p.Name
	if p.HasBox {
		box := fmt.Sprintf("westlimit=%g; southlimit=%g; eastlimit=%g; northlimit=%g", p.Box[0], p.Box[1], p.Box[2], p.Box[3])
		if text != "" {
			box = "name=" + text + "; " + box
		}
		text = box
	}
	return text
}

func names(list []Person) []string {
	var out []string
	for _, p := range list {
		out = append(out, p.Name)
	}
	return out
}

func (t *Table) csvw() doc {
	out := doc{{"@type", "Table"}, {"url", pathIRI(t.Path)}}.with("dc:title", t.Title).with("dc:description", t.Description)
	var quote any
	if t.Dialect.Quote != "" {
		quote = t.Dialect.Quote
	}
	rows := 0
	if t.Dialect.Header {
		rows = 1
	}
	dialect := doc{
		{"delimiter", t.Dialect.Delimiter}, {"quoteChar", quote}, {"header", t.Dialect.Header}, {"headerRowCount", rows},
		{"encoding", t.Dialect.Encoding}, {"lineTerminators", []string{t.Dialect.LineEnd}},
	}
	out = append(out, property{"dialect", dialect})
	var columns, key []any
	taken := make(map[string]bool)
	for i := range t.Fields {
		f := &t.Fields[i]
		name := columnName(f.Name, i)
		for taken[name] {
			name += "." + strconv.Itoa(i+1)
		}
		taken[name] = true
		if f.Key {
			key = append(key, name)
		}
		columns = append(columns, f.csvw(name))
	}
	return append(out, property{"tableSchema", doc{{"columns", columns}}.with("primaryKey", one(key))})
}

// columnName makes a name that a URI template may have: letters, digits, "_", "."
// and percent-encoded bytes. Names that begin with "_" are CSVW's own.
func columnName(name string, i int) string {
	escaped := strings.NewReplacer("+", "%20", "-", "%2D", "~", "%7E").Replace(url.QueryEscape(name))
	if escaped == "" || escaped[0] == '_' {
		return "col." + strconv.Itoa(i+1)
	}
	return escaped
}

func (f *Field) csvw(name string) doc {
	out := doc{{"name", name}, {"titles", f.Name}}.with("dc:title", inOthers(f.Title, f.Titles)).with("dc:description", inOthers(f.Description, f.Descriptions))
	out = out.with("propertyUrl", f.RDFType)
	base := csvwType(f.Type)
	datatype := doc{{"base", base}}
	if f.Type == "boolean" {
		datatype = append(datatype, property{"format", f.booleans()})
	}
	if pattern := datePattern(f.Format); pattern != "" && (f.Type == "date" || f.Type == "datetime" || f.Type == "time") {
		datatype = append(datatype, property{"format", pattern})
	}
	if base != "string" && base != "boolean" {
		for _, bound := range []string{"minimum", "maximum"} {
			if v := f.Constraint(bound); v != "" {
				datatype = append(datatype, property{bound, json.RawMessage(v)})
			}
		}
	}
	if base == "string" {
		for _, limit := range []string{"minLength", "maxLength"} {
			if v := f.Constraint(limit); v != "" {
				datatype = append(datatype, property{limit, json.RawMessage(v)})
			}
		}
	}
	if len(datatype) == 1 {
		out = append(out, property{"datatype", base})
	} else {
		out = append(out, property{"datatype", datatype})
	}
	if f.Required() {
		out = append(out, property{"required", true})
	}
	if f.Unit != "" {
		out = append(out, property{"schema:unitText", f.Unit})
	}
	return out.with("null", f.Missing)
}

func csvwType(t string) string {
	switch t {
	case "integer", "number", "boolean", "date", "time":
		return t
	case "datetime":
		return "datetime"
	case "year":
		return "gYear"
	case "yearmonth":
		return "gYearMonth"
	case "duration":
		return "duration"
	}
	return "string"
}

// booleans returns the two words that stand in the column, as CSVW's format.
func (f *Field) booleans() string {
	if f.Statistics != nil {
		for _, v := range f.Statistics.Top {
			switch v.Text {
			case "TRUE", "FALSE":
				return "TRUE|FALSE"
			case "True", "False":
				return "True|False"
			}
		}
	}
	return "true|false"
}

// datePattern turns a format of Table Schema, as %d.%m.%Y, into one of Unicode's
// date format patterns, or returns "".
func datePattern(format string) string {
	if !strings.Contains(format, "%") {
		return ""
	}
	return strings.NewReplacer("%Y", "yyyy", "%y", "yy", "%m", "MM", "%d", "dd", "%H", "HH", "%M", "mm", "%S", "ss").Replace(format)
}
