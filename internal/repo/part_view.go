package repo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"math/big"
	"os"
	"slices"
	"strconv"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// selection is what a part has of a table.
type selection struct {
	cols     []int // in the table's order; nil for all
	by       int   // the column by which rows are chosen, or -1
	from, to string
	low, top *big.Rat // from and to, if both are numbers
	// lowInt and topInt are the least and the greatest integer between these.
	lowInt, topInt int64
}

// selection finds the columns of a table that are here. Names that the table does
// not have are left out; of a table that has none of them nothing is chosen away.
func (p *Part) selection(name string, schema *tabular.Schema) (*selection, error) {
	sel := &selection{by: -1}
	names := allNames(schema)
	for i := range names {
		if slices.Contains(p.columns(name), names[i]) {
			sel.cols = append(sel.cols, i)
		}
	}
	if rows, ok := p.rows(name); ok {
		sel.by = slices.Index(names, rows.Column)
		sel.from, sel.to = rows.From, rows.To
		low, ok1 := new(big.Rat).SetString(rows.From)
		top, ok2 := new(big.Rat).SetString(rows.To)
		if ok1 && ok2 {
			sel.low, sel.top = low, top
			sel.lowInt, sel.topInt = integersBetween(low, top)
		}
		if sel.by < 0 {
			return nil, fmt.Errorf("%w: %s has no column %q to choose rows by", ErrFilter, name, rows.Column)
		}
	}
	return sel, nil
}

// read returns the columns whose cells are needed.
func (s *selection) read(width int) []int {
	if s.cols != nil {
		return s.cols
	}
	cols := make([]int, width)
	for i := range cols {
		cols[i] = i
	}
	return cols
}

// run are rows one after the other: from ≤ row < to.
type run struct{ from, to int64 }

// runs returns the rows whose cells lie within the bounds.
func (s *selection) runs(cells tabular.Cells) []run {
	var list []run
	for i := range cells.Len() {
		if !s.takes(string(cells.At(i))) {
			continue
		}
		if n := len(list); n > 0 && list[n-1].to == int64(i) {
			list[n-1].to++
		} else {
			list = append(list, run{int64(i), int64(i) + 1})
		}
	}
	return list
}

// integersBetween returns the least integer from low on and the greatest up to top,
// within what an int64 holds.
func integersBetween(low, top *big.Rat) (least, greatest int64) {
	floor := func(r *big.Rat) *big.Int { return new(big.Int).Div(r.Num(), r.Denom()) }
	ceiling := new(big.Int).Neg(floor(new(big.Rat).Neg(low)))
	highest := floor(top)
	if ceiling.Sign() > 0 && !ceiling.IsInt64() || highest.Sign() < 0 && !highest.IsInt64() {
		return 1, 0 // no int64 lies there
	}
	return clamped(ceiling), clamped(highest)
}

func clamped(n *big.Int) int64 {
	switch {
	case n.IsInt64():
		return n.Int64()
	case n.Sign() < 0:
		return math.MinInt64
	}
	return math.MaxInt64
}

// takes compares as numbers if all are, else as texts.
func (s *selection) takes(cell string) bool {
	if s.low != nil {
		// Most keys are integers, and there may be millions.
		if n, err := strconv.ParseInt(cell, 10, 64); err == nil {
			return n >= s.lowInt && n <= s.topInt
		}
		if n, ok := new(big.Rat).SetString(cell); ok {
			return n.Cmp(s.low) >= 0 && n.Cmp(s.top) <= 0
		}
	}
	return cell >= s.from && cell <= s.to
}

