package refs

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/constl/constl/object"
)

// compactURLs are addresses of every kind that the compact form knows.
func compactURLs() map[string]URL {
	id, p, q := target("dataset"), testKey(1).PeerID(), testKey(2).PeerID()
	return map[string]URL{
		"nothing but the dataset": {Dataset: id},
		"a peer without a place":  {Dataset: id, Peers: []Address{{Peer: p}}},
		"IPv4, with a state":      {Dataset: id, Peers: []Address{{p, "192.0.2.7", 7420}}, State: testCheckpoint()},
		"IPv6, and a second peer": {Dataset: id, Peers: []Address{{p, "2001:db8::1", 1}, {q, "192.0.2.1", 65535}}},
		"IPv4 within IPv6":        {Dataset: id, Peers: []Address{{p, "::ffff:192.0.2.1", 80}}},
		"IPv6 with a zone":        {Dataset: id, Peers: []Address{{p, "fe80::1%eth0", 7420}}},
		"a name":                  {Dataset: id, Peers: []Address{{p, "data.example.org", 4400}}},
		"other parameters":        {Dataset: id, Other: url.Values{"pair": {"00ff"}, "y": {"a b", "a"}, "x": {""}}},
	}
}

func TestCompactURL(t *testing.T) {
	for name, u := range compactURLs() {
		text := u.Compact()
		if strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567:") != "" {
			t.Errorf("%s: a QR code has no short way to write %q", name, text)
		}
		for _, spelling := range []string{text, strings.ToLower(text), strings.Replace(text, "CONSTL:", "constl:", 1)} {
			got, err := ParseURL(spelling)
			if err != nil {
				t.Errorf("%s: %q: %v", name, spelling, err)
				continue
			}
			if d := cmp.Diff(u, got); d != "" {
				t.Errorf("%s: %s", name, d)
			}
		}
	}
}

func TestCompactURLRefusals(t *testing.T) {
	id, p := target("dataset"), testKey(1).PeerID()
	// compact writes a body as a compact address, whatever it holds.
	compact := func(write func(e *object.Encoder)) string {
		var e object.Encoder
		write(&e)
		return strings.ToUpper("constl:" + peerText.EncodeToString(e.Body()))
	}
	begin := func(e *object.Encoder, peers uint64) {
		e.Byte(compactLevel)
		e.Raw(id[:])
		e.Uvarint(peers)
	}
	end := func(e *object.Encoder) {
		e.Bytes(nil)
		e.Uvarint(0)
	}
	place := func(kind byte, write func(e *object.Encoder), port uint64) string {
		return compact(func(e *object.Encoder) {
			begin(e, 1)
			e.Raw(p[:])
			e.Byte(kind)
			write(e)
			e.Uvarint(port)
			end(e)
		})
	}
	other := func(pairs ...string) string {
		return compact(func(e *object.Encoder) {
			begin(e, 0)
			e.Bytes(nil)
			e.Uvarint(uint64(len(pairs) / 2))
			for _, s := range pairs {
				e.Text(s)
			}
		})
	}
	good := URL{Dataset: id, Peers: []Address{{p, "192.0.2.7", 7420}}}.Compact()
	if _, err := ParseURL(place(placeIPv4, func(e *object.Encoder) { e.Raw([]byte{192, 0, 2, 7}) }, 7420)); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"nothing":                   "CONSTL:",
		"cut":                       good[:len(good)-3],
		"longer":                    good + "AA",
		"a letter outside":          good[:20] + "1" + good[21:],
		"a line break":              good[:20] + "\n" + good[20:],
		"padding":                   good + "=",
		"a Kelvin sign for a K":     strings.Replace(good, "K", "\u212a", 1),
		"a dataset of zero":         compact(func(e *object.Encoder) { e.Byte(1); e.Raw(make([]byte, 32)); e.Uvarint(0); end(e) }),
		"a kind of place":           place(4, func(*object.Encoder) {}, 1),
		"port 0":                    place(placeIPv4, func(e *object.Encoder) { e.Raw(make([]byte, 4)) }, 0),
		"port 65536":                place(placeIPv4, func(e *object.Encoder) { e.Raw(make([]byte, 4)) }, 65536),
		"a name that is an address": place(placeText, func(e *object.Encoder) { e.Text("192.0.2.7") }, 7420),
		"a name in capitals":        place(placeText, func(e *object.Encoder) { e.Text("Data.example.org") }, 7420),
		"no name":                   place(placeText, func(e *object.Encoder) { e.Text("") }, 7420),
		"a name with a slash":       place(placeText, func(e *object.Encoder) { e.Text("a/b") }, 7420),
		"a peer twice": compact(func(e *object.Encoder) {
			begin(e, 2)
			for range 2 {
				e.Raw(p[:])
				e.Byte(placeUnknown)
			}
			end(e)
		}),
		"a weak peer":               compact(func(e *object.Encoder) { begin(e, 1); e.Raw(make([]byte, 32)); e.Byte(placeUnknown); end(e) }),
		"parameters out of order":   other("y", "1", "x", "1"),
		"a peer as a parameter":     other("peer", p.String()),
		"a state as a parameter":    other("state", testCheckpoint().String()),
		"a demand":                  other("must-check", "1"),
		"peers that are not there":  compact(func(e *object.Encoder) { begin(e, 1<<40) }),
		"a state that is cut":       compact(func(e *object.Encoder) { begin(e, 0); e.Bytes(testCheckpoint().encode()[:9]); e.Uvarint(0) }),
		"over 8 KiB":                "CONSTL:" + strings.Repeat("A", maxURL),
		"a fragment of another one": "CONSTL:" + id.String(),
	} {
		if u, err := ParseURL(bad); !errors.Is(err, ErrInvalidURL) {
			t.Errorf("%s: %v, %v", name, u, err)
		}
	}
	newer := compact(func(e *object.Encoder) { e.Byte(compactLevel + 1) })
	if _, err := ParseURL(newer); !errors.Is(err, ErrNewerFormat) {
		t.Errorf("a newer level: %v", err)
	}
}
