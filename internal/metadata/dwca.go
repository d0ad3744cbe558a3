package metadata

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
)

// ErrNoFit says that no table has the fields that a format is about.
var ErrNoFit = errors.New("metadata: no table fits")

// The kinds of rows of a Darwin Core archive, with the term that names a row of the
// kind, and the terms without which there is none.
var rowKinds = [...]struct {
	kind, id string
	needs    []string
}{
	{"Occurrence", "occurrenceID", []string{"occurrenceID"}},
	{"Occurrence", "", []string{"scientificName", "eventDate"}},
	{"Occurrence", "", []string{"scientificName", "decimalLatitude"}},
	{"Occurrence", "", []string{"scientificName", "individualCount"}},
	{"Event", "eventID", []string{"eventID"}},
	{"Taxon", "taxonID", []string{"taxonID"}},
	{"Taxon", "", []string{"scientificName"}},
}

const dwcNamespace = "http://rs.tdwg.org/dwc/terms/"

// dwcTerms are the terms of Darwin Core that stand in columns.
const dwcTerms = ` acceptedNameUsage acceptedNameUsageID associatedMedia associatedOccurrences associatedReferences associatedSequences associatedTaxa
 basisOfRecord bed behavior catalogNumber class collectionCode collectionID continent coordinatePrecision coordinateUncertaintyInMeters country countryCode
 county cultivarEpithet dataGeneralizations datasetID datasetName dateIdentified day decimalLatitude decimalLongitude degreeOfEstablishment disposition
 dynamicProperties endDayOfYear establishmentMeans eventDate eventID eventRemarks eventTime eventType family fieldNotes fieldNumber footprintSRS footprintWKT
 genericName genus geodeticDatum georeferencedBy georeferencedDate georeferenceProtocol georeferenceRemarks georeferenceSources georeferenceVerificationStatus
 habitat higherClassification higherGeography higherGeographyID identificationID identificationQualifier identificationReferences identificationRemarks
 identificationVerificationStatus identifiedBy identifiedByID individualCount infragenericEpithet infraspecificEpithet informationWithheld institutionCode
 institutionID island islandGroup kingdom lifeStage locality locationAccordingTo locationID locationRemarks materialEntityID materialSampleID
 maximumDepthInMeters maximumElevationInMeters minimumDepthInMeters minimumElevationInMeters month municipality nameAccordingTo namePublishedIn
 nomenclaturalCode nomenclaturalStatus occurrenceID occurrenceRemarks occurrenceStatus order organismID organismName organismQuantity organismQuantityType
 organismRemarks organismScope originalNameUsage otherCatalogNumbers ownerInstitutionCode parentEventID parentNameUsage parentNameUsageID pathway phylum
 pointRadiusSpatialFit preparations previousIdentifications recordedBy recordedByID recordNumber reproductiveCondition
 sampleSizeUnit sampleSizeValue samplingEffort samplingProtocol scientificName scientificNameAuthorship scientificNameID sex specificEpithet startDayOfYear
 stateProvince subfamily subgenus subtribe superfamily taxonConceptID taxonID taxonomicStatus taxonRank taxonRemarks tribe typeStatus verbatimCoordinates
 verbatimCoordinateSystem verbatimDepth verbatimElevation verbatimEventDate verbatimIdentification verbatimLatitude verbatimLocality verbatimLongitude
 verbatimSRS verbatimTaxonRank vernacularName vitality waterBody year `

// core is a table that fits, and how.
type core struct {
	table *Table
	kind  string
	id    int            // the column that names a row
	terms map[int]string // of the columns
}

// DarwinCore writes the dataset as a Darwin Core archive: a zip file with meta.xml,
// eml.xml and the one table whose fields fit best, byte for byte. A field fits if its
// name is that of a term, in whatever case, or its rdfType a term's IRI. open writes
// the bytes of a file. It fails with [ErrNoFit] and says what is missing if no table
// fits.
func DarwinCore(w io.Writer, d *Dataset, open func(w io.Writer, path string) error) error {
	c, err := findCore(d)
	if err != nil {
		return err
	}
	eml, err := EML(d)
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	for _, f := range []struct {
		name string
		data []byte
	}{{"meta.xml", c.meta()}, {"eml.xml", eml}} {
		to, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: zip.Deflate, Modified: d.Modified})
		if err == nil {
			_, err = to.Write(f.data)
		}
		if err != nil {
			return err
		}
	}
	to, err := z.CreateHeader(&zip.FileHeader{Name: path.Base(c.table.Path), Method: zip.Deflate, Modified: d.Modified})
	if err != nil {
		return err
	}
	if err := open(to, c.table.Path); err != nil {
		return err
	}
	return z.Close()
}

