package object

import "fmt"

// Kind says what an object is. The numbers are part of every id and are never
// given another meaning (FORMAT.md §2).
type Kind byte

// The kinds of format version 1.
const (
	KindChunk     Kind = 1  // bytes of a file, or of a part of it; a leaf
	KindBlob      Kind = 2  // a file that is no table: its chunks in order
	KindTree      Kind = 3  // a folder
	KindCommit    Kind = 4  // a recorded state of the dataset, signed
	KindTag       Kind = 5  // a signed name for a commit
	KindTable     Kind = 6  // a table: schema, layout, rows
	KindSchema    Kind = 7  // fields, types, keys; a leaf
	KindNode      Kind = 8  // an inner node above row groups
	KindGroup     Kind = 9  // a row group
	KindSegment   Kind = 10 // one column of one row group; a leaf
	KindIdentity  Kind = 11 // who may do what in a dataset
	KindStatement Kind = 12 // a device's signed refs; a leaf
)

// MaxPayload is the largest payload that an object may have, in bytes.
// Everything larger is split by its kind's own rule.
const MaxPayload = 16 << 20

var kindNames = [...]string{
	KindChunk: "chunk", KindBlob: "blob", KindTree: "tree", KindCommit: "commit", KindTag: "tag",
	KindTable: "table", KindSchema: "schema", KindNode: "node", KindGroup: "group", KindSegment: "segment",
	KindIdentity: "identity", KindStatement: "statement",
}

// String returns the kind's name as messages and documents use it.
func (k Kind) String() string {
	if k.Valid() {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// Valid reports whether the kind belongs to format version 1.
func (k Kind) Valid() bool { return k >= KindChunk && k <= KindStatement }

// Leaf reports whether objects of this kind refer to no other object and so
// have no list of links.
func (k Kind) Leaf() bool {
	return k == KindChunk || k == KindSchema || k == KindSegment || k == KindStatement
}
