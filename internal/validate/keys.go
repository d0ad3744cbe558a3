package validate

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/constl/constl/tabular"
)

// keyPlan is a key whose values must differ from row to row.
type keyPlan struct {
	cols     []int
	fields   []string
	check    int
	required int // the check for a missing part, -1 if one may be missing
}

// foreignPlan is a key whose values must stand in another table, or in the same.
type foreignPlan struct {
	cols   []int
	fields []string
	target *foreignKey
	check  int
	path   string // of the other table
	there  []string
}

// planKeys plans the checks of keys.
func (p *plan) planKeys() (wrong []mistake) {
	s := p.schema
	add := func(rule string, fields []string, path ...any) {
		cols, ok := columnsOf(p.table, fields)
		if !ok {
			if len(fields) > 0 {
				wrong = append(wrong, mistake{path, fmt.Sprintf("the key names a column that the file does not have: %s", quoted(fields, 8))})
			}
			return
		}
		if slices.ContainsFunc(p.keys, func(k keyPlan) bool { return slices.Equal(k.cols, cols) }) {
			return
		}
		k := keyPlan{cols: cols, fields: fields, required: -1}
		k.check = p.addCheck(check{rule: rule, severity: SeverityError, field: strings.Join(fields, ", "), expected: "a value that no other row has", cols: cols})
		if rule == RulePrimaryKey {
			k.required = p.addCheck(check{rule: rule, severity: SeverityError, field: strings.Join(fields, ", "), expected: "a key without missing parts", cols: cols})
		}
		p.keys = append(p.keys, k)
	}
	add(RulePrimaryKey, s.primaryKey, "schema", "primaryKey")
	for i, fields := range s.uniqueKeys {
		add(RuleUnique, fields, "schema", "uniqueKeys", i)
	}
	for _, f := range s.fields {
		if f.Constraints.Unique {
			add(RuleUnique, []string{f.Name}, "schema", "fields", f.index)
		}
	}
	for i := range s.foreignKeys {
		wrong = append(wrong, p.planForeign(&s.foreignKeys[i])...)
	}
	return wrong
}

func (p *plan) planForeign(k *foreignKey) (wrong []mistake) {
	at := []any{"schema", "foreignKeys", k.index}
	cols, ok := columnsOf(p.table, k.Fields)
	if !ok {
		return []mistake{{at, fmt.Sprintf("the key names a column that the file does not have: %s", quoted(k.Fields, 8))}}
	}
	if len(k.Fields) != len(k.Reference.Fields) {
		return []mistake{{at, fmt.Sprintf("%d fields refer to %d fields", len(k.Fields), len(k.Reference.Fields))}}
	}
	f := foreignPlan{cols: cols, fields: k.Fields, target: k, path: p.path, there: k.Reference.Fields}
	if k.Reference.Resource != "" {
		f.path = ""
		for _, res := range p.in.Package.Resources() {
			if paths := res.Paths(); res.Name() == k.Reference.Resource && len(paths) == 1 {
				f.path = paths[0]
			}
		}
		if f.path == "" {
			return []mistake{{at, fmt.Sprintf("there is no resource named %q with one file", k.Reference.Resource)}}
		}
	}
	f.check = p.addCheck(check{rule: RuleForeignKey, severity: SeverityError, field: strings.Join(k.Fields, ", "),
		expected: fmt.Sprintf("a value that %s of %s has", strings.Join(k.Reference.Fields, ", "), f.path), cols: cols})
	p.foreign = append(p.foreign, f)
	return nil
}

// checkKeys checks keys over the whole table, and references.
func (p *plan) checkKeys(ctx context.Context, found *tallies) error {
	for i := range p.keys {
		if p.changed == nil || p.changed.touches(p.keys[i].cols) {
			if err := p.unique(ctx, &p.keys[i], found); err != nil {
				return err
			}
		}
	}
	for i := range p.foreign {
		if err := p.references(ctx, &p.foreign[i], found); err != nil {
			return err
		}
	}
	return nil
}

// passRows is how many rows' hashes are held at a time: at 16 bytes each and with
// room to spare, about 200 MB.
const passRows = 6 << 20

// keyHash is the hash of a row's key.
type keyHash struct {
	hash uint64
	row  int64
}

// keyReader reads the keys of a table's rows.
type keyReader struct {
	t       *tabular.Table
	cols    []int
	missing [][][]byte // by position in cols
	text    func([]byte) string
	seed    maphash.Seed
}