// writeView writes what is here of a table, in the form of its file.
func (r *Repo) writeView(ctx context.Context, objects object.Reader, w io.Writer, name string, id object.ID) error {
	t, err := tabular.Open(ctx, objects, id)
	if err != nil {
		return err
	}
	sel, err := r.part.selection(name, t.Schema)
	if err != nil {
		return err
	}
	if sel.by < 0 {
		return writeRows(ctx, w, t, 0, t.Rows, sel.cols)
	}
	header := &csv.RowsOptions{From: t.Rows, To: t.Rows, Columns: sel.cols}
	if err := csv.WriteRows(ctx, w, t, header); err != nil {
		return err
	}
	for ref, err := range t.Groups(ctx) {
		if err != nil {
			return err
		}
		g, err := t.Group(ctx, ref)
		if err != nil {
			return err
		}
		cells, err := g.Cells(ctx, sel.by)
		if err != nil {
			return err
		}
		for _, run := range sel.runs(cells) {
			o := &csv.RowsOptions{From: ref.First + run.from, To: ref.First + run.to, Columns: sel.cols, NoHeader: true}
			if err := csv.WriteRows(ctx, w, t, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// shown is what the folder holds of a commit's files in a copy of a part: some are
// not there, and of some tables only a part, whose size and hash stand in place of
// the file's. It returns the set itself if all of it is here.
func (r *Repo) shown(ctx context.Context, set *fileSet) (*fileSet, error) {
	if r.part.whole() {
		return set, nil
	}
	s := &fileSet{
		files: make(map[string]object.TreeEntry), folders: set.folders,
		hidden: make(map[string]object.TreeEntry), cut: make(map[string]object.TreeEntry),
	}
	for name, e := range set.files {
		switch {
		case !r.part.has(name):
			s.hidden[name] = e
		case e.Type == object.TypeTable && r.part.cut(name):
			s.cut[name] = e
			v, err := r.view(ctx, name, e.ID)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			e.Size, e.Sum = v.Size, v.Sum
			s.files[name] = e
		default:
			s.files[name] = e
		}
	}
	return s, nil
}

// view is the file that shows a part of a table.
type view struct {
	Size int64     `json:"size"`
	Sum  object.ID `json:"sum"`
}

// view finds out what the file looks like that shows the part of a table.
func (r *Repo) view(ctx context.Context, name string, id object.ID) (view, error) {
	rows, _ := r.part.rows(name)
	key := fmt.Sprintf("%s %q %q", id, r.part.columns(name), rows)
	if r.views == nil {
		r.views = make(map[string]view)
		if data, err := os.ReadFile(r.path(viewsFile)); err == nil {
			_ = json.Unmarshal(data, &r.views)
		}
	}
	if v, ok := r.views[key]; ok {
		return v, nil
	}
	if err := r.need(ctx, map[string]object.ID{name: id}); err != nil {
		return view{}, err
	}
	sum := newHashWriter(io.Discard)
	size := &sizeWriter{w: sum}
	if err := r.writeView(ctx, r.store, size, name, id); err != nil {
		return view{}, err
	}
	v := view{size.n, sum.sum()}
	if len(r.views) >= maxViews {
		clear(r.views)
	}
	r.views[key] = v
	if data, err := json.Marshal(r.views); err == nil {
		_ = durable.WriteFile(r.path(viewsFile), data, 0o644)
	}
	return v, nil
}

const maxViews = 1000

// sizeWriter counts what goes through it.
type sizeWriter struct {
	w io.Writer
	n int64
}

// Write implements [io.Writer].
func (s *sizeWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += int64(n)
	return n, err
}

// checkPart fails with [ErrPart] for a file that was changed though only a part of
// it, or nothing, is here: to record it would lose the rest.
func (s *snapshot) checkPart(name string) error {
	if _, ok := s.base.cut[name]; ok {
		return fmt.Errorf("%w: the file shows only some columns or rows of the table, so that changes to it can't be recorded", ErrPart)
	}
	if _, ok := s.base.hidden[name]; ok {
		return fmt.Errorf("%w: the dataset has another file of that name, which was left out here", ErrPart)
	}
	return nil
}

// addRest puts into the result what the folder does not show.
func (s *snapshot) addRest() {
	for name, e := range s.base.hidden {
		s.result.files[name] = e
	}
	for name, e := range s.base.cut {
		if now, ok := s.result.files[name]; ok {
			e.Executable = now.Executable
			s.result.files[name] = e
		}
	}
}
