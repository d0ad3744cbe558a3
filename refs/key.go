package refs

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// The files of keys in their folder: PKCS #8 in PEM.
const (
	keyFile      = "device.key"
	formerDir    = "former" // keys that this one has replaced, each named by its id
	formerSuffix = ".key"
)

// Key is a device's Ed25519 key. It implements [crypto.Signer], and every way of
// printing it shows the peer id alone. It is safe for use by several goroutines.
type Key struct {
	private ed25519.PrivateKey
	peer    PeerID
}

var (
	_ crypto.Signer = (*Key)(nil)
	_ fmt.Formatter = (*Key)(nil)
)

// KeyFromSeed returns the key that RFC 8032 derives from the 32 bytes. Whoever
// knows the seed has the key.
func KeyFromSeed(seed [ed25519.SeedSize]byte) *Key {
	return newKey(ed25519.NewKeyFromSeed(seed[:]))
}

func newKey(private ed25519.PrivateKey) *Key {
	k := &Key{private: private}
	copy(k.peer[:], private.Public().(ed25519.PublicKey))
	return k
}

// OpenKey returns the device's key from the folder and makes both if they are not
// there: the folder for this user alone, the key at random. Two processes that
// do so at once get the same key. It fails with an error that wraps
// [ErrKeyExposed] if others on this computer may read the file, [ErrLocked], or
// [object.ErrCorrupt] if the file is no key.
func OpenKey(ctx context.Context, dir string) (*Key, error) {
	path := filepath.Join(dir, keyFile)
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("refs: making the key's folder: %w", err)
	}
	d := &disk{dir: dir, private: true}
	unlock, err := d.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if key, err := readKey(path); !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if key, err = NewKey(); err != nil {
		return nil, err
	}
	return key, d.writeKey(keyFile, key)
}

// HasKey reports whether the folder holds a device's key.
func HasKey(dir string) (bool, error) {
	_, err := os.Stat(filepath.Join(dir, keyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("refs: looking for the key: %w", err)
	}
	return true, nil
}

// NewKey returns a random key.
func NewKey() (*Key, error) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("refs: making a key: %w", err)
	}
	return newKey(private), nil
}

func (d *disk) writeKey(name string, key *Key) error {
	text, err := key.MarshalPEM()
	if err != nil {
		return err
	}
	if err := d.replace(name, text); err != nil {
		return fmt.Errorf("refs: storing a key: %w", err)
	}
	return nil
}

// ReplaceKey makes key the device's key in the folder. The one that was there is
// kept among the former ones (see [FormerKeys]): datasets may still know the device
// by it. Doing so again changes nothing. It fails as [OpenKey] does.
func ReplaceKey(ctx context.Context, dir string, key *Key) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("refs: making the key's folder: %w", err)
	}
	d := &disk{dir: dir, private: true}
	unlock, err := d.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	old, err := readKey(filepath.Join(dir, keyFile))
	switch {
	case err == nil && old.peer == key.peer:
		return nil
	case err == nil:
		if err := d.writeKey(formerDir+"/"+old.peer.String()+formerSuffix, old); err != nil {
			return err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return d.writeKey(keyFile, key)
}

// FormerKeys returns the keys in the folder that the device's key has replaced, in
// the order of their ids. It fails as [OpenKey] does.
func FormerKeys(dir string) ([]*Key, error) {
	d := &disk{dir: dir, private: true}
	names, err := d.names(formerDir)
	if err != nil {
		return nil, fmt.Errorf("refs: listing former keys: %w", err)
	}
	var keys []*Key
	for _, name := range names {
		text, ok := strings.CutSuffix(name, formerSuffix)
		if _, err := ParsePeerID(text); err != nil || !ok {
			continue
		}
		key, err := readKey(filepath.Join(dir, formerDir, name))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func readKey(path string) (*Key, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("refs: opening the key: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("refs: opening the key: %w", err)
	}
	if runtime.GOOS != "windows" && info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%w: %s has mode %04o; run: chmod 600 '%s'", ErrKeyExposed, path, info.Mode().Perm(), path)
	}
	text, err := io.ReadAll(io.LimitReader(f, 1<<16))
	if err != nil {
		return nil, fmt.Errorf("refs: reading the key: %w", err)
	}
	key, err := ParseKeyPEM(text)
	if err != nil {
		return nil, fmt.Errorf("the key file %s: %w; put it back from a backup, or move it away to get a new one", path, err)
	}
	return key, nil
}

// ParseKeyPEM reads what [Key.MarshalPEM] writes. It fails with an error that wraps
// [object.ErrCorrupt], and that quotes nothing of the text.
func ParseKeyPEM(text []byte) (*Key, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) != 0 {
		return nil, corruptf("it is no private key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		// The cause is left out: it could quote the file.
		return nil, corruptf("it holds no readable PKCS #8 key")
	}
	private, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, corruptf("it holds another kind of key than Ed25519")
	}
	return newKey(private), nil
}

// MarshalPEM returns the key as PKCS #8 in PEM. Whoever has that has the key. The
// slice is the caller's.
func (k *Key) MarshalPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, fmt.Errorf("refs: writing a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// PeerID returns the public half.
func (k *Key) PeerID() PeerID { return k.peer }

// Public implements [crypto.Signer]: it returns an [ed25519.PublicKey].
func (k *Key) Public() crypto.PublicKey { return k.peer.Key() }

// Sign implements [crypto.Signer] as [ed25519.PrivateKey.Sign] does. Callers must
// put a domain of their own before what they sign.
func (k *Key) Sign(random io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	return k.private.Sign(random, message, opts)
}

// Format implements [fmt.Formatter] so that no verb can print the secret.
func (k *Key) Format(f fmt.State, _ rune) {
	if k == nil {
		io.WriteString(f, "no key")
		return
	}
	io.WriteString(f, "key of "+k.peer.String())
}
