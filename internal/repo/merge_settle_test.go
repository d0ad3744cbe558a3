package repo

import (
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// pair are two copies whose words count, each with a commit that the other knows, and
// what one merge of the two made of it in either.
type pair struct {
	t    *testing.T
	now  time.Time
	one  *Repo
	two  *Repo
	m    [2]object.ID // the merges
	urls [2]refs.URL
}

func (p *pair) copies() [2]*Repo { return [2]*Repo{p.one, p.two} }

// newPair lets both merge what both know, without hearing of each other's merge.
// contents are the table as either commits it.
func newPair(t *testing.T, one, two string, decide string) *pair {
	t.Helper()
	p := &pair{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	o := &Options{Home: t.TempDir(), Now: func() time.Time { return p.now }}
	p.one = dataset(t, o)
	put(t, p.one, "t.csv", "id,a,b\n1,x,x\n2,x,x\n3,x,x\n")
	commit(t, p.one, "first")
	p.urls[0], _ = serving(t, p.one)
	p.two = cloneOf(t, p.urls[0], o)
	p.urls[1], _ = serving(t, p.two)
	put(t, p.one, "t.csv", one)
	put(t, p.two, "t.csv", two)
	heads := [2]object.ID{commit(t, p.one, "one's"), commit(t, p.two, "two's")}
	for i, r := range p.copies() {
		if _, err := r.Fetch(t.Context(), p.urls[1-i].String()); err != nil {
			t.Fatal(err)
		}
	}
	for i, r := range p.copies() {
		res, err := r.mergeCommit(t.Context(), heads[1-i], MergeOptions{settle: true, Message: "Merge"})
		if err != nil {
			t.Fatal(err)
		}
		p.m[i] = res.After
		if decide != "" {
			if _, err := r.ResolveConflicts(Choice{Paths: []string{"t.csv"}}, decide); err != nil {
				t.Fatal(err)
			}
			p.m[i] = commit(t, r, "decided")
		}
	}
	if p.m[0] == p.m[1] {
		t.Fatal("both made one merge")
	}
	return p
}

// exchange pulls until nothing moves, and returns where both are then.
func (p *pair) exchange() object.ID {
	p.t.Helper()
	for round, moved := 0, true; moved; round++ {
		if round > 5 {
			p.t.Fatal("they go on and on")
		}
		moved = false
		for i, r := range p.copies() {
			res, err := r.Pull(p.t.Context(), p.urls[1-i].String(), PullOptions{})
			if err != nil || len(res.Conflicts) > 0 {
				p.t.Fatal(res, err)
			}
			moved = moved || res.Before != res.After
		}
	}
	var heads [2]object.ID
	for i, r := range p.copies() {
		head, err := r.Head(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		heads[i] = head.Commit
		st, err := r.Status(p.t.Context())
		if err != nil || !st.Clean() {
			p.t.Errorf("the folder is not as it was committed: %v %v", st.Changes, err)
		}
		for _, remote := range st.Remotes {
			if remote.Ahead+remote.Behind > 0 {
				p.t.Errorf("ahead %d, behind %d", remote.Ahead, remote.Behind)
			}
		}
		sound(p.t, r)
	}
	if heads[0] != heads[1] {
		p.t.Fatalf("one is at %s, the other at %s", heads[0].Short(), heads[1].Short())
	}
	return heads[0]
}

// leads reports which of the two merges the commit leads to.
func (p *pair) leads(head object.ID) (both [2]bool) {
	p.t.Helper()
	for i, m := range p.m {
		var err error
		if both[i], err = p.one.isAncestor(p.t.Context(), m, head); err != nil {
			p.t.Fatal(err)
		}
	}
	return both
}

const (
	oneEdited = "id,a,b\n1,one,x\n2,x,x\n3,x,x\n"
	twoEdited = "id,a,b\n1,x,x\n2,x,x\n3,x,two\n"
)

func TestTwoMergesOfTheSame(t *testing.T) {
	smaller := func(p *pair) object.ID {
		if p.m[0].Compare(p.m[1]) < 0 {
			return p.m[0]
		}
		return p.m[1]
	}
	t.Run("young ones", func(t *testing.T) {
		p := newPair(t, oneEdited, twoEdited, "")
		if head := p.exchange(); head != smaller(p) {
			t.Errorf("both are at %s", head.Short())
		}
		// What is pushed from the place to which a branch was moved is not older than what is held.
		put(t, p.two, "t.csv", read(t, p.two, "t.csv")+"4,new,\n")
		id := commit(t, p.two, "more")
		if _, err := p.two.Push(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if res, err := p.one.Pull(t.Context(), p.urls[1].String(), PullOptions{}); err != nil || res.After != id {
			t.Errorf("%+v, %v", res, err)
		}
	})
	t.Run("old ones", func(t *testing.T) {
		p := newPair(t, oneEdited, twoEdited, "")
		p.now = p.now.Add(youngMerge + time.Minute)
		if both := p.leads(p.exchange()); both != [2]bool{true, true} {
			t.Errorf("a merge that may have been cited is out of the history: %v", both)
		}
	})
	t.Run("one that has a tag", func(t *testing.T) {
		p := newPair(t, oneEdited, twoEdited, "")
		for _, r := range p.copies() {
			if _, err := r.CreateTag(t.Context(), "v-"+r.Dir[len(r.Dir)-1:], "", "cited"); err != nil {
				t.Fatal(err)
			}
		}
		if both := p.leads(p.exchange()); both != [2]bool{true, true} {
			t.Errorf("a tagged merge is out of the history: %v", both)
		}
	})
	t.Run("ones in which people decided", func(t *testing.T) {
		// Both changed one cell, and both settled on a third value.
		p := newPair(t, oneEdited, "id,a,b\n1,two,x\n2,x,x\n3,x,x\n", "=three")
		head := p.exchange()
		if both := p.leads(head); both != [2]bool{true, true} {
			t.Errorf("somebody's decision is out of the history: %v", both)
		}
		if got := read(t, p.one, "t.csv"); got != "id,a,b\n1,three,x\n2,x,x\n3,x,x\n" {
			t.Errorf("the table is %q", got)
		}
	})
}

// A reader's own merge goes, however old it is, when the maintainers have what it brought together.
func TestReadersMergeGoes(t *testing.T) {
	p := newPair(t, oneEdited, twoEdited, "")
	reader := cloneOf(t, p.urls[0], &Options{Home: t.TempDir(), Now: func() time.Time { return p.now }})
	put(t, p.one, "t.csv", read(t, p.one, "t.csv")+"4,1,1\n")
	commit(t, p.one, "one's again")
	put(t, p.two, "t.csv", "id,a,b\n0,2,2\n"+read(t, p.two, "t.csv")[len("id,a,b\n"):])
	commit(t, p.two, "two's again")
	for i := range p.urls {
		if res, err := reader.Pull(t.Context(), p.urls[i].String(), PullOptions{}); err != nil || len(res.Conflicts) > 0 {
			t.Fatal(res, err)
		}
	}
	own, err := reader.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := object.ReadCommit(t.Context(), reader.store, own.Commit); err != nil || len(c.Parents) != 2 || refs.PeerID(c.Key) != reader.speakerID {
		t.Fatalf("the reader has made no merge: %v", err)
	}
	p.now = p.now.Add(48 * time.Hour)
	head := p.exchange()
	res, err := reader.Pull(t.Context(), p.urls[0].String(), PullOptions{})
	if err != nil || res.After != head {
		t.Errorf("the reader is at %s, the maintainers at %s: %v", res.After.Short(), head.Short(), err)
	}
	sound(t, reader)
}
