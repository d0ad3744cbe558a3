package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/merge"
	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// following is a Follow that a test has begun.
type following struct {
	t      testing.TB
	r      *Repo // what is followed in; for the test's own use
	events chan *FollowEvent
	stop   func()

	mu   sync.Mutex
	seen []string
}

// startFollowing follows in the folder of r until the test ends or stop is called.
func startFollowing(t testing.TB, r *Repo, remotes ...string) *following {
	t.Helper()
	return startFollowingWith(t, r, FollowOptions{Remotes: remotes})
}

func startFollowingWith(t testing.TB, r *Repo, how FollowOptions) *following {
	t.Helper()
	f := &following{t: t, r: r, events: make(chan *FollowEvent, 10_000)}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	o := r.o
	how.Tell = func(e *FollowEvent) {
		f.mu.Lock()
		f.seen = append(f.seen, fmt.Sprintf("%s %s %v", e.Kind, e.Remote, e.Err))
		f.mu.Unlock()
		f.events <- e
	}
	go func() { ended <- Follow(ctx, r.Dir, &o, how) }()
	f.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("following ended with %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("following does not end")
		}
	})
	t.Cleanup(f.stop)
	return f
}

// wait takes events until one is of the kind and, if is is not nil, it says so.
func (f *following) wait(kind FollowKind, is func(*FollowEvent) bool) *FollowEvent {
	f.t.Helper()
	late := time.After(time.Minute)
	for {
		select {
		case e := <-f.events:
			if e.Kind == kind && (is == nil || is(e)) {
				return e
			}
		case <-late:
			f.mu.Lock()
			defer f.mu.Unlock()
			f.t.Fatalf("waited in vain for %s; what happened:\n%s", kind, strings.Join(f.seen, "\n"))
		}
	}
}

// until waits until the branch and the folder are at the commit.
func (f *following) until(id object.ID) {
	f.t.Helper()
	f.wait(FollowMerged, func(e *FollowEvent) bool { return e.Merge.After == id })
	if head, err := f.r.Head(f.t.Context()); err != nil || head.Commit != id {
		f.t.Fatalf("HEAD is at %s: %v", head.Commit.Short(), err)
	}
}

// times returns how often something of the kind was told.
func (f *following) times(kind FollowKind) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, text := range f.seen {
		if strings.HasPrefix(text, string(kind)+" ") {
			n++
		}
	}
	return n
}

// ticking is the options of a person whose clock is that of the computer.
func ticking(t testing.TB) *Options { return &Options{Home: t.TempDir(), Patience: 5 * time.Second} }

