package repo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/constl/constl/internal/worktree"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
)

// manyRows returns a table that does not compress to nothing.
func manyRows(n int) string {
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("id,site,count,note\n")
	for i := range n {
		fmt.Fprintf(&b, "%d,S%d,%d,%x\n", i, random.IntN(50), random.IntN(1000), random.Uint64())
	}
	return b.String()
}

// noise returns bytes that don't compress.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return string(b)
}

// leavingDataset is served by a peer that leaves when it has read so many objects.
type leavingDataset struct {
	transport.Dataset
	left    atomic.Int64
	arrived <-chan struct{}
	leave   func()
}

// Objects implements [transport.Dataset].
func (d *leavingDataset) Objects() object.Reader { return leavingReader{d.Dataset.Objects(), d} }

type leavingReader struct {
	object.Reader
	d *leavingDataset
}

// Get implements [object.Reader].
func (r leavingReader) Get(ctx context.Context, id object.ID) (object.Object, error) {
	if r.d.left.Add(-1) >= 0 {
		return r.Reader.Get(ctx, id)
	}
	select {
	case <-r.d.arrived:
	case <-ctx.Done():
	}
	go r.d.leave() // it waits for this request to end
	<-ctx.Done()
	return object.Object{}, ctx.Err()
}

// TestCutCloneGoesOnWhereItStopped takes the server away in the middle of a clone.
func TestCutCloneGoesOnWhereItStopped(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", manyRows(2000))
	// More than what peers keep of an exchange in memory.
	put(t, r, "photo.jpg", noise(8<<20))
	commit(t, r, "first")
	url, stop := serving(t, r)
	whole, fetched, err := Clone(t.Context(), url, filepath.Join(t.TempDir(), "whole"), person(t))
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()

	stop()

	// The server is gone when it has read most of the objects and some have arrived.
	o, dir := person(t), filepath.Join(t.TempDir(), "cut")
	arrived := make(chan struct{})
	arrive := sync.OnceFunc(func() { close(arrived) })
	o.Progress = func(what string, done, _ int64) {
		if what == "receiving objects" && done > fetched.Bytes/3 {
			arrive()
		}
	}
	shared, err := r.Shared(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	leaving := &leavingDataset{Dataset: shared, arrived: arrived}
	leaving.left.Store(fetched.Objects * 3 / 4)
	url, stop = servingAs(t, r, leaving)
	leaving.leave = stop
	if _, _, err := Clone(t.Context(), url, dir, o); err == nil {
		t.Fatal("the clone was not cut")
	} else if !errors.Is(err, transport.ErrDisconnected) && !errors.Is(err, link.ErrClosed) {
		t.Errorf("cut clone: %v", err)
	}
	if _, err := Open(t.Context(), dir, o); !errors.Is(err, ErrNotDataset) {
		t.Errorf("half a clone opens: %v", err)
	}
	if _, err := Init(t.Context(), dir, InitOptions{Name: "x"}, o); !errors.Is(err, ErrExists) {
		t.Errorf("half a clone is made a dataset: %v", err)
	}

	// Another server, at another address, has the same dataset.
	url, _ = serving(t, whole)
	resumed, again, err := Clone(t.Context(), url, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer resumed.Close()
	if again.Objects >= fetched.Objects || again.Bytes > fetched.Bytes*3/4 {
		t.Errorf("the second try took %d objects and %d bytes of %d and %d", again.Objects, again.Bytes, fetched.Objects, fetched.Bytes)
	}
	for _, name := range []string{"t.csv", "photo.jpg"} {
		if read(t, resumed, name) != read(t, r, name) {
			t.Errorf("%s is not as it was committed", name)
		}
	}
	sound(t, resumed)
}

func TestCutCloneKeepsFilesThatSomebodyChanged(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", "id\n1\n")
	commit(t, r, "first")
	url, _ := serving(t, r)
	o, dir := person(t), filepath.Join(t.TempDir(), "c")
	if err := os.MkdirAll(filepath.Join(dir, ".constl", "packs"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{".constl/" + cloningFile: url.Dataset.String(), "t.csv": "mine"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := Clone(t.Context(), url, dir, o); !errors.Is(err, ErrDirty) {
		t.Errorf("got %v", err)
	}
	if data, _ := os.ReadFile(filepath.Join(dir, "t.csv")); string(data) != "mine" {
		t.Errorf("t.csv is %q", data)
	}
	if err := os.Remove(filepath.Join(dir, "t.csv")); err != nil {
		t.Fatal(err)
	}
	c, _, err := Clone(t.Context(), url, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sound(t, c)
}

func TestCloneFromNobodyLeavesNothing(t *testing.T) {
	r := dataset(t, person(t))
	commitEmpty(t, r)
	url, _ := serving(t, r)
	wrong := url
	wrong.Peers = slices.Clone(url.Peers)
	wrong.Peers[0].Peer = otherPeer(t)
	for name, c := range map[string]struct {
		url  refs.URL
		want error
	}{
		"another peer answers":     {wrong, link.ErrWrongPeer},
		"the peer has no such one": {refs.URL{Dataset: object.Sum([]byte("x")), Peers: url.Peers}, transport.ErrNotFound},
		"no peer":                  {refs.URL{Dataset: url.Dataset}, refs.ErrInvalidURL},
	} {
		parent := t.TempDir()
		if _, _, err := Clone(t.Context(), c.url, filepath.Join(parent, "c"), person(t)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := filepath.Glob(filepath.Join(parent, "*")); len(left) > 0 {
			t.Errorf("%s: left behind: %v", name, left)
		}
	}
}

func commitEmpty(t *testing.T, r *Repo) object.ID {
	t.Helper()
	res, err := r.Commit(t.Context(), CommitOptions{Message: "empty", AllowEmpty: true})
	if err != nil {
		t.Fatal(err)
	}
	return res.ID
}

func otherPeer(t *testing.T) refs.PeerID {
	t.Helper()
	key, err := refs.OpenKey(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return key.PeerID()
}

// TestPullBothWays lets two people edit one table at the same time, over many rounds,
// and asserts that they always end up with one and the same table.
func TestPullBothWays(t *testing.T) {
	const rows, rounds = 400, 6
	alice := dataset(t, person(t))
	put(t, alice, "t.csv", manyRows(rows))
	commit(t, alice, "first")
	aliceURL, _ := serving(t, alice)
	bob := cloneOf(t, aliceURL, person(t))
	bobURL, _ := serving(t, bob)
	random := rand.New(rand.NewPCG(7, 7))
	want := strings.Split(read(t, alice, "t.csv"), "\n")
	for round := range rounds {
		for i, r := range []*Repo{alice, bob} {
			lines := strings.Split(read(t, r, "t.csv"), "\n")
			for range 5 {
				// Each has a column of their own, so that they meet in rows, never in cells.
				at, col, text := 1+random.IntN(rows), 1+i, fmt.Sprintf("r%d-%d", round, random.IntN(1000))
				for _, l := range [][]string{lines, want} {
					cells := strings.Split(l[at], ",")
					cells[col] = text
					l[at] = strings.Join(cells, ",")
				}
			}
			put(t, r, "t.csv", strings.Join(lines, "\n"))
			commit(t, r, "round")
		}
		for _, step := range []struct {
			into *Repo
			from string
		}{{bob, "origin"}, {alice, bobURL.String()}} {
			res, err := step.into.Pull(t.Context(), step.from, PullOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Conflicts) > 0 {
				t.Fatalf("round %d: %v", round, res.Conflicts)
			}
		}
		if got := read(t, alice, "t.csv"); got != strings.Join(want, "\n") {
			t.Fatalf("round %d: an edit is lost", round)
		}
		if read(t, bob, "t.csv") != read(t, alice, "t.csv") {
			t.Fatalf("round %d: the two have different tables", round)
		}
	}
	sound(t, alice)
	sound(t, bob)
}

func TestPushIsForMaintainers(t *testing.T) {
	o := person(t)
	r := dataset(t, o)
	put(t, r, "t.csv", "id,n\n1,1\n")
	first := commit(t, r, "first")
	url, _ := serving(t, r)
	second := cloneOf(t, url, o)
	put(t, second, "t.csv", "id,n\n1,2\n")
	id := commit(t, second, "second")
	for _, want := range []bool{true, false} {
		if res, err := second.Push(t.Context(), ""); err != nil || res.New != want {
			t.Errorf("push: %+v, %v", res, err)
		}
	}
	if head, err := r.Head(t.Context()); err != nil || head.Commit != first {
		t.Errorf("a push has moved the peer's branch to %s: %v", head.Commit.Short(), err)
	}
	if got := read(t, r, "t.csv"); got != "id,n\n1,1\n" {
		t.Errorf("a push has changed the peer's folder: %q", got)
	}
	if res, err := r.Merge(t.Context(), id.String(), MergeOptions{}); err != nil || !res.FastForward {
		t.Errorf("merging what was pushed: %+v, %v", res, err)
	}
	stranger := cloneOf(t, url, person(t))
	put(t, stranger, "t.csv", "id,n\n1,3\n")
	theirs := commit(t, stranger, "mine")
	if _, err := stranger.Push(t.Context(), ""); !errors.Is(err, transport.ErrNotAllowed) {
		t.Errorf("a stranger's push: %v", err)
	}
	if _, err := r.Resolve(t.Context(), theirs.String()); !errors.Is(err, ErrUnknownRevision) {
		t.Errorf("a stranger's commit was kept: %v", err)
	}
	for who, c := range map[*Repo]bool{r: true, second: true, stranger: false} {
		if ok, err := who.Maintains(t.Context(), "heads/main"); err != nil || ok != c {
			t.Errorf("Maintains: %v, %v", ok, err)
		}
	}
	sound(t, r)
}

// A pull that is stopped when the new files lie ready does all of its work, or none.
func TestPullStoppedAtItsEnd(t *testing.T) {
	for _, own := range []bool{false, true} {
		a := dataset(t, person(t))
		put(t, a, "t.csv", "id,n\n1,1\n2,2\n")
		commit(t, a, "first")
		url, _ := serving(t, a)
		ctx, cancel := context.WithCancel(t.Context())
		o := person(t)
		c := cloneOf(t, url, o)
		if own {
			put(t, c, "t.csv", "id,n\n1,1\n2,mine\n")
			commit(t, c, "mine")
		}
		before, err := c.Head(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		put(t, a, "t.csv", "id,n\n1,theirs\n2,2\n")
		put(t, a, "u.csv", "id\n1\n")
		commit(t, a, "second")
		c.o.Progress = func(what string, done, total int64) {
			if what == "writing files" && done == total {
				cancel()
			}
		}
		_, err = c.Pull(ctx, "", PullOptions{})
		head, headErr := c.Head(t.Context())
		st, statusErr := c.Status(t.Context())
		if headErr != nil || statusErr != nil {
			t.Fatal(headErr, statusErr)
		}
		if !st.Clean() || (err == nil) == (head == before) {
			t.Errorf("own %t: %v; changes %v, and HEAD has moved: %t", own, err, st.Changes, head != before)
		}
		sound(t, c)
	}
}

// What somebody saves while a pull makes its files ready is not lost.
func TestPullLosesNothingThatIsSavedMeanwhile(t *testing.T) {
	a := dataset(t, person(t))
	put(t, a, "t.csv", "id,n\n1,1\n")
	commit(t, a, "first")
	url, _ := serving(t, a)
	c := cloneOf(t, url, person(t))
	put(t, a, "t.csv", "id,n\n1,2\n")
	commit(t, a, "second")
	c.o.Progress = func(what string, done, total int64) {
		if what == "writing files" {
			put(t, c, "t.csv", "id,n\n1,mine\n")
		}
	}
	if _, err := c.Pull(t.Context(), "", PullOptions{}); !errors.Is(err, worktree.ErrChanged) {
		t.Errorf("got %v", err)
	}
	if got := read(t, c, "t.csv"); got != "id,n\n1,mine\n" {
		t.Errorf("t.csv is %q", got)
	}
	sound(t, c)
}

// A command waits for one that changes the same folder, if it is told to.
func TestWaitForTheLock(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "t.csv", "id\n1\n")
	unlock, err := r.lock()
	if err != nil {
		t.Fatal(err)
	}
	o := r.o
	o.LockWait = time.Minute
	other, err := Open(t.Context(), r.Dir, &o)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	time.AfterFunc(50*time.Millisecond, unlock)
	commit(t, other, "first")
}

func TestCloneStoppedByItsContext(t *testing.T) {
	r := dataset(t, person(t))
	put(t, r, "photo.jpg", noise(8<<20))
	commit(t, r, "first")
	url, _ := serving(t, r)
	ctx, cancel := context.WithCancel(t.Context())
	o, dir := person(t), filepath.Join(t.TempDir(), "c")
	o.Progress = func(what string, done, _ int64) {
		if what == "receiving objects" {
			cancel()
		}
	}
	if _, _, err := Clone(ctx, url, dir, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	c, _, err := Clone(t.Context(), url, dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	sound(t, c)
}
