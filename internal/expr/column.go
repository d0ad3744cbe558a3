package expr

import (
	"math"

	"github.com/constl/constl/tabular"
)

// Kind is the kind of a column's values.
type Kind uint8

// The kinds, and how CEL calls them.
const (
	Text    Kind = iota // string
	Integer             // int
	Number              // double
	Boolean             // bool
	Moment              // timestamp: a date or a date with a time
)

// Column holds the values of one column in a batch of rows. Whoever receives one
// does not write to it.
type Column struct {
	Kind Kind
	// Values are whole numbers, truth values (0 and 1), moments in microseconds
	// since 1970, or the bits of numbers; nil for texts.
	Values []int64
	// Texts are the texts of a column of texts, in UTF-8.
	Texts tabular.Cells
	// Absent says which rows have no value; nil if all have one.
	Absent []bool
}

// Float returns a number of the column.
func (c *Column) Float(row int) float64 { return math.Float64frombits(uint64(c.Values[row])) }

// IsAbsent reports whether a row has no value.
func (c *Column) IsAbsent(row int) bool { return c.Absent != nil && c.Absent[row] }

// Text returns the text of a row, which is empty where there is none.
func (c *Column) Text(row int) []byte {
	if c.IsAbsent(row) {
		return nil
	}
	return c.Texts.At(row)
}
