package repo

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/constl/constl/internal/datapackage"
	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
	"github.com/constl/constl/tabular/stats"
)

// sketcher makes the sketches of the segments that a snapshot records, while their
// cells are at hand, so that nobody has to read them again to show statistics.
type sketcher struct {
	cache  *statCache
	makers sync.Pool // *stats.Maker
}

func newSketcher(cache *statCache) *sketcher {
	return &sketcher{cache: cache, makers: sync.Pool{New: func() any { return new(stats.Maker) }}}
}

// tableSketch is what a sketcher knows of one table while that is read.
type tableSketch struct {
	*sketcher
	ctx     context.Context
	made    *statCache              // moved into the sketcher's when the table is whole
	types   map[string]tabular.Type // that people have declared
	columns []columnSketch
	costly  atomic.Int64 // cells seen so far of segments that hardly repeat any
}

// maxCostly is of how many cells that hardly repeat a commit makes sketches, for each
// table. If it made them of 2 million rows with 4 such fields of 10, it would be slower
// by a third; so whoever first asks for the statistics makes the rest.
const maxCostly = 1 << 19

type columnSketch struct {
	name  string
	said  datapackage.FieldDetails
	kinds atomic.Uint32 // as what segments were read, one bit each
}

// table returns what is to see the segments of a table that is read with o. said is
// what people say of its fields.
func (k *sketcher) table(ctx context.Context, o *csv.ReadOptions, said []datapackage.FieldDetails) *tableSketch {
	t := &tableSketch{sketcher: k, ctx: ctx, types: o.Types, made: k.cache.r.newStatCache()}
	o.Watch = func(names []string) func(tabular.Encoded) func(object.ID, bool) {
		t.columns = make([]columnSketch, len(names))
		find := byTurn(said)
		for i, name := range names {
			t.columns[i].name, t.columns[i].said = name, find(name)
		}
		return t.see
	}
	return t
}

// see makes the sketch of a segment, which is kept if it is a new one: that of another
// was, when it was recorded. The column's type is known for sure only when all rows are
// read; until then that of the segment's own cells is taken for it.
func (t *tableSketch) see(e tabular.Encoded) func(segment object.ID, fresh bool) {
	c := &t.columns[e.Index]
	if !stats.Repeats(e.Column) && t.costly.Add(int64(e.Cells.Len())) > maxCostly {
		return nil
	}
	kinds := []stats.Kind{stats.KindOf(t.types[c.name])}
	if t.types[c.name] == "" {
		if guess := e.Stats.Type(c.name); guess == tabular.TypeAny {
			// All are missing, which fits every kind.
			kinds = []stats.Kind{stats.Text, stats.Number, stats.Moment, stats.Daytime, stats.Day}
		} else {
			kinds[0] = stats.KindOf(guess)
			c.kinds.Or(1 << kinds[0])
		}
	}
	reading := readingOf(kinds[0], &c.said)
	m := t.makers.Get().(*stats.Maker)
	defer t.makers.Put(m)
	s, ok := m.OfColumn(e.Column, reading)
	if !ok {
		s = m.Of(e.Cells, nil, reading)
	}
	return func(segment object.ID, fresh bool) {
		if !fresh {
			return
		}
		code := s.Encode()
		for _, kind := range kinds {
			t.made.Put(readingOf(kind, &c.said).Key(segment), segment, code)
		}
	}
}

// finish hands the sketches on. Those of columns that have segments of which another
// type was guessed than the table has are made anew.
func (t *tableSketch) finish(rw object.Reader, res *csv.Result) error {
	readings := make([]stats.Reading, len(t.columns))
	any := false
	for i := range t.columns {
		c := &t.columns[i]
		kind := stats.KindOf(res.Schema.Fields[i].Type)
		if c.kinds.Load()&^(1<<kind) != 0 {
			readings[i], any = readingOf(kind, &c.said), t.costly.Load() <= maxCostly
		}
	}
	if any {
		table, err := tabular.Open(t.ctx, rw, res.Table)
		if err == nil {
			_, err = stats.Table(t.ctx, table, readings, t.made, nil)
		}
		if err != nil {
			return fmt.Errorf("describing the columns: %w", err)
		}
	}
	for key, sketch := range t.made.fresh {
		t.cache.Put(key, sketch.of, sketch.data)
	}
	return nil
}

// byTurn returns what finds the details of fields by their names: of several fields of
// one name each in its turn. A field of which nothing is said has its name only.
func byTurn(said []datapackage.FieldDetails) func(name string) datapackage.FieldDetails {
	byName := make(map[string][]datapackage.FieldDetails)
	for _, d := range said {
		byName[d.Name] = append(byName[d.Name], d)
	}
	return func(name string) (d datapackage.FieldDetails) {
		if list := byName[name]; len(list) > 0 {
			byName[name] = list[1:]
			return list[0]
		}
		d.Name = name
		return d
	}
}
