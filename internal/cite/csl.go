package cite

import (
	"bytes"
	"encoding/json"
	"strings"
)

type cslItem struct {
	ID        string    `json:"id"`
	Type      string    `json:"type"`
	Title     string    `json:"title"`
	Author    []cslName `json:"author,omitempty"`
	Issued    *cslDate  `json:"issued,omitempty"`
	Publisher string    `json:"publisher,omitempty"`
	Version   string    `json:"version,omitempty"`
	DOI       string    `json:"DOI,omitempty"`
	URL       string    `json:"URL,omitempty"`
	Abstract  string    `json:"abstract,omitempty"`
	Keyword   string    `json:"keyword,omitempty"`
	Language  string    `json:"language,omitempty"`
	Archive   string    `json:"archive,omitempty"`
	Location  string    `json:"archive_location,omitempty"`
	Note      string    `json:"note,omitempty"`
}

type cslName struct {
	Family  string `json:"family,omitempty"`
	Given   string `json:"given,omitempty"`
	Literal string `json:"literal,omitempty"`
}

type cslDate struct {
	Parts [][]int `json:"date-parts"`
}

// CSL returns the citation as CSL-JSON, the form that citation processors and
// reference managers as Zotero exchange: a list of one item. The caller owns the slice.
func CSL(r Record) []byte {
	item := cslItem{
		ID: citationKey(r), Type: "dataset", Title: titleOf(r), Publisher: oneLine(r.Publisher), Version: oneLine(r.Version),
		DOI: r.DOI, URL: r.page(), Abstract: strings.TrimSpace(strings.ToValidUTF8(r.Description, "\ufffd")),
		Keyword: strings.Join(distinct(r.Keywords), ", "), Language: r.Language,
		Archive: "constl", Location: r.identifier(), Note: r.notes(),
	}
	for _, a := range named(r.Authors) {
		n := cslName{}
		if n.Family, n.Given = nameParts(a); n.Family == "" {
			n = cslName{Literal: oneLine(a.Name)}
		}
		item.Author = append(item.Author, n)
	}
	if !r.Date.IsZero() {
		d := r.Date.UTC()
		item.Issued = &cslDate{[][]int{{d.Year(), int(d.Month()), d.Day()}}}
	}
	return encodeJSON([]cslItem{item})
}

// encodeJSON returns a value of texts and numbers as indented JSON.
func encodeJSON(v any) []byte {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		panic("cite: texts and ids always encode: " + err.Error())
	}
	return b.Bytes()
}
