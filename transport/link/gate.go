package link

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
)

// The names of the bounds of a gate, as they are told to whoever reads of them.
const (
	LimitConns      = "max-connections" // connections at once
	LimitPerAddress = "max-per-address" // of them from one place
	LimitHandshakes = "max-handshakes"  // new ones in a second
)

// GateOptions bound what a gate lets through. Zero fields mean the defaults.
type GateOptions struct {
	// MaxConns is how many connections there may be at once. Default: 512.
	MaxConns int
	// MaxPerAddress is how many of them from one IPv4 address or one IPv6 network of 64
	// bits; many people sit behind the address of an institute. Loopback addresses count
	// for the others alone. Default: 256.
	MaxPerAddress int
	// MaxHandshakes is how many connections may begin in one second, half of them from
	// one place. Default: 200.
	MaxHandshakes int
	// Memory is what connections hold, together with whatever else takes from it; nil for
	// no bound.
	Memory *transport.Memory
	// Hit, if not nil, hears which bound turned a connection away. It is called by those who
	// accept connections and should return at once.
	Hit func(limit string)
}

func (o *GateOptions) withDefaults() GateOptions {
	var full GateOptions
	if o != nil {
		full = *o
	}
	for _, d := range []struct {
		v  *int
		to int
	}{{&full.MaxConns, 512}, {&full.MaxPerAddress, 256}, {&full.MaxHandshakes, 200}} {
		if *d.v <= 0 {
			*d.v = d.to
		}
	}
	return full
}

// Gate counts connections, in all and for each place they come from, and keeps them
// within bounds. Several listeners may share one. It is safe for use by several
// goroutines at once.
type Gate struct {
	now func() time.Time

	mu     sync.Mutex
	o      GateOptions
	places map[netip.Prefix]int
	peers  map[refs.PeerID]int
	total  int
	passed int64                // connections that have begun
	second time.Time            // for which the following is counted
	began  map[netip.Prefix]int // handshakes
	begun  int
}

// NewGate returns a gate; o may be nil.
func NewGate(o *GateOptions) *Gate {
	return &Gate{
		now: time.Now, o: o.withDefaults(), places: make(map[netip.Prefix]int), peers: make(map[refs.PeerID]int),
		began: make(map[netip.Prefix]int),
	}
}

// SetOptions changes the bounds. Connections that are there stay.
func (g *Gate) SetOptions(o *GateOptions) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.o = o.withDefaults()
}

// Count returns how many connections there are, and how many there have been.
func (g *Gate) Count() (now int, all int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total, g.passed
}

// Pass is a connection's place. Its methods are safe for use by several goroutines at once.
type Pass struct {
	gate    *Gate
	place   netip.Prefix
	counted bool

	mu   sync.Mutex
	peer refs.PeerID // zero until it is known
	held int64
	left bool
}

// Enter takes a place for a connection from the address, which holds so many bytes of
// memory, and reports whether there was one. The caller calls Leave when the connection
// has ended.
func (g *Gate) Enter(from net.Addr, bytes int64) (*Pass, bool) {
	place, counted := placeOf(from)
	g.mu.Lock()
	limit := g.full(place, counted)
	if limit == "" && !g.o.Memory.Try(bytes) {
		limit = transport.LimitMemory
	}
	if limit == "" {
		g.total++
		g.passed++
		g.begun++
		if counted {
			g.places[place]++
			g.began[place]++
		}
	}
	hit := g.o.Hit
	g.mu.Unlock()
	if limit == "" {
		return &Pass{gate: g, place: place, counted: counted, held: bytes}, true
	}
	if hit != nil {
		hit(limit)
	}
	return nil, false
}

// full names the bound that one more connection would break, "" if none. It is called
// with g.mu held.
func (g *Gate) full(place netip.Prefix, counted bool) string {
	g.tick()
	switch {
	case g.total >= g.o.MaxConns:
		return LimitConns
	case counted && g.places[place] >= g.o.MaxPerAddress:
		return LimitPerAddress
	case g.begun >= g.o.MaxHandshakes, counted && g.began[place] >= (g.o.MaxHandshakes+1)/2:
		return LimitHandshakes
	}
	return ""
}

// tick begins a new count of handshakes if a second is over. It is called with g.mu held.
func (g *Gate) tick() {
	if now := g.now(); now.Sub(g.second) >= time.Second || now.Before(g.second) {
		g.second, g.begun = now, 0
		clear(g.began)
	}
}

// Crowded reports whether half of the places are taken, or half of the handshakes of
// this second done.
func (g *Gate) Crowded() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tick()
	return g.total >= g.o.MaxConns/2 || g.begun >= g.o.MaxHandshakes/2
}

// perPeer is how many connections a peer has where it is crowded: the one that it uses,
// and one that it tries beside it.
const perPeer = 2

// Identify says whose connection it is, once that is proved, and returns the bound that it
// breaks, "" if none: where half of the places are taken, a peer gets no third one. The
// caller ends the connection then.
func (p *Pass) Identify(peer refs.PeerID) (limit string) {
	g := p.gate
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left {
		return ""
	}
	g.mu.Lock()
	switch {
	case g.peers[peer] < perPeer:
	case g.total > (g.o.MaxConns+1)/2:
		limit = LimitConns
	case p.counted && g.places[p.place] > (g.o.MaxPerAddress+1)/2:
		limit = LimitPerAddress
	}
	if limit == "" {
		p.peer = peer
		g.peers[peer]++
	}
	hit := g.o.Hit
	g.mu.Unlock()
	if limit != "" && hit != nil {
		hit(limit)
	}
	return limit
}

// Grow takes more memory for the connection and reports whether there was some.
func (p *Pass) Grow(bytes int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left || !p.gate.memory().Try(bytes) {
		return false
	}
	p.held += bytes
	return true
}

// Leave gives the place back. To leave twice changes nothing.
func (p *Pass) Leave() {
	p.mu.Lock()
	left, held, peer := p.left, p.held, p.peer
	p.left, p.held = true, 0
	p.mu.Unlock()
	if left {
		return
	}
	g := p.gate
	g.memory().Release(held)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.total--
	if !peer.IsZero() {
		if g.peers[peer]--; g.peers[peer] == 0 {
			delete(g.peers, peer)
		}
	}
	if !p.counted {
		return
	}
	if g.places[p.place]--; g.places[p.place] == 0 {
		delete(g.places, p.place)
	}
}

func (g *Gate) memory() *transport.Memory {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.o.Memory
}

// placeOf returns the network that an address counts for.
func placeOf(addr net.Addr) (place netip.Prefix, counted bool) {
	var at netip.AddrPort
	switch a := addr.(type) {
	case *net.UDPAddr:
		at = a.AddrPort()
	case *net.TCPAddr:
		at = a.AddrPort()
	default:
		return place, false
	}
	ip := at.Addr().Unmap()
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	place, err := ip.WithZone("").Prefix(bits)
	return place, err == nil && !ip.IsLoopback()
}
