package cite

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Scheme begins every identifier.
const Scheme = "constl:"

// The labels that tell an identifier that never changes its meaning from one
// that does.
const (
	labelExact = "This exact version"
	labelLive  = "Always the newest"
)

// Author is a person or organisation to be cited.
type Author struct {
	Name  string `json:"name"`
	ORCID string `json:"orcid,omitempty"` // 16 digits in four groups; "" if unknown

	Affiliation string `json:"affiliation,omitempty"`
	ROR         string `json:"ror,omitempty"` // of the affiliation, as https://ror.org/…
}

// Contributor is a person or organisation that took part, but is no author.
type Contributor struct {
	Author
	Roles []string // as Data Package has them: "contact", "dataCurator" …
}

// Record is what a citation says. Dataset and Commit must be set; what else is
// empty is left out.
type Record struct {
	Dataset object.ID // hash of the first identity document
	Commit  object.ID
	Title   string
	Authors []Author  // in the order in which they are cited
	Date    time.Time // of the commit
	Version string    // a tag's name
	License string    // an SPDX identifier, or a name
	Live    string    // what leads to the newest version; "" means [Live] of the dataset

	LicensePath string // the licence's text: a URL, or a path in the dataset
	Publisher   string
	Description string
	Homepage    string
	Keywords    []string
	Language    string // BCP 47
	DOI         string // as 10.5281/zenodo.1003150

	Titles       map[string]string // translations, by language (BCP 47)
	Descriptions map[string]string
	Contributors []Contributor
	Created      string // ISO 8601
	Temporal     datapackage.Temporal
	Spatial      datapackage.Spatial
	Methods      []string
	Funding      []datapackage.Funding

	Credits []Credit // who changed the rows last; none if nobody asked
	Part    *Part    // what is cited of the version; nil is all of it
}

// Credit says how much of a version is whose.
type Credit struct {
	Author
	Rows  int64 `json:"rows"`  // rows with a cell that the person changed last
	Cells int64 `json:"cells"` // such cells
}

// Part is a table of a version, or a subset of one.
type Part struct {
	Table       string      `json:"table"`
	Rows        int64       `json:"rows"`
	Fingerprint Fingerprint `json:"fingerprint"`
	Query       string      `json:"query,omitempty"` // in its normal form; "" is the whole table
	ID          string      `json:"id,omitempty"`    // of the stored query
}

// Fingerprint is that of a table's data in any format; the zero one is not known.
type Fingerprint tabular.Fingerprint

// String returns the fingerprint as it is written, "" if it is not known.
func (f Fingerprint) String() string {
	if f.isZero() {
		return ""
	}
	return tabular.Fingerprint(f).String()
}

// MarshalText implements [encoding.TextMarshaler].
func (f Fingerprint) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (f *Fingerprint) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*f = Fingerprint{}
		return nil
	}
	return (*tabular.Fingerprint)(f).UnmarshalText(text)
}

func (f Fingerprint) isZero() bool { return f == Fingerprint{} }

// identifier returns what names exactly what is cited.
func (r Record) identifier() string {
	id := Exact(r.Dataset, r.Commit)
	if r.Part != nil && r.Part.ID != "" {
		return id + queryMark + r.Part.ID
	}
	return id
}

// Exact returns the identifier of one version of a dataset.
func Exact(dataset, commit object.ID) string {
	return Scheme + dataset.String() + "@" + commit.String()
}

// Live returns the identifier of a dataset, which stands for its newest version.
func Live(dataset object.ID) string { return Scheme + dataset.String() }

func (r Record) live() string {
	if s := oneLine(r.Live); s != "" {
		return s
	}
	return Live(r.Dataset)
}

// Text returns a citation for people to read: one line in the order that
// DataCite recommends, then the identifiers with their labels.
func Text(r Record) string {
	var b strings.Builder
	names := make([]string, 0, len(r.Authors))
	for _, a := range r.Authors {
		if name := oneLine(a.Name); name != "" {
			names = append(names, name)
		}
	}
	b.WriteString(strings.Join(names, "; "))
	if !r.Date.IsZero() {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "(%d)", r.Date.UTC().Year())
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	b.WriteString(sentence(titleOf(r)))
	if v := oneLine(r.Version); v != "" {
		b.WriteString(" " + sentence("Version "+v))
	}
	fmt.Fprintf(&b, " [Dataset]. %s\n\n", r.identifier())
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-19s %s\n", label+":", text)
		}
	}
	line(labelExact, r.identifier())
	line(labelLive, r.live())
	if !r.Date.IsZero() {
		line("Date", r.Date.UTC().Format(time.DateOnly))
	}
	line("Licence", oneLine(r.License))
	for _, a := range r.Authors {
		if a.ORCID != "" {
			line("ORCID", oneLine(a.ORCID)+" ("+oneLine(a.Name)+")")
		}
	}
	line("DOI", r.DOI)
	if p := r.Part; p != nil {
		line("Table", oneLine(p.Table)+fmt.Sprintf(" (%d rows)", p.Rows))
		line("Query", oneLine(p.Query))
		line("Fingerprint", p.Fingerprint.String())
	}
	for _, c := range r.Credits {
		line("Credit", fmt.Sprintf("%s: %d rows, %d cells", oneLine(c.Name), c.Rows, c.Cells))
	}
	return b.String()
}

// Document is the JSON form of a citation. Properties that are not known are
// left out, but for dataset, commit, identifier and live.
type Document struct {
	Type       string    `json:"type"`       // always "dataset"
	Identifier string    `json:"identifier"` // this exact version
	Live       string    `json:"live"`       // always the newest
	Dataset    object.ID `json:"dataset"`
	Commit     object.ID `json:"commit"`
	Title      string    `json:"title,omitempty"`
	Authors    []Author  `json:"authors,omitempty"`
	Date       string    `json:"date,omitempty"` // RFC 3339, UTC
	Version    string    `json:"version,omitempty"`
	License    string    `json:"license,omitempty"`
	DOI        string    `json:"doi,omitempty"`
	Part       *Part     `json:"part,omitempty"`
	Credits    []Credit  `json:"credits,omitempty"`
}

// JSON returns the citation as a [Document], indented by two spaces, with a line
// end. The caller owns the slice.
func JSON(r Record) []byte {
	d := Document{
		Type: "dataset", Identifier: r.identifier(), Live: r.live(),
		Dataset: r.Dataset, Commit: r.Commit,
		Title: r.Title, Authors: r.Authors, Version: r.Version, License: r.License, DOI: r.DOI, Part: r.Part, Credits: r.Credits,
	}
	if !r.Date.IsZero() {
		d.Date = r.Date.UTC().Format(time.RFC3339)
	}
	return encodeJSON(d)
}

func titleOf(r Record) string {
	title := oneLine(r.Title)
	if title == "" {
		title = "Dataset " + r.Dataset.Short()
	}
	switch {
	case r.Part == nil:
	case r.Part.Query == "":
		title += ": " + oneLine(r.Part.Table)
	default:
		title += ": subset of " + oneLine(r.Part.Table)
	}
	return title
}

// oneLine replaces every run of white space and control characters by a space.
func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(strings.ToValidUTF8(s, "\ufffd"), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
}

// sentence ends s with a full stop unless it ends like a sentence already.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "?") || strings.HasSuffix(s, "!") {
		return s
	}
	return s + "."
}

func year(r Record) string {
	if r.Date.IsZero() {
		return ""
	}
	return strconv.Itoa(r.Date.UTC().Year())
}
