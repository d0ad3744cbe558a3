package tabular

import (
	"cmp"
	"context"
	"hash/maphash"
	"iter"
	"slices"
)

// blockGroups is how many groups of either table a block has at most.
const blockGroups = 8

// block is a number of row groups of each table that likely hold the same rows.
type block struct {
	a, b []GroupRef
}

// makeBlocks puts those groups together that stand between groups that end with
// the same row.
func makeBlocks(tree *treeComparison) []block {
	as, bs := refsOf(tree.onlyA), refsOf(tree.onlyB)
	byTail := make(map[uint64][]int)
	for j, ref := range bs {
		byTail[ref.Tail] = append(byTail[ref.Tail], j)
	}
	var runs []run
	for i, ref := range as {
		if list := byTail[ref.Tail]; len(list) > 0 {
			byTail[ref.Tail] = list[1:]
			runs = append(runs, run{a: int64(i), b: int64(list[0]), weight: int64(ref.Rows)})
		}
	}
	out := outOfOrder(runs)
	var blocks []block
	i0, j0 := 0, 0
	for k, r := range runs {
		if out != nil && out[k] {
			continue
		}
		i, j := int(r.a)+1, int(r.b)+1
		blocks = appendBlocks(blocks, as[i0:i], bs[j0:j])
		i0, j0 = i, j
	}
	return appendBlocks(blocks, as[i0:], bs[j0:])
}

// appendBlocks cuts a block that is too large for memory; rows whose partner so
// comes to stand in another block are matched as rows that moved are.
func appendBlocks(blocks []block, as, bs []GroupRef) []block {
	for len(as) > 0 || len(bs) > 0 {
		i, j := min(len(as), blockGroups), min(len(bs), blockGroups)
		blocks = append(blocks, block{as[:i], bs[:j]})
		as, bs = as[i:], bs[j:]
	}
	return blocks
}

func eachBlock(blocks []block) iter.Seq2[*block, error] {
	return func(yield func(*block, error) bool) {
		for i := range blocks {
			if !yield(&blocks[i], nil) {
				return
			}
		}
	}
}

// side is the groups of a block that one table has.
type side struct {
	groups []*Group
	first  []int // rows of the side before each group
	rows   int
}

func openSide(ctx context.Context, t *Table, refs []GroupRef) (*side, error) {
	s := &side{}
	for _, ref := range refs {
		g, err := t.Group(ctx, ref)
		if err != nil {
			return nil, err
		}
		s.groups = append(s.groups, g)
		s.first = append(s.first, s.rows)
		s.rows += ref.Rows
	}
	return s, nil
}

// at returns the group of a row of the side, and the row in it.
func (s *side) at(row int) (group, in int) {
	group = len(s.first) - 1
	for s.first[group] > row {
		group--
	}
	return group, row - s.first[group]
}

// number returns the row's number in its table.
func (s *side) number(row int) int64 {
	g, in := s.at(row)
	return s.groups[g].Ref.First + int64(in)
}

// column returns a column's cells, group by group.
func (s *side) column(ctx context.Context, col int) ([]Cells, error) {
	cells := make([]Cells, len(s.groups))
	for i, g := range s.groups {
		var err error
		if cells[i], err = g.Cells(ctx, col); err != nil {
			return nil, err
		}
	}
	return cells, nil
}

// hashes returns a hash of each row's cells in the given columns. It is keyed at
// random, so that nobody can make rows whose hashes collide.
func (s *side) hashes(ctx context.Context, seed maphash.Seed, cols []int) ([]uint64, error) {
	list := make([]uint64, s.rows)
	for _, col := range cols {
		for i, g := range s.groups {
			c, err := g.Cells(ctx, col)
			if err != nil {
				return nil, err
			}
			part := list[s.first[i] : s.first[i]+g.Ref.Rows]
			for r := range part {
				part[r] = mix(part[r] ^ maphash.Bytes(seed, c.At(r)))
			}
		}
	}
	return list, nil
}

