package repo

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/reach"
	"github.com/constl/constl/transport/tcp"
)

// Server serves datasets to any peer that asks, until it is closed.
type Server struct {
	objects  *transport.Server
	listener *reach.Listener
	peer     refs.PeerID
}

// Find returns the dataset that a peer asks for, as [transport.NewServer] needs it.
type Find func(ctx context.Context, peer refs.PeerID, id object.ID) (transport.Dataset, error)

// Among finds the datasets of a map. They must stay open until the server is closed.
func Among(datasets map[object.ID]transport.Dataset) Find {
	return func(_ context.Context, _ refs.PeerID, id object.ID) (transport.Dataset, error) {
		if d, ok := datasets[id]; ok {
			return d, nil
		}
		return nil, fmt.Errorf("%w: %s", transport.ErrNotFound, id.Short())
	}
}

// ServeOptions bound what a [Server] does; nil, and zero fields, mean the defaults.
type ServeOptions struct {
	Requests transport.ServerOptions
	// Gate bounds connections, over QUIC and TCP together.
	Gate *link.Gate
	// MaxStreams is how many requests one QUIC connection may have under way.
	MaxStreams int
}

// Serve begins to serve datasets on the address, over UDP and TCP, as "127.0.0.1:0" or
// ":7420". Commits that are made meanwhile, by this process or another, are
// served at once.
func Serve(ctx context.Context, address string, key *refs.Key, find Find, o *ServeOptions) (*Server, error) {
	if o == nil {
		o = &ServeOptions{}
	}
	gate := o.Gate
	if gate == nil {
		gate = link.NewGate(nil)
	}
	server := transport.NewServer(find, &o.Requests)
	handler := func(ctx context.Context, peer refs.PeerID, stream link.Stream) {
		_ = server.Serve(ctx, peer, stream) // Done hears of it
	}
	listener, err := reach.Listen(ctx, address, key, handler, &reach.Options{
		QUIC: &quic.Options{Gate: gate, MaxStreams: o.MaxStreams},
		TCP:  &tcp.Options{Gate: gate},
	})
	if err != nil {
		return nil, err
	}
	return &Server{objects: server, listener: listener, peer: key.PeerID()}, nil
}

// SetOptions changes the bounds of requests that come from now on.
func (s *Server) SetOptions(o *transport.ServerOptions) { s.objects.SetOptions(o) }

// SetMaxStreams changes how many requests a QUIC connection may have under way, for
// connections that come from now on.
func (s *Server) SetMaxStreams(n int) { s.listener.SetMaxStreams(n) }

// Load returns how many requests are served and how many wait for their turn.
func (s *Server) Load() (served, waiting int) { return s.objects.Load() }

// Addr returns the address that the server listens on.
func (s *Server) Addr() netip.AddrPort {
	return s.listener.Addr()
}

// Addresses returns this server at each of the hosts that lead to it.
func (s *Server) Addresses(hosts []string) []refs.Address {
	var list []refs.Address
	for _, host := range hosts {
		list = append(list, refs.Address{Peer: s.peer, Host: host, Port: s.Addr().Port()})
	}
	return list
}

// Close lets the requests under way finish until ctx ends, and then ends them. Those
// that wait for their turn are sent away.
func (s *Server) Close(ctx context.Context) error {
	if s.objects != nil {
		s.objects.Stop()
	}
	return s.listener.Shutdown(ctx)
}
