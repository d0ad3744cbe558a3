package tabular

import (
	"fmt"
	"slices"

	"github.com/constl/constl/object"
	"github.com/zeebo/blake3"
)

// desk is the working memory of one of a Builder's workers.
type desk struct {
	encoder SegmentEncoder
	cells   Cells
	payload []byte // of all segments of the group
	ends    []int
	hash    *blake3.Hasher // of a group's source
	texts   Cells          // the different ones of a column, for whoever watches
	times   []int
	stored  []func(segment object.ID, fresh bool) // of each column
}

// store encodes a group and puts it and its segments.
func (d *desk) store(b *Builder, j *groupJob) error {
	d.begin(b.width)
	j.columns = make([]CellStats, b.width)
	for col := range b.width {
		gather(&d.cells, j.spans, col)
		d.encode(b, col, d.cells)
		j.columns[col] = d.encoder.Stats()
	}
	odd := gatherExceptions(&d.cells, j.spans)
	if odd {
		d.payload = d.encoder.Append(d.payload, d.cells)
	}
	if b.o.Trace {
		j.source = d.trace(j.spans, odd)
	}
	d.ends = append(d.ends, len(d.payload))
	return d.putGroup(b, j, nil)
}

// begin makes ready for the segments of another group.
func (d *desk) begin(width int) {
	d.payload, d.ends = d.payload[:0], d.ends[:0]
	d.stored = slices.Grow(d.stored[:0], width+1)[:width+1]
	clear(d.stored)
}

// encode appends a column's segment, and tells of it.
func (d *desk) encode(b *Builder, col int, c Cells) {
	d.payload = d.encoder.Append(d.payload, c)
	d.ends = append(d.ends, len(d.payload))
	if b.o.Watch != nil {
		d.stored[col] = b.o.Watch(Encoded{Index: col, Cells: c, Column: d.encoder.column(c, &d.texts, &d.times), Stats: d.encoder.Stats()})
	}
}

// put puts an object with what it may be encoded against: base, and the objects
// that older tables have in its place, which are looked up only if it is new.
func (b *Builder) put(o object.Object, base object.ID, older func(*olderIndex) object.ID) (object.ID, error) {
	if len(b.older) == 0 {
		return b.rw.Put(b.ctx, o, base)
	}
	id := o.ID()
	if held, err := b.rw.Has(b.ctx, id); held || err != nil {
		return id, err
	}
	bases := append(make([]object.ID, 0, 1+len(b.older)), base)
	for _, t := range b.older {
		if like := older(t); !slices.Contains(bases, like) {
			bases = append(bases, like)
		}
	}
	return b.rw.Put(b.ctx, o, bases...)
}

// putGroup puts the group of the segments encoded last. known, if not nil, says
// which of them exist.
func (d *desk) putGroup(b *Builder, j *groupJob, known []segmentRef) error {
	var bases []object.ID
	var groupBase object.ID
	if j.base != nil {
		groupBase = j.base.id
		var err error
		if bases, err = segmentLinks(b.ctx, b.parent.table, *j.base, b.o.ParentColumns); err != nil {
			return fmt.Errorf("read the parent's row group: %w", err)
		}
	}
	segments, err := d.putSegments(b, j, bases, known)
	if err != nil {
		return err
	}
	for i := range segments {
		if stored := d.stored[i]; stored != nil {
			id := segments[i].id()
			stored(id, bases == nil || bases[i] != id)
		}
	}
	older := func(o *olderIndex) object.ID { return o.match(b.ctx, 0, j.tail).id }
	if j.id, err = b.put(encodeGroup(j.rows, segments), groupBase, older); err != nil {
		return fmt.Errorf("store row group: %w", err)
	}
	return nil
}

// putSegments puts those segments that neither stand inline nor exist.
func (d *desk) putSegments(b *Builder, j *groupJob, bases []object.ID, known []segmentRef) ([]segmentRef, error) {
	segments := make([]segmentRef, len(d.ends))
	rule := newInlineRule(len(d.payload), j.rows)
	groups := make([][]object.ID, len(b.older)) // their segments, as far as they were asked for
	start := 0
	for i, end := range d.ends {
		payload := d.payload[start:end:end]
		start = end
		switch {
		case len(payload) == 0:
		case rule.inline(len(payload)):
			segments[i].inline = payload
		case known != nil && !known[i].link.IsZero():
			segments[i].link = known[i].link
		default:
			var base object.ID
			if bases != nil {
				base = bases[i]
			}
			id, err := b.put(object.New(object.KindSegment, payload), base, func(o *olderIndex) object.ID {
				at := slices.Index(b.older, o)
				if groups[at] == nil {
					groups[at] = o.segments(b.ctx, j.tail)
				}
				return groups[at][i]
			})
			if err != nil {
				return nil, fmt.Errorf("store segment: %w", err)
			}
			segments[i].link = id
		}
	}
	return segments, nil
}
