package validate

import (
	"context"
	"fmt"
	"time"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/tabular"
)

// Input is what is validated. Its tables' stores must stay open.
type Input struct {
	// Package is the datapackage.json; nil if there is none.
	Package *datapackage.Package
	// PackageError says why there is a datapackage.json that cannot be read; nil if
	// there is none or it can.
	PackageError error
	// Tables are the tables to validate.
	Tables []Table
	// Absent are files that are described and not there, NoTables those that are
	// described as tables and are none.
	Absent, NoTables []string
	// Open returns another table, to which keys of these may refer; nil if there is
	// none at that path. It may be nil itself.
	Open func(ctx context.Context, path string) (*tabular.Table, error)
	// OpenBase returns a table as it was before; nil if there was none. It may be
	// nil itself.
	OpenBase func(ctx context.Context, path string) (*tabular.Table, error)
	// ChangedOnly restricts row checks to rows that are not in the base alike. A
	// table that has no base is checked whole, and so is one whose description has
	// changed.
	ChangedOnly bool
}

// Table is a table to validate.
type Table struct {
	Path string
	Now  *tabular.Table
	// Base is the version before, for rules about changes; nil if there is none.
	Base *tabular.Table
	// Redescribed says that datapackage.json said something else about the base.
	Redescribed bool
}

// Options tune [Run]. Nil stands for the defaults.
type Options struct {
	// Limit is how many findings of each kind are kept; 0 is 20.
	Limit int
	// RuleTime is how long a rule of people's own may take for a table; 0 is a minute.
	RuleTime time.Duration
	// Cache keeps sums of rules about tables; it may be nil.
	Cache Cache
	// Progress hears how many rows of how many are done; it may be nil. It is called
	// from one goroutine at a time.
	Progress func(done, total int64)
}

// defaultLimit is how many findings of each kind are kept.
const defaultLimit = 20

// Run validates tables. What it finds is in the report; it fails as the tables'
// readers do.
func Run(ctx context.Context, in *Input, o *Options) (*Report, error) {
	own := Options{}
	if o != nil {
		own = *o
	}
	if own.Limit <= 0 {
		own.Limit = defaultLimit
	}
	if own.RuleTime <= 0 {
		own.RuleTime = defaultRuleTime
	}
	r := &Report{}
	if in.PackageError != nil {
		r.Kinds = append(r.Kinds, packageKind(in.PackageError))
	}
	for _, path := range in.Absent {
		r.Kinds = append(r.Kinds, absentKind(in.Package, path))
	}
	for _, path := range in.NoTables {
		r.Kinds = append(r.Kinds, Kind{Rule: RuleFormat, Severity: SeverityError, Path: path, Count: 1, Expected: "a table",
			Findings: []Finding{{Message: "the file is empty, or damaged, or cannot be read as a table; it is described as one"}}})
	}
	done, total := int64(0), int64(0)
	for i := range in.Tables {
		total += in.Tables[i].Now.Rows
	}
	for i := range in.Tables {
		t := &in.Tables[i]
		rows := &own
		if own.Progress != nil {
			before := done
			copied := own
			copied.Progress = func(n, _ int64) { own.Progress(before+n, total) }
			rows = &copied
		}
		if err := runTable(ctx, in, rows, t, r); err != nil {
			return nil, fmt.Errorf("validating %s: %w", t.Path, err)
		}
		done += t.Now.Rows
	}
	r.finish()
	return r, nil
}

// runTable validates one table.
func runTable(ctx context.Context, in *Input, o *Options, t *Table, r *Report) error {
	began := time.Now()
	p, wrong, err := newPlan(in, o, t)
	if err != nil {
		return err
	}
	found := newTallies(len(p.checks), o.Limit)
	if err := p.compare(ctx, in.ChangedOnly && !t.Redescribed, found); err != nil {
		return err
	}
	if err := p.scan(ctx, found); err != nil {
		return err
	}
	for _, l := range p.labels {
		found.addText(l.check, l.hit)
	}
	if err := p.checkKeys(ctx, found); err != nil {
		return err
	}
	for _, m := range wrong {
		r.Kinds = append(r.Kinds, p.mistakeKind(m))
	}
	if err := p.report(ctx, found, r); err != nil {
		return err
	}
	checked := t.Now.Rows
	if p.changed != nil {
		checked = p.changed.count
	}
	r.Tables = append(r.Tables, TableReport{Path: t.Path, Rows: t.Now.Rows, Checked: checked, took: time.Since(began)})
	return nil
}
