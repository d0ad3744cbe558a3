package worktree

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// ErrEscapes says that a path or a symbolic link leads out of the dataset's folder.
var ErrEscapes = errors.New("worktree: leads out of the dataset's folder")

// CheckLink reports whether a symbolic link at name (relative, with slashes)
// that points to target stays inside the folder. A target that is absolute or
// climbs above the folder fails with [ErrEscapes].
func CheckLink(name, target string) error {
	inside := !path.IsAbs(target) && !strings.Contains(target, ":") && !strings.Contains(target, "\\")
	if inside {
		joined := path.Join(path.Dir(name), target)
		inside = joined != ".." && !strings.HasPrefix(joined, "../") && first(joined) != StoreDir
	}
	if !inside {
		return fmt.Errorf("the symbolic link %s points to %q: %w; replace it by the file itself, or name it in %s", name, target, ErrEscapes, IgnoreFile)
	}
	return nil
}

// CheckPath reports whether name is a relative path with slashes that stays
// inside the folder and outside its store. Others fail with [ErrEscapes].
func CheckPath(name string) error {
	if name == "" || path.IsAbs(name) || path.Clean(name) != name || name == "." || name == ".." ||
		strings.HasPrefix(name, "../") || strings.ContainsAny(name, "\\\x00") || strings.EqualFold(first(name), StoreDir) || !filepath.IsLocal(filepath.FromSlash(name)) {
		return fmt.Errorf("the path %q: %w", name, ErrEscapes)
	}
	return nil
}

func first(name string) string {
	head, _, _ := strings.Cut(name, "/")
	return head
}

// LinkIs reports whether the symbolic link at name below root points to target
// (with slashes).
func LinkIs(root, name, target string) bool {
	found, err := os.Readlink(filepath.Join(root, filepath.FromSlash(name)))
	return err == nil && filepath.ToSlash(found) == target
}
