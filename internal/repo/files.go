package repo

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/constl/constl/object"
)

// fileSet is a commit's tree, laid out flat: every file by its path, and the ids
// of the folders, which help to store and compare the next tree.
type fileSet struct {
	files   map[string]object.TreeEntry
	folders map[string]object.ID // "" is the root
	// In a copy of a part, these are the files that the folder does not show, and,
	// as they are recorded, those of which it shows a part; see [Repo.shown].
	hidden, cut map[string]object.TreeEntry
}

// readFiles lays out a tree. A zero id is an empty one.
func readFiles(ctx context.Context, r object.Reader, tree object.ID) (*fileSet, error) {
	set := &fileSet{files: make(map[string]object.TreeEntry), folders: make(map[string]object.ID)}
	if tree.IsZero() {
		return set, nil
	}
	return set, set.add(ctx, r, "", tree)
}

func (s *fileSet) add(ctx context.Context, r object.Reader, folder string, tree object.ID) error {
	s.folders[folder] = tree
	for e, err := range object.TreeEntries(ctx, r, tree) {
		if err != nil {
			return fmt.Errorf("reading the folder %q: %w", folder, err)
		}
		name := path.Join(folder, e.Name)
		if e.Type != object.TypeDir {
			s.files[name] = e
			continue
		}
		if err := s.add(ctx, r, name, e.ID); err != nil {
			return err
		}
	}
	return nil
}

// hasTables reports whether a file of the set is a table.
func (s *fileSet) hasTables() bool {
	for _, e := range s.files {
		if e.Type == object.TypeTable {
			return true
		}
	}
	return false
}

// paths returns the files' paths, sorted.
func (s *fileSet) paths() []string { return slices.Sorted(maps.Keys(s.files)) }

// build stores the tree of the files. Folders that base has too are not stored
// again.
func (s *fileSet) build(ctx context.Context, rw object.ReadWriter, base *fileSet) (object.ID, error) {
	if maps.Equal(s.files, base.files) && !base.folders[""].IsZero() {
		return base.folders[""], nil
	}
	b := treeBuilder{ctx: ctx, rw: rw, set: s, base: base, paths: s.paths()}
	return b.folder("")
}

// treeBuilder builds folder after folder from the sorted paths.
type treeBuilder struct {
	ctx   context.Context
	rw    object.ReadWriter
	set   *fileSet
	base  *fileSet
	paths []string
}

// folder stores the tree of the builder's paths, all of which begin with prefix.
func (b *treeBuilder) folder(prefix string) (object.ID, error) {
	var entries []object.TreeEntry
	index := make(map[string][]string)
	for _, p := range b.paths {
		rest := strings.TrimPrefix(p, prefix)
		name, below, nested := strings.Cut(rest, "/")
		if nested {
			index[name] = append(index[name], prefix+name+"/"+below)
			continue
		}
		e := b.set.files[p]
		e.Name = name
		entries = append(entries, e)
	}
	for _, name := range slices.Sorted(maps.Keys(index)) {
		sub := *b
		sub.paths = index[name]
		id, err := sub.folder(prefix + name + "/")
		if err != nil {
			return object.ID{}, err
		}
		entries = append(entries, object.TreeEntry{Name: name, Type: object.TypeDir, ID: id})
	}
	id, err := object.BuildTree(b.ctx, b.rw, entries, b.base.folders[strings.TrimSuffix(prefix, "/")])
	if err != nil {
		return id, fmt.Errorf("recording the folder %q: %w", strings.TrimSuffix(prefix, "/"), err)
	}
	return id, nil
}

// within reports whether p is one of the paths or lies in one of them. No paths
// stand for everything.
func within(p string, paths []string) bool {
	if len(paths) == 0 {
		return true
	}
	for _, dir := range paths {
		if dir == "." || p == dir || strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}
