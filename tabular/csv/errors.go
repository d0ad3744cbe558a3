package csv

import (
	"errors"
	"fmt"
)

// Errors that callers can test for with [errors.Is].
var (
	// ErrNotTable says that bytes are not a table, or not one that could be
	// written back byte for byte. The message says why, with the line if there is
	// one. Such a file is kept as a blob.
	ErrNotTable = errors.New("csv: not a table")
	// ErrInvalidLayout says that a layout is not one of this package, is damaged,
	// or does not fit the table's fields.
	ErrInvalidLayout = errors.New("csv: invalid layout")
	// ErrEncoding says that a cell's text does not exist in the file's encoding.
	ErrEncoding = errors.New("csv: text does not fit the encoding")
)

func notTable(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrNotTable, fmt.Sprintf(format, args...))
}
