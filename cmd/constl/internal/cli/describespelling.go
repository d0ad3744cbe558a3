package cli

import (
	"github.com/constl/constl/internal/describe"
	"github.com/constl/constl/internal/diffview"
	"github.com/constl/constl/tabular"
)

// spelling is a field whose dates or numbers are not written as programs expect.
type spelling struct {
	Path        string `json:"path"`
	Field       string `json:"field"`
	Type        string `json:"type"`
	Format      string `json:"format,omitempty"`
	DecimalChar string `json:"decimal_char,omitempty"`
	Other       string `json:"or,omitempty"` // what it may be as well, so that nothing was written

	example string
}

// spellings looks at the fields that are texts and of which nobody has said a format.
func (d *describing) spellings() error {
	for _, t := range d.state.Tables {
		for col, f := range t.Fields {
			if t.Said == nil || f.Type != tabular.TypeString || f.Said.Format != "" || f.Said.DecimalChar != "" || f.Sketch.Values() == 0 {
				continue
			}
			var s describe.Spelling
			example := ""
			err := t.Scan(d.ctx(), col, func(text string) bool {
				if example == "" {
					example = text
				}
				return s.See(text)
			})
			if err != nil {
				return err
			}
			if found, ok := s.Result(); ok {
				d.spelled = append(d.spelled, spelling{t.Path, f.Name, found.Type, found.Format, found.DecimalChar, found.Other, example})
			}
		}
	}
	return nil
}

// fillFormats states what the texts prove. Where they do not, a person has to say it.
func (d *describing) fillFormats() {
	for _, s := range d.spelled {
		if s.Other != "" {
			continue
		}
		for _, t := range d.state.Tables {
			if t.Path != s.Path {
				continue
			}
			t.Said.SetField(s.Field, "type", s.Type)
			if s.Format != "" {
				t.Said.SetField(s.Field, "format", s.Format)
			}
			if s.DecimalChar != "" {
				t.Said.SetField(s.Field, "decimalChar", s.DecimalChar)
			}
		}
	}
}

func (d *describing) tellSpellings() {
	for _, s := range d.spelled {
		s.Path, s.Field, s.example = diffview.Line(s.Path), diffview.Line(s.Field), diffview.Line(s.example)
		set := "constl schema set " + s.Path + "." + s.Field
		switch {
		case s.Other == "" && s.Format != "":
			d.print("%s: %s: dates are written as %s (%s)\n", s.Path, s.Field, s.Format, s.example)
		case s.Other == "":
			d.print("%s: %s: numbers are written with a decimal comma (%s)\n", s.Path, s.Field, s.example)
		case s.Format != "":
			d.print("%s: %s: does the day or the month come first in %s? Say it with:\n  %s --type %s --format %s   or %s\n", s.Path, s.Field, s.example, set, s.Type, s.Format, s.Other)
		default:
			d.print("%s: %s: is the comma a decimal one in %s? If so: %s --type number --decimal-char ,\n", s.Path, s.Field, s.example, set)
		}
	}
}
