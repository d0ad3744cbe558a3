package refs

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/constl/constl/object"
)

func testContact(t *testing.T) *Contact {
	t.Helper()
	eve := testKey(5)
	c, err := SignContact(object.Sum([]byte("d")), []Address{{eve.PeerID(), "192.0.2.9", 7420}, {eve.PeerID(), "fe80::1%eth0", 1}}, testTime, eve)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestContact(t *testing.T) {
	c := testContact(t)
	got, err := DecodeContact(c.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if got.Peer() != testKey(5).PeerID() || got.Dataset() != c.Dataset() || got.Time() != testTime.Unix() || !slices.Equal(got.Addresses(), c.Addresses()) {
		t.Errorf("%+v came back as %+v", c, got)
	}
	for after, fresh := range map[time.Duration]bool{
		0: true, ContactLife: true, ContactLife + time.Second: false, -contactClockError: true, -contactClockError - time.Second: false,
	} {
		if got.Fresh(testTime.Add(after)) != fresh {
			t.Errorf("after %v fresh is %v", after, !fresh)
		}
	}
}

// Nobody can change a byte of a contact, nor make one for somebody else.
func TestContactIsRefused(t *testing.T) {
	c := testContact(t)
	data := c.Encode()
	for i := range data {
		changed := bytes.Clone(data)
		changed[i] ^= 1
		if _, err := DecodeContact(changed); err == nil {
			t.Errorf("byte %d was changed, and nobody noticed", i)
		}
	}
	for n := range data {
		if _, err := DecodeContact(data[:n]); err == nil {
			t.Errorf("cut after %d bytes, and nobody noticed", n)
		}
	}
	eve := testKey(5).PeerID()
	dataset := object.Sum([]byte("d"))
	for name, addresses := range map[string][]Address{
		"none":         nil,
		"too many":     slices.Repeat([]Address{{eve, "192.0.2.9", 1}}, MaxContactPlaces+1),
		"of another":   {{testKey(1).PeerID(), "192.0.2.9", 1}},
		"no host":      {{Peer: eve}},
		"no port":      {{eve, "192.0.2.9", 0}},
		"another form": {{eve, "192.000.2.9", 1}},
		"capitals":     {{eve, "Bees.example.org", 1}},
		"a path":       {{eve, "bees/../x", 1}},
		"twice":        {{eve, "192.0.2.9", 1}, {eve, "192.0.2.9", 1}},
	} {
		if _, err := SignContact(dataset, addresses, testTime, testKey(5)); !errors.Is(err, ErrInvalidContact) {
			t.Errorf("%s: %v, want ErrInvalidContact", name, err)
		}
	}
	if _, err := SignContact(object.ID{}, c.Addresses(), testTime, testKey(5)); !errors.Is(err, ErrInvalidContact) {
		t.Errorf("no dataset: %v, want ErrInvalidContact", err)
	}
	newer := append([]byte{2}, data[1:]...)
	if _, err := DecodeContact(newer); !errors.Is(err, ErrNewerFormat) {
		t.Errorf("a newer level: %v, want ErrNewerFormat", err)
	}
}

func TestLoopback(t *testing.T) {
	for host, want := range map[string]bool{"127.0.0.1": true, "127.9.9.9": true, "::1": true, "localhost": true, "192.0.2.1": false, "example.org": false} {
		if (Address{Host: host, Port: 1}).Loopback() != want {
			t.Errorf("%s: want %v", host, want)
		}
	}
}
