package metadata

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// birds is a dataset of which everything is known, with texts that want escaping.
func birds() *Dataset {
	sum := strings.Repeat("ab", 32)
	return &Dataset{
		ID: strings.Repeat("1", 64), Commit: strings.Repeat("2", 64),
		Exact: "constl:" + strings.Repeat("1", 64) + "@" + strings.Repeat("2", 64), Live: "constl:" + strings.Repeat("1", 64),
		Name: "birds", Title: `Birds & "others" <of the delta>`, Description: "Counts of birds.\n\nBy volunteers; </script> & more.", Language: "en",
		Titles: map[string]string{"de": "Vögel des Deltas", "pt-BR": "Aves do delta"}, Descriptions: map[string]string{"de": "Gezählt von Freiwilligen."},
		Version: "v1.0", Homepage: "https://example.org/birds", Keywords: []string{"birds", "wetland"}, Created: "2019-04-01",
		Licenses: []License{{ID: "CC-BY-4.0", Name: "Creative Commons Attribution 4.0 International", URL: "https://creativecommons.org/licenses/by/4.0/"}},
		Authors: []Person{
			{Name: "Ana Silva", ORCID: "0000-0002-1825-0097", Email: "ana@example.org", Organization: "Delta Lab", ROR: "https://ror.org/02mhbdp94", Roles: []string{"creator"}},
			{Name: "Okri, Ben", Roles: []string{"creator"}},
		},
		Contributors: []Person{{Name: "Chloé", Roles: []string{"dataCurator"}}},
		Modified:     time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Temporal: Period{"2026-04-01", "2026-04-30"},
		Spatial: Place{Name: "River delta", Box: [4]float64{-9.5, 38.25, -8, 39}, HasBox: true}, Methods: []string{"Point counts.", "Ten minutes each."},
		Funding:  []Grant{{Funder: "DFG", ROR: "https://ror.org/018mejw64", Award: "123", Title: "Delta"}},
		Citation: "Ana Silva; Ben Okri (2026): Birds.", BibTeX: "@misc{x,\n}\n",
		Files: []File{{Path: "notes/read me.md", Size: 12, SHA256: sum, BLAKE3: sum}},
		Tables: []Table{{
			File: File{Path: "counts 2026.csv", Size: 345, SHA256: sum, BLAKE3: sum}, Name: "counts", Title: "Counts", Description: "One row for each count.", Rows: 4,
			Dialect: Dialect{Delimiter: ",", Quote: `"`, Header: true, Encoding: "utf-8", LineEnd: "\r\n"},
			Fields: []Field{
				{Name: "occurrenceID", Type: "integer", Key: true, Statistics: &Statistics{Cells: 4, Distinct: 4, Of: "number", Min: "1", Max: "4", Histogram: &Histogram{From: 1, Width: 1, Counts: []int64{1, 1, 1, 1}}}},
				{Name: "eventDate", Type: "date", Description: "The day."},
				{Name: "scientificName", Type: "string", RDFType: "http://rs.tdwg.org/dwc/terms/scientificName"},
				{Name: "individualCount", Type: "integer", Unit: "{individuals}", Constraints: []Constraint{{"minimum", "0"}, {"required", "true"}}, Missing: []string{"", "NA"}},
				{Name: "air temp. (°C)", Type: "number", Title: "Air temperature", Titles: map[string]string{"de": "Lufttemperatur"}, Description: "In the shade.", Descriptions: map[string]string{"de": "Im Schatten."}, Unit: "Cel"},
				{Name: "flow", Type: "number", Unit: "10*-6.m3/s"},
				{Name: "day", Type: "date", Format: "%d.%m.%Y"},
				{Name: "alive", Type: "boolean", Statistics: &Statistics{Cells: 4, Of: "length", Top: []Value{{"TRUE", 3}, {"FALSE", 1}}}},
				{Name: "", Type: "any"},
			},
		}},
	}
}

// The golden files were read against the standards point by point.
func TestGolden(t *testing.T) {
	for _, f := range Formats() {
		if f.Name == "dwca" {
			continue
		}
		var got bytes.Buffer
		if err := f.Write(&got, birds(), nil); err != nil {
			t.Fatal(err)
		}
		name := filepath.Join("testdata", "golden", f.File)
		if *update {
			if err := os.WriteFile(name, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), got.String()); d != "" {
			t.Errorf("%s (-want +got):\n%s", f.Name, d)
		}
	}
}

// A dataset of which next to nothing is known gives well-formed files, too.
func TestLittleIsKnown(t *testing.T) {
	for _, d := range []*Dataset{{Title: "x"}, {}, {Title: "x", Tables: []Table{{File: File{Path: "a.csv"}}}, Authors: []Person{{Name: "A"}}}} {
		for _, f := range Formats() {
			var out bytes.Buffer
			err := f.Write(&out, d, nil)
			if f.Name == "dwca" {
				if !errors.Is(err, ErrNoFit) {
					t.Errorf("dwca: %v", err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", f.Name, err)
			}
			checkWellFormed(t, f.File, out.Bytes())
		}
	}
}

func checkWellFormed(t *testing.T, name string, data []byte) {
	t.Helper()
	if strings.HasSuffix(name, ".xml") {
		d := xml.NewDecoder(bytes.NewReader(data))
		for {
			if _, err := d.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, data)
			}
		}
	}
	if !json.Valid(data) {
		t.Fatalf("%s is no JSON:\n%s", name, data)
	}
}

