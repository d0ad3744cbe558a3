//go:build unix

package refs

import (
	"errors"
	"os"
	"syscall"
)

// tryLock takes the exclusive lock of an open file, or reports false if another
// open file has it. The system gives the lock back when the process ends, however it ends.
func tryLock(f *os.File) (bool, error) {
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EWOULDBLOCK):
			return false, nil
		}
		return false, err
	}
}

// rename puts a file in the place of another at once.
func rename(from, to string) error { return os.Rename(from, to) }

// syncDir makes renames in the folder durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		// Some file systems cannot sync folders; nothing better can be done there.
		return nil
	}
	return err
}
