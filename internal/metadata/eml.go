package metadata

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// EML returns the dataset after the Ecological Metadata Language 2.2.0.
func EML(d *Dataset) ([]byte, error) {
	units := make(map[string]bool)
	root := el("eml:eml").attr("xmlns:eml", "https://eml.ecoinformatics.org/eml-2.2.0").attr("xmlns:stmml", "http://www.xml-cml.org/schema/stmml-1.2")
	root.attr("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance")
	root.attr("xsi:schemaLocation", "https://eml.ecoinformatics.org/eml-2.2.0 https://eml.ecoinformatics.org/eml-2.2.0/eml.xsd")
	root.attr("packageId", d.Exact).attr("system", "constl")
	root.add(d.emlDataset(units))
	if len(units) > 0 {
		list := el("stmml:unitList")
		for _, unit := range slices.Sorted(maps.Keys(units)) {
			list.add(el("stmml:unit", tx("stmml:description", "UCUM: "+unit)).attr("id", unitID(unit)).attr("name", unitID(unit)).attr("abbreviation", unit))
		}
		root.add(el("additionalMetadata", el("metadata", list)))
	}
	return root.file(), nil
}

// emlDataset has the elements in the order that the standard wants; custom units
// are entered into units.
func (d *Dataset) emlDataset(units map[string]bool) *element {
	set := el("dataset", tx("alternateIdentifier", d.Exact), tx("alternateIdentifier", d.Live))
	title := tx("title", d.emlTitle()).language(d.Language)
	for _, lang := range slices.Sorted(maps.Keys(d.Titles)) {
		title.add(tx("value", d.Titles[lang]).language(lang))
	}
	set.add(title)
	creators := slices.DeleteFunc(slices.Clone(d.Authors), func(p Person) bool { return p.party("creator") == nil })
	if len(creators) == 0 {
		creators = []Person{{Organization: d.emlTitle()}}
	}
	for _, p := range creators {
		set.add(p.party("creator"))
	}
	for _, p := range d.Contributors {
		set.add(p.party("associatedParty").add(tx("role", firstText(strings.Join(p.Roles, ", "), "contributor"))))
	}
	set.add(tx("pubDate", d.date()), tx("language", d.Language), d.abstract())
	words := el("keywordSet")
	for _, k := range d.Keywords {
		words.add(tx("keyword", k))
	}
	set.add(words.orNothing())
	for _, l := range d.Licenses {
		set.add(el("licensed", tx("licenseName", firstText(l.Name, l.ID, l.URL)), tx("url", l.URL), tx("identifier", l.ID)).orNothing())
	}
	if url := tx("url", d.url()); url != nil {
		set.add(el("distribution", el("online", url.attr("function", "information"))))
	}
	set.add(d.coverage(), creators[0].party("contact"), d.emlMethods(), d.project(creators[0]))
	for i := range d.Tables {
		set.add(d.Tables[i].eml("t"+strconv.Itoa(i+1), units))
	}
	for _, f := range d.Files {
		set.add(f.otherEntity())
	}
	return set
}

// emlTitle is the title, which EML requires.
func (d *Dataset) emlTitle() string { return firstText(d.Title, d.Name, d.ID, "(no title)") }

func (d *Dataset) abstract() *element {
	out := el("abstract")
	para := tx("para", d.description())
	if len(d.Descriptions) > 0 {
		para = el("para", tx("value", d.description()).language(first(d.Language, "en")))
		for _, lang := range slices.Sorted(maps.Keys(d.Descriptions)) {
			para.add(tx("value", d.Descriptions[lang]).language(lang))
		}
	}
	return out.add(para)
}

