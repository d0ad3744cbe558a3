package object

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// EntryType says what a name in a folder is. The numbers are part of the format
// (FORMAT.md §5).
type EntryType byte

// The types of format version 1.
const (
	TypeFile    EntryType = 1 // a KindChunk or KindBlob
	TypeTable   EntryType = 2 // a KindTable
	TypeDir     EntryType = 3 // a KindTree
	TypeSymlink EntryType = 4 // a KindChunk with the target's path
)

// String returns the type's name as messages and documents use it.
func (t EntryType) String() string {
	switch t {
	case TypeFile:
		return "file"
	case TypeTable:
		return "table"
	case TypeDir:
		return "directory"
	case TypeSymlink:
		return "symlink"
	}
	return fmt.Sprintf("type %d", byte(t))
}

// executable is the bit of an entry's type byte that says so.
const executable = 0x80

// ErrName says that a file's name cannot be recorded.
var ErrName = errors.New("name cannot be recorded")

// MaxName is the length of the longest name in a folder, in bytes.
const MaxName = 255

// TreeEntry is one name in a folder.
type TreeEntry struct {
	Name string
	Type EntryType
	// Executable is for files and tables only.
	Executable bool
	ID         ID
	// Size is the length in bytes of the file's exact bytes, or of a symlink's
	// target; 0 for directories.
	Size int64
	// Sum is the BLAKE3 of the file's exact bytes, for files and tables; else zero.
	Sum ID
}

