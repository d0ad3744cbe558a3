package repo

import (
	"context"
	"errors"
	"path"

	"github.com/constl/constl/object"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/transport"
)

// asks is what a part lacks, as far as that can be known from what is there.
type asks struct {
	flat, inner, whole []object.ID
}

func (a *asks) list() []transport.Ask {
	var list []transport.Ask
	for _, ask := range []transport.Ask{{Objects: a.flat, Extent: transport.Flat}, {Objects: a.inner, Extent: transport.Inner}, {Objects: a.whole, Extent: transport.Whole}} {
		if len(ask.Objects) > 0 {
			list = append(list, ask)
		}
	}
	return list
}

func (a *asks) none() bool { return len(a.flat)+len(a.inner)+len(a.whole) == 0 }

// search finds what a part lacks.
type search struct {
	objects object.Reader // of what is here, and of nothing else
	part    *Part
	asks    asks
	seen    map[object.ID]bool // asked for, or walked below
	// matched says of segments whether they have rows of the part.
	matched map[object.ID]bool
}

func (r *Repo) search(part *Part) *search {
	if r.matched == nil || r.matchedPart != part {
		r.matched, r.matchedPart = make(map[object.ID]bool), part
	}
	return &search{objects: r.store.Store, part: part, seen: make(map[object.ID]bool), matched: r.matched}
}

// lacking returns what is missing of the part below the roots. It is called again
// when that has come, until nothing is.
func (r *Repo) lacking(ctx context.Context, part *Part, roots []object.ID) (asks, error) {
	s := r.search(part)
	for _, id := range roots {
		if err := s.root(ctx, id); err != nil {
			return asks{}, err
		}
	}
	return s.asks, nil
}

// get returns an object, or nil after asking for it.
func (s *search) get(ctx context.Context, id object.ID, to *[]object.ID) (object.Object, error) {
	o, err := s.objects.Get(ctx, id)
	if !errors.Is(err, object.ErrNotFound) {
		return o, err
	}
	if !s.seen[id] {
		s.seen[id] = true
		*to = append(*to, id)
	}
	return nil, nil
}

func (s *search) root(ctx context.Context, id object.ID) error {
	o, err := s.get(ctx, id, &s.asks.flat)
	if err != nil || o == nil {
		return err
	}
	if o.Kind() == object.KindTag {
		t, err := object.DecodeTag(o)
		if err != nil {
			return &object.CorruptError{ID: id, Err: err}
		}
		return s.root(ctx, t.Target)
	}
	if o.Kind() != object.KindCommit {
		return s.tree(ctx, "", id)
	}
	return s.history(ctx, id)
}

// history walks the commits from the newest, level by level, and the content of as
// many levels as the part has.
func (s *search) history(ctx context.Context, head object.ID) error {
	seen := map[object.ID]bool{head: true}
	for level, depth := []object.ID{head}, 1; len(level) > 0; depth++ {
		var next []object.ID
		for _, id := range level {
			o, err := s.get(ctx, id, &s.asks.flat)
			if err != nil {
				return err
			}
			if o == nil {
				continue
			}
			c, err := object.DecodeCommit(o)
			if err != nil {
				return &object.CorruptError{ID: id, Err: err}
			}
			if s.part.Depth == 0 || depth <= s.part.Depth {
				if err := s.tree(ctx, "", c.Tree); err != nil {
					return err
				}
			}
			for _, p := range c.Parents {
				if !seen[p] {
					seen[p] = true
					next = append(next, p)
				}
			}
		}
		level = next
	}
	return nil
}

// tree looks into a folder.
func (s *search) tree(ctx context.Context, folder string, id object.ID) error {
	if len(s.part.Paths) == 0 && len(s.part.Columns) == 0 && len(s.part.Rows) == 0 {
		return s.all(ctx, id)
	}
	// A folder's entries say where it lies, so that equal folders are not one.
	if o, err := s.get(ctx, id, &s.asks.flat); err != nil || o == nil {
		return err
	}
	for e, err := range object.TreeEntries(ctx, s.objects, id) {
		if errors.Is(err, object.ErrNotFound) {
			return s.links(ctx, id) // a large folder, of which nodes are missing
		}
		if err != nil {
			return err
		}
		if err := s.entry(ctx, path.Join(folder, e.Name), e); err != nil {
			return err
		}
	}
	return nil
}

