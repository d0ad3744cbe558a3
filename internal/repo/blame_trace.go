package repo

import (
	"context"
	"slices"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// tracer follows cells back through history. Every cell has an owner: the commit
// that last changed it, once that is known, and till then the trail on which it is
// being followed.
type tracer struct {
	r      *Repo
	b      *Blame
	owner  [][]int32             // by column and row of the Blame: ≥ 0 a commit, < 0 ^trail
	cells  []int64               // by trail: how many cells are on it
	left   int64                 // cells whose commit is not known
	trails map[object.ID][]trail // by the commit at which they have arrived
}

// trail is a set of cells that a commit has, as do all on the way to it.
type trail struct {
	number int32
	path   string
	table  *tabular.Table
	ids    []string // of the columns' fields, as this version has them
	// rows holds for each row of the table which row of the Blame it is, or -1. It is
	// shared between trails and never written to.
	rows []int32
}

func newTracer(r *Repo, b *Blame) *tracer {
	tr := &tracer{r: r, b: b, trails: make(map[object.ID][]trail)}
	rows := make([]int32, b.table.Rows)
	for i := range rows {
		rows[i] = -1
	}
	for i, row := range b.rows {
		rows[row] = int32(i)
	}
	var ids []string
	for _, col := range b.at {
		ids = append(ids, b.table.Schema.Fields[col].ID)
		tr.owner = append(tr.owner, slices.Repeat([]int32{^0}, len(b.rows)))
	}
	tr.left = int64(len(b.at)) * int64(len(b.rows))
	tr.cells = []int64{tr.left}
	tr.trails[b.Commit] = []trail{{path: b.Path, table: b.table, ids: ids, rows: rows}}
	return tr
}

// run follows all cells to their commits and sets these in the Blame.
func (tr *tracer) run(ctx context.Context) error {
	for c, err := range tr.r.Log(ctx, tr.b.Commit) {
		if err != nil {
			return err
		}
		if tr.left == 0 {
			break
		}
		arrived := tr.trails[c.ID]
		delete(tr.trails, c.ID)
		tr.b.Commits = append(tr.b.Commits, c)
		tr.r.o.Progress("looking through commits", int64(len(tr.b.Commits)), 0)
		for i := range arrived {
			if err := tr.step(ctx, &arrived[i], &c, int32(len(tr.b.Commits)-1)); err != nil {
				return err
			}
		}
	}
	tr.b.cells = tr.owner
	tr.dropIdle()
	return nil
}

// dropIdle takes those commits out of the Blame that have no cell.
func (tr *tracer) dropIdle() {
	used := make([]bool, len(tr.b.Commits))
	for _, column := range tr.owner {
		for _, c := range column {
			used[c] = true
		}
	}
	place := make([]int32, len(used))
	var named []Logged
	for i, u := range used {
		place[i] = int32(len(named))
		if u {
			named = append(named, tr.b.Commits[i])
		}
	}
	for _, column := range tr.owner {
		for i := range column {
			column[i] = place[column[i]]
		}
	}
	tr.b.Commits = named
}

// step takes a trail from a commit to its parents: to the first that has the same
// in a cell. What no parent has is the commit's.
func (tr *tracer) step(ctx context.Context, t *trail, c *Logged, commit int32) error {
	type earlier struct {
		commit object.ID
		path   string
		table  *tabular.Table
	}
	var parents []earlier
	for _, p := range c.Parents {
		path, table, err := tr.r.before(ctx, c.ID, p, t.path, t.table)
		if err != nil {
			return err
		}
		if table != nil {
			parents = append(parents, earlier{p, path, table})
		}
	}
	number := t.number
	for i, p := range parents {
		rest := commit
		if i < len(parents)-1 {
			rest = ^int32(len(tr.cells))
			tr.cells = append(tr.cells, 0)
		}
		back := trail{number: number, path: p.path, table: p.table, ids: t.ids, rows: t.rows}
		if p.table.ID != t.table.ID {
			old := p.table
			if p.path != t.path {
				old = withIDsOf(old, t.table.Schema)
				back.ids = idsAt(p.table, old, t.ids)
			}
			var err error
			if back.rows, err = tr.compare(ctx, t, old, number, rest); err != nil {
				return err
			}
		}
		tr.arrive(p.commit, back)
		if rest >= 0 || tr.cells[^rest] == 0 {
			return nil
		}
		number = ^rest
	}
	tr.handAll(number, commit)
	return nil
}

// idsAt returns, for ids that alias has, those that t has at the same places.
func idsAt(t, alias *tabular.Table, ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		if at := alias.Schema.Column(id); at >= 0 {
			out[i] = t.Schema.Fields[at].ID
		}
	}
	return out
}