// CheckName reports why a name cannot stand in a tree, with an error that wraps
// [ErrName].
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case name == "." || name == "..":
		return fmt.Errorf("%w: %q means a folder", ErrName, name)
	case len(name) > MaxName:
		return fmt.Errorf("%w: %q... is longer than %d bytes", ErrName, strings.ToValidUTF8(name[:40], ""), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: %q is not UTF-8", ErrName, name)
	case strings.ContainsAny(name, `/\`):
		return fmt.Errorf("%w: %q has a slash or backslash", ErrName, name)
	case strings.EqualFold(name, ".constl"):
		return fmt.Errorf("%w: %q is where constl keeps its own data", ErrName, name)
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return fmt.Errorf("%w: %q has the control character %U", ErrName, name, r)
		}
	}
	return nil
}

// CheckNames reports the first name of one folder that cannot be recorded, or the
// first two that are one and the same on file systems that ignore case. It
// compares them after normalize, which may be nil; who can normalize Unicode
// passes it (as norm.NFC.String). Errors wrap [ErrName].
func CheckNames(names []string, normalize func(string) string) error {
	seen := make(map[string]string, len(names))
	for _, name := range names {
		if err := CheckName(name); err != nil {
			return err
		}
		folded := name
		if normalize != nil {
			folded = normalize(folded)
		}
		folded = foldCase(folded)
		if twin, ok := seen[folded]; ok {
			return fmt.Errorf("%w: %q and %q are the same name on some computers; rename one", ErrName, twin, name)
		}
		seen[folded] = name
	}
	return nil
}

// foldCase maps every letter to the least of those that differ in case only, so
// that two texts are equal exactly if [strings.EqualFold] says so.
func foldCase(s string) string {
	return strings.Map(func(r rune) rune {
		least := r
		for next := unicode.SimpleFold(r); next != r; next = unicode.SimpleFold(next) {
			least = min(least, next)
		}
		return least
	}, s)
}

// The shape of the nodes of large trees (FORMAT.md §5).
const (
	treeFanoutMax = 1024
	treeMaxHeight = 8
)

// treeBoundary reports whether a node of that height ends with its nth item, of
// which name is the last.
func treeBoundary(n, height int, name string) bool {
	if n < 2 {
		return false
	}
	if n == treeFanoutMax {
		return true
	}
	sum := Sum([]byte(name))
	return sum[height] == 0
}

// treeChild is a node below another: the last name in it, and how many there are.
type treeChild struct {
	last  string
	count int64
	id    ID
}

// treeNode is a decoded KindTree: entries at height 0, else children.
type treeNode struct {
	height   int
	entries  []TreeEntry
	children []treeChild
	count    int64
}

func encodeTreeLeaf(entries []TreeEntry) Object {
	var e Encoder
	e.Uvarint(0)
	for i := range entries {
		t := &entries[i]
		kind := byte(t.Type)
		if t.Executable {
			kind |= executable
		}
		e.Text(t.Name)
		e.Byte(kind)
		e.Link(t.ID)
		if t.Type != TypeDir {
			e.Uvarint(uint64(t.Size))
		}
		if t.Type == TypeFile || t.Type == TypeTable {
			e.ID(t.Sum)
		}
	}
	return e.Object(KindTree)
}

func encodeTreeInner(height int, children []treeChild) Object {
	var e Encoder
	e.Uvarint(uint64(height))
	for i := range children {
		c := &children[i]
		e.Text(c.last)
		e.Uvarint(uint64(c.count))
		e.Link(c.id)
	}
	return e.Object(KindTree)
}

// CheckTree reports whether a tree object, the root or an inner one of a folder, is well-formed:
// its names among others. It fails with an error that wraps [ErrCorrupt].
func CheckTree(o Object) error {
	_, err := decodeTreeNode(o)
	return err
}

func decodeTreeNode(o Object) (*treeNode, error) {
	d := NewDecoder(o, KindTree)
	n := &treeNode{height: int(d.Size(treeMaxHeight))}
	links := d.Links()
	if links > treeFanoutMax || links == 0 && n.height > 0 {
		d.Fail("a tree node of %d items", links)
	}
	last := ""
	for i := 1; d.Err() == nil && d.Links() > 0; i++ {
		name := d.Text(MaxName)
		if d.Err() == nil {
			if err := CheckName(name); err != nil {
				d.Fail("%v", err)
			} else if name <= last {
				d.Fail("the name %q does not belong after %q", name, last)
			}
		}
		last = name
		if n.height > 0 {
			c := treeChild{last: name, count: d.Size(1 << 40), id: d.Link()}
			if c.count == 0 {
				d.Fail("an empty tree node")
			}
			n.children = append(n.children, c)
			n.count += c.count
		} else {
			n.entries = append(n.entries, decodeTreeEntry(d, name))
			n.count++
		}
		if d.Err() == nil && d.Links() > 0 && treeBoundary(i, n.height, name) {
			d.Fail("a tree node goes on after where it ends")
		}
	}
	if err := d.Close(); err != nil {
		return nil, fmt.Errorf("a tree: %w", err)
	}
	return n, nil
}

func decodeTreeEntry(d *Decoder, name string) TreeEntry {
	kind := d.Byte()
	t := TreeEntry{Name: name, Type: EntryType(kind &^ executable), Executable: kind&executable != 0, ID: d.Link()}
	if t.Type < TypeFile || t.Type > TypeSymlink {
		d.Fail("%q is of unknown type %d", name, byte(t.Type))
	}
	hasSum := t.Type == TypeFile || t.Type == TypeTable
	if t.Executable && !hasSum {
		d.Fail("%q is an executable %s", name, t.Type)
	}
	if t.ID.IsZero() {
		d.Fail("%q is nothing", name)
	}
	if t.Type != TypeDir {
		t.Size = d.Size(1 << 60)
	}
	if hasSum {
		t.Sum = d.ID()
	}
	return t
}

// last returns the last name in the node, or "" if it is empty.
func (n *treeNode) last() string {
	switch {
	case len(n.entries) > 0:
		return n.entries[len(n.entries)-1].Name
	case len(n.children) > 0:
		return n.children[len(n.children)-1].last
	}
	return ""
}

// getTreeNode reads a node. parent is what the node above says of it, or nil.
func getTreeNode(ctx context.Context, r Reader, id ID, parent *treeChild, height int) (*treeNode, error) {
	o, err := r.Get(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("object: reading a tree: %w", err)
	}
	n, err := decodeTreeNode(o)
	if err == nil && parent != nil && (n.height != height || n.count != parent.count || n.last() != parent.last) {
		err = fmt.Errorf("%w: a tree node is not what the one above it says", ErrCorrupt)
	}
	if err == nil && parent == nil && len(n.children) == 1 {
		err = fmt.Errorf("%w: a tree's root has one node below it", ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("object: reading a tree: %w", &CorruptError{id, err})
	}
	return n, nil
}

// sameEntry reports whether two entries say the same.
func sameEntry(a, b *TreeEntry) bool { return *a == *b }
