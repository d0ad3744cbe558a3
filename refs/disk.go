package refs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
)

const (
	lockFile = "lock" // held by whoever writes in the folder
	tempDir  = "tmp"  // files being written; whatever an earlier holder of the lock left there is dead
)

// disk is a folder whose files are replaced whole, durably, and one at a time.
// Names are relative, with slashes. Only the holder of the lock may write.
type disk struct {
	dir string
	// private keeps what is written from other users of the computer.
	private bool
	// step, if not nil, is called before each step that changes the disk, and its
	// error stops the work there: so tests cut it short at every point.
	step func(step string) error
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, filepath.FromSlash(name)) }

// modes are the permissions of new files and folders, before the umask.
func (d *disk) modes() (file, dir fs.FileMode) {
	if d.private {
		return 0o600, 0o700
	}
	return 0o666, 0o777
}

func (d *disk) before(step string) error {
	if d.step == nil {
		return nil
	}
	return d.step(step)
}

// lock waits for the folder's lock until the context ends. The lock is the
// system's own, bound to an open file, so a dead process leaves none behind.
func (d *disk) lock(ctx context.Context) (unlock func(), err error) {
	mode, _ := d.modes()
	f, err := os.OpenFile(d.path(lockFile), os.O_CREATE|os.O_RDWR, mode)
	if err != nil {
		return nil, fmt.Errorf("refs: opening the lock file: %w", err)
	}
	for wait := time.Millisecond; ; wait = min(2*wait, 100*time.Millisecond) {
		ok, err := durable.TryLock(f)
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("refs: locking %s: %w", f.Name(), err)
		}
		if ok {
			break
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("%w (%s): %w", ErrLocked, f.Name(), context.Cause(ctx))
		case <-time.After(wait):
		}
	}
	unlock = func() { _ = durable.Unlock(f) } // it ends with the process at the latest
	if err := d.clean(); err != nil {
		unlock()
		return nil, fmt.Errorf("refs: removing files left by a crash: %w", err)
	}
	return unlock, nil
}

func (d *disk) clean() error {
	names, err := d.names(tempDir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := os.Remove(filepath.Join(d.path(tempDir), name)); err != nil {
			return err
		}
	}
	return nil
}

// replace puts a file in place: after a crash at any instant the old one or the new one is there.
func (d *disk) replace(name string, data []byte) error {
	return d.replaceWith(name, func(*os.File) ([]byte, error) { return data, nil })
}

// replaceWith is replace of what content returns for the new file, which is empty yet.
func (d *disk) replaceWith(name string, content func(*os.File) ([]byte, error)) error {
	target := d.path(name)
	if err := d.makeDirs(filepath.Dir(target), d.path(tempDir)); err != nil {
		return err
	}
	if err := d.before("create " + name); err != nil {
		return err
	}
	mode, _ := d.modes()
	f, err := os.OpenFile(filepath.Join(d.path(tempDir), filepath.Base(target)), os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	data, err := content(f)
	if err == nil {
		err = d.fill(f, name, data)
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := d.before("rename " + name); err != nil {
		return err
	}
	if err := durable.Rename(f.Name(), target); err != nil {
		return err
	}
	if err := d.before("syncdir " + name); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(target))
}

// remove takes a file away for good; one that is not there is no error.
func (d *disk) remove(name string) error {
	if err := d.before("remove " + name); err != nil {
		return err
	}
	target := d.path(name)
	if err := os.Remove(target); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	return durable.SyncDir(filepath.Dir(target))
}

func (d *disk) fill(f *os.File, name string, data []byte) error {
	if err := d.before("write " + name); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := d.before("sync " + name); err != nil {
		return err
	}
	return f.Sync()
}

func (d *disk) makeDirs(dirs ...string) error {
	_, mode := d.modes()
	for _, dir := range dirs {
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		if err := os.MkdirAll(dir, mode); err != nil {
			return err
		}
		if err := durable.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	return nil
}

// read returns a file of at most limit bytes. A missing one wraps [fs.ErrNotExist].
func (d *disk) read(name string, limit int64) ([]byte, error) {
	path := d.path(name)
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.Size() > limit {
		return nil, corruptf("%s has %d bytes, at most %d are possible", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

// names lists the files of a folder in order; a folder that is not there has none.
func (d *disk) names(dir string) ([]string, error) {
	entries, err := os.ReadDir(d.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// replaceSealed and readSealed add and check a BLAKE3 hash after the data, so
// that a file damaged on disk is known for what it is.
func (d *disk) replaceSealed(name string, data []byte) error {
	seal := object.Sum(data)
	return d.replace(name, append(bytes.Clone(data), seal[:]...))
}

func (d *disk) readSealed(name string, limit int64) ([]byte, error) {
	data, err := d.read(name, limit+object.IDSize)
	if err != nil {
		return nil, err
	}
	n := len(data) - object.IDSize
	if n < 0 || object.Sum(data[:n]) != object.ID(data[n:]) {
		return nil, corruptf("%s is damaged", d.path(name))
	}
	return data[:n:n], nil
}

func corruptf(format string, args ...any) error {
	return fmt.Errorf("%w: %s", object.ErrCorrupt, fmt.Sprintf(format, args...))
}
