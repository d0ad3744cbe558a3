// Package expr evaluates expressions in CEL (Common Expression Language) over the
// rows of a table, for rules and for queries.
//
// An Env knows the columns by name and kind; Compile checks an expression against
// it and says where it is wrong; a Program is evaluated over batches of rows, each
// given as columns of values. A value that is missing makes what needs it unknown,
// as NULL does in SQL; a missing text is an empty text.
//
// Only what is in a row decides about a result: no clock, no randomness, nothing
// from outside. The cost of one row and the time for all are bounded.
package expr
