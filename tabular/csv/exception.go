package csv

import (
	"bytes"
	"encoding/binary"

	"github.com/constl/constl/tabular"
)

// The codes of a [tabular.Exception] in a table of this codec (FORMAT.md §5).
const (
	// CodeBefore is of a row: Text is what stands before it, blank and comment
	// lines with their ends.
	CodeBefore = 1
	// CodeShort is of a row: it has only as many cells as Text, a varint, says.
	CodeShort = 2
	// CodeExtra is of a row: Text is what stands behind its last field, from the
	// delimiter on.
	CodeExtra = 3
	// CodeLineEnd is of a row: it ends with Text.
	CodeLineEnd = 4
	// CodeOpposite is of a cell: it has quotes where its field's rule has none, or
	// none where the rule has them. Text is empty.
	CodeOpposite = 5
	// CodeLiteral is of a cell: Text is how it is spelled.
	CodeLiteral = 6
)

func shortText(cells int) []byte { return binary.AppendUvarint(nil, uint64(cells)) }

// ShortCells returns how many of a row's cells the text of a [CodeShort] says that
// there are; of a text that makes no sense, width.
func ShortCells(text []byte, width int) int {
	n, size := binary.Uvarint(text)
	if size != len(text) || n == 0 || n > uint64(width) {
		return width
	}
	return int(n)
}

// spells reports whether the bytes of a CodeLiteral are a spelling of the text.
// They are not once somebody else's edit has changed the text.
func (d *dialect) spells(literal, text, scratch []byte) bool {
	s := d.cell(literal, 0)
	if s.open || s.end != len(literal) {
		return false
	}
	return bytes.Equal(s.appendText(scratch[:0], literal, 0), text)
}

// Oddities counts where a file departs from its layout, for people to read.
type Oddities struct {
	ShortRows int64 // rows with fewer cells than the table has fields
	LongRows  int64 // rows with more
	LineEnds  int64 // rows with another line end than the others
	Between   int64 // rows with blank lines or comments before them
	Quoting   int64 // cells in quotes unlike the others of their field, or without
	Spelling  int64 // cells whose quotes do not follow the rules of CSV
}

func (o *Oddities) count(exceptions []tabular.Exception) {
	for i := range exceptions {
		switch exceptions[i].Code {
		case CodeBefore:
			o.Between++
		case CodeShort:
			o.ShortRows++
		case CodeExtra:
			o.LongRows++
		case CodeLineEnd:
			o.LineEnds++
		case CodeOpposite:
			o.Quoting++
		case CodeLiteral:
			o.Spelling++
		}
	}
}