// findCore returns the table with the most terms.
func findCore(d *Dataset) (*core, error) {
	var best *core
	var why []string
	for i := range d.Tables {
		t := &d.Tables[i]
		c, problem := fit(t)
		if problem != "" && problem != noTerm {
			why = append(why, t.Path+": "+problem)
		} else if problem == "" && (best == nil || len(c.terms) > len(best.terms)) {
			best = c
		}
	}
	if best == nil {
		if len(why) == 0 {
			why = []string{noTerm}
		}
		return nil, fmt.Errorf("%w a Darwin Core archive: %s", ErrNoFit, strings.Join(why, "; "))
	}
	return best, nil
}

// noTerm is why most tables do not fit.
const noTerm = "expected a field that is called, or whose rdfType is, occurrenceID, eventID, taxonID or scientificName"

func fit(t *Table) (c *core, problem string) {
	if strings.HasSuffix(strings.ToLower(t.Path), ".gz") {
		return nil, "it is compressed"
	}
	c = &core{table: t, id: -1, terms: make(map[int]string)}
	at := make(map[string]int)
	for i := range t.Fields {
		if term := t.Fields[i].dwcTerm(); term != "" {
			if _, twice := at[term]; !twice {
				c.terms[i], at[term] = term, i
			}
		}
	}
	for _, k := range rowKinds {
		if !slices.ContainsFunc(k.needs, func(term string) bool { _, ok := at[term]; return !ok }) {
			if c.kind = k.kind; k.id != "" {
				c.id = at[k.id]
			}
			break
		}
	}
	if c.kind == "" {
		return nil, noTerm
	}
	if key := t.Key(); c.id < 0 && len(key) == 1 {
		c.id = slices.IndexFunc(t.Fields, func(f Field) bool { return f.Name == key[0] })
	}
	if c.id < 0 {
		return nil, "no single field names a row; expected occurrenceID, eventID or taxonID, or a primary key of one field"
	}
	return c, ""
}

// dwcTerm returns the term that the field is about, or "".
func (f *Field) dwcTerm() string {
	name := f.Name
	for _, prefix := range []string{dwcNamespace, "dwc:"} {
		if rest, ok := strings.CutPrefix(f.RDFType, prefix); ok {
			name = rest
		}
	}
	for term := range strings.FieldsSeq(dwcTerms) {
		if strings.EqualFold(term, name) {
			return term
		}
	}
	return ""
}

// meta describes the archive's files (Darwin Core text guide).
func (c *core) meta() []byte {
	t := c.table
	escape := strings.NewReplacer("\t", `\t`, "\r", `\r`, "\n", `\n`)
	header := "0"
	if t.Dialect.Header {
		header = "1"
	}
	out := el("core", el("files", tx("location", path.Base(t.Path)))).attr("encoding", strings.ToUpper(t.Dialect.Encoding))
	// Written as they are: a space separates, and no quotes at all are not the default.
	out.attrs = append(out.attrs, [2]string{"fieldsTerminatedBy", escape.Replace(first(t.Dialect.Delimiter, ","))})
	out.attr("linesTerminatedBy", escape.Replace(t.Dialect.LineEnd))
	out.attrs = append(out.attrs, [2]string{"fieldsEnclosedBy", t.Dialect.Quote})
	out.attr("ignoreHeaderLines", header).attr("rowType", dwcNamespace+c.kind)
	out.add(el("id").attr("index", fmt.Sprint(c.id)))
	for i := range t.Fields {
		if term := c.terms[i]; term != "" {
			out.add(el("field").attr("index", fmt.Sprint(i)).attr("term", dwcNamespace+term))
		}
	}
	return el("archive", out).attr("xmlns", "http://rs.tdwg.org/dwc/text/").attr("metadata", "eml.xml").file()
}
