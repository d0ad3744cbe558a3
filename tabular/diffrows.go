package tabular

import (
	"bytes"
	"cmp"
	"context"
	"hash/maphash"
	"iter"
	"slices"
)

// blockResult is what became of the rows of one block.
type blockResult struct {
	changes []Change
	counts  Counts
}

func (r *blockResult) add(c Change) {
	switch c.Kind {
	case RowAdded:
		r.counts.Added++
	case RowDeleted:
		r.counts.Deleted++
	case RowModified:
		r.counts.Modified++
		r.counts.Cells += int64(len(c.Cells))
	}
	r.changes = append(r.changes, c)
}

// diffBlock is the second pass over one block.
func (d *Diff) diffBlock(ctx context.Context, k *block) (*blockResult, error) {
	a, b, aligned, err := d.openBlock(ctx, k)
	if err != nil {
		return nil, err
	}
	w := &blockDiff{d: d, ctx: ctx, a: a, b: b}
	if !aligned {
		m, _, _, err := d.matchBlock(ctx, a, b)
		if err != nil {
			return nil, err
		}
		w.partner, w.taken = m.partner, m.taken
	}
	if err := w.compareCells(); err != nil {
		return nil, err
	}
	if err := w.compareSpelling(); err != nil {
		return nil, err
	}
	if err := w.emit(); err != nil {
		return nil, err
	}
	return &w.result, nil
}

// blockDiff compares the rows of one block.
type blockDiff struct {
	d         *Diff
	ctx       context.Context
	a, b      *side
	partner   []int32 // for every row of b: a's row or -1; nil if aligned
	taken     []bool
	cells     []rowCell // changed cells, by row of b
	respelled int64
	result    blockResult
}

type rowCell struct {
	rowB int
	CellChange
}

// pairs hands every row of b that has a partner in the block, and the partner,
// to fn: their groups and the rows in these.
func (w *blockDiff) pairs(fn func(j, groupA, inA, groupB, inB int)) {
	if w.partner == nil {
		for r := range w.b.rows {
			fn(r, 0, r, 0, r)
		}
		return
	}
	ga := 0
	for gb, g := range w.b.groups {
		first := w.b.first[gb]
		for in := range g.Ref.Rows {
			i := int(w.partner[first+in])
			if i < 0 {
				continue
			}
			// Rows that follow each other mostly have partners that do.
			if i < w.a.first[ga] || i >= w.a.first[ga]+w.a.groups[ga].Ref.Rows {
				ga, _ = w.a.at(i)
			}
			fn(first+in, ga, i-w.a.first[ga], gb, in)
		}
	}
}

// compareCells finds the changed cells of matched rows.
func (w *blockDiff) compareCells() error {
	if w.d.Key == nil || w.a.rows == 0 || w.b.rows == 0 {
		return nil
	}
	for _, p := range w.d.cells {
		if w.partner == nil && w.a.groups[0].SameCells(p.a, w.b.groups[0], p.b) {
			continue
		}
		as, err := w.a.column(w.ctx, p.a)
		if err != nil {
			return err
		}
		bs, err := w.b.column(w.ctx, p.b)
		if err != nil {
			return err
		}
		w.pairs(func(j, ga, ia, gb, ib int) {
			if x, y := as[ga].At(ia), bs[gb].At(ib); !bytes.Equal(x, y) {
				w.cells = append(w.cells, rowCell{j, CellChange{ColumnA: p.a, ColumnB: p.b, Old: x, New: y}})
			}
		})
	}
	slices.SortStableFunc(w.cells, func(x, y rowCell) int { return cmp.Compare(x.rowB, y.rowB) })
	return nil
}

// compareSpelling counts the matched rows that have other exceptions.
func (w *blockDiff) compareSpelling() error {
	if !w.d.spelled || w.partner == nil && w.a.groups[0].SameExceptions(w.b.groups[0]) {
		return nil
	}
	as, err := w.a.column(w.ctx, w.d.a.width)
	if err != nil {
		return err
	}
	bs, err := w.b.column(w.ctx, w.d.b.width)
	if err != nil {
		return err
	}
	none := func(c Cells) bool { return c.Len() == 0 }
	if !slices.ContainsFunc(as, func(c Cells) bool { return !none(c) }) && !slices.ContainsFunc(bs, func(c Cells) bool { return !none(c) }) {
		return nil
	}
	next := 0
	w.pairs(func(j, ga, ia, gb, ib int) {
		for next < len(w.cells) && w.cells[next].rowB < j {
			next++
		}
		if changed := next < len(w.cells) && w.cells[next].rowB == j; !changed && !exceptionsEqual(as[ga], ia, bs[gb], ib) {
			w.respelled++
		}
	})
	return nil
}

