package link

import "github.com/constl/constl/refs"

// Expect decides whom a connection that this side makes may be to. It is for one attempt.
type Expect struct {
	// Peer is who is expected; zero means whoever answers.
	Peer refs.PeerID
	// Wrong is set when another answered. TLS turns what Verify returns into an
	// alert, but the caller is to know whom it met.
	Wrong *WrongPeerError
}

// Verify is for [Config]. It fails with a [*WrongPeerError].
func (e *Expect) Verify(peer refs.PeerID) error {
	if e.Peer.IsZero() || peer == e.Peer {
		return nil
	}
	e.Wrong = &WrongPeerError{Expected: e.Peer, Found: peer}
	return e.Wrong
}
