package changes

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/constl/constl/object"
)

// Set is the difference between two states. Its methods, and those of what it
// holds, read from where the states are stored, which must stay open.
type Set struct {
	// Tables lists the tables that differ, and Files everything else that does,
	// both sorted by path.
	Tables []*Table
	Files  []*File
}

// Empty reports whether nothing differs.
func (s *Set) Empty() bool { return len(s.Tables)+len(s.Files) == 0 }

// File is a file that differs and is not a table in both states.
type File struct {
	Path   string
	Status string // "added", "deleted" or "modified"
	// Old and New are its versions; nil where there is none.
	Old, New *Version
}

// Version is one version of a file.
type Version struct {
	Size       int64
	Sum        object.ID // the plain BLAKE3 hash of the bytes; zero for a link
	Executable bool
	// Link is where a symbolic link leads; "" if the file is none.
	Link string
	// Write writes the file's bytes. It is nil for a link.
	Write func(ctx context.Context, w io.Writer) error
}

// Bytes returns the file's bytes, which are the caller's, or nil and false if they
// are more than limit. It fails as Write does.
func (v *Version) Bytes(ctx context.Context, limit int64) ([]byte, bool, error) {
	if v == nil {
		return nil, true, nil
	}
	if v.Link != "" {
		return []byte(v.Link + "\n"), true, nil
	}
	if v.Size > limit {
		return nil, false, nil
	}
	w := &limited{left: limit}
	err := v.Write(ctx, w)
	if errors.Is(err, errLimit) {
		return nil, false, nil
	}
	return w.buf.Bytes(), err == nil, err
}

// errLimit says that a file is longer than it claims.
var errLimit = errors.New("changes: longer than expected")

type limited struct {
	buf  bytes.Buffer
	left int64
}

func (w *limited) Write(p []byte) (int, error) {
	if w.left -= int64(len(p)); w.left < 0 {
		return 0, errLimit
	}
	return w.buf.Write(p)
}
