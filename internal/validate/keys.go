package validate

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/expr"
	"github.com/constl/constl/tabular"
)

// keyPlan is a key whose values must differ from row to row.
type keyPlan struct {
	cols     []int
	fields   []string
	check    int
	required int // the check for a missing part, -1 if one may be missing
}

// foreignPlan is a key whose values must stand in another table, or in the same.
type foreignPlan struct {
	cols   []int
	fields []string
	target *foreignKey
	check  int
	path   string // of the other table
	there  []string
}

// planKeys plans the checks of keys.
func (p *plan) planKeys() (wrong []mistake) {
	s := p.schema
	add := func(rule string, fields []string, path ...any) {
		cols, ok := columnsOf(p.table, fields)
		if !ok {
			if len(fields) > 0 {
				wrong = append(wrong, mistake{path, fmt.Sprintf("the key names a column that the file does not have: %s", quoted(fields, 8))})
			}
			return
		}
		if slices.ContainsFunc(p.keys, func(k keyPlan) bool { return slices.Equal(k.cols, cols) }) {
			return
		}
		k := keyPlan{cols: cols, fields: fields, required: -1}
		k.check = p.addCheck(check{rule: rule, severity: SeverityError, field: strings.Join(fields, ", "), expected: "a value that no other row has", cols: cols})
		if rule == RulePrimaryKey {
			k.required = p.addCheck(check{rule: rule, severity: SeverityError, field: strings.Join(fields, ", "), expected: "a key without missing parts"})
		}
		p.keys = append(p.keys, k)
	}
	add(RulePrimaryKey, s.primaryKey, "schema", "primaryKey")
	for i, fields := range s.uniqueKeys {
		add(RuleUnique, fields, "schema", "uniqueKeys", i)
	}
	for _, f := range s.fields {
		if f.Constraints.Unique {
			add(RuleUnique, []string{f.Name}, "schema", "fields", f.index)
		}
	}
	for i := range s.foreignKeys {
		wrong = append(wrong, p.planForeign(&s.foreignKeys[i])...)
	}
	return wrong
}

func (p *plan) planForeign(k *foreignKey) (wrong []mistake) {
	at := []any{"schema", "foreignKeys", k.index}
	cols, ok := columnsOf(p.table, k.Fields)
	if !ok {
		return []mistake{{at, fmt.Sprintf("the key names a column that the file does not have: %s", quoted(k.Fields, 8))}}
	}
	if len(k.Fields) != len(k.Reference.Fields) {
		return []mistake{{at, fmt.Sprintf("%d fields refer to %d fields", len(k.Fields), len(k.Reference.Fields))}}
	}
	f := foreignPlan{cols: cols, fields: k.Fields, target: k, path: p.path, there: k.Reference.Fields}
	if k.Reference.Resource != "" {
		f.path = ""
		for _, res := range p.in.Package.Resources() {
			if paths := res.Paths(); res.Name() == k.Reference.Resource && len(paths) == 1 {
				f.path = paths[0]
			}
		}
		if f.path == "" {
			return []mistake{{at, fmt.Sprintf("there is no resource named %q with one file", k.Reference.Resource)}}
		}
	}
	f.check = p.addCheck(check{rule: RuleForeignKey, severity: SeverityError, field: strings.Join(k.Fields, ", "),
		expected: fmt.Sprintf("a value that %s of %s has", strings.Join(k.Reference.Fields, ", "), f.path), cols: cols})
	p.foreign = append(p.foreign, f)
	return nil
}

// checkKeys checks keys over the whole table, and references.
func (p *plan) checkKeys(ctx context.Context, found *tallies) error {
	for i := range p.keys {
		k := &p.keys[i]
		if p.changed != nil && !p.changed.touches(k.cols) {
			continue
		}
		err := p.unique(ctx, k, found, func(b BrokenKey) hit {
			return hit{row: b.Row, text: fmt.Sprintf("row %d has the same %s", b.First+1, strings.Join(k.fields, ", "))}
		})
		if err != nil {
			return err
		}
	}
	for i := range p.foreign {
		f := &p.foreign[i]
		if err := p.references(ctx, f, found, func(b BrokenKey) hit {
			return hit{row: b.Row, text: fmt.Sprintf("no row of %s has this %s", f.path, strings.Join(f.there, ", "))}
		}); err != nil {
			return err
		}
	}
	return nil
}

