package disk

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// ErrUnknown says that the system does not tell.
var ErrUnknown = errors.New("disk: the system does not tell how much is free")

// Free returns how many bytes this user may still write on the disk that the folder lies
// on, or will: the nearest folder above it that is there counts. It fails with an error
// that wraps [ErrUnknown] on systems that it does not know.
func Free(dir string) (int64, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return 0, fmt.Errorf("looking how much is free: %w", err)
	}
	for {
		n, err := free(dir)
		if err == nil || !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			if err != nil {
				err = fmt.Errorf("looking how much is free on the disk of %s: %w", dir, err)
			}
			return n, err
		}
		dir = filepath.Dir(dir)
	}
}
