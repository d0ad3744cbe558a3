package repo

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"github.com/zeebo/blake3"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Renumbered is a row that got another number because both sides had given its own
// to a row of theirs (merge/RULES.md §4a).
type Renumbered struct {
	Path  string `json:"path"`
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
	Side  string `json:"side"` // whose row it is: ours or theirs
}

// renumbering gives rows other numbers before two trees are merged, and has what
// points at them follow.
type renumbering struct {
	ctx   context.Context
	rw    object.ReadWriter
	base  *fileSet
	sides [2]*fileSet
	pkgs  [2]*datapackage.Package
	edits [2]map[string]tableEdits // by path
	list  []Renumbered
	stays merge.Rank // whose rows keep their numbers; by content if it is neither
}

var sideNames = [2]string{"ours", "theirs"}

// renumber returns the trees of both sides with the numbers changed that both have
// given to rows that have nothing to do with each other, where the policy of the key
// asks for it.
func renumber(ctx context.Context, rw object.ReadWriter, base, ours, theirs object.ID, stays merge.Rank) (sides [2]object.ID, list []Renumbered, err error) {
	n := &renumbering{ctx: ctx, rw: rw, stays: stays}
	sides = [2]object.ID{ours, theirs}
	var policies [2]map[string]map[string]merge.Policy
	for i, tree := range sides {
		if n.sides[i], err = readFiles(ctx, rw, tree); err != nil {
			return sides, nil, err
		}
		if n.pkgs[i], err = packageOf(ctx, rw, n.sides[i]); err != nil || n.pkgs[i] == nil {
			return sides, nil, err
		}
		policies[i] = policiesOf(n.pkgs[i])
		n.edits[i] = make(map[string]tableEdits)
	}
	if n.base, err = readFiles(ctx, rw, base); err != nil {
		return sides, nil, err
	}
	for _, res := range n.pkgs[0].Resources() {
		key := res.PrimaryKey()
		for _, path := range res.Paths() {
			if len(key) == 1 && joinPolicies(policies[0][path], policies[1][path])[key[0]] == merge.PolicyRenumber {
				if err := n.table(res.Name(), path, key[0]); err != nil {
					return sides, nil, fmt.Errorf("numbering the rows of %s: %w", path, err)
				}
			}
		}
	}
	for i := range sides {
		if len(n.edits[i]) > 0 {
			if sides[i], err = n.apply(i); err != nil {
				return sides, nil, err
			}
		}
	}
	return sides, n.list, nil
}

// open opens the table at a path; nil if there is none.
func (n *renumbering) open(files *fileSet, path string) (*tabular.Table, error) {
	e, ok := files.files[path]
	if !ok || e.Type != object.TypeTable {
		return nil, nil
	}
	return tabular.Open(n.ctx, n.rw, e.ID)
}

// table looks for numbers that both sides have given in one table.
func (n *renumbering) table(name, path, key string) error {
	base, err := n.open(n.base, path)
	if err != nil {
		return err
	}
	var sides [2]*tabular.Table
	var cols [2]int
	var added [2]map[string]int64
	last := int64(0)
	for i := range sides {
		if sides[i], err = n.open(n.sides[i], path); err != nil || sides[i] == nil {
			return err
		}
		if cols[i] = columnOf(sides[i].Schema, key); cols[i] < 0 {
			return nil
		}
		if added[i], err = n.added(base, sides[i], key); err != nil {
			return err
		}
		if last, err = n.last(sides[i], cols[i], last); err != nil {
			return err
		}
	}
	var both []string
	for number := range added[0] {
		if _, ok := added[1][number]; ok {
			both = append(both, number)
		}
	}
	slices.SortFunc(both, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	var moved [2]map[string]string
	moved[0], moved[1] = make(map[string]string), make(map[string]string)
	for _, number := range both {
		side, err := n.giveWay(sides, key, [2]int64{added[0][number], added[1][number]})
		if err != nil || side < 0 {
			if err != nil {
				return err
			}
			continue
		}
		last++
		width := 0
		if number[0] == '0' {
			width = len(number)
		}
		next := fmt.Sprintf("%0*d", width, last)
		moved[side][number] = next
		n.edit(side, path, added[side][number], cols[side], next)
		n.list = append(n.list, Renumbered{Path: path, Field: key, Old: number, New: next, Side: sideNames[side]})
	}
	for i := range moved {
		if err := n.follow(i, name, key, moved[i]); err != nil {
			return err
		}
	}
	return nil
}

func (n *renumbering) edit(side int, path string, row int64, col int, text string) {
	if n.edits[side][path] == nil {
		n.edits[side][path] = make(tableEdits)
	}
	n.edits[side][path].row(row).cells[col] = []byte(text)
}

// added returns the numbers that a side has and the base does not, with their rows.
func (n *renumbering) added(base, side *tabular.Table, key string) (map[string]int64, error) {
	out := make(map[string]int64)
	err := n.cells(base, side, columnOf(side.Schema, key), func(row int64, text []byte) {
		if _, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			out[string(text)] = row
		}
	})
	if err != nil || base == nil {
		return out, err
	}
	col := columnOf(base.Schema, key)
	if col < 0 {
		return nil, nil
	}
	return out, n.cells(side, base, col, func(_ int64, text []byte) { delete(out, string(text)) })
}