// emit lists the changes in b's order, deleted rows where they stood.
func (w *blockDiff) emit() error {
	w.result.counts.Respelled = w.respelled
	next := 0
	takeCells := func(j int) (cells []CellChange) {
		for ; next < len(w.cells) && w.cells[next].rowB == j; next++ {
			cells = append(cells, w.cells[next].CellChange)
		}
		return cells
	}
	if w.partner == nil {
		for next < len(w.cells) {
			j := w.cells[next].rowB
			if err := w.modified(j, j, takeCells(j)); err != nil {
				return err
			}
		}
		return nil
	}
	deleted := 0 // rows of a before this one have been looked at
	for j, i := range w.partner {
		if i < 0 {
			if err := w.added(j); err != nil {
				return err
			}
			continue
		}
		for ; deleted < int(i); deleted++ {
			if err := w.deleted(deleted); err != nil {
				return err
			}
		}
		cells := takeCells(j)
		if len(cells) == 0 {
			continue
		}
		if err := w.modified(int(i), j, cells); err != nil {
			return err
		}
	}
	for ; deleted < w.a.rows; deleted++ {
		if err := w.deleted(deleted); err != nil {
			return err
		}
	}
	return nil
}

func (w *blockDiff) modified(i, j int, cells []CellChange) error {
	c := Change{Kind: RowModified, RowA: w.a.number(i), RowB: w.b.number(j), Cells: cells}
	var err error
	if !w.d.noKeys {
		c.Key, err = w.b.row(w.ctx, j, columnsB(w.d.keyPart))
	}
	w.result.add(c)
	return err
}

func (w *blockDiff) added(j int) error {
	number := w.b.number(j)
	_, found := slices.BinarySearchFunc(w.d.strays, number, func(p strayPair, row int64) int { return cmp.Compare(p.rowB, row) })
	if found {
		return nil
	}
	c := Change{Kind: RowAdded, RowA: -1, RowB: number}
	var err error
	c.Row, err = w.b.row(w.ctx, j, allColumns(w.d.b.width))
	if w.d.Key != nil && !w.d.noKeys && err == nil {
		c.Key, err = w.b.row(w.ctx, j, columnsB(w.d.keyPart))
	}
	w.result.add(c)
	return err
}

func (w *blockDiff) deleted(i int) error {
	number := w.a.number(i)
	if w.taken[i] {
		return nil
	}
	if _, found := slices.BinarySearch(w.d.strayAs, number); found {
		return nil
	}
	c := Change{Kind: RowDeleted, RowA: number, RowB: -1}
	var err error
	c.Row, err = w.a.row(w.ctx, i, allColumns(w.d.a.width))
	if w.d.Key != nil && !w.d.noKeys && err == nil {
		c.Key, err = w.a.row(w.ctx, i, columnsA(w.d.keyPart))
	}
	w.result.add(c)
	return err
}

// strayBatch is how many rows that moved and were modified are compared at a time.
const strayBatch = 1 << 16

// diffStrays compares the rows that have their partner in another block.
func (d *Diff) diffStrays(ctx context.Context, deliver func(*blockResult) error) error {
	if len(d.strays) == 0 || d.Key == nil {
		return nil
	}
	hashA, err := d.strayHashes(ctx, d.a, func(p strayPair) int64 { return p.rowA }, columnsA(d.cells))
	if err != nil {
		return err
	}
	hashB, err := d.strayHashes(ctx, d.b, func(p strayPair) int64 { return p.rowB }, columnsB(d.cells))
	if err != nil {
		return err
	}
	var changed []strayPair
	for i, p := range d.strays {
		if hashA[i] != hashB[i] {
			changed = append(changed, p)
		}
	}
	for batch := range slices.Chunk(changed, strayBatch) {
		r, err := d.diffStrayBatch(ctx, batch)
		if err != nil {
			return err
		}
		if err := deliver(r); err != nil {
			return err
		}
	}
	return nil
}

