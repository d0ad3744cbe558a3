package merge_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/object/mem"
)

func always(context.Context, object.ID, *object.Commit) (bool, error) { return true, nil }

func never(context.Context, object.ID, *object.Commit) (bool, error) { return false, nil }

func everybody(context.Context, object.ID) (bool, error) { return true, nil }

// TestSettle has a case for each rule of RULES.md §11, seen from both sides.
func TestSettle(t *testing.T) {
	h := newHistory(t)
	h.n = 1000
	oldest := h.commit("1\n2\n3\n4\n")
	root := h.commit("1\n2\n3\n4\n5\n", oldest)
	a, b := h.commit("1a\n2\n3\n4\n5\n", root), h.commit("1\n2\n3b\n4\n5\n", root)
	const both = "1a\n2\n3b\n4\n5\n"
	m1, m2 := h.commit(both, a, b), h.commit(both, b, a)
	if m1.Compare(m2) > 0 {
		m1, m2 = m2, m1
	}
	edited := h.commit("1a\n2\n3b\n4\n5e\n", m2)
	undone := h.commit(both, edited) // the same tree again, by somebody's hand
	// A clock that is behind: what both have of c looks as if one alone had it.
	c := h.at(2000, "1c\n2\n3\n4\n5\n", root)
	k := h.at(11, "1c\n2\n3k\n4\n5\n", h.at(10, "1c\n2\n3\n4\n5k\n", c))
	q := h.at(1500, "1\n2\n3\n4\n5\n", root, oldest)
	over := h.at(2002, "1c\n2\n3k\n4\n5\n", h.at(2000, "1c\n2\n3\n4\n5\n", c, root), k)
	joined := h.at(2001, "1c\n2\n3k\n4\n5\n", q, k)
	if missing, err := merge.Missing(t.Context(), h.st, joined, over); err != nil || missing[c] == nil {
		t.Errorf("this case shows nothing: %v", err)
	}
	said := [2]bool{true, true}
	tests := []struct {
		name         string
		ours, theirs object.ID
		said         [2]bool
		yields       func(context.Context, object.ID, *object.Commit) (bool, error)
		want, back   merge.Outcome
	}{
		{"R80, R81: theirs has more, ours only a merge", m1, edited, said, always, merge.TakeTheirs, merge.KeepOurs},
		{"R80: a merge that may not go", m1, edited, said, never, merge.Join, merge.KeepOurs},
		{"R82: two merges of the same", m1, m2, said, always, merge.KeepOurs, merge.TakeTheirs},
		{"R82: the larger of them, which alone was said", m2, m1, [2]bool{true, false}, always, merge.KeepOurs, merge.TakeTheirs},
		{"R82: one that alone was said, and one that may not go", m2, m1, [2]bool{true, false}, never, merge.KeepOurs, merge.Join},
		{"R82: two that nobody has said whose word counts", m1, m2, [2]bool{}, always, merge.KeepOurs, merge.TakeTheirs},
		{"R82: two that may not go", m1, m2, said, never, merge.KeepOurs, merge.Join},
		{"R83: a change on either side", a, b, said, always, merge.Join, merge.Join},
		{"R83: the same tree, but by somebody's hand", m1, undone, said, always, merge.TakeTheirs, merge.KeepOurs},
		{"wrong clocks", over, joined, said, always, outcomeOf(over, joined), outcomeOf(joined, over)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for i, pair := range [][2]object.ID{{tt.ours, tt.theirs}, {tt.theirs, tt.ours}} {
				r, err := merge.Commits(t.Context(), h.st, pair[0], pair[1], nil)
				if err != nil || len(r.Conflicts) > 0 {
					t.Fatal(r, err)
				}
				want := []merge.Outcome{tt.want, tt.back}[i]
				said := map[object.ID]bool{tt.ours: tt.said[0], tt.theirs: tt.said[1]}
				word := &merge.Word{Yields: tt.yields, Said: func(_ context.Context, id object.ID) (bool, error) { return said[id], nil }}
				if got, err := merge.Settle(t.Context(), h.st, pair[0], pair[1], r.Tree, word); got != want || err != nil {
					t.Errorf("from side %d: %v, %v; want %v", i, got, err, want)
				}
			}
		})
	}
}

// outcomeOf is that of two commits which are merges of the same.
func outcomeOf(ours, theirs object.ID) merge.Outcome {
	if ours.Compare(theirs) < 0 {
		return merge.KeepOurs
	}
	return merge.TakeTheirs
}

