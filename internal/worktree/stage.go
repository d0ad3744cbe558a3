package worktree

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"time"
)

const stagePrefix = "stage-"

// StagePattern matches the names within a store of what stages leave behind if
// their process dies.
const StagePattern = stagePrefix + "*"

// Stage puts files into a folder in two steps: first every new file is written
// whole under a temporary name inside the store, then [Stage.Apply] renames them
// into place and removes what is to go. If anything fails before Apply, as when
// the disk is full, nothing in the folder has changed. It never follows a
// symbolic link and never touches a path outside the folder. It is for one
// goroutine, but for the writers it hands out.
type Stage struct {
	root    *os.Root
	tmp     string // folder of the staged files, relative to root
	files   []staged
	removed []string
	placed  []File
	watched map[string]Stamp // what must still be there when the stage is applied; zero is nothing
}

// ErrChanged says that something in the folder changed while files were made ready to
// take its place.
var ErrChanged = errors.New("changed while new files were made ready")

type staged struct {
	path  string
	tmp   string
	kind  Kind
	link  string
	stamp Stamp // when it was written
}

// NewStage prepares a stage for the folder dir, which must hold a store. The
// caller ends it with [Stage.Close].
func NewStage(dir string) (*Stage, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the folder: %w", err)
	}
	s := &Stage{root: root, tmp: path.Join(StoreDir, stagePrefix+strconv.FormatInt(time.Now().UnixNano(), 36))}
	if err := root.Mkdir(s.tmp, 0o755); err != nil {
		return nil, errors.Join(fmt.Errorf("preparing to write files: %w", err), root.Close())
	}
	return s, nil
}

// Write stages a file: write is called with a writer for its content. The file
// takes its place at name when the stage is applied. If write fails nothing is staged.
func (s *Stage) Write(name string, executable bool, write func(io.Writer) error) error {
	if err := CheckPath(name); err != nil {
		return err
	}
	st := staged{path: name, tmp: path.Join(s.tmp, strconv.Itoa(len(s.files))), kind: Regular}
	mode := fs.FileMode(0o644)
	if executable {
		st.kind, mode = Executable, 0o755
	}
	f, err := s.root.OpenFile(st.tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	err = write(f)
	if info, serr := f.Stat(); serr == nil {
		st.stamp = stampOf(info)
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("writing %s: %w", name, err), s.root.Remove(st.tmp))
	}
	s.files = append(s.files, st)
	return nil
}

// Has reports whether a file is staged for the name.
func (s *Stage) Has(name string) bool {
	return slices.ContainsFunc(s.files, func(st staged) bool { return st.path == name })
}

// Link stages a symbolic link. A target outside the folder fails with [ErrEscapes].
func (s *Stage) Link(name, target string) error {
	if err := errors.Join(CheckPath(name), CheckLink(name, target)); err != nil {
		return err
	}
	s.files = append(s.files, staged{path: name, kind: Symlink, link: target})
	return nil
}

// Remove has the file at name removed when the stage is applied, and the folders
// that this leaves empty.
func (s *Stage) Remove(name string) error {
	if err := CheckPath(name); err != nil {
		return err
	}
	s.removed = append(s.removed, name)
	return nil
}

// Watch notes what lies at the names now. Apply will do nothing, and fail with
// [ErrChanged], if it finds something else there.
func (s *Stage) Watch(names ...string) {
	if s.watched == nil {
		s.watched = make(map[string]Stamp, len(names))
	}
	for _, name := range names {
		s.watched[name] = s.stamp(name)
	}
}

func (s *Stage) stamp(name string) Stamp {
	info, err := s.root.Lstat(name)
	if err != nil {
		return Stamp{}
	}
	return stampOf(info)
}

// Apply puts everything in place. It goes on after a file that can't be placed
// and returns all errors together.
func (s *Stage) Apply() error {
	for name, was := range s.watched {
		if s.stamp(name) != was {
			return fmt.Errorf("%s: %w", name, ErrChanged)
		}
	}
	var failed []error
	for _, name := range s.removed {
		if err := s.remove(name); err != nil {
			failed = append(failed, err)
		}
	}
	for _, st := range s.files {
		if err := s.place(st); err != nil {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

func (s *Stage) place(st staged) error {
	if dir := path.Dir(st.path); dir != "." {
		if err := s.root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("making the folder %s: %w", dir, err)
		}
	}
	if st.kind == Symlink {
		if err := s.root.Remove(st.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("replacing %s: %w", st.path, err)
		}
		if err := s.root.Symlink(st.link, st.path); err != nil {
			return fmt.Errorf("making the link %s: %w", st.path, err)
		}
		return nil
	}
	now := time.Now()
	if err := s.root.Rename(st.tmp, st.path); err != nil {
		return fmt.Errorf("putting %s in place: %w", st.path, err)
	}
	// If nobody can have written to it since without its showing, it is what was staged.
	info, err := s.root.Lstat(st.path)
	if err != nil || !st.stamp.settled(now) {
		return nil
	}
	there := stampOf(info)
	st.stamp.Change = there.Change // which putting it in place has set
	if there == st.stamp {
		s.placed = append(s.placed, File{Path: st.path, Kind: st.kind, Size: there.Size, Stamp: there})
	}
	return nil
}

// Settle waits, for less than the blink of an eye, until nothing that is done to the
// files after they are in place can look as if they had not been touched.
func (s *Stage) Settle() {
	for i := range s.files {
		if st := &s.files[i]; st.kind != Symlink && !st.stamp.coarse() {
			time.Sleep(tick - time.Since(time.Unix(0, st.stamp.ModTime)))
		}
	}
}

// Placed returns the files that were put in place and are certainly still what was
// staged.
func (s *Stage) Placed() []File { return s.placed }

func (s *Stage) remove(name string) error {
	err := s.root.Remove(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", name, err)
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if s.root.Remove(dir) != nil {
			break // not empty, and so it stays
		}
	}
	return nil
}

// Close drops what was staged and not applied.
func (s *Stage) Close() error {
	return errors.Join(s.root.RemoveAll(s.tmp), s.root.Close())
}
