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

// File validates one file that lies in no dataset, with the datapackage.json of its
// folder if there is one. Files that it refers to are read from there too. It fails
// with an error that wraps [csv.ErrNotTable] if the file is no table, or if a file
// cannot be read.
func File(ctx context.Context, name string, o *Options) (*Report, error) {
	dir, base := filepath.Split(name)
	f := &loose{dir: dir, store: mem.New()}
	in := &Input{Open: f.open}
	data, err := os.ReadFile(filepath.Join(dir, datapackage.FileName))
	switch {
	case err == nil:
		in.Package, in.PackageError = datapackage.Parse(data)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("reading %s: %w", datapackage.FileName, err)
	}
	f.pkg = in.Package
	t, err := f.read(ctx, base)
	if err != nil {
		return nil, err
	}
	in.Tables = []Table{{Path: base, Now: t}}
	r, err := Run(ctx, in, o)
	if err == nil && in.Package == nil && in.PackageError == nil {
		r.Notes = append(r.Notes, "there is no datapackage.json beside the file: only its shape was checked, and damage by spreadsheet programs")
	}
	return r, err
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
