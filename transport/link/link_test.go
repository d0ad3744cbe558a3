package link

import (
	"crypto"
	"crypto/ed25519"
	"net"
	"testing"
)

func TestGate(t *testing.T) {
	at := func(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }
	g := NewGate(4, 2)
	var leaves []func()
	for i, step := range []struct {
		ip string
		ok bool
	}{{"192.0.2.1", true}, {"192.0.2.1", true}, {"192.0.2.1", false}, {"127.0.0.1", true}, {"192.0.2.2", true}, {"192.0.2.3", false}} {
		leave, ok := g.Enter(at(step.ip))
		if ok != step.ok {
			t.Fatalf("step %d: %s was let in: %t", i, step.ip, ok)
		}
		if ok {
			leaves = append(leaves, leave)
		}
	}
	if !g.Crowded() {
		t.Error("a full gate is not crowded")
	}
	for _, leave := range leaves {
		leave()
	}
	if g.total != 0 || len(g.places) != 0 {
		t.Errorf("%d places are taken of an empty gate: %v", g.total, g.places)
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
