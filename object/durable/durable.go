// Package durable has the few disk operations that differ between systems and
// on which the safety of what is stored rests: locks that end with their
// process, renames that replace, and making names durable.
package durable

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// TryLock takes the exclusive lock of an open file, or reports false if another
// open file has it, in this process or another. [Unlock] gives the lock back, as
// the end of the process does, however it ends.
func TryLock(f *os.File) (bool, error) { return tryLock(f) }

// Unlock gives the lock of an open file back and closes the file. Closing alone
// is not enough: a child process that is just being started may share the file.
func Unlock(f *os.File) error { return errors.Join(unlock(f), f.Close()) }

// Rename puts a file in the place of another at once.
func Rename(from, to string) error { return rename(from, to) }

// SyncDir makes the names in a folder durable, where the system can.
func SyncDir(dir string) error { return syncDir(dir) }

// FileNumber returns the number by which the file system knows an open file: it stays
// when the file is renamed, and a copy of the file, as one put back from a backup,
// has another. It is 0 where the system has none.
func FileNumber(f *os.File) (uint64, error) { return fileNumber(f) }

// WriteDerived is WriteFile without permissions of its own and without a sync: for
// what can be made again, and whose reader finds out whether it is whole.
func WriteDerived(path string, data []byte) error {
	tmp := fmt.Sprintf("%s-%d.tmp", path, os.Getpid())
	err := os.WriteFile(tmp, data, 0o644)
	if err == nil {
		err = rename(tmp, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", filepath.Base(path), err), os.Remove(tmp))
	}
	return nil
}

// WriteFile puts a file with the given content and permissions (before the
// umask) in place of whatever was there. Whoever reads it sees the old content or
// the new one, after a crash too. The temporary file stands in the same folder
// and ends in .tmp.
func WriteFile(path string, data []byte, mode os.FileMode) error {
	dir, name := filepath.Split(path)
	tmp, err := os.CreateTemp(dir, name+"-*.tmp")
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	err = errors.Join(err, tmp.Close())
	if err == nil {
		err = rename(tmp.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", name, err), os.Remove(tmp.Name()))
	}
	return syncDir(dir)
}
