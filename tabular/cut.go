package tabular

import (
	"math/bits"

	"github.com/cespare/xxhash/v2"
)

// Where row groups and nodes end (FORMAT.md §3). All of it is part of every
// table's id.
const (
	minGroupRows  = 1 << 10 // below, the hash ends no group
	someGroupRows = 1 << 12 // from here on, more hashes do
	maxGroupRows  = 1 << 14 // rows after which a group ends in any case
	rareZeros     = 13      // leading zero bits that end a group from minGroupRows on
	someZeros     = 11      // and from someGroupRows on
	softBytes     = 2 << 20 // bytes from which on a row of s bytes
	softShift     = 64 - 18 // ends a group with probability s/2^18
	maxGroupBytes = 3 << 20 // bytes after which a group ends in any case

	// MaxRow is the largest size of one row: of its cells, one more byte for each,
	// and its exceptions. A file with a longer one is no table.
	MaxRow = 4 << 20

	maxGroupText = maxGroupBytes + MaxRow + maxGroupRows // text and cells, the exceptions' included
	maxChildren  = 512
	zerosPerRank = 6 // a node of height L ends after a tail of 6·L leading zero bits
	maxHeight    = 16
	maxRows      = 1 << 48
)

// mix is the finaliser of SplitMix64.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// addToHash continues a row's hash with one more cell.
func addToHash(h uint64, cell []byte) uint64 { return mix(h ^ xxhash.Sum64(cell)) }

// endsGroup reports whether a row group ends after a row with the given hash and
// size, the last of rows rows that are bytes long together.
func endsGroup(hash uint64, size uint32, rows, bytes int) bool {
	if rows < minGroupRows && bytes < softBytes {
		return false
	}
	zeros := bits.LeadingZeros64(hash)
	switch {
	case rows >= maxGroupRows || bytes >= maxGroupBytes:
		return true
	case rows >= minGroupRows && zeros >= rareZeros:
		return true
	case rows >= someGroupRows && zeros >= someZeros:
		return true
	}
	return bytes >= softBytes && hash>>softShift < uint64(size)
}

// endsNode reports whether a node of the given height ends after a child with
// the given tail, its n-th.
func endsNode(height int, tail uint64, n int) bool {
	return n >= maxChildren || bits.LeadingZeros64(mix(tail)) >= min(zerosPerRank*height, 64)
}
