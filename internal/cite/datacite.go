package cite

import (
	"bytes"
	"encoding/xml"
	"maps"
	"slices"
	"strings"
	"time"
)

// dataCite is a record after the DataCite Metadata Schema 4.7, as XML and as the
// JSON of DataCite's interface.
type dataCite struct {
	XMLName    xml.Name        `xml:"http://datacite.org/schema/kernel-4 resource" json:"-"`
	XSI        string          `xml:"xmlns:xsi,attr" json:"-"`
	Location   string          `xml:"xsi:schemaLocation,attr" json:"-"`
	Identifier dcIdentifier    `xml:"identifier" json:"-"`
	DOI        string          `xml:"-" json:"doi,omitempty"`
	Creators   []dcCreator     `xml:"creators>creator" json:"creators"`
	Titles     []dcTitle       `xml:"titles>title" json:"titles"`
	Publisher  dcPublisher     `xml:"publisher" json:"publisher"`
	Year       string          `xml:"publicationYear" json:"publicationYear"`
	Type       dcType          `xml:"resourceType" json:"types"`
	Subjects   []dcSubject     `xml:"subjects>subject,omitempty" json:"subjects,omitempty"`
	Contrib    []dcContributor `xml:"contributors>contributor,omitempty" json:"contributors,omitempty"`
	Dates      []dcDate        `xml:"dates>date,omitempty" json:"dates,omitempty"`
	Language   string          `xml:"language,omitempty" json:"language,omitempty"`
	Alternate  []dcAlternate   `xml:"alternateIdentifiers>alternateIdentifier,omitempty" json:"alternateIdentifiers,omitempty"`
	Related    []dcRelated     `xml:"relatedIdentifiers>relatedIdentifier,omitempty" json:"relatedIdentifiers,omitempty"`
	Version    string          `xml:"version,omitempty" json:"version,omitempty"`
	Rights     []dcRights      `xml:"rightsList>rights,omitempty" json:"rightsList,omitempty"`
	Described  []dcDescription `xml:"descriptions>description,omitempty" json:"descriptions,omitempty"`
	Places     []dcPlace       `xml:"geoLocations>geoLocation,omitempty" json:"geoLocations,omitempty"`
	Funding    []dcFunding     `xml:"fundingReferences>fundingReference,omitempty" json:"fundingReferences,omitempty"`
	Schema     string          `xml:"-" json:"schemaVersion"`
}

type dcIdentifier struct {
	Type  string `xml:"identifierType,attr"`
	Value string `xml:",chardata"`
}

type dcCreator struct {
	Name dcName `xml:"creatorName" json:"-"`
	dcParty
}

type dcContributor struct {
	Type string `xml:"contributorType,attr" json:"contributorType"`
	Name dcName `xml:"contributorName" json:"-"`
	dcParty
}

// dcParty is what is said of creators and contributors in the same elements.
type dcParty struct {
	NameText    string             `xml:"-" json:"name"`
	NameType    string             `xml:"-" json:"nameType,omitempty"`
	Given       string             `xml:"givenName,omitempty" json:"givenName,omitempty"`
	Family      string             `xml:"familyName,omitempty" json:"familyName,omitempty"`
	Identifiers []dcNameIdentifier `xml:"nameIdentifier" json:"nameIdentifiers,omitempty"`
	Affiliation []dcAffiliation    `xml:"affiliation" json:"affiliation,omitempty"`
}

type dcAffiliation struct {
	ID        string `xml:"affiliationIdentifier,attr,omitempty" json:"affiliationIdentifier,omitempty"`
	Scheme    string `xml:"affiliationIdentifierScheme,attr,omitempty" json:"affiliationIdentifierScheme,omitempty"`
	SchemeURI string `xml:"schemeURI,attr,omitempty" json:"schemeUri,omitempty"`
	Name      string `xml:",chardata" json:"name"`
}

type dcPlace struct {
	Name string `xml:"geoLocationPlace,omitempty" json:"geoLocationPlace,omitempty"`
	Box  *dcBox `xml:"geoLocationBox" json:"geoLocationBox,omitempty"`
}

type dcBox struct {
	West  float64 `xml:"westBoundLongitude" json:"westBoundLongitude"`
	East  float64 `xml:"eastBoundLongitude" json:"eastBoundLongitude"`
	South float64 `xml:"southBoundLatitude" json:"southBoundLatitude"`
	North float64 `xml:"northBoundLatitude" json:"northBoundLatitude"`
}

type dcFunding struct {
	Funder string      `xml:"funderName" json:"funderName"`
	ID     *dcFunderID `xml:"funderIdentifier" json:"-"`
	IDText string      `xml:"-" json:"funderIdentifier,omitempty"`
	IDType string      `xml:"-" json:"funderIdentifierType,omitempty"`
	Award  string      `xml:"awardNumber,omitempty" json:"awardNumber,omitempty"`
	Title  string      `xml:"awardTitle,omitempty" json:"awardTitle,omitempty"`
}

type dcFunderID struct {
	Type      string `xml:"funderIdentifierType,attr"`
	SchemeURI string `xml:"schemeURI,attr"`
	Value     string `xml:",chardata"`
}

