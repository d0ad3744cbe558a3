//go:build unix

package durable

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func TestLockIsExclusiveUntilItIsGivenBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a, b := open(), open()
	if ok, err := TryLock(a); err != nil || !ok {
		t.Fatal(ok, err)
	}
	if ok, err := TryLock(b); err != nil || ok {
		t.Fatal("two hold the lock", err)
	}
	shared, err := syscall.Dup(int(a.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(shared)
	if err := Unlock(a); err != nil {
		t.Fatal(err)
	}
	if ok, err := TryLock(b); err != nil || !ok {
		t.Fatal("the lock outlived its holder, whose file a child shares", err)
	}
	if err := Unlock(b); err != nil {
		t.Fatal(err)
	}
}

func TestWriteFileReplacesAndLeavesNothingElse(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for _, text := range []string{"old", "new"} {
		if err := WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := os.ReadFile(path); err != nil || string(data) != "new" {
		t.Errorf("%q, %v", data, err)
	}
	if err := WriteFile(filepath.Join(dir, "missing", "f"), nil, 0o600); err == nil {
		t.Error("written into a folder that is not there")
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left behind: %v", entries)
	}
}

func TestFileNumberTellsACopyFromTheFile(t *testing.T) {
	dir := t.TempDir()
	number := func(name string) uint64 {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		n, err := FileNumber(f)
		if err != nil || n == 0 {
			t.Fatalf("number %d, %v", n, err)
		}
		return n
	}
	for _, name := range []string{"file", "copy"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("the same"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	first := number("file")
	if number("copy") == first {
		t.Error("a copy has the number of the file")
	}
	if err := Rename(filepath.Join(dir, "file"), filepath.Join(dir, "renamed")); err != nil {
		t.Fatal(err)
	}
	if number("renamed") != first {
		t.Error("a renamed file has another number")
	}
}
