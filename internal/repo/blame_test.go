package repo

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/tabular"
	"github.com/constl/constl/tabular/csv"
)

// record stores a commit of one table without touching the folder.
func record(t testing.TB, r *Repo, at int64, path, author, content string, key []string, parents ...object.ID) object.ID {
	t.Helper()
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	signer, err := refs.OpenKey(ctx, r.o.Home)
	must(err)
	batch, err := r.store.Begin(ctx)
	must(err)
	defer batch.Discard()
	o := &csv.ReadOptions{Name: path, Key: key}
	if len(parents) > 0 {
		if e, err := r.entryAt(ctx, parents[0], path); err == nil {
			o.Parent, err = tabular.Open(ctx, r.store, e.ID)
			must(err)
		}
	}
	res, err := csv.Read(ctx, batch, strings.NewReader(content), o)
	must(err)
	tree, err := object.BuildTree(ctx, batch, []object.TreeEntry{{Name: path, Type: object.TypeTable, ID: res.Table, Size: res.Size, Sum: res.Sum}}, object.ID{})
	must(err)
	c := &object.Commit{Tree: tree, Parents: parents, Author: author, Time: object.Moment{Unix: at}, Message: "m\n"}
	must(c.Sign(signer))
	obj, err := c.Object()
	must(err)
	id, err := batch.Put(ctx, obj, object.ID{})
	must(err)
	must(batch.Commit(ctx))
	return id
}

// sheetState is a table as a test keeps it: rows by key, and who changed each cell.
// Cells are known by their column's first name, whatever it is called later.
type sheetState struct {
	commit object.ID
	path   string
	names  []string
	called map[string]string // by name: what the header says
	order  []string
	cells  map[string]map[string]string
	owner  map[string]map[string]object.ID
}

