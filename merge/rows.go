package merge

import (
	"context"

	"github.com/constl/constl/tabular"
)

// slot is one row of the merge: where each version has it, or -1.
type slot struct{ base, ours, theirs int32 }

func (s *slot) in(side sideName) int32 {
	switch side {
	case sideBase:
		return s.base
	case sideOurs:
		return s.ours
	}
	return s.theirs
}

func (s *slot) set(side sideName, row int32) {
	switch side {
	case sideBase:
		s.base = row
	case sideOurs:
		s.ours = row
	default:
		s.theirs = row
	}
}

const (
	batchRows  = 1 << 11 // rows handed to the builder at once
	batchBytes = 1 << 20 // or when their text is this long
)

// rowWriter gathers rows into batches for a builder.
type rowWriter struct {
	builder *tabular.Builder
	width   int
	rows    tabular.Rows
	count   int64 // rows written so far
}

func (w *rowWriter) add(cells [][]byte, exceptions []tabular.Exception) error {
	at := w.rows.Len()
	w.rows.Width = w.width
	for _, c := range cells {
		w.rows.Cells = append(w.rows.Cells, tabular.Ref{Off: uint32(len(w.rows.Buf)), Len: uint32(len(c))})
		w.rows.Buf = append(w.rows.Buf, c...)
	}
	for _, x := range exceptions {
		x.Row = at
		w.rows.Exceptions = append(w.rows.Exceptions, x)
	}
	w.count++
	if at+1 >= batchRows || len(w.rows.Buf) >= batchBytes {
		return w.flush()
	}
	return nil
}

func (w *rowWriter) flush() error {
	if w.rows.Len() == 0 {
		return nil
	}
	rows := w.rows
	w.rows = tabular.Rows{}
	return w.builder.Add(rows)
}

func (w *rowWriter) addGroup(t *tabular.Table, ref tabular.GroupRef) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.count += int64(ref.Rows)
	return w.builder.AddGroup(t, ref)
}

func (w *rowWriter) addColumns(t *tabular.Table, like *tabular.Group, columns []tabular.ColumnOf, exceptions *tabular.Group) error {
	if err := w.flush(); err != nil {
		return err
	}
	w.count += int64(like.Rows())
	return w.builder.AddColumns(t, like, columns, exceptions)
}

// rowMerge merges rows of one region cell by cell.
type rowMerge struct {
	*tableMerge
	grids      [3]*grid
	exceptions [3]map[int32][]tabular.Exception // by side, by row; cols are the result's
	all        []int                            // every merged column
	cells      [][]byte
	first      sideName // from which a row is taken that both sides have as the base has it
}

