package repo

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// edits is how many random edits TestPeersConverge makes; 0 stands for its own choice.
var edits = flag.Int("edits", 0, "how many random edits TestPeersConverge makes")

// maintainers are several people with a copy each, whose word counts, in a line: each
// serves, and follows its neighbours.
func maintainers(t *testing.T, n int, table string) (repos []*Repo, follows []*following) {
	t.Helper()
	names := []string{"Ana", "Ben", "Cem", "Dua"}
	o := ticking(t)
	first := dataset(t, o)
	put(t, first, "t.csv", table)
	commit(t, first, "first")
	var options []*Options
	for i := range n {
		options = append(options, o)
		if i == 0 {
			continue
		}
		options[i] = ticking(t)
		key, err := refs.OpenKey(t.Context(), options[i].Home)
		if err != nil {
			t.Fatal(err)
		}
		person := refs.Person{Name: names[i], Role: refs.Maintainer, Devices: []refs.Device{{Key: key.PeerID(), Name: "laptop"}}}
		if _, err := first.ChangeIdentity(t.Context(), func(id *refs.Identity) error { return AddPerson(id, person) }); err != nil {
			t.Fatal(err)
		}
	}
	repos = []*Repo{first}
	var urls []refs.URL
	for i := range n {
		if i > 0 {
			repos = append(repos, cloneOf(t, urls[i-1], options[i]))
		}
		url, _ := servingAt(t, again(t, repos[i]), "127.0.0.1:0")
		urls = append(urls, url)
	}
	for i := range n {
		var remotes []string
		if i > 0 {
			remotes = append(remotes, urls[i-1].String())
		}
		if i < n-1 {
			remotes = append(remotes, urls[i+1].String())
		}
		f := startFollowing(t, repos[i], remotes...)
		for range remotes {
			f.wait(FollowConnected, nil)
		}
		follows = append(follows, f)
	}
	return repos, follows
}

// editor makes random edits that contradict nobody's: in a column of its own, and in rows
// of its own that it adds.
type editor struct {
	random *rand.Rand
	col    int
	mark   string
	n      int

	cells   map[string]string // by row, what it wrote last into its column
	commits []object.ID
}

// change makes some edits to a table.
func (e *editor) change(text string, edits int) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	for range edits {
		e.n++
		at := 1 + e.random.IntN(len(lines)-1)
		if e.random.IntN(8) == 0 {
			key := e.mark + strconv.Itoa(e.n)
			lines = slices.Insert(lines, at, key+",,,,")
			e.cells[key] = ""
			continue
		}
		cells := strings.Split(lines[at], ",")
		cells[e.col] = "v" + e.mark + strconv.Itoa(e.n)
		e.cells[cells[0]] = cells[e.col]
		lines[at] = strings.Join(cells, ",")
	}
	return strings.Join(lines, "\n") + "\n"
}

// TestPeersConverge lets three maintainers, who follow each other in a line, make 1,000
// random edits at once (100 with -short; another number: go test ./internal/repo -run
// TestPeersConverge -args -edits 10000). In the end all are at one commit, with one
// table; nobody's commit and nobody's edit is lost.
func TestPeersConverge(t *testing.T) {
	total := 1000
	if testing.Short() {
		total = 100
	}
	if *edits > 0 {
		total = *edits
	}
	var table strings.Builder
	table.WriteString("id,a,b,c,note\n")
	for i := range 200 {
		fmt.Fprintf(&table, "r%d,x,x,x,n%d\n", i, i)
	}
	repos, follows := maintainers(t, 3, table.String())
	begun := time.Now()
	var work sync.WaitGroup
	editors := make([]*editor, len(repos))
	for i := range repos {
		e := &editor{random: rand.New(rand.NewPCG(7, uint64(i))), col: 1 + i, mark: string(rune('a' + i)), cells: make(map[string]string)}
		editors[i] = e
		r := again(t, repos[i])
		share := total / len(repos)
		if i == 0 {
			share += total % len(repos)
		}
		work.Go(func() {
			for e.n < share && !t.Failed() {
				id := edit(t, r, "t.csv", func(text string) string { return e.change(text, min(share-e.n, 1+e.random.IntN(8))) })
				e.commits = append(e.commits, id)
			}
		})
	}
	work.Wait()
	edited := time.Since(begun)
	defer func() {
		if t.Failed() {
			for i, f := range follows {
				f.mu.Lock()
				t.Logf("what copy %d was told of last:\n%s", i, strings.Join(f.seen[max(0, len(f.seen)-12):], "\n"))
				f.mu.Unlock()
			}
		}
	}()
	at := settled(t, repos...)
	t.Logf("%d edits in %s, at one commit %s later", total, edited.Round(time.Millisecond), (time.Since(begun) - edited).Round(time.Millisecond))
	for _, f := range follows {
		f.stop()
	}
	checkConverged(t, repos, editors, at)
}

// checkConverged checks that all copies have one table with everybody's last edits, and
// that every commit that a person made is in its history.
func checkConverged(t *testing.T, repos []*Repo, editors []*editor, at object.ID) {
	t.Helper()
	var tables []object.ID
	for _, r := range repos {
		c, err := object.ReadCommit(t.Context(), r.store, at)
		if err != nil {
			t.Fatal(err)
		}
		files, err := readFiles(t.Context(), r.store, c.Tree)
		if err != nil {
			t.Fatal(err)
		}
		tables = append(tables, files.files["t.csv"].ID)
		sound(t, r)
	}
	for i, id := range tables {
		if id != tables[0] || id.IsZero() {
			t.Errorf("the table of copy %d is %s, that of the first %s", i, id.Short(), tables[0].Short())
		}
	}
	merges := 0
	history := make(map[object.ID]bool)
	for c, err := range repos[0].Log(t.Context(), at) {
		if err != nil {
			t.Fatal(err)
		}
		history[c.ID] = true
		if len(c.Parents) > 1 {
			merges++
		}
	}
	rows := make(map[string][]string)
	for _, line := range strings.Split(read(t, repos[0], "t.csv"), "\n") {
		cells := strings.Split(line, ",")
		rows[cells[0]] = cells
	}
	for i, e := range editors {
		for _, id := range e.commits {
			if !history[id] {
				t.Errorf("the commit %s of person %d is lost", id.Short(), i)
			}
		}
		for key, want := range e.cells {
			if row := rows[key]; row == nil || row[e.col] != want {
				t.Errorf("row %s of person %d: %q, want %q", key, i, row, want)
			}
		}
	}
	t.Logf("%d commits, %d of them merges", len(history), merges)
}
