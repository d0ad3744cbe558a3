package repo

import (
	"context"
	"fmt"
	"slices"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/metadata"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/stats"
)

// TableState is a table of one version, with what is said and known of its fields.
type TableState struct {
	Path   string
	Table  *tabular.Table
	Fields []FieldState
	// Said is what datapackage.json says of the file; nil if it does not name it.
	Said *datapackage.Resource
	// Text returns how a cell's bytes read, whatever encoding the file is in.
	Text func(cell []byte) string
}

// FieldState is a field of one version of a table.
type FieldState struct {
	Name string
	Type tabular.Type
	Key  bool // it belongs to the primary key
	// Said is what datapackage.json says of it; only its name is set if it is not
	// named there.
	Said datapackage.FieldDetails
	// Sketch describes its cells; nil unless it was asked for.
	Sketch *stats.Sketch
	// Kind is what the sketch read the cells as.
	Kind stats.Kind
}

// StateOptions say what [Repo.State] returns.
type StateOptions struct {
	// Folder takes the folder as it is now instead of a commit.
	Folder bool
	// Paths restricts the tables to these files and folders; none stand for all.
	Paths []string
	// Statistics asks for the fields' sketches.
	Statistics bool
}

// State is a version of the dataset, laid open to be described.
type State struct {
	Commit  object.ID            // zero for the folder
	Package *datapackage.Package // never nil; it says nothing if there is no datapackage.json
	Tables  []*TableState        // sorted by path
	Files   []string             // the paths of everything else, sorted

	r       *Repo
	set     *fileSet
	objects object.Reader
	pkgOld  []byte     // what lies in the folder
	made    *statCache // sketches that were made while the folder was read; nil if none were
}

// State lays a version open; an empty rev is what is checked out. The result reads
// from the dataset, which must stay open. Sketches of segments that were described
// before are taken from the store's cache. It fails with [ErrNotFile] if a path
// names no table.
func (r *Repo) State(ctx context.Context, rev string, o StateOptions) (*State, error) {
	st := &State{r: r, objects: r.store}
	var err error
	if o.Folder {
		err = r.stateOfFolder(ctx, st, o.Statistics)
	} else {
		err = r.stateOfCommit(ctx, st, rev)
	}
	if err != nil {
		return nil, err
	}
	if st.Package == nil {
		st.Package = datapackage.New("", "")
	}
	for _, path := range st.set.paths() {
		if e := st.set.files[path]; e.Type != object.TypeTable {
			st.Files = append(st.Files, path)
		} else if within(path, o.Paths) {
			t, err := st.table(ctx, path, e)
			if err != nil {
				return nil, err
			}
			st.Tables = append(st.Tables, t)
		}
	}
	for _, path := range o.Paths {
		if !slices.ContainsFunc(st.Tables, func(t *TableState) bool { return within(t.Path, []string{path}) }) {
			return nil, fmt.Errorf("%s is no table here: %w", path, ErrNotFile)
		}
	}
	if o.Statistics {
		return st, r.sketch(ctx, st.Tables, st.made)
	}
	return st, nil
}

func (r *Repo) stateOfCommit(ctx context.Context, st *State, rev string) (err error) {
	if st.Commit, err = r.Resolve(ctx, rev); err != nil {
		return err
	}
	if st.set, err = r.filesAt(ctx, st.Commit); err != nil {
		return err
	}
	st.Package, err = r.packageAt(ctx, st.Commit)
	return err
}

// stateOfFolder takes the folder as a commit would record it, datapackage.json
// filled in, with sketches of what is new if they are asked for.
func (r *Repo) stateOfFolder(ctx context.Context, st *State, sketches bool) error {
	objects := &overlay{under: r.store}
	base, err := r.stateAt(ctx, "")
	if err != nil {
		return err
	}
	s, err := r.newSnapshot(ctx, objects, base, nil)
	if err != nil {
		return err
	}
	defer s.close()
	s.describe = true
	if sketches {
		st.made = r.newStatCache()
		s.sketches = newSketcher(st.made)
	}
	if _, err := s.take(ctx); err != nil {
		return err
	}
	s.finish()
	st.set, st.Package, st.objects, st.pkgOld = s.result, s.pkg, objects, s.pkgOld
	return nil
}

func (st *State) table(ctx context.Context, path string, e object.TreeEntry) (*TableState, error) {
	t, err := tabular.Open(ctx, st.objects, e.ID)
	if err != nil {
		return nil, err
	}
	ts := &TableState{Path: path, Table: t, Text: cellText(t)}
	var said []datapackage.FieldDetails
	if res, ok := st.Package.Resource(path); ok {
		ts.Said, said = res, res.FieldDetails()
	}
	find := byTurn(said)
	for i, f := range t.Schema.Fields {
		state := FieldState{Name: columnName(t.Schema, i), Type: f.Type, Key: slices.Contains(t.Schema.Key, f.ID)}
		state.Said = find(state.Name)
		state.Kind = stats.KindOf(f.Type)
		ts.Fields = append(ts.Fields, state)
	}
	return ts, nil
}

// Statistics puts the sketch, which must be there, in words.
func (f *FieldState) Statistics(text func([]byte) string) *metadata.Statistics {
	whole := f.Type == tabular.TypeInteger || f.Type == tabular.TypeYear
	return metadata.StatisticsOf(f.Sketch, f.Kind, whole, text)
}

// readingOf is how a field's cells are to be read after what is said of it.
func readingOf(kind stats.Kind, said *datapackage.FieldDetails) stats.Reading {
	r := stats.Reading{Kind: kind, Missing: said.MissingValues}
	if kind == stats.Number && len(said.DecimalChar) == 1 {
		r.DecimalChar = said.DecimalChar[0]
	}
	if kind == stats.Number && len(said.GroupChar) == 1 {
		r.GroupChar = said.GroupChar[0]
	}
	if (kind == stats.Day || kind == stats.Moment || kind == stats.Daytime) && said.Format != "default" && said.Format != "any" {
		r.Layout = said.Format
	}
	return r
}

// sketch describes the tables' fields, with what is kept and what made holds.
func (r *Repo) sketch(ctx context.Context, tables []*TableState, made *statCache) error {
	cache := r.openStatCache()
	if made != nil {
		cache.fresh = made.fresh
	}
	total, done := int64(0), int64(0)
	for _, t := range tables {
		total += t.Table.Rows
	}
	for _, t := range tables {
		readings := make([]stats.Reading, len(t.Fields))
		for i := range t.Fields {
			readings[i] = readingOf(t.Fields[i].Kind, &t.Fields[i].Said)
		}
		list, err := stats.Table(ctx, t.Table, readings, cache, func(rows int64) {
			r.o.Progress("describing rows", done+rows, total)
		})
		if err != nil {
			return fmt.Errorf("describing %s: %w", t.Path, err)
		}
		for i, s := range list {
			t.Fields[i].Sketch = s
		}
		done += t.Table.Rows
	}
	cache.save(ctx)
	return nil
}

// KeyNames returns the names of the primary key's fields in order; none if there
// is no key. The caller owns the slice.
func (t *TableState) KeyNames() []string { return fieldNames(t.Table.Schema, t.Table.Schema.Key) }
