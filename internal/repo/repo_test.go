package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// person is the options of a person with a key of their own, whose clock advances by
// a minute at every look.
func person(t testing.TB) *Options {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return &Options{Home: t.TempDir(), Now: func() time.Time {
		now = now.Add(time.Minute)
		return now
	}}
}

// dataset makes a dataset in a folder of its own.
func dataset(t testing.TB, o *Options) *Repo {
	t.Helper()
	r, err := Init(t.Context(), filepath.Join(t.TempDir(), "d"), InitOptions{Name: "d"}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func put(t testing.TB, r *Repo, name, content string) {
	t.Helper()
	p := filepath.Join(r.Dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, r *Repo, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(r.Dir, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func commit(t testing.TB, r *Repo, message string) object.ID {
	t.Helper()
	res, err := r.Commit(t.Context(), CommitOptions{Message: message})
	if err != nil {
		t.Fatal(err)
	}
	return res.ID
}

// sound fails the test unless everything that is stored is whole and the store's
// folder holds nothing that was left behind.
func sound(t testing.TB, r *Repo) {
	t.Helper()
	res, err := r.Fsck(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range res.Problems {
		t.Errorf("fsck: %s", p.Text)
	}
	for _, pattern := range []string{"stage-*", "*/tmp-*", "tmp-*"} {
		if left, _ := filepath.Glob(r.path(pattern)); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
}

// serving serves the dataset until the test ends or stop is called.
func serving(t testing.TB, r *Repo) (url refs.URL, stop func()) {
	t.Helper()
	shared, err := r.Shared(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return servingAs(t, r, shared)
}

// servingAs serves the dataset as another one that behaves in its own way.
func servingAs(t testing.TB, r *Repo, shared transport.Dataset) (url refs.URL, stop func()) {
	t.Helper()
	key, err := r.signer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.DatasetID()
	if err != nil {
		t.Fatal(err)
	}
	server, err := Serve(t.Context(), "127.0.0.1:0", key, Among(map[object.ID]transport.Dataset{id: shared}), nil)
	if err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(func() {
		now, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Close(now)
	})
	t.Cleanup(stop)
	return refs.URL{Dataset: id, Peers: server.Addresses([]string{"127.0.0.1"})}, stop
}

func cloneOf(t testing.TB, url refs.URL, o *Options) *Repo {
	t.Helper()
	r, _, err := Clone(t.Context(), url, filepath.Join(t.TempDir(), "clone"), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func TestInitLeavesFilesAndIsMadeOnce(t *testing.T) {
	o, dir := person(t), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "t.csv"), []byte("id\n1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := Init(t.Context(), dir, InitOptions{Name: ""}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got := read(t, r, "t.csv"); got != "id\n1\n" {
		t.Errorf("t.csv is %q", got)
	}
	chain, err := r.Chain()
	if err != nil || chain.Current().Name != filepath.Base(dir) {
		t.Errorf("the name is not the folder's: %v, %v", chain.Current().Name, err)
	}
	if _, err := Init(t.Context(), dir, InitOptions{Name: "other"}, o); !errors.Is(err, ErrExists) {
		t.Errorf("a second Init: %v", err)
	}
	sound(t, r)
}

func TestInitThatFailsLeavesNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o, parent := person(t), t.TempDir()
	if _, err := refs.OpenKey(ctx, o.Home); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := Init(ctx, filepath.Join(parent, "d"), InitOptions{Name: "d"}, o); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(parent, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestInitGoesOverOneThatWasCut(t *testing.T) {
	o := person(t)
	r := dataset(t, o)
	if err := os.Remove(r.path(formatFile)); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(r.path(refsDir, "format")); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), r.Dir, o); !errors.Is(err, ErrNotDataset) {
		t.Errorf("half a dataset opens: %v", err)
	}
	again, err := Init(t.Context(), r.Dir, InitOptions{Name: "again"}, o)
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	sound(t, again)
}

func TestOpenFindsTheDatasetAbove(t *testing.T) {
	o := person(t)
	r := dataset(t, o)
	put(t, r, "a/b/t.csv", "id\n1\n")
	found, err := Open(t.Context(), filepath.Join(r.Dir, "a", "b"), o)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	if found.Dir != r.Dir {
		t.Errorf("found %s, expected %s", found.Dir, r.Dir)
	}
	if _, err := Open(t.Context(), filepath.Dir(r.Dir), o); !errors.Is(err, ErrNotDataset) {
		t.Errorf("beside the dataset: %v", err)
	}
	if err := os.WriteFile(r.path(formatFile), []byte("constl dataset 2\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), r.Dir, o); !errors.Is(err, refs.ErrNewerFormat) {
		t.Errorf("a newer format: %v", err)
	}
}

func TestFileThatChangesWhileItIsReadIsNotCommitted(t *testing.T) {
	o := person(t)
	r := dataset(t, o)
	const n = 64
	for i := range n {
		put(t, r, fmt.Sprintf("%02d.csv", i), fmt.Sprintf("id,n\n1,%d\n", i))
	}
	first := commit(t, r, "first")
	for i := range n {
		put(t, r, fmt.Sprintf("%02d.csv", i), fmt.Sprintf("id,n\n1,%d\n2,2\n", i))
	}
	// The workers read the files in order and report after each one, so while the
	// first to report is held here, none of them comes near the last file.
	turn := make(chan bool, 1)
	turn <- true
	r.o.Progress = func(what string, _, _ int64) {
		if mine := <-turn; mine && what == "reading files" {
			put(t, r, fmt.Sprintf("%02d.csv", n-1), "id,n\n1,half of wh")
			turn <- false
			return
		}
		turn <- false
	}
	if runtime.GOMAXPROCS(0) > n/2 {
		t.Skip("more workers than files")
	}
	_, err := r.Commit(t.Context(), CommitOptions{Message: "second"})
	if !errors.Is(err, ErrChanging) || !strings.Contains(err.Error(), fmt.Sprintf("%02d.csv", n-1)) {
		t.Errorf("got %v", err)
	}
	head, err := r.Head(t.Context())
	if err != nil || head.Commit != first {
		t.Errorf("HEAD is %s, %v", head.Commit.Short(), err)
	}
	sound(t, r)
	r.o.Progress = func(string, int64, int64) {}
	commit(t, r, "second")
}

func TestOneAtATime(t *testing.T) {
	o := person(t)
	r := dataset(t, o)
	put(t, r, "t.csv", "id\n1\n")
	commit(t, r, "first")
	unlock, err := r.lock()
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(t.Context(), r.Dir, o)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	put(t, r, "t.csv", "id\n2\n")
	if _, err := other.Commit(t.Context(), CommitOptions{Message: "x"}); !errors.Is(err, ErrLocked) {
		t.Errorf("commit: %v", err)
	}
	if _, err := other.Checkout(t.Context(), "HEAD"); !errors.Is(err, ErrLocked) {
		t.Errorf("checkout: %v", err)
	}
	if _, err := other.Status(t.Context()); err != nil {
		t.Errorf("status, which changes nothing: %v", err)
	}
	unlock()
	commit(t, other, "second")
	if head, err := r.Head(t.Context()); err != nil || head.Commit.IsZero() {
		t.Error(err)
	}
	sound(t, r)
}

// forged stores a commit of a tree that no constl would make of a folder.
func forged(t *testing.T, r *Repo, entries ...object.TreeEntry) object.ID {
	t.Helper()
	batch, err := r.store.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Discard()
	tree, err := object.BuildTree(t.Context(), batch, entries, object.ID{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := r.putCommit(t.Context(), batch, tree, nil, "forged")
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return id
}

func chunk(t *testing.T, r *Repo, text string) object.TreeEntry {
	t.Helper()
	batch, err := r.store.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Discard()
	blob, err := object.WriteBlob(t.Context(), batch, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := batch.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	return object.TreeEntry{Type: object.TypeFile, ID: blob.ID, Size: blob.Size, Sum: blob.Sum}
}

func TestCheckoutNeverLeavesTheFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege on Windows")
	}
	for _, target := range []string{"../outside", "/etc/passwd", ".constl/HEAD", "a/../../outside", `..\outside`} {
		r := dataset(t, person(t))
		e := chunk(t, r, target)
		id := forged(t, r, object.TreeEntry{Name: "link", Type: object.TypeSymlink, ID: e.ID, Size: e.Size})
		if _, err := r.Checkout(t.Context(), id.String()); err == nil {
			t.Errorf("a link to %s was put into the folder", target)
		}
		if _, err := os.Lstat(filepath.Join(r.Dir, "link")); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a link to %s: %v", target, err)
		}
	}

	// A folder that the person has replaced by a link must not lead a checkout away.
	r, outside := dataset(t, person(t)), t.TempDir()
	put(t, r, "d/t.csv", "id\n1\n")
	id := commit(t, r, "first")
	if err := os.RemoveAll(filepath.Join(r.Dir, "d")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(r.Dir, "d")); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Checkout(t.Context(), id.String()); err == nil {
		t.Error("a checkout went through a link")
	}
	if left, _ := filepath.Glob(filepath.Join(outside, "*")); len(left) > 0 {
		t.Errorf("written outside: %v", left)
	}
}

// TestFileThatIsNotWhatItsTreeSays covers a commit that is signed rightly, but whose
// tree lies about a file.
func TestFileThatIsNotWhatItsTreeSays(t *testing.T) {
	r := dataset(t, person(t))
	e := chunk(t, r, "the bytes")
	e.Name, e.Sum = "f.txt", object.Sum([]byte("other bytes"))
	id := forged(t, r, e)
	if _, err := r.Checkout(t.Context(), id.String()); !errors.Is(err, object.ErrCorrupt) {
		t.Errorf("checkout: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(r.Dir, "f.txt")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("f.txt: %v", err)
	}
	var out bytes.Buffer
	if err := r.Cat(t.Context(), &out, id.String()+":f.txt", CatOptions{}); !errors.Is(err, object.ErrCorrupt) {
		t.Errorf("cat: %v", err)
	}
	res, err := r.Verify(t.Context(), object.ID{}, id)
	if err != nil || len(res.Problems) == 0 {
		t.Errorf("verify found nothing wrong: %v", err)
	}
}

// TestDamageIsNeverHandedOut flips bits all over the packs of a dataset.
func TestDamageIsNeverHandedOut(t *testing.T) {
	o := person(t)
	r := dataset(t, o)
	var versions []string
	for i := range 3 {
		versions = append(versions, manyRows(300+i))
		put(t, r, "t.csv", versions[i])
		put(t, r, "notes.txt", versions[i])
		commit(t, r, "x")
	}
	packs, err := filepath.Glob(r.path(packsDir, "*.pack"))
	if err != nil || len(packs) == 0 {
		t.Fatalf("no packs: %v", err)
	}
	for _, file := range packs {
		whole, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		step := max(1, len(whole)/40)
		for at := len(whole) % step; at < len(whole); at += step {
			harmed := bytes.Clone(whole)
			harmed[at] ^= 0x04
			if err := os.WriteFile(file, harmed, 0o644); err != nil {
				t.Fatal(err)
			}
			checkHarmed(t, r.Dir, o, versions, fmt.Sprintf("%s at %d", filepath.Base(file), at))
		}
		if err := os.WriteFile(file, whole, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	sound(t, r)
}

func checkHarmed(t *testing.T, dir string, o *Options, versions []string, where string) {
	t.Helper()
	r, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Errorf("%s: the dataset does not open: %v", where, err)
		return
	}
	defer r.Close()
	res, err := r.Fsck(t.Context())
	if err != nil && !errors.Is(err, object.ErrCorrupt) && !errors.Is(err, object.ErrNotFound) || err == nil && len(res.Problems) == 0 {
		t.Errorf("%s: fsck found nothing: %v", where, err)
	}
	for i, want := range versions {
		for _, name := range []string{"t.csv", "notes.txt"} {
			var out bytes.Buffer
			err := r.Cat(t.Context(), &out, fmt.Sprintf("HEAD~%d:%s", len(versions)-1-i, name), CatOptions{})
			switch {
			case err == nil && out.String() != want:
				t.Errorf("%s: wrong bytes of %s", where, name)
			case err != nil && !errors.Is(err, object.ErrCorrupt) && !errors.Is(err, object.ErrNotFound):
				t.Errorf("%s: reading %s: %v", where, name, err)
			}
		}
	}
}

func TestLeftoversOfACrashAreSwept(t *testing.T) {
	r := dataset(t, person(t))
	left := r.path("stage-crashed")
	if err := os.Mkdir(left, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(left, "0"), []byte("half a file"), 0o644); err != nil {
		t.Fatal(err)
	}
	unlock, err := r.lock()
	if err != nil {
		t.Fatal(err)
	}
	unlock()
	if _, err := os.Stat(left); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is still there: %v", left, err)
	}
}
