package repo

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/reach"
)

// Server serves datasets to any peer that asks, until it is closed.
type Server struct {
	listener *reach.Listener
	peer     refs.PeerID
}

// Serve begins to serve the datasets on the address, over UDP and TCP, as "127.0.0.1:0" or
// ":7420". Commits that are made meanwhile, by this process or another, are
// served at once. done hears of every request; it may be nil. The datasets must
// stay open until the server is closed.
func Serve(ctx context.Context, address string, key *refs.Key, datasets map[object.ID]transport.Dataset,
	done func(refs.PeerID, object.ID, transport.Stats, error)) (*Server, error) {
	find := func(_ context.Context, _ refs.PeerID, id object.ID) (transport.Dataset, error) {
		if d, ok := datasets[id]; ok {
			return d, nil
		}
		return nil, fmt.Errorf("%w: %s", transport.ErrNotFound, id.Short())
	}
	server := transport.NewServer(find, &transport.ServerOptions{Done: done})
	listener, err := reach.Listen(ctx, address, key, func(ctx context.Context, peer refs.PeerID, stream link.Stream) {
		_ = server.Serve(ctx, peer, stream) // done hears of it
	}, nil)
	if err != nil {
		return nil, err
	}
	return &Server{listener: listener, peer: key.PeerID()}, nil
}

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

// Close lets the requests under way finish until ctx ends, and then ends them.
func (s *Server) Close(ctx context.Context) error { return s.listener.Shutdown(ctx) }
