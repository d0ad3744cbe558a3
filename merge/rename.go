package merge

import (
	"cmp"
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"unicode"

	"github.com/constl/constl/tabular"
)

const (
	renameRows  = 1 << 14 // rows that are looked at to recognise a column
	renamePairs = 1 << 12 // pairs of columns that are compared, at most
	renameFew   = 4       // with fewer pairs of rows, cells tell nothing
	renameShare = 0.7     // share of cells that are equal in a column under a new name
	foldedShare = 0.3     // the same, if the names are alike but for case and punctuation
)

// recognise finds columns of a side that are columns of the base under new names
// and ids, such as those of a file that was given another header, and gives them
// the ids of the base. What the other side wrote then follows them (RULES.md R29).
func (m *tableMerge) recognise(ctx context.Context) error {
	base := &m.sides[sideBase]
	for _, s := range []sideName{sideOurs, sideTheirs} {
		side := &m.sides[s]
		if base.table == nil || len(base.groups) == 0 || len(side.groups) == 0 {
			continue
		}
		r := renames{base: base, side: side}
		if r.gone, r.come = unknown(base.schema, side.schema), unknown(side.schema, base.schema); len(r.gone) == 0 || len(r.come) == 0 {
			continue
		}
		if err := r.find(ctx); err != nil {
			return err
		}
		side.rename(r.pairs)
	}
	return nil
}

// unknown returns the positions of the fields of a whose ids b does not have.
func unknown(a, b *tabular.Schema) (out []int) {
	known := make(map[string]bool, len(b.Fields))
	for _, f := range b.Fields {
		known[f.ID] = true
	}
	for i, f := range a.Fields {
		if !known[f.ID] {
			out = append(out, i)
		}
	}
	return out
}

// rename gives fields other ids, in a copy of the table's schema.
func (s *side) rename(pairs []renamed) {
	if len(pairs) == 0 {
		return
	}
	ids := make(map[string]string, len(pairs))
	for _, p := range pairs {
		ids[s.schema.Fields[p.side].ID] = p.id
	}
	replace := func(list []string) []string {
		list = slices.Clone(list)
		for i, id := range list {
			list[i] = cmp.Or(ids[id], id)
		}
		return list
	}
	schema := &tabular.Schema{Fields: slices.Clone(s.schema.Fields), Key: replace(s.schema.Key), ChunkedBy: replace(s.schema.ChunkedBy)}
	for i := range schema.Fields {
		schema.Fields[i].ID = cmp.Or(ids[schema.Fields[i].ID], schema.Fields[i].ID)
	}
	table := *s.table
	table.Schema = schema
	s.table, s.schema = &table, schema
}

// renamed says that a column of the side is one of the base.
type renamed struct {
	base, side int
	id         string // of the base's field
	score      float64
}

// renames is the search for one side.
type renames struct {
	base, side *side
	gone, come []int    // columns that only the base, and only the side has
	cells      [2]cells // of the first rows of the base and of the side
	rows       []pair   // rows that are the same
	pairs      []renamed
}

// cells are the first rows of a table, by column.
type cells struct {
	rows    int
	columns []tabular.Cells
}

// head reads the first rows of a side, whole groups of them.
func (s *side) head(ctx context.Context) (out cells, err error) {
	out.columns = make([]tabular.Cells, len(s.schema.Fields))
	for _, ref := range s.groups {
		g, err := s.table.Group(ctx, ref)
		if err != nil {
			return out, err
		}
		for c := range out.columns {
			list, err := g.Cells(ctx, c)
			if err != nil {
				return out, err
			}
			for i := range list.Len() {
				out.columns[c].Append(list.At(i))
			}
		}
		if out.rows += ref.Rows; out.rows >= renameRows {
			break
		}
	}
	return out, nil
}

func (r *renames) find(ctx context.Context) (err error) {
	for i, s := range []*side{r.base, r.side} {
		if r.cells[i], err = s.head(ctx); err != nil {
			return err
		}
	}
	r.matchRows()
	var found []renamed
	for _, b := range r.gone {
		for _, s := range r.come {
			if len(r.gone)*len(r.come) > renamePairs && b != s {
				continue
			}
			if score, ok := r.score(b, s); ok {
				found = append(found, renamed{b, s, r.base.schema.Fields[b].ID, score})
			}
		}
	}
	slices.SortFunc(found, func(a, b renamed) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(distance(a), distance(b)),
			cmp.Compare(a.base, b.base), cmp.Compare(a.side, b.side))
	})
	r.choose(found)
	return nil
}

func distance(p renamed) int { return max(p.base-p.side, p.side-p.base) }

// choose takes the best pairs first, no column twice. If at least two thirds of the
// columns under new names stand where they stood, a header was given anew, and what
// is left at one place is one column, whatever became of its cells.
func (r *renames) choose(found []renamed) {
	var base, side = make(map[int]bool), make(map[int]bool)
	for _, p := range found {
		if !base[p.base] && !side[p.side] {
			base[p.base], side[p.side] = true, true
			r.pairs = append(r.pairs, p)
		}
	}
	if len(r.base.schema.Fields) != len(r.side.schema.Fields) {
		return
	}
	inPlace := 0
	for _, p := range r.pairs {
		if p.base == p.side {
			inPlace++
		}
	}
	if inPlace < renameFew || 3*inPlace < 2*len(r.gone) {
		return
	}
	for _, c := range r.gone {
		if !base[c] && !side[c] && slices.Contains(r.come, c) {
			r.pairs = append(r.pairs, renamed{base: c, side: c, id: r.base.schema.Fields[c].ID})
		}
	}
}

