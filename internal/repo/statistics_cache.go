package repo

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/tabular"
	"github.com/klauspost/compress/zstd"
)

// statCache keeps what was computed of parts of tables: sketches of segments, or what
// rules about tables sum up of row groups. It lies in the store's folder cache, in files
// that are each written once: the prefix, the BLAKE3 of what is in it, as zstd;
// uncompressed a row of entries, each the key, the segment or row group that it is of,
// the length of the data as four bytes, the least significant first, and the data. A
// file that is damaged is as good as none, and each of them can be removed at any time.
type statCache struct {
	r      *Repo
	dir    string
	prefix string // of the files' names

	mu    sync.Mutex
	files []string
	known map[object.ID]cachedSketch
	fresh map[object.ID]cachedSketch
}

type cachedSketch struct {
	of   object.ID // the segment or row group
	data []byte
}

const (
	cacheDir     = "cache"
	statPrefix   = "stats-" // sketches
	sumPrefix    = "sums-"  // what rules about tables sum up
	maxStatFiles = 8        // with more, all become one
	maxStatSize  = 1 << 30  // bytes of a file, uncompressed, that are read at most
)

// newCache returns a cache into which nothing was read.
func (r *Repo) newCache(prefix string) *statCache {
	c := &statCache{r: r, dir: r.path(cacheDir), prefix: prefix, known: make(map[object.ID]cachedSketch), fresh: make(map[object.ID]cachedSketch)}
	c.files, _ = filepath.Glob(filepath.Join(c.dir, prefix+"*")) // fails for bad patterns only
	return c
}

func (r *Repo) newStatCache() *statCache { return r.newCache(statPrefix) }

func (r *Repo) openStatCache() *statCache { return r.openCache(statPrefix) }

func (r *Repo) openCache(prefix string) *statCache {
	c := r.newCache(prefix)
	c.load()
	return c
}

// load reads all files.
func (c *statCache) load() {
	for _, name := range c.files {
		if !c.read(name) {
			_ = os.Remove(name) // damaged: what is in it is computed again
		}
	}
}

// read takes in a file and reports whether it is whole.
func (c *statCache) read(name string) bool {
	data, err := os.ReadFile(name)
	if err != nil {
		return true // gone, since another process has put all files together
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxStatSize), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return false
	}
	defer dec.Close()
	data, err = dec.DecodeAll(data, nil)
	if err != nil || filepath.Base(name) != c.prefix+object.Sum(data).String() {
		return false
	}
	const head = 2*object.IDSize + 4
	for len(data) >= head {
		key, of := object.ID(data[:object.IDSize]), object.ID(data[object.IDSize:2*object.IDSize])
		n := binary.LittleEndian.Uint32(data[2*object.IDSize:])
		data = data[head:]
		if uint64(n) > uint64(len(data)) {
			return false
		}
		c.known[key] = cachedSketch{of, data[:n:n]}
		data = data[n:]
	}
	return len(data) == 0
}

// Get implements [stats.Cache] and [validate.Cache].
func (c *statCache) Get(key object.ID) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.known[key]
	if !ok {
		s, ok = c.fresh[key]
	}
	return s.data, ok
}

// Put implements [stats.Cache] and [validate.Cache].
func (c *statCache) Put(key, of object.ID, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh[key] = cachedSketch{of, data}
}

// save writes what is new. Where there are many files then, one takes the place of
// all, with what belongs to the version that is checked out. That it fails costs time
// later, nothing else.
func (c *statCache) save(ctx context.Context) {
	if len(c.fresh) == 0 {
		return
	}
	if len(c.files) < maxStatFiles {
		_ = c.write(c.fresh)
		return
	}
	if len(c.known) == 0 {
		c.load()
	}
	live, err := c.r.partsOfHead(ctx)
	for key, s := range c.known {
		if err != nil || live[s.of] {
			c.fresh[key] = s
		}
	}
	c.replace(c.fresh)
}

// replace puts one file in the place of all.
func (c *statCache) replace(entries map[object.ID]cachedSketch) {
	name := ""
	if len(entries) > 0 {
		if name = c.write(entries); name == "" {
			return
		}
	}
	for _, old := range c.files {
		if old != name {
			_ = os.Remove(old)
		}
	}
}

// write returns the name of the file, or "" if it failed.
func (c *statCache) write(entries map[object.ID]cachedSketch) string {
	keys := make([]object.ID, 0, len(entries))
	size := 0
	for key, s := range entries {
		keys = append(keys, key)
		size += len(s.data) + 2*object.IDSize + 4
	}
	// Sketches of one size are alike more often than others, and so take less room.
	slices.SortFunc(keys, func(a, b object.ID) int {
		return cmp.Or(cmp.Compare(len(entries[a].data), len(entries[b].data)), a.Compare(b))
	})
	data := make([]byte, 0, size)
	for _, key := range keys {
		s := entries[key]
		data = append(append(data, key[:]...), s.of[:]...)
		data = binary.LittleEndian.AppendUint32(data, uint32(len(s.data)))
		data = append(data, s.data...)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return ""
	}
	defer enc.Close()
	name := filepath.Join(c.dir, c.prefix+object.Sum(data).String())
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return ""
	}
	if err := durable.WriteDerived(name, enc.EncodeAll(data, nil)); err != nil {
		return ""
	}
	return name
}

// dropStale forgets the parts that the version that is checked out does not have.
func (c *statCache) dropStale(ctx context.Context) error {
	live, err := c.r.partsOfHead(ctx)
	if err != nil {
		return err
	}
	kept := make(map[object.ID]cachedSketch, len(c.known))
	for key, s := range c.known {
		if live[s.of] {
			kept[key] = s
		}
	}
	if len(kept) < len(c.known) {
		c.replace(kept)
	}
	return nil
}

// partsOfHead returns the row groups and segments of all tables of the commit that is
// checked out, as far as they can be told from what is here.
func (r *Repo) partsOfHead(ctx context.Context) (map[object.ID]bool, error) {
	head, err := r.Head(ctx)
	if err != nil {
		return nil, err
	}
	set, err := r.filesAt(ctx, head.Commit)
	if err != nil {
		return nil, err
	}
	live := make(map[object.ID]bool)
	for _, e := range set.files {
		if e.Type != object.TypeTable {
			continue
		}
		if err := addParts(ctx, r.store.Store, e.ID, live); err != nil && !errors.Is(err, object.ErrNotFound) {
			return nil, err
		}
	}
	return live, nil
}

// addParts adds the row groups and segments of a table.
func addParts(ctx context.Context, objects object.Reader, table object.ID, live map[object.ID]bool) error {
	t, err := tabular.Open(ctx, objects, table)
	if err != nil {
		return err
	}
	for ref, err := range t.Groups(ctx) {
		if err != nil {
			return err
		}
		g, err := t.Group(ctx, ref)
		if err != nil {
			return err
		}
		live[ref.ID] = true
		for col := range g.Width() {
			id, _ := g.SegmentID(col)
			live[id] = true
		}
	}
	return nil
}
