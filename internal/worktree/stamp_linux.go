package worktree

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const hasExecutableBit = true

func systemStamp(info fs.FileInfo) (change int64, inode uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return int64(st.Ctim.Sec)*int64(time.Second) + int64(st.Ctim.Nsec), uint64(st.Ino)
}

// readFolder lists what is in a folder and which keep accepts, sorted by name.
// Each file is looked at from the folder's own handle: that spares the system the
// way down to it, which is most of the work in a folder of many small files.
func readFolder(path string, keep func(name string, isDir bool) bool) ([]dirent, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := readNames(dir, keep)
	if err != nil {
		return nil, err
	}
	fd := int(dir.Fd())
	list := make([]dirent, 0, len(entries))
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, dirent{e.Name(), Stamp{Mode: fs.ModeDir}})
			continue
		}
		var st unix.Stat_t
		err := unix.Fstatat(fd, e.Name(), &st, unix.AT_SYMLINK_NOFOLLOW)
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went away since the folder was read
		}
		if err != nil {
			return nil, &fs.PathError{Op: "stat", Path: e.Name(), Err: err}
		}
		list = append(list, dirent{e.Name(), stampOfStat(&st)})
	}
	return list, nil
}

func stampOfStat(st *unix.Stat_t) Stamp {
	return Stamp{
		Size: st.Size, ModTime: st.Mtim.Nano(), Change: st.Ctim.Nano(), Inode: uint64(st.Ino), Mode: fileMode(uint32(st.Mode)),
	}
}

// fileMode translates the system's mode as package os does.
func fileMode(mode uint32) fs.FileMode {
	m := fs.FileMode(mode & 0o777)
	switch mode & unix.S_IFMT {
	case unix.S_IFBLK:
		m |= fs.ModeDevice
	case unix.S_IFCHR:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case unix.S_IFDIR:
		m |= fs.ModeDir
	case unix.S_IFIFO:
		m |= fs.ModeNamedPipe
	case unix.S_IFLNK:
		m |= fs.ModeSymlink
	case unix.S_IFSOCK:
		m |= fs.ModeSocket
	}
	if mode&unix.S_ISGID != 0 {
		m |= fs.ModeSetgid
	}
	if mode&unix.S_ISUID != 0 {
		m |= fs.ModeSetuid
	}
	if mode&unix.S_ISVTX != 0 {
		m |= fs.ModeSticky
	}
	return m
}
