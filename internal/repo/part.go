package repo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/durable"
)

// ErrPart says that something is not in the part of the dataset that is here, and
// could not be fetched, or cannot be done with a part.
var ErrPart = errors.New("not in the part of the dataset that is here")

// ErrFilter says that a filter makes no sense.
var ErrFilter = errors.New("no such filter")

// Part says which part of a dataset a copy has. Commits are always all there, and the
// trees of those whose content is. The zero Part is everything.
type Part struct {
	// Paths are the files that are here, as path.Match takes them, and folders; none
	// stand for all. datapackage.json is always here.
	Paths []string `json:"paths,omitempty"`
	// Columns are the names of the columns that are here, of tables by their paths, or
	// "*" for all tables. A table that is not named is here with all its columns.
	Columns map[string][]string `json:"columns,omitempty"`
	// Rows are the rows that are here, of tables by their paths.
	Rows map[string]RowRange `json:"rows,omitempty"`
	// Depth is how many of the last versions of each branch and tag are here; 0 is all.
	Depth int `json:"depth,omitempty"`
}

// RowRange are the rows whose cell in a column lies between two values, both
// included: as numbers if all three are numbers, else as texts.
type RowRange struct {
	Column string `json:"column"`
	From   string `json:"from"`
	To     string `json:"to"`
}

// AddFilter narrows the part by a filter that a person wrote:
//
//	table=PATH[,PATH…]                a file, a pattern of files, or a folder
//	columns=[PATH:]NAME[,NAME…]       of that table, or of all
//	rows=PATH:COLUMN:FROM..TO         the rows whose cell lies between, both included
//
// It fails with an error that wraps [ErrFilter].
func (p *Part) AddFilter(text string) error {
	kind, rest, _ := strings.Cut(text, "=")
	if rest == "" {
		return fmt.Errorf("%w: %q; expected table=PATH, columns=PATH:NAME,NAME or rows=PATH:COLUMN:FROM..TO", ErrFilter, text)
	}
	switch kind {
	case "table":
		for _, name := range strings.Split(rest, ",") {
			if _, err := path.Match(name, ""); err != nil || name == "" {
				return fmt.Errorf("%w: %q is no path or pattern", ErrFilter, name)
			}
			p.Paths = append(p.Paths, path.Clean(name))
		}
	case "columns":
		table, names, ok := strings.Cut(rest, ":")
		if !ok {
			table, names = "*", rest
		}
		if p.Columns == nil {
			p.Columns = make(map[string][]string)
		}
		p.Columns[table] = append(p.Columns[table], strings.Split(names, ",")...)
	case "rows":
		words := strings.SplitN(rest, ":", 3)
		if len(words) < 3 {
			return fmt.Errorf("%w: %q; expected rows=PATH:COLUMN:FROM..TO", ErrFilter, text)
		}
		from, to, ok := strings.Cut(words[2], "..")
		if !ok || from == "" || to == "" {
			return fmt.Errorf("%w: %q; expected FROM..TO, found %q", ErrFilter, text, words[2])
		}
		if p.Rows == nil {
			p.Rows = make(map[string]RowRange)
		}
		p.Rows[words[0]] = RowRange{Column: words[1], From: from, To: to}
	default:
		return fmt.Errorf("%w: %q; there are table, columns and rows", ErrFilter, kind)
	}
	return nil
}

// whole reports whether the part is everything. A nil part is.
func (p *Part) whole() bool {
	return p == nil || len(p.Paths) == 0 && len(p.Columns) == 0 && len(p.Rows) == 0 && p.Depth == 0
}

// has reports whether the file is here.
func (p *Part) has(name string) bool {
	if p == nil || len(p.Paths) == 0 || name == datapackage.FileName {
		return true
	}
	return slices.ContainsFunc(p.Paths, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return err == nil && ok || within(name, []string{pattern})
	})
}

// columns returns the names of the columns of a table that are here; nil for all.
func (p *Part) columns(name string) []string {
	if p == nil {
		return nil
	}
	if names, ok := p.Columns[name]; ok {
		return names
	}
	return p.Columns["*"]
}

// rows returns which rows of a table are here, and whether these are not all.
func (p *Part) rows(name string) (RowRange, bool) {
	if p == nil {
		return RowRange{}, false
	}
	r, ok := p.Rows[name]
	return r, ok
}

// cut reports whether only some columns or rows of a table at the path are here.
func (p *Part) cut(name string) bool {
	_, rows := p.rows(name)
	return rows || p.columns(name) != nil
}

