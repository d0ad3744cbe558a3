package repo

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// redescribe settles what the sides contradict each other about in
// datapackage.json where the merged tables themselves say what is right: fields'
// types, keys and how a file is written. What people wrote there about a table
// is part of the table, and a contradiction in it is reported as one of the table.
// An inferred key that a merged table has lost goes from the file too.
// It returns the tree and the conflicts that are left.
func redescribe(ctx context.Context, rw object.ReadWriter, tree object.ID, tables []merge.TableStats, list []merge.Conflict) (object.ID, []merge.Conflict, error) {
	left := slices.Clone(list)
	settled := make(map[string]bool) // names of resources
	disputed := keysDropped(tables)  // paths of tables
	left = slices.DeleteFunc(left, func(c merge.Conflict) bool {
		if c.Kind == merge.KindKey || c.Kind == merge.KindColumn {
			disputed[c.Path] = true
		}
		name, own := ownMember(c)
		if own {
			settled[name] = true
		}
		return own
	})
	if len(settled)+len(disputed) == 0 {
		return tree, list, nil
	}
	files, err := readFiles(ctx, rw, tree)
	if err != nil {
		return tree, nil, err
	}
	pkg, err := packageOf(ctx, rw, files)
	if err != nil || pkg == nil {
		return tree, list, err
	}
	for _, res := range pkg.Resources() {
		for _, path := range res.Paths() {
			e, ok := files.files[path]
			if !ok || !settled[res.Name()] && !disputed[path] || e.Type != object.TypeTable {
				continue
			}
			t, err := tabular.Open(ctx, rw, e.ID)
			if err != nil {
				return tree, nil, err
			}
			res.Correct(describedFields(t.Schema), fieldNames(t.Schema, t.Schema.Key))
		}
	}
	blob, err := object.WriteBlob(ctx, rw, bytes.NewReader(pkg.Bytes()))
	if err != nil {
		return tree, nil, err
	}
	e := files.files[datapackage.FileName]
	e.ID, e.Size, e.Sum = blob.ID, blob.Size, blob.Sum
	files.files[datapackage.FileName] = e
	tree, err = files.build(ctx, rw, &fileSet{folders: files.folders})
	return tree, left, err
}

// keysDropped returns the paths of the tables that lost an inferred key.
func keysDropped(tables []merge.TableStats) map[string]bool {
	out := make(map[string]bool)
	for _, t := range tables {
		if t.KeyDropped != "" {
			out[t.Path] = true
		}
	}
	return out
}

// ownMember returns the name of the resource whose table a conflict in
// datapackage.json is about, if the table says what is right.
func ownMember(c merge.Conflict) (resource string, own bool) {
	if c.Path != datapackage.FileName || c.Kind != merge.KindMember && c.Kind != merge.KindOrder {
		return "", false
	}
	parts := strings.Split(strings.TrimPrefix(c.Column, "/"), "/")
	if len(parts) < 3 || parts[0] != "resources" {
		return "", false
	}
	resource = strings.NewReplacer("~1", "/", "~0", "~", `"`, "").Replace(parts[1])
	switch below := parts[2:]; below[0] {
	case "type", "format", "mediatype", "encoding", "dialect":
		return resource, true
	case "schema":
		if len(below) < 2 {
			return resource, false
		}
		return resource, below[1] == "primaryKey" || below[1] == "constl:inferredKey" || below[1] == "fields" && (len(below) == 2 || len(below) == 4 && below[3] == "type")
	}
	return resource, false
}

// packageOf returns a tree's datapackage.json; nil if it has none, or one that
// can't be read.
func packageOf(ctx context.Context, objects object.Reader, files *fileSet) (*datapackage.Package, error) {
	e, ok := files.files[datapackage.FileName]
	if !ok || e.Type != object.TypeFile {
		return nil, nil
	}
	r, err := object.OpenBlob(ctx, objects, e.ID)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(r, e.Size))
	if err != nil {
		return nil, err
	}
	pkg, err := datapackage.Parse(data)
	if err != nil {
		return nil, nil // what a person wrote wrongly is theirs to correct
	}
	return pkg, nil
}
