package tabular

import (
	"bytes"
	"slices"
)

// FieldChange is a field that two tables do not have alike.
type FieldChange struct {
	ID       string
	From, To *Field // as a has it and as b has it; nil where it is missing
	// ColumnA and ColumnB are the field's positions, or -1.
	ColumnA, ColumnB int
	Renamed, Retyped bool
	Moved            bool // stands in another order among the fields of both
}

// Added reports whether only the newer table has the field.
func (c *FieldChange) Added() bool { return c.From == nil }

// Dropped reports whether only the older table has the field.
func (c *FieldChange) Dropped() bool { return c.To == nil }

// compareSchemas sets what the Diff says about fields, keys and layouts.
func (d *Diff) compareSchemas() {
	a, b := d.a.Schema, d.b.Schema
	inA, inB := a.positions(), b.positions()
	var runs []run
	for i, f := range b.Fields {
		if at, ok := inA[f.ID]; ok {
			d.common = append(d.common, fieldPair{at, i})
			runs = append(runs, run{a: int64(at), b: int64(i), weight: 1})
		}
	}
	moved := make(map[int]bool)
	for i, out := range outOfOrder(runs) {
		moved[int(runs[i].a)] = out
	}
	for i, f := range a.Fields {
		if _, ok := inB[f.ID]; !ok {
			d.Fields = append(d.Fields, FieldChange{ID: f.ID, From: &a.Fields[i], ColumnA: i, ColumnB: -1})
		}
	}
	for i, f := range b.Fields {
		at, ok := inA[f.ID]
		if !ok {
			d.Fields = append(d.Fields, FieldChange{ID: f.ID, To: &b.Fields[i], ColumnA: -1, ColumnB: i})
			continue
		}
		old := &a.Fields[at]
		c := FieldChange{ID: f.ID, From: old, To: &b.Fields[i], ColumnA: at, ColumnB: i,
			Renamed: old.Name != f.Name, Retyped: old.Type != f.Type, Moved: moved[at]}
		if c.Renamed || c.Retyped || c.Moved {
			d.Fields = append(d.Fields, c)
		}
	}
	d.KeyChanged = !slices.Equal(a.Key, b.Key)
	d.LayoutChanged = d.a.Layout.Codec != d.b.Layout.Codec || !bytes.Equal(d.a.Layout.Data, d.b.Layout.Data)
	// Exceptions name columns by position.
	d.spelled = len(a.Fields) == len(b.Fields) && len(d.common) == len(b.Fields) &&
		!slices.ContainsFunc(d.common, func(p fieldPair) bool { return p.a != p.b })
}
