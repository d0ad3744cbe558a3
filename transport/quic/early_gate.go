package quic

import (
	"crypto/tls"
	"time"
)

// gateLimit is how long a handshake waits for early data where a session was offered
// that did not let any be sent: one that TLS or QUIC could not read.
const gateLimit = 500 * time.Millisecond

// earlyGate holds the peer's part of a handshake back until early data have been
// sent: quic-go v0.65 takes the peer's limits over while a stream is being opened
// under those of the session before, without a lock between the two. It is a
// [tls.ClientSessionCache] around another one, to know whether a session is offered.
type earlyGate struct {
	tls.ClientSessionCache
	offered bool // written and read by the handshake alone
	sent    chan struct{}
}

func newEarlyGate(sessions tls.ClientSessionCache) *earlyGate {
	return &earlyGate{ClientSessionCache: sessions, sent: make(chan struct{})}
}

// guard makes the handshakes with a configuration pass the gate.
func (g *earlyGate) guard(c *tls.Config) {
	c.SessionTicketsDisabled = false
	c.ClientSessionCache = g
	verify := c.VerifyConnection
	c.VerifyConnection = func(state tls.ConnectionState) error {
		if g.offered {
			select {
			case <-g.sent:
			case <-time.After(gateLimit):
			}
		}
		return verify(state)
	}
}

// Get implements [tls.ClientSessionCache].
func (g *earlyGate) Get(key string) (*tls.ClientSessionState, bool) {
	session, ok := g.ClientSessionCache.Get(key)
	g.offered = ok
	return session, ok
}

// open lets the handshake go on. It is called once.
func (g *earlyGate) open() { close(g.sent) }