// groupRows is a row group and the rows asked of it: indexes into the list that
// they were asked by, and the rows in the group.
type groupRows struct {
	ref   GroupRef
	asked []int32
	rows  []int32
}

// groupsOfRows returns the groups that hold the rows that number gives for 0 to n-1.
func groupsOfRows(ctx context.Context, t *Table, n int, number func(int) int64) iter.Seq2[groupRows, error] {
	return func(yield func(groupRows, error) bool) {
		order := make([]int32, n)
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortFunc(order, func(x, y int32) int { return cmp.Compare(number(int(x)), number(int(y))) })
		for ref, err := range t.Groups(ctx) {
			if err != nil {
				yield(groupRows{}, err)
				return
			}
			g := groupRows{ref: ref}
			for len(order) > 0 && number(int(order[0])) < ref.First+int64(ref.Rows) {
				g.asked = append(g.asked, order[0])
				g.rows = append(g.rows, int32(number(int(order[0]))-ref.First))
				order = order[1:]
			}
			if len(g.asked) > 0 && !yield(g, nil) || len(order) == 0 {
				return
			}
		}
	}
}

// strayHashes returns a hash of the cells of each stray in the given columns.
func (d *Diff) strayHashes(ctx context.Context, t *Table, row func(strayPair) int64, cols []int) ([]uint64, error) {
	hashes := make([]uint64, len(d.strays))
	source := groupsOfRows(ctx, t, len(d.strays), func(i int) int64 { return row(d.strays[i]) })
	// Groups share no row, so that workers write to different places.
	err := inOrder(ctx, d.workers, source, func(ctx context.Context, g groupRows) (struct{}, error) {
		group, err := t.Group(ctx, g.ref)
		if err != nil {
			return struct{}{}, err
		}
		for _, col := range cols {
			c, err := group.Cells(ctx, col)
			if err != nil {
				return struct{}{}, err
			}
			for k, i := range g.asked {
				hashes[i] = mix(hashes[i] ^ maphash.Bytes(d.seed, c.At(int(g.rows[k]))))
			}
		}
		return struct{}{}, nil
	}, func(struct{}) error { return nil })
	return hashes, err
}

// strayTexts returns the texts of each stray in the given columns.
func (d *Diff) strayTexts(ctx context.Context, t *Table, n int, row func(int) int64, cols []int) ([][][]byte, error) {
	texts := make([][][]byte, n)
	source := groupsOfRows(ctx, t, n, row)
	err := inOrder(ctx, d.workers, source, func(ctx context.Context, g groupRows) (struct{}, error) {
		group, err := t.Group(ctx, g.ref)
		if err != nil {
			return struct{}{}, err
		}
		for _, i := range g.asked {
			texts[i] = make([][]byte, len(cols))
		}
		for k, col := range cols {
			c, err := group.Cells(ctx, col)
			if err != nil {
				return struct{}{}, err
			}
			for at, i := range g.asked {
				// A part of the group's text would keep all of it in memory.
				texts[i][k] = bytes.Clone(c.At(int(g.rows[at])))
			}
		}
		return struct{}{}, nil
	}, func(struct{}) error { return nil })
	return texts, err
}

func (d *Diff) diffStrayBatch(ctx context.Context, batch []strayPair) (*blockResult, error) {
	as, err := d.strayTexts(ctx, d.a, len(batch), func(i int) int64 { return batch[i].rowA }, columnsA(d.common))
	if err != nil {
		return nil, err
	}
	bs, err := d.strayTexts(ctx, d.b, len(batch), func(i int) int64 { return batch[i].rowB }, columnsB(d.common))
	if err != nil {
		return nil, err
	}
	compared := make([]bool, len(d.common))
	for k, f := range d.common {
		compared[k] = slices.Contains(d.cells, f)
	}
	r := &blockResult{}
	for i, p := range batch {
		c := Change{Kind: RowModified, RowA: p.rowA, RowB: p.rowB}
		for k, f := range d.common {
			if compared[k] && !bytes.Equal(as[i][k], bs[i][k]) {
				c.Cells = append(c.Cells, CellChange{ColumnA: f.a, ColumnB: f.b, Old: as[i][k], New: bs[i][k]})
			}
		}
		for _, key := range d.keyPart {
			if d.noKeys {
				break
			}
			c.Key = append(c.Key, bs[i][slices.Index(d.common, key)])
		}
		r.add(c)
	}
	return r, nil
}
