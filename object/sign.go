package object

import (
	"crypto"
	"crypto/ed25519"
	"fmt"
)

// Domains of what is signed here, so that a signature for one thing is never one
// for another (FORMAT.md §6).
const (
	commitDomain = "constl commit v1\x00"
	tagDomain    = "constl tag v1\x00"
)

// PublicKey is an Ed25519 public key.
type PublicKey [ed25519.PublicKeySize]byte

// Signature is an Ed25519 signature.
type Signature [ed25519.SignatureSize]byte

func publicKey(signer crypto.Signer) (key PublicKey, err error) {
	public, ok := signer.Public().(ed25519.PublicKey)
	if !ok || copy(key[:], public) != len(key) {
		return key, fmt.Errorf("%w: the key is a %T, expected an Ed25519 key", ErrSignature, signer.Public())
	}
	return key, nil
}

// signBody signs the hash of a body, which names the signer's key, under its domain.
func signBody(domain string, body []byte, key PublicKey, signer crypto.Signer) (sig Signature, err error) {
	value, err := signer.Sign(nil, signedMessage(domain, body), crypto.Hash(0))
	if err != nil {
		return sig, fmt.Errorf("signing: %w", err)
	}
	if copy(sig[:], value) != len(value) || checkBody(domain, body, key, sig) != nil {
		return sig, fmt.Errorf("%w: the signer returned none of its key", ErrSignature)
	}
	return sig, nil
}

func checkBody(domain string, body []byte, key PublicKey, sig Signature) error {
	if key.Weakness() != "" || !ed25519.Verify(key[:], signedMessage(domain, body), sig[:]) {
		return ErrSignature
	}
	return nil
}

func signedMessage(domain string, body []byte) []byte {
	sum := Sum(body)
	return append([]byte(domain), sum[:]...)
}
