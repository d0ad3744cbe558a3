package parquet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/parquet-go/parquet-go"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// ErrNested says that a file has columns within columns, or lists.
var ErrNested = errors.New("parquet: nested columns cannot be read as a table")

// batchRows is how many rows are read at a time.
const batchRows = 1 << 14

// File is an open Parquet file. It is safe for use by several goroutines. Whoever
// opened it calls Close.
type File struct {
	file    *os.File
	parquet *parquet.File
	names   []string
	writers []writer
}

var _ tabular.Texts = (*File)(nil)

// Open opens the Parquet file of the given name. It fails with an error that wraps
// [object.ErrCorrupt] if it is none, and with [ErrNested].
func Open(name string) (*File, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	f := &File{file: file}
	if err := f.open(); err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	return f, nil
}

func (f *File) open() (err error) {
	defer recovered(&err)
	info, err := f.file.Stat()
	if err != nil {
		return err
	}
	if f.parquet, err = parquet.OpenFile(f.file, info.Size(), parquet.SkipBloomFilters(true)); err != nil {
		return fmt.Errorf("%w: %w", object.ErrCorrupt, err)
	}
	for _, c := range f.parquet.Root().Columns() {
		if !c.Leaf() || c.Repeated() {
			return fmt.Errorf("%w: column %q", ErrNested, c.Name())
		}
		f.names = append(f.names, c.Name())
		f.writers = append(f.writers, writerOf(c.Type()))
	}
	return nil
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

// Names implements [tabular.Texts].
func (f *File) Names() []string { return f.names }

// Batches implements [tabular.Texts].
func (f *File) Batches(context.Context) iter.Seq2[tabular.Batch, error] {
	return func(yield func(tabular.Batch, error) bool) {
		for _, group := range f.parquet.RowGroups() {
			for from := int64(0); from < group.NumRows(); from += batchRows {
				n := int(min(batchRows, group.NumRows()-from))
				batch := func(ctx context.Context) ([]tabular.Cells, error) { return f.read(ctx, group, from, n) }
				if !yield(batch, nil) {
					return
				}
			}
		}
	}
}

func (f *File) read(ctx context.Context, group parquet.RowGroup, from int64, n int) (list []tabular.Cells, err error) {
	defer recovered(&err)
	list = make([]tabular.Cells, len(f.names))
	for i, chunk := range group.ColumnChunks() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if list[i], err = readColumn(chunk, f.writers[i], from, n); err != nil {
			return nil, fmt.Errorf("reading column %q of %s: %w", f.names[i], f.file.Name(), err)
		}
	}
	return list, nil
}

func readColumn(chunk parquet.ColumnChunk, write writer, from int64, n int) (c tabular.Cells, err error) {
	pages := chunk.Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	if err := pages.SeekToRow(from); err != nil {
		return c, fmt.Errorf("%w: %w", object.ErrCorrupt, err)
	}
	values := make([]parquet.Value, 1024)
	for c.Len() < n {
		page, err := pages.ReadPage()
		if err != nil {
			return c, fmt.Errorf("%w: %w", object.ErrCorrupt, err)
		}
		r := page.Values()
		for c.Len() < n {
			k, err := r.ReadValues(values[:min(len(values), n-c.Len())])
			for _, v := range values[:k] {
				if !v.IsNull() {
					c.Data = write(c.Data, v)
				}
				c.Ends = append(c.Ends, uint32(len(c.Data)))
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return c, fmt.Errorf("%w: %w", object.ErrCorrupt, err)
			}
			if err != nil || k == 0 {
				break
			}
		}
		parquet.Release(page)
		if int64(len(c.Data)) > maxBatchText {
			return c, fmt.Errorf("%w: more than %d bytes in %d cells", tabular.ErrTooLarge, maxBatchText, batchRows)
		}
	}
	return c, nil
}

// maxBatchText is how many bytes of text one column of a batch has at most.
const maxBatchText = 1 << 30

// recovered turns a panic of the Parquet library, which damaged files can cause,
// into an error.
func recovered(err *error) {
	if r := recover(); r != nil {
		*err = fmt.Errorf("%w: the Parquet file is damaged: %v", object.ErrCorrupt, r)
	}
}
