package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
	"github.com/constl/constl/tabular/parquet"
	"github.com/constl/constl/tabular/xlsx"
)

// ErrFormat says that a file is in no format that can be fingerprinted.
var ErrFormat = errors.New("no table: expected .csv, .tsv, .csv.gz, .parquet or .xlsx")

// FileOptions say how a file is opened. A nil one stands for the defaults.
type FileOptions struct {
	// Sheet is the name of the sheet of a workbook; "" is the first.
	Sheet string
	// NoSchema has delimited text read without the datapackage.json beside it.
	NoSchema bool
}

// File is a file that was opened. Whoever opened it calls Close.
type File struct {
	tabular.Texts
	// Note is what a person should know, such as which sheet was read; or "".
	Note string

	close io.Closer
}

// Close gives back what the File holds open.
func (f *File) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close.Close()
}

// OpenFile opens the table in the file of the given name. It fails with
// [ErrFormat], if the file cannot be read, and if it is damaged.
func OpenFile(ctx context.Context, name string, o *FileOptions) (*File, error) {
	if o == nil {
		o = &FileOptions{}
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".parquet", ".pq":
		p, err := parquet.Open(name)
		if err != nil {
			return nil, err
		}
		return &File{Texts: p, close: p}, nil
	case ".xlsx", ".xlsm":
		s, err := xlsx.Open(ctx, name, o.Sheet)
		if err != nil {
			return nil, err
		}
		f := &File{Texts: s}
		if len(s.Others) > 0 && o.Sheet == "" {
			f.Note = fmt.Sprintf("the sheet %q was read; name another with --sheet: %s", s.Name, strings.Join(s.Others, ", "))
		}
		return f, nil
	}
	if !csv.IsName(name) {
		return nil, fmt.Errorf("%s is %w", name, ErrFormat)
	}
	t, err := openText(ctx, name)
	if err != nil {
		return nil, err
	}
	var resource *datapackage.Resource
	if !o.NoSchema {
		if resource, err = describing(name); err != nil {
			return nil, err
		}
	}
	texts, err := OfTable(t, nil, resource)
	return &File{Texts: texts}, err
}

// openText reads a file of delimited text into memory as a table.
func openText(ctx context.Context, name string) (*tabular.Table, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	store := mem.New()
	res, err := csv.Read(ctx, store, file, &csv.ReadOptions{Name: filepath.Base(name)})
	if errors.Is(err, csv.ErrNotTable) {
		return nil, fmt.Errorf("%s is %w (%w)", name, ErrFormat, err)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return tabular.Open(ctx, store, res.Table)
}

// describing finds what a datapackage.json in the file's folder, or in one above it,
// says of the file; nil if none does.
func describing(name string) (*datapackage.Resource, error) {
	name, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	for dir := filepath.Dir(name); ; dir = filepath.Dir(dir) {
		data, err := os.ReadFile(filepath.Join(dir, datapackage.FileName))
		switch {
		case err == nil:
			pkg, err := datapackage.Parse(data)
			if err != nil {
				return nil, fmt.Errorf("reading %s: %w", filepath.Join(dir, datapackage.FileName), err)
			}
			rel, err := filepath.Rel(dir, name)
			if err != nil {
				return nil, err
			}
			r, _ := pkg.Resource(filepath.ToSlash(rel))
			return r, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		case dir == filepath.Dir(dir):
			return nil, nil
		}
	}
}

// OfTable opens the columns of a table at the given positions (nil stands for all),
// whose cells are read as the resource says, if it is not nil. It fails if the
// resource's schema is none.
func OfTable(t *tabular.Table, cols []int, resource *datapackage.Resource) (tabular.Texts, error) {
	readings, err := readingsOf(t.Schema, resource)
	if err != nil {
		return nil, err
	}
	l, err := csv.DecodeLayout(t.Layout)
	if err != nil {
		return t.Texts(cols, nil, nil), nil
	}
	if readings == nil {
		if l.Encoding != csv.Windows1252 {
			return t.Texts(cols, nil, nil), nil
		}
		readings = make([]*reading, len(t.Schema.Fields))
	}
	return t.Texts(cols, func(name string) string { return l.Encoding.Text([]byte(name)) }, func(dst []byte, col int, cell []byte) []byte {
		text := l.Encoding.Text(cell)
		if readings[col] == nil {
			return append(dst, text...)
		}
		return readings[col].append(dst, text)
	}), nil
}
