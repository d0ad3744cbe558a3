package worktree

import (
	"io/fs"
	"syscall"
	"time"
)

func systemStamp(info fs.FileInfo) (change int64, inode uint64) {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return int64(st.Ctimespec.Sec)*int64(time.Second) + int64(st.Ctimespec.Nsec), uint64(st.Ino)
}

const hasExecutableBit = true