// row returns the texts of a row in the given columns.
func (s *side) row(ctx context.Context, row int, cols []int) ([][]byte, error) {
	g, in := s.at(row)
	texts := make([][]byte, len(cols))
	for i, col := range cols {
		c, err := s.groups[g].Cells(ctx, col)
		if err != nil {
			return nil, err
		}
		texts[i] = c.At(in)
	}
	return texts, nil
}

// columnsA and columnsB return one side of pairs.
func columnsA(pairs []fieldPair) []int {
	cols := make([]int, len(pairs))
	for i, p := range pairs {
		cols[i] = p.a
	}
	return cols
}

func columnsB(pairs []fieldPair) []int {
	cols := make([]int, len(pairs))
	for i, p := range pairs {
		cols[i] = p.b
	}
	return cols
}

// openBlock opens a block's groups. It is aligned if its rows are matched one by
// one because the columns that decide it are equal.
func (d *Diff) openBlock(ctx context.Context, k *block) (a, b *side, aligned bool, err error) {
	if a, err = openSide(ctx, d.a, k.a); err != nil {
		return nil, nil, false, err
	}
	if b, err = openSide(ctx, d.b, k.b); err != nil {
		return nil, nil, false, err
	}
	if len(a.groups) != 1 || len(b.groups) != 1 || a.rows != b.rows || len(d.matched()) == 0 {
		return a, b, false, nil
	}
	for _, p := range d.matched() {
		if !a.groups[0].SameCells(p.a, b.groups[0], p.b) {
			return a, b, false, nil
		}
	}
	return a, b, true, nil
}

// matchBlock matches the rows of a block that is not aligned.
func (d *Diff) matchBlock(ctx context.Context, a, b *side) (m *matching, hashA, hashB []uint64, err error) {
	if hashA, err = a.hashes(ctx, d.seed, columnsA(d.matched())); err != nil {
		return nil, nil, nil, err
	}
	if hashB, err = b.hashes(ctx, d.seed, columnsB(d.matched())); err != nil {
		return nil, nil, nil, err
	}
	if len(d.matched()) == 0 {
		// Without a common field no row can be told to be the same.
		return &matching{partner: slices.Repeat([]int32{-1}, b.rows), taken: make([]bool, a.rows)}, hashA, hashB, nil
	}
	return matchHashes(hashA, hashB), hashA, hashB, nil
}

// stray is a row that has no partner in its block.
type stray struct {
	hash uint64
	row  int64
}

// strayPair is a row that has its partner in another block.
type strayPair struct{ rowA, rowB int64 }

// blockMatch is what the first pass keeps of a block.
type blockMatch struct {
	strayA, strayB []stray
	duplicates     []Duplicate
	runs           []run
}

// matchRows is the first pass: it finds which rows of a are which of b, and keeps
// those only that are not in the same block. It returns false if rows were to be
// matched by a key that is none.
func (d *Diff) matchRows(ctx context.Context, tree *treeComparison) (ok bool, err error) {
	var strayA, strayB []stray
	d.strays, d.strayAs, d.moved = nil, nil, 0
	var runs []run
	for _, s := range tree.shared {
		runs = append(runs, run{a: s.firstA, b: s.firstB, weight: s.rows})
	}
	var duplicates []Duplicate
	err = inOrder(ctx, d.workers, eachBlock(d.blocks), d.firstPass, func(m *blockMatch) error {
		strayA, strayB = append(strayA, m.strayA...), append(strayB, m.strayB...)
		runs = append(runs, m.runs...)
		duplicates = append(duplicates, m.duplicates...)
		return nil
	})
	if err != nil {
		return false, err
	}
	var hashA, hashB []uint64
	for _, s := range strayA {
		hashA = append(hashA, s.hash)
	}
	for _, s := range strayB {
		hashB = append(hashB, s.hash)
	}
	m := &matching{partner: slices.Repeat([]int32{-1}, len(hashB))}
	if len(d.matched()) > 0 {
		m = matchHashes(hashA, hashB)
	}
	if d.Key != nil {
		more, err := d.strayDuplicates(ctx, m, strayA, strayB)
		if err != nil {
			return false, err
		}
		if d.nameDuplicates(append(duplicates, more...)); len(d.Duplicates) > 0 {
			return false, nil
		}
	}
	for j, i := range m.partner {
		if i >= 0 {
			p := strayPair{rowA: strayA[i].row, rowB: strayB[j].row}
			d.strays = append(d.strays, p)
			d.strayAs = append(d.strayAs, p.rowA)
		}
	}
	slices.SortFunc(d.strays, func(x, y strayPair) int { return cmp.Compare(x.rowB, y.rowB) })
	slices.Sort(d.strayAs)
	for _, p := range d.strays {
		runs = appendRun(runs, p.rowA, p.rowB)
	}
	d.moved, d.runs = moved(runs), runs
	return true, nil
}