// again opens what r opened once more, for another goroutine.
func again(t testing.TB, r *Repo) *Repo {
	t.Helper()
	other, err := Open(t.Context(), r.Dir, &Options{Home: r.o.Home, LockWait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	return other
}

// servingAt serves the dataset at an address until the test ends or stop is called.
func servingAt(t testing.TB, r *Repo, address string) (url refs.URL, stop func()) {
	t.Helper()
	key, err := r.signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	shared, err := r.Shared(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.DatasetID()
	if err != nil {
		t.Fatal(err)
	}
	server, err := Serve(t.Context(), address, key, Among(map[object.ID]transport.Dataset{id: shared}), nil)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := server.Close(ctx); err != nil {
			t.Errorf("the server did not end by itself: %v", err)
		}
	})
	t.Cleanup(stop)
	return refs.URL{Dataset: id, Peers: server.Addresses([]string{"127.0.0.1"})}, stop
}

const threeRows = "id,a,b,c\n1,x,x,x\n2,x,x,x\n3,x,x,x\n"

// What is committed at one end is checked out at the other, through somebody between
// whose own branch follows; nobody asks for anything.
func TestFollowThroughAnother(t *testing.T) {
	a := dataset(t, ticking(t))
	put(t, a, "t.csv", threeRows)
	commit(t, a, "first")
	aURL, _ := servingAt(t, a, "127.0.0.1:0")
	b := cloneOf(t, aURL, ticking(t))
	bURL, _ := servingAt(t, again(t, b), "127.0.0.1:0")
	c := cloneOf(t, bURL, ticking(t))
	between, end := startFollowing(t, b), startFollowing(t, c)
	between.wait(FollowConnected, nil)
	end.wait(FollowConnected, nil)
	for i := range 5 {
		text := strings.Replace(threeRows, "2,x", fmt.Sprintf("2,edit%d", i), 1)
		put(t, a, "t.csv", text)
		id := commit(t, a, "edit")
		end.until(id)
		if got := read(t, c, "t.csv"); got != text {
			t.Errorf("t.csv is %q", got)
		}
	}
	between.stop()
	end.stop()
	sound(t, b)
	sound(t, c)
}

// A server that goes away and comes back finds its followers again by itself; what was
// committed meanwhile arrives.
func TestFollowComesBack(t *testing.T) {
	a := dataset(t, ticking(t))
	put(t, a, "t.csv", threeRows)
	commit(t, a, "first")
	url, stop := servingAt(t, a, "127.0.0.1:0")
	f := startFollowing(t, cloneOf(t, url, ticking(t)))
	f.wait(FollowConnected, nil)
	stop()
	if e := f.wait(FollowLost, nil); !errors.Is(e.Err, transport.ErrDisconnected) && e.Err == nil {
		t.Errorf("lost by %v", e.Err)
	}
	put(t, a, "t.csv", threeRows+"4,y,y,y\n")
	id := commit(t, a, "while nobody could ask")
	servingAt(t, a, fmt.Sprintf("127.0.0.1:%d", url.Peers[0].Port))
	f.until(id)
	for late := time.Now().Add(time.Minute); f.times(FollowConnected) < 2 && time.Now().Before(late); time.Sleep(time.Millisecond) {
	}
	if n := f.times(FollowConnected); n != 2 {
		t.Errorf("it was told %d times that a server is in reach", n)
	}
	if n := f.times(FollowLost); n != 1 {
		t.Errorf("it was told %d times that the server is out of reach", n)
	}
}

// A peer of the address that is gone is made up for by another.
func TestFollowAnotherPeer(t *testing.T) {
	a := dataset(t, ticking(t))
	put(t, a, "t.csv", threeRows)
	commit(t, a, "first")
	aURL, _ := servingAt(t, a, "127.0.0.1:0")
	mirror := cloneOf(t, aURL, ticking(t))
	mirrorURL, stop := servingAt(t, again(t, mirror), "127.0.0.1:0")
	c := cloneOf(t, aURL, ticking(t))
	both := refs.URL{Dataset: aURL.Dataset, Peers: append(mirrorURL.Peers, aURL.Peers...)}
	f := startFollowing(t, c, both.String())
	if e := f.wait(FollowConnected, nil); e.Peer.Peer != mirrorURL.Peers[0].Peer {
		t.Errorf("connected to %s", e.Peer.Peer.Short())
	}
	stop()
	if e := f.wait(FollowConnected, nil); e.Peer.Peer != aURL.Peers[0].Peer {
		t.Errorf("then connected to %s", e.Peer.Peer.Short())
	}
	put(t, a, "t.csv", threeRows+"4,y,y,y\n")
	f.until(commit(t, a, "second"))
	if f.times(FollowLost) > 0 {
		t.Error("it was told that nobody is in reach")
	}
}

// What is in the way of a merge is said once, and what comes meanwhile is kept, passed
// on, and merged as soon as nothing is.
func TestFollowWaitsForTheFolder(t *testing.T) {
	mine := strings.Replace(threeRows, "1,x", "1,mine", 1)
	for _, test := range []struct {
		name  string
		block func(t *testing.T, r *Repo) (free func())
		want  error
	}{
		{"uncommitted changes", func(t *testing.T, r *Repo) func() {
			put(t, r, "t.csv", mine)
			return func() { put(t, r, "t.csv", threeRows) }
		}, ErrDirty},
		{"open in a spreadsheet program", func(t *testing.T, r *Repo) func() {
			put(t, r, ".~lock.t.csv#", ",ana,desk,;")
			return func() {
				if err := os.Remove(filepath.Join(r.Dir, ".~lock.t.csv#")); err != nil {
					t.Fatal(err)
				}
			}
		}, ErrOpen},
		{"another constl at work", func(t *testing.T, r *Repo) func() {
			unlock, err := r.lock()
			if err != nil {
				t.Fatal(err)
			}
			return unlock
		}, ErrLocked},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := dataset(t, ticking(t))
			put(t, a, "t.csv", threeRows)
			commit(t, a, "first")
			url, _ := servingAt(t, a, "127.0.0.1:0")
			b := cloneOf(t, url, ticking(t))
			bURL, _ := servingAt(t, again(t, b), "127.0.0.1:0")
			c := cloneOf(t, bURL, ticking(t))
			fb, fc := startFollowing(t, b), startFollowing(t, c)
			fb.wait(FollowConnected, nil)
			fc.wait(FollowConnected, nil)
			free := test.block(t, b)
			var last object.ID
			for i := range 3 {
				put(t, a, "t.csv", fmt.Sprintf("%s4,%d,,\n", threeRows, i))
				last = commit(t, a, "edit")
				fc.until(last) // it is passed on
			}
			if e := fb.wait(FollowWaiting, nil); !errors.Is(e.Err, test.want) {
				t.Errorf("it waits for %v", e.Err)
			}
			if got := read(t, b, "t.csv"); strings.Contains(got, "4,") {
				t.Errorf("t.csv was replaced: %q", got)
			}
			free()
			fb.until(last)
			if n := fb.times(FollowWaiting); n != 1 {
				t.Errorf("it was said %d times", n)
			}
			fb.stop()
			sound(t, b)
		})
	}
}

