package merge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/zeebo/blake3"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Result is a merged tree.
type Result struct {
	// Tree is the merged tree. It is whole even if there are conflicts: RULES.md
	// says what stands where the sides contradict each other.
	Tree object.ID `json:"tree"`
	// Conflicts are in the order of paths, and of rows within a table.
	Conflicts []Conflict `json:"conflicts"`
	// Tables says for every table that was merged row by row what happened.
	Tables []TableStats `json:"tables"`
	// Bases are the commits that the merge started from; only [Commits] sets it.
	Bases []object.ID `json:"bases,omitempty"`
}

// maxMemoryFile is the largest file that is merged by member or by line.
const maxMemoryFile = 32 << 20

// Trees merges two trees that come from a common base; a zero base is an empty
// tree, so that what both sides have was added by both. New objects are put into
// rw, from which all three trees must be readable. Errors are those of reading,
// writing and printing; what the sides contradict each other about is in the
// result.
func Trees(ctx context.Context, rw object.ReadWriter, base, ours, theirs object.ID, o *Options) (*Result, error) {
	if o == nil {
		o = &Options{}
	}
	m := &treeMerge{ctx: ctx, rw: rw, options: o, result: &Result{Conflicts: []Conflict{}, Tables: []TableStats{}}}
	id, err := m.tree("", base, ours, theirs)
	if err != nil {
		return nil, err
	}
	if id.IsZero() {
		if id, err = object.BuildTree(ctx, rw, nil, base); err != nil {
			return nil, fmt.Errorf("merge trees: %w", err)
		}
	}
	m.result.Tree = id
	return m.result, nil
}

type treeMerge struct {
	ctx     context.Context
	rw      object.ReadWriter
	options *Options
	result  *Result
}

// entries are the three versions of one name; nil where a version has it not.
type entries struct{ base, ours, theirs *object.TreeEntry }

// tree merges one folder. It returns the zero id for a folder without entries.
func (m *treeMerge) tree(dir string, base, ours, theirs object.ID) (object.ID, error) {
	switch {
	case ours == theirs, theirs == base:
		return ours, nil
	case ours == base:
		return theirs, nil
	}
	changed, err := m.changes(base, ours, theirs)
	if err != nil {
		return object.ID{}, fmt.Errorf("merge trees: %w", err)
	}
	merged := make(map[string]*object.TreeEntry, len(changed))
	names := make([]string, 0, len(changed))
	for name := range changed {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if merged[name], err = m.entry(path.Join(dir, name), *changed[name]); err != nil {
			return object.ID{}, err
		}
	}
	var list []object.TreeEntry
	if !ours.IsZero() {
		if list, err = object.ReadTree(m.ctx, m.rw, ours); err != nil {
			return object.ID{}, fmt.Errorf("merge trees: %w", err)
		}
	}
	list = slices.DeleteFunc(slices.Clone(list), func(e object.TreeEntry) bool {
		_, ok := merged[e.Name]
		return ok
	})
	for _, e := range merged {
		if e != nil {
			list = append(list, *e)
		}
	}
	if len(list) == 0 {
		return object.ID{}, nil
	}
	id, err := object.BuildTree(m.ctx, m.rw, list, ours)
	if err != nil {
		return object.ID{}, fmt.Errorf("merge trees: %w", err)
	}
	return id, nil
}

