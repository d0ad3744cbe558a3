package pack

import (
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/object/objecttest"
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
