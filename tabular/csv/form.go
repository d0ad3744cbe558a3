package csv

import (
	"context"
	"fmt"
	"strconv"
	"unicode/utf8"

	"github.com/constl/constl/tabular"
)

// Part is something about how a file is written that two versions of it can
// contradict each other about.
type Part string

// The parts, as a [tabular.LayoutClash] names them.
const (
	PartDelimiter Part = "delimiter"
	PartEncoding  Part = "encoding"
	PartHeader    Part = "header" // whether there is one
	PartAbove     Part = "above"  // the lines above the table
	PartBelow     Part = "below"  // the lines below the table
)

func (p Part) sentence() string {
	switch p {
	case PartHeader:
		return "whether there is a header"
	case PartAbove:
		return "the lines above the table"
	case PartBelow:
		return "the lines below the table"
	}
	return "the " + string(p)
}

// show returns what a layout has of a part, for people.
func (l *Layout) show(p Part) string {
	switch p {
	case PartDelimiter:
		switch l.Delimiter {
		case '\t':
			return "tab"
		case ' ':
			return "space"
		}
		return string(rune(l.Delimiter))
	case PartEncoding:
		return l.Encoding.String()
	case PartHeader:
		return strconv.FormatBool(l.Header)
	case PartAbove:
		return l.Encoding.Text(l.Preamble)
	case PartBelow:
		return l.Encoding.Text(l.Trailer)
	}
	return ""
}

// WithForm returns the table as it is if parts of its file's form are those that
// other tables have, and its fields have other names or are fewer. Only layout
// and schema are those of the new table: its rows are for the caller to build,
// with what carry makes of their exceptions (see [MergeLayout]) and recode of their
// cells. recode is nil if cells stay as they are; it fails with an error that
// wraps [ErrEncoding] for a text that the new encoding does not have. WithForm
// itself fails so too, and with an error that wraps [ErrInvalidLayout].
func WithForm(ctx context.Context, t *tabular.Table, fields []tabular.Field, parts map[Part]*tabular.Table) (layout tabular.Layout,
	carry func(x tabular.Exception, from *tabular.Table, col int, row [][]byte) (tabular.Exception, bool), recode func([]byte) ([]byte, error), err error) {
	old, _, err := layoutOf(t)
	if err != nil {
		return layout, nil, nil, err
	}
	wanted := *old
	for part, side := range parts {
		l, _, err := layoutOf(side)
		if err != nil {
			return layout, nil, nil, err
		}
		wanted.take(part, l)
	}
	encoding := wanted.Encoding
	wanted.Encoding = old.Encoding
	asked := *t
	if asked.Layout, err = wanted.Encode(); err != nil {
		return layout, nil, nil, err
	}
	layout, carry, _, err = MergeLayout(ctx, t, t, &asked, fields)
	// Cells may be in two encodings if that is what was in conflict.
	if _, asked := parts[PartEncoding]; err != nil || !asked {
		return layout, carry, nil, err
	}
	merged, err := DecodeLayout(layout)
	if err != nil {
		return layout, nil, nil, err
	}
	recode = func(text []byte) ([]byte, error) { return encoding.recode(text) }
	for _, text := range []*[]byte{&merged.HeaderText, &merged.Preamble, &merged.Trailer} {
		if len(*text) == 0 {
			continue
		}
		if *text, err = recode(*text); err != nil {
			return layout, nil, nil, err
		}
	}
	merged.Encoding = encoding
	layout, err = merged.Encode()
	return layout, carry, recode, err
}

// take makes one part that of another layout.
func (l *Layout) take(p Part, from *Layout) {
	switch p {
	case PartDelimiter:
		l.Delimiter, l.Quote = from.Delimiter, max(l.Quote, from.Quote)
		l.HeaderText = nil
	case PartEncoding:
		l.Encoding, l.BOM = from.Encoding, from.BOM
	case PartHeader:
		l.Header, l.HeaderRule, l.HeaderText, l.HeaderEnd = from.Header, from.HeaderRule, nil, l.LineEnd
	case PartAbove:
		l.Preamble = l.lines(from, from.Preamble)
	case PartBelow:
		if l.Trailer = l.lines(from, from.Trailer); len(l.Trailer) > 0 {
			l.NoFinalEnd = false
		}
	}
}

// recode returns a text in the encoding e, out of a table some of whose cells may
// be UTF-8 and others Windows-1252: which of them a cell is in shows by itself,
// because hardly a word in the older one is valid UTF-8.
func (e Encoding) recode(text []byte) ([]byte, error) {
	switch {
	case isASCII(text), e == Windows1252 && !utf8.Valid(text):
		return text, nil
	case !utf8.Valid(text):
		return []byte(Windows1252.Text(text)), nil
	}
	out, err := e.Cell(string(text))
	if err != nil {
		return nil, fmt.Errorf("putting %q into %s: %w", text, e, err)
	}
	return out, nil
}
