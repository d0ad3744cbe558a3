package worktree

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"
)

// Stamp is what the file system says of a file without opening it. Two equal
// stamps taken far enough apart mean the same content; see [Cache].
type Stamp struct {
	Size    int64
	ModTime int64 // nanoseconds since 1970
	Change  int64 // change time in nanoseconds where the system has one, else 0
	Inode   uint64
	Mode    fs.FileMode
}

// How long a file system's clock can stand still: some count time in ticks as coarse as
// two seconds.
const (
	tick       = 20 * time.Millisecond
	coarseTick = 2 * time.Second
)

// coarse reports whether the stamp's time may be that of a file system with coarse ticks.
func (s Stamp) coarse() bool { return s.ModTime%int64(time.Second) == 0 }

// settled reports whether a file with this stamp, read at the given moment, can
// no longer be changed without its stamp showing it.
func (s Stamp) settled(read time.Time) bool {
	wait := tick
	if s.coarse() {
		wait = coarseTick
	}
	return read.UnixNano()-s.ModTime > int64(wait)
}

// dirent is one name of a folder.
type dirent struct {
	name  string
	stamp Stamp
}

// readNames lists the names of an open folder that keep accepts, sorted.
func readNames(dir *os.File, keep func(name string, isDir bool) bool) ([]fs.DirEntry, error) {
	entries, err := dir.ReadDir(-1)
	if err != nil {
		return nil, err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return !keep(e.Name(), e.IsDir()) })
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func stampOf(info fs.FileInfo) Stamp {
	s := Stamp{Size: info.Size(), ModTime: info.ModTime().UnixNano(), Mode: info.Mode()}
	s.Change, s.Inode = systemStamp(info)
	return s
}
