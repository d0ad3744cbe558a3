package tabular

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/constl/constl/object"
)

// BuilderOptions tunes a [Builder]. None of it changes an id.
type BuilderOptions struct {
	// Parent is the table that the new one follows, if there is one: its objects
	// are given to the store as what the new ones likely resemble.
	Parent *Table
	// ParentColumns holds, for every column, its position in Parent or -1; nil
	// stands for the same positions.
	ParentColumns []int
	// Older holds tables of earlier versions, the likeliest first: where Parent has
	// nothing alike, as when a change is taken back, one of them may. What cannot be
	// read of them is left out.
	Older []Older
	// Workers is the number of goroutines that encode; 0 is one per processor.
	Workers int
	// Recycle, if not nil, is called with every batch that was given to Add when
	// the builder needs it no more, from any goroutine.
	Recycle func(Rows)
	// Trace asks for [Builder.Sources].
	Trace bool
	// Watch, if not nil, is told of every column of a row group that is encoded, from
	// any goroutine. What it returns is called, unless it is nil, when the segment's id
	// is known; fresh says that the parent does not have it in this place.
	Watch func(Encoded) (stored func(segment object.ID, fresh bool))
}

// Encoded is a column of a row group that a [Builder] has encoded. It is valid only
// until the function that is told of it returns, which must not write to it.
type Encoded struct {
	Index  int    // of the column
	Cells  Cells  // all of them
	Column Column // as the segment has them
	Stats  CellStats
}

// Older is a table of an earlier version.
type Older struct {
	Table *Table
	// Columns holds, for every column of the new table, its position in Table or -1.
	Columns []int
}

// Builder builds a table from rows in order. Rows are cut into groups, encoded,
// hashed and put by several goroutines while more are added; what is held in
// memory does not grow with the table. Its methods are for one goroutine.
// Whoever made a Builder must call Close.
type Builder struct {
	ctx       context.Context
	cancel    context.CancelCauseFunc
	rw        object.ReadWriter
	width     int
	chunkedBy []int
	o         BuilderOptions

	in    chan item        // what was added, in order
	out   chan *groupJob   // the groups that it makes, in order
	work  chan func(*desk) // for the workers
	spare chan *batch
	wg    sync.WaitGroup // cutter and assembler
	crew  sync.WaitGroup // workers
	ended bool           // no more rows
	left  bool           // the workers were sent home

	older   []*olderIndex
	parent  *parentIndex  // row groups are the cutter's to match, nodes the assembler's
	indexed chan struct{} // closed when parent is set

	// Set by the cutter and the assembler, read after both have ended.
	rising  bool
	columns []CellStats
	sources []Source
	root    child
	height  int
}

// item is one thing added to a Builder.
type item struct {
	batch *batch
	table *Table // with ref: a group of another table
	ref   GroupRef
	mixed *mixed
	known *Source // with raw and parse: a group that is known by its bytes
	raw   []byte
	parse func(raw []byte) (Rows, error)
}

// NewBuilder returns a Builder of a table with the given number of columns, whose
// row groups end where the cells of the chunkedBy columns say so; none stands
// for all. Objects are put into rw, which may be a batch. Wrong arguments and a
// damaged parent are reported by the methods. A nil o stands for the defaults.
func NewBuilder(ctx context.Context, rw object.ReadWriter, width int, chunkedBy []int, o *BuilderOptions) *Builder {
	b := &Builder{rw: rw, width: width, chunkedBy: slices.Clone(chunkedBy), rising: true}
	if o != nil {
		b.o = *o
	}
	if b.o.Workers <= 0 {
		b.o.Workers = runtime.GOMAXPROCS(0)
	}
	if len(b.chunkedBy) == 0 {
		b.chunkedBy = allColumns(max(width, 0))
	}
	b.ctx, b.cancel = context.WithCancelCause(ctx)
	b.in = make(chan item, b.o.Workers)
	b.out = make(chan *groupJob, 2*b.o.Workers)
	b.work = make(chan func(*desk))
	b.spare = make(chan *batch, 4*b.o.Workers)
	b.columns = slices.Repeat([]CellStats{NoCells()}, max(width, 0))
	b.indexed = make(chan struct{})
	for _, o := range b.o.Older {
		b.older = append(b.older, &olderIndex{Older: o})
	}
	b.start()
	return b
}

