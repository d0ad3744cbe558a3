package diffview

import (
	"context"
	"encoding/csv"
	"io"
	"strings"

	"github.com/constl/constl/internal/changes"
	"github.com/constl/constl/tabular"
)

// Highlight writes the difference of one table as CSV in the tabular diff format
// 0.8 of daff: a first column of tags ("+++" and "---" for rows that came and
// went, "->" for modified ones, in which old->new stands in each changed cell, "+"
// for rows with cells in new columns, "..." where rows are left out), a row "@@" of
// names, and before it a row "!" if columns came, went, moved or were renamed.
// Where a cell contains the arrow itself the row has a longer one.
func Highlight(ctx context.Context, w io.Writer, t *changes.Table) error {
	h := &highlighter{w: csv.NewWriter(w), columns: t.Columns(), nextOld: 1, nextNew: 1}
	filled := h.head()
	for line, err := range t.Lines(ctx, filled) {
		if err != nil {
			return err
		}
		h.gap(&line)
		h.write(h.record(&line))
	}
	if t.New != nil && t.Old != nil && h.nextNew <= t.New.Rows {
		h.omitted()
	}
	h.w.Flush()
	return h.w.Error()
}

type highlighter struct {
	w                *csv.Writer
	columns          []changes.Column
	nextOld, nextNew int64 // the rows that come next if none is left out
}

// write leaves errors to the end, where the writer reports the first.
func (h *highlighter) write(record []string) { _ = h.w.Write(record) }

// head writes the rows above the rows, and reports whether there are new columns.
func (h *highlighter) head() (added bool) {
	schema, names, differ := []string{"!"}, []string{"@@"}, false
	for _, c := range h.columns {
		tag := ""
		switch {
		case c.Added():
			tag, added = "+++", true
		case c.Dropped():
			tag = "---"
		case c.Was != "":
			tag = "(" + c.Was + ")"
		case c.Moved:
			tag = ":"
		}
		differ = differ || tag != ""
		schema, names = append(schema, tag), append(names, c.Name)
	}
	if differ {
		h.write(schema)
	}
	h.write(names)
	return added
}

// gap marks rows that were left out before the line.
func (h *highlighter) gap(line *changes.Line) {
	left := int64(0)
	if line.New > 0 {
		left = line.New - h.nextNew
	} else {
		left = line.Old - h.nextOld
	}
	if left > 0 {
		h.omitted()
	}
	h.nextOld, h.nextNew = h.nextOld+left, h.nextNew+left
	if line.Kind != tabular.RowAdded {
		h.nextOld++
	}
	if line.Kind != tabular.RowDeleted {
		h.nextNew++
	}
}

func (h *highlighter) omitted() {
	record := make([]string, len(h.columns)+1)
	for i := range record {
		record[i] = "..."
	}
	h.write(record)
}

func (h *highlighter) record(line *changes.Line) []string {
	switch line.Kind {
	case tabular.RowAdded:
		return append([]string{"+++"}, line.Now...)
	case tabular.RowDeleted:
		return append([]string{"---"}, line.Before...)
	case tabular.RowModified:
		arrow := arrowOf(line, h.columns)
		record := []string{arrow}
		for i := range h.columns {
			text := h.unchanged(line, i)
			if line.Changed[i] {
				text = notNull(line.Before[i]) + arrow + notNull(line.Now[i])
			}
			record = append(record, text)
		}
		return record
	}
	record := []string{"+"}
	for i := range h.columns {
		record = append(record, h.unchanged(line, i))
	}
	return record
}

func (h *highlighter) unchanged(line *changes.Line, i int) string {
	if h.columns[i].Dropped() {
		return line.Before[i]
	}
	return line.Now[i]
}

// arrowOf returns the shortest arrow that stands nowhere in the line but where it
// is meant.
func arrowOf(line *changes.Line, columns []changes.Column) string {
	arrow := "->"
	for i := 0; i < len(columns); i++ {
		old, now := line.Before[i], line.Now[i]
		bad := strings.Contains(old, arrow) || strings.Contains(now, arrow)
		if line.Changed[i] {
			old, now = notNull(old), notNull(now)
			bad = bad || strings.Index(old+arrow+now, arrow) != len(old)
		}
		if bad {
			arrow, i = "-"+arrow, -1
		}
	}
	return arrow
}

// notNull writes a text that the format would take for a missing value.
func notNull(text string) string {
	if strings.TrimLeft(text, "_") == "NULL" {
		return "_" + text
	}
	return text
}
