package keyfile

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/constl/constl/refs"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// cheap is a cost of scrypt that tests can wait for.
const cheap = 10

func say(word string) func() (string, error) {
	return func() (string, error) { return word, nil }
}

func newKey(t *testing.T) *refs.Key {
	t.Helper()
	k, err := refs.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealedKeyComesBackWithItsPassphrase(t *testing.T) {
	key := newKey(t)
	data, err := Seal(key, "correct horse", cheap)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := key.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(data, plain[40:80]) {
		t.Error("the key stands in the file")
	}
	got, err := Read(data, say("correct horse"))
	if err != nil || got.PeerID() != key.PeerID() {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Read(data, say("battery staple")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	if _, err := Read(data, say("")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("no passphrase: %v", err)
	}
	given := errors.New("no terminal")
	if _, err := Read(data, func() (string, error) { return "", given }); !errors.Is(err, given) {
		t.Errorf("a passphrase that cannot be asked for: %v", err)
	}
	for _, at := range []int{len(data) / 2, len(data) - 60} {
		damaged := bytes.Clone(data)
		damaged[at] ^= 1
		if _, err := Read(damaged, say("correct horse")); err == nil {
			t.Errorf("byte %d is wrong, and nothing was noticed", at)
		}
	}
	if _, err := Seal(key, "", cheap); err == nil {
		t.Error("sealed with an empty passphrase")
	}
}

func TestReadsOpenSSHKeys(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want, err := refs.PeerIDFromKey(private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	open, err := ssh.MarshalPrivateKey(private, "ana@laptop")
	if err != nil {
		t.Fatal(err)
	}
	never := func() (string, error) { t.Error("asked for a passphrase"); return "", nil }
	if got, err := Read(pem.EncodeToMemory(open), never); err != nil || got.PeerID() != want {
		t.Errorf("%v, %v", got, err)
	}
	locked, err := ssh.MarshalPrivateKeyWithPassphrase(private, "ana@laptop", []byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Read(pem.EncodeToMemory(locked), say("secret")); err != nil || got.PeerID() != want {
		t.Errorf("%v, %v", got, err)
	}
	if _, err := Read(pem.EncodeToMemory(locked), say("wrong")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("another passphrase: %v", err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := ssh.MarshalPrivateKey(other, "")
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][]byte{"RSA": pem.EncodeToMemory(rsaKey), "junk": []byte("junk"), "nothing": nil, "huge": make([]byte, maxFile+1)} {
		if _, err := Read(data, never); !errors.Is(err, ErrNotKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// agentWith returns what dials an agent that has the keys.
func agentWith(t *testing.T, keys ...any) func() (io.ReadWriteCloser, error) {
	t.Helper()
	ring := agent.NewKeyring()
	for _, k := range keys {
		if err := ring.Add(agent.AddedKey{PrivateKey: k, Comment: "work"}); err != nil {
			t.Fatal(err)
		}
	}
	return func() (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		go func() { _ = agent.ServeAgent(ring, far) }() // it ends with the pipe
		return near, nil
	}
}

func TestAgentSignsRefs(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := keysOf(agentWith(t, private, other))
	if err != nil || len(keys) != 1 || keys[0].Comment != "work" {
		t.Fatalf("keys %+v, %v", keys, err)
	}
	sig, err := keys[0].Sign(nil, []byte("message"), crypto.Hash(0))
	if err != nil || !ed25519.Verify(public, []byte("message"), sig) {
		t.Errorf("signature %x, %v", sig, err)
	}
	if _, err := keys[0].Sign(nil, make([]byte, 64), crypto.SHA512); err == nil {
		t.Error("it signed a hash")
	}
	// What package refs makes of it is a signature like any other.
	id := refs.NewIdentity("Moths", refs.Person{Name: "Ana", Devices: []refs.Device{{Key: keys[0].PeerID()}}}, time.Unix(1772600767, 0))
	signed, err := refs.SignIdentity(id, keys[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := refs.VerifyChain(signed.ID(), []*refs.SignedIdentity{signed}); err != nil {
		t.Error(err)
	}
	gone := &AgentKey{peer: keys[0].peer, dial: agentWith(t)}
	if _, err := gone.Sign(nil, []byte("message"), crypto.Hash(0)); !errors.Is(err, ErrNoAgent) {
		t.Errorf("an agent without the key: %v", err)
	}
}