// links asks for the nodes of a folder, down to the lowest that are there.
func (s *search) links(ctx context.Context, id object.ID) error {
	o, err := s.get(ctx, id, &s.asks.flat)
	if err != nil || o == nil || o.Kind() != object.KindTree {
		return err
	}
	ids, err := object.Links(o)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := s.links(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) entry(ctx context.Context, name string, e object.TreeEntry) error {
	switch {
	case e.Type == object.TypeDir:
		return s.tree(ctx, name, e.ID)
	case !s.part.has(name):
		return nil
	case e.Type == object.TypeTable && s.part.cut(name):
		return s.table(ctx, name, e.ID)
	}
	return s.all(ctx, e.ID)
}

// all asks for everything that the object reaches.
func (s *search) all(ctx context.Context, id object.ID) error {
	return s.below(ctx, id, &s.asks.whole, func(object.Object) bool { return true })
}

// below asks for what the object reaches, as far as into says; for the object
// itself, if it is missing, in to, and for what is missing below it one by one.
func (s *search) below(ctx context.Context, id object.ID, to *[]object.ID, into func(object.Object) bool) error {
	if s.seen[id] {
		return nil
	}
	o, err := s.get(ctx, id, to)
	if err != nil || o == nil {
		return err
	}
	s.seen[id] = true
	if o.Kind().Leaf() || !into(o) {
		return nil
	}
	links, err := object.Links(o)
	if err != nil {
		return &object.CorruptError{ID: id, Err: err}
	}
	for _, l := range links {
		if s.seen[l] {
			continue
		}
		if o.Kind() == object.KindGroup {
			// Its links are leaves, which need not be read.
			held, err := s.objects.Has(ctx, l)
			if err != nil {
				return err
			}
			s.seen[l] = true
			if !held {
				s.asks.flat = append(s.asks.flat, l)
			}
			continue
		}
		if err := s.below(ctx, l, &s.asks.flat, into); err != nil {
			return err
		}
	}
	return nil
}

// table asks for the columns and rows of a table that the part has: first for all
// that is no cell, then for the column that rows are chosen by, then for the rest.
func (s *search) table(ctx context.Context, name string, id object.ID) error {
	before := len(s.asks.flat) + len(s.asks.inner)
	// The same table may lie at two paths with other columns, so seen says too much.
	inner := &search{objects: s.objects, part: s.part, seen: make(map[object.ID]bool)}
	err := inner.below(ctx, id, &inner.asks.inner, func(o object.Object) bool { return o.Kind() != object.KindGroup })
	if err != nil {
		return err
	}
	s.asks.flat = append(s.asks.flat, inner.asks.flat...)
	s.asks.inner = append(s.asks.inner, inner.asks.inner...)
	if len(s.asks.flat)+len(s.asks.inner) > before {
		return nil
	}
	t, err := tabular.Open(ctx, s.objects, id)
	if err != nil {
		return err
	}
	sel, err := s.part.selection(name, t.Schema)
	if err != nil {
		return err
	}
	for ref, err := range t.Groups(ctx) {
		if err != nil {
			return err
		}
		g, err := t.Group(ctx, ref)
		if err != nil {
			return err
		}
		if err := s.group(ctx, g, sel); err != nil {
			return err
		}
	}
	return nil
}

func (s *search) group(ctx context.Context, g *tabular.Group, sel *selection) error {
	if sel.by >= 0 {
		if missing, err := s.segment(ctx, g, sel.by); err != nil || missing {
			return err
		}
		id, _ := g.SegmentID(sel.by)
		some, known := s.matched[id]
		if !known {
			cells, err := g.Cells(ctx, sel.by)
			if err != nil {
				return err
			}
			some = len(sel.runs(cells)) > 0
			s.matched[id] = some
		}
		if !some {
			return nil
		}
	}
	for _, col := range sel.read(g.Width()) {
		if _, err := s.segment(ctx, g, col); err != nil {
			return err
		}
	}
	return nil
}

// segment asks for a column of a group if it is missing.
func (s *search) segment(ctx context.Context, g *tabular.Group, col int) (missing bool, err error) {
	id, linked := g.SegmentID(col)
	if !linked {
		return false, nil
	}
	held, err := s.objects.Has(ctx, id)
	if err != nil || held {
		return false, err
	}
	if !s.seen[id] {
		s.seen[id] = true
		s.asks.flat = append(s.asks.flat, id)
	}
	return true, nil
}
