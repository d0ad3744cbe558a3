package link

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// Certificate returns a self-signed certificate of the key. Its dates and names
// are the same for everybody: peers look at the key alone. It fails unless the key is
// an Ed25519 key.
func Certificate(key crypto.Signer) (tls.Certificate, error) {
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return tls.Certificate{}, fmt.Errorf("link: a key of type %T, expected Ed25519", key.Public())
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("link: making a certificate: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// PeerOf returns whose key the other side has proved to hold. It fails if the peer did
// not show exactly one certificate, of an Ed25519 key.
func PeerOf(state *tls.ConnectionState) (refs.PeerID, error) {
	if len(state.PeerCertificates) != 1 {
		return refs.PeerID{}, fmt.Errorf("link: the peer showed %d certificates, expected 1", len(state.PeerCertificates))
	}
	cert := state.PeerCertificates[0]
	key, ok := cert.PublicKey.(ed25519.PublicKey)
	if !ok {
		return refs.PeerID{}, fmt.Errorf("link: the peer's key is of type %T, expected Ed25519", cert.PublicKey)
	}
	return refs.PeerIDFromKey(key)
}

// Config returns the TLS settings of either side. Sessions are not resumed unless the
// caller allows it. verify is called with the peer
// of every connection, resumed ones included, and decides. TLS proves that the peer holds its certificate's
// key; who signed the certificate is of no interest.
func Config(cert tls.Certificate, verify func(refs.PeerID) error) *tls.Config {
	return &tls.Config{
		Certificates:           []tls.Certificate{cert},
		NextProtos:             []string{transport.Protocol},
		MinVersion:             tls.VersionTLS13,
		SessionTicketsDisabled: true,
		ClientAuth:             tls.RequireAnyClientCert,
		InsecureSkipVerify:     true, // no certificate authority vouches for peers; VerifyConnection does it all
		// Not VerifyPeerCertificate, which is not called for resumed sessions.
		VerifyConnection: func(state tls.ConnectionState) error {
			if state.NegotiatedProtocol != transport.Protocol {
				return errors.New("link: the peer speaks another protocol")
			}
			peer, err := PeerOf(&state)
			if err != nil {
				return err
			}
			return verify(peer)
		},
	}
}
