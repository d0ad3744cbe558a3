package repo

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport/link"
)

func sessionKey(b byte) *refs.Key {
	var seed [32]byte
	seed[0] = b
	return refs.KeyFromSeed(seed)
}

// A session survives in its file, for its owner's eyes alone, for the two keys that
// it was made for, and for a week.
func TestSessions(t *testing.T) {
	home := t.TempDir()
	client, server := sessionKey(1), sessionKey(2)
	kept := sessionsWith(home, client.PeerID(), server.PeerID())
	if _, ok := kept.Get(""); ok {
		t.Error("a session out of nothing")
	}
	for i, resumed := range []bool{false, true} {
		if got := handshake(t, client, server, kept); got != resumed {
			t.Errorf("handshake %d: resumed %v, want %v", i, got, resumed)
		}
	}
	path := kept.(*sessions).path
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); runtime.GOOS != "windows" && mode != 0o600 {
		t.Errorf("its file has the mode %o", mode)
	}
	for _, other := range []tls.ClientSessionCache{
		sessionsWith(home, sessionKey(3).PeerID(), server.PeerID()), sessionsWith(home, client.PeerID(), sessionKey(3).PeerID()),
	} {
		if _, ok := other.Get(""); ok {
			t.Error("a session for others")
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range [][]byte{nil, {0}, {0xff, 0xff, 1}, data[:len(data)/2], append([]byte{0, 0}, data...)} {
		if err := os.WriteFile(path, broken, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, ok := kept.Get(""); ok && len(broken) < len(data) {
			t.Errorf("a session out of %d bytes that are broken", len(broken))
		}
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-sessionLife - time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if _, ok := kept.Get(""); ok {
		t.Error("a session from before a week")
	}
	handshake(t, client, sessionKey(4), sessionsWith(home, client.PeerID(), sessionKey(4).PeerID()))
	left, err := filepath.Glob(filepath.Join(home, sessionsDir, "*"))
	if err != nil || len(left) != 1 {
		t.Errorf("%v are left, %v", left, err)
	}
	if sessionsWith("", client.PeerID(), server.PeerID()) != nil || sessionsWith(home, client.PeerID(), refs.PeerID{}) != nil {
		t.Error("sessions without a place or a peer")
	}
}

// ticketKey lets every handshake of the test know the tickets of those before.
var ticketKey = [32]byte{1, 2, 3}

// handshake makes a TLS connection and reports whether it resumed a session.
func handshake(t *testing.T, client, server *refs.Key, cache tls.ClientSessionCache) bool {
	t.Helper()
	config := func(key *refs.Key) *tls.Config {
		cert, err := link.Certificate(key)
		if err != nil {
			t.Fatal(err)
		}
		c := link.Config(cert, func(refs.PeerID) error { return nil })
		c.SessionTicketsDisabled = false
		return c
	}
	near, far := net.Pipe()
	defer near.Close()
	served := config(server)
	served.SetSessionTicketKeys([][32]byte{ticketKey})
	ended := make(chan error, 1)
	go func() {
		c := tls.Server(far, served)
		_, err := c.Write([]byte("x"))
		ended <- err
	}()
	asking := config(client)
	asking.ClientSessionCache = cache
	c := tls.Client(near, asking)
	if _, err := c.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	return c.ConnectionState().DidResume
}
