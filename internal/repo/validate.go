package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/validate"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
	"github.com/constl/constl/tabular"
)

// ValidateOptions say what [Repo.Validate] checks.
type ValidateOptions struct {
	// Rev is the version to check; "" is the folder as it is.
	Rev string
	// Paths restricts the check to these files and folders; none stand for all.
	Paths []string
	// Since is a version: what it has alike is not reported again. "" checks
	// everything; rules about changes then compare with what is checked out, or
	// with the version's first parent.
	Since string
	// Limit is how many findings of each kind are kept; 0 is a default.
	Limit int
}

// Validate checks the tables of a version or of the folder against the rules of
// its datapackage.json. What is wrong is in the report, also a datapackage.json
// that cannot be read; it fails if a version or path is unknown, or as the store
// does.
func (r *Repo) Validate(ctx context.Context, o ValidateOptions) (*validate.Report, error) {
	objects := &overlay{under: r.store}
	var base *fileSet
	var err error
	switch {
	case o.Since != "":
		base, err = r.stateAt(ctx, o.Since)
	case o.Rev == "":
		base, err = r.stateAt(ctx, "")
	default:
		base, err = r.parentState(ctx, o.Rev)
	}
	if err != nil {
		return nil, err
	}
	v := &validation{r: r, objects: objects, base: base, paths: o.Paths, since: o.Since != "", limit: o.Limit}
	if o.Rev != "" {
		if v.now, err = r.stateAt(ctx, o.Rev); err != nil {
			return nil, err
		}
		return v.run(ctx)
	}
	v.folder = r.Dir
	v.now, err = r.folderState(ctx, objects, nil)
	var broken *datapackage.Error
	if errors.As(err, &broken) {
		return validate.Run(ctx, &validate.Input{PackageError: broken}, nil)
	}
	if err != nil {
		return nil, err
	}
	return v.run(ctx)
}

// ValidateTrees checks the tables of a tree, as that of a merge that is not a
// commit yet. base is the tree before; a zero one is none. With changedOnly, what
// base has alike is not reported again. It fails as the store does.
func (r *Repo) ValidateTrees(ctx context.Context, objects object.Reader, tree, base object.ID, changedOnly bool) (*validate.Report, error) {
	now, err := readFiles(ctx, objects, tree)
	if err != nil {
		return nil, err
	}
	before, err := readFiles(ctx, objects, base)
	if err != nil {
		return nil, err
	}
	v := &validation{r: r, objects: objects, now: now, base: before, since: changedOnly}
	return v.run(ctx)
}

// InvalidError says that what was to be recorded or taken over is not valid. It
// wraps [ErrInvalid], or [ErrBroken] of a proposal.
type InvalidError struct {
	Report *validate.Report
	class  error
}

// Error gives the number of errors and the first of them.
func (e *InvalidError) Error() string {
	for _, k := range e.Report.Kinds {
		if k.Severity == validate.SeverityError && len(k.Findings) > 0 {
			return fmt.Sprintf("%v: %s:%d: %s (errors in all: %d)", e.class, k.Path, k.Findings[0].Line, k.Findings[0].Message, e.Report.Errors)
		}
	}
	return e.class.Error()
}

// Unwrap returns ErrInvalid or ErrBroken.
func (e *InvalidError) Unwrap() error { return e.class }

// refuseInvalid fails with an [*InvalidError] if a tree is not valid in what it does
// not have alike with the base.
func (r *Repo) refuseInvalid(ctx context.Context, objects object.Reader, tree, base object.ID) error {
	report, err := r.ValidateTrees(ctx, objects, tree, base, true)
	if err == nil && !report.Valid {
		err = &InvalidError{Report: report, class: ErrInvalid}
	}
	return err
}

// refuseCommit is refuseInvalid for two commits.
func (r *Repo) refuseCommit(ctx context.Context, commit, base object.ID) error {
	next, err := r.filesAt(ctx, commit)
	if err != nil {
		return err
	}
	old, err := r.filesAt(ctx, base)
	if err != nil {
		return err
	}
	return r.refuseInvalid(ctx, r.store, next.folders[""], old.folders[""])
}

// RenameField has the folder's datapackage.json follow a column that has another
// name now. It fails with [ErrNotFile] if no table has a field of the old name, or
// as reading and writing the file do.
func (r *Repo) RenameField(ctx context.Context, from, to string) error {
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	name := filepath.Join(r.Dir, datapackage.FileName)
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading %s: %w", datapackage.FileName, err)
	}
	pkg, err := datapackage.Parse(data)
	if err != nil {
		return fmt.Errorf("%s: %w", datapackage.FileName, err)
	}
	renamed := false
	for _, res := range pkg.Resources() {
		renamed = res.RenameField(from, to) || renamed
	}
	if !renamed {
		return fmt.Errorf("%s describes no field %q: %w", datapackage.FileName, from, ErrNotFile)
	}
	return durable.WriteFile(name, pkg.Bytes(), 0o644)
}

// parentState lays out the first parent of a version.
func (r *Repo) parentState(ctx context.Context, rev string) (*fileSet, error) {
	id, err := r.Resolve(ctx, rev)
	if err != nil {
		return nil, err
	}
	c, err := object.ReadCommit(ctx, r.store, id)
	if err != nil {
		return nil, err
	}
	if len(c.Parents) == 0 {
		return readFiles(ctx, r.store, object.ID{})
	}
	return r.filesAt(ctx, c.Parents[0])
}

