package refs

import (
	"errors"
	"testing"

	"github.com/constl/constl/object"
	"github.com/google/go-cmp/cmp"
)

func testCheckpoint() *Checkpoint {
	return &Checkpoint{Version: 3, Identity: [8]byte{1, 2, 3}, Floors: []Floor{
		{Signer: [6]byte{1}, Copy: [4]byte{2}, Seq: 300, Statement: [4]byte{4}},
		{Signer: [6]byte{1}, Copy: [4]byte{3}, Seq: 1, Statement: [4]byte{5}},
	}}
}

func TestCheckpointText(t *testing.T) {
	c := testCheckpoint()
	got, err := ParseCheckpoint(c.String())
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(c, got); d != "" {
		t.Error(d)
	}
	// Two floors, and an identity: short enough for a QR code in a terminal.
	if n := len(c.String()); n > 70 {
		t.Errorf("%d characters", n)
	}
}

func TestCheckpointRefusals(t *testing.T) {
	turned := testCheckpoint()
	turned.Floors[0], turned.Floors[1] = turned.Floors[1], turned.Floors[0]
	none := testCheckpoint()
	none.Version = 0
	zero := testCheckpoint()
	zero.Floors[0].Seq = 0
	var newer object.Encoder
	newer.Byte(2)
	text := testCheckpoint().String()
	for name, bad := range map[string]string{
		"empty": "", "cut": text[:len(text)-2], "longer": text + "aa", "upper case": "A" + text[1:], "out of order": turned.String(),
		"no version": none.String(), "sequence number 0": zero.String(), "unused bits": text[:len(text)-1] + "7", "padding": text + "=",
	} {
		if c, err := ParseCheckpoint(bad); !errors.Is(err, ErrInvalidURL) {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if _, err := ParseCheckpoint(peerText.EncodeToString(newer.Body())); !errors.Is(err, ErrNewerFormat) {
		t.Errorf("a newer level: %v", err)
	}
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add(testCheckpoint().String())
	f.Add((&Checkpoint{Version: 1}).String())
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCheckpoint(text)
		if err == nil && c.String() != text {
			t.Fatalf("%q is written as %q", text, c)
		}
	})
}

// A clone with a checkpoint cannot be given an older state, nor another history.
func TestCheckpointAttacks(t *testing.T) {
	ana, ben := testKey(1), testKey(2)
	c1 := mustChain(t, mustSign(t, firstIdentity(1, person("Ana", ana), person("Ben", ben)), ana))
	c2 := nextIdentity(t, c1, func(id *Identity) { id.Name = "Moths" }, ana)
	s := newTestStore(t, c2, ana)
	one := mustUpdate(t, s, move("", "a"))
	two := mustUpdate(t, s, move("a", "b"))
	view, err := s.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	state := view.Checkpoint(ShownFloors)
	three := mustUpdate(t, s, move("b", "c"))
	fork := *two.statement
	fork.Refs = map[Name]object.ID{"heads/main": target("x")}
	forked, err := SignStatement(&fork, ana)
	if err != nil {
		t.Fatal(err)
	}
	otherCopy := *two.statement
	otherCopy.Log.Copy = NewCopyID()
	elsewhere, err := SignStatement(&otherCopy, ana)
	if err != nil {
		t.Fatal(err)
	}
	stranger := otherCopy
	stranger.Log = LogID{testKey(7).PeerID(), two.statement.Log.Copy}
	strangers, err := SignStatement(&stranger, testKey(7))
	if err != nil {
		t.Fatal(err)
	}
	without := nextIdentity(t, c2, func(id *Identity) { id.People = id.People[1:] }, ana, ben)
	closed := nextIdentity(t, c2, func(id *Identity) {
		id.Closed = []Closing{{Log: one.statement.Log, Seq: 1, Statement: one.id}}
	}, ana)
	c2b := nextIdentity(t, c1, func(id *Identity) { id.Name = "Butterflies" }, ana)
	for _, test := range []struct {
		name       string
		chain      *Chain
		statements []*SignedStatement
		frozen     bool
	}{
		{"the state itself", c2, []*SignedStatement{two}, false},
		{"a later one", c2, []*SignedStatement{three}, false},
		{"a later one, of which something older is known", c2, []*SignedStatement{one, three, two}, false},
		{"an older statement", c2, []*SignedStatement{one}, true},
		{"no statement", c2, nil, true},
		{"another statement of that number", c2, []*SignedStatement{forked}, true},
		{"another statement of that number, which contradicts the right one", c2, []*SignedStatement{forked, two}, false},
		{"another copy's", c2, []*SignedStatement{elsewhere}, true},
		{"a stranger's", c2, []*SignedStatement{strangers}, true},
		{"an older identity", c1, []*SignedStatement{two}, true},
		{"another identity", c2b, []*SignedStatement{two}, true},
		{"a device that is listed no more", without, nil, false},
		{"a log that was closed", closed, []*SignedStatement{one}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := state.Check(test.chain, test.statements)
			if errors.Is(err, ErrFrozen) != test.frozen || err != nil != test.frozen {
				t.Error(err)
			}
			if test.frozen && !errors.Is(err, ErrUntrusted) {
				t.Errorf("%v is no error of trust", err)
			}
		})
	}
}
