package csv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// ReadOptions tunes [Read].
type ReadOptions struct {
	// Name is the file's name. Its extension decides about the delimiter where the
	// bytes leave it open.
	Name string
	// Parent is the table that stood in the file's place, if any. Fields keep their
	// ids and the table its key and the fields that it is chunked by.
	Parent *tabular.Table
	// Older holds tables that stood there still earlier, the latest first. They help
	// storage alone, where a change is taken back.
	Older []*tabular.Table
	// Key holds the names of the primary key's fields as people declared them; an
	// empty one that is not nil says that there is none. Nil keeps the parent's. One
	// is inferred if there is no parent, or none of the fields that it is chunked
	// by, or nothing in it.
	Key []string
	// Types holds the types that people declared, by the fields' names; the others
	// are inferred.
	Types map[string]tabular.Type
	// Trace is that of Parent and the file that it was read from, if it was kept.
	Trace *Trace
	// KeepTrace asks for the new table's trace.
	KeepTrace bool
	// Watch, if not nil, is told the names of the columns, and returns what is told of
	// every column of a row group that is encoded ([tabular.BuilderOptions]).
	Watch func(names []string) func(tabular.Encoded) func(segment object.ID, fresh bool)
	// Workers is the number of goroutines that parse, and of those that encode;
	// 0 is one per processor.
	Workers int
}

// Result is what [Read] made of a file.
type Result struct {
	Table  object.ID // the table's id
	Schema *tabular.Schema
	Layout *Layout
	Sum    object.ID // the plain BLAKE3 hash of the file's bytes
	Size   int64     // of the file, in bytes
	Rows   int64
	// Columns says what the cells of each field look like.
	Columns []tabular.CellStats
	// Oddities counts what departs from the layout.
	Oddities Oddities
	// KeyInferred says that the schema's key was inferred from the rows.
	KeyInferred bool
	// KeyMissing holds the names or ids of key fields, declared or the parent's,
	// that the file does not have. The table then has no key, or an inferred one.
	KeyMissing []string
	// Trace is the file's, if it was asked for and is of use, else nil.
	Trace *Trace
}

// Read builds the table that a file holds and puts its objects into rw. The table
// prints the file's exact bytes. It fails with an error that wraps [ErrNotTable],
// and says why, if the file is to be kept as a blob; objects that were put until
// then are of no use. It fails also as r and rw do, and when ctx ends. A nil o
// stands for the defaults.
//
// The table's id depends on the file's bytes, its name's extension, the parent's
// schema and the declared key and types, on nothing else.
func Read(ctx context.Context, rw object.ReadWriter, r io.Reader, o *ReadOptions) (*Result, error) {
	if o == nil {
		o = &ReadOptions{}
	}
	s, err := NewScanner(r, o.Name)
	if err != nil {
		return nil, err
	}
	res := &Result{Schema: &tabular.Schema{}, Layout: s.Layout()}
	infer := res.plan(s, o)
	opts := &tabular.BuilderOptions{
		Parent: o.Parent, ParentColumns: columnsIn(o.Parent, res.Schema), Workers: o.Workers, Recycle: s.Recycle, Trace: o.KeepTrace,
	}
	if o.Watch != nil {
		opts.Watch = o.Watch(s.Names())
	}
	for _, t := range o.Older {
		opts.Older = append(opts.Older, tabular.Older{Table: t, Columns: columnsIn(t, res.Schema)})
	}
	b := tabular.NewBuilder(ctx, rw, len(res.Schema.Fields), res.Schema.ChunkColumns(), opts)
	defer b.Close()
	take := taker{rows: b.Add, known: func(g *tabular.Source, raw []byte) error { return b.AddKnown(g, raw, s.parseKnown) }}
	if err := s.scan(ctx, o.Workers, res.knownGroups(s, o), take); err != nil {
		return nil, asNotTable(err)
	}
	if err := res.finish(ctx, b, s, o, infer); err != nil {
		return nil, asNotTable(err)
	}
	return res, nil
}

// asNotTable says of a file with a part over a limit that it is no table.
func asNotTable(err error) error {
	if !errors.Is(err, tabular.ErrTooLarge) {
		return err
	}
	_, what, _ := strings.Cut(err.Error(), tabular.ErrTooLarge.Error()+": ")
	return notTable("over a limit of tables: %s", what)
}

