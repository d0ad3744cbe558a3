package pack

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/objecttest"
	"github.com/constl/constl/object/pack/internal/vfs"
)

func open(t *testing.T, dir string, opts *Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func TestSuite(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) object.Store { return open(t, t.TempDir(), nil) })
}

// A tiny cache makes every read go to the packs.
func TestSuiteWithoutCache(t *testing.T) {
	objecttest.Run(t, func(t *testing.T) object.Store { return open(t, t.TempDir(), &Options{CacheBytes: 1}) })
}

// listing counts how often a folder is read.
type listing struct {
	vfs.FS
	lists int
}

// List implements [vfs.FS].
func (l *listing) List() ([]vfs.Info, error) {
	l.lists++
	return l.FS.List()
}

// Whoever asks for thousands of objects that are not there does not make the store read
// its folder thousands of times, unless that has just changed.
func TestMissesDoNotReadTheFolder(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, nil)
	add := func(o object.Object) {
		b := beginBatch(t, first)
		if _, err := b.Put(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		commitBatch(t, b)
	}
	add(objecttest.Chunk(1, 100))
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(dir, old, old); err != nil {
		t.Fatal(err)
	}
	counted := &listing{FS: vfs.Dir(dir)}
	s, err := openFS(t.Context(), counted, &Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	counted.lists = 0
	for i := range 1000 {
		id := object.Sum([]byte{byte(i), byte(i >> 8), 7})
		if _, err := s.Get(t.Context(), id); !errors.Is(err, object.ErrNotFound) {
			t.Fatal(err)
		}
		if _, err := s.GetEntry(t.Context(), id); !errors.Is(err, object.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if counted.lists > 1 {
		t.Errorf("the folder was read %d times for 2000 objects that are not there", counted.lists)
	}
	// What another process adds is seen at once.
	other := objecttest.Chunk(2, 100)
	add(other)
	objecttest.Want(t, s, other)
}
