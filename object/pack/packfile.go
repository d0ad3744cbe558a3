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
	head := make([]byte, len(packMagic))
	if err := readFull(p.f, head, 0); err != nil {
		return err
	}
	if string(head) != packMagic {
		return fmt.Errorf("%w: the file does not begin as a pack of version 1", object.ErrCorrupt)
	}
	foot := make([]byte, footerSize)
	if err := readFull(p.f, foot, size-footerSize); err != nil {
		return err
	}
	end, err := decodeFooter(foot, size)
	if err != nil {
		return err
	}
	b := make([]byte, end.size())
	if err := readFull(p.f, b, end.start); err != nil {
		return err
	}
	p.size = size
	p.index, p.replaced, err = decodeIndex(b, end)
	return err
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
