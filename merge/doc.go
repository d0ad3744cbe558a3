// Package merge brings two versions of a dataset together by means of the
// version they have in common: trees file by file, tables row by row and cell by
// cell, JSON documents member by member, texts line by line.
//
// What one side changed is in the result. What both changed in one way is in it
// once. What they changed in two ways is a [Conflict]: data for whoever decides,
// never text inside a file. RULES.md beside this file says for every case what
// the result holds and what is reported.
//
// Three things hold always. A merge without conflicts gives the same result, id
// for id, whoever is ours and whoever theirs. Where one side alone differs from
// the base its object is the result, at every level: file, table, row group. And
// nothing that one side wrote is missing from the result unless a conflict
// names it.
//
// The package knows no file format. What only a codec understands, such as how a
// CSV file quotes, is merged by the codec's own [LayoutMerger].
//
// Functions of this package may be called from several goroutines at once.
package merge
