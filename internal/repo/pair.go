package repo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/constl/constl/object"
	"github.com/constl/constl/refs"
	"github.com/constl/constl/transport"
	"github.com/constl/constl/transport/link"
	"github.com/constl/constl/transport/quic"
	"github.com/constl/constl/transport/reach"
	"github.com/constl/constl/transport/tcp"
)

const (
	// pairParam is the parameter of an address that holds the secret of a pairing.
	pairParam = "pair"
	// pairPatience is how long people may take to compare six digits.
	pairPatience = 10 * time.Minute
)

// Pairing waits for one further device of this person. Its owner calls Close.
type Pairing struct {
	server *Server
	id     object.ID
	secret transport.PairSecret

	mu     sync.Mutex // held while the person is asked about a guest
	change *IdentityChange
	guest  refs.PeerID
	joined chan struct{} // closed when the guest is listed
	served chan struct{} // closed when the guest has the dataset
}

// Pair begins to wait on the UDP address for a further device of the person whose
// device this is. confirm is asked whether the device, which calls itself name, shows
// the same six digits. When it is listed, the dataset is served to it.
func (r *Repo) Pair(ctx context.Context, address string, confirm func(name, code string) (bool, error)) (*Pairing, error) {
	key, err := r.signer(ctx)
	if err != nil {
		return nil, err
	}
	chain, err := r.refs.Chain()
	if err != nil {
		return nil, err
	}
	if _, err := r.Self(ctx, chain.Current()); err != nil {
		return nil, err
	}
	shared, err := r.Shared(ctx, &ShareOptions{Proposals: ProposalsNone})
	if err != nil {
		return nil, err
	}
	p := &Pairing{id: chain.Dataset(), secret: transport.NewPairSecret(), joined: make(chan struct{}), served: make(chan struct{})}
	find := func(_ context.Context, _ refs.PeerID, id object.ID) (transport.Dataset, error) {
		if id != p.id {
			return nil, fmt.Errorf("%w: %s", transport.ErrNotFound, id.Short())
		}
		return shared, nil
	}
	var once sync.Once
	objects := transport.NewServer(find, &transport.ServerOptions{Done: func(r transport.Served) {
		// A guest that has what it wanted may leave without a word.
		if (r.Err == nil || errors.Is(r.Err, transport.ErrDisconnected)) && r.Peer == p.guest && !r.Dataset.IsZero() {
			once.Do(func() { close(p.served) })
		}
	}})
	handler := func(ctx context.Context, peer refs.PeerID, stream link.Stream) {
		p.mu.Lock()
		listed := p.change != nil
		p.mu.Unlock()
		if !listed {
			pair := &transport.Pair{Dataset: p.id, Host: key.PeerID(), Guest: peer, Secret: p.secret}
			// The guest is told; here it waits on for the right one.
			_ = transport.ServePair(ctx, stream, pair, func(ctx context.Context, name, code string) (*transport.Paired, error) {
				return p.accept(ctx, r, peer, name, code, confirm)
			})
			return
		}
		_ = objects.Serve(ctx, peer, stream) // Done hears of it
	}
	listener, err := reach.Listen(ctx, address, key, handler, &reach.Options{QUIC: &quic.Options{IdleTimeout: pairPatience}})
	if err != nil {
		return nil, err
	}
	p.server = &Server{listener: listener, peer: key.PeerID()}
	return p, nil
}

func (p *Pairing) accept(ctx context.Context, r *Repo, peer refs.PeerID, name, code string, confirm func(name, code string) (bool, error)) (*transport.Paired, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.change != nil {
		return nil, fmt.Errorf("%w: another device has joined by this address", transport.ErrNotAllowed)
	}
	same, err := confirm(name, code)
	if err != nil {
		return nil, err
	}
	if !same {
		return nil, fmt.Errorf("%w: the six digits were not the same, or were not confirmed", transport.ErrNotAllowed)
	}
	change, err := r.ChangeIdentity(ctx, func(id *refs.Identity) error {
		self, err := r.Self(ctx, id)
		if err != nil {
			return err
		}
		return AddDevice(id, self, refs.Device{Key: peer, Name: name})
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", transport.ErrNotAllowed, err)
	}
	p.change, p.guest = change, peer
	close(p.joined)
	return &transport.Paired{InForce: change.InForce, Version: change.Version}, nil
}

// URL returns the address by which the device joins, which the hosts lead to.
func (p *Pairing) URL(hosts []string) refs.URL {
	return refs.URL{Dataset: p.id, Peers: p.server.Addresses(hosts), Other: url.Values{pairParam: {p.secret.String()}}}
}

// Port returns the port on which it waits.
func (p *Pairing) Port() uint16 { return p.server.Addr().Port() }

// Addr returns the address on which it waits.
func (p *Pairing) Addr() net.Addr { return net.UDPAddrFromAddrPort(p.server.Addr()) }

// Wait returns the change that lists the device, when that has come and has the
// dataset. It fails with the context's error; the change is returned even then if
// the device was listed.
func (p *Pairing) Wait(ctx context.Context) (*IdentityChange, error) {
	for _, step := range []chan struct{}{p.joined, p.served} {
		select {
		case <-step:
		case <-ctx.Done():
			p.mu.Lock()
			defer p.mu.Unlock()
			return p.change, context.Cause(ctx)
		}
	}
	return p.change, nil
}

// Close ends the waiting, and lets what is under way finish until ctx ends.
func (p *Pairing) Close(ctx context.Context) error { return p.server.Close(ctx) }

// IsPairing reports whether the address is one by which a device joins.
func IsPairing(u refs.URL) bool { return u.Other.Has(pairParam) }

// Join asks the device at the address, which [Pairing.URL] returned, to list this
// one, called name, and then clones the dataset into dir. show is told the six
// digits to compare. It fails as [Clone] does, or with an error that wraps
// [transport.ErrNotAllowed].
func Join(ctx context.Context, u refs.URL, dir, name string, o *Options, show func(code string)) (*Repo, *FetchResult, *transport.Paired, error) {
	secret, err := transport.ParsePairSecret(u.Other.Get(pairParam))
	if err != nil {
		return nil, nil, nil, err
	}
	key, err := refs.OpenKey(ctx, newRepo(dir, o).o.Home)
	if err != nil {
		return nil, nil, nil, err
	}
	var paired *transport.Paired
	var failed []error
	for _, a := range u.Peers {
		place := net.JoinHostPort(a.Host, strconv.Itoa(int(a.Port)))
		conn, err := reach.Dial(ctx, place, a.Peer, key, &reach.Options{
			QUIC: &quic.Options{HandshakeTimeout: o.Patience, IdleTimeout: pairPatience},
			TCP:  &tcp.Options{HandshakeTimeout: o.Patience},
		})
		if err != nil {
			failed = append(failed, err)
			continue
		}
		pair := &transport.Pair{Dataset: u.Dataset, Host: a.Peer, Guest: key.PeerID(), Secret: secret}
		paired, err = joinOver(ctx, conn, pair, name, show)
		if err = errors.Join(err, conn.Close()); err != nil {
			return nil, nil, nil, err
		}
		break
	}
	if paired == nil {
		return nil, nil, nil, errors.Join(failed...)
	}
	u.Other = nil
	r, res, err := Clone(ctx, u, dir, o)
	return r, res, paired, err
}

func joinOver(ctx context.Context, conn link.Conn, pair *transport.Pair, name string, show func(code string)) (*transport.Paired, error) {
	stream, err := conn.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return transport.Join(ctx, stream, pair, name, show)
}
