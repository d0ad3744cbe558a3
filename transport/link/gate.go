package link

import (
	"net"
	"net/netip"
	"sync"
)

// Gate counts connections, in all and for each place they come from, and keeps them
// within bounds. It is safe for use by several goroutines at once.
type Gate struct {
	most, mostPerPlace int

	mu     sync.Mutex
	places map[netip.Prefix]int
	total  int
}

// NewGate returns a gate for so many connections at once, and so many of them from one
// IPv4 address or one IPv6 network of 64 bits. Loopback addresses count for the
// first alone.
func NewGate(most, mostPerPlace int) *Gate {
	return &Gate{most: most, mostPerPlace: mostPerPlace, places: make(map[netip.Prefix]int)}
}

// Enter takes a place for a connection from the address and reports whether there was
// one. The caller calls leave once, when the connection has ended.
func (g *Gate) Enter(from net.Addr) (leave func(), ok bool) {
	place, counted := placeOf(from)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.total >= g.most || counted && g.places[place] >= g.mostPerPlace {
		return nil, false
	}
	g.total++
	if counted {
		g.places[place]++
	}
	return func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.total--
		if !counted {
			return
		}
		if g.places[place]--; g.places[place] == 0 {
			delete(g.places, place)
		}
	}, true
}

// Crowded reports whether half of the places are taken.
func (g *Gate) Crowded() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.total >= g.most/2
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
