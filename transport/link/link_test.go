package link

import (
	"crypto"
	"crypto/ed25519"
	"net"
	"testing"
	"time"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

func address(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }

func TestGate(t *testing.T) {
	var hit string
	memory := transport.NewMemory(112) // of which 14 are not for newcomers
	g := NewGate(&GateOptions{MaxConns: 5, MaxPerAddress: 2, Memory: memory, Hit: func(limit string) { hit = limit }})
	var passes []*Pass
	for i, step := range []struct{ ip, limit string }{
		{"192.0.2.1", ""}, {"192.0.2.1", ""}, {"192.0.2.1", LimitPerAddress}, {"127.0.0.1", ""}, {"127.0.0.1", ""},
		{"192.0.2.2", ""}, {"192.0.2.3", LimitConns},
	} {
		hit = ""
		p, ok := g.Enter(address(step.ip), 10)
		if ok != (step.limit == "") || hit != step.limit {
			t.Fatalf("step %d: %s was let in: %t, limit %q, want %q", i, step.ip, ok, hit, step.limit)
		}
		if ok {
			passes = append(passes, p)
		}
	}
	if n, _ := g.Count(); !g.Crowded() || n != 5 {
		t.Errorf("a full gate is not crowded, or counts %d", n)
	}
	if !passes[0].Grow(48) || passes[0].Grow(1) {
		t.Error("48 bytes more are there, and 49 are not")
	}
	passes[1].Leave()
	passes[1].Leave()
	if _, ok := g.Enter(address("192.0.2.4"), 11); ok || hit != transport.LimitMemory {
		t.Errorf("let in without memory: %t, limit %q", ok, hit)
	}
	for _, p := range passes {
		p.Leave()
	}
	if used, _ := memory.Used(); g.total != 0 || len(g.places) != 0 || used != 0 {
		t.Errorf("%d places and %d bytes are taken of an empty gate: %v", g.total, used, g.places)
	}
}

// Where it is crowded, nobody has three places.
func TestGateKnowsPeers(t *testing.T) {
	var hit string
	g := NewGate(&GateOptions{MaxConns: 8, MaxPerAddress: 4, Hit: func(limit string) { hit = limit }})
	enter := func(ip string, peer byte) (*Pass, string) {
		p, ok := g.Enter(address(ip), 0)
		if !ok {
			t.Fatalf("no place for %d", peer)
		}
		limit := p.Identify(refs.PeerID{peer})
		if limit != "" {
			p.Leave()
		}
		return p, limit
	}
	var passes []*Pass
	for i, step := range []struct {
		ip    string
		peer  byte
		limit string
	}{
		{"192.0.2.1", 1, ""}, {"192.0.2.1", 1, ""}, {"192.0.2.1", 1, LimitPerAddress}, {"192.0.2.1", 2, ""},
		{"127.0.0.1", 3, ""}, {"127.0.0.1", 3, ""}, {"127.0.0.1", 3, LimitConns}, {"127.0.0.1", 4, ""},
	} {
		hit = ""
		p, limit := enter(step.ip, step.peer)
		if limit != step.limit || hit != step.limit {
			t.Fatalf("step %d: the limit is %q, %q was told, want %q", i, limit, hit, step.limit)
		}
		if limit == "" {
			passes = append(passes, p)
		}
	}
	for _, p := range passes {
		p.Leave()
	}
	if len(g.peers) != 0 || g.total != 0 {
		t.Errorf("%v is left of an empty gate", g.peers)
	}
}

func TestGateBoundsHandshakes(t *testing.T) {
	var hit string
	now := time.Now()
	g := NewGate(&GateOptions{MaxHandshakes: 4, Hit: func(limit string) { hit = limit }})
	g.now = func() time.Time { return now }
	come := func(ip string) bool {
		p, ok := g.Enter(address(ip), 0)
		if ok {
			p.Leave()
		}
		return ok
	}
	for i, want := range []bool{true, true, false} {
		if come("192.0.2.1") != want {
			t.Errorf("handshake %d of one place: %t, want %t: it has half of them", i, !want, want)
		}
	}
	if hit != LimitHandshakes {
		t.Errorf("limit %q", hit)
	}
	if !g.Crowded() {
		t.Error("after half of a second's handshakes the gate is not crowded")
	}
	if !come("192.0.2.2") || !come("127.0.0.1") || come("192.0.2.3") {
		t.Error("all together have more or less than the bound")
	}
	now = now.Add(time.Second)
	if !come("192.0.2.1") {
		t.Error("the next second does not begin anew")
	}
	g.SetOptions(&GateOptions{MaxHandshakes: 1})
	if come("192.0.2.9") {
		t.Error("the new bound is not kept")
	}
}

func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		ip, place string
		counted   bool
	}{
		{"192.0.2.7", "192.0.2.7/32", true},
		{"::ffff:192.0.2.7", "192.0.2.7/32", true},
		{"2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64", true},
		{"127.0.0.1", "127.0.0.1/32", false},
		{"::1", "::/64", false},
	} {
		place, counted := placeOf(&net.UDPAddr{IP: net.ParseIP(c.ip), Port: 1})
		if place.String() != c.place || counted != c.counted {
			t.Errorf("%s: %s %t, want %s %t", c.ip, place, counted, c.place, c.counted)
		}
	}
}

func TestOnlyEd25519(t *testing.T) {
	if _, err := Certificate(notEd25519{}); err == nil {
		t.Error("a key of another type was taken")
	}
}

type notEd25519 struct{ crypto.Signer }

func (notEd25519) Public() crypto.PublicKey { return "key" }

func TestCertificateIsSmall(t *testing.T) {
	cert, err := Certificate(ed25519.NewKeyFromSeed(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	// A server may answer an unproved address with three times what it got: 3600 bytes.
	if n := len(cert.Certificate[0]); n > 400 {
		t.Errorf("%d bytes", n)
	}
}
