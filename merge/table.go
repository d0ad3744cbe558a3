package merge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// TableStats says what a merge of one table did.
type TableStats struct {
	Path         string `json:"path,omitempty"`
	Rows         int64  `json:"rows"`          // rows of the result
	GroupsReused int    `json:"groups_reused"` // row groups taken over as they were
	RowsMerged   int64  `json:"rows_merged"`   // rows of all other groups
	Conflicts    int    `json:"conflicts"`
	// Keyless says why the rows were told apart without the table's primary key;
	// empty if they were not, or if the table has none.
	Keyless string `json:"keyless,omitempty"`
	// KeyDropped says why the result no longer has the primary key, which was only
	// inferred (RULES.md §3a); empty if it has.
	KeyDropped string `json:"key_dropped,omitempty"`
	// Reordered says that both sides had put the same rows in two orders. That of
	// one of them stands, whoever merges (RULES.md R33).
	Reordered bool `json:"reordered,omitempty"`
}

// TableResult is a merged table.
type TableResult struct {
	Table     object.ID
	Conflicts []Conflict
	Stats     TableStats
}

// tableMerge is one merge of one table.
type tableMerge struct {
	options *Options
	sides   [3]side
	cols    []column
	edits   []int64 // by column: cells that one side changed in a column that the other dropped
	key     []int   // merged columns of the primary key
	keyless bool
	regions []region

	inferred Inferred
	weak     []int // in a merge without a key: merged columns of an inferred one, which may number the rows
	doubtful bool  // the result's key must be found unique, or goes

	policies map[string]Policy // by the names of fields

	layout tabular.Layout // of the result
	carry  CarryFunc

	out       *rowWriter
	conflicts []Conflict
	stats     TableStats
}

// Tables merges two versions of a table that come from a common base; base is
// nil if both sides added the table. The result is put into rw, from which all
// three must be readable. Where only one side differs from the base its table is
// the result, object for object. Errors are those of reading and writing; what
// the sides contradict each other about is no error but in the result.
func Tables(ctx context.Context, rw object.ReadWriter, base, ours, theirs *tabular.Table, o *Options) (*TableResult, error) {
	return mergeTables(ctx, rw, "", base, ours, theirs, o)
}

// mergeTables is Tables for the table at a path of a tree.
func mergeTables(ctx context.Context, rw object.ReadWriter, path string, base, ours, theirs *tabular.Table, o *Options) (*TableResult, error) {
	if o == nil {
		o = &Options{}
	}
	if whole := wholeTable(base, ours, theirs); whole != nil {
		return &TableResult{Table: whole.ID, Stats: TableStats{Rows: whole.Rows}}, nil
	}
	m := &tableMerge{options: o}
	if o.Policies != nil {
		m.policies = o.Policies(path)
	}
	if o.Inferred != nil {
		m.inferred = o.Inferred(path)
	}
	m.sides[sideBase] = side{name: sideBase, table: base, schema: &tabular.Schema{}}
	if base != nil {
		m.sides[sideBase].schema = base.Schema
	}
	m.sides[sideOurs] = side{name: sideOurs, table: ours, schema: ours.Schema}
	m.sides[sideTheirs] = side{name: sideTheirs, table: theirs, schema: theirs.Schema}
	id, err := m.run(ctx, rw)
	if err != nil {
		return nil, fmt.Errorf("merge tables: %w", err)
	}
	slices.SortStableFunc(m.conflicts, func(a, b Conflict) int { return cmp.Compare(a.Row, b.Row) })
	m.stats.Conflicts = len(m.conflicts)
	return &TableResult{Table: id, Conflicts: m.conflicts, Stats: m.stats}, nil
}

func wholeTable(base, ours, theirs *tabular.Table) *tabular.Table {
	switch {
	case ours.ID == theirs.ID, base != nil && theirs.ID == base.ID:
		return ours
	case base != nil && ours.ID == base.ID:
		return theirs
	}
	return nil
}

