package refs

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/constl/constl/object"
)

func TestPeerIDText(t *testing.T) {
	id := testKey(1).PeerID()
	text := id.String()
	if len(text) != 52 || strings.ToLower(text) != text {
		t.Fatalf("text form %q", text)
	}
	back, err := ParsePeerID(text)
	if err != nil || back != id {
		t.Fatalf("ParsePeerID(%q) = %v, %v", text, back, err)
	}
	last := text[len(text)-1]
	for _, bad := range []string{
		"", text[1:], text + "a", strings.ToUpper(text), text[:51] + "=", text[:51] + "\n", "1" + text[1:],
		text[:51] + string(last+1), // bits beyond the key
		strings.Repeat("a", 52),    // the zero key
	} {
		if _, err := ParsePeerID(bad); !errors.Is(err, ErrInvalidPeer) {
			t.Errorf("ParsePeerID(%q): %v", bad, err)
		}
	}
}

func TestPeerIDRefusesKeysForWhichAnyoneCanSign(t *testing.T) {
	// Under the neutral element, R = neutral and S = 0 is valid for every message.
	neutral := PeerID{0: 1}
	var sig [64]byte
	sig[0] = 1
	if !ed25519.Verify(neutral[:], []byte("anything"), sig[:]) {
		t.Fatal("the forged signature should hold, else this check is of no use")
	}
	weak := []PeerID{neutral, {}}
	for _, y := range []string{ // as in FORMAT.md §1, big-endian
		"7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec",
		"05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
		"7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7",
	} {
		bytes, err := hex.DecodeString(y)
		if err != nil {
			t.Fatal(err)
		}
		slices.Reverse(bytes)
		weak = append(weak, PeerID(bytes))
	}
	for _, w := range weak[:len(weak):len(weak)] {
		w[31] |= 0x80
		weak = append(weak, w)
	}
	for b := byte(0xed); b != 0; b++ { // y from 2^255-19 to 2^255-1
		var w PeerID
		for i := range w {
			w[i] = 0xff
		}
		w[0], w[31] = b, 0x7f
		weak = append(weak, w)
	}
	for _, w := range weak {
		if err := w.Check(); !errors.Is(err, ErrInvalidPeer) {
			t.Errorf("%x: %v", w[:], err)
		}
	}
	for b := range 64 {
		if err := testKey(byte(b)).PeerID().Check(); err != nil {
			t.Errorf("an honest key: %v", err)
		}
	}
}

func TestLogIDText(t *testing.T) {
	log := LogID{testKey(1).PeerID(), CopyID{1, 2, 0xab}}
	back, err := ParseLogID(log.String())
	if err != nil || back != log {
		t.Fatalf("ParseLogID(%q) = %v, %v", log, back, err)
	}
	for _, bad := range []string{"", "-", log.Signer.String(), log.String() + "0", strings.ToUpper(log.String()), log.Signer.String() + "-" + strings.Repeat("g", 32)} {
		if _, err := ParseLogID(bad); err == nil {
			t.Errorf("ParseLogID(%q) succeeded", bad)
		}
	}
}

func TestName(t *testing.T) {
	for _, good := range []string{"heads/main", "tags/v1.0", "heads/Main", "heads/a/b/c", "heads/año-2026", "proposals/x_y", "heads/@", "heads/見", "heads/" + strings.Repeat("a", MaxName-6)} {
		if n, err := ParseName(good); err != nil || string(n) != good {
			t.Errorf("ParseName(%q): %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "main", "/heads/main", "heads/main/", "heads//main", "heads/..", "heads/a..b", "heads/.a", "heads/a.", "heads/./a",
		"heads/a b", "heads/a\tb", "heads/a\x00", "heads/a\x7f", `heads\main`, "heads/a@{1}", "heads/a~1", "heads/a^", "heads/a:b",
		"heads/a?", "heads/*", "heads/[a", "heads/-x", "heads/a.lock", "heads/\xff", "heads/an\u0303o", "heads/\u202emain", "heads/a\u00a0b",
		"heads/a\u200bb", "heads/" + strings.Repeat("a", MaxName-5),
	} {
		if _, err := ParseName(bad); !errors.Is(err, ErrInvalidName) {
			t.Errorf("ParseName(%q): %v", bad, err)
		}
	}
	if _, err := ParseName("main"); err == nil || !strings.Contains(err.Error(), `"heads/main"`) {
		t.Errorf("the error should say what to write: %v", err)
	}
	if got := Name("heads/a/b").Short(); got != "a/b" {
		t.Errorf("Short() = %q", got)
	}
}

func TestPattern(t *testing.T) {
	for _, good := range []Pattern{"*", "heads/*", "heads/a/*", "heads/main"} {
		if err := good.Check(); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []Pattern{"", "**", "heads", "heads*", "heads/a*", "*/main", "/*", "heads/*/x", "heads//*"} {
		if err := bad.Check(); !errors.Is(err, ErrInvalidName) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, c := range []struct {
		p    Pattern
		n    Name
		want bool
	}{
		{"*", "heads/main", true}, {"heads/*", "heads/main", true}, {"heads/*", "heads/a/b", true}, {"heads/*", "headsx/a", false},
		{"heads/main", "heads/main", true}, {"heads/main", "heads/main2", false}, {"heads/a/*", "heads/a", false},
	} {
		if got := c.p.Match(c.n); got != c.want {
			t.Errorf("%q matches %q: %v", c.p, c.n, got)
		}
	}
}

func TestORCID(t *testing.T) {
	for s, want := range map[string]bool{
		"0000-0002-1825-0097": true, "0000-0001-5109-3700": true, "0000-0002-1694-233X": true,
		"0000-0002-1825-0098": false, "0000-0002-1825-009": false, "0000000218250097": false, "0000-0002-1694-233x": false, "a000-0002-1825-0097": false,
	} {
		if validORCID(s) != want {
			t.Errorf("validORCID(%q) = %v", s, !want)
		}
	}
}

func TestObjectKinds(t *testing.T) {
	c := soloChain(t, testKey(1))
	if k := c.versions[0].object.Kind(); k != object.KindIdentity {
		t.Errorf("an identity is a %s", k)
	}
	if k := newWriter(t, c, testKey(1), 1).say(nil, "a").object.Kind(); k != object.KindStatement {
		t.Errorf("a statement is a %s", k)
	}
}
