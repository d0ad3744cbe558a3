package diffview

import (
	"context"

	"github.com/constl/constl/internal/changes"
)

// Document is the difference as scripts read it; its JSON form never loses a
// member. It is exact: rows of a table without a key are added or deleted.
type Document struct {
	Tables []TableDocument `json:"tables"`
	Files  []FileDocument  `json:"files"`
}

// FileDocument is a file that differs and is no table.
type FileDocument struct {
	Path   string `json:"path"`
	Status string `json:"status"`
}

// TableDocument is a table that differs.
type TableDocument struct {
	Path          string                 `json:"path"`
	Status        string                 `json:"status"`
	Added         int64                  `json:"added"`
	Deleted       int64                  `json:"deleted"`
	Modified      int64                  `json:"modified"`
	CellsChanged  int64                  `json:"cells_changed"`
	Moved         int64                  `json:"moved"`
	Key           []string               `json:"key"`
	SchemaChanges []changes.SchemaChange `json:"schema_changes"`
	Note          string                 `json:"note,omitempty"`
	Rows          []RowDocument          `json:"rows,omitempty"`
}

// RowDocument is a row that differs. Rows are counted from 1.
type RowDocument struct {
	Change string         `json:"change"`
	Key    []string       `json:"key,omitempty"`
	RowOld int64          `json:"row_old,omitempty"`
	RowNew int64          `json:"row_new,omitempty"`
	Values []string       `json:"values,omitempty"`
	Cells  []CellDocument `json:"cells,omitempty"`
}

// CellDocument is a cell that differs.
type CellDocument struct {
	Column string `json:"column"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

// JSON returns the document of a difference, with the rows if they are asked for.
// It fails as the tables' stores do.
func JSON(ctx context.Context, s *changes.Set, rows bool) (*Document, error) {
	doc := &Document{Tables: []TableDocument{}, Files: []FileDocument{}}
	for _, t := range s.Tables {
		n := t.Counts
		td := TableDocument{
			Path: t.Path, Status: t.Status, Added: n.Added, Deleted: n.Deleted, Modified: n.Modified, CellsChanged: n.Cells,
			Moved: n.Moved, Key: append([]string{}, t.Key...), SchemaChanges: append([]changes.SchemaChange{}, t.Schema...), Note: t.Note,
		}
		if rows {
			td.Rows = []RowDocument{}
			for row, err := range t.Rows(ctx) {
				if err != nil {
					return nil, err
				}
				rd := RowDocument{Change: string(row.Kind), Key: row.Key, RowOld: row.Old, RowNew: row.New, Values: row.Values}
				for _, c := range row.Cells {
					rd.Cells = append(rd.Cells, CellDocument{c.Column, c.Old, c.New})
				}
				td.Rows = append(td.Rows, rd)
			}
		}
		doc.Tables = append(doc.Tables, td)
	}
	for _, f := range s.Files {
		doc.Files = append(doc.Files, FileDocument{f.Path, f.Status})
	}
	return doc, nil
}