func (m *tableMerge) run(ctx context.Context, rw object.ReadWriter) (object.ID, error) {
	base, ours, theirs := &m.sides[sideBase], &m.sides[sideOurs], &m.sides[sideTheirs]
	for s := range m.sides {
		if err := m.sides[s].open(ctx); err != nil {
			return object.ID{}, err
		}
	}
	if err := m.recognise(ctx); err != nil {
		return object.ID{}, err
	}
	cols, conflicts := mergeColumns(base.schema, ours.schema, theirs.schema, m.inferred.Types)
	m.conflicts = conflicts
	resultKey, conflict := mergeKey(base.schema, ours.schema, theirs.schema)
	switch {
	case conflict != nil && m.inferred.Key:
		resultKey, m.doubtful = smallerKey(ours.schema.Key, theirs.schema.Key), true
	case conflict != nil:
		m.conflicts = append(m.conflicts, *conflict)
	}
	key := m.matchingKey()
	m.keyless = len(key) == 0
	if m.keyless && len(resultKey) > 0 {
		m.stats.Keyless = "the primary key is not that of the base"
	}
	m.setColumns(cols, key)
	m.edits = make([]int64, len(cols))
	err := m.planRegions(ctx)
	var wrong *wrongKeyError
	if errors.As(err, &wrong) {
		m.forgetKey(wrong)
		err = m.planRegions(ctx)
	}
	if err != nil {
		return object.ID{}, err
	}
	m.settle(key)
	if err := m.mergeLayout(ctx); err != nil {
		return object.ID{}, err
	}
	return m.write(ctx, rw, resultKey)
}

// forgetKey has the rows told apart without the key, which does not do it.
func (m *tableMerge) forgetKey(why *wrongKeyError) {
	m.keyless, m.stats.Keyless = true, why.Error()
	if m.inferred.Key {
		m.weak, m.doubtful = m.key, true
	}
}

func (m *tableMerge) planRegions(ctx context.Context) error {
	clear(m.edits)
	m.regions = cutRegions(&m.sides)
	return m.plan(ctx)
}

func (m *tableMerge) setColumns(cols []column, key []string) {
	m.cols, m.key = cols, nil
	for s := range m.sides {
		m.sides[s].setColumns(cols)
	}
	for _, id := range key {
		for i := range cols {
			if cols[i].field.ID == id {
				m.key = append(m.key, i)
			}
		}
	}
}

// settle drops the doubtful columns that nobody edited and reports the others.
func (m *tableMerge) settle(key []string) {
	var cols []column
	for i, c := range m.cols {
		if c.doubtful && m.edits[i] == 0 {
			continue
		}
		if c.doubtful {
			m.conflicts = append(m.conflicts, m.droppedAndEdited(&c, m.edits[i]))
		}
		cols = append(cols, c)
	}
	if len(cols) < len(m.cols) {
		for i := range m.regions {
			m.regions[i].release()
		}
		m.setColumns(cols, key)
	}
}

func (m *tableMerge) droppedAndEdited(c *column, edits int64) Conflict {
	return Conflict{Kind: KindColumn, Column: label(c.field),
		Base:   definition(m.sides[sideBase].schema, c.base, ""),
		Ours:   definition(m.sides[sideOurs].schema, c.ours, ""),
		Theirs: definition(m.sides[sideTheirs].schema, c.theirs, ""),
		Detail: fmt.Sprintf("one side dropped the column, the other wrote %s in it; the column stays", cellCount(edits))}
}

func cellCount(n int64) string {
	if n == 1 {
		return "1 cell"
	}
	return fmt.Sprintf("%d cells", n)
}

func (m *tableMerge) fields() []tabular.Field {
	out := make([]tabular.Field, len(m.cols))
	for i := range m.cols {
		out[i] = m.cols[i].field
	}
	return out
}

// present returns the ids if the result has all of these fields, else none.
func (m *tableMerge) present(ids []string) []string {
	for _, id := range ids {
		if !slices.ContainsFunc(m.cols, func(c column) bool { return c.field.ID == id }) {
			return nil
		}
	}
	return ids
}

// matchingKey returns the key by which rows are told apart: that of the base, if
// both sides have its columns and a key; without a base that of both sides. It
// does not matter for this what the sides have made of the key since.
func (m *tableMerge) matchingKey() []string {
	base, ours, theirs := m.sides[sideBase].schema, m.sides[sideOurs].schema, m.sides[sideTheirs].schema
	if m.sides[sideBase].table == nil {
		if slices.Equal(ours.Key, theirs.Key) {
			return ours.Key
		}
		return nil
	}
	for _, id := range base.Key {
		if ours.Column(id) < 0 || theirs.Column(id) < 0 {
			return nil
		}
	}
	return base.Key
}

func (m *tableMerge) mergeLayout(ctx context.Context) error {
	base, ours, theirs := m.sides[sideBase].table, m.sides[sideOurs].table, m.sides[sideTheirs].table
	var merger LayoutMerger = m.options.Codecs[ours.Layout.Codec]
	if merger == nil || ours.Layout.Codec != theirs.Layout.Codec || base != nil && base.Layout.Codec != ours.Layout.Codec {
		merger = wholeLayouts{}
	}
	layout, carry, clashes, err := merger.MergeLayout(ctx, base, ours, theirs, m.fields())
	if err != nil {
		return fmt.Errorf("merge the layouts: %w", err)
	}
	for _, c := range clashes {
		m.conflicts = append(m.conflicts, Conflict{Kind: KindLayout, Part: c.Part, Detail: c.Detail,
			Base: Version{Present: base != nil, Text: c.Base}, Ours: Version{Present: true, Text: c.Ours}, Theirs: Version{Present: true, Text: c.Theirs}})
	}
	m.layout, m.carry = layout, carry
	return nil
}

