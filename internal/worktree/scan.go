package worktree

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// StoreDir is the name of the folder in which a dataset keeps its objects and
// refs. It is never part of the dataset's content.
const StoreDir = ".constl"

// Kind says what lies at a path.
type Kind byte

// The kinds of files that a dataset can hold.
const (
	Regular Kind = iota + 1
	Executable
	Symlink
)

// File is one file of the working copy.
type File struct {
	// Path is relative to the folder, with slashes on every system.
	Path string
	Kind Kind
	Size int64
	// Stamp is what the file system says of the file now.
	Stamp Stamp
}

// ErrUnsupported says that something in the folder is neither a file, a folder
// nor a symbolic link.
var ErrUnsupported = errors.New("worktree: neither a file, a folder nor a symbolic link")

// Scan lists the files below root that are not ignored, in the order of their
// folders' paths and within a folder of their names. It opens none of them. It fails if a folder can't be read, if it finds a device,
// socket or pipe ([ErrUnsupported]), or if a symbolic link leads out of root
// ([ErrEscapes]).
func Scan(ctx context.Context, root string, ignore *Ignore) ([]File, error) {
	s := scanner{root: root, ignore: ignore, slots: make(chan struct{}, 4*runtime.GOMAXPROCS(0))}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s.ctx, s.cancel = ctx, cancel
	s.group.Add(1)
	s.folder("")
	s.group.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	slices.SortFunc(s.folders, func(a, b folderFiles) int { return strings.Compare(a.path, b.path) })
	files := make([]File, 0, s.count)
	for _, f := range s.folders {
		files = append(files, f.files...)
	}
	return files, nil
}

// folderFiles are the files of one folder, sorted by name.
type folderFiles struct {
	path  string
	files []File
}

type scanner struct {
	root   string
	ignore *Ignore
	ctx    context.Context
	cancel context.CancelCauseFunc
	group  sync.WaitGroup
	slots  chan struct{}

	mu      sync.Mutex
	folders []folderFiles
	count   int
}

func (s *scanner) folder(rel string) {
	defer s.group.Done()
	if s.ctx.Err() != nil {
		return
	}
	entries, err := readFolder(filepath.Join(s.root, filepath.FromSlash(rel)), func(name string, isDir bool) bool {
		return !s.ignore.Match(below(rel, name), isDir)
	})
	if err != nil {
		s.cancel(fmt.Errorf("reading folder %s: %w", display(rel), err))
		return
	}
	files := make([]File, 0, len(entries))
	for i := range entries {
		name := below(rel, entries[i].name)
		if entries[i].stamp.Mode.IsDir() {
			s.descend(name)
			continue
		}
		f, err := s.file(name, entries[i].stamp)
		if err != nil {
			s.cancel(err)
			return
		}
		files = append(files, f)
	}
	s.mu.Lock()
	s.folders = append(s.folders, folderFiles{rel, files})
	s.count += len(files)
	s.mu.Unlock()
}

// descend scans a folder beside the others while there is a free slot for it.
func (s *scanner) descend(name string) {
	s.group.Add(1)
	select {
	case s.slots <- struct{}{}:
		go func() {
			defer func() { <-s.slots }()
			s.folder(name)
		}()
	default:
		s.folder(name)
	}
}

func (s *scanner) file(name string, stamp Stamp) (File, error) {
	f := File{Path: name, Size: stamp.Size, Stamp: stamp}
	switch {
	case stamp.Mode&fs.ModeSymlink != 0:
		f.Kind = Symlink
		return f, s.checkLink(name)
	case !stamp.Mode.IsRegular():
		return File{}, fmt.Errorf("%s: %w; move it out of the dataset or name it in %s", name, ErrUnsupported, IgnoreFile)
	case hasExecutableBit && stamp.Mode&0o100 != 0:
		f.Kind = Executable
	default:
		f.Kind = Regular
	}
	return f, nil
}

func (s *scanner) checkLink(name string) error {
	target, err := os.Readlink(filepath.Join(s.root, filepath.FromSlash(name)))
	if err != nil {
		return fmt.Errorf("reading the link %s: %w", name, err)
	}
	return CheckLink(name, filepath.ToSlash(target))
}

// below is the path of a name in a folder; "" is the root.
func below(rel, name string) string {
	if rel == "" {
		return name
	}
	return rel + "/" + name
}

func display(rel string) string {
	if rel == "" {
		return "."
	}
	return rel
}

// Look returns the file at name (relative, with slashes) below root as [Scan]
// would list it. It fails with an error that wraps [fs.ErrNotExist] if nothing
// is there.
func Look(root, name string) (File, error) {
	info, err := os.Lstat(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return File{}, fmt.Errorf("looking at %s: %w", name, err)
	}
	s := scanner{root: root}
	return s.file(name, stampOf(info))
}
