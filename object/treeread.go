package object

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
)

// TreeEntries returns the entries of a tree in the order of their names' bytes,
// reading nodes as it comes to them. After an error, which fails as r does or wraps
// [ErrCorrupt], there are no more.
func TreeEntries(ctx context.Context, r Reader, id ID) iter.Seq2[TreeEntry, error] {
	return func(yield func(TreeEntry, error) bool) {
		c := newTreeCursor(ctx, r, id)
		for c.more() {
			if e := c.entry(); e != nil {
				c.next()
				if !yield(*e, nil) {
					return
				}
				continue
			}
			if err := c.expand(); err != nil {
				yield(TreeEntry{}, err)
				return
			}
		}
	}
}

// ReadTree returns all entries of a tree. It fails as [TreeEntries] does.
func ReadTree(ctx context.Context, r Reader, id ID) ([]TreeEntry, error) {
	var entries []TreeEntry
	for e, err := range TreeEntries(ctx, r, id) {
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// LookupEntry returns the entry of that name in a tree, reading only the nodes
// on the way to it. It reports false if there is none. It fails as r does, or
// with an error that wraps [ErrCorrupt].
func LookupEntry(ctx context.Context, r Reader, id ID, name string) (TreeEntry, bool, error) {
	n, err := getTreeNode(ctx, r, id, nil, 0)
	for err == nil {
		if n.height == 0 {
			i, ok := slices.BinarySearchFunc(n.entries, name, func(e TreeEntry, name string) int { return strings.Compare(e.Name, name) })
			if !ok {
				return TreeEntry{}, false, nil
			}
			return n.entries[i], true, nil
		}
		i, _ := slices.BinarySearchFunc(n.children, name, func(c treeChild, name string) int { return strings.Compare(c.last, name) })
		if i == len(n.children) {
			return TreeEntry{}, false, nil
		}
		n, err = getTreeNode(ctx, r, n.children[i].id, &n.children[i], n.height-1)
	}
	return TreeEntry{}, false, err
}

// CompareTrees calls fn, in the order of names, for every name that two trees do
// not have alike: with nil for the tree that has it not. A zero id is an empty
// tree. Parts that the trees share are not read. Directories that differ are
// reported as they are; whoever wants to know more compares them in turn. It
// stops at the first error of fn and returns it as it is; else it fails as r does,
// or with an error that wraps [ErrCorrupt].
func CompareTrees(ctx context.Context, r Reader, a, b ID, fn func(a, b *TreeEntry) error) error {
	x, y := newTreeCursor(ctx, r, a), newTreeCursor(ctx, r, b)
	for x.more() || y.more() {
		if x.skip(y) {
			continue
		}
		if c := x.deeper(y); c != nil {
			if err := c.expand(); err != nil {
				return err
			}
			continue
		}
		e, f := x.entry(), y.entry()
		switch {
		case f == nil || e != nil && e.Name < f.Name:
			x.next()
			f = nil
		case e == nil || e.Name > f.Name:
			y.next()
			e = nil
		default:
			x.next()
			y.next()
			if sameEntry(e, f) {
				continue
			}
		}
		if err := fn(e, f); err != nil {
			return err
		}
	}
	return nil
}

// treeCursor stands at an entry of a tree, or at a node not read yet.
type treeCursor struct {
	ctx   context.Context
	r     Reader
	stack []treeSpot
}

// treeSpot is what is left of one node: the first is where the cursor stands,
// for the node deepest in the stack.
type treeSpot struct {
	height   int // of the node
	entries  []TreeEntry
	children []treeChild
	root     bool // children is the root alone, of which nothing is known
}

func newTreeCursor(ctx context.Context, r Reader, id ID) *treeCursor {
	c := &treeCursor{ctx: ctx, r: r}
	if !id.IsZero() {
		c.stack = []treeSpot{{height: treeMaxHeight + 1, root: true, children: []treeChild{{id: id}}}}
	}
	return c
}

// trim drops the nodes that are done with.
func (c *treeCursor) trim() {
	for len(c.stack) > 0 {
		s := &c.stack[len(c.stack)-1]
		if len(s.entries)+len(s.children) > 0 {
			return
		}
		c.stack = c.stack[:len(c.stack)-1]
	}
}

func (c *treeCursor) more() bool {
	c.trim()
	return len(c.stack) > 0
}

// entry returns the entry at which the cursor stands, or nil.
func (c *treeCursor) entry() *TreeEntry {
	if !c.more() {
		return nil
	}
	s := &c.stack[len(c.stack)-1]
	if len(s.entries) == 0 {
		return nil
	}
	return &s.entries[0]
}

// node returns the node at which the cursor stands and what holds it, or nil.
func (c *treeCursor) node() (*treeChild, *treeSpot) {
	if !c.more() {
		return nil, nil
	}
	s := &c.stack[len(c.stack)-1]
	if len(s.children) == 0 {
		return nil, nil
	}
	return &s.children[0], s
}

// next goes past the entry or node.
func (c *treeCursor) next() {
	s := &c.stack[len(c.stack)-1]
	if len(s.entries) > 0 {
		s.entries = s.entries[1:]
	} else {
		s.children = s.children[1:]
	}
}

// expand reads the node at which the cursor stands and steps into it.
func (c *treeCursor) expand() error {
	child, s := c.node()
	parent, height := child, s.height-1
	if s.root {
		parent = nil
	}
	n, err := getTreeNode(c.ctx, c.r, child.id, parent, height)
	if err != nil {
		return err
	}
	if len(s.children) > 1 && !treeBoundary(len(n.entries)+len(n.children), n.height, n.last()) {
		return fmt.Errorf("object: reading a tree: %w", &CorruptError{child.id, fmt.Errorf("%w: a tree node ends where it does not", ErrCorrupt)})
	}
	c.next()
	c.stack = append(c.stack, treeSpot{height: n.height, entries: n.entries, children: n.children})
	return nil
}

// skip goes past a node at which both cursors stand. It reports whether they do.
func (c *treeCursor) skip(other *treeCursor) bool {
	a, _ := c.node()
	b, _ := other.node()
	if a == nil || b == nil || a.id != b.id {
		return false
	}
	c.next()
	other.next()
	return true
}

// deeper returns the cursor whose node is to be read next, or nil if neither
// stands at one: of two the higher, so that they meet at equal heights, and at
// equal heights the one whose names end first, for the other may be found later on.
func (c *treeCursor) deeper(other *treeCursor) *treeCursor {
	a, s := c.node()
	b, t := other.node()
	switch {
	case a == nil && b == nil:
		return nil
	case b == nil:
		return c
	case a == nil:
		return other
	case s.height != t.height:
		if s.height > t.height {
			return c
		}
		return other
	case !s.root && a.last > b.last:
		return other
	}
	return c
}
