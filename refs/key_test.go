package refs

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/constl/constl/object"
)

func TestOpenKeyMakesOneKeyForAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home", "constl")
	keys := make([]*Key, 8)
	var wg sync.WaitGroup
	for i := range keys {
		wg.Go(func() {
			k, err := OpenKey(context.Background(), dir)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wg.Wait()
	again, err := OpenKey(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k == nil || k.PeerID() != again.PeerID() {
			t.Fatal("two callers got different keys")
		}
	}
	sig, err := again.Sign(nil, []byte("hello"), &ed25519.Options{})
	if err != nil || !ed25519.Verify(again.Public().(ed25519.PublicKey), []byte("hello"), sig) {
		t.Fatalf("the key does not sign: %v", err)
	}
	other, err := OpenKey(context.Background(), t.TempDir())
	if err != nil || other.PeerID() == again.PeerID() {
		t.Fatalf("two folders share a key: %v", err)
	}
}

func TestOpenKeyKeepsTheFilePrivate(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("permissions are not those of unix")
	}
	dir := filepath.Join(t.TempDir(), "constl")
	if _, err := OpenKey(context.Background(), dir); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, keyFile)
	for p, want := range map[string]os.FileMode{dir: 0o700, path: 0o600} {
		info, err := os.Stat(p)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, expected %o", p, info.Mode().Perm(), want)
		}
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	_, err := OpenKey(context.Background(), dir)
	if !errors.Is(err, ErrKeyExposed) || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("an exposed key: %v", err)
	}
}

func TestOpenKeyRefusesOtherFiles(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, keyFile)
	for _, text := range []string{"", "hello", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKey(context.Background(), dir); !errors.Is(err, object.ErrCorrupt) {
			t.Errorf("%q: %v", text, err)
		}
		if after, _ := os.ReadFile(path); string(after) != text {
			t.Error("the file was changed")
		}
	}
}

func TestKeyNeverPrintsItsSecret(t *testing.T) {
	var seed [32]byte
	copy(seed[:], "0123456789abcdefghijklmnopqrstuv")
	k := KeyFromSeed(seed)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%c", "%T %v"} {
		for _, v := range []any{k, []*Key{k}, struct{ K *Key }{k}} {
			out := []byte(fmt.Sprintf(verb, v))
			for _, secret := range [][]byte{seed[:4], []byte(hex.EncodeToString(seed[:4])), []byte("48 49 50 51")} {
				if bytes.Contains(bytes.ToLower(out), secret) {
					t.Errorf("%s prints the secret: %s", verb, out)
				}
			}
		}
	}
}