// A contradiction is left to a person as by a pull; what comes meanwhile is fetched, and
// merged when the person has decided.
func TestFollowStopsAtConflicts(t *testing.T) {
	o := ticking(t)
	a := dataset(t, o)
	put(t, a, "t.csv", threeRows)
	commit(t, a, "first")
	url, _ := servingAt(t, a, "127.0.0.1:0")
	b := cloneOf(t, url, o)
	put(t, b, "t.csv", strings.Replace(threeRows, "1,x", "1,mine", 1))
	commit(t, b, "mine")
	f := startFollowing(t, b)
	f.wait(FollowConnected, nil)
	put(t, a, "t.csv", strings.Replace(threeRows, "1,x", "1,theirs", 1))
	commit(t, a, "theirs")
	e := f.wait(FollowConflicts, nil)
	if len(e.Merge.Conflicts) != 1 {
		t.Errorf("%d conflicts", len(e.Merge.Conflicts))
	}
	put(t, a, "t.csv", strings.Replace(threeRows, "1,x", "1,theirs", 1)+"4,y,y,y\n")
	more := commit(t, a, "more")
	f.wait(FollowFetched, func(e *FollowEvent) bool { return e.Fetch.Refs["heads/main"] == more })
	if n, err := b.ResolveConflicts(Choice{Paths: []string{"t.csv"}}, "ours"); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	commit(t, again(t, b), "decided")
	f.wait(FollowMerged, nil)
	if got := read(t, b, "t.csv"); got != strings.Replace(threeRows, "1,x", "1,mine", 1)+"4,y,y,y\n" {
		t.Errorf("t.csv is %q", got)
	}
	if n := f.times(FollowConflicts) + f.times(FollowWaiting); n != 1 {
		t.Errorf("it was said %d times", n)
	}
	f.stop()
	sound(t, b)
}

func TestFollowTakesNothingInvalid(t *testing.T) {
	a := dataset(t, ticking(t))
	put(t, a, "t.csv", threeRows)
	commit(t, a, "first")
	url, _ := servingAt(t, a, "127.0.0.1:0")
	b := cloneOf(t, url, ticking(t))
	if err := b.settings.SetLocal(settings.ValidateOn, "pull"); err != nil {
		t.Fatal(err)
	}
	f := startFollowing(t, b)
	f.wait(FollowConnected, nil)
	put(t, a, "t.csv", strings.Replace(threeRows, "2,x", "1,x", 1))
	commit(t, a, "one key twice")
	if e := f.wait(FollowWaiting, nil); !errors.Is(e.Err, ErrInvalid) {
		t.Errorf("it waits for %v", e.Err)
	}
	put(t, a, "t.csv", threeRows+"4,y,y,y\n")
	f.until(commit(t, a, "mended"))
	if n := f.times(FollowWaiting); n != 1 {
		t.Errorf("it was said %d times", n)
	}
}