func (p *plan) keyReader(cols []int, seed maphash.Seed) *keyReader {
	r := &keyReader{t: p.table, cols: cols, text: p.text, seed: seed}
	for _, col := range cols {
		var missing [][]byte
		for _, m := range p.missings[col] {
			missing = append(missing, []byte(m))
		}
		r.missing = append(r.missing, missing)
	}
	return r
}

// hashes appends the hashes of a group's keys. A key with a missing part is left
// out, and its row handed to lacking if that is not nil.
func (r *keyReader) hashes(ctx context.Context, g *tabular.Group, dst []keyHash, lacking func(row int64)) ([]keyHash, error) {
	cells := make([]tabular.Cells, len(r.cols))
	for i, col := range r.cols {
		var err error
		if cells[i], err = g.Cells(ctx, col); err != nil {
			return nil, err
		}
	}
	var h maphash.Hash
	h.SetSeed(r.seed)
rows:
	for row := range g.Rows() {
		for i := range cells {
			if isMissing(cells[i].At(row), r.missing[i]) {
				if lacking != nil {
					lacking(g.Ref.First + int64(row))
				}
				continue rows
			}
		}
		if len(cells) == 1 {
			dst = append(dst, keyHash{maphash.Bytes(r.seed, r.utf8(cells[0].At(row))), g.Ref.First + int64(row)})
			continue
		}
		h.Reset()
		for i := range cells {
			text := r.utf8(cells[i].At(row))
			_, _ = h.Write([]byte{byte(len(text)), byte(len(text) >> 8), byte(len(text) >> 16)})
			_, _ = h.Write(text)
		}
		dst = append(dst, keyHash{h.Sum64(), g.Ref.First + int64(row)})
	}
	return dst, nil
}

func (r *keyReader) utf8(text []byte) []byte {
	if ascii(text) {
		return text
	}
	return []byte(r.text(text))
}

// eachGroup runs work on all groups, several at a time, and hands on the hashes.
func (r *keyReader) eachGroup(ctx context.Context, deliver func(hashes []keyHash, lacking []int64) error) error {
	type part struct {
		hashes  []keyHash
		lacking []int64
	}
	return tabular.MapGroups(ctx, r.t, 0, func(ctx context.Context, g *tabular.Group) (p part, err error) {
		p.hashes, err = r.hashes(ctx, g, make([]keyHash, 0, g.Rows()), func(row int64) { p.lacking = append(p.lacking, row) })
		return p, err
	}, func(p part) error { return deliver(p.hashes, p.lacking) })
}