type dcName struct {
	Type string `xml:"nameType,attr,omitempty"`
	Text string `xml:",chardata"`
}

type dcNameIdentifier struct {
	Scheme    string `xml:"nameIdentifierScheme,attr" json:"nameIdentifierScheme"`
	SchemeURI string `xml:"schemeURI,attr" json:"schemeUri"`
	Value     string `xml:",chardata" json:"nameIdentifier"`
}

type dcTitle struct {
	Type string `xml:"titleType,attr,omitempty" json:"titleType,omitempty"`
	Lang string `xml:"xml:lang,attr,omitempty" json:"lang,omitempty"`
	Text string `xml:",chardata" json:"title"`
}

type dcPublisher struct {
	Name string `xml:",chardata" json:"name"`
}

type dcType struct {
	General string `xml:"resourceTypeGeneral,attr" json:"resourceTypeGeneral"`
	Text    string `xml:",chardata" json:"resourceType"`
}

type dcSubject struct {
	Lang string `xml:"xml:lang,attr,omitempty" json:"lang,omitempty"`
	Text string `xml:",chardata" json:"subject"`
}

type dcDate struct {
	Type string `xml:"dateType,attr" json:"dateType"`
	Date string `xml:",chardata" json:"date"`
}

type dcAlternate struct {
	Type  string `xml:"alternateIdentifierType,attr" json:"alternateIdentifierType"`
	Value string `xml:",chardata" json:"alternateIdentifier"`
}

type dcRelated struct {
	Type     string `xml:"relatedIdentifierType,attr" json:"relatedIdentifierType"`
	Relation string `xml:"relationType,attr" json:"relationType"`
	Value    string `xml:",chardata" json:"relatedIdentifier"`
}

type dcRights struct {
	URI      string `xml:"rightsURI,attr,omitempty" json:"rightsUri,omitempty"`
	ID       string `xml:"rightsIdentifier,attr,omitempty" json:"rightsIdentifier,omitempty"`
	Scheme   string `xml:"rightsIdentifierScheme,attr,omitempty" json:"rightsIdentifierScheme,omitempty"`
	SchemeAt string `xml:"schemeURI,attr,omitempty" json:"schemeUri,omitempty"`
	Text     string `xml:",chardata" json:"rights"`
}

type dcDescription struct {
	Type string `xml:"descriptionType,attr" json:"descriptionType"`
	Lang string `xml:"xml:lang,attr,omitempty" json:"lang,omitempty"`
	Text string `xml:",chardata" json:"description"`
}

// The standard's words for what is not known.
const (
	toBeAssigned = ":tba"
	unavailable  = ":unav"
)

func dataCiteOf(r Record) *dataCite {
	d := &dataCite{
		XSI: "http://www.w3.org/2001/XMLSchema-instance", Location: "http://datacite.org/schema/kernel-4 https://schema.datacite.org/meta/kernel-4.7/metadata.xsd",
		Identifier: dcIdentifier{"DOI", toBeAssigned}, DOI: r.DOI, Titles: []dcTitle{{Lang: r.Language, Text: titleOf(r)}},
		Publisher: dcPublisher{unavailable}, Year: year(r), Type: dcType{"Dataset", "Dataset"},
		Language: r.Language, Version: oneLine(r.Version), Schema: "http://datacite.org/schema/kernel-4",
	}
	if r.DOI != "" {
		d.Identifier.Value = r.DOI
	}
	if p := oneLine(r.Publisher); p != "" {
		d.Publisher.Name = p
	}
	for _, a := range named(r.Authors) {
		d.Creators = append(d.Creators, creatorOf(a))
	}
	if len(d.Creators) == 0 {
		d.Creators = []dcCreator{{dcName{Text: unavailable}, dcParty{NameText: unavailable}}}
	}
	for _, k := range distinct(r.Keywords) {
		d.Subjects = append(d.Subjects, dcSubject{r.Language, k})
	}
	d.cover(r)
	if !r.Date.IsZero() {
		d.Dates = append(d.Dates, dcDate{"Updated", r.Date.UTC().Format(time.DateOnly)})
	} else {
		d.Year = "0000" // the schema wants four digits
	}
	d.Alternate = []dcAlternate{{"constl: " + labelExact, r.identifier()}, {"constl: " + labelLive, r.live()}}
	if r.Part != nil && !r.Part.Fingerprint.isZero() {
		d.Alternate = append(d.Alternate, dcAlternate{"constl: fingerprint of the data in any format", r.Part.Fingerprint.String()})
	}
	if page := r.page(); page != "" {
		d.Related = []dcRelated{{"URL", "IsVersionOf", page}}
	}
	if l := oneLine(r.License); l != "" {
		rights := dcRights{Text: l, URI: escapeURL(oneLine(r.LicensePath))}
		if !strings.Contains(l, " ") {
			rights.ID, rights.Scheme, rights.SchemeAt = l, "SPDX", "https://spdx.org/licenses/"
		}
		d.Rights = []dcRights{rights}
	}
	d.describe("Abstract", r.Language, r.Description)
	for _, lang := range slices.Sorted(maps.Keys(r.Descriptions)) {
		d.describe("Abstract", lang, r.Descriptions[lang])
	}
	for _, text := range r.Methods {
		d.describe("Methods", r.Language, text)
	}
	return d
}

