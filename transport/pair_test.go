package transport

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
)

func testPair() *Pair {
	return &Pair{
		Dataset: object.Sum([]byte("moths")), Host: testKey(1).PeerID(), Guest: testKey(2).PeerID(), Secret: PairSecret{1, 2, 3},
	}
}

// pairUp runs both sides, each with its own view of who pairs, over a stream.
func pairUp(t *testing.T, host, guest *Pair, accept func(name, code string) (*Paired, error)) (paired *Paired, shown string, guestErr, hostErr error) {
	t.Helper()
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- ServePair(context.Background(), far, host, func(_ context.Context, name, code string) (*Paired, error) {
			return accept(name, code)
		})
	}()
	paired, guestErr = Join(context.Background(), near, guest, "desk\x1b[2Jtop", func(code string) { shown = code })
	return paired, shown, guestErr, <-done
}

func TestPairShowsTheSameCodeOnBothSides(t *testing.T) {
	var asked string
	paired, shown, gerr, herr := pairUp(t, testPair(), testPair(), func(name, code string) (*Paired, error) {
		if name != "desk [2Jtop" {
			t.Errorf("the device is called %q", name)
		}
		asked = code
		return &Paired{InForce: true, Version: 2}, nil
	})
	if gerr != nil || herr != nil {
		t.Fatal(gerr, herr)
	}
	if shown != asked || len(shown) != 6 {
		t.Errorf("the guest shows %q, the host %q", shown, asked)
	}
	if !paired.InForce || paired.Version != 2 {
		t.Errorf("answer %+v", paired)
	}
}

func TestPairIsRefused(t *testing.T) {
	never := func(string, string) (*Paired, error) {
		t.Error("a person was asked")
		return nil, ErrNotAllowed
	}
	for _, test := range []struct {
		name   string
		change func(*Pair)
	}{
		{"without the secret", func(p *Pair) { p.Secret[0] ^= 1 }},
		{"for another dataset", func(p *Pair) { p.Dataset[0] ^= 1 }},
		{"with another device in between, seen by the guest", func(p *Pair) { p.Host = testKey(5).PeerID() }},
		{"with another device in between, seen by the host", func(p *Pair) { p.Guest = testKey(5).PeerID() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			guest := testPair()
			test.change(guest)
			_, shown, gerr, herr := pairUp(t, testPair(), guest, never)
			if !errors.Is(gerr, ErrRefused) || !errors.Is(herr, ErrForged) || shown != "" {
				t.Errorf("guest: %v, host: %v, shown %q", gerr, herr, shown)
			}
		})
	}
	t.Run("by the person", func(t *testing.T) {
		_, _, gerr, herr := pairUp(t, testPair(), testPair(), func(string, string) (*Paired, error) { return nil, ErrNotAllowed })
		if !errors.Is(gerr, ErrNotAllowed) || !errors.Is(herr, ErrNotAllowed) {
			t.Errorf("guest: %v, host: %v", gerr, herr)
		}
	})
}

// A guest that knows the secret cannot look for a nonce that gives a certain code
// after it has seen the host's.
func TestPairHoldsTheGuestToItsNonce(t *testing.T) {
	near, far := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- ServePair(context.Background(), far, testPair(), func(context.Context, string, string) (*Paired, error) {
			t.Error("a person was asked")
			return nil, ErrNotAllowed
		})
	}()
	p, c := testPair(), newConn(near)
	defer c.abandon()
	m := pairMessage{version: Version, dataset: p.Dataset, proof: p.proof(), commitment: commitTo(nonce{1})}
	if err := c.sendNow(framePair, m.encode()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.readNonce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.sendNow(frameNonce, make([]byte, 32)); err != nil {
		t.Fatal(err)
	}
	if _, body, err := c.next(); err != nil || len(body) == 0 {
		t.Errorf("no answer: %v", err)
	}
	if err := <-done; !errors.Is(err, ErrForged) {
		t.Errorf("host: %v", err)
	}
}

// The vectors of PROTOCOL.md §10.
func TestPairVectors(t *testing.T) {
	p := testPair()
	for _, v := range []struct{ what, got, want string }{
		{"proof", p.proof().String(), "f8263254c12a2145e677ca70feabff16e58eb2b1907746f7d6d483a05be7c165"},
		{"commitment", commitTo(nonce{7}).String(), "6c8d3f7fb50afbd53c519f48ef5986eaa201b06d577b0277aba4bdb9c7d66f9d"},
		{"code", p.code(nonce{8}, nonce{7}), "931553"},
	} {
		if v.got != v.want {
			t.Errorf("%s is %s, expected %s", v.what, v.got, v.want)
		}
	}
}

func TestParsePairSecret(t *testing.T) {
	s := NewPairSecret()
	if back, err := ParsePairSecret(s.String()); err != nil || back != s {
		t.Errorf("%v, %v", back, err)
	}
	for _, text := range []string{"", "00", s.String() + "00", "0123456789ABCDEF0123456789ABCDEF", "zz23456789abcdef0123456789abcdef"} {
		if _, err := ParsePairSecret(text); !errors.Is(err, refs.ErrInvalidURL) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzDecodePair(f *testing.F) {
	p := testPair()
	f.Add((&pairMessage{version: Version, dataset: p.Dataset, name: "desk", proof: p.proof(), commitment: commitTo(nonce{7})}).encode())
	f.Add((&pairedMessage{inForce: true, version: 3}).encode())
	f.Fuzz(func(t *testing.T, body []byte) {
		if m, err := decodePair(body); err == nil && !bytes.Equal(m.encode(), body) {
			t.Fatal("another encoding of a pair frame")
		} else if err != nil && !errors.Is(err, object.ErrCorrupt) && !errors.Is(err, ErrUnsupported) && !errors.Is(err, io.EOF) {
			t.Fatalf("an error of no known class: %v", err)
		}
		if m, err := decodePaired(body); err == nil && !bytes.Equal(m.encode(), body) {
			t.Fatal("another encoding of a paired frame")
		}
	})
}

func FuzzParsePairSecret(f *testing.F) {
	f.Add(PairSecret{1, 2, 3}.String())
	f.Add(strings.ToUpper(PairSecret{0xab}.String()))
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParsePairSecret(text)
		if err != nil {
			if !errors.Is(err, refs.ErrInvalidURL) || s != (PairSecret{}) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if s.String() != text {
			t.Fatalf("%q is written as %q", text, s)
		}
	})
}