// peers are several copies of one dataset, each with a branch, whose owners commit and
// whose programs take over what they hear of each other.
type peers struct {
	t      *testing.T
	rt     *rapid.T
	st     *mem.Store
	keys   []ed25519.PrivateKey
	heads  []object.ID
	clocks []int64                          // of each, in seconds, right or wrong
	reach  map[object.ID]map[object.ID]bool // all commits that a commit leads to
	byHand map[object.ID]bool
	olds   int // of ten merges, how many may not go
	n      int
}

// newPeers returns peers who all have one commit.
func newPeers(t *testing.T, rt *rapid.T, n, rows int, skewed bool) *peers {
	p := &peers{t: t, rt: rt, st: mem.New(), reach: make(map[object.ID]map[object.ID]bool), byHand: make(map[object.ID]bool)}
	for i := range n {
		p.keys = append(p.keys, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{byte(i + 1)}, ed25519.SeedSize)))
		clock := int64(10_000)
		if skewed {
			clock += rapid.Int64Range(-3000, 3000).Draw(rt, "clock")
		}
		p.clocks = append(p.clocks, clock)
	}
	var table [][]string
	for i := range rows {
		table = append(table, []string{fmt.Sprintf("x%d", i), "", "", ""})
	}
	root := p.commit(0, p.tree(table))
	for range n {
		p.heads = append(p.heads, root)
	}
	return p
}

func (p *peers) commit(i int, tree object.ID, parents ...object.ID) object.ID {
	p.n++
	p.clocks[i]++
	c := object.Commit{Tree: tree, Parents: parents, Author: fmt.Sprint(i), Time: object.Moment{Unix: p.clocks[i] / 3}, Message: fmt.Sprint(p.n)}
	if err := c.Sign(p.keys[i]); err != nil {
		p.t.Fatal(err)
	}
	o, err := c.Object()
	if err != nil {
		p.t.Fatal(err)
	}
	id, err := p.st.Put(p.t.Context(), o)
	if err != nil {
		p.t.Fatal(err)
	}
	set := map[object.ID]bool{id: true}
	for _, parent := range parents {
		maps.Copy(set, p.reach[parent])
	}
	p.reach[id] = set
	if len(parents) < 2 {
		p.byHand[id] = true
	}
	return id
}

// rows returns the table of a peer's head.
func (p *peers) rows(i int) [][]string {
	c, err := object.ReadCommit(p.t.Context(), p.st, p.heads[i])
	if err != nil {
		p.t.Fatal(err)
	}
	entries, err := object.ReadTree(p.t.Context(), p.st, c.Tree)
	if err != nil || len(entries) != 1 {
		p.t.Fatal(entries, err)
	}
	return readRows(p.t, open(p.t, p.st, entries[0].ID))
}

func (p *peers) tree(rows [][]string) object.ID {
	lines := []string{"id,a,b,c"}
	for _, r := range rows {
		lines = append(lines, strings.Join(r, ","))
	}
	return putTree(p.t, p.st, map[string]any{"t.csv": form(keyed(strings.Join(lines, "\n")), "\n")})
}

// edit changes cells of the peer's own column, and adds a row at any place.
func (p *peers) edit(i int) {
	rows := p.rows(i)
	for range rapid.IntRange(1, 3).Draw(p.rt, "cells") {
		rows[rapid.IntRange(0, len(rows)-1).Draw(p.rt, "row")][1+i%3] = fmt.Sprintf("v%d", p.n)
	}
	if rapid.IntRange(0, 4).Draw(p.rt, "nothing") == 0 {
		rows = p.rows(i) // somebody commits without a change, and wants it recorded
	} else if rapid.Bool().Draw(p.rt, "add") {
		row := []string{fmt.Sprintf("k%d", rapid.IntRange(0, 999).Draw(p.rt, "key")*10+i), "", "", ""}
		if !slices.ContainsFunc(rows, func(r []string) bool { return r[0] == row[0] }) {
			rows = slices.Insert(rows, rapid.IntRange(0, len(rows)).Draw(p.rt, "at"), row)
		}
	}
	p.heads[i] = p.commit(i, p.tree(rows), p.heads[i])
}

