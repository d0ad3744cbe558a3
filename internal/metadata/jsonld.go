package metadata

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// doc is a JSON object in the order in which it is to be read.
type doc []property

type property struct {
	key   string
	value any
}

// with adds a property unless its value is empty: "", nil, or a list of nothing.
func (d doc) with(key string, value any) doc {
	switch v := value.(type) {
	case nil:
		return d
	case string:
		if v == "" {
			return d
		}
	case []string:
		if len(v) == 0 {
			return d
		}
	case []any:
		if len(v) == 0 {
			return d
		}
	case doc:
		if len(v) == 0 {
			return d
		}
	}
	return append(d, property{key, value})
}

// MarshalJSON implements [json.Marshaler].
func (d doc) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range d {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(p.key)
		if err != nil {
			return nil, err
		}
		value, err := marshal(p.value)
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// file returns the document as a file.
func (d doc) file() ([]byte, error) {
	data, err := marshal(d)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, data, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

// one returns the only element of a list, or the list.
func one(list []any) any {
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	}
	return list
}

func id(iri string) doc { return doc{{"@id", iri}} }

// inLanguages returns the texts in other languages than the dataset's own.
func inLanguages(texts map[string]string) []any {
	var out []any
	for _, lang := range slices.Sorted(maps.Keys(texts)) {
		out = append(out, doc{{"@value", texts[lang]}, {"@language", lang}})
	}
	return out
}

// inOthers returns a text and its translations, each of which has its language: the
// text alone if there are none.
func inOthers(text string, others map[string]string) any {
	var out []any
	if text != "" {
		out = append(out, text)
	}
	return one(append(out, inLanguages(others)...))
}

// tagged returns a text with its language if that is known, and all translations.
func (d *Dataset) tagged(text string, others map[string]string) any {
	var out []any
	if text != "" && d.Language != "" {
		out = append(out, doc{{"@value", text}, {"@language", d.Language}})
	} else if text != "" {
		out = append(out, text)
	}
	return one(append(out, inLanguages(others)...))
}

// description returns the description, or a sentence of what is known.
func (d *Dataset) description() string {
	if d.Description != "" {
		return d.Description
	}
	if len(d.Tables) == 0 {
		return "Dataset: " + d.Title
	}
	var parts []string
	for _, t := range d.Tables {
		parts = append(parts, t.Path+" ("+strconv.FormatInt(t.Rows, 10)+" rows, "+strconv.Itoa(len(t.Fields))+" fields)")
	}
	return "Dataset: " + d.Title + ". It has " + strings.Join(parts, ", ") + "."
}

func (d *Dataset) licenseURLs() []any {
	var out []any
	for _, l := range d.Licenses {
		switch {
		case l.URL != "":
			out = append(out, l.URL)
		case l.ID != "":
			out = append(out, l.ID)
		}
	}
	return out
}

// url is where the dataset is found: its home page, or its live identifier.
func (d *Dataset) url() string {
	if d.Homepage != "" {
		return d.Homepage
	}
	return d.Live
}

func (d *Dataset) date() string {
	if d.Modified.IsZero() {
		return ""
	}
	return d.Modified.Format(time.DateOnly)
}

// String returns the time covered as ISO 8601 writes it; "" if nothing is known.
func (p Period) String() string {
	switch {
	case p.Start == "" && p.End == "":
		return ""
	case p.Start == "":
		return "../" + p.End
	case p.End == "":
		return p.Start + "/.."
	}
	return p.Start + "/" + p.End
}

func number(v float64) json.Number { return json.Number(strconv.FormatFloat(v, 'f', -1, 64)) }

// pathIRI returns a path within the dataset as a relative IRI.
func pathIRI(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	// A colon in the first part would begin a scheme.
	parts[0] = strings.ReplaceAll(parts[0], ":", "%3A")
	return strings.Join(parts, "/")
}

// files returns all files of the dataset, the tables first.
func (d *Dataset) files() []File {
	var out []File
	for _, t := range d.Tables {
		out = append(out, t.File)
	}
	return append(out, d.Files...)
}
