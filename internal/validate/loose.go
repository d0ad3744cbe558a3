package validate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// ErrKinds says that a file should be compared with a folder, or the other way round.
var ErrKinds = errors.New("validate: a file is compared with a file, and a folder with a folder")

// Loose validates a file, or all tables in a folder, that lie in no dataset. A file
// is described by the nearest datapackage.json in its folder or above it, but not
// above a Git repository, that knows it; a folder by its own. Files that they refer to
// are read too. base is an earlier copy of the file or folder; with one, only what it
// does not have alike is checked, and rules about changes compare with it; "" is none.
// dir is the folder to which the paths in the report belong. It fails with an error
// that wraps [csv.ErrNotTable] if the file is no table and not described as one, with
// [ErrKinds], or if something cannot be read.
func Loose(ctx context.Context, name, base string, o *Options) (r *Report, dir string, err error) {
	if name, err = filepath.Abs(name); err != nil {
		return nil, "", fmt.Errorf("validating: %w", err)
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, "", err
	}
	l := &loose{store: mem.New(), now: looseSide{dir: name}}
	var paths []string
	if !info.IsDir() {
		paths, err = l.openFile(name)
	} else if err = l.now.read(); err == nil {
		paths, err = l.now.tables()
	}
	if err == nil && base != "" {
		err = l.openBase(name, base, info.IsDir())
	}
	if err != nil {
		return nil, "", err
	}
	in, notes, err := l.input(ctx, paths, !info.IsDir())
	if err != nil {
		return nil, "", err
	}
	r, err = Run(ctx, in, o)
	if err == nil {
		r.Notes = append(r.Notes, notes...)
	}
	return r, l.now.dir, err
}

// loose reads files that lie in no dataset, as they are and maybe as they were.
type loose struct {
	store *mem.Store
	now   looseSide
	base  *looseSide
}

// looseSide is one of the two.
type looseSide struct {
	dir   string
	data  []byte // of datapackage.json; nil if there is none
	pkg   *datapackage.Package
	wrong error             // why it cannot be read
	at    map[string]string // files that lie elsewhere than in dir, by path
}

// read reads the folder's own datapackage.json.
func (s *looseSide) read() error {
	data, err := os.ReadFile(filepath.Join(s.dir, datapackage.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", datapackage.FileName, err)
	}
	s.data = data
	s.pkg, s.wrong = datapackage.Parse(data)
	return nil
}

// tables returns the paths of the files in the folder that may be tables, sorted;
// what is hidden is left out.
func (s *looseSide) tables() (paths []string, err error) {
	err = filepath.WalkDir(s.dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != s.dir && strings.HasPrefix(e.Name(), "."):
			if e.IsDir() {
				return filepath.SkipDir
			}
			return nil
		case e.Type().IsRegular() && csv.IsName(name):
			rel, err := filepath.Rel(s.dir, name)
			paths = append(paths, filepath.ToSlash(rel))
			return err
		}
		return nil
	})
	return paths, err
}

// openFile looks for the nearest datapackage.json that knows a file.
func (l *loose) openFile(name string) (paths []string, err error) {
	for dir := filepath.Dir(name); ; dir = filepath.Dir(dir) {
		s := looseSide{dir: dir}
		if err := s.read(); err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return nil, fmt.Errorf("validating: %w", err)
		}
		path := filepath.ToSlash(rel)
		knows := s.wrong != nil
		if s.pkg != nil {
			_, knows = s.pkg.Resource(path)
		}
		if knows {
			l.now = s
			return []string{path}, nil
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil || filepath.Dir(dir) == dir {
			break
		}
	}
	l.now = looseSide{dir: filepath.Dir(name)}
	return []string{filepath.Base(name)}, nil
}

// openBase opens the earlier copy. That of a file is described as the file is.
func (l *loose) openBase(name, base string, folder bool) error {
	info, err := os.Stat(base)
	switch {
	case err != nil:
		return err
	case info.IsDir() != folder:
		return fmt.Errorf("%w: %s and %s", ErrKinds, filepath.Base(name), base)
	case folder:
		l.base = &looseSide{dir: base}
		return l.base.read()
	}
	rel, err := filepath.Rel(l.now.dir, name)
	if err != nil {
		return fmt.Errorf("validating: %w", err)
	}
	l.base = &looseSide{dir: l.now.dir, data: l.now.data, pkg: l.now.pkg, at: map[string]string{filepath.ToSlash(rel): base}}
	return nil
}