// plan decides about field ids, key and chunking before the rows are read. infer
// says that the key is still to be found unique.
func (res *Result) plan(s *Scanner, o *ReadOptions) (infer bool) {
	var before *tabular.Schema
	if o.Parent != nil {
		before = o.Parent.Schema
	}
	schema, names := res.Schema, s.Names()
	ids := tabular.AssignFieldIDs(before, names)
	for i, name := range names {
		schema.Fields = append(schema.Fields, tabular.Field{ID: ids[i], Name: name, Type: tabular.TypeString})
	}
	switch {
	case o.Key != nil:
		schema.Key = res.declaredKey(o.Key)
	case before != nil:
		schema.Key = res.keptKey(before.Key)
	}
	switch {
	case before != nil && (o.Parent.Rows > 0 || len(before.Key) > 0) && len(schema.Columns(before.ChunkedBy)) > 0:
		schema.ChunkedBy = slices.Clone(before.ChunkedBy)
		return false
	case len(schema.Key) > 0:
		schema.ChunkedBy = slices.Clone(schema.Key)
		return false
	}
	for _, c := range tabular.InferKey(s.Sample(sampleRows), names) {
		schema.ChunkedBy = append(schema.ChunkedBy, ids[c])
	}
	infer = len(schema.ChunkedBy) > 0 && o.Key == nil
	if len(schema.ChunkedBy) == 0 {
		// By name, so that a column added later moves no boundary.
		schema.ChunkedBy = ids
	}
	return infer
}

// sampleRows is how many rows a key is inferred from, at most.
const sampleRows = 4096

// declaredKey returns the ids of the fields with the given names, or none if one
// is missing.
func (res *Result) declaredKey(names []string) []string {
	var ids []string
	for _, name := range names {
		i := slices.IndexFunc(res.Schema.Fields, func(f tabular.Field) bool { return f.Name == name })
		switch {
		case i < 0:
			res.KeyMissing = append(res.KeyMissing, name)
		case !slices.Contains(ids, res.Schema.Fields[i].ID):
			ids = append(ids, res.Schema.Fields[i].ID)
		}
	}
	if len(res.KeyMissing) > 0 {
		return nil
	}
	return ids
}

func (res *Result) keptKey(ids []string) []string {
	for _, id := range ids {
		if res.Schema.Column(id) < 0 {
			res.KeyMissing = append(res.KeyMissing, id)
		}
	}
	if len(res.KeyMissing) > 0 {
		return nil
	}
	return slices.Clone(ids)
}

// columnsIn returns where an earlier table, which may be nil, has the fields.
func columnsIn(before *tabular.Table, schema *tabular.Schema) []int {
	if before == nil {
		return nil
	}
	at := make(map[string]int, len(before.Schema.Fields))
	for i, f := range before.Schema.Fields {
		at[f.ID] = i
	}
	cols := make([]int, len(schema.Fields))
	for i, f := range schema.Fields {
		col, ok := at[f.ID]
		if !ok {
			col = -1
		}
		cols[i] = col
	}
	return cols
}

// finish completes the schema from what the builder saw, and stores the table.
func (res *Result) finish(ctx context.Context, b *tabular.Builder, s *Scanner, o *ReadOptions, infer bool) error {
	var err error
	if res.Columns, err = b.Columns(); err != nil {
		return err
	}
	for i := range res.Schema.Fields {
		f := &res.Schema.Fields[i]
		f.Type = fieldType(f, &res.Columns[i], o)
	}
	if infer {
		unique, err := b.Unique(res.Schema.ChunkColumns())
		if err != nil {
			return fmt.Errorf("look for the key: %w", err)
		}
		if unique {
			res.Schema.Key, res.KeyInferred = slices.Clone(res.Schema.ChunkedBy), true
		}
	}
	layout, err := res.Layout.Encode()
	if err != nil {
		return notTable("%v", err)
	}
	if res.Table, err = b.Finish(res.Schema, layout); err != nil {
		return err
	}
	res.Rows, res.Oddities = s.Rows(), s.Oddities()
	res.Sum, res.Size = s.Sum()
	if o.KeepTrace {
		if err := res.trace(b, s); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// fieldType returns the declared type, or the one that the cells have, or if
// there is none to see the one that the field had.
func fieldType(f *tabular.Field, stats *tabular.CellStats, o *ReadOptions) tabular.Type {
	if t := o.Types[f.Name]; t != "" {
		return t
	}
	if stats.Cells == stats.Missing() && o.Parent != nil {
		if c := o.Parent.Schema.Column(f.ID); c >= 0 {
			return o.Parent.Schema.Fields[c].Type
		}
	}
	return stats.Type(f.Name)
}

// Notes returns, one sentence each, what people should know of how the file was
// understood.
func (res *Result) Notes() []string {
	var notes []string
	if len(res.KeyMissing) > 0 && !res.KeyInferred {
		notes = append(notes, fmt.Sprintf("the primary key names columns that are not in the file (%s); rows are compared whole until datapackage.json is changed",
			strings.Join(res.KeyMissing, ", ")))
	}
	for _, x := range []struct {
		n    int64
		what string
	}{{res.Oddities.ShortRows, "with fewer cells than the header"}, {res.Oddities.LongRows, "with more cells than the header"}} {
		if x.n == 1 {
			notes = append(notes, "1 row "+x.what)
		} else if x.n > 1 {
			notes = append(notes, fmt.Sprintf("%d rows %s", x.n, x.what))
		}
	}
	return notes
}
