package object

import (
	"errors"
	"fmt"
)

// Errors that callers can test for with [errors.Is].
var (
	// ErrNotFound says that a store does not hold the object.
	ErrNotFound = errors.New("object not found")
	// ErrCorrupt says that bytes are not what their id, kind or format demands.
	// It is a class: everything damaged or non-canonical wraps it.
	ErrCorrupt = errors.New("damaged object")
	// ErrInvalidID says that a text is no object id.
	ErrInvalidID = errors.New("invalid object id")
	// ErrSignature says that a signature is not what its key would make.
	ErrSignature = errors.New("invalid signature")
	// ErrReadOnly says that a store takes no new objects.
	ErrReadOnly = errors.New("store is read-only")
)

// NotFound returns an error that names the missing object and wraps [ErrNotFound].
func NotFound(id ID) error { return fmt.Errorf("%w: %s", ErrNotFound, id) }

// CorruptError names the object that is damaged and says how. It wraps both
// [ErrCorrupt] and Err.
type CorruptError struct {
	ID  ID
	Err error
}

// Error describes the damage.
func (e *CorruptError) Error() string { return fmt.Sprintf("object %s is damaged: %v", e.ID, e.Err) }

// Unwrap returns [ErrCorrupt] and the cause.
func (e *CorruptError) Unwrap() []error { return []error{ErrCorrupt, e.Err} }
