package repo

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/internal/validate"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// violations returns the rules of datapackage.json that the merged tree breaks
// and neither side does: keys that name two rows, and references to rows that are
// gone. A merge takes every cell from one of the sides, so that no rule about
// single cells can be broken by it.
func violations(ctx context.Context, objects object.Reader, merged *merge.Result, ours, theirs object.ID) ([]merge.Conflict, error) {
	check := treeCheck{ctx: ctx, objects: objects, doubtful: make(map[string]bool)}
	for _, t := range merged.Tables {
		check.doubtful[t.Path] = t.Keyless != ""
	}
	found, err := check.tree(merged.Tree)
	if err != nil || len(found) == 0 {
		return found, err
	}
	// On the sides every key counts.
	check.everyKey = true
	for _, side := range []object.ID{ours, theirs} {
		before, err := check.tree(side)
		if err != nil {
			return nil, err
		}
		known := make(map[string]bool, len(before))
		for _, v := range before {
			known[violationName(v)] = true
		}
		found = slices.DeleteFunc(found, func(v merge.Conflict) bool { return known[violationName(v)] })
	}
	return found, nil
}

// violationName tells violations apart wherever the rows stand.
func violationName(v merge.Conflict) string {
	return strings.Join([]string{v.Path, v.Column, v.Ours.Text, strings.Join(v.Key, "\x00")}, "\x01")
}

// treeCheck looks for broken rules in a tree.
type treeCheck struct {
	ctx     context.Context
	objects object.Reader
	// doubtful are the tables whose rows were not merged by the primary key, and
	// which may therefore have one twice.
	doubtful map[string]bool
	everyKey bool

	files *fileSet
}

// maxViolations is how many broken rules are named, at most, for each rule.
const maxViolations = 100

func (c *treeCheck) tree(tree object.ID) (found []merge.Conflict, err error) {
	if c.files, err = readFiles(c.ctx, c.objects, tree); err != nil {
		return nil, err
	}
	in := &validate.Input{Open: c.table}
	if in.Package, err = packageOf(c.ctx, c.objects, c.files); err != nil || in.Package == nil {
		return nil, err
	}
	primary := func(path string) bool { return c.everyKey || c.doubtful[path] }
	tables := make(map[string]*tabular.Table)
	for _, res := range in.Package.Resources() {
		for _, path := range res.Paths() {
			if !validate.HasKeys(res, primary(path)) {
				continue // of a copy of a part it may not be here
			}
			t, err := c.table(c.ctx, path)
			if err != nil {
				return nil, err
			}
			if t != nil && tables[path] == nil {
				tables[path] = t
				in.Tables = append(in.Tables, validate.Table{Path: path, Now: t})
			}
		}
	}
	broken, err := validate.Keys(c.ctx, in, &validate.Options{Limit: maxViolations}, primary)
	for i := 0; err == nil && i < len(broken); i++ {
		var v merge.Conflict
		v, err = c.violation(tables[broken[i].Path], &broken[i])
		found = append(found, v)
	}
	return found, err
}

// table opens the table at a path; nil if there is none.
func (c *treeCheck) table(ctx context.Context, path string) (*tabular.Table, error) {
	e, ok := c.files.files[path]
	if !ok || e.Type != object.TypeTable {
		return nil, nil
	}
	return tabular.Open(ctx, c.objects, e.ID)
}

// violation puts in words which rule a row breaks.
func (c *treeCheck) violation(t *tabular.Table, b *validate.BrokenKey) (merge.Conflict, error) {
	fields := strings.Join(b.Fields, ", ")
	v := merge.Conflict{Path: b.Path, Kind: merge.KindViolation, Row: b.Row + 1,
		Detail: fmt.Sprintf("row %d and row %d have the same %s", b.First+1, b.Row+1, fields)}
	if b.First < 0 {
		v.Detail = fmt.Sprintf("row %d points at no row of %s by its %s", b.Row+1, b.Target, fields)
	}
	cells, err := rowAt(c.ctx, t, b.Row)
	if err != nil {
		return v, err
	}
	for _, i := range t.Schema.KeyColumns() {
		v.Key = append(v.Key, cells[i])
	}
	var names, texts []string
	for _, col := range b.Columns {
		names, texts = append(names, columnName(t.Schema, col)), append(texts, cells[col])
	}
	v.Column = strings.Join(names, ", ")
	v.Ours = merge.Version{Present: true, Text: strings.Join(texts, " | ")}
	v.Theirs = v.Ours
	return v, nil
}
