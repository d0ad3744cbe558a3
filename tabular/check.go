package tabular

import (
	"context"
	"fmt"

	"github.com/constl/constl/object"
)

// Check reads the whole table and builds it anew in memory, to see that its
// rows, cut and encoded by the rules, give the very same id. It fails with an
// error that wraps [object.ErrCorrupt] if they do not, or as the table's reader
// does. Only a program that breaks the rules, or a person who means harm, makes
// a table that reads well and fails here.
func (t *Table) Check(ctx context.Context) error {
	b := NewBuilder(ctx, forgetful{}, t.width, t.Schema.ChunkColumns(), nil)
	defer b.Close()
	err := MapGroups(ctx, t, 0, func(ctx context.Context, g *Group) (Rows, error) { return g.RowsOf(ctx) }, b.Add)
	if err != nil {
		return fmt.Errorf("check table %s: %w", t.ID.Short(), err)
	}
	id, err := b.Finish(t.Schema, t.Layout)
	if err != nil {
		return fmt.Errorf("check table %s: %w", t.ID.Short(), err)
	}
	if id != t.ID {
		return &object.CorruptError{ID: t.ID, Err: fmt.Errorf("%w: a table that was not cut or encoded by the rules: its rows make %s", object.ErrCorrupt, id)}
	}
	return nil
}

// forgetful is a store that only names what it is given.
type forgetful struct{}

func (forgetful) Get(_ context.Context, id object.ID) (object.Object, error) {
	return nil, object.NotFound(id)
}

func (forgetful) Has(context.Context, object.ID) (bool, error) { return false, nil }

func (forgetful) Put(_ context.Context, o object.Object, _ ...object.ID) (object.ID, error) {
	return o.ID(), o.Check()
}
