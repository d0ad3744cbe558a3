// Package stats describes the columns of tables: how many cells are missing, how
// many values differ, their range, mean and distribution.
//
// A [Sketch] describes any run of cells, most often those of one segment, and
// two sketches join into that of both runs. What a sketch says depends on
// nothing but the cells (but for the last digits of a sum, which are those of the
// order of joining), so the sketches of a table's segments, which are kept by the
// segments' ids, give those of the table, and a new version costs no more than
// its new segments.
//
// How cells are read (as numbers, as moments, as texts; which of them are
// missing) is a [Reading]. A sketch has, for the cells that are not missing:
//
//   - count of cells, missing cells, and cells that are no value of the kind;
//   - the least and the greatest value with their exact texts, and the sum. A
//     number's value is itself, a date's the days since 1970, a moment's the seconds
//     since then (UTC, if it names no zone), a time of day's those since midnight, a
//     text's its length in characters;
//   - a histogram of at most [MaxBins] bins of equal width. The width is 2^k, and
//     bin i holds the values from i·2^k to below (i+1)·2^k. k is the least for which
//     the bins from the least to the greatest value are no more than MaxBins, and
//     for which no i is over 2^48; so k follows from the least and greatest value
//     alone, and joining widens bins without any loss;
//   - the different texts with their counts while they are no more than [MaxTop]
//     of at most 128 bytes each;
//   - how many values differ: exactly, by a 64-bit hash of each, while they are
//     no more than [MaxExact], and otherwise by HyperLogLog with 2^11 registers of
//     these hashes (a standard error of 2.3 %). The hash is one of the value as a
//     float64, so that 1.5 and 1.50 are one; of texts, and of cells that are no value
//     of the kind, it is one of the bytes. Its upper 11 bits choose the
//     register; what it holds is one more than the number of leading zeros of the
//     other 53. The estimate is that of Ertl, "New cardinality estimation
//     algorithms for HyperLogLog sketches" (2017), which needs no table of corrections.
//
// Sketches are derived from what is stored. They are no part of any id, and may
// be thrown away at any time.
package stats