// compare hands the cells of a trail that an earlier version of its table has not
// on to rest, and returns which rows of that version are which of the Blame.
func (tr *tracer) compare(ctx context.Context, t *trail, old *tabular.Table, number, rest int32) ([]int32, error) {
	diff, err := compareColumns(ctx, t.path, old, t.table, t.ids)
	if err != nil {
		return nil, err
	}
	columns := make(map[int]int, len(t.ids)) // by position in the newer table
	for i, id := range t.ids {
		at := t.table.Schema.Column(id)
		if at >= 0 {
			columns[at] = i
		}
		if at >= 0 && old.Schema.Column(id) < 0 {
			tr.handColumn(i, number, rest)
		}
	}
	rows := followRows(diff.Matched(), t.rows, old.Rows)
	for row, err := range diff.Paired(ctx) {
		if err != nil {
			return nil, err
		}
		if row.New == 0 || t.rows[row.New-1] < 0 {
			continue
		}
		cell := t.rows[row.New-1]
		if row.Kind == tabular.RowAdded {
			for i := range t.ids {
				tr.hand(i, cell, number, rest)
			}
			continue
		}
		rows[row.Old-1] = cell
		for _, x := range row.Cells {
			if i, asked := columns[x.At]; asked {
				tr.hand(i, cell, number, rest)
			}
		}
	}
	return rows, nil
}

// followRows returns for each row of an older table what rows says of the row that
// it became.
func followRows(runs []tabular.RowRun, rows []int32, n int64) []int32 {
	old := make([]int32, n)
	at := int64(0)
	for _, run := range runs {
		for ; at < run.A; at++ {
			old[at] = -1
		}
		at += int64(copy(old[run.A:run.A+run.Rows], rows[run.B:run.B+run.Rows]))
	}
	for ; at < n; at++ {
		old[at] = -1
	}
	return old
}

// hand takes a cell from a trail to another one or to a commit, if it is on it.
func (tr *tracer) hand(column int, row, from, to int32) {
	if tr.owner[column][row] != ^from {
		return
	}
	tr.owner[column][row] = to
	tr.cells[from]--
	if to < 0 {
		tr.cells[^to]++
	} else {
		tr.left--
	}
}

func (tr *tracer) handColumn(column int, from, to int32) {
	for row := range tr.owner[column] {
		tr.hand(column, int32(row), from, to)
	}
}

func (tr *tracer) handAll(from, to int32) {
	for column := range tr.owner {
		tr.handColumn(column, from, to)
	}
}

// arrive notes that a trail has come to a commit. Trails that come to one from
// several children go on as one.
func (tr *tracer) arrive(commit object.ID, t trail) {
	if tr.cells[t.number] == 0 {
		return
	}
	here := tr.trails[commit]
	for i := range here {
		if here[i].path != t.path || !slices.Equal(here[i].ids, t.ids) {
			continue
		}
		if rows, ok := tr.joinRows(here[i].rows, t.rows); ok {
			here[i].rows = rows
			tr.handAll(t.number, ^here[i].number)
			return
		}
	}
	tr.trails[commit] = append(here, t)
}

// joinRows joins what two trails say of the rows of one table. It fails if they say
// that one row became two, or that two became one.
func (tr *tracer) joinRows(a, b []int32) ([]int32, bool) {
	if len(a) > 0 && &a[0] == &b[0] {
		return a, true
	}
	place := slices.Repeat([]int32{-1}, len(tr.b.rows))
	for i, row := range a {
		if row >= 0 {
			place[row] = int32(i)
		}
	}
	joined := slices.Clone(a)
	for i, row := range b {
		if row < 0 {
			continue
		}
		if place[row] >= 0 && place[row] != int32(i) || a[i] >= 0 && a[i] != row {
			return nil, false
		}
		joined[i] = row
	}
	return joined, true
}
