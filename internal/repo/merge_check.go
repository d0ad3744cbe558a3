package repo

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/constl/constl/internal/datapackage"
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

	files  *fileSet
	byName map[string]string // by resource: the path of its table
	found  []merge.Conflict
}

// maxViolations is how many broken rules are named, at most, for each rule.
const maxViolations = 100

func (c *treeCheck) tree(tree object.ID) (found []merge.Conflict, err error) {
	if c.files, err = readFiles(c.ctx, c.objects, tree); err != nil {
		return nil, err
	}
	pkg, err := packageOf(c.ctx, c.objects, c.files)
	if err != nil || pkg == nil {
		return nil, err
	}
	c.byName, c.found = make(map[string]string), nil
	for _, res := range pkg.Resources() {
		if paths := res.Paths(); len(paths) == 1 {
			c.byName[res.Name()] = paths[0]
		}
	}
	for _, res := range pkg.Resources() {
		for _, path := range res.Paths() {
			if err := c.resource(res, path); err != nil {
				return nil, fmt.Errorf("checking %s: %w", path, err)
			}
		}
	}
	return c.found, nil
}

// resource checks the rules of one table.
func (c *treeCheck) resource(res *datapackage.Resource, path string) error {
	rules := rulesOf(res)
	unique := slices.Clone(rules.UniqueKeys)
	for _, f := range rules.Fields {
		if f.Constraints.Unique {
			unique = append(unique, []string{f.Name})
		}
	}
	if key := res.PrimaryKey(); len(key) > 0 && (c.doubtful[path] || c.everyKey) {
		unique = append(unique, key)
	}
	if len(unique) == 0 && len(rules.ForeignKeys) == 0 {
		return nil
	}
	t, err := c.table(path)
	if err != nil || t == nil {
		return err
	}
	for _, fields := range unique {
		if err := c.unique(t, path, fields); err != nil {
			return err
		}
	}
	for _, key := range rules.ForeignKeys {
		if err := c.foreign(t, path, &key); err != nil {
			return err
		}
	}
	return nil
}

// table opens the table at a path; nil if there is none.
func (c *treeCheck) table(path string) (*tabular.Table, error) {
	e, ok := c.files.files[path]
	if !ok || e.Type != object.TypeTable {
		return nil, nil
	}
	return tabular.Open(c.ctx, c.objects, e.ID)
}

// columnsOf returns the positions of the named fields, or none if one is missing.
func columnsOf(t *tabular.Table, names []string) []int {
	var cols []int
	for _, name := range names {
		i := columnOf(t.Schema, name)
		if i < 0 {
			return nil
		}
		cols = append(cols, i)
	}
	return cols
}

// eachKey calls do with the cells of the columns of every row, joined so that
// different cells are different texts; rows whose cells are all empty are left out.
func (c *treeCheck) eachKey(t *tabular.Table, cols []int, do func(row int64, key []byte)) error {
	cells, buf := make([]tabular.Cells, len(cols)), []byte(nil)
	for ref, err := range t.Groups(c.ctx) {
		if err != nil {
			return err
		}
		g, err := t.Group(c.ctx, ref)
		if err != nil {
			return err
		}
		for i, col := range cols {
			if cells[i], err = g.Cells(c.ctx, col); err != nil {
				return err
			}
		}
		for row := range ref.Rows {
			buf = buf[:0]
			filled := false
			for i := range cells {
				text := cells[i].At(row)
				filled = filled || len(text) > 0
				buf = append(binary.AppendUvarint(buf, uint64(len(text))), text...)
			}
			if filled {
				do(ref.First+int64(row), buf)
			}
		}
	}
	return nil
}

// unique reports the rows whose fields have what those of an earlier row have.
func (c *treeCheck) unique(t *tabular.Table, path string, fields []string) error {
	cols := columnsOf(t, fields)
	if len(cols) == 0 {
		return nil
	}
	if yes, err := t.Unique(c.ctx, cols); err != nil || yes {
		return err
	}
	first := make(map[string]int64)
	var twice [][2]int64
	err := c.eachKey(t, cols, func(row int64, key []byte) {
		at, known := first[string(key)]
		switch {
		case !known:
			first[string(key)] = row
		case len(twice) < maxViolations:
			twice = append(twice, [2]int64{at, row})
		}
	})
	for _, rows := range twice {
		if err == nil {
			err = c.report(t, path, cols, rows[1], fmt.Sprintf("row %d and row %d have the same %s", rows[0]+1, rows[1]+1, strings.Join(fields, ", ")))
		}
	}
	return err
}

// foreign reports the rows whose fields point at no row of the other table.
func (c *treeCheck) foreign(t *tabular.Table, path string, key *foreignKey) error {
	target, name := t, path
	if key.Reference.Resource != "" {
		var err error
		name = c.byName[key.Reference.Resource]
		if target, err = c.table(name); err != nil || target == nil {
			return err
		}
	}
	cols, there := columnsOf(t, key.Fields), columnsOf(target, key.Reference.Fields)
	if len(cols) == 0 || len(cols) != len(there) {
		return nil
	}
	known := make(map[string]struct{})
	if err := c.eachKey(target, there, func(_ int64, key []byte) { known[string(key)] = struct{}{} }); err != nil {
		return err
	}
	var lost []int64
	err := c.eachKey(t, cols, func(row int64, key []byte) {
		if _, ok := known[string(key)]; !ok && len(lost) < maxViolations {
			lost = append(lost, row)
		}
	})
	for _, row := range lost {
		if err == nil {
			err = c.report(t, path, cols, row, fmt.Sprintf("row %d points at no row of %s by its %s", row+1, name, strings.Join(key.Fields, ", ")))
		}
	}
	return err
}

// report notes a row that breaks a rule about some of its columns.
func (c *treeCheck) report(t *tabular.Table, path string, cols []int, row int64, detail string) error {
	cells, err := rowAt(c.ctx, t, row)
	if err != nil {
		return err
	}
	v := merge.Conflict{Path: path, Kind: merge.KindViolation, Row: row + 1, Detail: detail}
	for _, id := range t.Schema.Key {
		if i := t.Schema.Column(id); i >= 0 {
			v.Key = append(v.Key, cells[i])
		}
	}
	var names, texts []string
	for _, col := range cols {
		names, texts = append(names, columnName(t.Schema, col)), append(texts, cells[col])
	}
	v.Column = strings.Join(names, ", ")
	v.Ours = merge.Version{Present: true, Text: strings.Join(texts, " | ")}
	v.Theirs = v.Ours
	c.found = append(c.found, v)
	return nil
}
