// Package tabular understands tables: schemas, cells, and the column-chunked
// table that a dataset stores, built, read and compared row by row and cell by
// cell.
//
// A table is a schema, a layout and rows in the file's own order. Rows are cut
// into row groups where the hash of a row's key says so, and within a group
// each column is a segment of its own, so that a changed cell rewrites one
// segment, an inserted row moves no other boundary, and an added column shares
// all the rest. Above the groups stands a tree of nodes with content-defined
// fan-out; whatever two tables have in common has the same id and is skipped.
//
// The id of a table depends only on its schema, its layout and its rows, never
// on the edits that led there. Every cell keeps its exact text. FORMAT.md
// beside this file specifies all of it.
//
// A [Builder] makes a table from rows, [Open] reads one, [Table.ForEach] and
// [MapGroups] go through it with several goroutines, [Table.Range] reads some
// rows and columns, and [Compare] tells what became of its fields, rows and
// cells since another:
//
//	b := tabular.NewBuilder(ctx, batch, len(schema.Fields), schema.ChunkColumns(), nil)
//	defer b.Close()
//	for rows := range parsed {
//		if err := b.Add(rows); err != nil {
//			return err
//		}
//	}
//	id, err := b.Finish(schema, layout)
//
// The package knows no file format: codecs such as tabular/csv turn the bytes
// of a file into [Rows] and a [Layout], and back.
package tabular
