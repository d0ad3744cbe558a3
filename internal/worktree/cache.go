package worktree

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
)

// Cache remembers the plain BLAKE3 hash of files by their stamps, so that an
// unchanged file is not read again, and the tree that a folder was last found to
// be the same as, so that an unchanged folder is not even compared. It is only
// ever a saving: a file whose stamp is too fresh to be sure, or that the cache
// does not know, is read. It is for one goroutine at a time.
type Cache struct {
	path    string
	tree    object.ID
	known   []cached // in the order of Scan
	fresh   map[string]cached
	changed bool
}

type cached struct {
	path  string
	stamp Stamp
	sum   object.ID
}

const cacheVersion = 2

// LoadCache reads the cache file at path. A missing or damaged file gives an
// empty cache, since nothing depends on it.
func LoadCache(path string) *Cache {
	c := &Cache{path: path, fresh: make(map[string]cached)}
	data, err := os.ReadFile(path)
	if err != nil || c.decode(data) != nil {
		c.known, c.tree = nil, object.ID{}
	}
	return c
}

// Clean reports whether the files, all that [Scan] found, are those of the tree,
// each unchanged. A false "no" costs a comparison, nothing else.
func (c *Cache) Clean(files []File, tree object.ID) bool {
	if tree.IsZero() || c.tree != tree || len(files) != len(c.known) || len(c.fresh) > 0 {
		return false
	}
	for i := range files {
		if files[i].Path != c.known[i].path || files[i].Stamp != c.known[i].stamp {
			return false
		}
	}
	return true
}

// Sum returns the hash of the file's content, if it is known and the file has
// not changed since.
func (c *Cache) Sum(f File) (object.ID, bool) {
	e, ok := c.fresh[f.Path]
	if !ok {
		var i int
		if i, ok = c.find(f.Path); ok {
			e = c.known[i]
		}
	}
	return e.sum, ok && e.stamp == f.Stamp
}

// comparePaths orders paths as [Scan] does: by folder, then by name.
func comparePaths(a, b string) int {
	i, j := strings.LastIndexByte(a, '/'), strings.LastIndexByte(b, '/')
	if c := strings.Compare(a[:max(i, 0)], b[:max(j, 0)]); c != 0 {
		return c
	}
	return strings.Compare(a[i+1:], b[j+1:])
}

// Remember records that the file, whose stamp was taken before it was read, had
// the given hash. read is when the reading began.
func (c *Cache) Remember(f File, sum object.ID, read time.Time) {
	if !f.Stamp.settled(read) {
		return
	}
	c.fresh[f.Path] = cached{path: f.Path, stamp: f.Stamp, sum: sum}
	c.changed = true
}

// Put records the hash of a file that a [Stage] placed.
func (c *Cache) Put(f File, sum object.ID) {
	e := cached{path: f.Path, stamp: f.Stamp, sum: sum}
	i, found := c.find(f.Path)
	if found {
		c.known[i] = e
	} else {
		c.known = slices.Insert(c.known, i, e)
	}
	c.tree, c.changed = object.ID{}, true
}

func (c *Cache) find(path string) (int, bool) {
	return slices.BinarySearchFunc(c.known, path, func(e cached, path string) int { return comparePaths(e.path, path) })
}

// Same records that the files, all that [Scan] found, are those of the tree. It
// has an effect only if all of them are remembered.
func (c *Cache) Same(files []File, tree object.ID) {
	next := make([]cached, 0, len(files))
	for _, f := range files {
		sum, ok := c.Sum(f)
		if !ok {
			return
		}
		next = append(next, cached{path: f.Path, stamp: f.Stamp, sum: sum})
	}
	c.changed = c.changed || c.tree != tree || len(next) != len(c.known)
	c.tree, c.known = tree, next
	clear(c.fresh)
}

// merge brings what was remembered since the last save into the known entries,
// of files that are still there.
func (c *Cache) merge(files []File) {
	next := make([]cached, 0, len(files))
	for _, f := range files {
		if sum, ok := c.Sum(f); ok {
			next = append(next, cached{path: f.Path, stamp: f.Stamp, sum: sum})
		}
	}
	if len(c.fresh) > 0 {
		c.tree = object.ID{}
	}
	c.known = next
	clear(c.fresh)
}

// Save writes the cache back if it has changed, atomically. files are all that
// [Scan] found; they are of no interest if there was nothing but [Cache.Put].
func (c *Cache) Save(files []File) error {
	if !c.changed {
		return nil
	}
	if len(c.fresh) > 0 {
		c.merge(files)
	}
	// What a crash leaves of it is either whole or not believed.
	if err := durable.WriteDerived(c.path, c.encode()); err != nil {
		return fmt.Errorf("saving the stat cache: %w", err)
	}
	c.changed = false
	return nil
}

func (c *Cache) encode() []byte {
	var e object.Encoder
	e.Byte(cacheVersion)
	e.ID(c.tree)
	e.Uvarint(uint64(len(c.known)))
	for i := range c.known {
		entry := &c.known[i]
		e.Text(entry.path)
		e.Uvarint(uint64(entry.stamp.Size))
		e.Varint(entry.stamp.ModTime)
		e.Varint(entry.stamp.Change)
		e.Uvarint(entry.stamp.Inode)
		e.Uvarint(uint64(entry.stamp.Mode))
		e.ID(entry.sum)
	}
	sum := object.Sum(e.Body())
	return append(e.Body(), sum[:]...)
}

func (c *Cache) decode(data []byte) error {
	if len(data) < object.IDSize {
		return object.ErrCorrupt
	}
	body, sum := data[:len(data)-object.IDSize], data[len(data)-object.IDSize:]
	if object.Sum(body) != object.ID(sum) {
		return object.ErrCorrupt
	}
	d := object.NewBodyDecoder(body)
	if d.Byte() != cacheVersion {
		return object.ErrCorrupt
	}
	c.tree = d.ID()
	c.known = make([]cached, d.Count(object.IDSize+6))
	for i := range c.known {
		e := &c.known[i]
		e.path = d.Text(1 << 16)
		e.stamp.Size = int64(d.Uvarint())
		e.stamp.ModTime = d.Varint()
		e.stamp.Change = d.Varint()
		e.stamp.Inode = d.Uvarint()
		e.stamp.Mode = fs.FileMode(d.Uvarint())
		e.sum = d.ID()
		if i > 0 && comparePaths(c.known[i-1].path, e.path) >= 0 {
			d.Fail("%q does not belong after %q", e.path, c.known[i-1].path)
		}
	}
	return d.Close()
}
