package transport

import (
	"fmt"

	"github.com/constl/constl/object"
)

// readCommit returns what a walk through the history needs of a commit.
func readCommit(id object.ID, o object.Object) (*commitNode, error) {
	c, err := object.DecodeCommit(o)
	if err != nil {
		return nil, fmt.Errorf("commit %s: %w", id.Short(), err)
	}
	return &commitNode{id: id, tree: c.Tree, parents: c.Parents, time: c.Time.Unix}, nil
}

// onlyLeaves reports whether everything that the object links to is known to be
// a leaf, so that it need not be read to find out.
func onlyLeaves(o object.Object) bool {
	switch o.Kind() {
	case object.KindGroup:
		return true
	case object.KindBlob:
		// The body begins with the height above the chunks (object/FORMAT.md §4).
		d := object.NewDecoder(o, object.KindBlob)
		height := d.Uvarint()
		return d.Err() == nil && height == 0
	}
	return false
}
