package cite

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object"
)

var update = flag.Bool("update", false, "write the golden files")

func sample() Record {
	return Record{
		Dataset: object.Sum([]byte("dataset")),
		Commit:  object.Sum([]byte("commit")),
		Title:   "Bird counts of the {Great} River:\n100% of \"Ménard's\" data & more_",
		Authors: []Author{
			{Name: "Jane Müller-Doe", ORCID: "0000-0002-1825-0097"},
			{Name: "Research and Data Lab"},
			{Name: "Roe, Richard"},
		},
		Date:    time.Date(2026, 3, 1, 23, 30, 0, 0, time.FixedZone("", -3600)),
		Version: "2026.3",
		License: "CC-BY-4.0",
		Live:    "https://example.org/birds_{x}",
	}
}

func TestGolden(t *testing.T) {
	bare := Record{Dataset: object.Sum([]byte("dataset")), Commit: object.Sum([]byte("commit"))}
	part := sample()
	part.LicensePath, part.Publisher, part.DOI = "https://creativecommons.org/licenses/by/4.0/", "Ménard & Sons", "10.5072/example"
	part.Description, part.Homepage, part.Language = "Counts <weekly>,\nfrom boats.", "https://example.org/{}", "en"
	part.Keywords, part.Live = []string{"birds", "river: delta", "birds"}, "constl://x?peer=y@z:1"
	part.Part = &Part{Table: "counts.csv", Rows: 12, Fingerprint: Fingerprint{1, 2}, Query: `columns "id" where n > 3 && s != 'a_b'`, ID: strings.Repeat("0a", 16)}
	part.Credits = []Credit{{Author{Name: "Jane Müller-Doe"}, 3, 7}}
	part.Authors[0].Affiliation, part.Authors[0].ROR = "Delta Lab", "https://ror.org/02mhbdp94"
	part.Titles, part.Descriptions = map[string]string{"de": "Vögel", "pt-BR": "Aves"}, map[string]string{"de": "Wöchentlich."}
	part.Contributors = []Contributor{{Author{Name: "Roe, Ann", ORCID: "0000-0002-1694-233X"}, []string{"contact", "dataCurator"}}, {Author{Name: "Press"}, []string{"publisher"}}, {Author{Name: "Club"}, nil}}
	part.Created, part.Temporal, part.Methods = "2019-04", datapackage.Temporal{Start: "2019", End: "2026-03"}, []string{"From boats.", "Twice."}
	part.Spatial = datapackage.Spatial{Place: "River", Box: [4]float64{-9.5, 38.25, -8, 39}, HasBox: true}
	part.Funding = []datapackage.Funding{{Funder: "DFG", ROR: "https://ror.org/018mejw64", Award: "12 3", Title: "Rivers"}, {Funder: "A club"}}
	for name, got := range map[string]string{
		"part.txt": Text(part), "part.json": string(JSON(part)), "part.bib": BibTeX(part), "part.biblatex": BibLaTeX(part), "part.csl": string(CSL(part)),
		"part.ris": strings.ReplaceAll(RIS(part), "\r\n", "\n"), "part.cff": CFF(part), "part.datacite.xml": string(DataCiteXML(part)), "part.datacite.json": string(DataCiteJSON(part)),
		"bare.biblatex": BibLaTeX(bare), "bare.csl": string(CSL(bare)), "bare.ris": strings.ReplaceAll(RIS(bare), "\r\n", "\n"), "bare.cff": CFF(bare),
		"bare.datacite.xml": string(DataCiteXML(bare)), "bare.datacite.json": string(DataCiteJSON(bare)),
		"full.txt": Text(sample()), "full.bib": BibTeX(sample()), "full.json": string(JSON(sample())),
		"bare.txt": Text(bare), "bare.bib": BibTeX(bare), "bare.json": string(JSON(bare)),
	} {
		path := filepath.Join("testdata", name+".golden")
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// forms returns the record in every form that Find promises to read.
func forms(r Record) map[string]string {
	return map[string]string{
		"text": Text(r), "BibTeX": BibTeX(r), "JSON": string(JSON(r)), "identifier": Exact(r.Dataset, r.Commit),
		"BibLaTeX": BibLaTeX(r), "CSL": string(CSL(r)), "RIS": RIS(r), "CFF": CFF(r), "DataCite XML": string(DataCiteXML(r)), "DataCite JSON": string(DataCiteJSON(r)),
	}
}

func TestFindReadsWhatIsWritten(t *testing.T) {
	nasty := rapid.StringOf(rapid.OneOf(
		rapid.RuneFrom([]rune(`{}"\%$#&~^_@:,;.`+"\n\r\t\x00\u00ad\u2028'`<>=0af ")),
		rapid.Rune(),
	))
	rapid.Check(t, func(t *rapid.T) {
		r := Record{
			Dataset: object.Sum(rapid.SliceOf(rapid.Byte()).Draw(t, "dataset")),
			Commit:  object.Sum(rapid.SliceOf(rapid.Byte()).Draw(t, "commit")),
			Title:   nasty.Draw(t, "title") + rapid.SampledFrom([]string{"", "constl:", "constl:" + strings.Repeat("0", 64), "@"}).Draw(t, "end"),
			Version: nasty.Draw(t, "version"),
			License: nasty.Draw(t, "license"),
			Live:    nasty.Draw(t, "live"),
			Date:    time.Unix(rapid.Int64Range(0, 1<<36).Draw(t, "date"), 0),
		}
		r.Publisher, r.Description, r.Homepage, r.LicensePath = nasty.Draw(t, "publisher"), nasty.Draw(t, "description"), nasty.Draw(t, "homepage"), nasty.Draw(t, "path")
		r.Keywords = rapid.SliceOfN(nasty, 0, 3).Draw(t, "keywords")
		if rapid.Bool().Draw(t, "subset") {
			r.Part = &Part{Table: nasty.Draw(t, "table"), Query: nasty.Draw(t, "query") + "x", ID: strings.Repeat("0f", 16)}
		}
		for range rapid.IntRange(0, 3).Draw(t, "authors") {
			r.Authors = append(r.Authors, Author{Name: nasty.Draw(t, "name"), ORCID: nasty.Draw(t, "orcid")})
		}
		checkForms(t, r)
	})
}

func checkForms(t interface{ Fatalf(string, ...any) }, r Record) {
	for form, text := range forms(r) {
		d, c, err := Find(text)
		if err != nil || d != r.Dataset || c != r.Commit {
			t.Fatalf("Find(%s): %v, %v, %v in\n%s", form, d, c, err, text)
		}
		if r.Part != nil && form != "identifier" {
			if id, err := FindQuery(text); err != nil || id != r.Part.ID {
				t.Fatalf("FindQuery(%s): %q, %v in\n%s", form, id, err, text)
			}
		}
		var doc any
		if strings.Contains(form, "JSON") || form == "CSL" {
			if err := json.Unmarshal([]byte(text), &doc); err != nil {
				t.Fatalf("%s: %v in\n%s", form, err, text)
			}
		}
		if strings.HasSuffix(form, "XML") {
			if err := xml.Unmarshal([]byte(text), &struct{}{}); err != nil {
				t.Fatalf("%s: %v in\n%s", form, err, text)
			}
		}
		if form == "RIS" {
			for _, line := range strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n") {
				if len(line) < 6 || line[2:6] != "  - " || strings.ContainsAny(line, "\r\n") {
					t.Fatalf("RIS has the line %q", line)
				}
			}
		}
	}
	bib := BibTeX(r)
	if strings.Count(bib, "{") != strings.Count(bib, "}") {
		t.Fatalf("braces do not match in\n%s", bib)
	}
	depth := 0
	for i, c := range bib {
		switch c {
		case '{':
			depth++
		case '}':
			depth--
		}
		if depth == 0 && len(strings.TrimSpace(bib[i:])) > 1 && i > len("@dataset{") {
			t.Fatalf("the entry ends before its end in\n%s", bib)
		}
	}
	var doc Document
	if err := json.Unmarshal(JSON(r), &doc); err != nil || doc.Dataset != r.Dataset || doc.Commit != r.Commit {
		t.Fatalf("JSON gives back %v, %v", doc, err)
	}
}

func FuzzForms(f *testing.F) {
	f.Add("Title", "Jane Doe", "v1", "CC0", "https://example.org/")
	f.Add("} {\\", "and", "%", "{", "constl:")
	f.Fuzz(func(t *testing.T, title, author, version, license, live string) {
		r := sample()
		all := title + author + version + license + live
		if _, _, err := Find(all); err == nil || errors.Is(err, ErrSeveral) {
			t.Skip("the texts themselves name a version")
		}
		r.Title, r.Authors, r.Version, r.License, r.Live = title, []Author{{Name: author}}, version, license, live
		checkForms(t, r)
	})
}

func FuzzFind(f *testing.F) {
	for _, text := range forms(sample()) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, c, err := Find(text)
		if err != nil {
			if !errors.Is(err, ErrNone) && !errors.Is(err, ErrSeveral) {
				t.Fatal(err)
			}
			return
		}
		if d2, c2, err := Find(Exact(d, c)); err != nil || d2 != d || c2 != c {
			t.Fatalf("%v, %v, %v from the identifier alone", d2, c2, err)
		}
	})
}