// write builds the result, region by region.
func (m *tableMerge) write(ctx context.Context, rw object.ReadWriter, key []string) (object.ID, error) {
	schema := &tabular.Schema{Fields: m.fields(), Key: m.present(key),
		ChunkedBy: mergeChunkedBy(m.sides[sideBase].schema, m.sides[sideOurs].schema, m.sides[sideTheirs].schema)}
	var chunkedBy []int
	for _, id := range schema.ChunkedBy {
		if i := slices.IndexFunc(schema.Fields, func(f tabular.Field) bool { return f.ID == id }); i >= 0 {
			chunkedBy = append(chunkedBy, i)
		}
	}
	b := tabular.NewBuilder(ctx, rw, len(schema.Fields), chunkedBy,
		&tabular.BuilderOptions{Parent: m.sides[sideOurs].table, Workers: m.options.Workers})
	defer b.Close()
	m.out = &rowWriter{builder: b, width: len(schema.Fields)}
	for i := range m.regions {
		r := &m.regions[i]
		if err := m.writeRegion(ctx, r); err != nil {
			return object.ID{}, err
		}
		r.release()
	}
	if err := m.out.flush(); err != nil {
		return object.ID{}, err
	}
	m.stats.Rows = m.out.count
	if err := m.doubtKey(b, schema); err != nil {
		return object.ID{}, err
	}
	return b.Finish(schema, m.layout)
}

// doubtKey takes an inferred key away that names several rows of the result.
func (m *tableMerge) doubtKey(b *tabular.Builder, schema *tabular.Schema) error {
	if !m.doubtful || len(schema.Key) == 0 {
		return nil
	}
	unique, err := b.Unique(schema.KeyColumns())
	if err == nil && !unique {
		m.stats.KeyDropped = fmt.Sprintf("%s was only inferred as the primary key, and names several rows since the merge", strings.Join(m.names(schema.Key), ", "))
		schema.Key = nil
	}
	return err
}

// names returns the names of the fields with the given ids.
func (m *tableMerge) names(ids []string) []string {
	var out []string
	for _, id := range ids {
		for i := range m.cols {
			if m.cols[i].field.ID == id {
				out = append(out, label(m.cols[i].field))
			}
		}
	}
	return out
}

// writeRegion takes a side's row groups over where nothing speaks against it,
// else merges row by row.
func (m *tableMerge) writeRegion(ctx context.Context, r *region) error {
	for _, s := range []sideName{sideOurs, sideTheirs} {
		other := sideOurs + sideTheirs - s
		if (r.changed(other) && !r.equal) || !m.sides[s].fits() {
			continue
		}
		for _, ref := range m.sides[s].groups[r.at[s].from:r.at[s].to] {
			if err := m.takeGroup(ctx, &m.sides[s], ref); err != nil {
				return err
			}
		}
		return nil
	}
	if r.grids[sideBase] == nil {
		if err := m.open(ctx, r); err != nil {
			return err
		}
	}
	return m.mergeRegion(ctx, r)
}

// takeGroup appends a group verbatim, unless its exceptions must be put in the
// result's layout first.
func (m *tableMerge) takeGroup(ctx context.Context, s *side, ref tabular.GroupRef) error {
	if !sameLayout(s.table.Layout, m.layout) {
		g, err := s.table.Group(ctx, ref)
		if err != nil {
			return err
		}
		list, err := g.Exceptions(ctx)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			return m.copyRows(ctx, s, ref)
		}
	}
	m.stats.GroupsReused++
	return m.out.addGroup(s.table, ref)
}

// copyRows appends a group's rows, their exceptions put in the result's layout.
func (m *tableMerge) copyRows(ctx context.Context, s *side, ref tabular.GroupRef) error {
	at := int(slices.IndexFunc(s.groups, func(r tabular.GroupRef) bool { return r.First == ref.First }))
	g, err := openGrid(ctx, s, span{at, at + 1}, make(map[object.ID]*tabular.Group))
	if err != nil {
		return err
	}
	var grids [3]*grid
	grids[s.name] = g
	v, err := m.newRowMerge(ctx, grids)
	if err != nil {
		return err
	}
	for row := range g.rows() {
		sl := slot{-1, -1, -1}
		sl.set(s.name, int32(row))
		if err := v.write(sl); err != nil {
			return err
		}
	}
	return nil
}
