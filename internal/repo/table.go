package repo

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// storeTable reads the file as a table. An entry without an id says that it is
// none, and the note why.
func (s *snapshot) storeTable(ctx context.Context, f worktree.File, old object.TreeEntry, known bool) (entry object.TreeEntry, note *Recorded, err error) {
	o := &csv.ReadOptions{Name: f.Path, KeepTrace: s.describe && f.Size >= minTraced}
	if known && old.Type == object.TypeTable {
		if o.Parent, err = tabular.Open(ctx, s.r.store, old.ID); err != nil {
			return entry, nil, err
		}
		o.Older = s.olderTables(ctx, f.Path, old.ID)
		if f.Size >= minTraced {
			o.Trace = s.r.traceOf(old.ID)
		}
	}
	var said []datapackage.FieldDetails
	if res, ok := s.resource(f.Path); ok && len(res.Fields()) > 0 {
		said = res.FieldDetails()
		o.Types = make(map[string]tabular.Type)
		for _, field := range res.Fields() {
			if _, twice := o.Types[field.Name]; !twice && field.Type != "" {
				o.Types[field.Name] = tabular.Type(field.Type)
			}
		}
		o.Key = append([]string{}, res.PrimaryKey()...)
	}
	var sketch *tableSketch
	if s.sketches != nil {
		sketch = s.sketches.table(ctx, o, said)
	}
	var res *csv.Result
	err = s.reading(f, func(file io.Reader) error {
		res, err = csv.Read(ctx, s.rw, file, o)
		return err
	})
	note = &Recorded{Path: f.Path}
	if errors.Is(err, csv.ErrNotTable) {
		note.Note = "kept as a plain file, byte for byte: " + strings.TrimPrefix(err.Error(), csv.ErrNotTable.Error()+": ")
		return entry, note, nil
	}
	if err != nil {
		return entry, nil, err
	}
	if sketch != nil {
		if err := sketch.finish(s.rw, res); err != nil {
			return entry, nil, err
		}
	}
	s.r.keepTrace(old.ID, res.Trace)
	note.Table = &TableInfo{ID: res.Table, Rows: res.Rows, Schema: res.Schema, New: o.Parent == nil, KeyInferred: res.KeyInferred, layout: res.Layout}
	note.Note = strings.Join(res.Notes(), "; ")
	return object.TreeEntry{Type: object.TypeTable, ID: res.Table, Size: res.Size, Sum: res.Sum}, note, nil
}

// encodingOf returns the encoding of a table's file.
func encodingOf(t *tabular.Table) csv.Encoding {
	l, err := csv.DecodeLayout(t.Layout)
	if err != nil {
		return csv.UTF8
	}
	return l.Encoding
}

func writeTable(ctx context.Context, w io.Writer, t *tabular.Table) error {
	return csv.Write(ctx, w, t, nil)
}

func writeRows(ctx context.Context, w io.Writer, t *tabular.Table, from, to int64, cols []int) error {
	return csv.WriteRows(ctx, w, t, &csv.RowsOptions{From: from, To: to, Columns: cols})
}

// codecs are the file formats that tables are merged in.
func codecs() map[string]merge.Codec {
	return map[string]merge.Codec{csv.Codec: csv.Merger{}, csv.GzipCodec: csv.Merger{}}
}