// languageTag has the form of an xml:lang (the type language of XML Schema).
var languageTag = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$`)

// language says in which language the element is, if that is one.
func (e *element) language(tag string) *element {
	if !languageTag.MatchString(tag) {
		return e
	}
	return e.attr("xml:lang", tag)
}

// party returns nil for somebody without any name: EML requires a person's family
// name, or else an organisation.
func (p Person) party(name string) *element {
	out := el(name)
	given, family := p.Names()
	if given, family = xmlText(given), xmlText(family); family == "" {
		given, family = "", given
	}
	if family != "" {
		out.add(el("individualName", tx("givenName", given), tx("surName", family)))
	}
	out.add(tx("organizationName", p.Organization))
	if len(out.children) == 0 {
		out.add(tx("organizationName", firstText(p.Name, p.Email, p.ID(), p.ROR)))
	}
	if len(out.children) == 0 {
		return nil
	}
	out.add(tx("electronicMailAddress", p.Email))
	if p.ORCID == "" {
		out.add(tx("onlineUrl", p.URL))
	} else {
		out.add(tx("userId", p.ID()).attr("directory", "https://orcid.org"))
	}
	return out.add(tx("userId", p.ROR).attr("directory", "https://ror.org"))
}

func (d *Dataset) coverage() *element {
	out := el("coverage")
	if box := d.Spatial.Box; d.Spatial.HasBox && max(-box[0], box[0], -box[2], box[2]) <= 180 && max(-box[1], box[1], -box[3], box[3]) <= 90 {
		out.add(el("geographicCoverage", tx("geographicDescription", firstText(d.Spatial.Name, "area of the data")), el("boundingCoordinates",
			tx("westBoundingCoordinate", string(number(box[0]))), tx("eastBoundingCoordinate", string(number(box[2]))),
			tx("northBoundingCoordinate", string(number(box[3]))), tx("southBoundingCoordinate", string(number(box[1]))))))
	}
	switch start, end := calendarDate(d.Temporal.Start, false), calendarDate(d.Temporal.End, true); {
	case start != "" && end != "":
		out.add(el("temporalCoverage", el("rangeOfDates", el("beginDate", tx("calendarDate", start)), el("endDate", tx("calendarDate", end)))))
	case start != "" || end != "":
		out.add(el("temporalCoverage", el("singleDateTime", tx("calendarDate", start+end))))
	}
	return out.orNothing()
}

// calendarDate returns a date as EML allows it: a year or a day. A month is its
// first day, or its last. What is none of them is "".
func calendarDate(text string, last bool) string {
	month, err := time.Parse("2006-01", text)
	switch {
	case err == nil && last:
		return month.AddDate(0, 1, -1).Format(time.DateOnly)
	case err == nil:
		return month.Format(time.DateOnly)
	}
	text = text[:min(len(text), len(time.DateOnly))]
	for _, layout := range []string{time.DateOnly, "2006"} {
		if _, err := time.Parse(layout, text); err == nil {
			return text
		}
	}
	return ""
}

func (d *Dataset) emlMethods() *element {
	if len(d.Methods) == 0 {
		return nil
	}
	out := el("methods")
	for _, m := range d.Methods {
		out.add(el("methodStep", el("description", tx("para", m))))
	}
	return out
}

func (d *Dataset) project(lead Person) *element {
	if len(d.Funding) == 0 {
		return nil
	}
	out := el("project", tx("title", firstText(d.Funding[0].Title, d.emlTitle())), lead.party("personnel").add(tx("role", "principalInvestigator")))
	prose := el("funding") // an award without a funder's name is no award
	var awards []*element
	for _, g := range d.Funding {
		if funder := tx("funderName", firstText(g.Funder, g.ROR)); funder == nil {
			prose.add(tx("para", strings.TrimSpace(g.Title+" "+g.Award)))
		} else {
			awards = append(awards, el("award", funder, tx("funderIdentifier", g.ROR), tx("awardNumber", g.Award), tx("title", firstText(g.Title, g.Award, d.emlTitle()))))
		}
	}
	return out.add(prose.orNothing()).add(awards...)
}

// eml describes the table. One without fields is a file as others: EML requires an
// attribute.
func (t *Table) eml(id string, units map[string]bool) *element {
	if len(t.Fields) == 0 {
		return t.otherEntity()
	}
	format := el("textFormat")
	if t.Dialect.Header {
		format.add(tx("numHeaderLines", "1"))
	}
	end := strings.NewReplacer("\r", `\r`, "\n", `\n`).Replace(t.Dialect.LineEnd)
	simple := el("simpleDelimited", tx("fieldDelimiter", emlCharacter(first(t.Dialect.Delimiter, ","))), tx("quoteCharacter", emlCharacter(t.Dialect.Quote)))
	format.add(tx("recordDelimiter", end), tx("attributeOrientation", "column"), simple)
	list := el("attributeList")
	key := el("key")
	for i := range t.Fields {
		f := &t.Fields[i]
		fieldID := id + ".f" + strconv.Itoa(i+1)
		list.add(f.eml(units).attr("id", fieldID))
		if f.Key {
			key.add(tx("attributeReference", fieldID))
		}
	}
	physical := t.physical(format, tx("characterEncoding", t.Dialect.Encoding))
	out := el("dataTable", tx("entityName", t.Path), tx("entityDescription", firstText(t.Description, t.Title)), physical, list).attr("id", id)
	if len(key.children) > 0 {
		out.add(el("constraint", el("primaryKey", tx("constraintName", "primary key"), key)))
	}
	return out.add(tx("numberOfRecords", strconv.FormatInt(t.Rows, 10)))
}

// emlCharacter writes a character as eml-physical wants it: what cannot be seen as
// \t or by its number.
func emlCharacter(c string) string {
	switch {
	case c == "\t":
		return `\t`
	case len(c) == 1 && (c[0] <= ' ' || c[0] == 0x7F):
		return fmt.Sprintf("0x%02x", c[0])
	}
	return c
}

// otherEntity describes a file that is no table.
func (f File) otherEntity() *element {
	return el("otherEntity", tx("entityName", f.Path), f.physical(el("externallyDefinedFormat", tx("formatName", f.MediaType())), nil), tx("entityType", f.MediaType()))
}

// physical describes the file; encoding may be nil. The format of a text is that of
// the text even if it is compressed.
func (f File) physical(format, encoding *element) *element {
	out := el("physical", tx("objectName", f.Path), tx("size", strconv.FormatInt(f.Size, 10)).attr("unit", "byte"), tx("authentication", f.SHA256).attr("method", "SHA-256"))
	if format.name == "textFormat" && strings.HasSuffix(strings.ToLower(f.Path), ".gz") {
		out.add(tx("compressionMethod", "gzip"))
	}
	return out.add(encoding, el("dataFormat", format))
}

func (f *Field) eml(units map[string]bool) *element {
	name := firstText(f.Name, "(no name)")
	out := el("attribute", tx("attributeName", name), tx("attributeLabel", f.Title))
	for _, lang := range slices.Sorted(maps.Keys(f.Titles)) {
		out.add(tx("attributeLabel", f.Titles[lang])) // it has no xml:lang
	}
	out.add(tx("attributeDefinition", firstText(f.Description, f.Title, name)), tx("storageType", f.Type).attr("typeSystem", "https://datapackage.org/standard/table-schema/"))
	out.add(el("measurementScale", f.scale(units)))
	for _, m := range f.Missing {
		if xmlText(m) != "" {
			out.add(el("missingValueCode", tx("code", m), tx("codeExplanation", "no value")))
		}
	}
	if xmlText(f.RDFType) != "" {
		out.add(el("annotation", tx("propertyURI", "http://ecoinformatics.org/oboe/oboe.1.2/oboe-core.owl#containsMeasurementsOfType").attr("label", "contains measurements of type"),
			tx("valueURI", f.RDFType).attr("label", firstText(f.Title, name))))
	}
	return out
}

func (f *Field) scale(units map[string]bool) *element {
	switch f.Type {
	case "integer", "number":
		return f.ratio(units)
	case "date", "datetime", "time", "year", "yearmonth":
		return el("dateTime", tx("formatString", f.emlFormat()))
	}
	if s := f.Statistics; f.Type == "boolean" && s != nil && len(s.Top) > 0 {
		codes := el("enumeratedDomain")
		for _, v := range s.Top {
			codes.add(el("codeDefinition", tx("code", v.Text), tx("definition", v.Text)).orNothing())
		}
		if len(codes.children) > 0 {
			return el("nominal", el("nonNumericDomain", codes))
		}
	}
	return el("nominal", el("nonNumericDomain", el("textDomain", tx("definition", firstText(f.Description, f.Title, f.Name, "text")))))
}

// emlFormat writes the format of a field about time with the signs of eml-attribute.
func (f *Field) emlFormat() string {
	if strings.Contains(f.Format, "%") {
		return firstText(strings.NewReplacer("%Y", "YYYY", "%y", "YY", "%m", "MM", "%b", "MMM", "%B", "MMMM", "%d", "DD", "%j", "DDD", "%F", "YYYY-MM-DD",
			"%H", "hh", "%I", "hh", "%M", "mm", "%S", "ss", "%f", "ssssss", "%T", "hh:mm:ss", "%p", "A/P", "%z", "+hhmm", "%%", "%").Replace(f.Format))
	}
	formats := map[string]string{"date": "YYYY-MM-DD", "datetime": "YYYY-MM-DDThh:mm:ss", "time": "hh:mm:ss", "year": "YYYY", "yearmonth": "YYYY-MM"}
	return formats[f.Type]
}

func (f *Field) ratio(units map[string]bool) *element {
	unit := el("unit")
	if standard := emlUnit(f.Unit); standard != "" {
		unit.add(tx("standardUnit", standard))
	} else {
		units[f.Unit] = true
		unit.add(tx("customUnit", unitID(f.Unit)))
	}
	kind := "real"
	if f.Type == "integer" {
		kind = "integer"
	}
	domain := el("numericDomain", tx("numberType", kind))
	low, high := asNumber(f.Constraint("minimum")), asNumber(f.Constraint("maximum"))
	if low != "" || high != "" {
		domain.add(el("bounds", tx("minimum", string(low)).attr("exclusive", "false"), tx("maximum", string(high)).attr("exclusive", "false")))
	}
	if f.Unit == "Cel" || f.Unit == "[degF]" {
		return el("interval", unit, domain) // their zero is none
	}
	return el("ratio", unit, domain)
}

// emlUnit returns the name that EML's own dictionary has for a UCUM unit, or "".
func emlUnit(ucum string) string {
	return map[string]string{
		"": "dimensionless", "1": "dimensionless", "%": "percent", "[ppth]": "permil", "{count}": "number", "{individuals}": "number",
		"Cel": "celsius", "K": "kelvin", "[degF]": "fahrenheit", "m": "meter", "km": "kilometer", "dm": "decimeter", "cm": "centimeter", "mm": "millimeter",
		"um": "micrometer", "nm": "nanometer", "[in_i]": "inch", "[ft_i]": "foot", "[mi_i]": "mile", "g": "gram", "kg": "kilogram", "mg": "milligram",
		"ug": "microgram", "ng": "nanogram", "Mg": "megagram", "t": "tonne", "s": "second", "min": "minute", "h": "hour", "d": "nominalDay", "wk": "nominalWeek",
		"a": "nominalYear", "ms": "millisecond", "L": "liter", "mL": "milliliter", "uL": "microliter", "m2": "squareMeter", "km2": "squareKilometers",
		"cm2": "squareCentimeters", "mm2": "squareMillimeters", "har": "hectare", "[acr_us]": "acre", "m3": "cubicMeter", "m/s": "metersPerSecond",
		"km/h": "kilometersPerHour", "cm/s": "centimetersPerSecond", "mm/d": "millimeterPerDay", "m/s2": "metersPerSecondSquared", "m3/s": "cubicMetersPerSecond",
		"L/s": "litersPerSecond", "g/L": "gramsPerLiter", "mg/L": "milligramsPerLiter", "ug/L": "microgramsPerLiter", "mg/kg": "milligramPerKilogram",
		"g/m2": "gramsPerSquareMeter", "kg/m2": "kilogramsPerSquareMeter", "kg/m3": "kilogramPerCubicMeter", "kg/har": "kilogramsPerHectare", "t/har": "tonnePerHectare",
		"deg": "degree", "rad": "radian", "Pa": "pascal", "hPa": "hectopascal", "kPa": "kilopascal", "MPa": "megapascal", "bar": "bar", "mbar": "millibar", "dbar": "decibar",
		"atm": "atmosphere", "V": "volt", "mV": "millivolt", "W": "watt", "W/m2": "wattPerMeterSquared", "J": "joule", "N": "newton", "Hz": "hertz", "kHz": "kilohertz",
		"mol": "mole", "mol/L": "molePerLiter", "mmol/L": "millimolePerLiter", "umol/L": "micromolePerLiter", "nmol/L": "nanomolePerLiter",
		"umol.m-2.s-1": "micromolePerMeterSquaredPerSecond", "lx": "lux", "S": "siemens", "S/m": "siemensPerMeter", "S/cm": "siemensPerCentimeter", "Bq": "becquerel",
		"{individuals}/m2": "numberPerMeterSquared", "{individuals}/L": "numberPerLiter", "{individuals}/har": "numberPerHectare",
	}[ucum]
}

// unitID is the id of a unit within the document, which XML wants to begin with a
// letter and to have no signs.
func unitID(ucum string) string {
	var b strings.Builder
	b.WriteString("ucum")
	for i := range len(ucum) {
		c := ucum[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			b.WriteByte(c)
		} else {
			b.WriteString("_" + strconv.FormatInt(int64(c), 16) + "_")
		}
	}
	return b.String()
}