// input reads the tables. A single file must be one.
func (l *loose) input(ctx context.Context, paths []string, single bool) (in *Input, notes []string, err error) {
	in = &Input{Package: l.now.pkg, PackageError: l.now.wrong, Open: l.optional(&l.now, nil), ChangedOnly: l.base != nil}
	described := l.now.data != nil
	if l.base != nil {
		in.OpenBase = l.optional(l.base, nil)
	}
	for _, path := range paths {
		t := Table{Path: path}
		if l.base != nil {
			if t.Base, err = in.OpenBase(ctx, path); err != nil {
				return nil, nil, err
			}
			t.Redescribed = Redescribed(l.base.pkg, l.now.pkg, path)
		}
		open := l.optional(&l.now, t.Base)
		if single {
			open = func(ctx context.Context, path string) (*tabular.Table, error) {
				return l.read(ctx, &l.now, path, t.Base)
			}
		}
		t.Now, err = open(ctx, path)
		if err != nil && !(described && errors.Is(err, csv.ErrNotTable)) {
			return nil, nil, err
		}
		if t.Now == nil {
			if l.now.pkg != nil && DescribedTable(l.now.pkg, path) {
				in.NoTables = append(in.NoTables, path)
			} else {
				notes = append(notes, path+" is no table that can be read, and was not checked")
			}
			continue
		}
		in.Tables = append(in.Tables, t)
	}
	if !described {
		what := "beside or above the file describes it"
		if !single {
			what = "in the folder describes its tables"
		}
		notes = append(notes, "no datapackage.json "+what+": only their shape was checked, and damage by spreadsheet programs")
	}
	if l.now.pkg != nil && !single {
		in.Absent = Absent(l.now.pkg, func(path string) bool {
			_, err := os.Stat(filepath.Join(l.now.dir, filepath.FromSlash(path)))
			return err == nil
		})
	}
	return in, notes, nil
}

// optional returns what opens tables of a side; nil stands for what is none.
func (l *loose) optional(s *looseSide, parent *tabular.Table) func(context.Context, string) (*tabular.Table, error) {
	return func(ctx context.Context, path string) (*tabular.Table, error) {
		t, err := l.read(ctx, s, path, parent)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, csv.ErrNotTable) {
			return nil, nil
		}
		return t, err
	}
}

func (l *loose) read(ctx context.Context, s *looseSide, path string, parent *tabular.Table) (*tabular.Table, error) {
	name := s.at[path]
	if name == "" {
		if !filepath.IsLocal(filepath.FromSlash(path)) {
			return nil, nil
		}
		name = filepath.Join(s.dir, filepath.FromSlash(path))
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	defer file.Close()
	o := &csv.ReadOptions{Name: path, Parent: parent}
	if s.pkg != nil {
		if res, ok := s.pkg.Resource(path); ok {
			o.Key = append([]string{}, res.PrimaryKey()...)
		}
	}
	res, err := csv.Read(ctx, l.store, file, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tabular.Open(ctx, l.store, res.Table)
}

// DescribedTable reports whether a file is described as a table: by its name, or by a
// schema.
func DescribedTable(pkg *datapackage.Package, path string) bool {
	res, ok := pkg.Resource(path)
	if !ok {
		return false
	}
	_, schema := res.SchemaJSON()
	return schema || csv.IsName(path)
}

// Absent returns the paths of files that a datapackage.json describes and that are not
// there, in its order. What lies elsewhere, under a URL, is not looked for.
func Absent(pkg *datapackage.Package, exists func(path string) bool) (paths []string) {
	for _, res := range pkg.Resources() {
		for _, path := range res.Paths() {
			if !strings.Contains(path, "://") && !exists(path) {
				paths = append(paths, path)
			}
		}
	}
	return paths
}

// Redescribed reports whether two descriptions, of which either may be nil, say
// different things about a table.
func Redescribed(before, now *datapackage.Package, path string) bool {
	schema := func(p *datapackage.Package) []byte {
		if p == nil {
			return nil
		}
		res, ok := p.Resource(path)
		if !ok {
			return nil
		}
		data, _ := res.SchemaJSON()
		return data
	}
	return !bytes.Equal(schema(before), schema(now))
}
