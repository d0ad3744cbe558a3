package repo

import (
	"errors"
	"strings"
	"testing"

	"github.com/constl/constl/internal/settings"
	"github.com/constl/constl/transport"
)

func TestRoom(t *testing.T) {
	dir := t.TempDir()
	if err := roomAt(dir, 1<<60, 0); err != nil {
		t.Errorf("no matter how much is free: %v", err)
	}
	if err := roomAt(dir, 0, 1); err != nil {
		t.Error(err)
	}
	for _, c := range [][2]int64{{0, 1 << 60}, {1 << 60, 1}} {
		err := roomAt(dir, c[0], c[1])
		if !errors.Is(err, transport.ErrDiskFull) || !strings.Contains(err.Error(), "limit disk-floor") {
			t.Errorf("%d bytes above %d: %v", c[0], c[1], err)
		}
	}
}

func TestPoliciesAreThoseOfTheSettings(t *testing.T) {
	words := settings.ProposalWords()
	for i, p := range ProposalPolicies() {
		if i >= len(words) || string(p) != words[i] {
			t.Errorf("policy %d is %s, the settings take %q", i, p, words)
		}
	}
}