// changes returns the names that theirs changed. All others are as ours has them.
func (m *treeMerge) changes(base, ours, theirs object.ID) (map[string]*entries, error) {
	out := make(map[string]*entries)
	err := object.CompareTrees(m.ctx, m.rw, base, theirs, func(b, t *object.TreeEntry) error {
		e := &entries{base: clone(b), theirs: clone(t)}
		if name := nameOf(e.base, e.theirs); name != "" {
			e.ours = e.base
			out[name] = e
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	err = object.CompareTrees(m.ctx, m.rw, base, ours, func(b, o *object.TreeEntry) error {
		if e := out[nameOf(b, o)]; e != nil {
			e.ours = clone(o)
		}
		return nil
	})
	return out, err
}

func clone(e *object.TreeEntry) *object.TreeEntry {
	if e == nil {
		return nil
	}
	c := *e
	return &c
}

func nameOf(list ...*object.TreeEntry) string {
	for _, e := range list {
		if e != nil {
			return e.Name
		}
	}
	return ""
}

func sameEntry(a, b *object.TreeEntry) bool {
	return a == nil && b == nil || a != nil && b != nil && *a == *b
}

// entry merges one name of a folder; nil means that the result does not have it.
func (m *treeMerge) entry(at string, e entries) (*object.TreeEntry, error) {
	switch {
	case sameEntry(e.ours, e.theirs), sameEntry(e.theirs, e.base):
		return e.ours, nil
	case sameEntry(e.ours, e.base):
		return e.theirs, nil
	}
	if isDir(e.ours, e.theirs) && (e.base == nil || e.base.Type == object.TypeDir) {
		id, err := m.tree(at, idOf(e.base), idOf(e.ours), idOf(e.theirs))
		if err != nil || id.IsZero() {
			return nil, err
		}
		return &object.TreeEntry{Name: path.Base(at), Type: object.TypeDir, ID: id}, nil
	}
	if e.ours == nil || e.theirs == nil {
		m.conflict(at, KindDeleted, e, "one side deleted the file, the other changed it; it stays")
		if e.ours == nil {
			return e.theirs, nil
		}
		return e.ours, nil
	}
	out := *e.ours
	out.Executable = e.theirs.Executable
	if e.base != nil && e.theirs.Executable == e.base.Executable || e.base == nil && e.ours.Executable {
		out.Executable = e.ours.Executable
	}
	err := m.content(at, e, &out)
	return &out, err
}

// isDir reports whether the sides that have the name at all have a folder.
func isDir(ours, theirs *object.TreeEntry) bool {
	return (ours == nil || ours.Type == object.TypeDir) && (theirs == nil || theirs.Type == object.TypeDir)
}

func idOf(e *object.TreeEntry) object.ID {
	if e == nil {
		return object.ID{}
	}
	return e.ID
}

func (m *treeMerge) conflict(at string, kind Kind, e entries, detail string) {
	show := func(e *object.TreeEntry) Version { return Version{Present: e != nil, ID: idOf(e)} }
	m.result.Conflicts = append(m.result.Conflicts, Conflict{Path: at, Kind: kind,
		Base: show(e.base), Ours: show(e.ours), Theirs: show(e.theirs), Detail: detail})
}

// content merges what a file holds into out, which is ours.
func (m *treeMerge) content(at string, e entries, out *object.TreeEntry) error {
	is := func(t object.EntryType) bool {
		return e.ours.Type == t && e.theirs.Type == t && (e.base == nil || e.base.Type == t)
	}
	take := func(x *object.TreeEntry) { out.ID, out.Size, out.Sum, out.Type = x.ID, x.Size, x.Sum, x.Type }
	same := func(a, b *object.TreeEntry) bool { return a != nil && b != nil && a.Type == b.Type && a.ID == b.ID }
	switch {
	case same(e.ours, e.theirs), same(e.theirs, e.base):
		return nil
	case same(e.ours, e.base):
		take(e.theirs)
		return nil
	case is(object.TypeTable):
		return m.table(at, e, out)
	case is(object.TypeFile) && e.ours.Size <= maxMemoryFile && e.theirs.Size <= maxMemoryFile && (e.base == nil || e.base.Size <= maxMemoryFile):
		return m.file(at, e, out)
	}
	detail := "the file can only be taken whole; it is that of ours"
	for _, s := range []struct {
		name      string
		is, other *object.TreeEntry
	}{{"ours", e.ours, e.theirs}, {"theirs", e.theirs, e.ours}} {
		if s.is.Type != object.TypeTable && s.other.Type == object.TypeTable {
			detail = s.name + " is no table, the other is; " + detail
		}
	}
	m.conflict(at, KindFile, e, detail)
	return nil
}

// table merges a table row by row and prints it once, because a tree records the
// hash of every file's bytes.
func (m *treeMerge) table(at string, e entries, out *object.TreeEntry) error {
	var tables [3]*tabular.Table
	for i, x := range []*object.TreeEntry{e.base, e.ours, e.theirs} {
		if x == nil {
			continue
		}
		t, err := tabular.Open(m.ctx, m.rw, x.ID)
		if err != nil {
			return fmt.Errorf("merge %s: %w", at, err)
		}
		tables[i] = t
	}
	codec := m.options.Codecs[tables[1].Layout.Codec]
	if codec == nil || tables[2].Layout.Codec != tables[1].Layout.Codec {
		m.conflict(at, KindFile, e, "the file was changed in two ways and its form is unknown here or not the same; it is that of ours")
		return nil
	}
	r, err := mergeTables(m.ctx, m.rw, at, tables[0], tables[1], tables[2], m.options)
	if err != nil {
		return fmt.Errorf("merge %s: %w", at, err)
	}
	for i := range r.Conflicts {
		r.Conflicts[i].Path = at
	}
	r.Stats.Path = at
	m.result.Conflicts = append(m.result.Conflicts, r.Conflicts...)
	m.result.Tables = append(m.result.Tables, r.Stats)
	if r.Table == e.ours.ID {
		return nil
	}
	t, err := tabular.Open(m.ctx, m.rw, r.Table)
	if err != nil {
		return fmt.Errorf("merge %s: %w", at, err)
	}
	h := blake3.New()
	n := &counter{}
	print := func(w io.Writer) error {
		n.w = h
		if w != nil {
			n.w = io.MultiWriter(h, w)
		}
		return codec.WriteTable(m.ctx, n, t)
	}
	if m.options.Keep != nil {
		err = m.options.Keep(at, out.Executable, print)
	} else {
		err = print(nil)
	}
	if err != nil {
		return fmt.Errorf("merge %s: %w", at, err)
	}
	out.ID, out.Size, out.Sum = r.Table, n.size, object.ID(h.Sum(nil))
	return nil
}

type counter struct {
	w    io.Writer
	size int64
}

// Write implements [io.Writer].
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.size += int64(n)
	return n, err
}

// file merges a JSON document or a text.
func (m *treeMerge) file(at string, e entries, out *object.TreeEntry) error {
	var data [3][]byte
	for i, x := range []*object.TreeEntry{e.base, e.ours, e.theirs} {
		var err error
		if data[i], err = m.read(x); err != nil {
			return fmt.Errorf("merge %s: %w", at, err)
		}
		if !IsText(data[i]) {
			m.conflict(at, KindFile, e, "the file can only be taken whole; it is that of ours")
			return nil
		}
	}
	merged, conflicts, ok := []byte(nil), []Conflict(nil), false
	if isJSON(at) {
		merged, conflicts, ok = JSON(data[0], data[1], data[2])
	}
	if !ok {
		merged, conflicts = Texts(data[0], data[1], data[2])
	}
	for i := range conflicts {
		conflicts[i].Path = at
	}
	m.result.Conflicts = append(m.result.Conflicts, conflicts...)
	blob, err := object.WriteBlob(m.ctx, m.rw, strings.NewReader(string(merged)))
	if err != nil {
		return fmt.Errorf("merge %s: %w", at, err)
	}
	out.ID, out.Size, out.Sum = blob.ID, blob.Size, blob.Sum
	return nil
}

func (m *treeMerge) read(e *object.TreeEntry) ([]byte, error) {
	if e == nil {
		return nil, nil
	}
	r, err := object.OpenBlob(m.ctx, m.rw, e.ID)
	if err != nil {
		return nil, err
	}
	if r.Size() > maxMemoryFile {
		return nil, errors.New("the file is longer than its folder says")
	}
	data := make([]byte, r.Size())
	_, err = io.ReadFull(r, data)
	return data, err
}

func isJSON(at string) bool {
	switch strings.ToLower(path.Ext(at)) {
	case ".json", ".geojson", ".jsonld":
		return true
	}
	return false
}
