// Package csv reads delimited text files (CSV, TSV and their many dialects) into
// tables and writes them back byte for byte.
//
// A file is taken apart into a [Layout], which says by rule how the file is
// written (delimiter, quotes, line ends, header, byte order mark …), the rows,
// and exceptions for the cells and rows that depart from the rules. What the
// rules, the rows and the exceptions print is exactly the file: the reader makes
// an exception of everything that they would print otherwise, and compares what
// an odd row prints with what stands there. A file for which that cannot be done
// within the limits of a table fails with [ErrNotTable] and is to be kept as it is.
//
// The layout is found from the first 256 KiB of text, so that it does not change
// with the rows that follow; only the bytes after the last row, and whether the
// last line has a line end, are known at the end.
//
// A file compressed with gzip is a table too, if a program that package deflate
// knows made it: the layout says which, and the compressed bytes are proved to come
// back before the table is one.
//
// [Read] builds a table from a file, [Write] writes one back. [Scanner] and
// [Printer] are the two halves without a store. FORMAT.md beside this file
// specifies the dialects, the layout's encoding and the exceptions.
package csv
