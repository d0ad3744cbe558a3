package tabular

import (
	"context"
	"sync"

	"github.com/constl/constl/object"
)

// parentIndex finds, for every object of a new table, the object that stood in
// its place in the parent's table and that a store may encode it against.
// Nothing of it enters an id. It is for one goroutine.
type parentIndex struct {
	table  *Table
	levels []parentLevel // 0: row groups
}

type parentLevel struct {
	places []child
	byTail map[uint64]int
	next   int
}

// readParent reads the tree of a parent table; nil has none.
func readParent(ctx context.Context, t *Table) (*parentIndex, error) {
	p := &parentIndex{table: t}
	if t == nil || t.Rows == 0 {
		return p, nil
	}
	p.levels = make([]parentLevel, t.height+1)
	p.levels[t.height].places = []child{t.root}
	for h := t.height; h > 0; h-- {
		for _, c := range p.levels[h].places {
			children, err := t.node(ctx, c, h)
			if err != nil {
				return nil, err
			}
			p.levels[h-1].places = append(p.levels[h-1].places, children...)
		}
	}
	for h := range p.levels {
		level := &p.levels[h]
		level.byTail = make(map[uint64]int, len(level.places))
		for i := len(level.places) - 1; i >= 0; i-- {
			level.byTail[level.places[i].tail] = i
		}
	}
	return p, nil
}

// match returns what stood where an object with the given tail now stands: the
// one with the same tail, or else the next in order. ok is false if the parent
// has nothing at that height.
func (p *parentIndex) match(height int, tail uint64) (c child, ok bool) {
	if height >= len(p.levels) {
		return child{}, false
	}
	level := &p.levels[height]
	i, found := level.byTail[tail]
	if !found {
		i = min(level.next, len(level.places)-1)
	}
	level.next = i + 1
	return level.places[i], true
}

// segmentLinks returns the ids of a group's segments, the zero ID where there is
// none. columns holds the table's column for each that is asked for, or -1; the
// exceptions come last.
func segmentLinks(ctx context.Context, t *Table, c child, columns []int) ([]object.ID, error) {
	g, err := t.Group(ctx, GroupRef{ID: c.id, Rows: int(c.rows), Tail: c.tail})
	if err != nil {
		return nil, err
	}
	links := make([]object.ID, len(columns)+1)
	for i, col := range columns {
		if col >= 0 && col < g.width {
			links[i] = g.segments[col].link
		}
	}
	links[len(columns)] = g.segments[g.width].link
	return links, nil
}

// olderIndex finds what a table of an earlier version has where an object of the
// new table stands. It reads that table when it is first asked. It is safe for
// use by several goroutines.
type olderIndex struct {
	Older
	once   sync.Once
	levels []parentLevel
}

// match returns what ends with the given tail, or the zero child.
func (o *olderIndex) match(ctx context.Context, height int, tail uint64) child {
	o.once.Do(func() {
		if p, err := readParent(ctx, o.Table); err == nil {
			o.levels = p.levels
		}
	})
	if height >= len(o.levels) {
		return child{}
	}
	i, ok := o.levels[height].byTail[tail]
	if !ok {
		return child{}
	}
	return o.levels[height].places[i]
}

// segments returns what stands in place of the segments of the group with the
// given tail, the zero ID where there is nothing.
func (o *olderIndex) segments(ctx context.Context, tail uint64) []object.ID {
	if c := o.match(ctx, 0, tail); !c.id.IsZero() {
		if links, err := segmentLinks(ctx, o.Table, c, o.Columns); err == nil {
			return links
		}
	}
	return make([]object.ID, len(o.Columns)+1)
}