// Every entity of a crate stands on its own, and whatever is pointed at is there.
func TestCrateIsFlat(t *testing.T) {
	data, err := ROCrate(birds())
	if err != nil {
		t.Fatal(err)
	}
	var crate struct {
		Graph []map[string]any `json:"@graph"`
	}
	if err := json.Unmarshal(data, &crate); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	for _, e := range crate.Graph {
		id := e["@id"].(string)
		if ids[id] || e["@type"] == nil {
			t.Errorf("%s stands twice, or has no type", id)
		}
		ids[id] = true
	}
	for _, e := range crate.Graph {
		for key, v := range e {
			list, ok := v.([]any)
			if !ok {
				list = []any{v}
			}
			for _, one := range list {
				o, ok := one.(map[string]any)
				if !ok || key == "conformsTo" {
					continue
				}
				if _, text := o["@value"]; !text && (len(o) != 1 || !ids[o["@id"].(string)]) {
					t.Errorf("%s: %s is no reference to an entity: %v", e["@id"], key, o)
				}
			}
		}
	}
	if !ids["./"] || !ids[ROCrateName] {
		t.Error("the root or the descriptor is missing")
	}
}

// The ids of a Croissant file are unique, and its fields point at files and columns
// that are there.
func TestCroissantRefersToWhatIsThere(t *testing.T) {
	d := birds()
	twin := d.Tables[0]
	twin.Path = "more.csv"
	d.Tables = append(d.Tables, twin)
	data, err := Croissant(d)
	if err != nil {
		t.Fatal(err)
	}
	type ref struct {
		ID string `json:"@id"`
	}
	var doc struct {
		Distribution []ref
		RecordSet    []struct {
			ref
			Field []struct {
				ref
				Source struct {
					FileObject ref
					Extract    struct{ Column string }
				}
			}
		}
	}
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	ids := make(map[string]bool)
	enter := func(r ref) {
		if ids[r.ID] || r.ID == "" {
			t.Errorf("the id %q stands twice", r.ID)
		}
		ids[r.ID] = true
	}
	for _, f := range doc.Distribution {
		enter(f)
	}
	for _, s := range doc.RecordSet {
		enter(s.ref)
		for i, f := range s.Field {
			enter(f.ref)
			if !slices.Contains(doc.Distribution, f.Source.FileObject) || f.Source.Extract.Column != d.Tables[0].Fields[i].Name {
				t.Errorf("field %s is drawn from %+v", f.ID, f.Source)
			}
		}
	}
	if len(doc.RecordSet) != 2 {
		t.Errorf("%d record sets", len(doc.RecordSet))
	}
}

func TestDarwinCore(t *testing.T) {
	var out bytes.Buffer
	err := DarwinCore(&out, birds(), func(w io.Writer, path string) error {
		_, err := io.WriteString(w, "the bytes of "+path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]string)
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(data)
	}
	if files["counts 2026.csv"] != "the bytes of counts 2026.csv" || !strings.Contains(files["eml.xml"], "<eml:eml") {
		t.Errorf("%v", files)
	}
	var meta struct {
		Core struct {
			RowType    string `xml:"rowType,attr"`
			Terminated string `xml:"fieldsTerminatedBy,attr"`
			Lines      string `xml:"linesTerminatedBy,attr"`
			Location   string `xml:"files>location"`
			ID         struct {
				Index int `xml:"index,attr"`
			} `xml:"id"`
			Fields []struct {
				Index int    `xml:"index,attr"`
				Term  string `xml:"term,attr"`
			} `xml:"field"`
		} `xml:"core"`
	}
	if err := xml.Unmarshal([]byte(files["meta.xml"]), &meta); err != nil {
		t.Fatal(err)
	}
	c := meta.Core
	if c.RowType != dwcNamespace+"Occurrence" || c.ID.Index != 0 || c.Location != "counts 2026.csv" || c.Terminated != "," || c.Lines != `\r\n` {
		t.Errorf("%+v", c)
	}
	var terms []string
	for _, f := range c.Fields {
		terms = append(terms, strings.TrimPrefix(f.Term, dwcNamespace))
	}
	if d := cmp.Diff([]string{"occurrenceID", "eventDate", "scientificName", "individualCount", "day"}, terms); d != "" {
		t.Error(d)
	}
}

