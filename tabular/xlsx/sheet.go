package xlsx

import (
	"encoding/xml"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/constl/constl/tabular"
)

type rowXML struct {
	Number int       `xml:"r,attr"`
	Cells  []cellXML `xml:"c"`
}

type cellXML struct {
	Ref    string `xml:"r,attr"`
	Type   string `xml:"t,attr"`
	Style  int    `xml:"s,attr"`
	Value  string `xml:"v"`
	Inline text   `xml:"is"`
}

// readSheet reads the rows of a sheet: the first with a cell is the header.
func (w *workbook) readSheet(part string, s *Sheet) error {
	r, err := w.open(part)
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	t := &sheetTable{sheet: s}
	err = eachElement(w.ctx, r, part, "row", func(d *xml.Decoder, start *xml.StartElement) error {
		var row rowXML
		if err := d.DecodeElement(&row, start); err != nil {
			return err
		}
		texts, err := w.texts(&row)
		if err != nil {
			return err
		}
		return t.add(texts)
	})
	t.finish()
	return err
}

// texts returns the texts of a row's cells, by column.
func (w *workbook) texts(row *rowXML) ([]string, error) {
	var list []string
	for i := range row.Cells {
		c := &row.Cells[i]
		at := len(list)
		if c.Ref != "" {
			var err error
			if at, err = columnOf(c.Ref); err != nil {
				return nil, err
			}
		}
		if at >= maxColumns {
			return nil, fmt.Errorf("%w: more than %d columns", tabular.ErrTooLarge, maxColumns)
		}
		value, err := w.value(c)
		if err != nil {
			return nil, fmt.Errorf("cell %s: %w", c.Ref, err)
		}
		if value == "" {
			continue
		}
		for len(list) <= at {
			list = append(list, "")
		}
		list[at] = value
	}
	return list, nil
}

// columnOf returns the column of a reference as AB12, from 0.
func columnOf(ref string) (int, error) {
	n := 0
	for _, c := range ref {
		if c < 'A' || c > 'Z' {
			break
		}
		if n = 26*n + int(c-'A') + 1; n > maxColumns {
			break
		}
	}
	if n == 0 {
		return 0, fmt.Errorf("expected a cell as AB12, found %q", ref)
	}
	return n - 1, nil
}

// value returns the text of a cell, "" if it has none or an error.
func (w *workbook) value(c *cellXML) (string, error) {
	switch c.Type {
	case "s":
		n, err := strconv.Atoi(strings.TrimSpace(c.Value))
		if err != nil || n < 0 || n >= len(w.strings) {
			return "", fmt.Errorf("there is no text %q", c.Value)
		}
		return w.strings[n], nil
	case "inlineStr":
		return c.Inline.join(), nil
	case "str":
		return unescape(c.Value), nil
	case "b":
		if strings.TrimSpace(c.Value) == "" {
			return "", nil
		}
		return strconv.FormatBool(strings.TrimSpace(c.Value) == "1"), nil
	case "e":
		return "", nil
	case "d":
		return c.Value, nil
	}
	text := strings.TrimSpace(c.Value)
	if text == "" {
		return "", nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return "", fmt.Errorf("expected a number, found %q", c.Value)
	}
	if c.Style > 0 && c.Style < len(w.dates) && w.dates[c.Style] != noDate {
		if text, ok := w.dates[c.Style].format(v, w.date1904); ok {
			return text, nil
		}
	}
	return string(tabular.AppendFloat(nil, v, 64)), nil
}

// sheetTable puts rows into columns of cells.
type sheetTable struct {
	sheet *Sheet
	begun bool
	rows  int
	size  int
	open  [][]string // rows of the batch at hand
}

func (t *sheetTable) add(texts []string) error {
	if len(texts) == 0 {
		return nil
	}
	for _, text := range texts {
		t.size += len(text)
	}
	if t.rows++; t.rows > maxRows || t.size > maxText {
		return fmt.Errorf("%w: %d rows with %d bytes of text", tabular.ErrTooLarge, t.rows, t.size)
	}
	for len(t.sheet.names) < len(texts) {
		t.sheet.names = append(t.sheet.names, "")
	}
	if !t.begun {
		copy(t.sheet.names, texts)
		t.begun = true
		return nil
	}
	if t.open = append(t.open, texts); len(t.open) == batchRows {
		t.flush()
	}
	return nil
}

func (t *sheetTable) flush() {
	cells := make([]tabular.Cells, len(t.sheet.names))
	for _, row := range t.open {
		for c := range cells {
			text := ""
			if c < len(row) {
				text = row[c]
			}
			cells[c].Append([]byte(text))
		}
	}
	t.sheet.batches, t.open = append(t.sheet.batches, cells), t.open[:0]
}

// finish gives every batch as many columns as the widest row has.
func (t *sheetTable) finish() {
	if len(t.open) > 0 {
		t.flush()
	}
	for i, cells := range t.sheet.batches {
		for len(cells) < len(t.sheet.names) {
			cells = append(cells, tabular.Cells{Ends: make([]uint32, cells[0].Len())})
		}
		t.sheet.batches[i] = cells
	}
}
