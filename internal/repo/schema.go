package repo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// SavePackage writes what the state's package says now into the folder's
// datapackage.json, and reports whether anything was to be written. The state must
// be that of the folder. It fails with [ErrChanging] if a person has changed the
// file meanwhile.
func (st *State) SavePackage() (changed bool, err error) {
	data := st.Package.Bytes()
	if bytes.Equal(data, st.pkgOld) {
		return false, nil
	}
	stage, err := worktree.NewStage(st.r.Dir)
	if err != nil {
		return false, err
	}
	defer stage.Close()
	err = stage.Write(datapackage.FileName, false, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err == nil {
		err = st.r.samePackage(st.pkgOld)
	}
	if err == nil {
		err = stage.Apply()
	}
	if err == nil {
		st.pkgOld = data
	}
	return err == nil, err
}

// Inferred is what a table's cells alone say of its fields, beside what is stated.
type Inferred struct {
	Path    string
	Changes []InferredField
	// Key is the inferred primary key, and OldKey the stated one.
	Key, OldKey []string
}

// InferredField is a field whose stated type is not the inferred one.
type InferredField struct {
	Name     string
	Old, New tabular.Type
}

// Infer reads the files of the folder's tables as if nobody had said anything of
// them, and returns what differs from what the state has; tables of which nothing
// does are left out.
func (st *State) Infer(ctx context.Context) ([]Inferred, error) {
	var out []Inferred
	for _, t := range st.Tables {
		res, err := st.r.readBare(ctx, t.Path)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", t.Path, err)
		}
		inf := Inferred{Path: t.Path, Key: fieldNames(res.Schema, res.Schema.Key), OldKey: fieldNames(t.Table.Schema, t.Table.Schema.Key)}
		for i, f := range res.Schema.Fields {
			if i < len(t.Fields) && t.Fields[i].Type != f.Type {
				inf.Changes = append(inf.Changes, InferredField{t.Fields[i].Name, t.Fields[i].Type, f.Type})
			}
		}
		if len(inf.Changes) > 0 || !slices.Equal(inf.Key, inf.OldKey) {
			out = append(out, inf)
		}
	}
	return out, nil
}

// readBare reads a file of the folder as a table that nothing is known of.
func (r *Repo) readBare(ctx context.Context, path string) (*csv.Result, error) {
	file, err := os.Open(filepath.Join(r.Dir, filepath.FromSlash(path)))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return csv.Read(ctx, &overlay{under: r.store}, file, &csv.ReadOptions{Name: path})
}

// Scan hands over the texts of one field's cells that are not missing, in order and as
// people read them, until see returns false.
func (t *TableState) Scan(ctx context.Context, col int, see func(text string) bool) error {
	missing := t.Fields[col].Said.MissingValues
	for span, err := range t.Table.Range(ctx, 0, t.Table.Rows, []int{col}) {
		if err != nil {
			return err
		}
		for row := span.From; row < span.To; row++ {
			cell := span.Columns[0].At(row)
			if missing == nil && tabular.IsMissing(cell) || slices.Contains(missing, string(cell)) {
				continue
			}
			if !see(t.Text(cell)) {
				return nil
			}
		}
	}
	return nil
}

// Tokens returns, for each of the table's fields, which of the usual words for a
// missing value stand in it, in the order in which they first do; the empty text
// is one of them. Fields for which a person has said what they are have none here.
func (t *TableState) Tokens(ctx context.Context) ([][]string, error) {
	tokens := make([][]string, len(t.Fields))
	for col, f := range t.Fields {
		if f.Said.MissingValues != nil || f.Sketch != nil && f.Sketch.Missing == 0 {
			continue
		}
		for span, err := range t.Table.Range(ctx, 0, t.Table.Rows, []int{col}) {
			if err != nil {
				return nil, err
			}
			for row := span.From; row < span.To; row++ {
				cell := span.Columns[0].At(row)
				if tabular.IsMissing(cell) && !slices.Contains(tokens[col], string(cell)) {
					tokens[col] = append(tokens[col], string(cell))
				}
			}
		}
	}
	return tokens, nil
}
