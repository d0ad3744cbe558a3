package changes

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/constl/constl/object/mem"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
	"github.com/zeebo/blake3"
)

// FilesOptions says how [CompareFiles] compares. A nil one stands for the defaults.
type FilesOptions struct {
	// Path is how the result calls the file; "" is the newer one's name as given.
	Path string
	// Key holds the names of the columns by which rows are matched; nil has it
	// inferred.
	Key []string
}

// CompareFiles compares two files on the disk, of which one may be "", for none.
// Tables are held in memory as a commit would store them. It fails with an error
// that wraps [ErrNoColumn] if a column of the key is missing, and if a file cannot
// be read. Of files that are the same to the byte the result is empty.
func CompareFiles(ctx context.Context, old, now string, o *FilesOptions) (*Set, error) {
	if o == nil {
		o = &FilesOptions{}
	}
	f := &filePair{store: mem.New(), old: old, now: now, o: *o}
	if f.o.Path == "" {
		if f.o.Path = now; now == "" {
			f.o.Path = old
		}
	}
	if same, err := f.same(); same || err != nil {
		return &Set{}, err
	}
	if csv.IsName(f.o.Path) || csv.IsName(old) && csv.IsName(now) {
		t, err := f.tables(ctx)
		if err != nil || t != nil {
			return &Set{Tables: slices.DeleteFunc([]*Table{t}, func(t *Table) bool { return t == nil || t.Empty() })}, err
		}
	}
	file, err := f.files()
	if err != nil {
		return nil, err
	}
	if file.Old != nil && file.New != nil && file.Old.Sum == file.New.Sum {
		return &Set{}, nil
	}
	return &Set{Files: []*File{file}}, nil
}

// filePair is two files that are compared.
type filePair struct {
	store    *mem.Store
	old, now string
	o        FilesOptions
}

// same reports whether the files are the same one on the disk.
func (f *filePair) same() (bool, error) {
	var infos [2]os.FileInfo
	for i, name := range []string{f.old, f.now} {
		if name == "" {
			continue
		}
		info, err := os.Stat(name)
		if err != nil {
			return false, fmt.Errorf("looking at the file: %w", err)
		}
		infos[i] = info
	}
	return infos[0] != nil && infos[1] != nil && os.SameFile(infos[0], infos[1]), nil
}

// tables compares the files as tables; it returns nil if one of them is none.
func (f *filePair) tables(ctx context.Context) (*Table, error) {
	var results [2]*csv.Result
	var errs [2]error
	var both sync.WaitGroup
	for i, name := range []string{f.old, f.now} {
		if name != "" {
			both.Go(func() { results[i], errs[i] = f.read(ctx, name, nil) })
		}
	}
	both.Wait()
	if errors.Is(errs[0], csv.ErrNotTable) || errors.Is(errs[1], csv.ErrNotTable) {
		return nil, nil
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	old, err := f.open(ctx, results[0])
	if err != nil {
		return nil, err
	}
	now, err := f.open(ctx, results[1])
	if err != nil {
		return nil, err
	}
	if old != nil && now != nil && !slices.EqualFunc(old.Schema.Fields, now.Schema.Fields, sameID) {
		// Only with the older version at hand can a renamed column be told from a new one.
		if results[1], err = f.read(ctx, f.now, old); err != nil {
			return nil, err
		}
		if now, err = f.open(ctx, results[1]); err != nil {
			return nil, err
		}
	}
	return f.compare(ctx, old, now, results[0])
}

func sameID(a, b tabular.Field) bool { return a.ID == b.ID }

func (f *filePair) read(ctx context.Context, name string, parent *tabular.Table) (*csv.Result, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("opening the file: %w", err)
	}
	defer file.Close()
	path := f.o.Path
	if csv.IsName(name) {
		path = name // one may be compressed and the other not
	}
	res, err := csv.Read(ctx, f.store, file, &csv.ReadOptions{Name: path, Parent: parent, Key: f.o.Key})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if f.o.Key != nil && len(res.KeyMissing) > 0 {
		return nil, fmt.Errorf("%s: %w: %s; there are: %s", name, ErrNoColumn,
			strings.Join(res.KeyMissing, ", "), strings.Join(allNames(res.Schema), ", "))
	}
	return res, nil
}

func (f *filePair) open(ctx context.Context, res *csv.Result) (*tabular.Table, error) {
	if res == nil {
		return nil, nil
	}
	return tabular.Open(ctx, f.store, res.Table)
}

// compare compares the tables by the key that was asked for, or else the older
// one's: what was inferred for one file need not hold for the other, which says
// nothing about a person's intent.
func (f *filePair) compare(ctx context.Context, old, now *tabular.Table, res *csv.Result) (*Table, error) {
	o := &Options{Key: f.o.Key}
	guessed := false
	if f.o.Key == nil && old != nil && now != nil && !slices.Equal(old.Schema.Key, now.Schema.Key) {
		for _, s := range []*tabular.Schema{old.Schema, now.Schema} {
			if len(s.Key) > 0 && len(old.Schema.Columns(s.Key)) == len(s.Key) && len(now.Schema.Columns(s.Key)) == len(s.Key) {
				o.Key, guessed = FieldNames(now.Schema, s.Key), true
				break
			}
		}
	}
	t, err := Compare(ctx, f.o.Path, old, now, o)
	if err != nil {
		return nil, err
	}
	t.Schema = slices.DeleteFunc(t.Schema, func(s SchemaChange) bool { return s.Change == "key" })
	if guessed {
		t.Note = ""
	}
	return t, nil
}

// files returns what is known of the files without an understanding of them.
func (f *filePair) files() (*File, error) {
	file := &File{Path: f.o.Path, Status: "modified"}
	for _, side := range []struct {
		name  string
		to    **Version
		alone string
	}{{f.old, &file.Old, "added"}, {f.now, &file.New, "deleted"}} {
		if side.name == "" {
			file.Status = side.alone
			continue
		}
		v := &Version{Write: func(_ context.Context, w io.Writer) error { return copyFile(w, side.name) }}
		h := blake3.New()
		if err := copyFile(io.MultiWriter(h, (*counter)(&v.Size)), side.name); err != nil {
			return nil, err
		}
		h.Sum(v.Sum[:0])
		*side.to = v
	}
	return file, nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func copyFile(w io.Writer, name string) error {
	file, err := os.Open(name)
	if err != nil {
		return fmt.Errorf("opening the file: %w", err)
	}
	defer file.Close()
	if _, err := io.Copy(w, file); err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}
