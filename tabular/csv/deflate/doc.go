// Package deflate compresses as zlib and GNU gzip do, bit for bit, so that a
// compressed file whose text is known can be written again exactly.
//
// The output of [Writer] for a [Method] is fixed for good: it is part of a file
// format. What a library compresses may become smaller in its next version, and
// so nothing here stands on one.
//
// Data is compressed as if it came from a file that is read in the largest pieces
// that the method asks for. Programs that compress data in small pieces get the
// same, but for a freak of one match in some gigabytes, and for data that can
// hardly be compressed.
package deflate