// unique looks for rows that have the same key.
func (p *plan) unique(ctx context.Context, k *keyPlan, found *tallies) error {
	passes := uint64(p.table.Rows/passRows + 1)
	r := p.keyReader(k.cols, maphash.MakeSeed())
	for pass := range passes {
		set := newRowSet(p.table.Rows / int64(passes))
		var twins []twin
		err := r.eachGroup(ctx, func(hashes []keyHash, lacking []int64) error {
			for _, h := range hashes {
				if passes > 1 && h.hash%passes != pass {
					continue
				}
				if before, known := set.add(h.hash, h.row); known {
					twins = append(twins, twin{before, h.row})
				}
			}
			if pass == 0 && k.required >= 0 {
				for _, row := range lacking {
					if p.counts(row) {
						found.addText(k.required, hit{row: row, text: "a part of the key is missing"})
					}
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		p.reportTwins(k, twins, found)
	}
	return nil
}

// twin is a row that has the key of an earlier one.
type twin struct{ first, row int64 }

// counts reports whether findings in a row are to be reported.
func (p *plan) counts(row int64) bool { return p.changed == nil || p.changed.has(row) }

func (p *plan) reportTwins(k *keyPlan, twins []twin, found *tallies) {
	var hits []hit
	count := int64(0)
	for _, t := range twins {
		if !p.counts(t.row) && !p.counts(t.first) {
			continue
		}
		count++
		if len(hits) < p.o.Limit {
			text := fmt.Sprintf("row %d has the same %s", t.first+1, strings.Join(k.fields, ", "))
			hits = append(hits, hit{row: t.row, text: text})
		}
	}
	found.merge(k.check, count, hits)
}

// references looks for rows whose key does not stand in the other table.
func (p *plan) references(ctx context.Context, f *foreignPlan, found *tallies) error {
	target := p.table
	if f.path != p.path {
		if p.in.Open == nil {
			return nil
		}
		var err error
		if target, err = p.in.Open(ctx, f.path); err != nil || target == nil {
			return p.lostTarget(f, found, err)
		}
	}
	there, ok := columnsOf(target, f.there)
	if !ok {
		return p.lostTarget(f, found, nil)
	}
	lost, err := p.mayLack(ctx, f, target, there)
	if err != nil || p.changed != nil && !lost && !p.changed.touches(f.cols) {
		return err
	}
	seed := maphash.MakeSeed()
	from := p.keyReader(f.cols, seed)
	to, err := p.targetReader(ctx, target, f, there, seed)
	if err != nil {
		return err
	}
	passes := uint64(target.Rows/passRows + 1)
	for pass := range passes {
		set := newRowSet(target.Rows / int64(passes))
		err := to.eachGroup(ctx, func(hashes []keyHash, _ []int64) error {
			for _, h := range hashes {
				if passes == 1 || h.hash%passes == pass {
					set.add(h.hash, h.row)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		var hits []hit
		count := int64(0)
		err = from.eachGroup(ctx, func(hashes []keyHash, _ []int64) error {
			for _, h := range hashes {
				if passes > 1 && h.hash%passes != pass || set.has(h.hash) || !lost && !p.counts(h.row) {
					continue
				}
				if count++; len(hits) < p.o.Limit {
					hits = append(hits, hit{row: h.row, text: fmt.Sprintf("no row of %s has this %s", f.path, strings.Join(f.there, ", "))})
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		found.merge(f.check, count, hits)
	}
	return nil
}

// mayLack reports whether the table that is referred to may have lost a key since
// the base, so that rows that have not changed refer to nothing.
func (p *plan) mayLack(ctx context.Context, f *foreignPlan, target *tabular.Table, there []int) (bool, error) {
	switch {
	case p.changed == nil:
		return true, nil
	case f.path == p.path:
		return p.changed.deleted > 0 || p.changed.alters(there), nil
	case p.in.OpenBase == nil:
		return false, nil
	}
	before, err := p.in.OpenBase(ctx, f.path)
	if err != nil || before == nil || before.ID == target.ID {
		return false, err
	}
	changed, err := findChanged(ctx, before, target)
	if err != nil {
		return false, err
	}
	return changed.deleted > 0 || changed.alters(there), nil
}

// targetReader reads the keys of the table that is referred to, with what its own
// description says of missing values.
func (p *plan) targetReader(ctx context.Context, target *tabular.Table, f *foreignPlan, there []int, seed maphash.Seed) (*keyReader, error) {
	if f.path == p.path {
		return p.keyReader(there, seed), nil
	}
	other, _, err := newPlan(ctx, &Input{Package: p.in.Package}, p.o, &Table{Path: f.path, Now: target})
	if err != nil {
		return nil, err
	}
	return other.keyReader(there, seed), nil
}

func (p *plan) lostTarget(f *foreignPlan, found *tallies, err error) error {
	if err == nil {
		found.addText(f.check, hit{row: -1, text: fmt.Sprintf("there is no table %s with the columns %s", f.path, quoted(f.there, 8))})
	}
	return err
}

// rowSet maps hashes to the first row that had them.
type rowSet struct {
	slots []keyHash // row -1: free
	used  int
}

func newRowSet(n int64) *rowSet {
	s := &rowSet{}
	size := int64(16)
	for size*3 < n*4 {
		size *= 2
	}
	s.slots = freeSlots(size)
	return s
}

func freeSlots(n int64) []keyHash {
	slots := make([]keyHash, n)
	for i := range slots {
		slots[i].row = -1
	}
	return slots
}

// add enters a hash, unless it is known: then it returns the row that had it.
func (s *rowSet) add(hash uint64, row int64) (before int64, known bool) {
	if s.used*4 >= len(s.slots)*3 {
		old := s.slots
		s.slots, s.used = freeSlots(int64(len(old))*2), 0
		for _, k := range old {
			if k.row >= 0 {
				s.add(k.hash, k.row)
			}
		}
	}
	k := s.at(hash)
	if k.row >= 0 {
		return k.row, true
	}
	*k = keyHash{hash, row}
	s.used++
	return 0, false
}

func (s *rowSet) has(hash uint64) bool { return s.at(hash).row >= 0 }

// at returns the slot of a hash: its own, or a free one.
func (s *rowSet) at(hash uint64) *keyHash {
	mask := uint64(len(s.slots) - 1)
	for i := hash & mask; ; i = (i + 1) & mask {
		if k := &s.slots[i]; k.row < 0 || k.hash == hash {
			return k
		}
	}
}