// cells calls do with the cells of a column in the row groups that an older table,
// which may be nil, does not have.
func (n *renumbering) cells(older, t *tabular.Table, col int, do func(row int64, text []byte)) error {
	var refs []tabular.GroupRef
	if older != nil {
		var err error
		if _, refs, err = tabular.ChangedGroups(n.ctx, older, t); err != nil {
			return err
		}
	} else {
		for ref, err := range t.Groups(n.ctx) {
			if err != nil {
				return err
			}
			refs = append(refs, ref)
		}
	}
	for _, ref := range refs {
		g, err := t.Group(n.ctx, ref)
		if err != nil {
			return err
		}
		list, err := g.Cells(n.ctx, col)
		if err != nil {
			return err
		}
		for i := range list.Len() {
			do(ref.First+int64(i), list.At(i))
		}
	}
	return nil
}

// last returns the greatest number of a column, or that given if it is greater.
func (n *renumbering) last(t *tabular.Table, col int, last int64) (int64, error) {
	err := n.cells(nil, t, col, func(_ int64, text []byte) {
		if v, err := strconv.ParseInt(string(text), 10, 64); err == nil {
			last = max(last, v)
		}
	})
	return last, err
}

// giveWay returns the side whose row gets another number: the one whose numbers do not
// stay, else that with the greater content. It is -1 if the rows are one: of the cells that both have filled outside
// the key, at least as many agree as differ.
func (n *renumbering) giveWay(sides [2]*tabular.Table, key string, rows [2]int64) (int, error) {
	var cells [2]map[string]string
	var content [2]string
	for i, t := range sides {
		list, err := rowAt(n.ctx, t, rows[i])
		if err != nil {
			return -1, err
		}
		cells[i] = make(map[string]string, len(list))
		for c, text := range list {
			cells[i][columnName(t.Schema, c)] = text
		}
		delete(cells[i], key)
	}
	equal, differ := 0, 0
	names := make([]string, 0, len(cells[0]))
	for name := range cells[0] {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		ours, theirs := cells[0][name], cells[1][name]
		switch {
		case ours == "" || theirs == "":
		case ours == theirs:
			equal++
		default:
			differ++
			content[0], content[1] = content[0]+ours+"\x00", content[1]+theirs+"\x00"
		}
	}
	switch {
	case equal >= differ:
		return -1, nil
	case n.stays == merge.RankTheirs, n.stays == merge.RankNone && content[0] > content[1]:
		return 0, nil
	}
	return 1, nil
}

// follow has the rows of one side that point at rows with other numbers now point at
// them again. Nothing else can be meant: the base has no row of such a number.
func (n *renumbering) follow(side int, name, key string, moved map[string]string) error {
	if len(moved) == 0 {
		return nil
	}
	for _, res := range n.pkgs[side].Resources() {
		for _, fk := range rulesOf(res).ForeignKeys {
			at := fk.Reference.Resource
			if len(fk.Fields) != 1 || !slices.Equal(fk.Reference.Fields, names{key}) || at != name && (at != "" || res.Name() != name) {
				continue
			}
			for _, path := range res.Paths() {
				if err := n.followIn(side, path, fk.Fields[0], moved); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (n *renumbering) followIn(side int, path, field string, moved map[string]string) error {
	base, err := n.open(n.base, path)
	if err != nil {
		return err
	}
	t, err := n.open(n.sides[side], path)
	if err != nil || t == nil {
		return err
	}
	col := columnOf(t.Schema, field)
	if col < 0 {
		return nil
	}
	return n.cells(base, t, col, func(row int64, text []byte) {
		if next, ok := moved[string(text)]; ok {
			n.edit(side, path, row, col, next)
		}
	})
}

// apply stores a side's tables with their edits, and its tree.
func (n *renumbering) apply(side int) (object.ID, error) {
	before := n.sides[side]
	after := &fileSet{files: make(map[string]object.TreeEntry, len(before.files)), folders: before.folders}
	for path, e := range before.files {
		after.files[path] = e
	}
	for path, edits := range n.edits[side] {
		t, err := n.open(before, path)
		if err != nil {
			return object.ID{}, err
		}
		e := after.files[path]
		if e.ID, err = edits.apply(n.ctx, n.rw, t); err != nil {
			return object.ID{}, err
		}
		if t, err = tabular.Open(n.ctx, n.rw, e.ID); err != nil {
			return object.ID{}, err
		}
		hash, size := blake3.New(), &sizeOf{}
		if err := writeTable(n.ctx, io.MultiWriter(hash, size), t); err != nil {
			return object.ID{}, err
		}
		hash.Sum(e.Sum[:0])
		e.Size = size.n
		after.files[path] = e
	}
	return after.build(n.ctx, n.rw, before)
}

// sizeOf counts what is written to it.
type sizeOf struct{ n int64 }

// Write implements [io.Writer].
func (s *sizeOf) Write(p []byte) (int, error) {
	s.n += int64(len(p))
	return len(p), nil
}