// firstPass matches the rows of one block.
func (d *Diff) firstPass(ctx context.Context, k *block) (*blockMatch, error) {
	a, b, aligned, err := d.openBlock(ctx, k)
	if err != nil {
		return nil, err
	}
	if aligned {
		return &blockMatch{runs: []run{{a: k.a[0].First, b: k.b[0].First, weight: int64(a.rows)}}}, nil
	}
	m, hashA, hashB, err := d.matchBlock(ctx, a, b)
	if err != nil {
		return nil, err
	}
	out := &blockMatch{}
	if d.Key != nil {
		if out.duplicates, err = d.blockDuplicates(ctx, m, a, b); err != nil {
			return nil, err
		}
	}
	for i, taken := range m.taken {
		if !taken {
			out.strayA = append(out.strayA, stray{hashA[i], a.number(i)})
		}
	}
	for j, i := range m.partner {
		if i < 0 {
			out.strayB = append(out.strayB, stray{hashB[j], b.number(j)})
		} else {
			out.runs = appendRun(out.runs, a.number(int(i)), b.number(j))
		}
	}
	return out, nil
}

// nameDuplicates keeps the first of the list, each row once.
func (d *Diff) nameDuplicates(list []Duplicate) {
	inB := func(x Duplicate) int {
		if x.InB {
			return 1
		}
		return 0
	}
	slices.SortFunc(list, func(x, y Duplicate) int { return cmp.Or(cmp.Compare(inB(x), inB(y)), cmp.Compare(x.Row, y.Row)) })
	list = slices.CompactFunc(list, func(x, y Duplicate) bool { return x.InB == y.InB && x.Row == y.Row })
	d.Duplicates = list[:min(len(list), maxDuplicates)]
}

// blockDuplicates names the rows of a block whose key is not theirs alone.
func (d *Diff) blockDuplicates(ctx context.Context, m *matching, a, b *side) (list []Duplicate, err error) {
	name := func(inB bool, s *side, rows []int32, cols []int) {
		for _, r := range rows {
			if len(list) == maxDuplicates || err != nil {
				return
			}
			var key [][]byte
			key, err = s.row(ctx, int(r), cols)
			list = append(list, Duplicate{InB: inB, Row: s.number(int(r)), Key: key})
		}
	}
	name(false, a, m.twiceA, columnsA(d.keyPart))
	name(true, b, m.twiceB, columnsB(d.keyPart))
	return list, err
}

// strayDuplicates does the same for rows without a partner in their block.
func (d *Diff) strayDuplicates(ctx context.Context, m *matching, as, bs []stray) (list []Duplicate, err error) {
	name := func(inB bool, t *Table, rows []int32, strays []stray, cols []int) {
		for _, i := range rows {
			if len(list) == maxDuplicates || err != nil {
				return
			}
			row := strays[i].row
			for s, e := range t.Range(ctx, row, row+1, cols) {
				if err = e; err != nil {
					return
				}
				key := make([][]byte, len(cols))
				for c := range cols {
					key[c] = s.Columns[c].At(s.From)
				}
				list = append(list, Duplicate{InB: inB, Row: row, Key: key})
			}
		}
	}
	name(false, d.a, m.twiceA, as, columnsA(d.keyPart))
	name(true, d.b, m.twiceB, bs, columnsB(d.keyPart))
	return list, err
}