// hear has a peer take over a commit as a pull does, and reports whether it moved.
func (p *peers) hear(i int, theirs object.ID) bool {
	ctx, ours := p.t.Context(), p.heads[i]
	switch {
	case p.reach[ours][theirs]:
		return false
	case p.reach[theirs][ours]:
		p.heads[i] = theirs
		return true
	}
	r, err := merge.Commits(ctx, p.st, ours, theirs, lineOptions)
	if err != nil || len(r.Conflicts) > 0 {
		p.rt.Fatalf("%v %v", r, err)
	}
	outcome, err := merge.Settle(ctx, p.st, ours, theirs, r.Tree, &merge.Word{Said: everybody, Yields: func(_ context.Context, id object.ID, c *object.Commit) (bool, error) {
		if !p.reach[ours][id] || p.reach[theirs][id] || len(c.Parents) < 2 {
			p.rt.Fatalf("asked about a commit that is no merge of ours alone")
		}
		return int(id[31])%10 >= p.olds, nil
	}})
	if err != nil {
		p.rt.Fatal(err)
	}
	before := p.heads[i]
	switch outcome {
	case merge.TakeTheirs:
		p.heads[i] = theirs
	case merge.Join:
		p.heads[i] = p.commit(i, r.Tree, ours, theirs)
	}
	for id := range p.reach[before] {
		if p.byHand[id] && !p.reach[p.heads[i]][id] {
			p.rt.Fatalf("peer %d has lost a commit", i)
		}
	}
	return p.heads[i] != before
}

// settle lets everybody hear of everybody until nothing moves any more, and returns
// after how many rounds. With atOnce, all hear in a round what all had at its beginning.
func (p *peers) settle(atOnce bool) int {
	for round := 1; ; round++ {
		if round > 30 {
			p.rt.Fatalf("the peers go on and on: %d commits", p.n)
		}
		moved := false
		heads := slices.Clone(p.heads)
		order := rapid.Permutation(pairs(len(p.heads))).Draw(p.rt, "order")
		for _, pair := range order {
			theirs := p.heads[pair[1]]
			if atOnce {
				theirs = heads[pair[1]]
			}
			moved = p.hear(pair[0], theirs) || moved
		}
		if !moved {
			return round
		}
	}
}

func pairs(n int) (list [][2]int) {
	for i := range n {
		for j := range n {
			if i != j {
				list = append(list, [2]int{i, j})
			}
		}
	}
	return list
}

// Whatever several people commit, and in whatever order their copies hear of each other,
// with right clocks or wrong ones: all end at one commit, by a few merges; nothing that
// anybody committed is lost, at any time, and every cell is as its owner last had it.
func TestPeersEndAtOneCommit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPeers(t, rt, rapid.IntRange(2, 3).Draw(rt, "peers"), 4, rapid.Bool().Draw(rt, "wrong clocks"))
		p.olds = rapid.SampledFrom([]int{0, 0, 5, 10}).Draw(rt, "merges that stay")
		n, root := len(p.heads), p.heads[0]
		want := make(map[string]map[int]string) // by row and column
		past := [][]object.ID{}
		for range n {
			past = append(past, []object.ID{root})
		}
		for range rapid.IntRange(1, 80).Draw(rt, "steps") {
			i := rapid.IntRange(0, n-1).Draw(rt, "who")
			if rapid.Bool().Draw(rt, "commits") {
				p.edit(i)
				for _, r := range p.rows(i) {
					if want[r[0]] == nil {
						want[r[0]] = make(map[int]string)
					}
					want[r[0]][1+i%3] = r[1+i%3]
				}
			} else {
				// News may come late.
				j := rapid.IntRange(0, n-1).Draw(rt, "of whom")
				p.hear(i, rapid.SampledFrom(past[j]).Draw(rt, "what"))
			}
			past[i] = append(past[i], p.heads[i])
		}
		rounds := p.settle(rapid.Bool().Draw(rt, "at once"))
		for i, head := range p.heads {
			if head != p.heads[0] {
				rt.Fatalf("after %d rounds peer %d is at %s, and peer 0 at %s", rounds, i, head.Short(), p.heads[0].Short())
			}
		}
		for id := range p.byHand {
			if !p.reach[p.heads[0]][id] {
				rt.Fatalf("a commit is lost")
			}
		}
		got := byKey(p.rows(0))
		for key, cells := range want {
			for col, text := range cells {
				if got[key] == nil || got[key][col] != text {
					rt.Fatalf("row %s, column %d: %q, want %q", key, col, got[key], text)
				}
			}
		}
	})
}

// Three who commit and merge in lockstep never have one commit that all come from but the
// first; their merges find no contradiction all the same.
func TestPeersInLockstep(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := newPeers(t, rt, 3, 8, false)
		for range rapid.IntRange(1, 8).Draw(rt, "rounds") {
			for i := range p.heads {
				p.edit(i)
			}
			heads := slices.Clone(p.heads)
			for i := range p.heads {
				for _, j := range rapid.Permutation([]int{0, 1, 2}).Draw(rt, "order") {
					if rapid.IntRange(0, 3).Draw(rt, "hears") > 0 {
						p.hear(i, heads[j])
					}
				}
			}
		}
		p.settle(true)
	})
}
