package gitdriver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// ErrNoRepository says that the folder is in no Git repository.
var ErrNoRepository = errors.New("gitdriver: not in a git repository")

// Scope says where the drivers are set.
type Scope int

// The scopes.
const (
	// Shared sets the drivers for this repository; which files they are for stands
	// in .gitattributes, to be committed.
	Shared Scope = iota
	// Local writes nothing that would be committed.
	Local
	// Global sets the drivers for all repositories of this user.
	Global
)

// attributes are the lines that name the files.
var attributes = []string{"*.csv diff=constl merge=constl", "*.tsv diff=constl merge=constl"}

// sections are what is set in Git's settings, without the last part of the name.
var sections = []string{"diff.constl", "merge.constl"}

// Install sets the drivers for the repository that holds dir. program is how Git's
// shell is to call constl. It returns the file that names the files concerned, and
// may be repeated. It fails with [ErrNoRepository], and as Git does.
func Install(ctx context.Context, dir, program string, scope Scope) (attributesFile string, err error) {
	file, err := fileOf(ctx, dir, scope)
	if err != nil {
		return "", err
	}
	where := "--local"
	if scope == Global {
		where = "--global"
	}
	for _, set := range [][2]string{
		{"diff.constl.command", program + " git-driver diff"},
		{"merge.constl.name", "rows and cells of tables, by constl"},
		{"merge.constl.driver", program + " git-driver merge %O %A %B %P"},
		{"merge.constl.recursive", "binary"},
	} {
		if _, err := git(ctx, dir, "config", where, set[0], set[1]); err != nil {
			return "", err
		}
	}
	return file, addLines(file, attributes)
}

// Uninstall takes away what [Install] set, wherever in the scope it is. It fails as
// Install does.
func Uninstall(ctx context.Context, dir string, scope Scope) error {
	scopes, where := []Scope{Shared, Local}, "--local"
	if scope == Global {
		scopes, where = []Scope{Global}, "--global"
	}
	for _, s := range scopes {
		file, err := fileOf(ctx, dir, s)
		if err == nil {
			err = removeLines(file, attributes)
		}
		if err != nil {
			return err
		}
	}
	for _, section := range sections {
		if out, _ := git(ctx, dir, "config", where, "--get-regexp", "^"+strings.ReplaceAll(section, ".", `\.`)+`\.`); out == "" {
			continue
		}
		if _, err := git(ctx, dir, "config", where, "--remove-section", section); err != nil {
			return err
		}
	}
	return nil
}

// fileOf returns the file of attributes of a scope.
func fileOf(ctx context.Context, dir string, scope Scope) (string, error) {
	if scope == Global {
		if set, err := git(ctx, dir, "config", "--global", "--type=path", "core.attributesFile"); err == nil && set != "" {
			return set, nil
		}
		config := os.Getenv("XDG_CONFIG_HOME")
		if config == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", err
			}
			config = filepath.Join(home, ".config")
		}
		return filepath.Join(config, "git", "attributes"), nil
	}
	top, err := git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", err
		}
		return "", fmt.Errorf("%w: %w", ErrNoRepository, err)
	}
	if scope == Shared {
		return filepath.Join(top, ".gitattributes"), nil
	}
	path, err := git(ctx, top, "rev-parse", "--git-path", "info/attributes")
	if err != nil || filepath.IsAbs(path) {
		return path, err
	}
	return filepath.Join(top, path), nil
}

// git runs Git in dir and returns what it printed, without the line end.
func git(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, "git", args...)
	cmd.Dir = dir
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("git %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(said.String()))
	}
	return strings.TrimRight(string(out), "\r\n"), nil
}

// addLines adds those lines to a file that are not there yet.
func addLines(name string, lines []string) error {
	text, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	missing := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return hasLine(string(text), line) })
	if len(missing) == 0 {
		return nil
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		text = append(text, '\n')
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	return os.WriteFile(name, append(text, strings.Join(missing, "\n")+"\n"...), 0o644)
}

func hasLine(text, line string) bool {
	for have := range strings.Lines(text) {
		if strings.TrimSpace(have) == line {
			return true
		}
	}
	return false
}

// removeLines takes lines out of a file, and the file away if nothing is left.
func removeLines(name string, lines []string) error {
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var left strings.Builder
	for have := range strings.Lines(string(text)) {
		if !slices.Contains(lines, strings.TrimSpace(have)) {
			left.WriteString(have)
		}
	}
	switch left.Len() {
	case len(text):
		return nil
	case 0:
		return os.Remove(name)
	}
	return os.WriteFile(name, []byte(left.String()), 0o644)
}