// What others push to a copy that follows is merged, too.
func TestFollowMergesPushes(t *testing.T) {
	o := ticking(t)
	a := dataset(t, o)
	put(t, a, "t.csv", threeRows)
	commit(t, a, "first")
	aURL, _ := servingAt(t, a, "127.0.0.1:0")
	hub := cloneOf(t, aURL, o)
	hubURL, _ := servingAt(t, again(t, hub), "127.0.0.1:0")
	f := startFollowing(t, hub)
	f.wait(FollowConnected, nil)
	laptop := cloneOf(t, hubURL, o)
	put(t, laptop, "t.csv", threeRows+"4,y,y,y\n")
	id := commit(t, laptop, "second")
	if _, err := laptop.Push(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	f.until(id)
	if got := read(t, hub, "t.csv"); got != threeRows+"4,y,y,y\n" {
		t.Errorf("t.csv is %q", got)
	}
}

// A copy of a part gets of what is new what it has of the dataset, also after it has grown.
func TestFollowInACopyOfAPart(t *testing.T) {
	a := dataset(t, ticking(t))
	put(t, a, "t.csv", threeRows)
	put(t, a, "other.csv", threeRows)
	commit(t, a, "first")
	url, _ := servingAt(t, a, "127.0.0.1:0")
	c, _, err := ClonePart(t.Context(), url, filepath.Join(t.TempDir(), "clone"), &Part{Paths: []string{"t.csv"}}, ticking(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	f := startFollowing(t, c)
	f.wait(FollowConnected, nil)
	put(t, a, "t.csv", threeRows+"4,y,y,y\n")
	put(t, a, "other.csv", threeRows+"5,z,z,z\n")
	f.until(commit(t, a, "second"))
	if got := read(t, c, "t.csv"); got != threeRows+"4,y,y,y\n" {
		t.Errorf("t.csv is %q", got)
	}
	if _, err := os.Stat(filepath.Join(c.Dir, "other.csv")); err == nil {
		t.Error("other.csv is there, too")
	}
	if _, err := again(t, c).Complete(t.Context(), Widen{Tables: true}); err != nil {
		t.Fatal(err)
	}
	put(t, a, "other.csv", threeRows+"6,z,z,z\n")
	f.until(commit(t, a, "third"))
	if got := read(t, c, "other.csv"); got != threeRows+"6,z,z,z\n" {
		t.Errorf("other.csv is %q", got)
	}
	f.stop()
	sound(t, again(t, c))
}

// Several who commit at once, each in a column of their own, end at one commit.
func TestFollowEachOther(t *testing.T) {
	o := ticking(t)
	a := dataset(t, o)
	put(t, a, "t.csv", threeRows)
	commit(t, a, "first")
	aURL, _ := servingAt(t, again(t, a), "127.0.0.1:0")
	b := cloneOf(t, aURL, o)
	bURL, _ := servingAt(t, again(t, b), "127.0.0.1:0")
	fa, fb := startFollowing(t, a, bURL.String()), startFollowing(t, b)
	fa.wait(FollowConnected, nil)
	fb.wait(FollowConnected, nil)
	for i := range 10 {
		var both sync.WaitGroup
		for col, r := range []*Repo{again(t, a), again(t, b)} {
			both.Go(func() { editAsPerson(t, r, i%3, col, fmt.Sprintf("v%d", i)) })
		}
		both.Wait()
	}
	settled(t, a, b)
	want := "id,a,b,c\n1,v9,v9,x\n2,v7,v7,x\n3,v8,v8,x\n"
	if got := read(t, a, "t.csv"); got != want {
		t.Errorf("t.csv is %q", got)
	}
	fa.stop()
	fb.stop()
	sound(t, a)
	sound(t, b)
}

// editAsPerson changes a cell as somebody with an office program does, while the
// dataset follows others, and commits it.
func editAsPerson(t testing.TB, r *Repo, row, col int, value string) {
	t.Helper()
	edit(t, r, "t.csv", func(text string) string {
		lines := strings.Split(text, "\n")
		cells := strings.Split(lines[1+row], ",")
		cells[1+col] = value
		lines[1+row] = strings.Join(cells, ",")
		return strings.Join(lines, "\n")
	})
}

// edit opens a file as an office program does, changes and closes it, and commits.
func edit(t testing.TB, r *Repo, name string, change func(string) string) (commit object.ID) {
	t.Helper()
	sign := ".~lock." + name + "#"
	put(t, r, sign, ",ana,desk,;")
	// Whoever was replacing the file when the program opened it has done so.
	unlock, err := r.lock()
	if err != nil {
		t.Error(err)
		return commit
	}
	unlock()
	put(t, r, name, change(read(t, r, name)))
	if res, err := r.Commit(t.Context(), CommitOptions{Message: "edit"}); err != nil {
		t.Error(err)
	} else {
		commit = res.ID
	}
	if err := os.Remove(filepath.Join(r.Dir, sign)); err != nil {
		t.Error(err)
	}
	return commit
}

// settled waits until all are at one commit, and their folders as it has them.
func settled(t testing.TB, repos ...*Repo) object.ID {
	t.Helper()
	for late := time.Now().Add(2 * time.Minute); ; {
		heads := make(map[object.ID]int)
		clean := true
		for _, r := range repos {
			head, err := r.Head(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			heads[head.Commit]++
			st, err := r.Status(t.Context())
			clean = clean && err == nil && st.Clean()
		}
		if len(heads) == 1 && clean {
			head, _ := repos[0].Head(t.Context())
			return head.Commit
		}
		if time.Now().After(late) {
			for i, r := range repos {
				t.Logf("copy %d: %s", i, whereabouts(t, r))
			}
			t.Fatalf("the copies are at %v", heads)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// whereabouts says where a copy stands, and where it knows others to stand.
func whereabouts(t testing.TB, r *Repo) string {
	t.Helper()
	var b strings.Builder
	head, err := r.Head(t.Context())
	if err != nil {
		return err.Error()
	}
	view, err := r.refs.View(t.Context())
	if err != nil {
		return err.Error()
	}
	tree, _ := r.treeOf(t.Context(), head.Commit)
	fmt.Fprintf(&b, "at %s, tree %s", head.Commit.Short(), tree.Short())
	own, _ := view.Own()
	for _, log := range view.Logs() {
		target := log.Head.Statement().Refs["heads/main"]
		tree, err := r.treeOf(t.Context(), target)
		ahead, behind, _ := merge.AheadBehind(t.Context(), r.store, head.Commit, target)
		fmt.Fprintf(&b, "\n  %s (own: %t) number %d at %s, tree %s (%v): ahead %d, behind %d", log.ID.Signer.Short(), log.ID == own,
			log.Head.Statement().Seq, target.Short(), tree.Short(), err, ahead, behind)
	}
	st, err := r.Status(t.Context())
	if err != nil {
		return err.Error()
	}
	fmt.Fprintf(&b, "\n  changes %v, merging %s", st.Changes, st.Merging.Short())
	if list, err := r.Conflicts(); err == nil {
		for _, c := range list {
			fmt.Fprintf(&b, "\n  conflict: %s", c)
		}
	}
	return b.String()
}

func TestFollowNeedsSomethingToFollow(t *testing.T) {
	r := dataset(t, ticking(t))
	put(t, r, "t.csv", threeRows)
	commit(t, r, "first")
	tell := func(*FollowEvent) {}
	for _, test := range []struct {
		remote string
		want   error
	}{
		{"", ErrNoRemote},
		{"lab", ErrNoRemote},
		{filepath.Join(t.TempDir(), "x.bundle"), ErrNoFollowing},
		{"constl://00", refs.ErrInvalidURL},
	} {
		if err := Follow(t.Context(), r.Dir, &r.o, FollowOptions{Remotes: []string{test.remote}, Tell: tell}); !errors.Is(err, test.want) {
			t.Errorf("%q: %v", test.remote, err)
		}
	}
}