func TestFindInWhatPeopleCopy(t *testing.T) {
	r := sample()
	id := Exact(r.Dataset, r.Commit)
	other := Exact(r.Commit, r.Dataset)
	cases := []struct {
		name, text string
		want       error
	}{
		{"in a sentence", "We used <" + id + ">.", nil},
		{"twice the same", id + " and " + id, nil},
		{"broken over lines", id[:40] + "\n   " + id[40:71] + "\u00ad\r\n" + id[71:90] + "\u00a0" + id[90:], nil},
		{"beside the live name", Live(r.Dataset) + "\n" + id, nil},
		{"two", id + "\n" + other, ErrSeveral},
		{"nothing", "constl: a dataset", ErrNone},
		{"empty", "", ErrNone},
		{"live only", Live(r.Dataset), ErrNone},
		{"too short", id[:len(id)-1], ErrNone},
		{"too long", id + "0", ErrNone},
		{"upper case", strings.ToUpper(id), ErrNone},
		{"another scheme", "x" + id, ErrNone},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d, commit, err := Find(c.text)
			if !errors.Is(err, c.want) {
				t.Fatalf("error %v, want %v", err, c.want)
			}
			if c.want == nil && (d != r.Dataset || commit != r.Commit) {
				t.Errorf("found %v@%v", d, commit)
			}
		})
	}
}

