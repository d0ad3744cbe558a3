package object

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// BuildTree stores the tree of a folder and returns its id, which depends on the
// entries alone, in whatever order they come. base, if not zero, is a tree that
// the new one is likely to resemble; it helps storage alone. Names that cannot
// stand in a tree, or stand twice, fail with an error that wraps [ErrName].
func BuildTree(ctx context.Context, rw ReadWriter, entries []TreeEntry, base ID) (ID, error) {
	entries = slices.Clone(entries)
	slices.SortFunc(entries, func(a, b TreeEntry) int { return strings.Compare(a.Name, b.Name) })
	for i := range entries {
		if err := checkEntry(&entries[i]); err != nil {
			return ID{}, fmt.Errorf("object: building a tree: %w", err)
		}
		if i > 0 && entries[i].Name == entries[i-1].Name {
			return ID{}, fmt.Errorf("object: building a tree: %w: %q stands twice in one folder", ErrName, entries[i].Name)
		}
	}
	b := &treeBuilder{ctx: ctx, rw: rw, base: base}
	id, err := b.build(entries)
	if err != nil {
		return ID{}, fmt.Errorf("object: storing a tree: %w", err)
	}
	return id, nil
}

// checkEntry reports an entry that the decoder would refuse.
func checkEntry(t *TreeEntry) error {
	if err := CheckName(t.Name); err != nil {
		return err
	}
	hasSum := t.Type == TypeFile || t.Type == TypeTable
	switch {
	case t.Type < TypeFile || t.Type > TypeSymlink:
		return fmt.Errorf("%q is of unknown type %d", t.Name, byte(t.Type))
	case t.Executable && !hasSum, !t.Sum.IsZero() && !hasSum, t.Size != 0 && t.Type == TypeDir, t.Size < 0, t.ID.IsZero():
		return fmt.Errorf("the entry of %q says what does not go with a %s", t.Name, t.Type)
	}
	return nil
}

// treeBuilder stores the nodes of one tree from the bottom up.
type treeBuilder struct {
	ctx  context.Context
	rw   ReadWriter
	base ID
	old  [][]treeChild // the base's nodes at each height, as far as there are several
}

func (b *treeBuilder) build(entries []TreeEntry) (ID, error) {
	b.readBase()
	var level []treeChild
	for len(entries) > 0 || level == nil {
		n := 0
		for n < len(entries) {
			n++
			if treeBoundary(n, 0, entries[n-1].Name) {
				break
			}
		}
		c := treeChild{count: int64(n)}
		if n > 0 {
			c.last = entries[n-1].Name
		}
		if err := b.put(&c, 0, encodeTreeLeaf(entries[:n])); err != nil {
			return ID{}, err
		}
		level, entries = append(level, c), entries[n:]
	}
	for height := 1; len(level) > 1; height++ {
		var above []treeChild
		for len(level) > 0 {
			n, c := 0, treeChild{}
			for n < len(level) {
				c.last = level[n].last
				c.count += level[n].count
				n++
				if treeBoundary(n, height, c.last) {
					break
				}
			}
			if err := b.put(&c, height, encodeTreeInner(height, level[:n])); err != nil {
				return ID{}, err
			}
			above, level = append(above, c), level[n:]
		}
		level = above
	}
	return level[0].id, nil
}

func (b *treeBuilder) put(c *treeChild, height int, o Object) (err error) {
	c.id, err = b.rw.Put(b.ctx, o, b.hint(height, c.last))
	return err
}

// hint returns the node of the base that holds the name, or would.
func (b *treeBuilder) hint(height int, name string) ID {
	if height >= len(b.old) {
		return b.base
	}
	nodes := b.old[height]
	i, _ := slices.BinarySearchFunc(nodes, name, func(c treeChild, name string) int { return strings.Compare(c.last, name) })
	return nodes[min(i, len(nodes)-1)].id
}

// readBase lists the base's nodes. A base that cannot be read is none.
func (b *treeBuilder) readBase() {
	if b.base.IsZero() {
		return
	}
	root, err := getTreeNode(b.ctx, b.rw, b.base, nil, 0)
	if err != nil {
		b.base = ID{}
		return
	}
	old := make([][]treeChild, root.height)
	level := []*treeNode{root}
	for height := root.height - 1; height >= 0; height-- {
		var next []*treeNode
		for _, n := range level {
			old[height] = append(old[height], n.children...)
			for i := range n.children {
				if height == 0 {
					break
				}
				below, err := getTreeNode(b.ctx, b.rw, n.children[i].id, &n.children[i], height)
				if err != nil {
					return
				}
				next = append(next, below)
			}
		}
		level = next
	}
	b.old = old
}
