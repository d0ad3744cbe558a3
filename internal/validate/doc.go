// Package validate says which cells, rows and tables are not as they should be.
//
// What should be is written in datapackage.json: the types, formats, missing
// values, constraints and keys of Table Schema (Frictionless v2), and rules of
// people's own in CEL, over a row, a table, or what changed since an earlier
// version. Beside it stand warnings for the damage that spreadsheet programs do.
// RULES.md beside this file lists all checks by their ids and specifies the rules.
//
// Run reads each table once, several row groups at a time, and the columns of
// keys once more. Its memory grows neither with the tables nor with the number of
// findings: of each kind the first are kept and all are counted.
package validate