// BrokenKey is a row that breaks a unique key or a reference.
type BrokenKey struct {
	Path    string
	Fields  []string // those of the key
	Columns []int    // their positions
	Row     int64    // from 0
	// First is the earlier row that has the same key; -1 of a reference.
	First int64
	// Target is the table in which no row has what the reference says; "" of a key.
	Target string
}

// HasKeys reports whether a resource says of its table what [Keys] looks at: unique
// keys and references, and with primary a primary key.
func HasKeys(res *datapackage.Resource, primary bool) bool {
	s, _ := readSchema(res)
	return len(s.uniqueKeys) > 0 || len(s.foreignKeys) > 0 || primary && len(s.primaryKey) > 0 ||
		slices.ContainsFunc(s.fields, func(f field) bool { return f.Constraints.Unique })
}

// Keys looks for rows that break a unique key or a reference, as [Run] does, and for
// nothing else: of each key and reference the first ones, in the order of the rows,
// as many as the options' limit. Primary keys are looked at in the tables for which
// primary says so. It fails as the tables' readers do.
func Keys(ctx context.Context, in *Input, o *Options, primary func(path string) bool) ([]BrokenKey, error) {
	var all []BrokenKey
	for i := range in.Tables {
		t := &in.Tables[i]
		p, _, err := newKeyPlan(in, o, t) // what cannot be followed is no key
		if err != nil {
			return nil, err
		}
		broken := make(map[int]map[int64]BrokenKey)
		note := func(check int) func(BrokenKey) hit {
			broken[check] = make(map[int64]BrokenKey)
			return func(b BrokenKey) hit {
				broken[check][b.Row] = b
				return hit{row: b.Row}
			}
		}
		found := newTallies(len(p.checks), o.Limit)
		for i := range p.keys {
			k := &p.keys[i]
			if k.required >= 0 && !primary(t.Path) {
				continue
			}
			// Mostly there is nothing to find, which is seen faster by the texts.
			yes, err := false, error(nil)
			if !slices.ContainsFunc(k.cols, func(col int) bool { return p.types[col].kind != expr.Text }) {
				yes, err = t.Now.Unique(ctx, k.cols)
			}
			if err == nil && !yes {
				err = p.unique(ctx, k, found, note(k.check))
			}
			if err != nil {
				return nil, fmt.Errorf("checking the keys of %s: %w", t.Path, err)
			}
		}
		for i := range p.foreign {
			if err := p.references(ctx, &p.foreign[i], found, note(p.foreign[i].check)); err != nil {
				return nil, fmt.Errorf("checking the keys of %s: %w", t.Path, err)
			}
		}
		for check := range found.of {
			for _, h := range found.of[check].first {
				if b, ok := broken[check][h.row]; ok {
					all = append(all, b)
				}
			}
		}
	}
	return all, nil
}

