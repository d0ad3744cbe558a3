package cite

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/constl/constl/object"
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
	fmt.Fprintf(&b, " [Dataset]. %s\n\n", Exact(r.Dataset, r.Commit))
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%-19s %s\n", label+":", text)
		}
	}
	line(labelExact, Exact(r.Dataset, r.Commit))
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
}

// JSON returns the citation as a [Document], indented by two spaces, with a line
// end. The caller owns the slice.
func JSON(r Record) []byte {
	d := Document{
		Type: "dataset", Identifier: Exact(r.Dataset, r.Commit), Live: r.live(),
		Dataset: r.Dataset, Commit: r.Commit,
		Title: r.Title, Authors: r.Authors, Version: r.Version, License: r.License,
	}
	if !r.Date.IsZero() {
		d.Date = r.Date.UTC().Format(time.RFC3339)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(d); err != nil {
		panic("cite: a Document of texts and ids always encodes: " + err.Error())
	}
	return b.Bytes()
}

func titleOf(r Record) string {
	if t := oneLine(r.Title); t != "" {
		return t
	}
	return "Dataset " + r.Dataset.Short()
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
