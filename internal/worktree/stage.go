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
}

type staged struct {
	path string
	tmp  string
	kind Kind
	link string
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
// takes its place at name when the stage is applied.
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
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
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

// Apply puts everything in place. It goes on after a file that can't be placed
// and returns all errors together.
func (s *Stage) Apply() error {
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
	if err := s.root.Rename(st.tmp, st.path); err != nil {
		return fmt.Errorf("putting %s in place: %w", st.path, err)
	}
	return nil
}

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
