package refs

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// makeVectors writes vectors that are not there. Those that are there are never
// rewritten: what was signed once must be read for ever.
var makeVectors = flag.Bool("make-vectors", false, "write missing files of testdata/vectors")

// unhex reads hexadecimal digits, broken into lines.
func unhex(text string) ([]byte, error) {
	return hex.DecodeString(strings.Join(strings.Fields(text), ""))
}

func checkVector(t *testing.T, name string, data []byte) {
	t.Helper()
	file := filepath.Join("testdata", "vectors", name+".hex")
	if _, err := os.Stat(file); os.IsNotExist(err) && *makeVectors {
		var text strings.Builder
		for rest := data; len(rest) > 0; {
			n := min(32, len(rest))
			fmt.Fprintf(&text, "%x\n", rest[:n])
			rest = rest[n:]
		}
		if err := os.WriteFile(file, []byte(text.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(readHex(t, file), data) {
		t.Errorf("%s: the encoding has changed:\n%x", name, data)
	}
}

// The vectors of FORMAT.md §8. The seed of key N is 32 times the byte N, a target
// is the BLAKE3 hash of its text, Ed25519 signatures are deterministic.
func TestVectors(t *testing.T) {
	ana, bo := testKey(1), testKey(3)
	first := mustSign(t, firstIdentity(1, person("Ana", ana)), ana)
	c := mustChain(t, first)
	checkVector(t, "identity-1", first.Encode())
	second := nextIdentity(t, c, func(id *Identity) {
		full := fullIdentity()
		full.Version, full.Previous, full.Nonce = id.Version, id.Previous, id.Nonce
		*id = *full
	}, ana, bo)
	checkVector(t, "identity-2-full", second.versions[1].Encode())

	w := newWriter(t, c, ana, 1)
	one := w.say(nil, "a")
	two, twoB := w.say(one, "b"), w.say(one, "c")
	checkVector(t, "statement-1", one.Encode())
	checkVector(t, "statement-2", two.Encode())
	e, err := NewEquivocation(two, twoB)
	if err != nil {
		t.Fatal(err)
	}
	checkVector(t, "equivocation", e.Encode())
	checkVector(t, "log", run{one, two}.encode())

	want, err := os.ReadFile(filepath.Join("testdata", "vectors", "ids.txt"))
	if err != nil && !*makeVectors {
		t.Fatal(err)
	}
	got := fmt.Sprintf("peer-1 %s\npeer-3 %s\ndataset %s\nidentity-2-full %s\nstatement-1 %s\nstatement-2 %s\n",
		ana.PeerID(), bo.PeerID(), c.Dataset(), second.CurrentID(), one.ID(), two.ID())
	if err != nil {
		if err := os.WriteFile(filepath.Join("testdata", "vectors", "ids.txt"), []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	} else if strings.ReplaceAll(string(want), "\r\n", "\n") != got {
		t.Errorf("ids have changed:\n%s", got)
	}
}
