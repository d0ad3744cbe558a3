//go:build unix

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/constl/constl/refs"
)

// sshAgent starts an agent that holds a key under the comment, where constl looks for
// one, and returns how others know the key.
func sshAgent(t *testing.T, comment string) refs.PeerID {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private, Comment: comment}); err != nil {
		t.Fatal(err)
	}
	// The path of a socket must be short.
	dir, err := os.MkdirTemp("", "agent")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = agent.ServeAgent(ring, conn) // it ends with the connection
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
		_ = os.RemoveAll(dir)
	})
	t.Setenv("SSH_AUTH_SOCK", path)
	key, err := refs.PeerIDFromKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A maintainer signs with a key of the ssh-agent: her commits and refs count once the
// dataset knows the key as one of hers, and the device's own key still connects.
func TestAgentKeySignsCommitsAndRefs(t *testing.T) {
	key := sshAgent(t, "work")
	work := t.TempDir()
	home, dir := filepath.Join(work, "home"), filepath.Join(work, "d")
	must := mustRun(t, work, home)
	must("config", "--global", "user.name", "Ana")
	must("init", dir, "--name", "d")
	put := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "t.csv"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("id,n\n1,2\n")
	must("-C", dir, "commit", "-m", "by the device")
	must("key", "use", "work")
	if out := must("key", "show"); !strings.Contains(out, key.String()) {
		t.Errorf("key show says %q", out)
	}
	must("-C", dir, "device", "add", key.String(), "--name", "ssh-agent")
	put("id,n\n1,3\n")
	must("-C", dir, "commit", "-m", "by the agent")
	trust := must("-C", dir, "log", "--trust")
	if !strings.Contains(trust, "Ana, ssh-agent ("+key.Short()+"), this copy") || !strings.Contains(trust, "heads/main  agreed") {
		t.Errorf("log --trust says\n%s", trust)
	}
	must("-C", dir, "verify")
	must("-C", dir, "fsck")

	srv, urls, err := startServer(dir, home, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := srv.stop(); err != nil {
			t.Error(err)
		}
	}()
	bob := mustRun(t, work, filepath.Join(work, "bob"))
	clone := filepath.Join(work, "clone")
	bob("clone", urls[0], clone)
	if out := bob("-C", clone, "verify"); !strings.Contains(out, "Verified") {
		t.Errorf("verify says %q", out)
	}
	must("key", "use", "device")
	if out := must("key", "show"); strings.Contains(out, key.String()) {
		t.Errorf("key show says %q", out)
	}
}

// An OpenSSH key is taken in as the device's own.
func TestOpenSSHKeyIsImported(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "ana@desk", []byte("correct horse"))
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	for name, text := range map[string]string{"id_ed25519": string(pem.EncodeToMemory(block)), "pass": "correct horse\n", "wrong": "battery\n"} {
		if err := os.WriteFile(filepath.Join(work, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	home := filepath.Join(work, "home")
	if res := run(t.Context(), work, home, "key", "import", "id_ed25519", "--passphrase-file", "wrong"); res.code != 2 || !strings.Contains(res.stderr, "passphrase") {
		t.Errorf("with a wrong passphrase: %+v", res)
	}
	must := mustRun(t, work, home)
	must("key", "import", "id_ed25519", "--passphrase-file", "pass", "--replace")
	public, err := refs.PeerIDFromKey(private.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if out := must("key", "show"); !strings.HasPrefix(out, public.String()) {
		t.Errorf("key show says %q, expected %s", out, public)
	}
}
