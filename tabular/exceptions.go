package tabular

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/constl/constl/object"
)

// The exceptions of a group are kept as one more column: its cell for a row
// lists the row's exceptions and is empty for a row that has none (FORMAT.md §4).

func appendException(dst []byte, x *Exception) []byte {
	var e object.Encoder
	e.Uvarint(uint64(x.Col + 1))
	e.Byte(x.Code)
	e.Bytes(x.Text)
	return append(dst, e.Body()...)
}

// decodeExceptions appends the exceptions of one row of a group.
func decodeExceptions(dst []Exception, cell []byte, row, width int) ([]Exception, error) {
	d := object.NewBodyDecoder(cell)
	start := len(dst)
	for d.Remaining() > 0 && d.Err() == nil {
		x := Exception{Row: row, Col: int(d.Size(int64(width))) - 1, Code: d.Byte()}
		x.Text = d.Bytes(MaxRow)
		if len(dst) > start && compareExceptions(&dst[len(dst)-1], &x) >= 0 {
			d.Fail("exceptions of row %d are out of order", row)
		}
		dst = append(dst, x)
	}
	if err := d.Close(); err != nil {
		return dst, fmt.Errorf("decode exceptions: %w", err)
	}
	return dst, nil
}

func compareExceptions(a, b *Exception) int {
	return cmp.Or(cmp.Compare(a.Row, b.Row), cmp.Compare(a.Col, b.Col), cmp.Compare(a.Code, b.Code))
}

// exceptionCells holds the exception cells of those rows of a batch that have
// exceptions.
type exceptionCells struct {
	rows  []int // ascending
	cells Cells
}

func (c *exceptionCells) reset() {
	c.rows, c.cells.Data, c.cells.Ends = c.rows[:0], c.cells.Data[:0], c.cells.Ends[:0]
}

// set takes the exceptions of a batch. It fails if they break the rules of
// [Exception].
func (c *exceptionCells) set(list []Exception, rows, width int) error {
	c.reset()
	for i := range list {
		x := &list[i]
		if x.Row < 0 || x.Row >= rows || x.Col < WholeRow || x.Col >= width {
			return fmt.Errorf("%w: an exception stands at row %d, column %d of %d × %d", ErrMisused, x.Row, x.Col, rows, width)
		}
		if i > 0 && compareExceptions(&list[i-1], x) >= 0 {
			return fmt.Errorf("%w: exceptions are out of order at row %d", ErrMisused, x.Row)
		}
		if i > 0 && list[i-1].Row == x.Row {
			c.cells.Data = appendException(c.cells.Data, x)
			c.cells.Ends[len(c.cells.Ends)-1] = uint32(len(c.cells.Data))
			continue
		}
		c.rows = append(c.rows, x.Row)
		c.cells.Data = appendException(c.cells.Data, x)
		c.cells.Ends = append(c.cells.Ends, uint32(len(c.cells.Data)))
	}
	return nil
}

// exceptionsEqual compares the exception cells of two rows.
func exceptionsEqual(a Cells, i int, b Cells, j int) bool {
	var x, y []byte
	if a.Len() > 0 {
		x = a.At(i)
	}
	if b.Len() > 0 {
		y = b.At(j)
	}
	return bytes.Equal(x, y)
}
