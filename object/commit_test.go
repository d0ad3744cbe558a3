package object_test

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/constl/constl/object"
	"github.com/google/go-cmp/cmp"
)

func testKey() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)) }

func testCommit(t testing.TB) *object.Commit {
	t.Helper()
	c := &object.Commit{
		Tree: object.Sum([]byte("tree")), Parents: []object.ID{object.Sum([]byte("p"))}, Author: "Jane Doe",
		Time: object.Moment{Unix: 1_800_000_000, Offset: -330}, Message: "Ten more counts\n",
	}
	if err := c.Sign(testKey()); err != nil {
		t.Fatal(err)
	}
	return c
}

func testTag(t testing.TB) *object.Tag {
	t.Helper()
	tag := &object.Tag{
		Target: object.Sum([]byte("commit")), Name: "v1", Tagger: "Jane Doe",
		Time: object.Moment{Unix: 1_800_000_000}, Message: "as published",
	}
	if err := tag.Sign(testKey()); err != nil {
		t.Fatal(err)
	}
	return tag
}

func TestCommitComesBack(t *testing.T) {
	c := testCommit(t)
	o, err := c.Object()
	if err != nil {
		t.Fatal(err)
	}
	back, err := object.DecodeCommit(o)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, back); diff != "" {
		t.Error(diff)
	}
	if err := back.Verify(); err != nil {
		t.Error(err)
	}
	if got := back.Time.Time().Format(time.RFC3339); got != "2027-01-15T02:30:00-05:30" {
		t.Error(got)
	}
}

func TestAnyChangeBreaksTheSignature(t *testing.T) {
	for name, change := range map[string]func(*object.Commit){
		"tree":    func(c *object.Commit) { c.Tree[0]++ },
		"parent":  func(c *object.Commit) { c.Parents = nil },
		"author":  func(c *object.Commit) { c.Author += "x" },
		"key":     func(c *object.Commit) { c.Key[0]++ },
		"time":    func(c *object.Commit) { c.Time.Unix++ },
		"zone":    func(c *object.Commit) { c.Time.Offset++ },
		"message": func(c *object.Commit) { c.Message = "" },
		"value":   func(c *object.Commit) { c.Signature[0]++ },
	} {
		c := testCommit(t)
		change(c)
		if err := c.Verify(); !errors.Is(err, object.ErrSignature) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
	tag := testTag(t)
	tag.Name = "v2"
	if err := tag.Verify(); !errors.Is(err, object.ErrSignature) {
		t.Errorf("tag renamed: %v", err)
	}
}

func TestCommitLimits(t *testing.T) {
	for name, change := range map[string]func(*object.Commit){
		"no author":        func(c *object.Commit) { c.Author = "" },
		"two-line author":  func(c *object.Commit) { c.Author = "a\nb" },
		"not UTF-8":        func(c *object.Commit) { c.Message = "\xff" },
		"long message":     func(c *object.Commit) { c.Message = strings.Repeat("x", object.MaxMessage+1) },
		"parent twice":     func(c *object.Commit) { c.Parents = append(c.Parents, c.Parents[0]) },
		"too many parents": func(c *object.Commit) { c.Parents = make([]object.ID, object.MaxParents+1) },
		"zero tree":        func(c *object.Commit) { c.Tree = object.ID{} },
		"zone":             func(c *object.Commit) { c.Time.Offset = 24 * 60 },
		"before 1970":      func(c *object.Commit) { c.Time.Unix = -1 },
	} {
		c := testCommit(t)
		change(c)
		if _, err := c.Object(); !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCommit(f *testing.F) {
	o, err := testCommit(f).Object()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(o))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := object.DecodeCommit(data)
		if err != nil {
			return
		}
		if back, err := c.Object(); err != nil || string(back) != string(data) {
			t.Errorf("another encoding was accepted: %v", err)
		}
	})
}

func FuzzTag(f *testing.F) {
	o, err := testTag(f).Object()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(o))
	f.Fuzz(func(t *testing.T, data []byte) {
		tag, err := object.DecodeTag(data)
		if err != nil {
			return
		}
		if back, err := tag.Object(); err != nil || string(back) != string(data) {
			t.Errorf("another encoding was accepted: %v", err)
		}
	})
}

// A key of small order makes signatures that hold for anything; none is believed.
func TestWeakKeysSignNothing(t *testing.T) {
	for i := range 64 {
		c := &object.Commit{Tree: object.Sum([]byte("tree")), Author: "Eve", Message: string(rune('a' + i))}
		if err := c.Verify(); !errors.Is(err, object.ErrSignature) {
			t.Errorf("a commit without a signature, %d: %v", i, err)
		}
		c.Key, c.Signature[0] = object.PublicKey{1}, 1
		if err := c.Verify(); !errors.Is(err, object.ErrSignature) {
			t.Errorf("a commit signed by the neutral key, %d: %v", i, err)
		}
	}
}
