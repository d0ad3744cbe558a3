//go:build !linux && !darwin

package worktree

import "io/fs"

func systemStamp(fs.FileInfo) (change int64, inode uint64) { return 0, 0 }

const hasExecutableBit = false
