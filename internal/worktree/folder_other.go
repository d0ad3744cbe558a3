//go:build !linux

package worktree

import (
	"errors"
	"io/fs"
	"os"
)

// readFolder lists what is in a folder and which keep accepts, sorted by name.
func readFolder(path string, keep func(name string, isDir bool) bool) ([]dirent, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := readNames(dir, keep)
	if err != nil {
		return nil, err
	}
	list := make([]dirent, 0, len(entries))
	for _, e := range entries {
		if e.IsDir() {
			list = append(list, dirent{e.Name(), Stamp{Mode: fs.ModeDir}})
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // it went away since the folder was read
		}
		if err != nil {
			return nil, err
		}
		list = append(list, dirent{e.Name(), stampOf(info)})
	}
	return list, nil
}
