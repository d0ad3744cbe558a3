package changes

import (
	"iter"
	"slices"

	"github.com/constl/constl/tabular"
)

// pairing finds the rows of a table without a key that were most likely edited.
type pairing struct {
	columns []shared
	// apart says that a pair stays two rows, the old one before the new one.
	apart bool
}

// shared is a column of both versions.
type shared struct {
	name string
	a, b int
}

const (
	// maxHunk is how many rows that follow each other are looked at together;
	// longer runs are cut.
	maxHunk = 1 << 16
	// maxBest is for how many possible pairs the best choice is looked for.
	maxBest = 1 << 16
	// lookAhead is how far a partner is looked for where there are more.
	lookAhead = 32
)

// pairing returns nil if the rows have keys, or too few columns to be alike in.
func (t *Table) pairing() *pairing {
	if t.compared == nil || len(t.compared.Key) > 0 {
		return nil
	}
	p := &pairing{columns: t.shared()}
	if len(p.columns) < 2 {
		return nil
	}
	return p
}

// shared returns the columns that both versions have.
func (t *Table) shared() (list []shared) {
	for i, f := range t.New.Schema.Fields {
		if a := t.Old.Schema.Column(f.ID); a >= 0 {
			list = append(list, shared{ColumnName(t.New.Schema, i), a, i})
		}
	}
	return list
}

// rows yields the rows of all with pairs joined.
func (p *pairing) rows(all iter.Seq2[Row, error]) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		var hunk []Row
		var at, added, deleted int64
		flush := func() bool {
			for _, row := range p.join(hunk) {
				if !yield(row, nil) {
					return false
				}
			}
			hunk = hunk[:0]
			return true
		}
		for row, err := range all {
			if err != nil {
				yield(Row{}, err)
				return
			}
			if row.Kind == tabular.RowModified {
				if !flush() || !yield(row, nil) {
					return
				}
				continue
			}
			// How many rows of both versions stand before it says what place it has.
			place := row.New - added
			if row.Kind == tabular.RowDeleted {
				place = row.Old - deleted
				deleted++
			} else {
				added++
			}
			if (place != at || len(hunk) == maxHunk) && !flush() {
				return
			}
			at = place
			hunk = append(hunk, row)
		}
		flush()
	}
}

// join pairs the deleted and the added rows of one place, in order, so that as many
// cells as possible are equal.
func (p *pairing) join(hunk []Row) []Row {
	var olds, news []Row
	for _, row := range hunk {
		if row.Kind == tabular.RowDeleted {
			olds = append(olds, row)
		} else {
			news = append(news, row)
		}
	}
	if len(olds) == 0 || len(news) == 0 {
		return slices.Clone(hunk)
	}
	n, m := len(olds), len(news)
	if n*m > maxBest {
		return p.joinInOrder(olds, news)
	}
	alike := make([]int, n*m)
	best := make([]int, (n+1)*(m+1)) // of the rows from i and from j on
	for i := n - 1; i >= 0; i-- {
		for j := m - 1; j >= 0; j-- {
			alike[i*m+j] = p.alike(&olds[i], &news[j])
			b := max(best[(i+1)*(m+1)+j], best[i*(m+1)+j+1])
			if s := alike[i*m+j]; s > 0 {
				b = max(b, s+best[(i+1)*(m+1)+j+1])
			}
			best[i*(m+1)+j] = b
		}
	}
	var out []Row
	i, j := 0, 0
	for i < n && j < m {
		b := best[i*(m+1)+j]
		switch s := alike[i*m+j]; {
		case s > 0 && b == s+best[(i+1)*(m+1)+j+1]:
			out = p.pair(out, &olds[i], &news[j])
			i, j = i+1, j+1
		case b == best[(i+1)*(m+1)+j]:
			out = append(out, olds[i])
			i++
		default:
			out = append(out, news[j])
			j++
		}
	}
	return append(append(out, olds[i:]...), news[j:]...)
}

// joinInOrder pairs each row with the first one like it that is not far ahead.
func (p *pairing) joinInOrder(olds, news []Row) []Row {
	var out []Row
	for len(olds) > 0 && len(news) > 0 {
		dropOld, dropNew := 1, 1
		for k := range lookAhead {
			if k < len(news) && p.alike(&olds[0], &news[k]) > 0 {
				dropOld, dropNew = 0, k
				break
			}
			if k < len(olds) && p.alike(&olds[k], &news[0]) > 0 {
				dropOld, dropNew = k, 0
				break
			}
		}
		out = append(append(out, olds[:dropOld]...), news[:dropNew]...)
		olds, news = olds[dropOld:], news[dropNew:]
		if dropOld == 0 || dropNew == 0 {
			out = p.pair(out, &olds[0], &news[0])
			olds, news = olds[1:], news[1:]
		}
	}
	return append(append(out, olds...), news...)
}

// alike returns how many cells are equal, or 0 if those are less than half of the
// cells that are not empty in both.
func (p *pairing) alike(a, b *Row) int {
	equal, all := 0, 0
	for _, c := range p.columns {
		x, y := a.Values[c.a], b.Values[c.b]
		if x == "" && y == "" {
			continue
		}
		all++
		if x == y {
			equal++
		}
	}
	if equal*2 < all {
		return 0
	}
	return equal
}

// pair adds two rows that are one, edited.
func (p *pairing) pair(out []Row, a, b *Row) []Row {
	if p.apart {
		return append(out, *a, *b)
	}
	return append(out, p.modified(a, b))
}

func (p *pairing) modified(a, b *Row) Row {
	row := Row{Kind: tabular.RowModified, Old: a.Old, New: b.New}
	for _, c := range p.columns {
		if x, y := a.Values[c.a], b.Values[c.b]; x != y {
			row.Cells = append(row.Cells, Cell{c.name, c.b, x, y})
		}
	}
	return row
}
