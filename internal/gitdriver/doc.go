// Package gitdriver makes Git compare and merge delimited text row by row, in any
// Git repository: it sets Git's diff and merge driver, and is the merge driver. It
// needs no dataset.
//
// Git is run as a program of its own; without one the functions fail with the error
// of [os/exec].
package gitdriver
