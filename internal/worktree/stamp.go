package worktree

import (
	"io/fs"
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

// settled reports whether a file with this stamp, read at the given moment, can
// no longer be changed without its stamp showing it. File systems count time in
// ticks, some of them as coarse as two seconds.
func (s Stamp) settled(read time.Time) bool {
	tick := 20 * time.Millisecond
	if s.ModTime%int64(time.Second) == 0 {
		tick = 2 * time.Second
	}
	return read.UnixNano()-s.ModTime > int64(tick)
}

func stampOf(info fs.FileInfo) Stamp {
	s := Stamp{Size: info.Size(), ModTime: info.ModTime().UnixNano(), Mode: info.Mode()}
	s.Change, s.Inode = systemStamp(info)
	return s
}
