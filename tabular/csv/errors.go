package csv

import (
	"errors"
	"fmt"
)

// Errors that callers can test for with [errors.Is].
var (
	// ErrNotTable says that bytes are not a table, or not one that could be
	// written back byte for byte. Such a file is kept as a blob. It comes in a
	// [*NotTableError], which says why.
	ErrNotTable = errors.New("csv: not a table")
	// ErrInvalidLayout says that a layout is not one of this package, is damaged,
	// or does not fit the table's fields.
	ErrInvalidLayout = errors.New("csv: invalid layout")
	// ErrEncoding says that a cell's text does not exist in the file's encoding.
	ErrEncoding = errors.New("csv: text does not fit the encoding")
)

// NotTableError says why a file is not a table. It wraps [ErrNotTable].
type NotTableError struct {
	Line   int    // where, counted from 1; 0 if it is no matter of one line
	Reason string // for people to read
}

// Error returns the reason and the line.
func (e *NotTableError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%v: line %d: %s", ErrNotTable, e.Line, e.Reason)
	}
	return fmt.Sprintf("%v: %s", ErrNotTable, e.Reason)
}

// Unwrap returns [ErrNotTable].
func (e *NotTableError) Unwrap() error { return ErrNotTable }

func notTable(format string, args ...any) error {
	return &NotTableError{Reason: fmt.Sprintf(format, args...)}
}
