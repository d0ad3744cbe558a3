package tabular

import (
	"context"
	"fmt"
	"slices"

	"github.com/constl/constl/object"
)

// groupJob is a row group on its way from the cutter to the assembler.
type groupJob struct {
	spans []span
	rows  int
	tail  uint64
	base  *child // the parent's group in its place

	// Set by a worker before done is closed.
	id      object.ID
	columns []CellStats // what its cells look like; nil if they were not read
	source  Source      // what it was read from, without what stands here already
	err     error
	done    chan struct{}
}

// cutter cuts the rows that arrive into groups.
type cutter struct {
	b       *Builder
	spans   []span
	rows    int
	bytes   int
	tail    uint64
	lastKey []byte // the last row's chunking cell, while they rise
	any     bool
}

// cut runs until the rows end.
func (b *Builder) cut() error {
	var err error
	b.parent, err = readParent(b.ctx, b.o.Parent)
	if err != nil {
		return err
	}
	close(b.indexed)
	c := &cutter{b: b}
	for {
		select {
		case i, more := <-b.in:
			switch {
			case !more:
				return c.seal()
			case i.batch != nil:
				err = c.addBatch(i.batch)
			case i.mixed != nil:
				err = c.addMixed(i.mixed)
			case i.known != nil:
				err = c.addKnown(&i)
			default:
				err = c.addGroup(i.table, i.ref)
			}
			if err != nil {
				return err
			}
		case <-b.ctx.Done():
			return context.Cause(b.ctx)
		}
	}
}

func (c *cutter) addBatch(x *batch) error {
	select {
	case <-x.ready:
	case <-c.b.ctx.Done():
		return context.Cause(c.b.ctx)
	}
	if x.err != nil {
		return x.err
	}
	c.follow(x)
	from := 0
	for r, h := range x.hashes {
		size := x.sizes[r]
		c.rows++
		c.bytes += int(size)
		c.tail = h
		if endsGroup(h, size, c.rows, c.bytes) {
			c.take(x, from, r+1)
			from = r + 1
			if err := c.seal(); err != nil {
				return err
			}
		}
	}
	if n := len(x.hashes); from < n {
		c.take(x, from, n)
	}
	c.b.release(x)
	return nil
}

func (c *cutter) take(x *batch, from, to int) {
	x.uses.Add(1)
	c.spans = append(c.spans, span{b: x, from: from, to: to})
}

// follow keeps track of whether the chunking cells rise from row to row.
func (c *cutter) follow(x *batch) {
	if !c.b.rising {
		return
	}
	col := c.b.chunkedBy[0]
	if !x.rising || c.any && !behind(x.rows.Cell(0, col), c.lastKey) {
		c.b.rising = false
		return
	}
	c.lastKey = append(c.lastKey[:0], x.rows.Cell(x.rows.Len()-1, col)...)
	c.any = true
}

// addGroup takes a group of another table, as it is if it stands where a group
// of this one would end too.
func (c *cutter) addGroup(t *Table, ref GroupRef) error {
	c.b.rising = false
	if c.rows == 0 && !ref.Last && slices.Equal(t.chunkedBy, c.b.chunkedBy) {
		j := &groupJob{rows: ref.Rows, tail: ref.Tail, id: ref.ID, done: make(chan struct{})}
		close(j.done)
		c.b.parent.match(0, ref.Tail)
		return c.send(j)
	}
	g, err := t.Group(c.b.ctx, ref)
	if err != nil {
		return err
	}
	rows, err := g.RowsOf(c.b.ctx)
	if err != nil {
		return err
	}
	return c.addForeign(rows)
}

// addForeign adds rows that were not given to Add.
func (c *cutter) addForeign(rows Rows) error {
	x := c.b.newBatch(rows)
	x.foreign = true
	x.measure(c.b.chunkedBy)
	close(x.ready)
	return c.addBatch(x)
}

// seal ends the open group.
func (c *cutter) seal() error {
	if c.rows == 0 {
		return nil
	}
	j := &groupJob{spans: c.spans, rows: c.rows, tail: c.tail, done: make(chan struct{})}
	if base, ok := c.b.parent.match(0, c.tail); ok {
		j.base = &base
	}
	c.spans, c.rows, c.bytes = nil, 0, 0
	if err := c.send(j); err != nil {
		return err
	}
	return c.b.do(func(d *desk) {
		defer close(j.done)
		if j.err = c.b.ctx.Err(); j.err == nil {
			j.err = d.store(c.b, j)
		}
		for _, s := range j.spans {
			c.b.release(s.b)
		}
		j.spans = nil
	})
}

func (c *cutter) send(j *groupJob) error {
	select {
	case c.b.out <- j:
		return nil
	case <-c.b.ctx.Done():
		return context.Cause(c.b.ctx)
	}
}

// assemble builds the tree above the groups as they are stored.
func (b *Builder) assemble() error {
	select {
	case <-b.indexed:
	case <-b.ctx.Done():
		return context.Cause(b.ctx)
	}
	tree := treeBuilder{put: func(height int, children []child) (child, error) {
		c := child{rows: sumRows(children), tail: children[len(children)-1].tail}
		base, _ := b.parent.match(height, c.tail)
		var err error
		older := func(o *olderIndex) object.ID { return o.match(b.ctx, height, c.tail).id }
		if c.id, err = b.put(encodeNode(height, children), base.id, older); err != nil {
			return child{}, fmt.Errorf("store node: %w", err)
		}
		return c, nil
	}}
	for j := range b.out {
		select {
		case <-j.done:
		case <-b.ctx.Done():
			return context.Cause(b.ctx)
		}
		if j.err != nil {
			return j.err
		}
		if err := tree.add(child{id: j.id, rows: int64(j.rows), tail: j.tail}); err != nil {
			return err
		}
		if b.o.Trace {
			j.source.ID, j.source.Rows, j.source.Tail, j.source.Columns = j.id, j.rows, j.tail, j.columns
			b.sources = append(b.sources, j.source)
		}
		for i := range j.columns {
			b.columns[i] = b.columns[i].Join(j.columns[i])
		}
	}
	if b.ctx.Err() != nil {
		return context.Cause(b.ctx)
	}
	var err error
	b.root, b.height, err = tree.finish()
	return err
}
