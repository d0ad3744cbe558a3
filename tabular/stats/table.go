package stats

import (
	"context"
	"fmt"
	"sync"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
)

// Cache keeps encoded sketches. It must be safe for use by several goroutines.
type Cache interface {
	// Get returns what was put under key, and whether anything was. The caller
	// does not write to it.
	Get(key object.ID) ([]byte, bool)
	// Put keeps the sketch of a segment. It may forget it at any time.
	Put(key, segment object.ID, sketch []byte)
}

// Table returns the sketches of a table's fields, in their order, each read as
// readings says for it; of a field whose reading has no kind it is that of no cells. Sketches of segments that the cache has are not made
// again, others are put there; cache may be nil. progress hears of rows that are
// done; it may be nil. It fails as the table's reader does.
func Table(ctx context.Context, t *tabular.Table, readings []Reading, cache Cache, progress func(rows int64)) ([]*Sketch, error) {
	if len(readings) != len(t.Schema.Fields) {
		panic(fmt.Sprintf("stats: %d readings for %d fields", len(readings), len(t.Schema.Fields)))
	}
	all := make([]*Sketch, len(readings))
	for i := range all {
		all[i] = &Sketch{}
	}
	makers := sync.Pool{New: func() any { return new(Maker) }}
	type described struct {
		rows int
		list []*Sketch
	}
	work := func(ctx context.Context, g *tabular.Group) (described, error) {
		m := makers.Get().(*Maker)
		defer makers.Put(m)
		list := make([]*Sketch, len(readings))
		var err error
		for col := range list {
			if readings[col].Kind == 0 {
				list[col] = &Sketch{}
				continue
			}
			if list[col], err = m.segment(ctx, g, col, readings[col], cache); err != nil {
				return described{}, err
			}
		}
		return described{g.Rows(), list}, nil
	}
	rows := int64(0)
	err := tabular.MapGroups(ctx, t, 0, work, func(d described) error {
		for col, s := range d.list {
			all[col].Join(s)
		}
		rows += int64(d.rows)
		if progress != nil {
			progress(rows)
		}
		return nil
	})
	return all, err
}

// segment returns the sketch of one column of a group.
func (m *Maker) segment(ctx context.Context, g *tabular.Group, col int, r Reading, cache Cache) (*Sketch, error) {
	var id, key object.ID
	if cache != nil {
		id, _ = g.SegmentID(col)
		key = r.Key(id)
		if data, ok := cache.Get(key); ok {
			if s, err := Decode(data); err == nil && s.Cells == int64(g.Rows()) {
				return s, nil
			}
		}
	}
	c, err := g.Column(ctx, col)
	if err != nil {
		return nil, err
	}
	s, ok := m.OfColumn(c, r)
	if !ok {
		cells, err := g.Cells(ctx, col)
		if err != nil {
			return nil, err
		}
		s = m.Of(cells, nil, r)
	}
	if cache != nil {
		cache.Put(key, id, s.Encode())
	}
	return s, nil
}
