// Package chunk cuts a stream of bytes into content-defined chunks, so that an
// insertion or a deletion moves no boundary but those beside it. The rule is
// part of the format (object/FORMAT.md, "Chunks"): the same bytes are cut alike
// by every version on every machine.
package chunk
