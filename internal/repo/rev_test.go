package repo

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

// sharedPrefix are the messages of two commits whose ids begin with the same six
// digits, found by trying.
var sharedPrefix = [2]int{405, 696}

func numbered(t *testing.T, key *refs.Key, n int) *object.Commit {
	t.Helper()
	c := &object.Commit{Tree: object.Sum([]byte("tree")), Author: "a", Time: object.MomentOf(time.Unix(1e9, 0).UTC()), Message: fmt.Sprint(n)}
	if err := c.Sign(key); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestShortIDs(t *testing.T) {
	r := dataset(t, person(t))
	key := refs.KeyFromSeed([32]byte{1})
	batch, err := r.store.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer batch.Discard()
	var ids [2]object.ID
	for i, n := range sharedPrefix {
		o, err := numbered(t, key, n).Object()
		if err != nil {
			t.Fatal(err)
		}
		if ids[i], err = batch.Put(t.Context(), o, object.ID{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := batch.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, b := ids[0].String(), ids[1].String()
	if a[:6] != b[:6] || a[:12] == b[:12] {
		t.Fatalf("%s and %s don't share six digits", a, b)
	}
	for text, want := range map[string]error{a[:6]: ErrAmbiguous, a[:5]: ErrUnknownRevision, a[:6] + "g": ErrUnknownRevision} {
		if _, err := r.Resolve(t.Context(), text); !errors.Is(err, want) {
			t.Errorf("%s: %v", text, err)
		}
	}
	for i, text := range []string{a[:12], b[:12]} {
		if got, err := r.Resolve(t.Context(), text); err != nil || got != ids[i] {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}
