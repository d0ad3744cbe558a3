package refs

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestURL(t *testing.T) {
	id, p, q := target("dataset"), testKey(1).PeerID(), testKey(2).PeerID()
	base := "constl://" + id.String()
	for text, want := range map[string]URL{
		base:                         {Dataset: id},
		base + "?peer=" + p.String(): {Dataset: id, Peers: []Address{{Peer: p}}},
		base + "?x=1&x=2":            {Dataset: id, Other: url.Values{"x": {"1", "2"}}},
		base + "?peer=" + p.String() + "@data.example.org:4400&peer=" + q.String() + "@[2001:db8::1]:1&y=a+b": {
			Dataset: id, Other: url.Values{"y": {"a b"}},
			Peers: []Address{{p, "data.example.org", 4400}, {q, "2001:db8::1", 1}},
		},
		base + "?peer=" + p.String() + "@[fe80::1%25eth0]:65535": {Dataset: id, Peers: []Address{{p, "fe80::1%eth0", 65535}}},
		base + "?peer=" + p.String() + "@192.0.2.1:80":           {Dataset: id, Peers: []Address{{p, "192.0.2.1", 80}}},
	} {
		got, err := ParseURL(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", text, d)
		}
		if got.String() != text {
			t.Errorf("%s is written as %s", text, got)
		}
	}
	for _, text := range []string{base + "/", base + "?", base + "/?peer=" + p.String() + "&peer=" + p.String(), base + "?peer=" + p.String() + "@Data.Example.ORG:1"} {
		if u, err := ParseURL(text); err != nil || strings.Contains(u.String(), "ORG") || len(u.Peers) > 1 {
			t.Errorf("%s: %v, %v", text, u, err)
		}
	}
}

func TestURLRefusals(t *testing.T) {
	id, p := target("dataset").String(), testKey(1).PeerID().String()
	base := "constl://" + id
	for _, bad := range []string{
		"", id, "constl:" + id, "CONSTL://" + id, "https://" + id, "constl://" + strings.ToUpper(id), "constl://" + id[1:],
		"constl://" + strings.Repeat("0", 64), base + "/x", base + "#x", base + "?a;b", base + "?%zz", "constl://u@" + id, base + ":1",
		base + "?peer=", base + "?peer=" + p[1:], base + "?peer=" + p + "@", base + "?peer=" + p + "@host", base + "?peer=" + p + "@host:",
		base + "?peer=" + p + "@host:0", base + "?peer=" + p + "@host:65536", base + "?peer=" + p + "@host:+1", base + "?peer=" + p + "@host:01",
		base + "?peer=" + p + "@:1", base + "?peer=" + p + "@::1:1", base + "?peer=" + p + "@[host]:1", base + "?peer=" + p + "@[::1]",
		base + "?peer=" + p + "@1.2.3:1", base + "?peer=" + p + "@1.2.3.256:1", base + "?peer=" + p + "@a_b-.c:1", base + "?peer=" + p + "@a%20b:1",
		base + "?peer=" + p + "@a@b:1", base + "?peer=" + p + "@[fe80::1%25e%20h]:1", base + "?must-check=1", base + "?x=" + strings.Repeat("x", maxURL),
	} {
		if u, err := ParseURL(bad); !errors.Is(err, ErrInvalidURL) {
			t.Errorf("%.120q: %v, %v", bad, u, err)
		}
	}
}