// matchRows finds rows that are the same by the columns that both have under one
// id, or, where these are none or do not tell rows apart, by their places.
func (r *renames) matchRows() {
	var shared [][2]int
	for b, f := range r.base.schema.Fields {
		if s := r.side.schema.Column(f.ID); s >= 0 {
			shared = append(shared, [2]int{b, s})
		}
	}
	n := min(r.cells[0].rows, r.cells[1].rows)
	if len(shared) > 0 {
		r.pairRows(shared)
	}
	if len(r.rows)*2 < n {
		r.pairRows(r.telling())
	}
	if len(r.rows)*2 < n {
		r.rows = r.rows[:0]
		for i := range n {
			r.rows = append(r.rows, pair{int32(i), int32(i)})
		}
	}
}

// pairRows finds rows that are the only ones with their cells in the given pairs of
// columns.
func (r *renames) pairRows(shared [][2]int) {
	base, side := &r.cells[0], &r.cells[1]
	r.rows = r.rows[:0]
	at := make(map[string]int32, base.rows)
	key := func(c *cells, row, which int) string {
		var buf []byte
		for _, cols := range shared {
			cell := c.columns[cols[which]].At(row)
			buf = append(binary.AppendUvarint(buf, uint64(len(cell))), cell...)
		}
		return string(buf)
	}
	for i := range base.rows {
		k := key(base, i, 0)
		if _, twice := at[k]; twice {
			at[k] = -1
		} else {
			at[k] = int32(i)
		}
	}
	for j := range side.rows {
		k := key(side, j, 1)
		if i, ok := at[k]; ok && i >= 0 {
			r.rows = append(r.rows, pair{i, int32(j)})
			at[k] = -1
		}
	}
}

// telling returns the pair of columns without a common id whose values are most
// often the only ones of their kind on either side, if most rows have such.
func (r *renames) telling() [][2]int {
	best, out := 0, [][2]int(nil)
	once := func(c *tabular.Cells) map[string]bool {
		seen := make(map[string]bool, c.Len())
		for i := range c.Len() {
			_, twice := seen[string(c.At(i))]
			seen[string(c.At(i))] = !twice
		}
		return seen
	}
	side := make(map[int]map[string]bool, len(r.come))
	for _, b := range r.gone {
		values := once(&r.cells[0].columns[b])
		for _, s := range r.come {
			if len(r.gone)*len(r.come) > renamePairs && b != s {
				continue
			}
			if side[s] == nil {
				side[s] = once(&r.cells[1].columns[s])
			}
			n := 0
			for v, single := range values {
				if single && side[s][v] {
					n++
				}
			}
			if n > best {
				best, out = n, [][2]int{{b, s}}
			}
		}
	}
	return out
}

// score returns how alike two columns are, and whether they are one. Columns whose
// cells tell nothing are only one if they stand at the same place.
func (r *renames) score(b, s int) (float64, bool) {
	base, side := &r.cells[0].columns[b], &r.cells[1].columns[s]
	count := make(map[string]int)
	usual := "" // the most frequent cell, by which two columns agree by chance
	for _, p := range r.rows {
		text := string(base.At(int(p.a)))
		if count[text]++; count[text] > count[usual] || count[text] == count[usual] && text < usual {
			usual = text
		}
	}
	equal, unusual, telling := 0, 0, 0
	for _, p := range r.rows {
		x := base.At(int(p.a))
		same := string(x) == string(side.At(int(p.b)))
		if same {
			equal++
		}
		if string(x) != usual {
			unusual++
			if same {
				telling++
			}
		}
	}
	share := float64(equal) / float64(max(1, len(r.rows)))
	if unusual >= renameFew {
		share = min(share, float64(telling)/float64(unusual))
	}
	alike := fold(r.base.schema.Fields[b].Name) == fold(r.side.schema.Fields[s].Name)
	switch {
	case alike && (share >= foldedShare || len(r.rows) == 0):
		return 1 + share, true
	case share < renameShare:
		return 0, false
	case unusual >= renameFew, unusual > 0 && telling == unusual && len(r.rows) >= renameFew:
		return share, true
	}
	return share, b == s || r.neighbours(b, s)
}

// neighbours reports whether both columns stand behind, or both before, one column
// that has the same id on both sides.
func (r *renames) neighbours(b, s int) bool {
	for _, d := range []int{-1, 1} {
		x, y := b+d, s+d
		if x >= 0 && y >= 0 && x < len(r.base.schema.Fields) && y < len(r.side.schema.Fields) &&
			r.base.schema.Fields[x].ID == r.side.schema.Fields[y].ID {
			return true
		}
	}
	return false
}

// fold is a name without its case, spaces and punctuation.
func fold(name string) string {
	return strings.Map(func(c rune) rune {
		if !unicode.IsLetter(c) && !unicode.IsDigit(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, name)
}
