// Package object is the bottom of the house: what an object is, how it is
// named, how it is encoded, and what a store of objects promises.
//
// An object is one kind byte followed by a canonical payload. Its id is the
// BLAKE3-256 hash of exactly those bytes. The same content has one encoding
// only: every decoder refuses what it would not itself have written. Kinds
// that refer to other objects begin their payload with the list of those
// links, so that a store, a transfer or a check can walk from object to object
// without understanding what the objects mean; see [Links]. Compression belongs
// to storage and wire and never enters an id.
//
// The encoding of every kind is specified in FORMAT.md beside this file; the
// kinds of tables are specified in tabular/FORMAT.md, those of identity and
// signed refs in refs/FORMAT.md.
//
// Values of this package may be read from several goroutines at once. An
// [Object] is never changed after it was made.
package object
