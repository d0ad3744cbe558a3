package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// writePackage brings datapackage.json in step with the tables that were
// recorded: what people wrote there stays. It is made with the first tables of a
// dataset; so one that a person has removed stays away.
func (s *snapshot) writePackage(ctx context.Context) error {
	if s.pkg == nil {
		if s.base.hasTables() || !slices.ContainsFunc(s.recorded, func(rec Recorded) bool { return rec.Table != nil }) {
			return nil
		}
		chain, err := s.r.refs.Chain()
		if err != nil {
			return err
		}
		s.pkg = datapackage.New(chain.Current().Name, chain.Current().Name)
	}
	var unclear RenameError
	for _, rec := range s.recorded {
		if rec.Table == nil {
			continue
		}
		ch, err := describeTable(s.pkg, rec.Path, rec.Table)
		if err != nil {
			return err
		}
		if len(ch.Kept) > 0 && len(ch.Added) > 0 {
			unclear.Tables = append(unclear.Tables, RenamedTable{rec.Path, ch.Kept, ch.Added})
		}
	}
	for path := range s.base.files {
		if _, there := s.result.files[path]; !there {
			s.pkg.DropResource(path)
		}
	}
	if s.askRenames && len(unclear.Tables) > 0 {
		return &unclear
	}
	data := s.pkg.Bytes()
	if bytes.Equal(data, s.pkgOld) {
		return nil
	}
	return s.putPackage(ctx, data)
}

// describeTable enters a table's fields and key, and how the file is written, where
// people have not.
func describeTable(pkg *datapackage.Package, name string, table *TableInfo) (datapackage.FieldChanges, error) {
	schema := table.Schema
	fields := describedFields(schema)
	key := fieldNames(schema, schema.Key)
	if res, known := pkg.Resource(name); known {
		return res.SetFields(fields), nil
	}
	t := datapackage.Table{Fields: fields, PrimaryKey: key, KeyInferred: table.KeyInferred}
	if l := table.layout; l != nil {
		t.Dialect = datapackage.Dialect{Delimiter: string(rune(l.Delimiter)), NoHeader: !l.Header}
		if l.Comment != 0 {
			t.Dialect.CommentChar = string(rune(l.Comment))
		}
		if l.Encoding != csv.UTF8 {
			t.Encoding = l.Encoding.String()
		}
	}
	_, err := pkg.AddResource(name, t)
	if errors.Is(err, datapackage.ErrPath) {
		err = nil // the standard bars hidden files
	}
	return datapackage.FieldChanges{}, err
}

func describedFields(schema *tabular.Schema) []datapackage.Field {
	fields := make([]datapackage.Field, len(schema.Fields))
	for i := range fields {
		fields[i] = datapackage.Field{Name: columnName(schema, i), Type: string(schema.Fields[i].Type)}
	}
	return fields
}

// putPackage records the new datapackage.json, and makes it ready for the folder.
func (s *snapshot) putPackage(ctx context.Context, data []byte) error {
	var err error
	if s.pkgStage, err = worktree.NewStage(s.r.Dir); err != nil {
		return err
	}
	err = s.pkgStage.Write(datapackage.FileName, false, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	blob, err := object.WriteBlob(ctx, s.rw, bytes.NewReader(data))
	if err != nil {
		return err
	}
	s.result.files[datapackage.FileName] = object.TreeEntry{
		Name: datapackage.FileName, Type: object.TypeFile, ID: blob.ID, Size: blob.Size, Sum: blob.Sum,
	}
	return nil
}

// placePackage puts the new datapackage.json into the folder, if there is one. It
// fails with [ErrChanging] if a person has changed the file meanwhile.
func (s *snapshot) placePackage() error {
	if s.pkgStage == nil {
		return nil
	}
	if err := s.r.samePackage(s.pkgOld); err != nil {
		return err
	}
	return s.pkgStage.Apply()
}

// samePackage fails with [ErrChanging] unless the folder's datapackage.json is as
// it was read; nil stands for none.
func (r *Repo) samePackage(old []byte) error {
	now, err := os.ReadFile(filepath.Join(r.Dir, datapackage.FileName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if !bytes.Equal(now, old) {
		return fmt.Errorf("%s: %w", datapackage.FileName, ErrChanging)
	}
	return nil
}

// close drops what was made ready and not put in place.
func (s *snapshot) close() {
	if s.pkgStage != nil {
		_ = s.pkgStage.Close() // what is left lies in the store's folder, where nobody minds it
	}
}

// declared returns the schema with the types and the key that datapackage.json
// states for the table at path. Where it says nothing the schema stays as it is.
func (s *snapshot) declared(path string, schema *tabular.Schema) *tabular.Schema {
	res, ok := s.resource(path)
	if !ok {
		return schema
	}
	changed := *schema
	changed.Fields = slices.Clone(schema.Fields)
	types := make(map[string][]string)
	for _, f := range res.Fields() {
		types[f.Name] = append(types[f.Name], f.Type)
	}
	for i := range changed.Fields {
		name := columnName(schema, i)
		if list := types[name]; len(list) > 0 {
			types[name] = list[1:]
			if list[0] != "" {
				changed.Fields[i].Type = tabular.Type(list[0])
			}
		}
	}
	if key, ok := fieldIDs(schema, res.PrimaryKey()); ok {
		changed.Key = key
	}
	return &changed
}

// resource returns what datapackage.json says of the table at path.
func (s *snapshot) resource(path string) (*datapackage.Resource, bool) {
	if s.pkg == nil {
		return nil, false
	}
	return s.pkg.Resource(path)
}

// fieldIDs returns the ids of the fields of the given names, and whether the
// table has all of them.
func fieldIDs(schema *tabular.Schema, names []string) ([]string, bool) {
	var ids []string
	for _, name := range names {
		i := columnOf(schema, name)
		if i < 0 {
			return nil, false
		}
		ids = append(ids, schema.Fields[i].ID)
	}
	return ids, true
}

// redeclare returns the table with what datapackage.json states now; its rows
// stay as they are.
func (s *snapshot) redeclare(ctx context.Context, path string, id object.ID) (object.ID, *TableInfo, error) {
	res, ok := s.resource(path)
	if !ok || len(res.Fields()) == 0 {
		return id, nil, nil
	}
	t, err := tabular.Open(ctx, s.r.store, id)
	if err != nil {
		return id, nil, err
	}
	schema := s.declared(path, t.Schema)
	if slices.Equal(schema.Fields, t.Schema.Fields) && slices.Equal(schema.Key, t.Schema.Key) {
		return id, nil, nil
	}
	id, err = tableEdits{}.applyAs(ctx, s.rw, t, schema)
	return id, &TableInfo{ID: id, Rows: t.Rows, Schema: schema}, err
}