func (s *sheetState) csv() string {
	var b bytes.Buffer
	for i, name := range s.names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(cmp.Or(s.called[name], name))
	}
	b.WriteByte('\n')
	for _, key := range s.order {
		for i, name := range s.names {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(s.cells[key][name])
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func (s *sheetState) copy() *sheetState {
	n := &sheetState{path: s.path, names: slices.Clone(s.names), called: maps.Clone(s.called), order: slices.Clone(s.order), cells: map[string]map[string]string{}}
	for k, row := range s.cells {
		n.cells[k] = maps.Clone(row)
	}
	return n
}

// settle sets the owners of a state that was committed: of the first parent that has
// the same, else the commit.
func (s *sheetState) settle(commit object.ID, parents ...*sheetState) {
	s.commit, s.owner = commit, map[string]map[string]object.ID{}
	for _, key := range s.order {
		s.owner[key] = map[string]object.ID{}
		for _, name := range s.names {
			s.owner[key][name] = commit
			for _, p := range parents {
				if was, ok := p.cells[key][name]; ok && slices.Contains(p.names, name) && was == s.cells[key][name] {
					s.owner[key][name] = p.owner[key][name]
					break
				}
			}
		}
	}
}

// ownersAsCalled is the owners by what the columns are called.
func (s *sheetState) ownersAsCalled() map[string]map[string]object.ID {
	out := make(map[string]map[string]object.ID)
	for key, row := range s.owner {
		out[key] = make(map[string]object.ID)
		for name, id := range row {
			out[key][cmp.Or(s.called[name], name)] = id
		}
	}
	return out
}

func (s *sheetState) edit(t *rapid.T, fresh *int) {
	r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
	add := func(at int) {
		*fresh++
		key := "k" + strconv.Itoa(*fresh)
		s.cells[key] = map[string]string{"id": key}
		for _, name := range s.names[1:] {
			s.cells[key][name] = strconv.Itoa(r.IntN(4))
		}
		s.order = slices.Insert(s.order, at, key)
	}
	for range rapid.IntRange(1, 3).Draw(t, "edits") {
		switch rapid.SampledFrom([]string{"cell", "cell", "add", "delete", "move", "column"}).Draw(t, "edit") {
		case "cell":
			key := s.order[r.IntN(len(s.order))]
			s.cells[key][s.names[1+r.IntN(len(s.names)-1)]] = strconv.Itoa(r.IntN(4))
		case "add":
			add(r.IntN(len(s.order) + 1))
		case "delete":
			if len(s.order) > 3 {
				at := r.IntN(len(s.order))
				delete(s.cells, s.order[at])
				s.order = slices.Delete(s.order, at, at+1)
			}
		case "move":
			at := r.IntN(len(s.order))
			key := s.order[at]
			s.order = slices.Delete(s.order, at, at+1)
			s.order = slices.Insert(s.order, r.IntN(len(s.order)+1), key)
		case "column":
			*fresh++
			name := "c" + strconv.Itoa(*fresh)
			s.names = append(s.names, name)
			for _, key := range s.order {
				s.cells[key][name] = strconv.Itoa(r.IntN(4))
			}
		}
	}
}

// TestBlameAgreesWithHistoryPlayedForward checks that going back with what changed
// says the same as noting every cell's commit from the beginning on.
func TestBlameAgreesWithHistoryPlayedForward(t *testing.T) {
	r := dataset(t, person(t))
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	rapid.Check(t, func(rt *rapid.T) {
		fresh := 0
		first := &sheetState{path: "t.csv", names: []string{"id", "a", "b"}, called: map[string]string{}, cells: map[string]map[string]string{}}
		for range rapid.IntRange(3, 12).Draw(rt, "rows") {
			fresh++
			key := "k" + strconv.Itoa(fresh)
			first.order = append(first.order, key)
			first.cells[key] = map[string]string{"id": key, "a": "0", "b": "1"}
		}
		put := func(s *sheetState, parents ...*sheetState) {
			var ids []object.ID
			for _, p := range parents {
				ids = append(ids, p.commit)
			}
			clock++
			s.settle(record(t, r, clock, s.path, "p", s.csv(), []string{"id"}, ids...), parents...)
		}
		put(first)
		states := []*sheetState{first}
		for range rapid.IntRange(1, 6).Draw(rt, "commits") {
			from := rapid.SampledFrom(states).Draw(rt, "from")
			next, parents := from.copy(), []*sheetState{from}
			switch rapid.IntRange(0, 5).Draw(rt, "rename") {
			case 0: // a column, and nothing else
				fresh++
				next.called[rapid.SampledFrom(next.names[1:]).Draw(rt, "column")] = "r" + strconv.Itoa(fresh)
				put(next, parents...)
				states = append(states, next)
				continue
			case 1: // the file, and nothing else
				fresh++
				next.path = fmt.Sprintf("t%d.csv", fresh)
				put(next, parents...)
				states = append(states, next)
				continue
			}
			if other := rapid.SampledFrom(states).Draw(rt, "other"); other != from && other.path == from.path && maps.Equal(other.called, from.called) && rapid.Bool().Draw(rt, "merge") {
				parents = append(parents, other)
				for key, row := range other.cells { // half of it theirs
					if mine, ok := next.cells[key]; ok && len(key)%2 == 0 {
						for _, name := range next.names[1:] {
							if v, ok := row[name]; ok {
								mine[name] = v
							}
						}
					}
				}
			}
			next.edit(rt, &fresh)
			put(next, parents...)
			states = append(states, next)
		}
		last := states[len(states)-1]
		b, err := r.Blame(t.Context(), last.commit.String(), last.path, BlameOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		if diff := gocmp.Diff(last.ownersAsCalled(), ownersOf(t, b)); diff != "" {
			rt.Fatalf("(-want +got):\n%s", diff)
		}
		col := rapid.SampledFrom(last.names).Draw(rt, "column")
		key := rapid.SampledFrom(last.order).Draw(rt, "key")
		called := cmp.Or(last.called[col], col)
		b, err = r.Blame(t.Context(), last.commit.String(), last.path, BlameOptions{Columns: []string{called}, Key: []string{key}})
		if err != nil {
			rt.Fatal(err)
		}
		want := map[string]map[string]object.ID{key: {called: last.owner[key][col]}}
		if diff := gocmp.Diff(want, ownersOf(t, b)); diff != "" {
			rt.Fatalf("one cell (-want +got):\n%s", diff)
		}
	})
}

func ownersOf(t testing.TB, b *Blame) map[string]map[string]object.ID {
	t.Helper()
	owners := map[string]map[string]object.ID{}
	for row, err := range b.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		key := row.Values[0]
		if len(row.Key) > 0 {
			key = row.Key[0]
		}
		owners[key] = map[string]object.ID{}
		for i, name := range b.Columns {
			owners[key][name] = b.Commits[row.Last[i]].ID
		}
	}
	return owners
}

func TestBlameFollowsRenames(t *testing.T) {
	r := dataset(t, person(t))
	first := record(t, r, 1, "t.csv", "Ana", "id,count,note\n1,2,x\n2,3,y\n", []string{"id"})
	renamed := record(t, r, 2, "t.csv", "Ben", "id,number,note\n1,2,x\n2,3,y\n", []string{"id"}, first)
	changed := record(t, r, 3, "t.csv", "Ben", "note,id,number\nx,1,2\ny,2,4\n", []string{"id"}, renamed)
	b, err := r.Blame(t.Context(), changed.String(), "t.csv", BlameOptions{Columns: []string{"number"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]map[string]object.ID{"1": {"number": first}, "2": {"number": changed}}
	if diff := gocmp.Diff(want, ownersOf(t, b)); diff != "" {
		t.Errorf("a column (-want +got):\n%s", diff)
	}
	moved := record(t, r, 4, "sub.csv", "Ana", "id,count,note\n1,2,x\n2,3,z\n", []string{"id"}, first)
	if b, err = r.Blame(t.Context(), moved.String(), "sub.csv", BlameOptions{}); err != nil {
		t.Fatal(err)
	}
	want = map[string]map[string]object.ID{
		"1": {"id": first, "count": first, "note": first}, "2": {"id": first, "count": first, "note": moved},
	}
	if diff := gocmp.Diff(want, ownersOf(t, b)); diff != "" {
		t.Errorf("a file (-want +got):\n%s", diff)
	}
}

func TestBlameOfRowsWithoutKey(t *testing.T) {
	r := dataset(t, person(t))
	first := record(t, r, 1, "t.csv", "Ana", "a,b,c\nx,1,2\nx,1,2\ny,3,4\n", []string{})
	second := record(t, r, 2, "t.csv", "Ben", "a,b,c\nx,1,2\nx,1,2\ny,3,5\nw,0,0\n", []string{}, first)
	b, err := r.Blame(t.Context(), second.String(), "t.csv", BlameOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row, err := range b.Rows(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		for i, c := range row.Last {
			got = append(got, fmt.Sprint(row.Row, b.Columns[i], b.Commits[c].Author))
		}
	}
	want := []string{"1aAna", "1bAna", "1cAna", "2aAna", "2bAna", "2cAna", "3aAna", "3bAna", "3cBen", "4aBen", "4bBen", "4cBen"}
	for i := range got {
		got[i] = strings.ReplaceAll(got[i], " ", "")
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	counts := b.countBy([]string{"Ben", "Ana"})
	if counts["Ben"] != (cellCount{4, 2}) || counts["Ana"] != (cellCount{8, 3}) {
		t.Errorf("counts %v", counts)
	}
}

// TestBlameWithoutKeyAgreesWithHistoryPlayedForward does the same for rows that have
// no key: each is as old as the commit that brought it, wherever it stands.
func TestBlameWithoutKeyAgreesWithHistoryPlayedForward(t *testing.T) {
	r := dataset(t, person(t))
	clock := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	rapid.Check(t, func(rt *rapid.T) {
		rnd := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		owner, rows := map[string]object.ID{}, []string{}
		var last []object.ID
		for range rapid.IntRange(1, 6).Draw(rt, "commits") {
			var added []string
			for range rapid.IntRange(1, 4).Draw(rt, "added") {
				// Of rows that resemble each other one could have become the other.
				row := fmt.Sprintf("%d,%d,%d", rnd.Int64(), rnd.Int64(), rnd.Int64())
				added = append(added, row)
				rows = slices.Insert(rows, rnd.IntN(len(rows)+1), row)
			}
			if len(rows) > 4 && rapid.Bool().Draw(rt, "delete") {
				at := rnd.IntN(len(rows))
				rows = slices.Delete(rows, at, at+1)
			}
			if rapid.Bool().Draw(rt, "shuffle") {
				rnd.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
			}
			clock++
			last = []object.ID{record(t, r, clock, "t.csv", "p", "a,b,c\n"+strings.Join(rows, "\n")+"\n", []string{}, last...)}
			for _, row := range added {
				owner[row] = last[0]
			}
		}
		b, err := r.Blame(t.Context(), last[0].String(), "t.csv", BlameOptions{})
		if err != nil {
			rt.Fatal(err)
		}
		seen := 0
		for row, err := range b.Rows(t.Context()) {
			if err != nil {
				rt.Fatal(err)
			}
			for _, c := range row.Last {
				if want := owner[strings.Join(row.Values, ",")]; b.Commits[c].ID != want || rows[row.Row-1] != strings.Join(row.Values, ",") {
					rt.Fatalf("row %d %q: %s, expected %s", row.Row, row.Values, b.Commits[c].ID.Short(), want.Short())
				}
			}
			seen++
		}
		if seen != len(rows) {
			rt.Fatalf("%d rows of %d", seen, len(rows))
		}
	})
}

// BenchmarkBlame asks for one column of 200,000 rows that 200 commits changed.
func BenchmarkBlame(b *testing.B) {
	r := dataset(b, person(b))
	rnd := rand.New(rand.NewPCG(1, 2))
	const rows, commits = 200_000, 200
	lines := make([]string, rows)
	line := func(i int) string {
		return fmt.Sprintf("%d,2026-01-%02d,site%d,species%d,%d,%d.%d,ok\n", i, 1+i%28, i%40, i%300, rnd.IntN(50), rnd.IntN(40), rnd.IntN(10))
	}
	for i := range lines {
		lines[i] = line(i)
	}
	var last []object.ID
	for c := range commits {
		for range 50 {
			i := rnd.IntN(len(lines))
			id, _, _ := strings.Cut(lines[i], ",")
			n, _ := strconv.Atoi(id)
			lines[i] = line(n)
		}
		if c%4 == 0 {
			lines = append(lines, line(len(lines)))
		}
		last = []object.ID{record(b, r, int64(c), "t.csv", "Ana", "id,date,site,species,count,temp,note\n"+strings.Join(lines, ""), []string{"id"}, last...)}
	}
	for _, cols := range [][]string{{"count"}, nil} {
		b.Run(fmt.Sprintf("columns=%d", len(cols)), func(b *testing.B) {
			for b.Loop() {
				if _, err := r.Blame(b.Context(), last[0].String(), "t.csv", BlameOptions{Columns: cols}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
