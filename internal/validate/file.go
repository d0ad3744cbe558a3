package validate

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// File validates one file that lies in no dataset, with the nearest datapackage.json
// in its folder or above it, but not above a Git repository, if there is one. Files
// that it refers to are read too. dir is the folder to which the paths in the report
// belong. It fails with an error that wraps [csv.ErrNotTable] if the file is no
// table, or if a file cannot be read.
func File(ctx context.Context, name string, o *Options) (r *Report, dir string, err error) {
	if name, err = filepath.Abs(name); err != nil {
		return nil, "", fmt.Errorf("validating the file: %w", err)
	}
	dir, data, err := findPackage(filepath.Dir(name))
	if err != nil {
		return nil, "", err
	}
	f := &loose{dir: dir, store: mem.New()}
	in := &Input{Open: f.open}
	if data != nil {
		in.Package, in.PackageError = datapackage.Parse(data)
	}
	rel, err := filepath.Rel(dir, name)
	if err != nil {
		return nil, "", fmt.Errorf("validating the file: %w", err)
	}
	base := filepath.ToSlash(rel)
	described := data != nil
	if in.Package != nil {
		if _, ok := in.Package.Resource(base); !ok {
			in.Package, described = nil, false
		}
	}
	f.pkg = in.Package
	t, err := f.read(ctx, base)
	if err != nil {
		return nil, "", err
	}
	in.Tables = []Table{{Path: base, Now: t}}
	r, err = Run(ctx, in, o)
	if err == nil && !described {
		r.Notes = append(r.Notes, "no datapackage.json beside or above the file describes it: only its shape was checked, and damage by spreadsheet programs")
	}
	return r, dir, err
}

// findPackage returns the nearest datapackage.json and its folder; folder itself and
// nil if there is none.
func findPackage(folder string) (dir string, data []byte, err error) {
	for dir := folder; ; dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, datapackage.FileName))
		if err == nil {
			return dir, data, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", nil, fmt.Errorf("reading %s: %w", datapackage.FileName, err)
		}
		if _, err := os.Stat(filepath.Join(dir, ".git")); err == nil || filepath.Dir(dir) == dir {
			return folder, nil, nil
		}
	}
}

// loose reads files that lie in no dataset.
type loose struct {
	dir   string
	store *mem.Store
	pkg   *datapackage.Package
}

func (f *loose) open(ctx context.Context, path string) (*tabular.Table, error) {
	t, err := f.read(ctx, path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, csv.ErrNotTable) {
		return nil, nil
	}
	return t, err
}

func (f *loose) read(ctx context.Context, path string) (*tabular.Table, error) {
	if !filepath.IsLocal(filepath.FromSlash(path)) {
		return nil, nil
	}
	file, err := os.Open(filepath.Join(f.dir, filepath.FromSlash(path)))
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	defer file.Close()
	o := &csv.ReadOptions{Name: path}
	if f.pkg != nil {
		if res, ok := f.pkg.Resource(path); ok {
			o.Key = append([]string{}, res.PrimaryKey()...)
		}
	}
	res, err := csv.Read(ctx, f.store, file, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return tabular.Open(ctx, f.store, res.Table)
}
