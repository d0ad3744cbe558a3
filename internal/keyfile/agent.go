package keyfile

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"

	"github.com/constl/constl/refs"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// ErrNoAgent says that no ssh-agent can be reached, or that it lacks the key.
var ErrNoAgent = errors.New("no ssh-agent")

// AgentKey is an Ed25519 key in an ssh-agent, which signs for it. It implements
// [crypto.Signer] and is safe for use by several goroutines.
type AgentKey struct {
	// Comment is what the agent calls the key.
	Comment string
	peer    refs.PeerID
	dial    func() (io.ReadWriteCloser, error)
}

var _ crypto.Signer = (*AgentKey)(nil)

// AgentKeys returns the Ed25519 keys of the ssh-agent that the system names. It
// fails with an error that wraps [ErrNoAgent].
func AgentKeys(ctx context.Context) ([]*AgentKey, error) {
	return keysOf(func() (io.ReadWriteCloser, error) { return dialAgent(ctx) })
}

func keysOf(dial func() (io.ReadWriteCloser, error)) ([]*AgentKey, error) {
	conn, err := dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	list, err := agent.NewClient(conn).List()
	if err != nil {
		return nil, fmt.Errorf("%w: it does not tell its keys: %w", ErrNoAgent, err)
	}
	var keys []*AgentKey
	for _, k := range list {
		if peer, ok := peerOf(k); ok {
			keys = append(keys, &AgentKey{Comment: k.Comment, peer: peer, dial: dial})
		}
	}
	return keys, nil
}

// peerOf returns the id of an agent's key, if it is an Ed25519 key that may be one.
func peerOf(k *agent.Key) (refs.PeerID, bool) {
	parsed, err := ssh.ParsePublicKey(k.Blob)
	if err != nil {
		return refs.PeerID{}, false
	}
	public, ok := parsed.(ssh.CryptoPublicKey)
	if !ok {
		return refs.PeerID{}, false
	}
	key, ok := public.CryptoPublicKey().(ed25519.PublicKey)
	if !ok {
		return refs.PeerID{}, false
	}
	peer, err := refs.PeerIDFromKey(key)
	return peer, err == nil
}

// FindAgentKey returns the agent's key with the id. It fails with an error that
// wraps [ErrNoAgent].
func FindAgentKey(ctx context.Context, peer refs.PeerID) (*AgentKey, error) {
	keys, err := AgentKeys(ctx)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.peer == peer {
			return k, nil
		}
	}
	return nil, fmt.Errorf("%w has the key %s; add it with: ssh-add FILE", ErrNoAgent, peer.Short())
}

// PeerID returns the key's id.
func (k *AgentKey) PeerID() refs.PeerID { return k.peer }

// Public implements [crypto.Signer]: it returns an [ed25519.PublicKey].
func (k *AgentKey) Public() crypto.PublicKey { return k.peer.Key() }

// Sign implements [crypto.Signer]: the agent signs the message itself, not a hash
// of it. Callers must put a domain of their own before what they sign.
func (k *AgentKey) Sign(_ io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	if opts != nil && opts.HashFunc() != 0 {
		return nil, fmt.Errorf("an agent's key signs no hashes")
	}
	conn, err := k.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	public, err := ssh.NewPublicKey(k.peer.Key())
	if err != nil {
		return nil, fmt.Errorf("asking the ssh-agent to sign: %w", err)
	}
	sig, err := agent.NewClient(conn).Sign(public, message)
	if err != nil {
		return nil, fmt.Errorf("%w signed with %s: %w", ErrNoAgent, k.peer.Short(), err)
	}
	return sig.Blob, nil
}