// meta.xml keeps to tdwg_dwc_text.xsd, and says how the table is written.
func TestDarwinCoreMetaKeepsToTheSchema(t *testing.T) {
	const iri = `http://rs\.tdwg\.org/dwc/terms/[A-Za-z]+`
	schema := regexp.MustCompile(`^<\?xml [^>]*>\s*<archive xmlns="http://rs\.tdwg\.org/dwc/text/" metadata="eml\.xml">` +
		`\s*<core( (encoding|fieldsTerminatedBy|linesTerminatedBy|fieldsEnclosedBy|rowType)="[^"<]*"| ignoreHeaderLines="\d+")* rowType="` + iri + `">` +
		`\s*<files>\s*<location>[^<]+</location>\s*</files>\s*<id index="\d+"/>(\s*<field index="\d+" term="` + iri + `"/>)+\s*</core>\s*</archive>\s*$`)
	for _, dialect := range []Dialect{birds().Tables[0].Dialect, {}, {Delimiter: " ", LineEnd: "\r"}, {Delimiter: "\t", Quote: "'"}} {
		d := birds()
		d.Tables[0].Dialect = dialect
		c, err := findCore(d)
		if err != nil {
			t.Fatal(err)
		}
		meta := string(c.meta())
		if !schema.MatchString(meta) {
			t.Errorf("not after the schema:\n%s", meta)
		}
		delimiter := strings.ReplaceAll(first(dialect.Delimiter, ","), "\t", `\t`)
		if !strings.Contains(meta, ` fieldsTerminatedBy="`+delimiter+`"`) {
			t.Errorf("expected fields terminated by %q:\n%s", delimiter, meta)
		}
	}
}

func TestFormatNumber(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1.0 / 3: "0.33333", -20.25: "-20.25", 123456.789: "123457", 1e20: "1e+20", 12345678: "12345678", 0.00001234: "1.234e-05"} {
		if got := formatNumber(v); got != want {
			t.Errorf("%v: %s, expected %s", v, got, want)
		}
	}
}

// Why no table fits is said once, and where one nearly does, what it lacks.
func TestNoFitSaysWhy(t *testing.T) {
	d := birds()
	d.Tables[0].Fields[0].Key, d.Tables[0].Fields[0].Name = false, "number"
	d.Tables = append(d.Tables, Table{File: File{Path: "other.csv"}}, Table{File: File{Path: "another.csv"}})
	_, err := findCore(d)
	if err == nil || !strings.Contains(err.Error(), "counts 2026.csv: no single field names a row") || strings.Contains(err.Error(), "other.csv") {
		t.Error(err)
	}
	d.Tables = d.Tables[1:]
	if _, err = findCore(d); err == nil || strings.Count(err.Error(), "expected a field") != 1 {
		t.Error(err)
	}
}

// emlStandardUnits are of the enumerations in eml-unitTypeDefinitions.xsd 2.2.0: those
// that constl uses.
var emlStandardUnits = strings.Fields(`acre atmosphere bar becquerel celsius centimeter centimetersPerSecond cubicMeter cubicMetersPerSecond decibar decimeter degree
		dimensionless fahrenheit foot gram gramsPerLiter gramsPerSquareMeter hectare hectopascal hertz hour inch joule kelvin kilogram kilogramPerCubicMeter
		kilogramsPerHectare kilogramsPerSquareMeter kilohertz kilometer kilometersPerHour kilopascal liter litersPerSecond lux megagram megapascal meter
		metersPerSecond metersPerSecondSquared microgram microgramsPerLiter microliter micrometer micromolePerLiter micromolePerMeterSquaredPerSecond mile
		millibar milligram milligramPerKilogram milligramsPerLiter milliliter millimeter millimeterPerDay millimolePerLiter millisecond millivolt minute mole
		molePerLiter nanogram nanometer nanomolePerLiter newton nominalDay nominalWeek nominalYear number numberPerHectare numberPerLiter
		numberPerMeterSquared pascal percent permil radian second siemens siemensPerCentimeter siemensPerMeter squareCentimeters squareKilometers squareMeter
		squareMillimeters tonne tonnePerHectare volt watt wattPerMeterSquared`)

func TestEMLUnitsAreStandard(t *testing.T) {
	for _, ucum := range strings.Fields(`1 % [ppth] {count} Cel K [degF] m km dm cm mm um nm [in_i] [ft_i] [mi_i] g kg mg ug ng Mg t s min h d wk a ms L mL uL m2 km2 cm2 mm2
		har [acr_us] m3 m/s km/h cm/s mm/d m/s2 m3/s L/s g/L mg/L ug/L mg/kg g/m2 kg/m2 kg/m3 kg/har t/har deg rad Pa hPa kPa MPa bar mbar dbar atm V mV W W/m2 J N Hz kHz
		mol mol/L mmol/L umol/L nmol/L umol.m-2.s-1 lx S S/m S/cm Bq {individuals}/m2 {individuals}/L {individuals}/har`) {
		if name := emlUnit(ucum); !slices.Contains(emlStandardUnits, name) {
			t.Errorf("%s: %q is no standard unit of EML", ucum, name)
		}
	}
}
