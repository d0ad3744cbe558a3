package fingerprint

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/tabular"
)

// reading is how the cells of a field are read: the part of a field of Table Schema
// that says how values are spelled.
type reading struct {
	Type    string
	Format  string
	Decimal string   // in place of a point; "" if it is one
	Group   string   // taken away
	Bare    bool     // a number stands alone
	Missing []string // besides those that are always missing
	True    []string
	False   []string
}

// fieldJSON is a field of Table Schema.
type fieldJSON struct {
	Name    string          `json:"name"`
	Type    string          `json:"type"`
	Format  string          `json:"format"`
	Decimal string          `json:"decimalChar"`
	Group   string          `json:"groupChar"`
	Bare    *bool           `json:"bareNumber"`
	Missing json.RawMessage `json:"missingValues"`
	True    []string        `json:"trueValues"`
	False   []string        `json:"falseValues"`
}

type schemaJSON struct {
	Missing json.RawMessage   `json:"missingValues"`
	Fields  []json.RawMessage `json:"fields"`
}

// readingsOf returns how the cells of each column of a table are read, by position;
// nil stands for as they are, for one column or all.
func readingsOf(s *tabular.Schema, resource *datapackage.Resource) ([]*reading, error) {
	if resource == nil {
		return nil, nil
	}
	data, ok := resource.SchemaJSON()
	if !ok {
		return nil, nil
	}
	var schema schemaJSON
	if err := json.Unmarshal(data, &schema); err != nil {
		return nil, fmt.Errorf("%w: the schema of %s: %w", datapackage.ErrShape, resource.Name(), err)
	}
	general, err := missingValues(schema.Missing)
	if err != nil {
		return nil, fmt.Errorf("%w: missingValues of %s: %w", datapackage.ErrShape, resource.Name(), err)
	}
	byName := make(map[string][]*reading)
	for _, raw := range schema.Fields {
		var f fieldJSON
		if err := json.Unmarshal(raw, &f); err != nil {
			return nil, fmt.Errorf("%w: a field of %s: %w", datapackage.ErrShape, resource.Name(), err)
		}
		r := &reading{Type: f.Type, Format: f.Format, Decimal: f.Decimal, Group: f.Group, Bare: f.Bare == nil || *f.Bare, Missing: general, True: f.True, False: f.False}
		if f.Missing != nil {
			if r.Missing, err = missingValues(f.Missing); err != nil {
				return nil, fmt.Errorf("%w: missingValues of the field %q: %w", datapackage.ErrShape, f.Name, err)
			}
		}
		if !r.changes() {
			r = nil
		}
		byName[f.Name] = append(byName[f.Name], r)
	}
	list := make([]*reading, len(s.Fields))
	for i, f := range s.Fields {
		if same := byName[f.Name]; len(same) > 0 {
			list[i], byName[f.Name] = same[0], same[1:]
		}
	}
	if !slices.ContainsFunc(list, func(r *reading) bool { return r != nil }) {
		return nil, nil
	}
	return list, nil
}

// missingValues reads a list of texts, or of objects with a value.
func missingValues(raw json.RawMessage) ([]string, error) {
	if raw == nil {
		return nil, nil
	}
	var elems []json.RawMessage
	if err := json.Unmarshal(raw, &elems); err != nil {
		return nil, err
	}
	var list []string
	for _, e := range elems {
		var text string
		var labelled struct {
			Value string `json:"value"`
		}
		if json.Unmarshal(e, &text) != nil {
			if err := json.Unmarshal(e, &labelled); err != nil {
				return nil, err
			}
			text = labelled.Value
		}
		if !tabular.IsMissing([]byte(text)) {
			list = append(list, text)
		}
	}
	return list, nil
}

// changes reports whether any text is read as another one.
func (r *reading) changes() bool {
	switch r.Type {
	case "number", "integer":
		if r.Decimal != "" && r.Decimal != "." || r.Group != "" || !r.Bare {
			return true
		}
	case "boolean":
		if len(r.True)+len(r.False) > 0 {
			return true
		}
	case "date", "time", "datetime":
		if strings.Contains(r.Format, "%") {
			return true
		}
	}
	return len(r.Missing) > 0
}

// append appends the text that a cell is read as.
func (r *reading) append(dst []byte, text string) []byte {
	if slices.Contains(r.Missing, text) {
		return dst
	}
	switch r.Type {
	case "number", "integer":
		return r.appendNumber(dst, text)
	case "boolean":
		switch {
		case slices.Contains(r.True, text):
			return append(dst, "true"...)
		case slices.Contains(r.False, text):
			return append(dst, "false"...)
		}
	case "date", "time", "datetime":
		if strings.Contains(r.Format, "%") {
			if out, ok := appendParsed(dst, text, r.Format, r.Type); ok {
				return out
			}
		}
	}
	return append(dst, text...)
}

func (r *reading) appendNumber(dst []byte, text string) []byte {
	s := text
	if r.Group != "" {
		s = strings.ReplaceAll(s, r.Group, "")
	}
	if r.Decimal != "" && r.Decimal != "." {
		if strings.Contains(s, ".") {
			return append(dst, text...) // a point is no part of such a number
		}
		s = strings.ReplaceAll(s, r.Decimal, ".")
	}
	if !r.Bare {
		s = strings.TrimRight(s[max(strings.IndexAny(s, "+-.0123456789"), 0):], " \t\u00a0")
		s = s[:strings.LastIndexAny(s, "0123456789.")+1]
	}
	if !isNumber(s) {
		return append(dst, text...)
	}
	return append(dst, s...)
}

// isNumber keeps a cell that is no number as it stands.
func isNumber(s string) bool {
	return s != "" && !tabular.IsMissing([]byte(s)) && len(bytes.TrimLeft([]byte(s), "+-.0123456789eEinfINFty")) == 0
}
