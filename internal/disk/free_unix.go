//go:build linux || darwin || freebsd

package disk

import (
	"math"

	"golang.org/x/sys/unix"
)

func free(dir string) (int64, error) {
	var st unix.Statfs_t
	for {
		err := unix.Statfs(dir, &st)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return 0, err
		}
		// Some file systems without a fixed size claim to have no blocks at all, or more
		// bytes than can be counted.
		blocks, size := uint64(max(int64(st.Bavail), 0)), uint64(st.Bsize)
		if st.Blocks == 0 || size > 0 && blocks > math.MaxInt64/size {
			return math.MaxInt64, nil
		}
		return int64(blocks * size), nil
	}
}
