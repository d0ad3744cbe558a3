package datapackage

import (
	"errors"
	"fmt"
)

// Errors that callers can test for with [errors.Is].
var (
	// ErrSyntax says that a file is no JSON, or not JSON that has one meaning
	// only. What wraps it is a [*Error].
	ErrSyntax = errors.New("datapackage: not valid JSON")
	// ErrShape says that a property holds another kind of value than the Data
	// Package standard wants. What wraps it is a [*Error].
	ErrShape = errors.New("datapackage: not a valid data package")
	// ErrPath says that a path may not stand in a data package.
	ErrPath = errors.New("datapackage: path not allowed")
)

// Error says what is wrong with a file, and where.
type Error struct {
	Line   int    // from 1
	Column int    // from 1, in characters
	Msg    string // what was expected and what was found
	Class  error  // ErrSyntax or ErrShape
}

// Error gives the place and what is wrong there.
func (e *Error) Error() string {
	return fmt.Sprintf("%v: line %d, column %d: %s", e.Class, e.Line, e.Column, e.Msg)
}

// Unwrap returns the class of the error.
func (e *Error) Unwrap() error { return e.Class }
