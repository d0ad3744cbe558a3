package merge

import (
	"bytes"
	"cmp"
	"context"
	"slices"

	"github.com/constl/constl/tabular"
)

// loadExceptions reads what is said about how the rows of a grid are written.
func (v *rowMerge) loadExceptions(ctx context.Context, s sideName, g *grid) error {
	place := make(map[int]int)
	for merged, own := range g.side.cols {
		if own >= 0 {
			place[own] = merged
		}
	}
	for i, group := range g.groups {
		list, err := group.Exceptions(ctx)
		if err != nil {
			return err
		}
		for _, x := range list {
			row := int32(g.starts[i] + x.Row)
			// A dropped column takes what is said about its cells along.
			if _, ok := place[x.Col]; !ok && x.Col != tabular.WholeRow {
				continue
			}
			if v.exceptions[s] == nil {
				v.exceptions[s] = make(map[int32][]tabular.Exception)
			}
			v.exceptions[s][row] = append(v.exceptions[s][row], x)
		}
	}
	return nil
}

// cell returns a version's text of a cell, and whether it has the cell at all.
func (v *rowMerge) cell(sl *slot, s sideName, col int) ([]byte, bool) {
	row, g := sl.in(s), v.grids[s]
	if row < 0 || !g.has(col) {
		return nil, false
	}
	return g.cell(int(row), col), true
}

// formKey names one exception of a row.
type formKey struct {
	col  int
	code uint8
}

// mergeExceptions merges how the row is written. An exception about a cell is
// true only of that cell's text; of two ways to write one text the smaller wins.
func (v *rowMerge) mergeExceptions(sl *slot) []tabular.Exception {
	var lists [3]map[formKey][]byte
	any := false
	for s := range lists {
		lists[s] = v.formOf(sl, sideName(s))
		any = any || len(lists[s]) > 0
	}
	if !any {
		return nil
	}
	var keys []formKey
	for s := sideOurs; s <= sideTheirs; s++ {
		for k := range lists[s] {
			keys = append(keys, k)
		}
	}
	slices.SortFunc(keys, func(a, b formKey) int { return cmp.Or(cmp.Compare(a.col, b.col), cmp.Compare(a.code, b.code)) })
	var out []tabular.Exception
	for _, k := range slices.Compact(keys) {
		if text, ok := v.mergeForm(sl, k, &lists); ok {
			out = append(out, tabular.Exception{Col: k.col, Code: k.code, Text: text})
		}
	}
	return out
}

// formOf returns the exceptions of a version's row that hold in the result.
func (v *rowMerge) formOf(sl *slot, s sideName) map[formKey][]byte {
	row := sl.in(s)
	if row < 0 || len(v.exceptions[s]) == 0 {
		return nil
	}
	var out map[formKey][]byte
	g := v.grids[s]
	for _, x := range v.exceptions[s][row] {
		col := x.Col
		if col != tabular.WholeRow {
			col = slices.Index(g.side.cols, x.Col)
			if !bytes.Equal(g.cell(int(row), col), v.cells[col]) {
				continue
			}
		}
		if from := g.side.table; !sameLayout(from.Layout, v.layout) || !g.side.fits() || !v.verbatim(sl, s) {
			var ok bool
			if x, ok = v.carry(x, from, col, v.cells); !ok {
				continue
			}
		}
		if out == nil {
			out = make(map[formKey][]byte)
		}
		out[formKey{col, x.Code}] = x.Text
	}
	return out
}

// verbatim reports whether the merged row's cells are those of the side.
func (v *rowMerge) verbatim(sl *slot, s sideName) bool {
	for c := range v.cols {
		if text, _ := v.cell(sl, s, c); !bytes.Equal(text, v.cells[c]) {
			return false
		}
	}
	return true
}

// mergeForm merges one exception.
func (v *rowMerge) mergeForm(sl *slot, k formKey, lists *[3]map[formKey][]byte) ([]byte, bool) {
	has := func(s sideName) bool {
		row := sl.in(s)
		return row >= 0 && (k.col == tabular.WholeRow ||
			v.grids[s].has(k.col) && bytes.Equal(v.grids[s].cell(int(row), k.col), v.cells[k.col]))
	}
	ours, inOurs := lists[sideOurs][k]
	theirs, inTheirs := lists[sideTheirs][k]
	switch {
	case !has(sideTheirs):
		return ours, inOurs
	case !has(sideOurs):
		return theirs, inTheirs
	case inOurs == inTheirs && bytes.Equal(ours, theirs):
		return ours, inOurs
	}
	if has(sideBase) {
		base, inBase := lists[sideBase][k]
		switch {
		case inOurs == inBase && bytes.Equal(ours, base):
			return theirs, inTheirs
		case inTheirs == inBase && bytes.Equal(theirs, base):
			return ours, inOurs
		}
	}
	if k.col == tabular.WholeRow && inOurs && inTheirs {
		v.conflicts = append(v.conflicts, Conflict{Kind: KindRowForm, Key: v.keyTexts(sl), Row: v.out.count + 1,
			Base: Version{Present: sl.base >= 0, Text: string(lists[sideBase][k])}, Ours: Version{Present: true, Text: string(ours)},
			Theirs: Version{Present: true, Text: string(theirs)}})
		return ours, true
	}
	if !inOurs || inTheirs && bytes.Compare(theirs, ours) < 0 {
		return theirs, true
	}
	return ours, true
}
