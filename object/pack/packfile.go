package pack

import (
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/pack/internal/vfs"
)

const suffix = ".pack"

// packName returns the name of the pack with that index and footer.
func packName(indexAndFooter []byte) string {
	return object.Sum(indexAndFooter).String()[:2*stemSize] + suffix
}

func isPackName(name string) bool {
	stem, ok := strings.CutSuffix(name, suffix)
	return ok && len(stem) == 2*stemSize && strings.Trim(stem, "0123456789abcdef") == ""
}

// packFile is one open pack.
type packFile struct {
	fs   vfs.FS
	name string
	f    vfs.File
	size int64
	index
	replaced []string     // packs that are not to be read any more
	refs     atomic.Int64 // the views that hold it
	doomed   atomic.Bool  // to be removed once nobody here reads it
}

// readAhead is how many bytes of a pack's end are read at once.
const readAhead = 32 << 10

func openPack(fs vfs.FS, name string) (*packFile, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, fmt.Errorf("object/pack: opening %s: %w", name, err)
	}
	p := &packFile{fs: fs, name: name, f: f}
	if err := p.readIndex(); err != nil {
		f.Close() // the first error says more
		return nil, fmt.Errorf("object/pack: opening %s: %w", name, err)
	}
	return p, nil
}

func (p *packFile) readIndex() error {
	size, err := p.f.Size()
	if err != nil {
		return err
	}
	if size < int64(len(packMagic)+footerSize) {
		return fmt.Errorf("%w: a pack of %d bytes", object.ErrCorrupt, size)
	}
	// One read is enough for a small pack, and for the footer and most indexes.
	tail := make([]byte, min(size, readAhead))
	if err := readFull(p.f, tail, size-int64(len(tail))); err != nil {
		return err
	}
	end, err := decodeFooter(tail[len(tail)-footerSize:], size)
	if err != nil {
		return err
	}
	b := make([]byte, end.size)
	if before := end.size + footerSize - len(tail); before <= 0 {
		copy(b, tail[-before:])
	} else {
		copy(b[before:], tail)
		if err := readFull(p.f, b[:before], end.start); err != nil {
			return err
		}
	}
	if err := p.checkHead(tail, size); err != nil {
		return err
	}
	p.size = size
	p.index, p.replaced, err = decodeIndex(b, end)
	return err
}

// checkHead compares what the file begins with. tail is the last of its bytes,
// maybe all.
func (p *packFile) checkHead(tail []byte, size int64) error {
	head := tail[:len(packMagic)]
	if int64(len(tail)) < size {
		head = make([]byte, len(packMagic))
		if err := readFull(p.f, head, 0); err != nil {
			return err
		}
	}
	if string(head) != packMagic {
		return fmt.Errorf("%w: the file does not begin as a pack of version 1", object.ErrCorrupt)
	}
	return nil
}

func (p *packFile) release() {
	if p.refs.Add(-1) > 0 {
		return
	}
	p.f.Close() // it was only read
	if p.doomed.Load() {
		// One that cannot be removed now, as when another process has it open on
		// Windows, is joined and removed again later.
		_ = p.fs.Remove(p.name)
	}
}

// readBytes returns an entry's bytes.
func readBytes(f vfs.File, loc location) ([]byte, error) {
	b := make([]byte, loc.length)
	return b, readFull(f, b, loc.offset)
}

// readFull reads all of b. A file that ends before is damaged.
func readFull(f vfs.File, b []byte, offset int64) error {
	n, err := f.ReadAt(b, offset)
	switch {
	case n == len(b):
		return nil
	case err == io.EOF:
		return fmt.Errorf("%w: the file ends at byte %d", object.ErrCorrupt, offset+int64(n))
	default:
		return fmt.Errorf("reading at byte %d: %w", offset, err)
	}
}
