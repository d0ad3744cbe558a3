package bundle

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/constl/constl/object/durable"
)

// Suffix is how the names of bundles end.
const Suffix = ".bundle"

// IsWeb reports whether the location is an address on the web, not a file.
func IsWeb(location string) bool {
	return strings.HasPrefix(location, "http://") || strings.HasPrefix(location, "https://")
}

// Create puts a file at the path in which stands what write writes, or, if that
// fails, leaves there what was there. The error is write's, or that of the file.
func Create(path string, write func(io.Writer) error) error {
	dir, name := filepath.Split(path)
	tmp, err := os.CreateTemp(filepath.Clean(dir+"."), name+"-*.tmp")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	err = write(tmp)
	if err == nil {
		err = errors.Join(tmp.Chmod(0o644), tmp.Sync())
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = durable.Rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", path, err), os.Remove(tmp.Name()))
	}
	return durable.SyncDir(filepath.Dir(path))
}

// Stream is a bundle as it comes, from its first byte on.
type Stream struct {
	io.ReadCloser
	// Size is how many bytes there are in all, or 0 if nobody knows.
	Size int64
}

// file may be closed more than once: by the exchange that reads it, and by whoever opened it.
type file struct {
	*os.File
	close func() error
}

// Close implements [io.Closer].
func (f *file) Close() error { return f.close() }

// OpenFile opens a bundle in a file. The caller closes it.
func OpenFile(path string) (*Stream, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening a bundle: %w", err)
	}
	info, err := f.Stat()
	if err == nil && info.IsDir() {
		err = fmt.Errorf("%s is a folder", path)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening a bundle: %w", err), f.Close())
	}
	return &Stream{&file{File: f, close: sync.OnceValue(f.Close)}, info.Size()}, nil
}