func (b *Builder) start() {
	if err := b.checkArguments(); err != nil {
		b.cancel(err)
	}
	for range b.o.Workers {
		b.crew.Go(func() {
			var d desk
			for f := range b.work {
				f(&d)
			}
		})
	}
	b.wg.Go(func() {
		defer close(b.out)
		b.fail(b.cut())
	})
	b.wg.Go(func() { b.fail(b.assemble()) })
}

func (b *Builder) checkArguments() error {
	if b.width < 1 || b.width > MaxFields {
		return fmt.Errorf("%w: a table of %d columns, expected 1 to %d", ErrTooLarge, b.width, MaxFields)
	}
	for _, c := range b.chunkedBy {
		if c < 0 || c >= b.width {
			return fmt.Errorf("%w: chunked by column %d of %d", ErrMisused, c, b.width)
		}
	}
	if n := len(b.o.ParentColumns); n != 0 && n != b.width {
		return fmt.Errorf("%w: %d parent columns for %d columns", ErrMisused, n, b.width)
	}
	for _, o := range b.o.Older {
		if len(o.Columns) != b.width {
			return fmt.Errorf("%w: %d columns of an older table for %d columns", ErrMisused, len(o.Columns), b.width)
		}
	}
	if b.o.ParentColumns == nil {
		b.o.ParentColumns = allColumns(b.width)
	}
	return nil
}

// fail keeps the first error and stops everything.
func (b *Builder) fail(err error) {
	if err != nil {
		b.cancel(err)
	}
}

// err returns why the builder stopped, or nil while it has not.
func (b *Builder) err() error {
	if b.ctx.Err() == nil {
		return nil
	}
	return fmt.Errorf("build table: %w", context.Cause(b.ctx))
}

// Add appends rows, of which it takes the slices over. It returns before they
// are stored, and blocks while too much is on its way. It fails with
// [ErrMisused] if the rows do not have the builder's width, with the first error
// of the rows added so far ([ErrTooLarge] among them), or when the context ends.
func (b *Builder) Add(rows Rows) error {
	if err := b.open(); err != nil {
		return err
	}
	if rows.Width != b.width || len(rows.Cells)%b.width != 0 {
		b.fail(fmt.Errorf("%w: %d cells of rows of %d columns for a table of %d", ErrMisused, len(rows.Cells), rows.Width, b.width))
		return b.err()
	}
	if rows.Len() == 0 {
		return nil
	}
	x := b.newBatch(rows)
	if err := b.do(func(*desk) { x.measure(b.chunkedBy); close(x.ready) }); err != nil {
		return err
	}
	return b.send(item{batch: x})
}

// AddGroup appends the rows of a row group of t, a table with as many columns,
// whose objects can be read through the builder's store. Where the new table's
// groups end as t's do, the group is taken as it is, without being read; [Builder.Columns]
// then does not count its cells. It fails as Add does.
func (b *Builder) AddGroup(t *Table, ref GroupRef) error {
	if err := b.open(); err != nil {
		return err
	}
	if t.width != b.width {
		b.fail(fmt.Errorf("%w: a row group of %d columns for a table of %d", ErrMisused, t.width, b.width))
		return b.err()
	}
	return b.send(item{table: t, ref: ref})
}

func (b *Builder) open() error {
	if b.ended && b.ctx.Err() == nil {
		return fmt.Errorf("%w: rows added after the end", ErrMisused)
	}
	return b.err()
}

func (b *Builder) send(i item) error {
	select {
	case b.in <- i:
		return nil
	case <-b.ctx.Done():
		return b.err()
	}
}

// do has a worker run f.
func (b *Builder) do(f func(*desk)) error {
	select {
	case b.work <- f:
		return nil
	case <-b.ctx.Done():
		return b.err()
	}
}