// validation is one run of the checks.
type validation struct {
	r         *Repo
	objects   object.Reader
	now, base *fileSet
	paths     []string
	since     bool
	limit     int
	folder    string // where datapackage.json stands, if it is the folder's
}

func (v *validation) run(ctx context.Context) (*validate.Report, error) {
	for _, p := range v.paths {
		known := false
		for name := range v.now.files {
			known = known || within(name, []string{p})
		}
		if !known {
			return nil, fmt.Errorf("%s: %w", p, ErrNotFile)
		}
	}
	in := &validate.Input{ChangedOnly: v.since}
	data, err := v.packageBytes(ctx, v.now)
	if err != nil {
		return nil, err
	}
	if data != nil {
		in.Package, in.PackageError = datapackage.Parse(data)
	}
	before, err := v.basePackage(ctx)
	if err != nil {
		return nil, err
	}
	in.Open = func(ctx context.Context, path string) (*tabular.Table, error) { return v.table(ctx, v.now, path) }
	in.OpenBase = func(ctx context.Context, path string) (*tabular.Table, error) { return v.table(ctx, v.base, path) }
	if in.Package != nil {
		v.lookForFiles(in, before)
	}
	for _, path := range v.now.paths() {
		if !within(path, v.paths) {
			continue
		}
		t := validate.Table{Path: path, Redescribed: validate.Redescribed(before, in.Package, path)}
		if t.Now, err = in.Open(ctx, path); err != nil {
			return nil, err
		}
		if t.Base, err = in.OpenBase(ctx, path); err != nil {
			return nil, err
		}
		if t.Now != nil {
			in.Tables = append(in.Tables, t)
		}
	}
	cache := &sumCache{open: sync.OnceValue(func() *statCache { return v.r.openCache(sumPrefix) })}
	report, err := validate.Run(ctx, in, &validate.Options{
		Limit: v.limit, Cache: cache,
		Progress: func(done, total int64) { v.r.o.Progress("checking rows", done, total) },
	})
	if err == nil && cache.used.Load() {
		cache.open().save(ctx)
	}
	return report, err
}

// lookForFiles notes which files are described and not there, or are no tables. What
// was no better before, and described, is an older matter.
func (v *validation) lookForFiles(in *validate.Input, before *datapackage.Package) {
	older := func(path string, wasFine bool) bool {
		if !within(path, v.paths) {
			return true
		}
		if !v.since || before == nil || wasFine {
			return false
		}
		_, known := before.Resource(path)
		return known
	}
	there := func(path string) bool {
		_, ok := v.now.files[path]
		return ok
	}
	for _, path := range validate.Absent(in.Package, there) {
		if _, had := v.base.files[path]; !older(path, had) {
			in.Absent = append(in.Absent, path)
		}
	}
	for _, path := range v.now.paths() {
		e := v.now.files[path]
		if e.Type != object.TypeFile || !validate.DescribedTable(in.Package, path) {
			continue
		}
		if was, had := v.base.files[path]; !older(path, had && was.Type == object.TypeTable) {
			in.NoTables = append(in.NoTables, path)
		}
	}
}

// sumCache is read when it is first asked for: without rules about tables it is not.
// It implements [validate.Cache].
type sumCache struct {
	open func() *statCache
	used atomic.Bool
}

// Get implements [validate.Cache].
func (c *sumCache) Get(key object.ID) ([]byte, bool) {
	c.used.Store(true)
	return c.open().Get(key)
}

// Put implements [validate.Cache].
func (c *sumCache) Put(key, group object.ID, data []byte) {
	c.used.Store(true)
	c.open().Put(key, group, data)
}

// table opens the table at a path; nil if there is none.
func (v *validation) table(ctx context.Context, files *fileSet, path string) (*tabular.Table, error) {
	e, ok := files.files[path]
	if !ok || e.Type != object.TypeTable {
		return nil, nil
	}
	return tabular.Open(ctx, v.objects, e.ID)
}

// packageBytes returns a tree's datapackage.json; nil if there is none.
func (v *validation) packageBytes(ctx context.Context, files *fileSet) ([]byte, error) {
	if v.folder != "" && files == v.now {
		data, err := os.ReadFile(filepath.Join(v.folder, datapackage.FileName))
		if err == nil || !errors.Is(err, os.ErrNotExist) {
			return data, err
		}
		return nil, nil
	}
	e, ok := files.files[datapackage.FileName]
	if !ok || e.Type != object.TypeFile {
		return nil, nil
	}
	var b bytes.Buffer
	if err := writeEntry(ctx, v.objects, &b, e); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// basePackage returns the datapackage.json of the base; nil if it has none that can
// be read.
func (v *validation) basePackage(ctx context.Context) (*datapackage.Package, error) {
	data, err := v.packageBytes(ctx, v.base)
	if err != nil || data == nil {
		return nil, err
	}
	pkg, err := datapackage.Parse(data)
	if err != nil {
		return nil, nil // what was wrong before says nothing about now
	}
	return pkg, nil
}
