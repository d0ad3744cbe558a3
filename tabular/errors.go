package tabular

import "errors"

// Errors that callers can test for with [errors.Is].
var (
	// ErrTooLarge says that a cell, a row, a name or a schema is over a limit of
	// the format. A file with such a part is kept as a blob, not as a table.
	ErrTooLarge = errors.New("tabular: over a limit of the format")
	// ErrInvalidSchema says that a schema breaks a rule of [Schema.Validate].
	ErrInvalidSchema = errors.New("tabular: invalid schema")
	// ErrOutOfRange says that a table has no such row.
	ErrOutOfRange = errors.New("tabular: no such row")
	// ErrMisused says that a [Builder] was used against its contract.
	ErrMisused = errors.New("tabular: builder misused")
)