func (b *Builder) newBatch(rows Rows) *batch {
	var x *batch
	select {
	case x = <-b.spare:
	default:
		x = &batch{}
	}
	x.rows, x.ready = rows, make(chan struct{})
	x.uses.Store(1)
	return x
}

func (b *Builder) release(x *batch) {
	if x.uses.Add(-1) > 0 {
		return
	}
	if b.o.Recycle != nil && !x.foreign {
		b.o.Recycle(x.rows)
	}
	x.rows, x.foreign = Rows{}, false
	select {
	case b.spare <- x:
	default:
	}
}

// end waits until all rows are stored.
func (b *Builder) end() error {
	if !b.ended {
		b.ended = true
		close(b.in)
		b.wg.Wait()
	}
	return b.err()
}

// Columns ends the rows and says what the cells of each column look like. It
// fails with the first error of the rows.
func (b *Builder) Columns() ([]CellStats, error) {
	if err := b.end(); err != nil {
		return nil, err
	}
	return slices.Clone(b.columns), nil
}

// Unique ends the rows and reports whether no two of them agree in all cells of
// the given columns: whether these are a key. It fails with the first error of the
// rows, or if what was stored cannot be read back.
func (b *Builder) Unique(cols []int) (bool, error) {
	if err := b.end(); err != nil {
		return false, err
	}
	if b.rising && len(b.chunkedBy) == 1 && slices.Equal(cols, b.chunkedBy) {
		return true, nil
	}
	t := &Table{Rows: b.root.rows, r: b.rw, width: b.width, root: b.root, height: b.height}
	return t.Unique(b.ctx, cols)
}

// Rows ends the rows and returns how many there are. It fails with the first
// error of the rows.
func (b *Builder) Rows() (int64, error) {
	err := b.end()
	return b.root.rows, err
}

// Finish ends the rows, puts the schema and the table and returns the table's
// id. It fails with the first error of the rows; with [ErrMisused] if the schema
// does not have the builder's columns, chunking columns included; with
// [ErrInvalidSchema]; or with [ErrTooLarge] if the layout is over [MaxLayout].
func (b *Builder) Finish(schema *Schema, layout Layout) (object.ID, error) {
	if err := b.end(); err != nil {
		return object.ID{}, err
	}
	if len(schema.Fields) != b.width || !slices.Equal(schema.ChunkColumns(), b.chunkedBy) {
		return object.ID{}, fmt.Errorf("%w: the schema does not have the columns, or not the chunking columns, of the rows", ErrMisused)
	}
	if len(layout.Data) > MaxLayout || len(layout.Codec) > MaxName {
		return object.ID{}, fmt.Errorf("%w: a layout of %d bytes", ErrTooLarge, len(layout.Data))
	}
	o, err := schema.Object()
	if err != nil {
		return object.ID{}, err
	}
	body := tableBody{layout: layout, root: b.root, height: b.height}
	var schemaBase, tableBase object.ID
	if p := b.o.Parent; p != nil {
		schemaBase, tableBase = p.SchemaID, p.ID
	}
	if body.schema, err = b.put(o, schemaBase, func(o *olderIndex) object.ID { return o.Table.SchemaID }); err != nil {
		return object.ID{}, fmt.Errorf("store schema: %w", err)
	}
	id, err := b.put(encodeTable(&body), tableBase, func(o *olderIndex) object.ID { return o.Table.ID })
	if err != nil {
		return object.ID{}, fmt.Errorf("store table: %w", err)
	}
	return id, nil
}

// Close ends the builder and its goroutines, whether or not it was finished.
// What it has put stays put. It may be called twice.
func (b *Builder) Close() {
	b.cancel(fmt.Errorf("%w: closed before it was finished", ErrMisused))
	if !b.ended {
		b.ended = true
		close(b.in)
		b.wg.Wait()
	}
	if !b.left {
		b.left = true
		close(b.work)
		b.crew.Wait()
	}
}