func (d *dataCite) describe(kind, lang, text string) {
	if text = strings.TrimSpace(strings.ToValidUTF8(text, "\ufffd")); text != "" {
		d.Described = append(d.Described, dcDescription{kind, lang, text})
	}
}

// cover enters translations of the title, others than the authors, and what time, area
// and grants the data are of.
func (d *dataCite) cover(r Record) {
	for _, lang := range slices.Sorted(maps.Keys(r.Titles)) {
		if text := oneLine(r.Titles[lang]); text != "" {
			d.Titles = append(d.Titles, dcTitle{"TranslatedTitle", lang, text})
		}
	}
	for _, c := range r.Contributors {
		if oneLine(c.Name) == "" {
			continue
		}
		who := creatorOf(c.Author)
		for _, kind := range contributorTypes(c.Roles) {
			d.Contrib = append(d.Contrib, dcContributor{kind, who.Name, who.dcParty})
		}
	}
	if r.Created != "" {
		d.Dates = append(d.Dates, dcDate{"Created", oneLine(r.Created)})
	}
	if t := r.Temporal; t.Start != "" || t.End != "" {
		d.Dates = append(d.Dates, dcDate{"Coverage", oneLine(t.Start) + "/" + oneLine(t.End)})
	}
	if s := r.Spatial; s.HasBox || oneLine(s.Place) != "" {
		place := dcPlace{Name: oneLine(s.Place)}
		if s.HasBox {
			place.Box = &dcBox{s.Box[0], s.Box[2], s.Box[1], s.Box[3]}
		}
		d.Places = []dcPlace{place}
	}
	for _, g := range r.Funding {
		f := dcFunding{Funder: oneLine(g.Funder), Award: oneLine(g.Award), Title: oneLine(g.Title)}
		if g.ROR != "" {
			f.ID, f.IDText, f.IDType = &dcFunderID{"ROR", "https://ror.org", oneLine(g.ROR)}, oneLine(g.ROR), "ROR"
		}
		if f.Funder == "" {
			f.Funder = unavailable
		}
		d.Funding = append(d.Funding, f)
	}
}

// contributorTypes turns roles of Data Package into those of DataCite.
func contributorTypes(roles []string) []string {
	var out []string
	for _, role := range roles {
		kind, known := map[string]string{
			"contact": "ContactPerson", "datacurator": "DataCurator", "datamanager": "DataManager", "wrangler": "DataManager", "distributor": "Distributor",
			"editor": "Editor", "producer": "Producer", "researcher": "Researcher", "rightsholder": "RightsHolder", "sponsor": "Sponsor",
			"supervisor": "Supervisor", "translator": "Translator", "datacollector": "DataCollector", "projectleader": "ProjectLeader",
		}[strings.ToLower(role)]
		if strings.EqualFold(role, "publisher") {
			continue // has an element of its own
		}
		if !known {
			kind = "Other"
		}
		if !slices.Contains(out, kind) {
			out = append(out, kind)
		}
	}
	if len(roles) == 0 {
		out = []string{"Other"}
	}
	return out
}

func creatorOf(a Author) dcCreator {
	c := dcCreator{Name: dcName{Text: oneLine(a.Name)}}
	if c.Family, c.Given = nameParts(a); c.Family != "" {
		c.Name.Text, c.Name.Type = c.Family, "Personal"
		if c.Given != "" {
			c.Name.Text += ", " + c.Given
		}
	}
	c.NameText, c.NameType = c.Name.Text, c.Name.Type
	if a.ORCID != "" {
		c.Identifiers = []dcNameIdentifier{{"ORCID", "https://orcid.org", "https://orcid.org/" + a.ORCID}}
	}
	if name := oneLine(a.Affiliation); name != "" {
		c.Affiliation = []dcAffiliation{{Name: name}}
		if a.ROR != "" {
			c.Affiliation[0] = dcAffiliation{oneLine(a.ROR), "ROR", "https://ror.org", name}
		}
	}
	return c
}

// DataCiteXML returns the citation as a record after the DataCite Metadata Schema
// 4.7. Without a DOI the identifier is ":tba", to be assigned. The caller owns the slice.
func DataCiteXML(r Record) []byte {
	data, err := xml.MarshalIndent(dataCiteOf(r), "", "  ")
	if err != nil {
		panic("cite: texts always encode: " + err.Error())
	}
	// The library writes lists even if they are empty.
	for _, list := range []string{"subjects", "contributors", "dates", "relatedIdentifiers", "rightsList", "descriptions", "geoLocations", "fundingReferences"} {
		data = bytes.Replace(data, []byte("  <"+list+"></"+list+">\n"), nil, 1)
	}
	return append(append([]byte(xml.Header), data...), '\n')
}

// DataCiteJSON returns the same record as DataCite's interface takes it. The caller
// owns the slice.
func DataCiteJSON(r Record) []byte { return encodeJSON(dataCiteOf(r)) }
