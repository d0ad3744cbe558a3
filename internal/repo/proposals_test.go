package repo

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object"
)

// sharing serves the dataset as the options say.
func sharing(t *testing.T, r *Repo, o *ShareOptions) (url string) {
	t.Helper()
	shared, err := r.Shared(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := servingAs(t, r, shared)
	return at.String()
}

// Contributors who propose at the same time all get their rows in, each once.
func TestHubTakesMany(t *testing.T) {
	r := dataset(t, &Options{Home: t.TempDir()})
	put(t, r, "t.csv", "id,count\n1,10\n2,20\n")
	commit(t, r, "first")
	url, _ := serving(t, r)
	const people = 6
	var clones []*Repo
	for i := range people {
		c := cloneOf(t, url, &Options{Home: t.TempDir()})
		put(t, c, "t.csv", read(t, c, "t.csv")+fmt.Sprintf("%d,%d\n", 100+i, i))
		commit(t, c, "a row")
		clones = append(clones, c)
	}
	var mu sync.Mutex
	var reports []string
	hub := sharing(t, r, &ShareOptions{Proposals: ProposalsAppendOnly, Report: func(_ *Proposal, text string) {
		mu.Lock()
		defer mu.Unlock()
		reports = append(reports, text)
	}})
	var all sync.WaitGroup
	for _, c := range clones {
		all.Go(func() {
			if res, err := c.Propose(t.Context(), ProposeOptions{Message: "a row", To: hub}); err != nil {
				t.Error(err)
			} else if !strings.HasPrefix(res.Remark, "accepted as ") {
				t.Error(res.Remark)
			}
		})
	}
	all.Wait()
	if len(reports) != people {
		t.Errorf("reports: %q", reports)
	}
	text := read(t, r, "t.csv")
	for i := range people {
		if n := strings.Count(text, fmt.Sprintf("\n%d,%d\n", 100+i, i)); n != 1 {
			t.Errorf("row %d stands there %d times", i, n)
		}
	}
	for _, c := range clones {
		if _, err := c.Pull(t.Context(), hub, PullOptions{}); err != nil {
			t.Fatal(err)
		}
		news, err := c.News(t.Context())
		if err != nil || len(news) != 1 || news[0].State != ProposalAccepted {
			t.Errorf("%v, %v", news, err)
		}
		if again, err := c.News(t.Context()); err != nil || len(again) != 0 {
			t.Errorf("told twice: %v, %v", again, err)
		}
		if got := read(t, c, "t.csv"); got != text {
			t.Errorf("a contributor has %q", got)
		}
	}
	sound(t, r)
}

// gc drops what was declined long ago with everything that came with it, and what
// was withdrawn; what waits stays.
func TestOldProposalsGo(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	r := dataset(t, &Options{Home: t.TempDir(), Now: clock})
	put(t, r, "t.csv", "id,count\n1,10\n2,20\n")
	commit(t, r, "first")
	url, _ := serving(t, r)
	var ids []string
	var commits []object.ID
	for i := range 3 {
		c := cloneOf(t, url, &Options{Home: t.TempDir(), Now: clock})
		put(t, c, "notes.txt", strings.Repeat(fmt.Sprint(i), 1000))
		commit(t, c, "notes")
		res, err := c.Propose(t.Context(), ProposeOptions{Message: "notes"})
		if err != nil {
			t.Fatal(err)
		}
		ids, commits = append(ids, res.ID()), append(commits, res.Commit)
		if i == 2 {
			if _, err := c.Withdraw(t.Context(), res.ID(), ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := r.Decline(t.Context(), ids[0], "no notes"); err != nil {
		t.Fatal(err)
	}
	held := func() (list []bool) {
		t.Helper()
		if _, err := r.GC(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, id := range commits {
			ok, err := r.store.Has(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, ok)
		}
		sound(t, r)
		return list
	}
	// The withdrawn one leads to nothing any more; the declined one may be looked at again.
	if got := held(); fmt.Sprint(got) != "[true true false]" {
		t.Errorf("at once: %v", got)
	}
	now = now.AddDate(0, 0, answeredDays+1)
	if got := held(); fmt.Sprint(got) != "[false true false]" {
		t.Errorf("after %d days: %v", answeredDays, got)
	}
	list, err := r.Proposals(t.Context())
	if err != nil || len(list) != 1 || list[0].ID() != ids[1] {
		t.Errorf("%v, %v", list, err)
	}
	if _, err := r.FindProposal(t.Context(), ids[0]); !errors.Is(err, ErrNoProposal) {
		t.Errorf("the declined one: %v", err)
	}
	if logs, _ := filepath.Glob(r.path("refs", "logs", "*")); len(logs) != 3 { // its own, its answers, the one that waits
		t.Errorf("%d logs are kept", len(logs))
	}
}
