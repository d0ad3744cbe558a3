package disk

import (
	"errors"
	"path/filepath"
	"testing"
)

func TestFree(t *testing.T) {
	dir := t.TempDir()
	n, err := Free(dir)
	if errors.Is(err, ErrUnknown) {
		t.Skip("the system does not tell")
	}
	if err != nil || n <= 0 {
		t.Fatalf("%d bytes are free, %v", n, err)
	}
	// Others write at the same time: the order of magnitude is enough.
	if m, err := Free(filepath.Join(dir, "not", "yet", "there")); err != nil || m < n/2 || m > 2*n {
		t.Errorf("%d bytes are free in a folder that is to be made, %d in the one above it: %v", m, n, err)
	}
}

func TestFreeOfNoFolder(t *testing.T) {
	if _, err := Free(filepath.Join(t.TempDir(), "f\x00")); err == nil {
		t.Error("a name that no folder can have has a disk")
	}
}
