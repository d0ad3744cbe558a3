package repo

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/klauspost/compress/zstd"
)

// statCache keeps what was computed of segments: sketches, or what rules about
// tables sum up. It lies in the store's folder cache, in files that are each written
// once: the prefix, the BLAKE3 of what is in it, as zstd; uncompressed a row of
// entries, each the key, the row group that the segment stood in, the length of the
// sketch as four bytes, the least significant first, and the sketch. A file that is
// damaged is as good as none, and each of them can be removed at any time.
type statCache struct {
	dir    string
	prefix string // of the files' names

	mu    sync.Mutex
	files []string
	known map[object.ID]cachedSketch
	fresh map[object.ID]cachedSketch
}

type cachedSketch struct {
	group object.ID
	data  []byte
}

const (
	cacheDir     = "cache"
	statPrefix   = "stats-" // sketches
	sumPrefix    = "sums-"  // what rules about tables sum up
	maxStatFiles = 8        // with more, all become one
	maxStatSize  = 1 << 30  // bytes of a file, uncompressed, that are read at most
)

func (r *Repo) openStatCache() *statCache { return r.openCache(statPrefix) }

func (r *Repo) openCache(prefix string) *statCache {
	c := &statCache{dir: r.path(cacheDir), prefix: prefix, known: make(map[object.ID]cachedSketch), fresh: make(map[object.ID]cachedSketch)}
	c.files, _ = filepath.Glob(filepath.Join(c.dir, c.prefix+"*")) // fails for bad patterns only
	for _, name := range c.files {
		if !c.read(name) {
			_ = os.Remove(name) // damaged: what is in it is computed again
		}
	}
	return c
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
		key, group := object.ID(data[:object.IDSize]), object.ID(data[object.IDSize:2*object.IDSize])
		n := binary.LittleEndian.Uint32(data[2*object.IDSize:])
		data = data[head:]
		if uint64(n) > uint64(len(data)) {
			return false
		}
		c.known[key] = cachedSketch{group, data[:n:n]}
		data = data[n:]
	}
	return len(data) == 0
}

// Get implements [stats.Cache].
func (c *statCache) Get(key object.ID) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s, ok := c.known[key]
	if !ok {
		s, ok = c.fresh[key]
	}
	return s.data, ok
}

// Put implements [stats.Cache].
func (c *statCache) Put(key, group object.ID, sketch []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fresh[key] = cachedSketch{group, sketch}
}

// save writes what is new. That it fails costs time later, nothing else.
func (c *statCache) save() {
	if len(c.fresh) == 0 {
		return
	}
	if len(c.files) < maxStatFiles {
		_ = c.write(c.fresh)
		return
	}
	for key, s := range c.known {
		c.fresh[key] = s
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
	var data []byte
	for key, s := range entries {
		data = append(append(data, key[:]...), s.group[:]...)
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
	if err := durable.WriteFile(name, enc.EncodeAll(data, nil), 0o644); err != nil {
		return ""
	}
	return name
}

// dropStale forgets the segments of row groups that are no longer stored.
func (c *statCache) dropStale(ctx context.Context, r object.Reader) error {
	kept := make(map[object.ID]cachedSketch, len(c.known))
	for key, s := range c.known {
		there, err := r.Has(ctx, s.group)
		if err != nil {
			return err
		}
		if there {
			kept[key] = s
		}
	}
	if len(kept) < len(c.known) {
		c.replace(kept)
	}
	return nil
}