// newRowMerge loads every column of the grids, of which some may be nil.
func (m *tableMerge) newRowMerge(ctx context.Context, grids [3]*grid) (*rowMerge, error) {
	v := &rowMerge{tableMerge: m, grids: grids, first: sideOurs, cells: make([][]byte, len(m.cols)), all: make([]int, len(m.cols))}
	for c := range v.all {
		v.all[c] = c
	}
	for s, g := range grids {
		if g == nil {
			continue
		}
		if err := g.load(ctx, v.all...); err != nil {
			return nil, err
		}
		if err := v.loadExceptions(ctx, sideName(s), g); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// gridRow is one row of a grid, found once for all its cells.
type gridRow struct {
	grid      *grid // nil if the version does not have the row
	group, at int
}

func (v *rowMerge) row(sl *slot, s sideName) gridRow {
	row := sl.in(s)
	if row < 0 {
		return gridRow{}
	}
	group, at := v.grids[s].locate(int(row))
	return gridRow{v.grids[s], group, at}
}

func (r *gridRow) cell(col int) ([]byte, bool) {
	if r.grid == nil || !r.grid.has(col) {
		return nil, false
	}
	if r.grid.far != nil {
		return r.grid.cell(r.grid.starts[r.group]+r.at, col), true
	}
	return r.grid.cells[col][r.group].At(r.at), true
}

// write merges one row and appends it to the result.
func (v *rowMerge) write(sl slot) error {
	v.stats.RowsMerged++
	base, ours, theirs := v.row(&sl, sideBase), v.row(&sl, sideOurs), v.row(&sl, sideTheirs)
	if s, ok := v.asItStands(&sl); ok {
		return v.copyRow(&sl, s)
	}
	strict := v.options.Strict && v.editedTwice(&sl)
	if strict {
		v.reportRow(&sl, KindRowEdited, "both sides changed the row")
	}
	for c := range v.cols {
		ours, inOurs := ours.cell(c)
		theirs, inTheirs := theirs.cell(c)
		switch {
		case inOurs && inTheirs && !strict:
			base, inBase := base.cell(c)
			text, conflict := v.mergeCell(c, inBase, base, ours, theirs)
			if conflict {
				v.reportCell(&sl, c)
			}
			v.cells[c] = text
		case inTheirs && !inOurs:
			v.cells[c] = theirs
		default:
			v.cells[c] = ours
		}
	}
	return v.out.add(v.cells, v.mergeExceptions(&sl))
}

// asItStands returns the side whose row is the result's, if that is known without a
// look at the cells.
func (v *rowMerge) asItStands(sl *slot) (sideName, bool) {
	if v.grids[sideBase] == nil || v.grids[sideBase].far == nil {
		return 0, false
	}
	return v.verbatimFrom(sl, v.first)
}

// copyRow appends the row of one side, whose cells are not held.
func (v *rowMerge) copyRow(sl *slot, s sideName) error {
	columns, at := v.grids[s].far.row(int(sl.in(s)))
	for c := range columns {
		v.cells[c] = columns[c].At(at)
	}
	return v.out.add(v.cells, v.mergeExceptions(sl))
}

func (v *rowMerge) keyTexts(sl *slot) []string {
	if len(v.key) == 0 {
		return nil
	}
	for _, s := range []sideName{sideOurs, sideTheirs, sideBase} {
		if row := sl.in(s); row >= 0 {
			return v.grids[s].texts(int(row), v.key)
		}
	}
	return nil
}

func (v *rowMerge) version(sl *slot, s sideName, col int) Version {
	text, ok := v.cell(sl, s, col)
	return Version{Present: ok, Text: string(text)}
}

func (v *rowMerge) reportCell(sl *slot, col int) {
	kind := KindCell
	if sl.base < 0 {
		kind = KindRowAdded
	}
	v.conflicts = append(v.conflicts, Conflict{Kind: kind, Key: v.keyTexts(sl), Row: v.out.count + 1, Column: label(v.cols[col].field),
		Base: v.version(sl, sideBase, col), Ours: v.version(sl, sideOurs, col), Theirs: v.version(sl, sideTheirs, col)})
}

// reportDeleted reports a row that one side deleted and the other changed. It
// will be the next row of the result.
func (v *rowMerge) reportDeleted(sl *slot) { v.reportRow(sl, KindRowDeleted, "the changed row stays") }

// editedTwice reports whether both sides changed a row of the base, in two ways.
func (v *rowMerge) editedTwice(sl *slot) bool {
	if sl.base < 0 || sl.ours < 0 || sl.theirs < 0 || !v.changed(sl, sideOurs) || !v.changed(sl, sideTheirs) {
		return false
	}
	return !sameRow(v.grids[sideOurs], int(sl.ours), v.grids[sideTheirs], int(sl.theirs), v.all)
}

// reportRow reports a whole row, which will be the next of the result.
func (v *rowMerge) reportRow(sl *slot, kind Kind, detail string) {
	c := Conflict{Kind: kind, Key: v.keyTexts(sl), Row: v.out.count + 1, Detail: detail}
	for i := range v.cols {
		c.Columns = append(c.Columns, label(v.cols[i].field))
	}
	whole := func(s sideName) Version {
		row := sl.in(s)
		if row < 0 {
			return Version{}
		}
		return Version{Present: true, Cells: v.grids[s].texts(int(row), v.all)}
	}
	c.Base, c.Ours, c.Theirs = whole(sideBase), whole(sideOurs), whole(sideTheirs)
	v.conflicts = append(v.conflicts, c)
}

// changed reports whether a side changed a row that the base has: some value of
// it, not just a spelling, in a column that both have.
func (v *rowMerge) changed(sl *slot, s sideName) bool {
	if v.grids[s].far != nil && v.unchanged(sl, s) {
		return false
	}
	for c := range v.cols {
		base, inBase := v.cell(sl, sideBase, c)
		text, in := v.cell(sl, s, c)
		if inBase && in && !sameValue(v.cols[c].field.Type, base, text) {
			return true
		}
	}
	return false
}

// compareRows orders rows by content: by the key's cells first, then by all.
func (v *rowMerge) compareRows(a, b *slot) int {
	if c := v.compareBy(a, b, v.key); c != 0 {
		return c
	}
	return v.compareBy(a, b, v.all)
}

func (v *rowMerge) compareBy(a, b *slot, cols []int) int {
	for _, c := range cols {
		if d := compareTexts(v.content(a, c), v.content(b, c)); d != 0 {
			return d
		}
	}
	return 0
}

// content is the text that stands for a cell in comparisons. It must not depend
// on which side is ours: where both have one, it is the smaller.
func (v *rowMerge) content(sl *slot, col int) []byte {
	ours, inOurs := v.cell(sl, sideOurs, col)
	theirs, inTheirs := v.cell(sl, sideTheirs, col)
	switch {
	case inOurs && inTheirs:
		return smaller(ours, theirs)
	case inOurs:
		return ours
	}
	return theirs
}
