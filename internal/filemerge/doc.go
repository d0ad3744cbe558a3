// Package filemerge merges three versions of one file that lie outside a dataset:
// tables row by row and cell by cell, as merge/RULES.md says, with keys that are
// guessed from the rows. Nothing but the result and the list of conflicts is ever
// written.
package filemerge
