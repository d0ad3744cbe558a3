package metadata

import (
	"encoding/xml"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// emlContent is what may stand in the elements that constl writes, in this order,
// after the schemas of EML 2.2.0. It is a regular expression over their names, each
// with a space behind; "" is a text that is not empty. An element whose content
// depends on its parent stands as "parent/name". Of attributes, those with ! are
// required.
var emlContent = map[string][2]string{
	"eml":     {"dataset (additionalMetadata )*", "packageId! system! schemaLocation"},
	"dataset": {"(alternateIdentifier )*(title )+(creator )+(associatedParty )*(pubDate )?(language )?(abstract )?(keywordSet )*(licensed )*(distribution )*(coverage )?(contact )+(methods )?(project )?((dataTable |otherEntity ))*", ""},

	"alternateIdentifier": {}, "dataset/title": {"(value )*", "lang"}, "pubDate": {}, "language": {},
	"abstract": {"(para )*", ""}, "para": {"(value )*", ""}, "value": {"", "lang"},
	"keywordSet": {"(keyword )+", ""}, "keyword": {}, "licensed": {"licenseName (url )?(identifier )?", ""}, "licenseName": {}, "licensed/url": {}, "identifier": {},
	"distribution": {"online ", ""}, "online": {"url ", ""}, "online/url": {"", "function"},

	"creator": {emlParty, ""}, "contact": {emlParty, ""}, "associatedParty": {emlParty + "role ", ""}, "personnel": {emlParty + "(role )+", ""},
	"individualName": {"(givenName )*surName ", ""}, "givenName": {}, "surName": {}, "organizationName": {}, "electronicMailAddress": {}, "onlineUrl": {},
	"userId": {"", "directory!"}, "role": {},

	"coverage": {"((geographicCoverage |temporalCoverage ))+", ""}, "geographicCoverage": {"geographicDescription boundingCoordinates ", ""}, "geographicDescription": {},
	"boundingCoordinates":    {"westBoundingCoordinate eastBoundingCoordinate northBoundingCoordinate southBoundingCoordinate ", ""},
	"westBoundingCoordinate": {}, "eastBoundingCoordinate": {}, "northBoundingCoordinate": {}, "southBoundingCoordinate": {},
	"temporalCoverage": {"(singleDateTime )+|rangeOfDates ", ""}, "rangeOfDates": {"beginDate endDate ", ""},
	"beginDate": {"calendarDate ", ""}, "endDate": {"calendarDate ", ""}, "singleDateTime": {"calendarDate ", ""}, "calendarDate": {},

	"methods": {"(methodStep )+", ""}, "methodStep": {"description ", ""}, "description": {"(para )*", ""},
	"project": {"(title )+(personnel )+(funding )?(award )*", ""}, "project/title": {}, "funding": {"(para )*", ""},
	"award": {"funderName (funderIdentifier )*(awardNumber )?title ", ""}, "funderName": {}, "funderIdentifier": {}, "awardNumber": {}, "award/title": {},

	"dataTable":   {"entityName (entityDescription )?(physical )*attributeList (constraint )*(numberOfRecords )?", "id"},
	"otherEntity": {"entityName (entityDescription )?(physical )*entityType ", ""},
	"entityName":  {}, "entityDescription": {}, "entityType": {}, "numberOfRecords": {},
	"physical":   {"objectName (size )?(authentication )*(compressionMethod )*(characterEncoding )?dataFormat ", ""},
	"objectName": {}, "size": {"", "unit"}, "authentication": {"", "method"}, "compressionMethod": {}, "characterEncoding": {},
	"dataFormat": {"textFormat |externallyDefinedFormat ", ""}, "externallyDefinedFormat": {"formatName ", ""}, "formatName": {},
	"textFormat":     {"(numHeaderLines )?(recordDelimiter )*attributeOrientation simpleDelimited ", ""},
	"numHeaderLines": {}, "recordDelimiter": {}, "attributeOrientation": {},
	"simpleDelimited": {"(fieldDelimiter )+(quoteCharacter )*", ""}, "fieldDelimiter": {}, "quoteCharacter": {},

	"constraint": {"primaryKey ", ""}, "primaryKey": {"constraintName key ", ""}, "constraintName": {}, "key": {"(attributeReference )+", ""}, "attributeReference": {},
	"attributeList": {"(attribute )+", ""},
	"attribute":     {"attributeName (attributeLabel )*attributeDefinition (storageType )*measurementScale (missingValueCode )*(annotation )*", "id"},
	"attributeName": {}, "attributeLabel": {}, "attributeDefinition": {}, "storageType": {"", "typeSystem"},
	"measurementScale": {"nominal |interval |ratio |dateTime ", ""}, "nominal": {"nonNumericDomain ", ""},
	"nonNumericDomain": {"((enumeratedDomain |textDomain ))+", ""}, "enumeratedDomain": {"(codeDefinition )+", ""}, "codeDefinition": {"code definition ", ""},
	"textDomain": {"definition ", ""}, "definition": {}, "code": {}, "codeExplanation": {}, "missingValueCode": {"code codeExplanation ", ""},
	"dateTime": {"formatString ", ""}, "formatString": {}, "interval": {"unit numericDomain ", ""}, "ratio": {"unit numericDomain ", ""},
	"unit": {"standardUnit |customUnit ", ""}, "standardUnit": {}, "customUnit": {}, "numericDomain": {"numberType (bounds )*", ""}, "numberType": {},
	"bounds": {"(minimum )?(maximum )?", ""}, "minimum": {"", "exclusive!"}, "maximum": {"", "exclusive!"},
	"annotation": {"propertyURI valueURI ", ""}, "propertyURI": {"", "label!"}, "valueURI": {"", "label!"},

	"additionalMetadata": {"metadata ", ""}, "metadata": {"unitList ", ""}, "unitList": {"(unit )*", ""},
	"unitList/unit": {"(description )*", "id! name abbreviation"}, "unit/description": {},
}

const emlParty = "((individualName |organizationName ))+(electronicMailAddress )*(onlineUrl )*(userId )*"

var decimal = regexp.MustCompile(`^-?\d+(\.\d+)?$`)

// emlText has what a text must be where the schemas say more than that it is one.
var emlText = map[string]*regexp.Regexp{
	"calendarDate": regexp.MustCompile(`^\d{4}(-\d\d-\d\d)?$`), "pubDate": regexp.MustCompile(`^\d{4}(-\d\d-\d\d)?$`),
	"numHeaderLines": regexp.MustCompile(`^\d+$`), "attributeOrientation": regexp.MustCompile(`^(column|row)$`), "numberType": regexp.MustCompile(`^(natural|whole|integer|real)$`),
	"minimum": regexp.MustCompile(`^-?\d+(\.\d+)?([eE][-+]?\d+)?$`), "maximum": regexp.MustCompile(`^-?\d+(\.\d+)?([eE][-+]?\d+)?$`),
	"westBoundingCoordinate": decimal, "eastBoundingCoordinate": decimal, "northBoundingCoordinate": decimal, "southBoundingCoordinate": decimal,
	"@lang": languageTag, "@function": regexp.MustCompile(`^(download|information)$`), "@exclusive": regexp.MustCompile(`^(true|false)$`),
}

type emlElement struct {
	XMLName  xml.Name
	Attrs    []xml.Attr   `xml:",any,attr"`
	Text     string       `xml:",chardata"`
	Children []emlElement `xml:",any"`
}

// checkEML checks a document against the schemas and against EML's own rules of
// validity (docs/eml-validation-refs.md).
func checkEML(t *testing.T, data []byte) {
	t.Helper()
	var root emlElement
	if err := xml.Unmarshal(data, &root); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	ids := make(map[string]bool)
	var refs []string
	root.check(t, "", ids, &refs)
	for _, ref := range refs {
		if !ids[ref] {
			t.Errorf("nothing has the id %q", ref)
		}
	}
}

func (e *emlElement) check(t *testing.T, parent string, ids map[string]bool, refs *[]string) {
	t.Helper()
	name := e.XMLName.Local
	space := map[string]string{"eml": "https://eml.ecoinformatics.org/eml-2.2.0", "unitList": stmml, "unitList/unit": stmml, "unit/description": stmml}
	rule, ok := emlContent[parent+"/"+name]
	want := space[parent+"/"+name]
	if !ok {
		rule, ok = emlContent[name]
		want = space[name]
	}
	if !ok || e.XMLName.Space != want {
		t.Errorf("%s: there is no %s in %q", parent, name, e.XMLName.Space)
		return
	}
	id := e.checkAttrs(t, strings.Fields(rule[1]))
	if id != "" {
		if ids[id] {
			t.Errorf("the id %q stands twice", id)
		}
		ids[id] = true
	}
	var content strings.Builder
	for i := range e.Children {
		child := &e.Children[i]
		content.WriteString(child.XMLName.Local + " ")
		if child.XMLName.Local == "annotation" && id == "" {
			t.Errorf("%s has an annotation and no id", name)
		}
		child.check(t, name, ids, refs)
	}
	mixed := rule[0] == "(value )*" // a text, and perhaps translations
	if len(e.Children) > 0 || rule[0] != "" && !mixed {
		if !regexp.MustCompile("^(" + rule[0] + ")$").MatchString(content.String()) {
			t.Errorf("%s: expected %s, found %s", name, rule[0], content.String())
		}
		if !mixed || name == "para" {
			return
		}
	}
	text := strings.TrimSpace(e.Text)
	if allowed := emlText[name]; text == "" || allowed != nil && !allowed.MatchString(text) {
		t.Errorf("%s cannot be %q", name, e.Text)
	}
	switch bound, err := strconv.ParseFloat(text, 64); name {
	case "westBoundingCoordinate", "eastBoundingCoordinate", "northBoundingCoordinate", "southBoundingCoordinate":
		if limit := map[byte]float64{'w': 180, 'e': 180, 'n': 90, 's': 90}[name[0]]; err != nil || bound < -limit || bound > limit {
			t.Errorf("%s cannot be %s", name, text)
		}
	case "standardUnit":
		if !slices.Contains(emlStandardUnits, text) {
			t.Errorf("%q is no standard unit", text)
		}
	case "attributeReference", "customUnit":
		*refs = append(*refs, text)
	}
}

// checkAttrs returns the element's id.
func (e *emlElement) checkAttrs(t *testing.T, rule []string) (id string) {
	t.Helper()
	var have []string
	for _, a := range e.Attrs {
		if name := a.Name.Local; a.Name.Space != "xmlns" {
			have = append(have, name)
			if !slices.Contains(rule, name) && !slices.Contains(rule, name+"!") {
				t.Errorf("%s cannot have the attribute %s", e.XMLName.Local, name)
			}
			if allowed := emlText["@"+name]; a.Value == "" || allowed != nil && !allowed.MatchString(a.Value) {
				t.Errorf("%s: %s cannot be %q", e.XMLName.Local, name, a.Value)
			}
			if name == "id" {
				id = a.Value
			}
		}
	}
	for _, name := range rule {
		if name, required := strings.CutSuffix(name, "!"); required && !slices.Contains(have, name) {
			t.Errorf("%s lacks the attribute %s", e.XMLName.Local, name)
		}
	}
	return id
}

const stmml = "http://www.xml-cml.org/schema/stmml-1.2"

// Whatever a dataset says or leaves out, its description keeps to the schemas.
func TestEMLKeepsToTheSchemas(t *testing.T) {
	blank := birds()
	blank.Title, blank.Description, blank.Language, blank.Keywords = " ", "\x01", "not a tag!", []string{"", " "}
	blank.Titles, blank.Descriptions = map[string]string{"": "x", "de_DE": "y", "fr": " "}, map[string]string{"2": "z"}
	blank.Authors = []Person{{}, {Name: ", Ben"}, {Name: ","}, {Name: "\x02", Email: "x@example.org"}, {ORCID: "0000-0002-1825-0097"}, {Organization: "Delta Lab", URL: "https://example.org"}}
	blank.Contributors = []Person{{Roles: []string{"editor"}}, {Name: "Editor", Roles: []string{" "}}}
	blank.Licenses, blank.Methods = []License{{}, {URL: "https://example.org/licence"}}, []string{" "}
	blank.Funding = []Grant{{Award: "12"}, {Title: " "}, {ROR: "https://ror.org/018mejw64"}}
	blank.Temporal, blank.Spatial = Period{"spring 2020", "2020-02"}, Place{Name: " ", Box: [4]float64{1e-7, -90, 180, 90}, HasBox: true}
	blank.Tables = append(blank.Tables, Table{File: File{Path: "empty.csv"}}, blank.Tables[0])
	twin := &blank.Tables[2]
	twin.Path, twin.Title, twin.Description, twin.Dialect = "twin.csv.GZ", " ", " ", Dialect{Delimiter: " ", Quote: "\x00"}
	twin.Fields = []Field{
		{Name: "\x03", Type: "boolean", Title: " ", Titles: map[string]string{"de": " "}, RDFType: "dwc:sex", Missing: []string{" "}, Statistics: &Statistics{Top: []Value{{Text: " "}}}},
		{Name: "a", Type: "date", Format: "%"}, {Name: "a", Type: "datetime", Format: "%d %b %Y %H:%M:%S.%f %z"}, {Name: "b", Type: "number", Unit: "10*-6.m3/s", Description: " "},
		{Name: "c", Type: "integer", Unit: "mg/L/[degF]", Constraints: []Constraint{{"minimum", `"0"`}, {"maximum", "1e3"}}}, {Name: "d", Type: "duration", RDFType: " "},
	}
	outside := birds()
	outside.Spatial.Box, outside.Temporal, outside.Modified = [4]float64{-200, 0, 0, 100}, Period{End: "2020"}, time.Time{}
	outside.Funding = nil
	little := &Dataset{Exact: "constl:1@2", Tables: []Table{{File: File{Path: "a.csv"}, Fields: []Field{{}}}}}
	for _, set := range []*Dataset{birds(), blank, outside, little, {Exact: "constl:1@2", Live: "constl:1"}} {
		data, err := EML(set)
		if err != nil {
			t.Fatal(err)
		}
		checkEML(t, data)
	}
}
