package tabular

import (
	"encoding/binary"
	"fmt"

	"github.com/constl/constl/object"
)

// child is what stands in a node for a row group or for another node.
type child struct {
	id   object.ID
	rows int64
	tail uint64 // hash of the last row's chunking cells
}

func sumRows(children []child) (n int64) {
	for i := range children {
		n += children[i].rows
	}
	return n
}

// encodeNode returns the node of the given height above the children.
func encodeNode(height int, children []child) object.Object {
	var e object.Encoder
	e.Uvarint(uint64(height))
	for i := range children {
		e.Link(children[i].id)
		e.Uvarint(uint64(children[i].rows))
	}
	for i := range children {
		appendTail(&e, children[i].tail)
	}
	return e.Object(object.KindNode)
}

func appendTail(e *object.Encoder, tail uint64) {
	e.Raw(binary.BigEndian.AppendUint64(nil, tail))
}

func takeTail(d *object.Decoder) uint64 {
	b := d.Raw(8)
	if b == nil {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// decodeNode reads a node. It refuses one that the rules of cutting would have
// ended earlier; whether the last child should have ended it, only the table knows.
func decodeNode(o object.Object) (height int, children []child, err error) {
	d := object.NewDecoder(o, object.KindNode)
	height = int(d.Size(maxHeight))
	n := d.Links()
	if d.Err() == nil && (height < 1 || n < 1 || n > maxChildren) {
		d.Fail("a node of height %d with %d children", height, n)
		n = 0
	}
	children = make([]child, n)
	for i := range children {
		children[i].id = d.Link()
		children[i].rows = d.Size(maxRows)
		if children[i].rows == 0 || height == 1 && children[i].rows > maxGroupRows {
			d.Fail("a child of %d rows at height %d", children[i].rows, height)
		}
	}
	for i := range children {
		children[i].tail = takeTail(d)
		if i < n-1 && endsNode(height, children[i].tail, i+1) {
			d.Fail("a node goes on after the child that ends it")
		}
	}
	if d.Err() == nil && sumRows(children) > maxRows {
		d.Fail("more than %d rows", int64(maxRows))
	}
	if err := d.Close(); err != nil {
		return 0, nil, fmt.Errorf("decode node: %w", err)
	}
	return height, children, nil
}

// treeBuilder grows the tree above the row groups. A node is put only when it is
// known that the tree needs it.
type treeBuilder struct {
	put    func(height int, children []child) (child, error)
	levels []treeLevel // 0: row groups
}

type treeLevel struct {
	open  []child
	total int64
}

func (b *treeBuilder) add(c child) error { return b.addAt(0, c) }

func (b *treeBuilder) addAt(level int, c child) error {
	if level == len(b.levels) {
		b.levels = append(b.levels, treeLevel{})
	}
	if open := b.levels[level].open; len(open) > 0 && endsNode(level+1, open[len(open)-1].tail, len(open)) {
		if err := b.seal(level); err != nil {
			return err
		}
	}
	b.levels[level].open = append(b.levels[level].open, c)
	b.levels[level].total++
	return nil
}

func (b *treeBuilder) seal(level int) error {
	c, err := b.put(level+1, b.levels[level].open)
	if err != nil {
		return err
	}
	b.levels[level].open = b.levels[level].open[:0]
	return b.addAt(level+1, c)
}

// finish returns the root and its height, 0 for a row group. Without any group
// it returns the zero child.
func (b *treeBuilder) finish() (root child, height int, err error) {
	if len(b.levels) == 0 {
		return child{}, 0, nil
	}
	for level := 0; ; level++ {
		if b.levels[level].total == 1 {
			return b.levels[level].open[0], level, nil
		}
		if err := b.seal(level); err != nil {
			return child{}, 0, err
		}
	}
}
