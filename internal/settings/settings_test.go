package settings

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheDatasetsOwnValueWins(t *testing.T) {
	own, local := t.TempDir(), t.TempDir()
	s, err := Open(own, local)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.SetOwn(UserName, "Jane Doe"), s.SetOwn(UserORCID, "0000-0002-1825-0097"), s.SetLocal(UserName, "J. Doe"), s.SetLocal(Remote("origin"), "constl://x")} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if s, err = Open(own, local); err != nil {
		t.Fatal(err)
	}
	want := [][2]string{{"remote.origin.url", "constl://x"}, {UserName, "J. Doe"}, {UserORCID, "0000-0002-1825-0097"}}
	if diff := cmp.Diff(want, s.All()); diff != "" {
		t.Error(diff)
	}
	if err := s.SetLocal(UserName, ""); err != nil {
		t.Fatal(err)
	}
	if v, _ := s.Get(UserName); v != "Jane Doe" {
		t.Errorf("after unsetting: %q", v)
	}
}

func TestBadSettingsAreRefused(t *testing.T) {
	s, err := Open(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"user.nmae": ErrUnknown, "remote..url": ErrInvalid, "remote.a b.url": ErrInvalid, UserORCID: ErrInvalid} {
		if err := s.SetOwn(name, "x"); !errors.Is(err, want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.SetLocal(UserName, "x"); err == nil {
		t.Error("a local value was set where there is no dataset")
	}
	if len(s.All()) != 0 {
		t.Errorf("refused values are kept: %v", s.All())
	}
}

func TestABrokenFileIsNamed(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, File), []byte("[1"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, ""); err == nil {
		t.Error("no error")
	}
}
