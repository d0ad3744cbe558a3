// Package keyfile carries a device's key from one place to another: encrypted
// with a passphrase (the age format), from an OpenSSH private key, or left in an
// ssh-agent that signs for it.
package keyfile

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"
	"github.com/constl/constl/refs"
	"golang.org/x/crypto/ssh"
)

// Errors that callers can test for with [errors.Is].
var (
	// ErrPassphrase says that the passphrase is not the one that opens the file.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrNotKey says that a file holds no key that can be used here.
	ErrNotKey = errors.New("no Ed25519 private key")
)

const (
	maxFile = 64 << 10 // bytes of a key file in any form
	// maxWork bounds the memory and time that a file can demand of its reader:
	// 2^20 is 1 GiB and some seconds.
	maxWork = 20
)

// Seal returns the key encrypted with the passphrase, as an armored age file. work
// is the base-2 logarithm of scrypt's cost; 0 is the default of age, about a
// second. It fails if the passphrase is empty.
func Seal(key *refs.Key, passphrase string, work int) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypting the key: %w", err)
	}
	if work > 0 {
		recipient.SetWorkFactor(work)
	}
	plain, err := key.MarshalPEM()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	armored := armor.NewWriter(&out)
	w, err := age.Encrypt(armored, recipient)
	if err != nil {
		return nil, fmt.Errorf("encrypting the key: %w", err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("encrypting the key: %w", err)
	}
	if err := errors.Join(w.Close(), armored.Close()); err != nil {
		return nil, fmt.Errorf("encrypting the key: %w", err)
	}
	return out.Bytes(), nil
}

// Read returns the key in a file: what [Seal] made, an OpenSSH Ed25519 private
// key, or PKCS #8 in PEM. passphrase is asked only if the file is encrypted. It fails
// with passphrase's error, or one that wraps [ErrPassphrase] or [ErrNotKey].
func Read(data []byte, passphrase func() (string, error)) (*refs.Key, error) {
	text := string(data)
	switch {
	case len(data) > maxFile:
		return nil, fmt.Errorf("%w: the file has %d bytes", ErrNotKey, len(data))
	case strings.HasPrefix(text, armor.Header):
		return readAge(armor.NewReader(strings.NewReader(text)), passphrase)
	case strings.HasPrefix(text, "age-encryption.org/"):
		return readAge(strings.NewReader(text), passphrase)
	case strings.Contains(text, "BEGIN OPENSSH PRIVATE KEY"):
		return readSSH(data, passphrase)
	}
	key, err := refs.ParseKeyPEM(data)
	if err != nil {
		return nil, fmt.Errorf("%w: expected a file of constl key export, or an OpenSSH private key", ErrNotKey)
	}
	return key, nil
}

func readAge(r io.Reader, passphrase func() (string, error)) (*refs.Key, error) {
	word, err := passphrase()
	if err != nil {
		return nil, err
	}
	identity, err := age.NewScryptIdentity(word)
	if err != nil {
		return nil, fmt.Errorf("%w: it is empty", ErrPassphrase)
	}
	identity.SetMaxWorkFactor(maxWork)
	plain, err := age.Decrypt(r, identity)
	var none *age.NoIdentityMatchError
	if errors.As(err, &none) {
		return nil, fmt.Errorf("%w, or the file is encrypted otherwise", ErrPassphrase)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotKey, err)
	}
	data, err := io.ReadAll(io.LimitReader(plain, maxFile))
	if err != nil {
		return nil, fmt.Errorf("%w: the file is damaged: %w", ErrNotKey, err)
	}
	key, err := refs.ParseKeyPEM(data)
	if err != nil {
		return nil, fmt.Errorf("%w is in it", ErrNotKey)
	}
	return key, nil
}

func readSSH(data []byte, passphrase func() (string, error)) (*refs.Key, error) {
	parsed, err := ssh.ParseRawPrivateKey(data)
	var locked *ssh.PassphraseMissingError
	if errors.As(err, &locked) {
		word, perr := passphrase()
		if perr != nil {
			return nil, perr
		}
		if parsed, err = ssh.ParseRawPrivateKeyWithPassphrase(data, []byte(word)); err != nil {
			return nil, fmt.Errorf("%w for this OpenSSH key", ErrPassphrase)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: the OpenSSH key cannot be read", ErrNotKey)
	}
	private, ok := parsed.(*ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: this OpenSSH key is of another kind; make one with: ssh-keygen -t ed25519", ErrNotKey)
	}
	return refs.KeyFromSeed([ed25519.SeedSize]byte(private.Seed())), nil
}
