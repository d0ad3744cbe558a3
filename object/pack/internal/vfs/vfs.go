// Package vfs is the little that packs need of a file system: one folder with
// plain files in it. Tests put a folder in its place that fails or loses power.
package vfs

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/constl/constl/object/durable"
)

// FS is one folder. Names have no separators. Errors wrap those of [io/fs].
// It is safe for use by several goroutines at once.
type FS interface {
	// Create makes a new file for writing and reading back, and holds it until it
	// is closed. It fails with an error that wraps [fs.ErrExist] if the name is taken.
	Create(name string) (File, error)
	// Held reports whether a process holds the file since it created it. It fails
	// where the file system cannot tell.
	Held(name string) (bool, error)
	// Open opens a file for reading.
	Open(name string) (File, error)
	// Rename gives a closed file another name, in place of what had it.
	Rename(from, to string) error
	// Remove removes a file. That it is not there is no error.
	Remove(name string) error
	// List returns the folder's files in no particular order.
	List() ([]Info, error)
	// ModTime returns when a name was last added to the folder or taken from it.
	ModTime() (time.Time, error)
	// Sync makes the folder's names durable.
	Sync() error
}

// File is an open file. Reads and one Write at a time may go on at once.
type File interface {
	io.ReaderAt
	io.WriteCloser
	// Size returns the file's length in bytes.
	Size() (int64, error)
	// Sync makes what was written durable.
	Sync() error
}

// Info describes a file of the folder.
type Info struct {
	Name    string
	Size    int64
	ModTime time.Time
}

// Dir is the folder of that path on disk.
type Dir string

// Make creates the folder, and those above it, if it is not there.
func (d Dir) Make() error { return os.MkdirAll(string(d), 0o777) }

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

type file struct{ *os.File }

func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Create implements [FS].
func (d Dir) Create(name string) (File, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	// Where there are no locks, Held fails and the file's age has to do.
	_, _ = durable.TryLock(f)
	return file{f}, nil
}

// Held implements [FS].
func (d Dir) Held(name string) (bool, error) {
	f, err := os.OpenFile(d.path(name), os.O_RDWR, 0)
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	free, err := durable.TryLock(f)
	return !free, errors.Join(err, f.Close())
}

// Open implements [FS].
func (d Dir) Open(name string) (File, error) {
	f, err := os.Open(d.path(name))
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

// Rename implements [FS].
func (d Dir) Rename(from, to string) error { return durable.Rename(d.path(from), d.path(to)) }

// Remove implements [FS].
func (d Dir) Remove(name string) error {
	if err := os.Remove(d.path(name)); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

// List implements [FS].
func (d Dir) List() ([]Info, error) {
	entries, err := os.ReadDir(string(d))
	if err != nil {
		return nil, err
	}
	infos := make([]Info, 0, len(entries))
	for _, e := range entries {
		info, err := e.Info()
		switch {
		case os.IsNotExist(err):
			continue
		case err != nil:
			return nil, err
		case info.Mode().Type() == fs.ModeDir:
			continue
		}
		infos = append(infos, Info{Name: e.Name(), Size: info.Size(), ModTime: info.ModTime()})
	}
	return infos, nil
}

// ModTime implements [FS].
func (d Dir) ModTime() (time.Time, error) {
	info, err := os.Stat(string(d))
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

// Sync implements [FS].
func (d Dir) Sync() error {
	if err := durable.SyncDir(string(d)); err != nil {
		return fmt.Errorf("making the folder durable: %w", err)
	}
	return nil
}