// unique looks for rows that have the same key.
func (p *plan) unique(ctx context.Context, k *keyPlan, found *tallies, say func(BrokenKey) hit) error {
	passes := uint64(p.table.Rows/passRows + 1)
	r := p.keyReader(k.cols, maphash.MakeSeed())
	for pass := range passes {
		set := newRowSet(p.table.Rows / int64(passes))
		first := firstHits{limit: p.o.Limit}
		err := r.eachGroup(ctx, func(hashes []keyHash, lacking []int64) error {
			for _, h := range hashes {
				if passes > 1 && h.hash%passes != pass {
					continue
				}
				if before, known := set.add(h.hash, h.row); known && (p.counts(h.row, k.cols) || p.counts(before, k.cols)) {
					first.add(func() hit {
						return say(BrokenKey{Path: p.path, Fields: k.fields, Columns: k.cols, Row: h.row, First: before})
					})
				}
			}
			if pass == 0 && k.required >= 0 {
				for _, row := range lacking {
					if p.counts(row, k.cols) {
						found.addText(k.required, hit{row: row, text: "a part of the key is missing"})
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		found.merge(k.check, first.count, first.hits)
	}
	return nil
}

// firstHits counts what is found in the order of the rows, and keeps the first.
type firstHits struct {
	limit int
	count int64
	hits  []hit
}

func (f *firstHits) add(make func() hit) {
	if f.count++; len(f.hits) < f.limit {
		f.hits = append(f.hits, make())
	}
}

// counts reports whether what is wrong with a row's cells in some columns is to be
// reported.
func (p *plan) counts(row int64, cols []int) bool {
	return p.changed == nil || p.changed.has(row, cols)
}

// references looks for rows whose key does not stand in the other table.
func (p *plan) references(ctx context.Context, f *foreignPlan, found *tallies, say func(BrokenKey) hit) error {
	target := p.table
	if f.path != p.path {
		if p.in.Open == nil {
			return nil
		}
		var err error
		if target, err = p.in.Open(ctx, f.path); err != nil || target == nil {
			return p.lostTarget(f, found, err)
		}
	}
	there, ok := columnsOf(target, f.there)
	if !ok {
		return p.lostTarget(f, found, nil)
	}
	lost, err := p.mayLack(ctx, f, target, there)
	if err != nil || p.changed != nil && !lost && !p.changed.touches(f.cols) {
		return err
	}
	seed := maphash.MakeSeed()
	from := p.keyReader(f.cols, seed)
	to, err := p.targetReader(target, f, there, seed)
	if err != nil {
		return err
	}
	from.agree(to)
	passes := uint64(target.Rows/passRows + 1)
	for pass := range passes {
		set := newRowSet(target.Rows / int64(passes))
		err := to.eachGroup(ctx, func(hashes []keyHash, _ []int64) error {
			for _, h := range hashes {
				if passes == 1 || h.hash%passes == pass {
					set.add(h.hash, h.row)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		first := firstHits{limit: p.o.Limit}
		err = from.eachGroup(ctx, func(hashes []keyHash, _ []int64) error {
			for _, h := range hashes {
				if passes > 1 && h.hash%passes != pass || set.has(h.hash) || !lost && !p.counts(h.row, f.cols) {
					continue
				}
				first.add(func() hit {
					return say(BrokenKey{Path: p.path, Fields: f.fields, Columns: f.cols, Row: h.row, First: -1, Target: f.path})
				})
			}
			return nil
		})
		if err != nil {
			return err
		}
		found.merge(f.check, first.count, first.hits)
	}
	return nil
}

// mayLack reports whether the table that is referred to may have lost a key since
// the base, so that rows that have not changed refer to nothing.
func (p *plan) mayLack(ctx context.Context, f *foreignPlan, target *tabular.Table, there []int) (bool, error) {
	switch {
	case p.changed == nil:
		return true, nil
	case f.path == p.path:
		return p.changed.deleted > 0 || p.changed.alters(there), nil
	case p.in.OpenBase == nil:
		return false, nil
	}
	before, err := p.in.OpenBase(ctx, f.path)
	if err != nil || before == nil || before.ID == target.ID {
		return false, err
	}
	changed, err := findChanged(ctx, before, target)
	if err != nil {
		return false, err
	}
	return changed.deleted > 0 || changed.alters(there), nil
}

// targetReader reads the keys of the table that is referred to, with what its own
// description says of missing values.
func (p *plan) targetReader(target *tabular.Table, f *foreignPlan, there []int, seed maphash.Seed) (*keyReader, error) {
	if f.path == p.path {
		return p.keyReader(there, seed), nil
	}
	other, _, err := newKeyPlan(&Input{Package: p.in.Package}, p.o, &Table{Path: f.path, Now: target})
	if err != nil {
		return nil, err
	}
	return other.keyReader(there, seed), nil
}

func (p *plan) lostTarget(f *foreignPlan, found *tallies, err error) error {
	if err == nil {
		found.addText(f.check, hit{row: -1, text: fmt.Sprintf("there is no table %s with the columns %s", f.path, quoted(f.there, 8))})
	}
	return err
}
