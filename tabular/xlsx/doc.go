// Package xlsx reads sheets of Excel workbooks (.xlsx, .xlsm) as the texts that a
// fingerprint is made of (tabular/FINGERPRINT.md §1). It writes nothing.
//
// The first row with a cell is the header. Hidden rows and columns count like any
// other; of merged cells the first has the value.
package xlsx
