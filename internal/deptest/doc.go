// Package deptest holds the house rules that a compiler does not know: which
// package may import which, what only tests may use, what has to be documented,
// and how folders are called. It is a test and has no code of its own; a broken
// rule is reported with its file and line.
package deptest
