package worktree

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/constl/constl/object"
)

// Cache remembers the plain BLAKE3 hash of files by their stamps, so that an
// unchanged file is not read again. It is only ever a saving: a file whose
// stamp is too fresh to be sure, or that the cache does not know, is read. It
// is for one goroutine at a time.
type Cache struct {
	path    string
	entries map[string]cached
	changed bool
}

type cached struct {
	stamp Stamp
	sum   object.ID
}

const cacheVersion = 1

// LoadCache reads the cache file at path. A missing or damaged file gives an
// empty cache, since nothing depends on it.
func LoadCache(path string) *Cache {
	c := &Cache{path: path, entries: make(map[string]cached)}
	data, err := os.ReadFile(path)
	if err != nil || c.decode(data) != nil {
		clear(c.entries)
	}
	return c
}

// Sum returns the hash of the file's content, if it is known and the file has
// not changed since.
func (c *Cache) Sum(f File) (object.ID, bool) {
	e, ok := c.entries[f.Path]
	if !ok || e.stamp != f.Stamp {
		return object.ID{}, false
	}
	return e.sum, true
}

// Remember records that the file, whose stamp was taken before it was read, had
// the given hash. read is when the reading began.
func (c *Cache) Remember(f File, sum object.ID, read time.Time) {
	if !f.Stamp.settled(read) {
		return
	}
	c.entries[f.Path] = cached{stamp: f.Stamp, sum: sum}
	c.changed = true
}

// Keep drops every entry whose path is not among the files.
func (c *Cache) Keep(files []File) {
	if len(c.entries) == 0 {
		return
	}
	present := make(map[string]bool, len(files))
	for _, f := range files {
		present[f.Path] = true
	}
	for path := range c.entries {
		if !present[path] {
			delete(c.entries, path)
			c.changed = true
		}
	}
}

// Save writes the cache back if it has changed, atomically.
func (c *Cache) Save() error {
	if !c.changed {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(c.path), "stat-*.tmp")
	if err != nil {
		return fmt.Errorf("writing the stat cache: %w", err)
	}
	_, err = tmp.Write(c.encode())
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), c.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the stat cache: %w", err), os.Remove(tmp.Name()))
	}
	c.changed = false
	return nil
}

func (c *Cache) encode() []byte {
	var e object.Encoder
	e.Byte(cacheVersion)
	e.Uvarint(uint64(len(c.entries)))
	for path, entry := range c.entries {
		e.Text(path)
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
	for range d.Count(object.IDSize + 6) {
		path := d.Text(1 << 16)
		var e cached
		e.stamp.Size = int64(d.Uvarint())
		e.stamp.ModTime = d.Varint()
		e.stamp.Change = d.Varint()
		e.stamp.Inode = d.Uvarint()
		e.stamp.Mode = fs.FileMode(d.Uvarint())
		e.sum = d.ID()
		c.entries[path] = e
	}
	return d.Close()
}