// String says in words what is here.
func (p *Part) String() string {
	var words []string
	if p.Depth == 1 {
		words = append(words, "the last version alone")
	} else if p.Depth > 1 {
		words = append(words, fmt.Sprintf("the last %d versions", p.Depth))
	}
	if len(p.Paths) > 0 {
		words = append(words, "files "+strings.Join(p.Paths, ", "))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Columns)) {
		of := " of " + name
		if name == "*" {
			of = " of every table"
		}
		words = append(words, "columns "+strings.Join(p.Columns[name], ", ")+of)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Rows)) {
		r := p.Rows[name]
		words = append(words, fmt.Sprintf("rows of %s with %s from %s to %s", name, r.Column, r.From, r.To))
	}
	return strings.Join(words, "; ")
}

// Part returns which part of the dataset is here, or nil if all of it is.
func (r *Repo) Part() *Part {
	if r.part.whole() {
		return nil
	}
	return r.part
}

func (r *Repo) readPart() error {
	data, err := os.ReadFile(r.path(partFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading which part of the dataset is here: %w", err)
	}
	r.part = &Part{}
	if err := json.Unmarshal(data, r.part); err != nil {
		return fmt.Errorf("reading which part of the dataset is here: %w: %s: %w", object.ErrCorrupt, partFile, err)
	}
	return nil
}

// setPart makes the part what this copy has. The objects must be there before.
func (r *Repo) setPart(p *Part) error {
	// What is known of the folder was found by what the part was.
	err := os.Remove(r.path(statFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("changing which part of the dataset is here: %w", err)
	}
	r.part = p
	if p.whole() {
		r.part = nil
		if err := os.Remove(r.path(partFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("changing which part of the dataset is here: %w", err)
		}
		return nil
	}
	data, err := json.MarshalIndent(p, "", " ")
	if err != nil {
		return fmt.Errorf("changing which part of the dataset is here: %w", err)
	}
	return durable.WriteFile(r.path(partFile), append(data, '\n'), 0o644)
}

// Widen says how a part is to grow.
type Widen struct {
	Tables  bool // all files
	Columns bool // all columns and rows
	History bool // all versions
}

// Any reports whether the part is to grow at all.
func (w Widen) Any() bool { return w.Tables || w.Columns || w.History }

// of returns the part when it has grown.
func (w Widen) of(p *Part) *Part {
	next := *p
	if w.Tables {
		next.Paths = nil
	}
	if w.Columns {
		next.Columns, next.Rows = nil, nil
	}
	if w.History {
		next.Depth = 0
	}
	return &next
}

// Complete fetches what the part lacks to have grown, from any remote that has it,
// and puts it into the folder. Files with uncommitted changes that would be lost fail
// it with a [*DirtyError]. A copy that has everything already is left as it is.
func (r *Repo) Complete(ctx context.Context, w Widen) (*FetchResult, error) {
	res := &FetchResult{}
	if r.part.whole() {
		return res, nil
	}
	from, unlock, err := r.start(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	next := w.of(r.part)
	roots, err := r.roots(ctx)
	if err != nil {
		return nil, err
	}
	stats, err := r.fill(ctx, func(ctx context.Context) (asks, error) { return r.lacking(ctx, next, roots) })
	res.Objects, res.Bytes = stats.Objects, stats.BytesIn+stats.BytesOut
	if err != nil {
		return res, err
	}
	files, err := r.filesAt(ctx, from.Commit)
	if err != nil {
		return res, err
	}
	before, err := r.shown(ctx, files)
	if err != nil {
		return res, err
	}
	changed, err := r.changes(ctx, files, nil)
	if err != nil {
		return res, err
	}
	if err := r.unveil(ctx, next, files, before, changed); err != nil {
		return res, err
	}
	return res, r.setPart(next)
}

// adopt takes the files into the part that were recorded and were not in it.
func (r *Repo) adopt(s *snapshot) error {
	if r.part.whole() {
		return nil
	}
	next := *r.part
	next.Paths = slices.Clone(next.Paths)
	for _, f := range s.files {
		if _, recorded := s.result.files[f.Path]; recorded && !next.has(f.Path) {
			next.Paths = append(next.Paths, f.Path)
		}
	}
	if len(next.Paths) == len(r.part.Paths) {
		return nil
	}
	return r.setPart(&next)
}

// unveil puts into the folder what it did not show before the part became next.
func (r *Repo) unveil(ctx context.Context, next *Part, files, before *fileSet, changed []FileChange) error {
	was := r.part
	r.part = next
	defer func() { r.part = was }()
	after, err := r.shown(ctx, files)
	if err != nil {
		return err
	}
	write, _ := differences(before, after)
	var dirty []string
	for _, c := range changed {
		if _, ok := slices.BinarySearch(write, c.Path); ok {
			dirty = append(dirty, c.Path)
		}
	}
	if len(dirty) > 0 {
		return &DirtyError{Paths: dirty}
	}
	return r.putFiles(ctx, r.store, files, write, nil)
}
