package gitdriver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/constl/constl/internal/filemerge"
	"github.com/constl/constl/merge"
)

// Files are the versions that Git hands to a merge driver.
type Files struct {
	Base   string // %O, empty or without a name if both sides added the file
	Ours   string // %A, which takes the result
	Theirs string // %B
	Path   string // %P, the file's path in the repository
}

// Result is what a merge came to.
type Result struct {
	// Conflicts are what the sides contradict each other about; the result has
	// what ours says there.
	Conflicts []merge.Conflict
	// List is the file that names the conflicts; "" if there are none.
	List string
	// Plain says that a version is no table, so that Git merged the lines, and why.
	Plain string
	// Clean says that nothing is left to decide.
	Clean bool
}

// Merge merges three versions of a table row by row and writes the result over
// Ours. What conflicts is listed in a CSV file beside the file, under dir, the top
// of the working tree. If a version is no table, git merge-file does what Git
// would have done. It fails if a file cannot be read or written; then Ours is as
// it was.
func Merge(ctx context.Context, dir string, f Files) (*Result, error) {
	at := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(dir, name)
	}
	path := f.Path
	f.Base, f.Ours, f.Theirs = at(f.Base), at(f.Ours), at(f.Theirs)
	m, err := filemerge.Tables(ctx, filemerge.Files{Base: f.Base, Ours: f.Ours, Theirs: f.Theirs, Name: path})
	var none *filemerge.NotTableError
	switch {
	case errors.As(err, &none):
		clean, err := mergeLines(ctx, f)
		return &Result{Plain: none.Error(), Clean: clean}, err
	case err != nil:
		return nil, err
	}
	r := &Result{Conflicts: m.Conflicts, Clean: len(m.Conflicts) == 0}
	if err := filemerge.Replace(f.Ours, func(w io.Writer) error { return m.Write(ctx, w) }); err != nil || r.Clean {
		return r, err
	}
	suffix, err := filemerge.WriteList(at(path), m.Conflicts)
	r.List = path + suffix
	return r, err
}

// mergeLines lets Git merge the lines; it reports whether that left no conflict.
func mergeLines(ctx context.Context, f Files) (bool, error) {
	base := f.Base
	if base == "" {
		base = os.DevNull
	}
	cmd := exec.CommandContext(ctx, "git", "merge-file", "-L", "ours", "-L", "base", "-L", "theirs", f.Ours, base, f.Theirs)
	var said strings.Builder
	cmd.Stderr = &said
	err := cmd.Run()
	var status *exec.ExitError
	switch {
	case err == nil:
		return true, nil
	case errors.As(err, &status) && status.ExitCode() > 0 && status.ExitCode() < 128:
		return false, nil
	}
	return false, fmt.Errorf("merging the lines of %s: git merge-file: %w: %s", f.Path, err, strings.TrimSpace(said.String()))
}