// What DataCite's schema 4.7 (kernel-4.7/metadata.xsd) says of the elements that are
// written: their parents, what they hold in order, and their attributes. A "!" marks
// what is required; a list in parentheses the values that there are.
func TestDataCiteKeepsToTheSchema(t *testing.T) {
	person := "givenName familyName nameIdentifier affiliation"
	schema := map[string]struct{ children, attrs string }{
		"resource": {"identifier creators titles publisher publicationYear resourceType subjects contributors dates language alternateIdentifiers relatedIdentifiers sizes formats version rightsList descriptions geoLocations fundingReferences", ""},
		"creators": {"creator", ""}, "creator": {"creatorName " + person, ""}, "creatorName": {"", "nameType(Personal|Organizational)"},
		"contributors": {"contributor", ""}, "contributor": {"contributorName " + person, "contributorType!(ContactPerson|DataCollector|DataCurator|DataManager|Distributor|Editor|HostingInstitution|Producer|ProjectLeader|ProjectManager|ProjectMember|RegistrationAgency|RegistrationAuthority|RelatedPerson|Researcher|ResearchGroup|RightsHolder|Sponsor|Supervisor|Translator|WorkPackageLeader|Other)"},
		"contributorName": {"", "nameType(Personal|Organizational)"}, "givenName": {}, "familyName": {},
		"nameIdentifier": {"", "nameIdentifierScheme! schemeURI"}, "affiliation": {"", "affiliationIdentifier affiliationIdentifierScheme schemeURI"},
		"identifier": {"", "identifierType!"}, "titles": {"title", ""}, "title": {"", "titleType(AlternativeTitle|Subtitle|TranslatedTitle|Other) lang"},
		"publisher": {"", "lang"}, "publicationYear": {}, "resourceType": {"", "resourceTypeGeneral!(Dataset)"}, "language": {}, "version": {},
		"subjects": {"subject", ""}, "subject": {"", "lang"}, "dates": {"date", ""},
		"date":                 {"", "dateType!(Accepted|Available|Collected|Copyrighted|Coverage|Created|Issued|Other|Submitted|Updated|Valid|Withdrawn)"},
		"alternateIdentifiers": {"alternateIdentifier", ""}, "alternateIdentifier": {"", "alternateIdentifierType!"},
		"relatedIdentifiers": {"relatedIdentifier", ""}, "relatedIdentifier": {"", "relatedIdentifierType!(DOI|URL|SWHID|URN) relationType!(IsVersionOf|IsPartOf|IsIdenticalTo)"},
		"rightsList": {"rights", ""}, "rights": {"", "rightsURI rightsIdentifier rightsIdentifierScheme schemeURI lang"},
		"descriptions": {"description", ""}, "description": {"", "descriptionType!(Abstract|Methods|SeriesInformation|TableOfContents|TechnicalInfo|Other) lang"},
		"geoLocations": {"geoLocation", ""}, "geoLocation": {"geoLocationPlace geoLocationBox", ""}, "geoLocationPlace": {},
		"geoLocationBox":     {"westBoundLongitude eastBoundLongitude southBoundLatitude northBoundLatitude", ""},
		"westBoundLongitude": {}, "eastBoundLongitude": {}, "southBoundLatitude": {}, "northBoundLatitude": {},
		"fundingReferences": {"fundingReference", ""}, "fundingReference": {"funderName funderIdentifier awardNumber awardTitle", ""},
		"funderName": {}, "funderIdentifier": {"", "funderIdentifierType!(ROR) schemeURI"}, "awardNumber": {}, "awardTitle": {},
	}
	mandatory := strings.Fields("identifier creators titles publisher publicationYear resourceType")
	for _, name := range []string{"part", "bare"} {
		data, err := os.ReadFile(filepath.Join("testdata", name+".datacite.xml.golden"))
		if err != nil {
			t.Fatal(err)
		}
		type open struct {
			name string
			last int // place of the last child in the parent's list
			text string
			seen map[string]bool
		}
		var stack []*open
		for d := xml.NewDecoder(bytes.NewReader(data)); ; {
			token, err := d.Token()
			if err == io.EOF {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			switch token := token.(type) {
			case xml.StartElement:
				tag := token.Name.Local
				rule, known := schema[tag]
				if !known || token.Name.Space != "http://datacite.org/schema/kernel-4" {
					t.Fatalf("%s: there is no element %s in %s", name, tag, token.Name.Space)
				}
				if len(stack) > 0 {
					parent := stack[len(stack)-1]
					at := slices.Index(strings.Fields(schema[parent.name].children), tag)
					// At the top, and in a grant, any order will do.
					if at < 0 || at < parent.last && parent.name != "resource" && parent.name != "fundingReference" {
						t.Errorf("%s: %s has no place there in %s", name, tag, parent.name)
					}
					if parent.name == "resource" && parent.seen[tag] {
						t.Errorf("%s: %s stands twice", name, tag)
					}
					parent.last, parent.seen[tag] = at, true
				}
				checkAttributes(t, tag, rule.attrs, token.Attr)
				stack = append(stack, &open{name: tag, seen: make(map[string]bool)})
			case xml.CharData:
				if len(stack) > 0 {
					stack[len(stack)-1].text += strings.TrimSpace(string(token))
				}
			case xml.EndElement:
				e := stack[len(stack)-1]
				stack = stack[:len(stack)-1]
				if (e.text != "") == (schema[e.name].children != "") {
					t.Errorf("%s: %s is empty, or has a text between elements", name, e.name)
				}
				limit := map[string]float64{"westBoundLongitude": 180, "eastBoundLongitude": 180, "southBoundLatitude": 90, "northBoundLatitude": 90}[e.name]
				if v, err := strconv.ParseFloat(e.text, 64); limit > 0 && (err != nil || v < -limit || v > limit) || e.name == "publicationYear" && len(e.text) != 4 {
					t.Errorf("%s: %s cannot be %q", name, e.name, e.text)
				}
				for _, child := range mandatory {
					if e.name == "resource" && !e.seen[child] {
						t.Errorf("%s: %s is missing", name, child)
					}
				}
			}
		}
	}
}

// checkAttributes compares attributes with a rule as in [TestDataCiteKeepsToTheSchema].
func checkAttributes(t *testing.T, tag, rule string, attrs []xml.Attr) {
	t.Helper()
	have := make(map[string]string)
	for _, a := range attrs {
		if a.Name.Local != "xmlns" && a.Name.Space != "xmlns" && a.Name.Local != "schemaLocation" {
			have[a.Name.Local] = a.Value
		}
	}
	for part := range strings.FieldsSeq(rule) {
		part, values, _ := strings.Cut(strings.TrimSuffix(part, ")"), "(")
		attr, required := strings.CutSuffix(part, "!")
		v, there := have[attr]
		if required && !there || there && v == "" || there && values != "" && !slices.Contains(strings.Split(values, "|"), v) {
			t.Errorf("%s: the attribute %s is %q", tag, attr, v)
		}
		delete(have, attr)
	}
	for attr := range have {
		t.Errorf("%s: there is no attribute %s", tag, attr)
	}
}
